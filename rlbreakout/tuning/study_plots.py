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
from optuna.study import Study
from optuna.visualization import matplotlib as visualization

from rlbreakout.common.files import replaced_atomically

WORTH = "score (points a game)"
PICTURES: dict[str, Callable[[Study], Any]] = {
    "history": lambda study: visualization.plot_optimization_history(study, target_name=WORTH),
    "importance": lambda study: visualization.plot_param_importances(study, target_name="score"),
    "slice": lambda study: visualization.plot_slice(study, target_name=WORTH),
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
    if name == "slice":  # or the choices of a hyperparameter run into those of the next
        for axis in axes:
            axis.tick_params(axis="x", labelrotation=30)
    columns = len(axes) if name == "slice" else 1
    axes[0].figure.set_size_inches(max(8.0, 3.2 * columns), 4.5)
    with replaced_atomically(path) as part:
        axes[0].figure.savefig(part, dpi=100, bbox_inches="tight")
    plt.close("all")
    return path
