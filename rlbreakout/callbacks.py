"""What happens while SB3 trains: evaluation on whole games, a metric of one's own, checkpoints, gifs."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from rlbreakout.config import Config
from rlbreakout.evaluate import Evaluation, evaluate_on_the_way, evaluation_env
from rlbreakout.files import write_whole
from rlbreakout.models import Agent, save_model
from rlbreakout.vec_env import BreakoutVecEnv
from rlbreakout.video import record, write_video

COLUMNS = (
    "steps", "env_id", "games", "seed", "greedy", "mean", "std", "median", "lower_quartile", "min", "max", "stalled",
)  # fmt: skip


CHECKPOINT_SECONDS = 300.0
"""The longest time between two checkpoints: what a training can lose, whatever its steps take."""


class Every(BaseCallback):
    """Calls `act` when another `every` agent steps have been made; 0 means never.

    SB3 counts a callback's calls, which are one for all environments; this counts agent steps.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self._periods = 0

    def act(self) -> bool | None:
        """False ends the training."""
        raise NotImplementedError

    def _on_training_start(self) -> None:
        self._periods = self.num_timesteps // self.every if self.every else 0

    def _on_step(self) -> bool:
        if self.every and self.num_timesteps // self.every > self._periods:
            self._periods = self.num_timesteps // self.every
            return self.act() is not False
        return True


class EvaluationCallback(Every):
    """Play whole games in an environment of its own, every `config.evaluation.every` agent steps and, after the last
    update, at the end.

    Leaves the scalars eval/mean, eval/median, eval/lower_quartile and eval/stalled in TensorBoard (eval_twin/... with
    `evaluation.env: twin`), a line in `evaluations.csv`, and the model with the best mean in `best/`. Every evaluation
    plays the same starts, from the config's evaluation seed, and draws from random numbers of its own: training goes on
    as if it had not been.
    `go_on(agent steps, result)` is asked after each whether the training is worth going on with.
    """

    def __init__(
        self, config: Config, folder: Path, go_on: Callable[[int, Evaluation], bool] = lambda steps, result: True
    ) -> None:
        super().__init__(config.evaluation.every)
        self.config, self.folder, self.go_on = config, folder, go_on
        self.results: list[Evaluation] = []
        self._evaluated_at = -1
        self._best = max((float(row["mean"]) for row in read_evaluations(folder)), default=-np.inf)

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self._env = evaluation_env(self.config)

    def _on_step(self) -> bool:
        # At the last agent step an update is still to come: what is evaluated then is the trained model, at the end.
        return True if self.num_timesteps >= self.config.steps else super()._on_step()

    def _on_training_end(self) -> None:
        if self.every and self.num_timesteps != self._evaluated_at:
            self.act()
        self._env.close()

    def act(self) -> bool:
        self._evaluated_at = self.num_timesteps
        result = evaluate_on_the_way(self.model, self.config, self._env)
        self.results.append(result)
        scalars = result.scalars()
        for output in self.logger.output_formats:  # these alone: what an update has recorded belongs to its own step
            output.write(scalars, dict.fromkeys(scalars, ()), self.num_timesteps)
        append_evaluation(self.folder, self.num_timesteps, result)
        if result.mean > self._best:
            self._best = result.mean
            save_model(self.model, self.folder / "best", self.config)
        return self.go_on(self.num_timesteps, result)


class CheckpointCallback(Every):
    """Save the model to `last/` and `checkpoints/<agent steps>/`, every `every` agent steps, and to `last/` alone when
    CHECKPOINT_SECONDS have passed since."""

    def __init__(self, every: int, folder: Path, config: Config) -> None:
        super().__init__(every)
        self.folder, self.config = folder, config

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self._saved_at = time.monotonic()

    def _on_step(self) -> bool:
        go_on = super()._on_step()
        if self.every and time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._saved_at = time.monotonic()
            save_model(self.model, self.folder / "last", self.config)
        return go_on

    def act(self) -> None:
        self._saved_at = time.monotonic()
        save_model(self.model, self.folder / "checkpoints" / f"{self.num_timesteps:09d}", self.config)
        save_model(self.model, self.folder / "last", self.config)


