"""Lesson 1.1: the game as a gymnasium environment, played at random.

You learn: what observation, action, reward, terminated and truncated mean; what a life, a game and a score are.
Expect: a random agent that scores 1 to 2 points a game, and a gif of it.
Time: 15 seconds.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import ale_py
import gymnasium as gym
import numpy as np

from rlbreakout.agents import load_agent
from rlbreakout.breakout.screen import BRICK_HEIGHT, BRICK_ROWS, BRICKS_LEFT
from rlbreakout.evaluation import record, write_video
from rlbreakout.lesson import finish, read_options, run_folder


@dataclass
class Options:
    games: int = 20
    """Games that the random agent plays."""
    seed: int = 0
    """Decides the games and the agent's actions."""
    run_dir: Path | None = None
    """Folder for the gif (default: runs/1_gym/1.1_gym)."""
    render: bool = False
    """Show the games in a window."""


options = read_options(Options, __doc__)
folder = run_folder("1_gym/1.1_gym", options.run_dir)

# %% Make the environment. The Atari games are in ale_py, and gymnasium knows them once they are registered.
gym.register_envs(ale_py)
env = gym.make("ALE/Breakout-v5", render_mode="human" if options.render else "rgb_array")

# %% What comes in and what goes out.
print("observation:", env.observation_space.shape, env.observation_space.dtype, "(rows, columns, red-green-blue)")
print("actions:    ", dict(enumerate(env.get_wrapper_attr("get_action_meanings")())))

# %% One step. The action is held for 4 frames, and each frame repeats the previous action with probability 0.25. These
# sticky actions keep an agent from memorising one game.
observation, info = env.reset(seed=options.seed)
observation, reward, terminated, truncated, info = env.step(1)  # FIRE launches the ball
print(f"one step:    reward {reward}, terminated {terminated}, truncated {truncated}, info {info}")

# %% The bricks: six rows of 18, worth more the higher they are. A wall is worth 432 points, and there are two.
print("\nrow     colour on screen  points a brick")
for row in BRICK_ROWS:
    colour = observation[row.top + BRICK_HEIGHT // 2, BRICKS_LEFT]
    print(f"{row.colour:8}{colour!s:18}{row.points}")

# %% Whole games at random. The score of a game is the sum of its rewards. Losing a life gives no reward and does not
# end the game: `terminated` is True only when the fifth life is lost.
env.action_space.seed(options.seed)
scores: list[float] = []
rewards_seen: Counter[float] = Counter()
for game in range(options.games):
    observation, info = env.reset(seed=options.seed + game)
    score, steps, terminated, truncated, lives = 0.0, 0, False, False, info["lives"]
    while not (terminated or truncated):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        score, steps = score + float(reward), steps + 1
        if reward:
            rewards_seen[float(reward)] += 1
        if game == 0 and info["lives"] < lives:
            lives = info["lives"]
            print(f"{'' if lives < 4 else chr(10)}step {steps}: a life lost, {lives} left, terminated {terminated}")
    scores.append(score)
print(f"\n{options.games} games: scores {scores}, mean {np.mean(scores):.2f}; rewards seen {dict(rewards_seen)}")
env.close()

# %% Terminated or truncated? Terminated: the game itself is over. Truncated: it was cut off from outside. Here the
# emulator is set to stop after 400 frames. Its own limit is 108,000, half an hour of play.
env = gym.make("ALE/Breakout-v5", max_num_frames_per_episode=400)
env.reset(seed=options.seed)
env.action_space.seed(options.seed)
terminated = truncated = False
while not (terminated or truncated):
    *_, terminated, truncated, info = env.step(env.action_space.sample())
print(f"cut off:     terminated {terminated}, truncated {truncated}, lives left {info['lives']}")
env.close()

# %% The gif.
gif = write_video(record(load_agent("random", seed=options.seed), seed=options.seed), folder / "random.gif")
finish(
    folder,
    files=[gif],
    score=float(np.mean(scores)),
    env_id="ALE/Breakout-v5",
    games=options.games,
    seed=options.seed,
    greedy=False,
    scores=scores,
    look_at="the gif, then python lessons/1_gym/1.2_wrapper.py",
)
