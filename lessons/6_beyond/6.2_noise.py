"""Lesson 6.2: which noise in training makes an agent robust to which noise in play?

You learn: where noise can come from, the game or the agent; how to measure whether an agent is robust only to the noise
that it was trained with, or to other noise as well.
Expect: a matrix. Each row is an agent, trained with one kind of noise; each column is a way to play. The agents meet
the columns only in the evaluation.
Time: one to four minutes on one core to train each of the 15 agents, and half a minute or more for every cell of 30
games. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_or_continue

# %% Nothing is random in this game, except that the agent draws its actions: every game begins at once, and alike.
QUIET: dict[str, Any] = {"env.id": "BreakoutNoFrameskip-v4", "env.noop_max": 0}

# %% The noise that agents are trained with, by the keys of the config.
TRAINED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sticky actions": {"env.repeat_action_probability": 0.25},
    "random starts": {"env.noop_max": 100},
    "drawn frame skips": {"env.frame_skip": 2, "env.longest_frame_skip": 6},
    "noisy network": {"network.noisy": True},
}

# %% ... and the noise that all of them play with, whatever their training had.
AS_IT_IS: dict[str, Any] = {"env.frame_skip": 4, "env.noop_max": 0, "env.repeat_action_probability": 0.0}
PLAYED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sticky 0.25": {"env.repeat_action_probability": 0.25},
    "sticky 0.5": {"env.repeat_action_probability": 0.5},
    "random starts": {"env.noop_max": 100},
    "frame skip 3": {"env.frame_skip": 3},
    "frame skip 5": {"env.frame_skip": 5},
    "one screen in ten lost": {"evaluation.dropped_screens": 0.1},
}


@dataclass
class Options:
    steps: int = 1_500_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each agent, counted from the first. A cell is the mean over their games."""
    trained: tuple[str, ...] = tuple(TRAINED)
    """Which rows of the matrix."""
    played: tuple[str, ...] = tuple(PLAYED)
    """Which columns of the matrix."""
    games: int = 30
    """Whole games for each cell and seed, sampled."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.2_noise); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--trained", options.trained, TRAINED)
check_choices("--played", options.played, PLAYED)
folder = run_folder("6_beyond/6.2_noise", options.run_dir, resume=True)


def config(trained: str, seed: int) -> Config:
    """Lesson 3.4's settings, on the quiet game, with the noise of a row."""
    name = f"{trained.replace(' ', '_')}_{seed}"
    settings = {"run.lesson": "6_beyond", "run.name": name, "seed": seed, "steps": options.steps, "evaluation.every": 0}
    return with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), {**settings, **QUIET, **TRAINED[trained]})


# %% Train them one after the other, and let each play with every noise. Finished ones are skipped.
results: dict[str, dict[str, list[Evaluation]]] = {}
for trained in options.trained:
    for seed in range(options.seed, options.seed + options.seeds):
        print(f"trained with {trained}, seed {seed}", flush=True)
        run = train_or_continue(config(trained, seed), folder / config(trained, seed).run.name)
        for played in options.played:
            there = {**AS_IT_IS, "env.longest_frame_skip": None, **PLAYED[played]}
            result = evaluate_once(run, games=options.games, settings=there)
            results.setdefault(trained, {}).setdefault(played, []).append(result)

# %% The matrix and its picture.
matrix = np.array([[np.mean([r.mean for r in cells]) for cells in row.values()] for row in results.values()])
figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
image = axes.imshow(matrix, cmap="viridis", vmin=0, aspect="auto")
axes.set_xticks(range(matrix.shape[1]), options.played, rotation=20, ha="right")
axes.set_yticks(range(matrix.shape[0]), options.trained)
axes.set(title="Lesson 6.2: mean score of whole games", xlabel="played with", ylabel="trained with")
for row, column in np.ndindex(matrix.shape):
    light = matrix[row, column] < matrix.max() / 2
    axes.text(column, row, f"{matrix[row, column]:.0f}", ha="center", va="center", color="white" if light else "black")
figure.colorbar(image, label="points a game")
picture = folder / "matrix.png"
figure.savefig(picture, dpi=110)
plt.close(figure)

print(f"\n{'trained with':20}" + "".join(f"{played:>24}" for played in options.played))
for trained, cells in zip(options.trained, matrix, strict=True):
    print(f"{trained:20}" + "".join(f"{cell:24.1f}" for cell in cells))

# %%
best = options.trained[int(matrix.min(axis=1).argmax())]
shown = results[best][options.played[0]][0]
finish(
    folder,
    files=[picture, folder / config(best, options.seed).run.name / "agent.gif"],
    **shown.facts(),
    best=best,
    steps=options.steps,
    results={
        trained: {played: [r.facts() | {"scores": r.scores} for r in seeds] for played, seeds in row.items()}
        for trained, row in results.items()
    },
    look_at="matrix.png: which agent is never far below its best cell?",
)
