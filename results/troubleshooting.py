"""The curves of lessons/TROUBLESHOOTING.md: trainings that are broken on purpose, each beside a healthy one.

    python results/troubleshooting.py      train what troubleshooting.json lacks, then draw troubleshooting_*.png

All of them are lesson 3.4's training in the twin, shorter, with one thing wrong. To measure anew, delete the file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.schema import RESULTS
from rlbreakout.agents import build_algorithm
from rlbreakout.common.files import replaced_atomically, write_atomically
from rlbreakout.config import CONFIGS, load_config
from rlbreakout.envs import make_vec_env

SEEDS = (0, 1)
POINTS = 40
"""Of each curve that is kept."""
FILE = RESULTS / "troubleshooting.json"

LOGARITHMIC = ("approx_kl", "loss", "value_loss", "mean Q")
LIMITS: dict[str, dict[str, tuple[float, float]]] = {
    "ppo": {"approx_kl": (1e-5, 1), "value_loss": (1e-2, 1e2), "explained_variance": (-0.5, 1.05)},
    "dqn": {"loss": (1e-4, 1e1), "mean Q": (1e-1, 1e3)},
}
"""Of panels, whose lines may leave them."""
SCORE = "rollout/ep_rew_mean"
PPO_STEPS = 150_000
PPO_SETTINGS = (f"steps={PPO_STEPS}", "env.n_envs=64")
PPO_TAGS = {
    SCORE: "score",
    "train/entropy_loss": "entropy",
    "train/approx_kl": "approx_kl",
    "train/clip_fraction": "clip_fraction",
    "train/explained_variance": "explained_variance",
    "train/value_loss": "value_loss",
}
PPO_RUNS: dict[str, tuple[str, ...]] = {
    "healthy": (),
    "learning rate\n100 times too high": ("ppo.learning_rate=lin_1e-1",),
    "learning rate\n1,000 times too low": ("ppo.learning_rate=lin_1e-6",),
    "20 epochs,\nnot clipped": ("ppo.n_epochs=20", "ppo.clip_range=100"),
    "entropy bonus\n200 times too high": ("ppo.ent_coef=1",),
    "discount 0.5": ("ppo.gamma=0.5",),
    "no ball in\nthe observation": ("observation.blocks=[clock]",),
    "a lost life\nmeans nothing": ("env.episodic_life=false", "env.lost_life_reward=0"),
    "reward with the\nwrong sign": (),
}

DQN_STEPS = 80_000
DQN_TAGS = {SCORE: "score", "train/loss": "loss", "train/mean_q": "mean Q", "rollout/exploration_rate": "epsilon"}
DQN_SETTINGS: dict[str, Any] = {
    "learning_rate": 5e-4,
    "gamma": 0.99,
    "buffer_size": 100_000,
    "learning_starts": 5_000,
    "batch_size": 128,
    "train_freq": 1,  # a step of all 16 games
    "gradient_steps": 2,
    "target_update_interval": 4_000,
    "exploration_fraction": 0.3,
    "exploration_final_eps": 0.01,
}
DQN_RUNS: dict[str, dict[str, Any]] = {
    "healthy": {},
    "learning rate\n100 times too high": {"learning_rate": 5e-2},
    "no target network": {"target_update_interval": 1},
    "buffer of\n500 steps": {"buffer_size": 500, "learning_starts": 500},
    "epsilon stays\nat 0.5": {"exploration_final_eps": 0.5},
}


class WrongSign(VecEnvWrapper):
    """Every point costs one."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, -rewards, dones, infos


class Keep(KVWriter):
    """Keeps what SB3 logs: for each tag the agent steps and the values."""

    def __init__(self) -> None:
        self.curves: dict[str, list[tuple[int, float]]] = {}

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        for tag, value in key_values.items():
            self.curves.setdefault(tag, []).append((step, value))

    def close(self) -> None:
        pass


class MeanQ(BaseCallback):
    """Logs the mean of the best Q-values in the states that are played."""

    def _on_step(self) -> bool:
        if self.n_calls % 50 == 0:
            assert isinstance(self.model, DQN)
            with torch.no_grad():
                q = self.model.q_net(torch.as_tensor(self.locals["new_obs"]))
            self.logger.record("train/mean_q", q.max(dim=1).values.mean().item())
        return True


def ppo(name: str, seed: int) -> tuple[BaseAlgorithm, int]:
    config = load_config(CONFIGS / "3.4_coordinates.yaml", [*PPO_SETTINGS, f"seed={seed}", *PPO_RUNS[name]])
    env: VecEnv = make_vec_env(config)
    return build_algorithm(config, WrongSign(env) if "sign" in name else env), PPO_STEPS


