"""The figures that explain an idea of a lesson, drawn from its equation. `python results/draw.py` draws them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")  # draws without a screen

import matplotlib.pyplot as plt
import numpy as np
import optuna
from matplotlib.figure import Figure

from results.schema import RESULTS
from rlbreakout.agents.value.equations import epsilon
from rlbreakout.breakout.ahead import DISCOUNT, come_down
from rlbreakout.breakout.draw import draw_grey
from rlbreakout.breakout.rules import PIXEL, PIXEL_BITS, bounce, fly, new_games, row_of_line
from rlbreakout.breakout.screen import BALL_WIDTH, HEIGHT, PADDLE_TOP, WIDTH
from rlbreakout.observation.aimbot import TURNS_AT_RIGHT, Aimbot
from rlbreakout.observation.blocks import Blocks, entries_of
from rlbreakout.observation.blocks.entry import FRAMES
from rlbreakout.observation.pictures import (
    MARK_BOTTOM,
    MARK_TOP,
    MARK_WIDTH,
    WHITE,
    halve,
    mono,
    paint_counters,
    paint_mark,
    trim,
)

WAY_COLUMNS = {"left end": 6, "left of the middle": 2, "right of the middle": -2, "right end": -6}
"""How many columns left of the paddle's middle each of the ways of rlbreakout.breakout.ahead meets the ball."""


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
    return save_figure(figure, "1.4_discounting")


