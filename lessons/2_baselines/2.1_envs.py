"""Lesson 2.1: many games side by side.

You learn: what a vector environment is, and why PPO wants one: eight games are less alike than eight stretches of one.
Expect: the same PPO for as many agent steps, with 1 game and with 8, two seeds each. With 8 it learns more, and it is
faster.
Time: 2 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_bands, find_scalar, read_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import train_several


@dataclass
class Options:
    steps: int = 100_000
    """Agent steps to train each agent for, in the twin."""
    seed: int = 0
    """The first seed. A seed decides the network's first weights, the games and the actions."""
    seeds: int = 2
    """Seeds for each number of games, counted from the first: their curves become a band."""
    games: int = 20
    """Whole games in the emulator that each trained agent plays to get its score."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.1_envs); what is already in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.1_envs", options.run_dir, resume=True)
seeds = range(options.seed, options.seed + options.seeds)
ROLLOUT = 1_024  # agent steps between two updates, whatever the number of games


# %% The PPO of lesson 2.3, the zoo's, on the numbers of lesson 3.4, so that minutes are enough.
def config(n_envs: int, seed: int) -> Config:
    """One training with `n_envs` games side by side."""
    ppo = {"n_steps": ROLLOUT // n_envs, "batch_size": 256, "n_epochs": 4, "learning_rate": 2.5e-4}
    ppo |= {"clip_range": 0.1, "ent_coef": 0.01, "gamma": 0.99}
    return with_values(
        load_config(CONFIGS / "3.4_coordinates.yaml"),
        {"seed": seed, "steps": options.steps, "env.n_envs": n_envs, "evaluation.every": 0}
        | {"run.lesson": "2_baselines", "run.name": f"{n_envs}_envs_{seed}"}
        | {f"ppo.{key}": value for key, value in ppo.items()},
    )


# %% A vector environment takes an array of actions and returns arrays. When a game ends, it starts the next one by
# itself: the observation is already that of the new game, and the last one of the old game is in the info.
env = make_vec_env(config(8, options.seed))
print(f"8 games: observations {np.asarray(env.reset()).shape}")
observations, rewards, dones, infos = env.step(np.ones(8, dtype=int))  # FIRE in all of them
print("rewards", rewards, "dones", dones)
env.close()

# %% Train: 1,024 steps of one game between two updates, or 128 steps of each of eight games. All else is the same.
runs = {n_envs: [folder / f"{n_envs}_envs_{seed}" for seed in seeds] for n_envs in (1, 8)}
configs = {folder / f"{n_envs}_envs_{seed}": config(n_envs, seed) for seed in seeds for n_envs in runs}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% Each agent plays whole games in the emulator.
results: dict[int, list[Evaluation]] = {}
curves: dict[str, list[Curve]] = {}
speeds: dict[int, float] = {}
for n_envs, of_seeds in runs.items():
    results[n_envs] = [evaluate_once(run, games=options.games, seed=1000) for run in of_seeds]
    speeds[n_envs] = float(np.mean([read_scalar(run, "time/fps").y[-1] for run in of_seeds]))  # steps/s since the start
    found = [curve for run in of_seeds if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None]
    if found:  # there is none before the first game ends
        curves[f"{n_envs} game{'s' if n_envs > 1 else ''}"] = found
picture = draw_bands(curves, folder / "curves.png", title="Lesson 2.1: the same PPO, the same number of steps")

# %%
print("\ngames  steps/s  score of whole games in the emulator, one figure a seed [95% interval]")
for n_envs, played in results.items():
    scores = "  ".join(f"{result.mean:.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]" for result in played)
    print(f"{n_envs:5}{speeds[n_envs]:9.0f}  {scores}")
finish(
    folder,
    files=[picture, runs[8][0] / "agent.gif"],
    **results[8][0].facts(),
    steps_per_second=speeds,
    results={n_envs: [result.facts() for result in played] for n_envs, played in results.items()},
    look_at="the picture, then python lessons/2_baselines/2.2_callbacks.py",
)
