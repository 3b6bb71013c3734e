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
    drawn = []
    for name, draw in PICTURES.items():
        path = folder / "plots" / f"{name}.png"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                axes = np.atleast_1d(draw(study))
        except (ValueError, RuntimeError) as error:
            print(f"plots/{name}.png is left out: {error}")
            plt.close("all")
            continue
        if name == "slice":  # or the choices of a hyperparameter run into those of the next
            for axis in axes:
                axis.tick_params(axis="x", labelrotation=30)
        figure = axes[0].figure
        columns = len(axes) if name == "slice" else 1
        figure.set_size_inches(max(8.0, 3.2 * columns), 4.5)
        figure.savefig(path, dpi=100, bbox_inches="tight")
        plt.close("all")
        drawn.append(path)
    return drawn
