"""What a training leaves on its way: evaluations, the best model, checkpoints and gifs, for every algorithm."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents.players import Agent, Player
from rlbreakout.config import Config
from rlbreakout.evaluation.evaluate import Evaluation, evaluate_on_the_way, make_env_on_the_way
from rlbreakout.evaluation.video import record, write_video
from rlbreakout.training.tensorboard import write_gif

COLUMNS = (
    "steps", "env_id", "games", "seed", "greedy", "mean", "std", "median", "lower_quartile", "min", "max", "stalled",
)  # fmt: skip
"""Of evaluations.csv."""
CHECKPOINT_SECONDS = 300.0
"""The longest time between two checkpoints: what a training can lose, whatever its steps take."""
GIF_SECONDS = 10.0

GoOn = Callable[[int, Evaluation], bool]
"""Asked after each evaluation, with the agent steps so far, whether the training is worth going on with."""


class Recorder:
    """Evaluate, save and film `player` while it learns, as its config says.

    | in the run folder        | when                                                                    |
    |--------------------------|-------------------------------------------------------------------------|
    | evaluations.csv          | every `evaluation.every` agent steps and at the end, in an environment  |
    |                          | of its own; also as scalars eval/mean, eval/median, eval/lower_quartile |
    |                          | and eval/stalled (eval_twin/... with `evaluation.env: twin`)            |
    | best/                    | when an evaluation has the best mean so far                             |
    | checkpoints/<steps>/     | every `run.checkpoint_every` agent steps                                |
    | last/                    | then, too, and when CHECKPOINT_SECONDS have passed                      |
    | gifs/<steps>.gif         | every `run.gif_every` agent steps; TensorBoard shows them, too          |

    save: writes the model to a folder; write_scalars: shows numbers in TensorBoard at an agent step; writer:
    TensorBoard's, for what is no number; go_on: see GoOn.
    An evaluation draws random numbers of its own: training continues as if none had happened.
    """

    def __init__(
        self,
        player: Player,
        config: Config,
        folder: Path,
        *,
        save: Callable[[Path], object],
        write_scalars: Callable[[dict[str, float], int], object],
        writer: SummaryWriter,
        go_on: GoOn | None = None,
    ) -> None:
        self.config, self.folder, self.save = config, folder, save
        self.results: list[Evaluation] = []
        """Evaluations of this process, oldest first."""
        self._player, self._write_scalars, self._writer, self._go_on = player, write_scalars, writer, go_on
        before = read_evaluations(folder)
        self._best = best_mean(before, default=-np.inf)
        self._evaluated_at = max((int(row["steps"]) for row in before), default=-1)
        self._env = make_env_on_the_way(config) if config.evaluation.every else None
        self._steps = -1
        self._saved_at = time.monotonic()

    def start(self, steps: int) -> None:
        """Training begins after `steps` agent steps; a run that can be resumed has a model from here on."""
        self._steps = steps

    def after_step(self, steps: int) -> bool:
        """Do what is due after `steps` agent steps. Returns False if the training is not worth going on with."""
        before, self._steps = self._steps, steps
        run, goes_on = self.config.run, True
        # At the last agent step an update is still to come: `finish` evaluates the trained model.
        if steps < self.config.steps and count_due(before, steps, self.config.evaluation.every):
            goes_on = self._evaluate(steps)
        if count_due(before, steps, run.checkpoint_every):
            self.save(self.folder / "checkpoints" / f"{steps:09d}")
            self._save_last()
        elif run.checkpoint_every and time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._save_last()
        if count_due(before, steps, run.gif_every):
            agent = Agent(self._player, self.config, run.name)
            film = record(agent, seconds=GIF_SECONDS, seed=self.config.evaluation_seed)
            write_gif(self._writer, write_video(film, self.folder / "gifs" / f"{steps:09d}.gif"), steps)
        return goes_on

    def finish(self, steps: int) -> None:
        """The training is over: evaluate the model that it leaves."""
        if self._env is not None and steps != self._evaluated_at:
            self._evaluate(steps)

    def close(self) -> None:
        """Close the environment of the evaluations."""
        if self._env is not None:
            self._env.close()

    def _save_last(self) -> None:
        self.save(self.folder / "last")
        self._saved_at = time.monotonic()

    def _evaluate(self, steps: int) -> bool:
        assert self._env is not None
        self._evaluated_at = steps
        result = evaluate_on_the_way(self._player, self.config, self._env)
        self.results.append(result)
        self._write_scalars(result.scalars(), steps)
        if result.mean > self._best:
            self._best = result.mean
            self.save(self.folder / "best")
        append_evaluation(self.folder, steps, result)  # last: an evaluation that is cut off is done again
        return self._go_on is None or self._go_on(steps, result)


def count_due(before: int, now: int, every: int) -> int:
    """How many multiples of `every` lie above `before` and up to `now`; none if `every` is 0."""
    return now // every - before // every if every else 0


# CSV files of a run folder


def evaluations_file(folder: Path) -> Path:
    """The evaluations.csv of a run folder."""
    return folder / "evaluations.csv"


def append_evaluation(folder: Path, steps: int, result: Evaluation) -> None:
    """Add a row to the evaluations.csv of a run folder. It holds nothing that depends on the time it took."""
    values = [result.where if column == "env_id" else getattr(result, column) for column in COLUMNS[1:]]
    cells = [steps, *(f"{value:.4g}" if isinstance(value, float) else value for value in values)]
    append_row(evaluations_file(folder), COLUMNS, cells)


def append_row(path: Path, columns: Sequence[str], cells: Sequence[Any]) -> None:
    """Add a row to a CSV file, below its `columns` if it is new."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(columns)
        writer.writerow(cells)


def read_evaluations(folder: Path) -> list[dict[str, str]]:
    """The rows of a run folder's evaluations.csv, oldest first; none if there is no such file."""
    path = evaluations_file(folder)
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]  # or it was cut off by a kill


def best_mean(evaluations: list[dict[str, str]], default: float) -> float:
    """The highest mean score, in points, among rows of evaluations.csv; `default` if there are none."""
    return max((float(row["mean"]) for row in evaluations), default=default)