def rollouts() -> Path:
    """Lesson 2.1: four rollouts of one game, and of eight games. Each box is one, and has equally many steps."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 3.4), layout="constrained", height_ratios=(1, 3))
    for axis, games in zip(axes, (1, 8), strict=True):
        for update in range(4):
            begin = update * 1_024 + 8
            for game in range(games):
                axis.barh(game, 1_008, left=begin, height=0.8, color=f"C{game}", alpha=0.4 + 0.15 * update)
            steps = f"{1_024 // games:,} steps of {'each game' if games > 1 else 'the game'}"
            axis.text(begin + 504, 0, steps, ha="center", va="center", fontsize="small")
            axis.text(begin + 1_016, games - 0.3, "update", ha="center", va="top", fontsize="x-small")
        axis.set(xlim=(0, 4_120), ylim=(games + 0.1, -0.6), xticks=[], yticks=range(games))
        axis.set_yticklabels([f"game {game + 1}" for game in range(games)], fontsize="x-small")
        axis.set_frame_on(False)
    axes[0].set_title("One game or eight: equally many steps between two updates", fontsize="medium")
    return save_figure(figure, "2.1_rollouts")


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
    axes[0].set(ylabel="what a step adds to the objective")
    return save_figure(figure, "2.5_clipped_objective")


def aimbot_geometry() -> Path:
    """Lesson 3.2: a flight of the ball by the rules of the game, and the two screens from which the aimbot knows it."""
    games, aimbot = _falling_ball(), Aimbot(1)
    game, flight, seen = games[0], list[tuple[float, int]](), list[tuple[float, int]]()
    while not flight or flight[-1][1] < PADDLE_TOP:
        flight.append((game["ball_x"] / PIXEL + BALL_WIDTH / 2, row_of_line(int(game["ball_y"]) >> PIXEL_BITS)))
        if len(flight) in (5, 9):  # 4 frames apart
            aim = aimbot.watch(draw_grey(games), 4 if seen else 0)
            seen.append(flight[-1])
            screen = draw_grey(games)[0]
        fly(game)
    columns, rows = np.array(flight).T
    turn = int(columns.argmax())
    figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    axis.imshow(screen, cmap="gray_r", vmax=400, extent=(0, WIDTH, HEIGHT, 0), aspect="equal")
    axis.plot(columns, rows, ".", color="C0", markersize=5, label="the ball, frame by frame")
    axis.plot(*np.array(seen).T, "o", color="C3", markersize=9, fillstyle="none", label="two screens, 4 frames apart")
    axis.axhline(PADDLE_TOP, color="C2", linestyle="--", label=f"the paddle's line, row {PADDLE_TOP}")
    left = int(aim.column[0]) + BALL_WIDTH // 2 - MARK_WIDTH // 2
    mark = plt.Rectangle((left, MARK_TOP), MARK_WIDTH, MARK_BOTTOM - MARK_TOP, color="C3", label="the aimbot's mark")
    axis.add_patch(mark)
    where, arrow = (columns[turn], rows[turn]), {"arrowstyle": "->"}
    axis.annotate(
        f"turns at column {TURNS_AT_RIGHT}", where, (98, rows[turn]), va="center", ha="right", arrowprops=arrow
    )
    axis.set(xlim=(0, WIDTH), ylim=(HEIGHT, 75), xlabel="column", ylabel="row", title="Where will it come down?")
    axis.legend(loc="center left", bbox_to_anchor=(0.06, 0.62), fontsize="small", framealpha=1)
    return save_figure(figure, "3.2_aimbot")


def four_pictures() -> Path:
    """Lesson 3.3: one moment of a game, as each of the four agents sees it."""
    games, aimbot = _falling_ball(), Aimbot(1)
    aimbot.watch(draw_grey(games), 0)
    for _ in range(4):
        fly(games[0])
    screen = draw_grey(games)
    aim = aimbot.watch(screen, 4)
    marked = mono(screen, "mono_1dim")
    paint_mark(marked, aim)
    counted = marked.copy()
    paint_counters(counted, aim)
    views = {
        "grey": mono(screen, "grey_1dim"),
        "trim: black and white, trimmed": trim(mono(screen, "mono_1dim"), "trim"),
        "aimbot: with the mark": trim(marked, "trim"),
        "counters: five pixels more": trim(counted, "trim"),
    }
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.6), layout="constrained")
    for axis, (name, view) in zip(axes, views.items(), strict=True):
        picture = halve(view)[0, :, :, 0]
        axis.imshow(picture, cmap="gray", vmin=0, vmax=WHITE)
        axis.set_title(name, fontsize="medium")
        axis.set_xlabel(f"{picture.shape[0]}x{picture.shape[1]} pixels")
        axis.set(xticks=[], yticks=[])
    return save_figure(figure, "3.3_four_pictures")


def look_ahead() -> Path:
    """Lesson 3.4: a flight through a brick and a wall, and what the block `arrival` says about it from the start."""
    games = new_games(1)
    game = games[0]
    game["building"] = 0
    game["ball_x"], game["ball_y"] = 60 * PIXEL, 170 * PIXEL
    game["ball_vx"], game["ball_vy"], game["met"], game["hits"] = 384, -512, True, 5
    game["bricks"][3:, 5:9] = 0
    entries = entries_of(["arrival"])
    known = {entry.name: value for entry, value in zip(entries, Blocks(["arrival"], 1).compute(games)[0], strict=True)}
    screen, flight = draw_grey(games)[0], list[tuple[float, int]]()
    while not flight or game["ball_vy"] < 0 or flight[-1][1] < PADDLE_TOP:
        flight.append((game["ball_x"] / PIXEL + BALL_WIDTH / 2, row_of_line(int(game["ball_y"]) >> PIXEL_BITS)))
        fly(game)
    figure, axis = plt.subplots(figsize=(7.5, 5.2), layout="constrained")
    axis.imshow(screen, cmap="gray_r", vmax=400, extent=(0, WIDTH, HEIGHT, 0), aspect="equal")
    axis.plot(*np.array(flight).T, ".", color="C0", markersize=4)
    axis.plot(*flight[0], "o", color="C3", markersize=9, fillstyle="none")
    notes = {
        "the ball now": (flight[0], (18, 160)),
        "a brick breaks": (min(flight, key=lambda place: place[1]), (20, 112)),
        "here the block `arrival` expects it:\n"
        f"in {known['arrival_frames'] * FRAMES:.0f} frames, at column {known['arrival_column'] * WIDTH:.0f}": (
            (known["arrival_column"] * WIDTH, PADDLE_TOP),
            (12, 202),
        ),
    }
    for note, (place, at) in notes.items():
        axis.annotate(note, place, at, arrowprops={"arrowstyle": "->"}, fontsize="small", va="center")
    axis.set(xlim=(0, WIDTH), ylim=(HEIGHT, 30), xlabel="column", ylabel="row", title="Looking ahead by the rules")
    return save_figure(figure, "3.4_look_ahead")


def search_tree() -> Path:
    """Lesson 7.3: what each of four ways to meet the ball leads to, and what each way then leads to."""
    games = new_games(1)
    now = games[0]
    now["building"], now["bricks"] = 0, 0
    for row, brick in ((5, 1), (4, 1), (3, 7), (2, 14), (1, 14), (5, 16)):
        now["bricks"][row, brick] = 1
    now["ball_x"], now["ball_y"] = 76 * PIXEL, 176 * PIXEL
    now["ball_vx"], now["ball_vy"], now["hits"] = 384, 512, 5
    root = now.copy()
    come_down(root, np.zeros(3, dtype=np.int64))
    screen = draw_grey(games)[0]

    figure, (board, tree) = plt.subplots(1, 2, figsize=(10.5, 4.8), layout="constrained", width_ratios=(1, 1.15))
    board.imshow(screen, cmap="gray_r", vmax=400, extent=(0, WIDTH, HEIGHT, 0), aspect="auto")
    board.set(xlim=(0, WIDTH), ylim=(HEIGHT + 20, 30), xticks=[], yticks=[], title="Four ways to meet the ball ...")
    tree.set(
        xlim=(-0.25, 3.0),
        ylim=(15.6, -0.6),
        xticks=[],
        yticks=[],
        title="... and then four ways again: bricks that break",
    )

    branches = [_branch(root, way) for way in WAY_COLUMNS]
    worths = []
    for number, (way, branch) in enumerate(zip(WAY_COLUMNS, branches, strict=True)):
        board.plot(*np.array(branch.flight).T, color=f"C{number}", label=way)
        board.plot(*branch.flight[-1], "o", color=f"C{number}", markersize=5)
        later = [_branch(branch.after, other) for other in WAY_COLUMNS] if branch.back else []
        best = max((leaf.worth for leaf in later), default=0.0)
        worths.append(branch.worth + DISCOUNT**branch.back * best)
        middle = 4 * number + 1.5
        for place, leaf in enumerate(later):
            heavy = 1.8 if leaf.worth == best > 0 else 0.6
            tree.plot((1.15, 2.1), (middle, 4 * number + place), color=f"C{number}", linewidth=heavy)
            text = f"{leaf.bricks} after {leaf.first} frames" if leaf.bricks else "none"
            tree.text(2.16, 4 * number + place, text, fontsize="x-small", va="center")
    for number, (way, branch) in enumerate(zip(WAY_COLUMNS, branches, strict=True)):
        middle, chosen = 4 * number + 1.5, worths[number] == max(worths)
        tree.plot((0, 1.15), (7.5, middle), color=f"C{number}", linewidth=2.5 if chosen else 0.8, zorder=0)
        bricks = f"{branch.bricks} after {branch.first} frames" if branch.bricks else "no brick"
        box = {
            "boxstyle": "round",
            "facecolor": "white",
            "edgecolor": f"C{number}",
            "linewidth": 2.5 if chosen else 0.8,
        }
        tree.text(
            1.15,
            middle,
            f"{way}: {bricks}\nworth {worths[number]:.2f}",
            fontsize="x-small",
            va="center",
            ha="center",
            bbox=box,
        )
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "black"}
    tree.text(
        0, 7.5, f"ball comes\ndown\nworth {max(worths):.2f}", fontsize="x-small", va="center", ha="center", bbox=box
    )
    board.legend(fontsize="x-small", loc="lower center", ncols=2)
    return save_figure(figure, "7.3_search_tree")


class _Branch(NamedTuple):
    """What meeting the ball in one way leads to."""

    flight: list[tuple[float, int]]
    bricks: int
    first: int
    back: int
    after: np.ndarray

    @property
    def worth(self) -> float:
        """In bricks, without what comes after it."""
        return float(DISCOUNT**self.first * self.bricks)


def _branch(game: np.ndarray, way: str) -> _Branch:
    """Let a ball that has come down meet the paddle in this way, and play on until it is down again."""
    game, counts, flight = game.copy(), np.zeros(3, dtype=np.int64), list[tuple[float, int]]()
    bounce(game, WAY_COLUMNS[way])
    shown = game.copy()
    back = come_down(game, counts)
    for _ in range(max(back, 0)):
        flight.append((shown["ball_x"] / PIXEL + BALL_WIDTH / 2, row_of_line(int(shown["ball_y"]) >> PIXEL_BITS)))
        fly(shown)
    return _Branch(flight, int(counts[0]), max(int(counts[1]), 0), max(back, 0), game)


def _falling_ball() -> np.ndarray:
    """One game whose ball falls to the right wall, at 1.5 columns and 2 rows a frame."""
    games = new_games(1)
    games["building"] = 0
    games["ball_x"], games["ball_y"] = 117 * PIXEL, 110 * PIXEL
    games["ball_vx"], games["ball_vy"] = 384, 512
    return games


def samplers(trials: int = 25) -> Path:
    """Lesson 4.0: where a grid, random search and TPE put 25 trials, on a landscape whose height only we know."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    steps = np.linspace(0, 1, 5)
    makers: dict[str, optuna.samplers.BaseSampler] = {
        "grid": optuna.samplers.GridSampler({"x": list(steps), "y": list(steps)}, seed=0),
        "random": optuna.samplers.RandomSampler(seed=1),
        "TPE": optuna.samplers.TPESampler(seed=1),
    }
    x, y = np.meshgrid(np.linspace(0, 1, 80), np.linspace(0, 1, 80))
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained", sharey=True)
    for axis, (name, sampler) in zip(axes, makers.items(), strict=True):
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(
            lambda trial: _landscape(trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)), n_trials=trials
        )
        axis.contourf(x, y, _landscape(x, y), levels=12, cmap="Blues")
        tried = np.array([(trial.params["x"], trial.params["y"]) for trial in study.trials])
        points = axis.scatter(*tried.T, c=np.arange(trials), cmap="autumn", edgecolors="black", s=30)
        axis.set(title=f"{name}: best {study.best_value:.0f}", xlabel="learning rate", xticks=[], yticks=[])
    axes[0].set_ylabel("entropy bonus")
    figure.colorbar(points, ax=axes, label="trial")
    return save_figure(figure, "4.0_samplers")