class GifCallback(Every):
    """Record a game to `gifs/<agent steps>.gif`, every `every` agent steps."""

    def __init__(self, every: int, folder: Path, config: Config, seconds: float = 10.0) -> None:
        super().__init__(every)
        self.folder, self.config, self.seconds = folder, config, seconds

    def act(self) -> None:
        agent = Agent(self.model, self.config, self.config.name)
        frames = record(agent, seconds=self.seconds, seed=self.config.evaluation_seed)
        write_video(frames, self.folder / "gifs" / f"{self.num_timesteps:09d}.gif")


class MetricCallback(BaseCallback):
    """A metric of one's own in TensorBoard: the mean over a rollout of what `metric(actions, infos)` says of a step.

    `actions` is an array `(n_envs,)`, `infos` the list of the environments' infos. A step for which `metric` returns
    None does not count.

    >>> MetricCallback("custom/fire", lambda actions, infos: (actions == 1).mean())
    """

    def __init__(self, name: str, metric: Callable[[np.ndarray, Sequence[dict[str, Any]]], float | None]) -> None:
        super().__init__()
        self.name, self.metric = name, metric
        self._values: list[float] = []

    def _on_step(self) -> bool:
        value = self.metric(self.locals["actions"], self.locals["infos"])
        if value is not None:
            self._values.append(float(value))
        return True

    def _on_rollout_end(self) -> None:
        if self._values:
            self.logger.record(self.name, float(np.mean(self._values)))
        self._values.clear()


class StartsCallback(BaseCallback):
    """How the training games of a rollout began, for a config with `starts`: their number in starts/<kind>, the mean of
    the points that they made since then in starts/<kind>_points. rollout/ep_rew_mean is that of the fresh ones."""

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[str, list[float]] = {}

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "start" in info:
                report = info["episode"] if "episode" in info else info["part_of_a_game"]
                self._points.setdefault(info["start"], []).append(report["r"])
        return True

    def _on_rollout_end(self) -> None:
        for kind, points in self._points.items():
            self.logger.record(f"starts/{kind}", len(points))
            if points:
                self.logger.record(f"starts/{kind}_points", float(np.mean(points)))
            points.clear()


class OneThreadWhilePlaying(BaseCallback):
    """Where a BreakoutVecEnv plays on several cores, torch does with one thread during rollouts, with all to learn.

    Threads of torch that have nothing to do wait busily for a while, on cores that play games meanwhile.
    """

    def _on_training_start(self) -> None:
        self._threads = torch.get_num_threads()
        env = self.training_env.unwrapped
        self._games_beside = isinstance(env, BreakoutVecEnv) and env.processes > 1
        self._games_beside &= isinstance(self.model, OnPolicyAlgorithm)  # others learn between two steps

    def _on_rollout_start(self) -> None:
        if self._games_beside:
            torch.set_num_threads(1)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        torch.set_num_threads(self._threads)


def evaluations_file(folder: Path) -> Path:
    return folder / "evaluations.csv"


def append_evaluation(folder: Path, steps: int, result: Evaluation) -> None:
    """Add a line to the `evaluations.csv` of a run folder. It holds nothing that depends on the time it took."""
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
    """The lines of a run folder's `evaluations.csv`, oldest first; none if there is no such file."""
    path = evaluations_file(folder)
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if _is_whole(row)]


def _is_whole(row: dict[str, str]) -> bool:
    """Not cut off when the process was killed."""
    return None not in row.values()


def purge_step(folder: Path, steps: int) -> int | None:
    """For a SummaryWriter in a run folder that goes on after `steps`; None if there are no events.

    Tells TensorBoard that later points of an interrupted run do not count: what follows writes them again.
    """
    return steps + 1 if any(folder.glob("events.out.tfevents.*")) else None


def forget_rows_after(path: Path, steps: int) -> None:
    """Drop the rows of a CSV file, such as `evaluations.csv`, that a resumed training will write again."""
    if not path.exists():
        return
    before = path.read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(before))
    rows, columns = list(reader), reader.fieldnames or ()
    if "steps" not in columns:  # cut off in its first line
        path.unlink()
        return
    kept = [row for row in rows if _is_whole(row) and int(row["steps"]) <= steps]
    if len(kept) < len(rows) or not before.endswith("\n"):
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
        write_whole(path, text.getvalue())
