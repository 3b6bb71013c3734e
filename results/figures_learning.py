"""The figures that explain how agents learn: the loop, advantages, actor and critic. `results/draw.py` draws them."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from results.advantage import position
from results.figures import save_figure
from rlbreakout.breakout.draw import draw_rgb
from rlbreakout.breakout.rules import PIXEL, PIXEL_BITS, row_of_line
from rlbreakout.breakout.screen import BALL_HEIGHT, BALL_WIDTH
from rlbreakout.observation.pictures import warp

ACTIONS = ("none", "fire", "right", "left")
GOOD, BAD = "C2", "C3"


def agent_environment_loop() -> Path:
    """Lesson 1.1: what goes round."""
    figure, axis = _canvas(8.4, 3.3)
    state, _ = position()
    _box(axis, 0.13, 0.53, "\nagent\n\npolicy π(a | s)\n", "C0")
    axis.inset_axes((0.72, 0.08, 0.26, 0.84)).imshow(draw_rgb(state)[0], aspect="auto")
    axis.child_axes[0].set(xticks=[], yticks=[], xlabel="environment: the game")
    _arrow(axis, (0.23, 0.74), (0.71, 0.74))
    axis.text(0.485, 0.78, "action $a_t$: none, fire, right or left", ha="center")
    _arrow(axis, (0.71, 0.32), (0.23, 0.32))
    axis.text(0.485, 0.36, "observation $s_{t+1}$: the screen", ha="center")
    axis.text(0.485, 0.27, "reward $r_t$: points", ha="center", va="top")
    axis.text(0.485, 0.16, "is it over? terminated, truncated", ha="center", va="top")
    axis.text(0.485, 0.545, "one agent step: 4 frames", ha="center", va="center", color="grey", fontsize="small")
    return save_figure(figure, "1.1_loop")


def wrappers() -> Path:
    """Lesson 1.2: an environment in an environment in an environment."""
    figure, axis = _canvas(8.4, 3.0)
    _box(axis, 0.09, 0.5, "agent", "C0")
    layers = (
        (0.36, 0.04, 0.92, "C1", "LifeAsEpisode: a lost life is “terminated”"),
        (0.47, 0.14, 0.68, "C2", "Launched: FIRE after a lost life"),
        (0.58, 0.24, 0.44, "grey", "Breakout"),
    )
    for left, bottom, height, color, name in layers:
        width = 0.97 - left - (left - 0.36) / 4
        box = FancyBboxPatch((left, bottom), width, height, "round,pad=0.01", facecolor="white", edgecolor=color)
        axis.add_patch(box)
        axis.text(left + 0.01, bottom + height - 0.06, name, va="center", color=color)
    _arrow(axis, (0.14, 0.5), (0.565, 0.5))
    axis.text(0.25, 0.54, "action", ha="center")
    _arrow(axis, (0.565, 0.34), (0.14, 0.34))
    axis.text(0.25, 0.25, "observation,\nreward, ...", ha="center", va="center")
    return save_figure(figure, "1.2_wrappers")


def what_it_sees() -> Path:
    """Lesson 1.3: the screen, and the picture that the network gets."""
    state, _ = position()
    screen = draw_rgb(state)
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
    for axis, picture, name in (
        (axes[0], screen[0], "the screen"),
        (axes[1], warp(screen, 84)[0, :, :, 0], "what the network gets"),
    ):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], title=name, xlabel=f"{picture.size:,} numbers")
    return save_figure(figure, "1.3_what_it_sees")


def advantage() -> Path:
    """Lesson 1.4: one position of a game, and what each action is worth in it."""
    state, facts = position()
    q, v = np.array(facts["q"]), facts["v"]
    figure, (screen, values, advantages) = plt.subplots(
        1, 3, figsize=(10, 3.6), layout="constrained", width_ratios=(0.8, 1, 1)
    )
    screen.imshow(draw_rgb(state)[0], aspect="auto")
    ball = state[0]["ball_x"] / PIXEL + BALL_WIDTH / 2, row_of_line(int(state[0]["ball_y"]) >> PIXEL_BITS)
    flight = 8 * np.array([state[0]["ball_vx"], state[0]["ball_vy"]]) / PIXEL
    screen.annotate("", ball + flight, (ball[0], ball[1] + BALL_HEIGHT / 2), arrowprops=_ARROW | {"color": "white"})
    screen.set(xticks=[], yticks=[], title="the state s")
    labels = [f"{action}\nπ = {share:.2f}" for action, share in zip(ACTIONS, facts["policy"], strict=True)]
    error = 1.96 * np.array(facts["standard_error"])
    values.bar(labels, q, yerr=error, color="C0", capsize=3)
    values.axhline(v, color="black", linestyle="--")
    values.annotate(f"V(s) = {v:.2f}", (3.4, v), (0, 4), textcoords="offset points", ha="right", fontsize="small")
    values.set(title="Q(s, a): the return to expect after each action")
    values.set_ylim(min(0, q.min() - 0.1), q.max() * 1.25)
    bars = advantages.bar(labels, q - v, yerr=error, capsize=3, color=[GOOD if a > 0 else BAD for a in q - v])
    advantages.bar_label(bars, [f"{a:+.2f}" for a in q - v], padding=3)
    advantages.axhline(0, color="black", linewidth=0.8)
    advantages.margins(y=0.2)
    advantages.set(title="A(s, a) = Q(s, a) - V(s)")
    for axis in (values, advantages):
        axis.title.set_fontsize("medium")
        axis.tick_params(axis="x", labelsize="small")
    return save_figure(figure, "1.4_advantage")


def actor_critic() -> Path:
    """Lesson 2.5: two networks, and what each of them learns from."""
    figure, axis = _canvas(8.6, 3.6)
    _box(axis, 0.1, 0.5, "state\n$s_t$", "grey")
    _box(axis, 0.36, 0.78, "actor\npolicy $\\pi(a \\mid s_t)$", "C0")
    _box(axis, 0.36, 0.22, "critic\nvalue $V(s_t)$", "C1")
    _box(axis, 0.86, 0.78, "play $a_t$\nget $r_t$ and $s_{t+1}$", "grey")
    _box(axis, 0.86, 0.22, "advantage $A_t$:\nbetter than expected?", GOOD)
    _arrow(axis, (0.15, 0.56), (0.26, 0.74))
    _arrow(axis, (0.15, 0.44), (0.26, 0.26))
    _arrow(axis, (0.47, 0.82), (0.74, 0.82))
    axis.text(0.605, 0.86, "draw an action", ha="center", fontsize="small")
    _arrow(axis, (0.86, 0.66), (0.86, 0.36))
    axis.text(0.875, 0.5, "return $G_t$", va="center", fontsize="small")
    _arrow(axis, (0.46, 0.2), (0.73, 0.2))
    axis.text(0.595, 0.13, "what was expected", ha="center", fontsize="small")
    _arrow(axis, (0.74, 0.34), (0.47, 0.68), color=GOOD, linestyle="--")
    axis.text(0.63, 0.55, "$A_t > 0$: make $a_t$ likelier\n$A_t < 0$: less likely", fontsize="small", color=GOOD)
    _arrow(axis, (0.73, 0.29), (0.46, 0.29), color="C1", linestyle="--")
    axis.text(0.595, 0.33, "expect $G_t$", ha="center", fontsize="small", color="C1")
    return save_figure(figure, "2.5_actor_critic")


def gae(discount: float = 0.995) -> Path:
    """Lesson 2.5: how much each later TD error counts in the advantage of step t."""
    later = np.arange(32)  # a rollout of lesson 2.5
    figure, axis = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    for trace, style, means in (
        (1.0, "C2", ": all that follows, as in lesson 1.4"),
        (0.95, "C0", ", as in lesson 2.5"),
        (0.8, "C1", ""),
        (0.0, "C3", ": the TD error of one step"),
    ):
        weights = (discount * trace) ** later  # 0 to the power of 0 is 1
        axis.plot(later, weights, ".-", color=style, markersize=4, linewidth=1, label=f"λ = {trace:g}{means}")
    axis.set(
        xlabel="k: agent steps later",
        ylabel="weight $(γλ)^k$ of $δ_{t+k}$",
        title=f"GAE: the advantage is a weighted sum of TD errors (γ = {discount:g})",
    )
    axis.legend(loc="upper right", bbox_to_anchor=(1, 0.72))
    return save_figure(figure, "2.5_gae")


_ARROW = {"arrowstyle": "-|>", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure without axes, in which both coordinates go from 0 to 1."""
    figure, axis = plt.subplots(figsize=(width, height), layout="constrained")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.axis("off")
    return figure, axis


def _box(axis: Axes, x: float, y: float, text: str, color: str) -> None:
    box = {"boxstyle": "round,pad=0.7", "facecolor": "white", "edgecolor": color, "linewidth": 2}
    axis.text(x, y, text, ha="center", va="center", bbox=box)


def _arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], color: str = "black", linestyle: str = "-"
) -> None:
    axis.annotate("", end, start, arrowprops=_ARROW | {"color": color, "linestyle": linestyle})
