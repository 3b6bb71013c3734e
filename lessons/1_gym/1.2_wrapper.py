"""Lesson 1.2: what a wrapper is, shown with the two that Breakout needs most.

You learn: how a wrapper changes what goes into an environment and what comes out; a life as an episode; why the ball
must be launched for the agent.
Expect: the same lazy agent, without and with the wrappers, side by side in a gif.
Time: a quarter of a minute.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import ale_py
import gymnasium as gym
import numpy as np
from PIL import Image

from rlbreakout.evaluation import write_video
from rlbreakout.evaluation.video import Recording, side_by_side
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.wrappers import LaunchBall, ball_in_play

FIRE, RIGHT, LEFT = 1, 2, 3


@dataclass
class Options:
    steps: int = 300
    """Agent steps to play with each environment."""
    seed: int = 0
    """Decides the games and the agent's actions."""
    run_dir: Path | None = None
    """Folder for the gif (default: runs/1_gym/1.2_wrapper)."""


options = read_options(Options, __doc__)
folder = run_folder("1_gym/1.2_wrapper", options.run_dir)
gym.register_envs(ale_py)

# %% A wrapper contains an environment and is one itself. Whatever it does not define is passed on to the one inside.


class Launched(gym.Wrapper):
    """Press FIRE at the start of a game and after each lost life."""

    def reset(self, **kwargs):
        observation, info = self.env.reset(**kwargs)
        self.lives, self.launch = info["lives"], True
        return observation, info

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(FIRE if self.launch else action)
        self.launch = info["lives"] < self.lives  # a life was lost: the next step launches the ball
        self.lives = info["lives"]
        return observation, reward, terminated, truncated, info


class LifeAsEpisode(gym.Wrapper):
    """Report "terminated" when a life is lost, and continue the same game at the next reset.

    So the agent learns that no reward follows a lost ball. Do not use this environment to measure scores: five of its
    episodes make one game.
    """

    game_over = True

    def reset(self, **kwargs):
        if self.game_over:
            observation, info = self.env.reset(**kwargs)
        else:
            observation, _, _, _, info = self.env.step(0)  # no action, to see the next life
        self.lives = info["lives"]
        return observation, info

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.game_over = terminated or truncated
        lost_a_life = info["lives"] < self.lives
        self.lives = info["lives"]
        return observation, reward, terminated or lost_a_life, truncated, info


# %% An agent that moves and never presses FIRE. One that has learned nothing yet may well behave like this.
def play(env: gym.Env) -> tuple[Recording, dict]:
    """Play, and count the steps with a ball in play and what the environment calls an episode."""
    random = np.random.default_rng(options.seed)
    env.reset(seed=options.seed)
    in_play, episodes, pictures = 0, [0.0], []
    for _ in range(options.steps):
        _, reward, terminated, truncated, info = env.step(random.choice([RIGHT, LEFT]))
        in_play += ball_in_play(env)
        episodes[-1] += float(reward)
        screen = Image.fromarray(np.asarray(env.render()))
        pictures.append(np.asarray(screen.resize((320, 420), Image.Resampling.NEAREST)))
        if terminated or truncated:
            episodes.append(0.0)
            env.reset()
    env.close()
    counts = {"steps with the ball in play": in_play, "episodes ended": len(episodes) - 1, "lives left": info["lives"]}
    return Recording(pictures, pictures_per_second=15, scores=episodes), counts


def breakout() -> gym.Env:
    return gym.make("ALE/Breakout-v5", render_mode="rgb_array")


# %% The same agent in four environments.
variants = {
    "bare": breakout,
    "launched": lambda: Launched(breakout()),
    "life_as_episode": lambda: LifeAsEpisode(Launched(breakout())),
    "library": lambda: LaunchBall(breakout()),
}
results, recordings = {}, {}
for name, make in variants.items():
    recordings[name], results[name] = play(make())
    print(f"{name:16}", ", ".join(f"{what} {count}" for what, count in results[name].items()))
gif = write_video(side_by_side([recordings["bare"], recordings["launched"]]), folder / "bare_and_launched.gif")

# %% Without a wrapper the ball is never launched and nothing ever happens: the game never ends.
# The library's LaunchBall keeps pressing FIRE until a ball is seen, because a sticky action may swallow one FIRE.
# Stable-Baselines3 has LifeAsEpisode, as EpisodicLifeEnv. From now on we use these two.
finish(
    folder,
    files=[gif],
    results=results,
    look_at="the gif, then python lessons/1_gym/1.3_train.py",
)
