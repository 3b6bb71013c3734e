"""Where a ball that rises will come back, and what the two ways to send up a falling one would do.

Measured frame by frame on the emulator: a brick that the ball hits is gone and turns it up or down, never to a side;
after that it flies through all others until it has met the paddle or the upper wall. At its fastest, which it is for
most of a long life, the paddle can only choose a side for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rlbreakout.aimbot import HALF, SPEEDS, Path, half_columns_after, rows_a_frame
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BRICK_HEIGHT,
    BRICK_ROWS,
    BRICK_WIDTH,
    BRICKS,
    BRICKS_BOTTOM,
    BRICKS_IN_A_ROW,
    BRICKS_TOP,
    GAME_LEFT,
    GAME_RIGHT,
    PADDLE_TOP,
)

TURNS_AT_TOP = 34
"""A ball whose row is above it falls in the next frame."""
MEETS_PADDLE = PADDLE_TOP - BALL_HEIGHT + 1
"""Row at or below which the paddle sends the ball up again."""
BALL_MIDDLE = 2
"""Rows from its top to the pixels that meet a brick when it falls."""
FASTEST = SPEEDS.index((2.0, 3.375))
LEFT_SIDE, RIGHT_SIDE = 0, 1

_POINTS = np.array([row.points for row in BRICK_ROWS])


class Return(NamedTuple):
    """What a rising ball will do until it is back at the paddle's line, in each of n games."""

    known: np.ndarray
    """`(n,)` bool."""
    from_below: np.ndarray
    """`(n,)` bool: whether it hits a brick on its way up, and comes back at once."""
    from_above: np.ndarray
    """`(n,)` bool: whether it hits one after it has turned at the upper wall, and goes up again."""
    points: np.ndarray
    """`(n,)` int, of that brick; 0 if there is none."""
    column: np.ndarray
    """`(n,)` int, of the ball's left pixels when its top reaches row PADDLE_TOP; -1 if it is not known, as after a hit
    from above."""
    frames: np.ndarray
    """`(n,)` int, frames until then; -1 if it is not known."""


def returns(path: Path, bricks: np.ndarray) -> Return:
    """Of the balls that rise. `bricks` is `(n, 6, 18)` bool."""
    rises = path.known & ~path.down
    return _spread(rises, follow(path.take(rises), bricks[rises]))


def aims(path: Path, bricks: np.ndarray) -> tuple[Return, Return]:
    """Of the balls that fall to the paddle at their fastest: what they will do if it sends them to the left, and to the
    right. `frames` counts from now on."""
    fall = path.known & path.down & (path.speed == FASTEST) & (path.row >= BRICKS_BOTTOM) & (path.row < MEETS_PADDLE)
    falling = path.take(fall)
    rows = rows_a_frame(falling)
    frames = np.ceil((MEETS_PADDLE - falling.row) / rows).astype(int)
    met = falling._replace(
        row=falling.row + frames * rows,
        half_column=half_columns_after(falling, frames[:, None])[:, 0],
        down=np.zeros(len(frames), dtype=bool),
    )
    sides = []
    for side in (LEFT_SIDE, RIGHT_SIDE):
        back = follow(met._replace(direction=np.full(len(frames), side)), bricks[fall])
        back = back._replace(frames=np.where(back.frames >= 0, back.frames + frames, -1))
        sides.append(_spread(fall, back))
    return sides[0], sides[1]


class Round(NamedTuple):
    """The way of n balls to the upper wall and down again, as if there were no bricks."""

    climb: np.ndarray
    """`(n,)` int, frames until it turns at the upper wall; 0 if it falls already."""
    brick: np.ndarray
    """`(n, frames)` int, where a brick would be in its way in each frame from the next one on, row by row; BRICKS where
    there is place for none."""


