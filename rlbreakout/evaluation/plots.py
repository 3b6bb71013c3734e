"""Curves as pictures, from what a run folder holds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlbreakout.common.errors import UserError
from rlbreakout.common.files import replaced_atomically


class Curve(NamedTuple):
    """Points of a curve: `x` and `y` of the same length."""

    x: np.ndarray
    y: np.ndarray


class Games(NamedTuple):
    """The games of a run's Monitor files in the order in which they ended; all arrays have one entry a game."""

    scores: np.ndarray
    """Points."""
    lengths: np.ndarray
    """In steps of the environment that Monitor watches: frames in training."""
    seconds: np.ndarray
    """Since the start of the training."""


def read_scalar(folder: Path, tag: str) -> Curve:
    """A scalar of a run's TensorBoard events against agent steps. Raises UserError if it is not there."""
    curve = find_scalar(folder, tag)
    if curve is None:
        tags = _events(folder).Tags()["scalars"]
        raise UserError(f"{folder} has no scalar {tag!r}; it has: {', '.join(sorted(tags)) or 'none'}")
    return curve


def find_scalar(folder: Path, tag: str) -> Curve | None:
    """A scalar of a run's TensorBoard events against agent steps, or None if it is not there (no game ended yet)."""
    events = _events(folder)
    if tag not in events.Tags()["scalars"]:
        return None
    points = events.Scalars(tag)
    return Curve(np.array([p.step for p in points]), np.array([p.value for p in points]))


def by_the_clock(curve: Curve, folder: Path) -> Curve:
    """A curve of the run in `folder`, which is against agent steps, against minutes of its training instead."""
    speed = read_scalar(folder, "time/fps")  # steps over all the time since the start
    return Curve(np.interp(curve.x, speed.x, speed.x / speed.y / 60), curve.y)


def _events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()


def read_monitor_file(path: Path) -> Games:
    """The games of one `*.monitor.csv` of SB3's Monitor."""
    with path.open(newline="", encoding="utf-8") as file:
        file.readline()  # a line of JSON that says when the run began
        rows = list(csv.DictReader(file))
    return Games(*(np.array([float(row[key]) for row in rows]) for key in ("r", "l", "t")))


def read_games(folder: Path) -> Games:
    """The games of all `*.monitor.csv` in `folder`. Raises UserError if there are no such files."""
    files = sorted(folder.glob("*.monitor.csv"))
    if not files:
        raise UserError(f"{folder} holds no *.monitor.csv")
    parts = [read_monitor_file(file) for file in files]
    # By the clock of the game, not of the machine: so that two runs of a seed are in one order.
    ended_at = np.concatenate([np.cumsum(part.lengths) for part in parts])
    order = np.argsort(ended_at, kind="stable")
    return Games(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in Games._fields))


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value and the `window - 1` before it (fewer at the beginning)."""
    sums = np.cumsum(np.insert(values.astype(float), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def score_curve(folder: Path, window: int = 100) -> Curve:
    """Mean score of the last `window` training games against the number of games, from `*.monitor.csv` in `folder`."""
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
    """Draw one line for each name: the mean of its curves (one a seed), with a band from the lowest to the highest."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, seeds in curves.items():
        # Where every seed has points: between the latest start and the earliest end.
        start, end = max(curve.x[0] for curve in seeds), min(curve.x[-1] for curve in seeds)
        x = np.linspace(start, end, 200)
        y = np.array([np.interp(x, curve.x, curve.y) for curve in seeds])
        (line,) = axes.plot(x, y.mean(axis=0), label=name, linewidth=1.5)
        if len(seeds) > 1:
            axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize="small")
    else:
        axes.text(0.5, 0.5, "no game has ended yet", transform=axes.transAxes, ha="center")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(path) as part:
        figure.savefig(part, dpi=110)
    plt.close(figure)
    return path


def draw_curves(
    curves: dict[str, Curve],
    path: Path,
    *,
    title: str,
    x_label: str = "agent steps",
    y_label: str = "score (points a game)",
    dashed: tuple[str, ...] = (),
) -> Path:
    """Draw named curves into one picture. Those named in `dashed` lie on top of the others as dashed lines."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, curve in curves.items():
        style = {"linestyle": (0, (4, 4)), "linewidth": 2.5, "zorder": 3} if name in dashed else {"linewidth": 1.5}
        axes.plot(curve.x, curve.y, label=name, marker="o" if len(curve.x) == 1 else None, **style)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.set_ylim(bottom=0 if all((curve.y >= 0).all() for curve in curves.values()) else None)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(path) as part:
        figure.savefig(part, dpi=110)
    plt.close(figure)
    return path
