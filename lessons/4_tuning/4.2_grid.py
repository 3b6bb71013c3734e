"""Lesson 4.2: a grid of three hyperparameters, and how they interact.

You learn: what n_steps, n_epochs and batch_size do, and why a grid is expensive: its size is a product.
Expect: 27 trials, all of them complete, and a picture with a square for each.
Time: not measured yet in the twin. You can stop it at any time: run it again, and it continues.

PPO collects n_steps x n_envs agent steps, and then uses them n_epochs times, batch_size at a time. So after each
rollout there are n_epochs x n_steps x n_envs / batch_size updates: a few that are sure of their direction, or many that
are less so.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rlbreakout.config import load_config
from rlbreakout.evaluation import evaluate_once
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import record_best
from rlbreakout.tuning.objective import TRIALS
from rlbreakout.tuning.workers import tune


@dataclass
class Options:
    steps: int = 300_000
    """Agent steps of each trial."""
    trials: int = 27
    """Number of trials. Fewer than the whole grid are a random part of it."""
    seed: int = 0
    """Decides every training."""
    games: int = 20
    """Whole games of an evaluation. Their mean is the value of a trial."""
    workers: int = 1
    """Trials that run at the same time."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.2_grid); the study in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.2_grid", options.run_dir, resume=True)

# %% The study is described in a config file: what is searched, by which sampler, and how a trial is evaluated.
config = load_config(
    CONFIGS / "4.2_grid.yaml",
    [
        f"steps={options.steps}",
        f"seed={options.seed}",
        f"evaluation.every={options.steps}",
        f"evaluation.games={options.games}",
        f"tuning.trials={options.trials}",
    ],
)
assert config.tuning is not None
study = tune(config, folder, workers=options.workers)

# %% A square for each trial: a panel for each n_epochs, in it n_steps upwards and batch_size to the right.
GRID: dict[str, list] = {
    name: config.model_dump()["tuning"]["search"][f"ppo.{name}"]["choices"]
    for name in ("n_epochs", "n_steps", "batch_size")
}
values = np.full([len(choices) for choices in GRID.values()], np.nan)
rows = json.loads((folder / "study.json").read_text(encoding="utf-8"))["trials"]
for row in rows:
    values[tuple(choices.index(row["params"][f"ppo.{name}"]) for name, choices in GRID.items())] = row["value"]

figure, axes = plt.subplots(1, len(values), figsize=(9, 3.4), layout="constrained", sharey=True)
for axis, n_epochs, square in zip(axes, GRID["n_epochs"], values, strict=True):
    image = axis.imshow(square, origin="lower", vmin=0, vmax=np.nanmax(values), cmap="viridis")
    for (y, x), value in np.ndenumerate(square):
        dark = value < np.nanmax(values) * 0.7
        axis.text(x, y, f"{value:.1f}", ha="center", va="center", color="white" if dark else "black")
    axis.set(title=f"n_epochs {n_epochs}", xlabel="batch_size")
    axis.set_xticks(range(len(GRID["batch_size"])), GRID["batch_size"])
    axis.set_yticks(range(len(GRID["n_steps"])), GRID["n_steps"])
axes[0].set_ylabel("n_steps")
figure.colorbar(image, ax=axes, label="score (points a game)")
picture = folder / "grid.png"
figure.savefig(picture, dpi=110)
plt.close(figure)

# %% The effect of each by itself: the mean over the other two.
print()
tried = np.ma.masked_invalid(values)
for axis_of, (name, choices) in enumerate(GRID.items()):
    means = tried.mean(axis=tuple(axis for axis in range(3) if axis != axis_of)).filled(np.nan)
    print(f"{name:11}" + "   ".join(f"{choice}: {mean:.1f}" for choice, mean in zip(choices, means, strict=True)))

# %% The best of them in the emulator. The trials were evaluated in the twin, like their training.
best = study.best_trial
run = folder / TRIALS / f"trial_{best.number:03d}"
result = evaluate_once(run, games=options.games)
print(f"\nthe best trial: {result}")
finish(
    folder,
    files=[picture, folder / "plots" / "parallel.png", record_best(run)],
    **result.facts(),
    value_in_the_study=best.value,
    best=best.params,
    look_at="grid.png, then python lessons/4_tuning/4.3_schedules.py",
)
