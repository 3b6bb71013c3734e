"""The aimbot: where the ball will cross the paddle's line, inferred from two screens.

The ball knows eight speeds only (SPEEDS), and the side walls turn it at fixed columns. So two observations of it tell
its speed: of all speeds and directions, the one whose flight from the first place ends at the second. From there its
flight is known to the frame, until it meets something.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    BRICKS_BOTTOM,
    PADDLE_TOP,
    WIDTH,
    Ball,
    Paddle,
    find_ball,
    find_paddle,
)
from rlbreakout.common.compiled import compiled

SPEEDS = ((2.0, 1.0), (2.0, 2.0), (1.5, 1.0), (1.0, 1.0), (1.0, 1.5), (2.0, 3.375), (0.5, 2.0), (1.5, 2.0))
"""All speeds of the ball, in pixels a frame: columns (to a side), rows (up or down). Measured over 60,000 frames."""

TURNS_AT_LEFT, TURNS_AT_RIGHT = 7, 151
"""A ball whose column is at or beyond it moves away from that wall in the next frame."""

LONGEST_STEP = 16
"""Frames between two observations, at most, for which the ball is followed."""

HALVES = 2
"""The screen shows whole columns, and the ball moves by half ones: its places are counted in half columns."""
_SIDEWAYS = np.array([round(columns * HALVES) for columns, _ in SPEEDS])
_DOWN = np.array([rows for _, rows in SPEEDS])
_LONGEST_FLIGHT = int(np.ceil(PADDLE_TOP / _DOWN.min())) + 1


class Aim(NamedTuple):
    """What the aimbot knows about n games. Arrays are `(n,)`."""

    known: np.ndarray
    """bool: whether the ball falls below the bricks and its flight is known."""
    column: np.ndarray
    """int, the first column of the ball when it crosses the paddle's line; 0 if it is not known."""
    frames: np.ndarray
    """int, frames until then; 0 if it is not known."""
    ball: Ball
    paddle: Paddle


class Aimbot:
    """Follows the ball of `n` games from screen to screen.

    >>> aimbot = Aimbot(1)
    >>> aimbot.watch(screens, elapsed=0)
    >>> aimbot.watch(screens_4_frames_later, elapsed=4).column
    """

    def __init__(self, n: int) -> None:
        self._everyone = np.arange(n)
        self._balls = np.zeros(
            n,
            [("row", np.int64), ("column", np.int64), ("speed", np.int64), ("direction", np.int64), ("half", np.int64)],
        )
        self.forget(self._everyone)

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices: the ball of another life has another flight."""
        self._balls[games] = (-1, -1, -1, 0, 0)

    def watch(self, screens: np.ndarray, elapsed: int | np.ndarray, games: np.ndarray | None = None) -> Aim:
        """Take in `screens`, `(n, 210, 160)` uint8, `elapsed` frames (one number, or `(n,)`) after those before.

        `games` are the indices of the games that they show, by default all.
        """
        games = self._everyone if games is None else games
        ball, paddle = find_ball(screens), find_paddle(screens)
        frames = np.full(len(games), np.minimum(elapsed, LONGEST_STEP))
        known, column, landing = np.zeros(len(games), np.bool_), np.zeros(len(games), int), np.zeros(len(games), int)
        _follow(self._balls, games, ball, paddle, frames, *_flights(), known, column, landing)
        return Aim(known, column, landing, ball, paddle)


@cache
def _flights() -> tuple[np.ndarray, np.ndarray]:
    """Half column and direction (0 left, 1 right) of a ball after `frames`, both int16, indexed
    `[frames, half column, speed, direction]`."""
    columns = np.empty((_LONGEST_FLIGHT + 1, WIDTH * HALVES, len(SPEEDS), 2), dtype=np.int16)
    directions = np.empty_like(columns)
    columns[0], directions[0] = np.arange(WIDTH * HALVES)[:, None, None], np.array([0, 1])
    for frame in range(_LONGEST_FLIGHT):
        moved = columns[frame] + np.where(directions[frame] == 1, 1, -1) * _SIDEWAYS[:, None]
        columns[frame + 1] = np.clip(moved, 0, WIDTH * HALVES - 1)
        directions[frame + 1] = np.where(
            moved // HALVES <= TURNS_AT_LEFT, 1, np.where(moved // HALVES >= TURNS_AT_RIGHT, 0, directions[frame])
        )
    return columns, directions


@compiled
def _follow(
    balls: np.ndarray,
    games: np.ndarray,
    ball: Ball,
    paddle: Paddle,
    elapsed: np.ndarray,
    columns: np.ndarray,
    directions: np.ndarray,
    known: np.ndarray,
    column: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Aimbot.watch, ball by ball; fills `known`, `column` and `frames`, `(n,)`. The tables are those of `_flights`."""
    for i in range(len(games)):
        last, row, now = balls[games[i]], ball.row[i], ball.column[i]
        speed, direction, half = -1, 0, 0
        if ball.seen[i] and last.row >= 0 and elapsed[i] > 0:
            speed, direction, half = _find_flight(last, row, now, elapsed[i], columns)
        falls = row > last.row
        if speed >= 0:
            start = last.column * HALVES + half
            half = columns[elapsed[i], start, speed, direction] % HALVES
            direction = directions[elapsed[i], start, speed, direction]
        last.row, last.column = (row, now) if ball.seen[i] else (-1, -1)
        last.speed, last.direction, last.half = speed, direction, half
        touched = now + BALL_WIDTH > paddle.column[i] and now < paddle.right[i] and row + BALL_HEIGHT > PADDLE_TOP
        if speed >= 0 and falls and BRICKS_BOTTOM <= row < PADDLE_TOP and not touched:
            known[i], frames[i] = True, int(np.ceil((PADDLE_TOP - row) / _DOWN[speed]))
            column[i] = columns[frames[i], now * HALVES + half, speed, direction] // HALVES


@compiled
def _find_flight(last: Any, row: int, column: int, elapsed: int, columns: np.ndarray) -> tuple[int, int, int]:
    """Speed, direction at the start and half column of the start of the flight that leads from the last place to `row`
    and `column`; a speed of -1 if none does. The flight that the ball was on before comes first."""
    best, found = -1, (-1, 0, 0)
    for speed in range(len(_DOWN)):
        if row == last.row or abs(abs(row - last.row) - _DOWN[speed] * elapsed) >= 1:
            continue
        for direction in range(2):
            for half in range(HALVES):
                if columns[elapsed, last.column * HALVES + half, speed, direction] // HALVES == column:
                    same = 4 * (speed == last.speed) + 2 * (direction == last.direction) + (half == last.half)
                    if same > best:
                        best, found = same, (speed, direction, half)
    return found
