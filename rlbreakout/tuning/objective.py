"""What a trial is worth: train with its hyperparameters, play whole games, and leave a run folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from pydantic import ValidationError
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.callbacks import EvaluationCallback
from rlbreakout.config import Config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.errors import MachineError, UserError
from rlbreakout.evaluate import Evaluation, lower_quartile
from rlbreakout.models import build_algorithm
from rlbreakout.runs import start_run
from rlbreakout.train import learn
from rlbreakout.tuning.study import INTERRUPTED, settings, suggest

TRIALS = "trials"
"""Folder of the trials' run folders in that of the study."""
WORST = 0.0
"""What a trial is worth whose network is no longer made of numbers: the score of an agent that never hits the ball."""
STATISTICS: dict[str, Callable[[list[float]], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "lower_quartile": lower_quartile,
}
BEYOND = 1e15
"""No weight of a network that still learns is as large."""


class Diverged(Exception):
    """The weights of the network are out of all bounds, or no numbers."""


def has_diverged(model: BaseAlgorithm) -> bool:
    return not all(bool((weights.abs() < BEYOND).all()) for weights in model.policy.parameters())  # NaN is not below


class DivergenceCallback(BaseCallback):
    """Raise Diverged as soon as an update has left such weights."""

    def _on_step(self) -> bool:
        return True

    def _check(self) -> None:
        if has_diverged(self.model):
            raise Diverged

    def _on_rollout_start(self) -> None:
        self._check()

    def _on_training_end(self) -> None:
        self._check()


class Objective:
    """Call it with a trial: it returns the trial's worth in points a game, or raises optuna.TrialPruned.

    The trial's run folders are `folder`/trials/trial_<number>, one a seed. Every training is evaluated on the same
    games, at the times that `config.evaluation` says, and these evaluations are what the pruner sees. A training that
    diverges makes its trial a bad one, worth WORST.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.tuning = settings(config)

    def __call__(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}")
        try:
            return self.try_values(trial)
        except (KeyboardInterrupt, MachineError):
            with suppress(OSError):  # a storage on a full disk
                trial.set_user_attr(INTERRUPTED, True)
            raise

    def try_values(self, trial: optuna.Trial) -> float:
        """Train with what the trial proposes, once for each seed."""
        values = suggest(trial, self.tuning)
        scores: list[float] = []
        stalled = 0
        for index in range(self.tuning.seeds):
            try:
                config = self.config_of(trial.number, values, index)
            except (ValidationError, UserError) as error:
                trial.set_user_attr("not_allowed", str(error))
                raise optuna.TrialPruned(f"these values do not go together: {error}") from None
            run = start_run(config, self.folder / TRIALS / config.name)
            try:
                result = self.train(trial, config, values, run, index)
            except Diverged:
                trial.set_user_attr("diverged", True)
                write_hparams(run, values, WORST)
                return WORST
            scores += result.scores
            stalled += result.stalled
            worth = self.worth(result.scores)
            write_hparams(run, values, worth)
            if self.tuning.pruner == "wilcoxon":
                trial.report(worth, index)
                if trial.should_prune():
                    break  # with the worth of the seeds so far, as Optuna's documentation advises for this pruner
        trial.set_user_attr("scores", scores)
        trial.set_user_attr("stalled", stalled)
        return self.worth(scores)

    def worth(self, scores: list[float]) -> float:
        """The objective's statistic of whole-game scores."""
        return float(STATISTICS[self.tuning.objective](scores))

    def config_of(self, number: int, values: dict[str, Any], index: int) -> Config:
        """The config of a trial's training with its seed number `index`."""
        name = f"trial_{number:03d}" + (f"_seed_{index}" if self.tuning.seeds > 1 else "")
        evaluation_seed = {"evaluation.seed": self.config.evaluation_seed}  # the same games for every training
        config = with_values(self.config, values | evaluation_seed)
        return config.model_copy(update={"name": name, "seed": self.config.seed + index})

    def train(self, trial: optuna.Trial, config: Config, values: dict[str, Any], run: Path, index: int) -> Evaluation:
        """One training. Returns its last evaluation; raises optuna.TrialPruned if the pruner stops it, and Diverged."""

        def report(steps: int, result: Evaluation) -> bool:
            """Whether to go on."""
            if self.tuning.pruner == "wilcoxon":
                return True
            trial.report(self.worth(result.scores), index * config.steps + steps)
            return not trial.should_prune() or steps >= config.steps

        evaluation = EvaluationCallback(config, run, report)
        env = make_vec_env(config, monitor_dir=run)
        model = build_algorithm(config, env)
        watch = [DivergenceCallback()]
        try:
            learn(model, config, run, watch, evaluation=evaluation, progress_bar=False, resumable=False)
        except (ValueError, RuntimeError):
            if has_diverged(model):  # in the middle of an update
                raise Diverged from None
            raise
        if model.num_timesteps < config.steps:
            write_hparams(run, values, self.worth(evaluation.results[-1].scores), pruned=True)
            raise optuna.TrialPruned(f"stopped after {model.num_timesteps:,} of {config.steps:,} agent steps")
        return evaluation.results[-1]


def write_hparams(run: Path, values: dict[str, Any], worth: float, *, pruned: bool = False) -> None:
    """Show a training in TensorBoard's HParams tab: its values, and what it is worth, in points a game."""
    shown = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    with SummaryWriter(str(run)) as writer:
        writer.add_hparams(shown, {"trial/worth": worth, "trial/pruned": float(pruned)}, run_name=".")
