"""Lesson 2.1: many games side by side.

You learn: what a vector environment is, and why PPO wants one: its network processes 8 pictures almost as fast as one,
and 8 games are less alike than 8 stretches of one game.
Expect: the same number of agent steps with 1 and with 8 environments. 8 are faster.
Time: 6 minutes on two cores; 3 of them with 1 environment.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.atari_wrappers import AtariWrapper
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from rlbreakout.agents import load_agent
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, PPOConfig, RunConfig
from rlbreakout.envs import register
from rlbreakout.evaluation import Evaluation, evaluate
from rlbreakout.evaluation.plots import by_the_clock, draw_curves, find_scalar, read_scalar
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training import learn, record_best, start_run

ENV_ID = "BreakoutNoFrameskip-v4"


@dataclass
class Options:
    steps: int = 20_480
    """Agent steps to train for, with 1 and with 8 environments each."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.1_envs)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.1_envs", options.run_dir)
register()
rollout = min(1024, options.steps)  # agent steps between two updates, the same for every number of environments

# %% A vector environment takes an array of actions and returns arrays. When a game ends, it starts the next one by
# itself: the observation is already that of the new game, and the last one of the old game is in the info.
vec_envs = {n_envs: make_atari_env(ENV_ID, n_envs=n_envs, seed=options.seed) for n_envs in (1, 8)}
observations = vec_envs[8].reset()
shape = vec_envs[8].observation_space.shape
print(f"{AtariWrapper.__name__} shows {shape}; 8 of them: {np.asarray(observations).shape}")
observations, rewards, dones, infos = vec_envs[8].step(np.ones(8, dtype=int))
print("rewards", rewards, "dones", dones)

# %% How fast are the environments alone? This process steps one after the other (DummyVecEnv), so 8 of them make hardly
# more steps a second than one.
steps = min(800, options.steps)
for n_envs, vec_env in vec_envs.items():
    vec_env.reset()
    start = time.perf_counter()
    for _ in range(steps // n_envs):
        vec_env.step(np.random.randint(4, size=n_envs))
    print(f"{n_envs} alone: {steps / (time.perf_counter() - start):,.0f} agent steps/s")
    vec_env.close()


# %% The same PPO with 1 and with 8 environments: as many steps between updates, and the same batches.
def train(n_envs: int) -> tuple[Path, Evaluation]:
    """Train with `n_envs` environments; return the run folder and the score."""
    n_steps = max(1, rollout // n_envs)
    config = Config(
        run=RunConfig(lesson="2_baselines", name=f"2.1_{n_envs}_envs"),
        seed=options.seed,
        steps=options.steps,
        env=EnvConfig(id=ENV_ID, n_envs=n_envs, launch_ball="on_reset"),
        ppo=PPOConfig(n_steps=n_steps, batch_size=256, n_epochs=4, learning_rate=2.5e-4, clip_range=0.1),
        evaluation=EvaluationConfig(every=0),
    )
    run = start_run(config, folder / f"{n_envs}_envs")
    env = VecFrameStack(make_atari_env(ENV_ID, n_envs=n_envs, seed=options.seed), n_stack=4)
    model = PPO(
        "CnnPolicy",
        env,
        n_steps=n_steps,
        batch_size=256,
        n_epochs=4,
        learning_rate=2.5e-4,
        clip_range=0.1,
        seed=options.seed,
    )
    learn(model, config, run)
    return run, evaluate(load_agent(run), games=options.games, seed=1000)


runs = {n_envs: train(n_envs) for n_envs in (1, 8)}

# %% Both curves, against agent steps and against minutes. `time/fps` is steps over all the time since the start.
by_steps, by_minutes, speeds = {}, {}, {}
for n_envs, (run, _result) in runs.items():
    speed = read_scalar(run, "time/fps")
    speeds[n_envs] = float(speed.y[-1])
    name = f"{n_envs} environment{'s' if n_envs > 1 else ''}"
    if (score := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # there is none before the first game ends
        by_steps[name] = score
        by_minutes[name] = by_the_clock(score, run)
pictures = [
    draw_curves(by_steps, folder / "score_by_steps.png", title="The same PPO, the same steps"),
    draw_curves(by_minutes, folder / "score_by_minutes.png", title="The same PPO, by the clock", x_label="minutes"),
]

# %%
print("\nenvironments  steps/s  score of whole games [95% interval]")
for n_envs, (_run, result) in runs.items():
    print(f"{n_envs:12}{speeds[n_envs]:9.0f}  {result.mean:.2f} [{result.ci95[0]:.2f}, {result.ci95[1]:.2f}]")
print(f"8 are {speeds[8] / speeds[1]:.2f} times as fast as 1")
best_run, best = runs[8]
gif = record_best(best_run)
finish(
    folder,
    files=[*pictures, gif],
    **best.facts(),
    steps_per_second=speeds,
    scores={n_envs: {"mean": result.mean, "ci95": result.ci95} for n_envs, (_run, result) in runs.items()},
    look_at="both pictures, then python lessons/2_baselines/2.2_callbacks.py",
)
