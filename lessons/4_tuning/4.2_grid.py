"""Lesson 4.2: a grid, a slice through it, and why one change at a time misses things.

You learn: what n_epochs and batch_size do, how they interact, and why a grid is expensive: its size is a product.
Expect: 9 trials of five trainings each, and a picture: a square for each trial, and slices through them.
Time: 3 minutes on two cores. You can stop it at any time: run it again, and it continues.

PPO collects n_steps x n_envs agent steps, and then uses them n_epochs times, batch_size at a time. So after each
rollout there are n_epochs x n_steps x n_envs / batch_size updates: a few that are sure of their direction, or many
that are less so.
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
from rlbreakout.evaluation.seeds import across_seeds
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import record_best
from rlbreakout.tuning.objective import TRIALS
from rlbreakout.tuning.workers import tune


@dataclass
class Options:
    steps: int = 100_000
    """Agent steps of each training."""
    trials: int = 9
    """Number of trials. Fewer than the whole grid are a random part of it."""
    seed: int = 0
    """The first seed."""
    seeds: int = 5
    """Trainings of each trial, one a seed."""
    games: int = 20
    """Whole games of an evaluation. The value of a trial is the mean over the games of all seeds."""
    workers: int = 2
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
        f"tuning.seeds={options.seeds}",
    ],
)
study = tune(config, folder, workers=options.workers)

# %% What each trial scored, seed by seed.
search = config.model_dump()["tuning"]["search"]
EPOCHS, BATCHES = (search[f"ppo.{name}"]["choices"] for name in ("n_epochs", "batch_size"))
points = np.full((len(EPOCHS), len(BATCHES), options.seeds), np.nan)
for row in json.loads((folder / "study.json").read_text(encoding="utf-8"))["trials"]:
    place = EPOCHS.index(row["params"]["ppo.n_epochs"]), BATCHES.index(row["params"]["ppo.batch_size"])
    points[place] = np.reshape(row["scores"], (options.seeds, -1)).mean(axis=1)

print(f"\ninterquartile mean of {options.seeds} seeds [95% interval]")
print(f"{'n_epochs':>8}" + "".join(f"{f'batch_size {size:,}':>26}" for size in BATCHES))
for epochs, of_row in zip(EPOCHS, points, strict=True):
    cells = ("" if np.isnan(seeds).any() else across_seeds(seeds) for seeds in of_row)
    print(f"{epochs:8}" + "".join(f"{cell:>26}" for cell in cells))

# %% Left: a square for each trial. Right: slices, that is, one hyperparameter changes and the other stays. The band
# reaches from the worst seed to the best.
means = points.mean(axis=2)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
image = left.imshow(means, origin="lower", vmin=0, cmap="viridis")
rollout = config.ppo.n_steps * config.env.n_envs
for (y, x), value in np.ndenumerate(means):
    colour = "white" if value < np.nanmax(means) * 0.7 else "black"
    updates = f"{EPOCHS[y] * -(-rollout // BATCHES[x])} updates"
    left.text(x, y, f"{value:.0f}\n{updates}", ha="center", va="center", color=colour, fontsize="small")
left.set(title="mean score, and updates a rollout", xlabel="batch_size", ylabel="n_epochs")
left.set_xticks(range(len(BATCHES)), BATCHES)
left.set_yticks(range(len(EPOCHS)), EPOCHS)
figure.colorbar(image, ax=left, label="points a game")
for epochs, of_row in zip(EPOCHS, points, strict=True):
    (line,) = right.plot(BATCHES, of_row.mean(axis=1), "o-", label=f"n_epochs {epochs}")
    right.fill_between(BATCHES, of_row.min(axis=1), of_row.max(axis=1), color=line.get_color(), alpha=0.2)
right.set(title="slices (band: seeds)", xlabel="batch_size", ylabel="points a game", xscale="log")
right.set_xticks(BATCHES, BATCHES)
right.minorticks_off()
right.set_ylim(bottom=0)
right.grid(alpha=0.3)
right.legend(fontsize="small")
picture = folder / "grid.png"
figure.savefig(picture, dpi=110)
plt.close(figure)

# %% The first seed of the best trial in the emulator. The trials were evaluated in the twin, like their training.
best = study.best_trial
name = f"trial_{best.number:03d}" + ("_seed_0" if options.seeds > 1 else "")
run = folder / TRIALS / name
result = evaluate_once(run, games=options.games)
print(f"\nthe best trial, seed {options.seed}: {result}")
finish(
    folder,
    files=[picture, record_best(run)],
    **result.facts(),
    value_in_the_study=best.value,
    best=best.params,
    scores_of_seeds={
        f"{epochs}, {size}": points[y, x].tolist()
        for y, epochs in enumerate(EPOCHS)
        for x, size in enumerate(BATCHES)
        if not np.isnan(points[y, x]).any()
    },
    look_at="grid.png, then python lessons/4_tuning/4.3_schedules.py",
)
