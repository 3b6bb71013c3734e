"""Reads the curves of a run folder and draws them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlbreakout.common.errors import UserError
from rlbreakout.common.files import replaced_atomically

RANDOM, HUMAN = 1.4, 31.8
"""Points a game, for comparison: of random play (100 games of ALE/Breakout-v5) and of a human (Mnih et al. 2015,
by another protocol: at most five minutes, no sticky actions)."""


class Curve(NamedTuple):
    """Points of a curve: `x` and `y` of the same length."""

    x: np.ndarray
    y: np.ndarray


class Games(NamedTuple):
    """The games of a run's Monitor files in the order in which they ended; all arrays have one entry a game.

    scores: points. lengths: steps of the environment that Monitor watches, which are frames in training.
    """

    scores: np.ndarray
    lengths: np.ndarray


def read_scalar(folder: Path, tag: str) -> Curve:
    """Read a scalar of a run's TensorBoard events against agent steps. Raises UserError if it is not there."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["scalars"]
    if tag not in tags:
        raise UserError(f"{folder} has no scalar {tag!r}; it has: {', '.join(sorted(tags)) or 'none'}")
    points = events.Scalars(tag)
    return Curve(np.array([p.step for p in points]), np.array([p.value for p in points]))


def find_scalar(folder: Path, tag: str) -> Curve | None:
    """`read_scalar`, or None if the scalar is not there, because no game has ended yet."""
    try:
        return read_scalar(folder, tag)
    except UserError:
        return None


def by_the_clock(curve: Curve, folder: Path) -> Curve:
    """Plot a curve of the run in `folder` against minutes of its training instead of agent steps."""
    speed = read_scalar(folder, "time/fps")  # steps per second since the start
    return Curve(np.interp(curve.x, speed.x, speed.x / speed.y / 60), curve.y)


def read_monitor_file(path: Path) -> Games:
    """Read the games of one `*.monitor.csv` of SB3's Monitor."""
    with path.open(newline="", encoding="utf-8") as file:
        file.readline()  # JSON with the start time of the run
        rows = [row for row in csv.DictReader(file) if None not in row.values()]  # or it was cut off by a kill
    return Games(*(np.array([float(row[key]) for row in rows]) for key in ("r", "l")))


def read_games(folder: Path) -> Games:
    """Read the games of all `*.monitor.csv` in `folder`. Raises UserError if there are none."""
    files = sorted(folder.glob("*.monitor.csv"))
    if not files:
        raise UserError(f"{folder} holds no *.monitor.csv")
    parts = [read_monitor_file(file) for file in files]
    # In order of steps, not of seconds, so that two runs with the same seed have the same order. 0.001.monitor.csv has
    # what environment 0 played before the training was resumed.
    length = dict.fromkeys((file.name.split(".")[0] for file in files), 0.0)
    ended_at = []
    for file, part in zip(files, parts, strict=True):
        ended_at.append(length[file.name.split(".")[0]] + np.cumsum(part.lengths))
        length[file.name.split(".")[0]] += part.lengths.sum()
    order = np.argsort(np.concatenate(ended_at), kind="stable")
    return Games(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in Games._fields))


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value and the `window - 1` values before it (fewer at the beginning)."""
    sums = np.cumsum(np.insert(values.astype(float), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def score_curve(folder: Path, window: int = 100) -> Curve:
    """Mean score of the last `window` training games against the number of games, from the `*.monitor.csv` files."""
    scores = read_games(folder).scores
    return Curve(np.arange(1, len(scores) + 1), running_mean(scores, window))


def draw_bands(
    curves: dict[str, list[Curve]],
    path: Path,
    *,
    title: str,
    x_label: str = "agent steps",
    y_label: str = "score (points a game)",
) -> Path:
    """Draw a line for each name, the mean of its curves (one a seed), with a band from the lowest to the highest.

    A grey line shows what random play scores, and another one a human, if a curve comes near it.
    """
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, seeds in curves.items():
        # Every seed has points between the latest start and the earliest end.
        start, end = max(curve.x[0] for curve in seeds), min(curve.x[-1] for curve in seeds)
        x = np.linspace(start, end, 200)
        y = np.array([np.interp(x, curve.x, curve.y) for curve in seeds])
        (line,) = axes.plot(x, y.mean(axis=0), label=name, linewidth=1.5)
        if len(seeds) > 1:
            axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0)
    if not curves:
        axes.text(0.5, 0.5, "no game has ended yet", transform=axes.transAxes, ha="center")
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    return _save(figure, path, bottom=0, legend="small" if curves else None)


def draw_curves(
    curves: dict[str, Curve],
    path: Path,
    *,
    title: str,
    x_label: str = "agent steps",
    y_label: str = "score (points a game)",
    dashed: tuple[str, ...] = (),
) -> Path:
    """Draw named curves into one picture, with the grey lines of `draw_bands`.

    Those in `dashed` are dashed lines on top of the others.
    """
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, curve in curves.items():
        style = {"linestyle": (0, (4, 4)), "linewidth": 2.5, "zorder": 3} if name in dashed else {"linewidth": 1.5}
        axes.plot(curve.x, curve.y, label=name, marker="o" if len(curve.x) == 1 else None, **style)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    bottom = 0 if all((curve.y >= 0).all() for curve in curves.values()) else None
    return _save(figure, path, bottom=bottom, legend="medium" if len(curves) > 1 else None)


def _save(figure: Figure, path: Path, *, bottom: float | None, legend: str | None) -> Path:
    (axes,) = figure.axes
    for name, points in {"random play": RANDOM, "human": HUMAN}.items():
        if axes.get_ylim()[1] > points / 2:  # where all curves stay far below, a line would only squeeze them
            axes.axhline(points, color="grey", linestyle=":", linewidth=1)
            axes.annotate(
                f"{name}: {points}",
                (0.99, points),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                color="grey",
                fontsize="x-small",
            )
    axes.set_ylim(bottom=bottom)
    axes.grid(alpha=0.3)
    if legend is not None:
        axes.legend(fontsize=legend)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(path) as part:
        figure.savefig(part, dpi=110)
    plt.close(figure)
    return path
