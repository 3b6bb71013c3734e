"""What a trial is worth: train with its hyperparameters, play whole games, and leave a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from pydantic import ValidationError

from rlbreakout.agents.build import build_algorithm
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, TuningConfig, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import Evaluation, lower_quartile
from rlbreakout.training.divergence import Diverged
from rlbreakout.training.runs import start_run
from rlbreakout.training.tensorboard import write_hparams
from rlbreakout.training.train import learn
from rlbreakout.tuning.study import settings, suggest

TRIALS = "trials"
"""Folder of the trials' run folders in that of the study."""
WORST = 0.0
"""What a trial is worth whose training diverged: the score of an agent that never hits the ball."""
STATISTICS: dict[str, Callable[[list[float]], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "lower_quartile": lower_quartile,
}


def run_trial(trial: optuna.Trial, config: Config, folder: Path) -> float:
    """Train with the values that `trial` proposes, once for each seed; return what they are worth in points a game.

    The run folders are `folder`/trials/trial_<number>, one a seed. Every training is evaluated on the same games, at
    the times that `config.evaluation` says, and the pruner sees these evaluations. A training that diverges makes its
    trial worth WORST. Raises optuna.TrialPruned if the pruner stops the trial, or if its values do not go together.
    """
    tuning = settings(config)
    values = suggest(trial, tuning)
    scores: list[float] = []
    stalled = 0
    for index in range(tuning.seeds):
        try:
            trial_config = make_trial_config(config, trial.number, values, index)
        except (ValidationError, UserError) as error:
            trial.set_user_attr("not_allowed", str(error))
            raise optuna.TrialPruned(f"these values do not go together: {error}") from None
        run = start_run(trial_config, folder / TRIALS / trial_config.run.name)
        try:
            result = train_trial(trial, trial_config, tuning, values, run, index)
        except Diverged:
            trial.set_user_attr("diverged", True)
            show_trial(run, values, WORST)
            return WORST
        scores += result.scores
        stalled += result.stalled
        worth = summarize(result.scores, tuning)
        show_trial(run, values, worth)
        if tuning.pruner == "wilcoxon":
            trial.report(worth, index)
            if trial.should_prune():
                break  # with the worth of the seeds so far, as Optuna's documentation advises for this pruner
    trial.set_user_attr("scores", scores)
    trial.set_user_attr("stalled", stalled)
    return summarize(scores, tuning)


def summarize(scores: list[float], tuning: TuningConfig) -> float:
    """The objective's statistic of the scores of whole games, in points."""
    return float(STATISTICS[tuning.objective](scores))


def make_trial_config(config: Config, number: int, values: dict[str, Any], index: int) -> Config:
    """The config of trial `number`'s training with its seed number `index`. Raises pydantic.ValidationError."""
    several = settings(config).seeds > 1
    of_this_training = {
        "run.name": f"trial_{number:03d}" + (f"_seed_{index}" if several else ""),
        "seed": config.seed + index,
        "evaluation.seed": config.evaluation_seed,  # the same games for every training
    }
    return with_values(config, values | of_this_training)


def train_trial(
    trial: optuna.Trial, config: Config, tuning: TuningConfig, values: dict[str, Any], run: Path, index: int
) -> Evaluation:
    """Train once, and return the last evaluation. Raises Diverged, and optuna.TrialPruned if the pruner stops it."""

    def go_on(steps: int, result: Evaluation) -> bool:
        if tuning.pruner == "wilcoxon":  # which compares whole trainings
            return True
        trial.report(summarize(result.scores, tuning), index * config.steps + steps)
        return not trial.should_prune() or steps >= config.steps

    model = build_algorithm(config, make_vec_env(config, monitor_dir=run))
    recorder = learn(model, config, run, go_on=go_on, progress_bar=False, resumable=False)
    last = recorder.results[-1]
    if model.num_timesteps < config.steps:
        show_trial(run, values, summarize(last.scores, tuning), pruned=True)
        raise optuna.TrialPruned(f"stopped after {model.num_timesteps:,} of {config.steps:,} agent steps")
    return last


def show_trial(run: Path, values: dict[str, Any], worth: float, *, pruned: bool = False) -> None:
    """Show a training in TensorBoard's HParams tab: its values, and what it is worth, in points a game."""
    write_hparams(run, values, {"trial/worth": worth, "trial/pruned": float(pruned)})