def way_of(path: Path) -> Round:
    """The way of balls until they are below all bricks, with the places of all bricks on it."""
    rows = rows_a_frame(path)
    climb = np.where(path.down, 0, np.ceil(np.maximum(path.row - TURNS_AT_TOP, 0) / rows)).astype(int)
    turn = path.row - climb * rows
    fall = np.ceil(np.maximum(BRICKS_BOTTOM + BALL_MIDDLE - turn, 0) / rows).astype(int)
    frame = np.arange(1, (climb + fall).max(initial=0) + 1)
    rising = frame <= climb[:, None]
    row = np.floor(turn[:, None] + np.abs(climb[:, None] - frame) * rows[:, None]).astype(int)
    column = half_columns_after(path, frame[None]) // HALF
    # Its highest pixels meet a brick on the way up, those in its middle on the way down.
    middle = np.maximum(row - BALL_MIDDLE, np.where(row >= BRICKS_TOP, BRICKS_TOP, 0))
    brick_row = (np.where(rising, row - 1, middle) - BRICKS_TOP) // BRICK_HEIGHT
    among = (brick_row >= 0) & (brick_row < len(BRICK_ROWS)) & (column >= GAME_LEFT) & (column < GAME_RIGHT)
    return Round(climb, np.where(among, brick_row * BRICKS_IN_A_ROW + (column - GAME_LEFT) // BRICK_WIDTH, BRICKS))


def round_of(path: Path) -> Round:
    """The way of balls that rise from the paddle, until they are where they began."""
    climb, brick = way_of(path)
    frame = np.arange(1, brick.shape[1] + 1)
    return Round(climb, np.where(frame <= 2 * climb[:, None], brick, BRICKS))


def in_the_way(bricks: np.ndarray, brick: np.ndarray) -> np.ndarray:
    """Whether there is one of the `bricks`, `(n, 6, 18)` or `(n, BRICKS)`, in the `(n, frames)` places of a Round."""
    n = len(bricks)
    there = np.concatenate([bricks.reshape(n, BRICKS), np.zeros((n, 1), dtype=bool)], axis=1)
    return np.take_along_axis(there, brick, axis=1)


def first_of(hit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of `(n, frames)` bool: whether there is one, `(n,)`, and in which frame the first is, counted from 1; else 0."""
    hits = np.asarray(hit.any(axis=1))
    return hits, np.where(hits, hit.argmax(axis=1) + 1, 0) if hit.shape[1] else np.zeros(len(hit), dtype=int)


def follow(path: Path, bricks: np.ndarray) -> Return:
    """Let balls fly up until they are back, or hit a brick from above."""
    n, rows = len(path.row), rows_a_frame(path)
    climb, brick = round_of(path)
    hits, first = first_of(in_the_way(bricks, brick))
    from_below = hits & (first <= climb)
    from_above = hits & ~from_below
    turned = np.where(from_below, first, climb)
    turned_at = path.row - turned * rows
    frames = turned + np.ceil((PADDLE_TOP - turned_at) / rows).astype(int)
    points = np.zeros(n, dtype=int)
    points[hits] = _POINTS[brick[hits, first[hits] - 1] // BRICKS_IN_A_ROW]
    landed = half_columns_after(path, frames[:, None])[:, 0] // HALF
    return Return(
        known=np.ones(n, dtype=bool),
        from_below=from_below,
        from_above=from_above,
        points=points,
        column=np.where(from_above, -1, landed),
        frames=np.where(from_above, -1, frames),
    )


def _spread(which: np.ndarray, some: Return) -> Return:
    """The same for all games, of which `some` is about those where `which` is true."""
    nothing = Return(
        known=np.zeros(len(which), dtype=bool),
        from_below=np.zeros(len(which), dtype=bool),
        from_above=np.zeros(len(which), dtype=bool),
        points=np.zeros(len(which), dtype=int),
        column=np.full(len(which), -1),
        frames=np.full(len(which), -1),
    )
    for all_games, part in zip(nothing, some, strict=True):
        all_games[which] = part
    return nothing
