"""The figures that explain an idea of a lesson, drawn from its equation. `python results/draw.py` draws them."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np

from results.schema import RESULTS


def discounting() -> Path:
    """Lesson 1.4: what the steps before a reward get of it."""
    figure, axis = plt.subplots(figsize=(7.5, 3.0), layout="constrained")
    hit = 60
    steps = np.arange(0, 81)
    for discount, style in ((0.99, "C2-"), (0.97, "C0-"), (0.9, "C1-")):
        axis.plot(
            steps, np.where(steps <= hit, discount ** (hit - steps).clip(0), np.nan), style, label=f"γ = {discount}"
        )
    axis.axvline(hit, color="grey", linewidth=0.8)
    axis.annotate("a brick breaks", (hit, 0.5), (hit + 1, 0.5), fontsize="small")
    axis.axvline(30, color="grey", linewidth=0.8, linestyle=":")
    axis.annotate("the paddle meets the ball", (30, 0.9), (29, 0.9), ha="right", fontsize="small")
    axis.set(
        xlabel="agent step t", ylabel="share of the point in the return", title="Discounting: who earned the point?"
    )
    axis.set_ylim(-0.05, 1.35)
    axis.legend(loc="upper left", ncols=3)
    return _save(figure, "1.4_discounting")


def clipped_objective(clip: float = 0.2) -> Path:
    """Lesson 2.5: once an action is likelier by epsilon, making it likelier still earns nothing."""
    ratio = np.linspace(0.4, 1.6, 200)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    for axis, sign, title in zip(axes, (1, -1), ("better than expected: A = 1", "worse: A = -1"), strict=True):
        axis.plot(ratio, sign * ratio, "--", color="grey", label="ratio · A")
        axis.plot(ratio, np.minimum(sign * ratio, sign * ratio.clip(1 - clip, 1 + clip)), label="clipped objective")
        axis.axvline(1, color="grey", linewidth=0.5)
        axis.set(title=title, xlabel="ratio: new probability / old probability")
        axis.legend()
    return _save(figure, "2.5_clipped_objective")


def _save(figure: plt.Figure, name: str) -> Path:
    path = RESULTS / f"{name}.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