def _landscape(x: Any, y: Any) -> Any:
    """A score for two hyperparameters between 0 and 1: a ridge that is narrow in x, at most 100 points."""
    return 100 * np.exp(-(((x - 0.62) / 0.14) ** 2) - ((y - 0.4 - 0.3 * x) / 0.5) ** 2)


def replay() -> Path:
    """Lesson 5.1: from games to the replay buffer, to minibatches, to the network and its older copy."""
    rng = np.random.default_rng(0)
    figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
    rows, columns, size = 4, 14, 0.5
    drawn = rng.choice(rows * columns, size=8, replace=False)
    for place in range(rows * columns):
        x, y = 2.6 + size * (place % columns), size * (place // columns)
        edge = {"edgecolor": "black", "linewidth": 2, "zorder": 2} if place in drawn else {"edgecolor": "white"}
        axis.add_patch(plt.Rectangle((x, y), 0.46, 0.46, facecolor=f"C{place // columns}", alpha=0.6, **edge))
    for row in range(rows):
        axis.text(1.2, size * row + 0.23, f"game {row + 1}", va="center", ha="center", color=f"C{row}")
        axis.annotate("", (2.5, size * row + 0.23), (1.75, size * row + 0.23), arrowprops={"arrowstyle": "->"})
    axis.text(6.1, -0.25, "replay buffer: steps (s, a, r, s') of many games", ha="center", fontsize="small")
    axis.text(6.1, 2.3, "a minibatch: steps drawn at random (black)", ha="center", fontsize="small")
    for y, name in ((1.3, "Q-network"), (0.1, "target network")):
        axis.add_patch(plt.Rectangle((11.2, y), 2.6, 0.7, facecolor="white", edgecolor="black"))
        axis.text(12.5, y + 0.35, name, ha="center", va="center")
    axis.annotate("", (11.1, 1.65), (9.7, 1.2), arrowprops={"arrowstyle": "->"})
    axis.annotate("", (11.1, 0.45), (9.7, 0.8), arrowprops={"arrowstyle": "->"})
    axis.text(10.35, 1.7, "Q(s, a)", ha="center", fontsize="small")
    axis.text(10.35, 0.15, "max Q(s', a')", ha="center", fontsize="small")
    axis.annotate("", (12.5, 0.82), (12.5, 1.28), arrowprops={"arrowstyle": "->", "linestyle": "--"})
    axis.text(12.6, 1.05, "copied now and then", va="center", fontsize="small")
    axis.set(xlim=(0.5, 15.6), ylim=(-0.6, 2.7))
    axis.axis("off")
    return save_figure(figure, "5.1_replay")


def exploration() -> Path:
    """Lesson 5.1: what the first 500 of the agent's decisions are, while epsilon falls."""
    rng, steps = np.random.default_rng(0), np.arange(500)
    chance = np.array([epsilon(int(step), 1.0, 0.01, 400) for step in steps])
    explores = rng.random(len(steps)) < chance
    figure, axis = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
    axis.plot(steps, chance, color="C0", label="epsilon: the probability of a random action")
    axis.vlines(steps[explores], -0.3, -0.18, color="C1", linewidth=0.8, label="explores: a random action")
    axis.vlines(steps[~explores], -0.14, -0.02, color="C2", linewidth=0.8, label="exploits: the action of highest Q")
    axis.set(xlabel="decision", ylim=(-0.35, 1.05), yticks=[0, 0.5, 1], title="Exploration: epsilon-greedy actions")
    axis.legend(loc="upper right", fontsize="small")
    return save_figure(figure, "5.1_exploration")


def save_figure(figure: Figure, name: str) -> Path:
    """Write results/NAME.png, and close the figure."""
    path = RESULTS / f"{name}.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
