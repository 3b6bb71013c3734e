"""Lesson 6.2: which noise in training makes an agent robust to which noise in play?

You learn: where noise can come from, and how to measure whether an agent is robust only to the noise that it was
trained with, or to other noise as well.
Expect: a matrix. Each row is a kind of agent, trained with one noise; each column is a way to play. The agents meet the
columns only in the evaluation, which is played in the twin; the best agent then plays in the emulator.
Time: 5 minutes on two cores. You can stop it at any time: run it again, and it continues.
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
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_several

# %% Nothing is random in this game, except that the agent draws its actions: every game begins at once, and alike.
QUIET: dict[str, Any] = {"env.id": "BreakoutNoFrameskip-v4", "env.noop_max": 0}

# %% The noise that agents are trained with, by the keys of the config.
TRAINED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sticky actions": {"env.repeat_action_probability": 0.25},
    "random starts": {"env.noop_max": 100},
    "drawn frame skips": {"env.frame_skip": 2, "env.longest_frame_skip": 6},
}

# %% ... and the noise that all of them play with, whatever their training had.
AS_IT_IS: dict[str, Any] = {"env.frame_skip": 4, "env.noop_max": 0, "env.repeat_action_probability": 0.0}
PLAYED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sticky 0.5": {"env.repeat_action_probability": 0.5},
    "frame skip 5": {"env.frame_skip": 5},
    "one screen in ten lost": {"evaluation.dropped_screens": 0.1},
}


@dataclass
class Options:
    steps: int = 300_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each row, counted from the first."""
    trained: tuple[str, ...] = tuple(TRAINED)
    """Which rows of the matrix."""
    played: tuple[str, ...] = tuple(PLAYED)
    """Which columns of the matrix."""
    twin_games: int = 50
    """Whole games in the twin for each cell and seed."""
    games: int = 20
    """Whole games that the best agent plays in the emulator."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.2_noise); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--trained", options.trained, TRAINED)
check_choices("--played", options.played, PLAYED)
folder = run_folder("6_beyond/6.2_noise", options.run_dir, resume=True)


def config(trained: str, run: Path, seed: int) -> Config:
    """Lesson 3.4's settings, on the quiet game, with the noise of a row."""
    settings = {"run.lesson": "6_beyond", "run.name": run.name, "seed": seed}
    settings |= {"steps": options.steps, "evaluation.every": 0}
    return with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), {**settings, **QUIET, **TRAINED[trained]})


# %% Train them, one a core at a time. Finished ones are left alone.
seeds = range(options.seed, options.seed + options.seeds)
runs = {trained: [folder / f"{trained.replace(' ', '_')}_{seed}" for seed in seeds] for trained in options.trained}
configs = {
    run: config(trained, run, seed)
    for place, seed in enumerate(seeds)
    for trained in runs
    for run in [runs[trained][place]]
}
for number, run in enumerate(train_several(configs), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% All of them play in the twin with every noise. A cell is the interquartile mean over its seeds.
cells: dict[str, dict[str, list[Evaluation]]] = {}
for trained in options.trained:
    for played in options.played:
        there = {**AS_IT_IS, "env.longest_frame_skip": None, **PLAYED[played]}
        cells.setdefault(trained, {})[played] = [
            evaluate_once(run, env="twin", games=options.twin_games, settings=there) for run in runs[trained]
        ]
    print(f"trained with {trained}: all games are played", flush=True)
means = {name: {played: [r.mean for r in results] for played, results in row.items()} for name, row in cells.items()}
matrix = np.array([[interquartile_mean(cell)[0] for cell in row.values()] for row in means.values()])

# %% The matrix and its picture.
print(f"\n{'trained with':20}" + "".join(f"{played:>24}" for played in options.played))
for trained, row in means.items():
    print(f"{trained:20}" + "".join(f"{across_seeds(cell):>24}" for cell in row.values()))

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
image = axes.imshow(matrix, cmap="viridis", vmin=0, aspect="auto")
axes.set_xticks(range(matrix.shape[1]), options.played)
axes.set_yticks(range(matrix.shape[0]), options.trained)
axes.set(title="Lesson 6.2: points a game in the twin", xlabel="played with", ylabel="trained with")
for place, column in np.ndindex(matrix.shape):
    light = matrix[place, column] < matrix.max() / 2
    text = f"{matrix[place, column]:.0f}"
    axes.text(column, place, text, ha="center", va="center", color="white" if light else "black")
figure.colorbar(image, label="points a game")
picture = folder / "matrix.png"
figure.savefig(picture, dpi=110)
plt.close(figure)

# %% The score that counts: whole games in the emulator, by the kind of agent whose worst cell is the best.
best = options.trained[int(matrix.min(axis=1).argmax())]
shown = evaluate_once(runs[best][0], games=options.games, settings=AS_IT_IS)
print(f"\n{best}, seed {options.seed}: {shown}")
facts = {
    trained: {played: [r.facts() | {"scores": r.scores} for r in results] for played, results in row.items()}
    for trained, row in cells.items()
}
facts[best]["emulator"] = [shown.facts() | {"scores": shown.scores}]
finish(
    folder,
    files=[picture, runs[best][0] / "agent.gif"],
    **shown.facts(),
    best=best,
    steps=options.steps,
    results=facts,
    look_at="matrix.png, column by column: which agent plays best with that noise, and do the intervals overlap?",
)
