"""Optuna's pictures of a study, as PNG."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.importance import get_param_importances
from optuna.study import Study
from optuna.trial import TrialState
from optuna.visualization import matplotlib as visualization

from rlbreakout.common.files import replaced_atomically

WORTH = "score (points a game)"


def contour(study: Study) -> Any:
    """The score over the two most important hyperparameters."""
    params = list(get_param_importances(study))[:2]
    return visualization.plot_contour(study, params=params, target_name=WORTH)


def duration_importance(study: Study) -> Any:
    """What decides how long a trial takes, as against how well it does."""
    return visualization.plot_param_importances(
        study,
        target=lambda trial: trial.duration.total_seconds(),  # type: ignore[union-attr]  # of complete trials only
        target_name="seconds a trial takes",
    )


def slice_around_best(study: Study) -> Any:
    """The score over each hyperparameter, of the trials that differ from the best one in nothing else.

    A grid has some, and a study with the sampler slice if its base point is the best. Raises ValueError if there are
    none.
    """
    best = study.best_trial
    lines: dict[str, dict[Any, float | None]] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        different = [name for name, value in best.params.items() if trial.params.get(name) != value]
        if len(different) == 1:
            (name,) = different
            lines.setdefault(name, {best.params[name]: best.value})[trial.params[name]] = trial.value
    if not lines:
        raise ValueError("no trial differs from the best in one hyperparameter only; sampler slice makes such trials")
    figure, axes = plt.subplots(1, len(lines), sharey=True, squeeze=False, layout="constrained")
    for axis, (name, line) in zip(axes[0], lines.items(), strict=True):
        distribution = best.distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            line = {str(value): line[value] for value in distribution.choices if value in line}
            here = str(best.params[name])
        else:
            line, here = dict(sorted(line.items())), best.params[name]
        axis.plot(list(line), list(line.values()), "o-")
        axis.plot([here], [best.value], "*", markersize=14, label=f"trial {best.number}")
        axis.set(xlabel=name, xscale="log" if getattr(distribution, "log", False) else "linear")
    axes[0][0].set(ylabel=WORTH)
    axes[0][0].legend()
    figure.suptitle("Slice around the best trial")
    return axes[0]


PICTURES: dict[str, Callable[[Study], Any]] = {
    "history": lambda study: visualization.plot_optimization_history(study, target_name=WORTH),
    "importance": lambda study: visualization.plot_param_importances(study, target_name="score"),
    "duration_importance": duration_importance,
    "contour": contour,
    "slice": lambda study: visualization.plot_slice(study, target_name=WORTH),
    "slice_around_best": slice_around_best,
    "parallel": lambda study: visualization.plot_parallel_coordinate(study, target_name=WORTH),
    "intermediate": visualization.plot_intermediate_values,
}


def draw_study(study: Study, folder: Path) -> list[Path]:
    """Draw the pictures into `folder`/plots; one for which there are not enough trials yet is left out."""
    (folder / "plots").mkdir(exist_ok=True)
    with matplotlib.rc_context(), warnings.catch_warnings():  # Optuna sets a style for everything drawn after it
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # of few trials, which may well be the same ones
        return [path for name in PICTURES if (path := _draw(name, study, folder)) is not None]


def _draw(name: str, study: Study, folder: Path) -> Path | None:
    path = folder / "plots" / f"{name}.png"
    try:
        axes = np.atleast_1d(PICTURES[name](study))
    except (ValueError, RuntimeError) as error:
        print(f"plots/{name}.png is left out: {error}")
        plt.close("all")
        return None
    columns = len(axes) if name.startswith("slice") else 1
    if columns > 1:  # or the choices of a hyperparameter run into those of the next
        for axis in axes:
            axis.tick_params(axis="x", labelrotation=30)
    axes[0].figure.set_size_inches(max(8.0, 3.2 * columns), 4.5)
    with replaced_atomically(path) as part:
        axes[0].figure.savefig(part, dpi=100, bbox_inches="tight")
    plt.close("all")
    return path