def dqn(name: str, seed: int) -> tuple[BaseAlgorithm, int]:
    config = load_config(CONFIGS / "3.4_coordinates.yaml", ["env.n_envs=16", f"seed={seed}"])
    layers = {"net_arch": [128, 128]}
    settings = DQN_SETTINGS | DQN_RUNS[name]
    return DQN("MlpPolicy", make_vec_env(config), policy_kwargs=layers, seed=seed, device="cpu", **settings), DQN_STEPS


def trained(make: Callable[[str, int], tuple[BaseAlgorithm, int]], name: str, seed: int) -> dict[str, list]:
    """Train, and return POINTS points of each curve: None where it has not begun."""
    model, steps = make(name, seed)
    kept = Keep()
    model.set_logger(Logger(None, [kept]))
    model.learn(steps, callback=MeanQ() if isinstance(model, DQN) else None)
    grid = np.linspace(0, steps, POINTS + 1)[1:]
    curves = {}
    for tag in DQN_TAGS if isinstance(model, DQN) else PPO_TAGS:
        x, y = np.array(kept.curves[tag], dtype=float).T
        values = np.interp(grid, x, y, left=np.nan)
        curves[tag] = [None if np.isnan(value) else float(f"{value:.4g}") for value in values]
    assert model.env is not None
    model.env.close()
    return curves


def train_what_is_missing() -> dict[str, dict[str, list[dict[str, list]]]]:
    """For each algorithm and run, a dict of curves for each seed. What is in the file already is not trained again."""
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"ppo": {}, "dqn": {}}
    for seed in SEEDS:
        for algorithm, make, runs in (("ppo", ppo, PPO_RUNS), ("dqn", dqn, DQN_RUNS)):
            for name in runs:
                done = kept[algorithm].setdefault(name, [])
                if len(done) <= seed:
                    start = time.perf_counter()
                    done.append(trained(make, name, seed))
                    print(f"{algorithm}, {name!r}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
                    write_atomically(FILE, json.dumps(kept) + "\n")
    return kept


def draw(kept: dict[str, dict[str, list[dict[str, list]]]], algorithm: str, tags: dict[str, str], steps: int) -> Path:
    """A row for each broken training, a column for each curve; the healthy one is grey in all of them. Lines are means
    over the seeds, bands go from the lowest to the highest."""
    runs = {name: seeds for name, seeds in kept[algorithm].items() if name != "healthy"}
    size = (1.9 * len(tags) + 1.6, 1.15 * len(runs) + 0.8)
    figure, axes = plt.subplots(
        len(runs), len(tags), figsize=size, sharex=True, sharey="col", squeeze=False, layout="constrained"
    )
    x = np.linspace(0, steps, POINTS + 1)[1:] / 1_000
    for row, (name, seeds) in zip(axes, runs.items(), strict=True):
        for axis, (tag, title) in zip(row, tags.items(), strict=True):
            for label, curves, colour in (("healthy", kept[algorithm]["healthy"], "0.55"), ("broken", seeds, "C3")):
                y = np.array([one[tag] for one in curves], dtype=float) * (-1 if title == "entropy" else 1)
                axis.plot(x, y.mean(axis=0), color=colour, linewidth=1.4, label=label)
                axis.fill_between(x, y.min(axis=0), y.max(axis=0), color=colour, alpha=0.25, linewidth=0)
            if title in LIMITS[algorithm]:
                axis.set_yscale("log" if title in LOGARITHMIC else "linear")
                axis.set_ylim(LIMITS[algorithm][title])
            axis.grid(alpha=0.3)
            axis.tick_params(labelsize="x-small")
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    for axis, title in zip(axes[0], tags.values(), strict=True):
        axis.set_title(title, fontsize="small")
    axes[0, 0].legend(fontsize="x-small")
    figure.supxlabel("thousand agent steps", fontsize="small")
    path = RESULTS / f"troubleshooting_{algorithm}.png"
    with replaced_atomically(path) as part:
        figure.savefig(part, dpi=110)
    plt.close(figure)
    return path


def main() -> None:
    torch.set_num_threads(1)  # the networks are small
    kept = train_what_is_missing()
    for algorithm, tags, steps in (("ppo", PPO_TAGS, PPO_STEPS), ("dqn", DQN_TAGS, DQN_STEPS)):
        print(draw(kept, algorithm, tags, steps))


if __name__ == "__main__":
    main()
