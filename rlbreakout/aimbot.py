"""Where the ball will cross the paddle's line.

The ball knows eight speeds only (SPEEDS) and the side walls turn it at fixed columns, so a look at it before and after
an agent step tells its speed, also when it touched a wall in between: of all speeds and directions, the one whose
flight from the first place ends at the second. From there its flight is known to the frame.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from rlbreakout.screen import BALL_HEIGHT, BALL_WIDTH, BRICKS_BOTTOM, HEIGHT, PADDLE_TOP, WIDTH, Ball, Paddle

SPEEDS = ((2.0, 1.0), (2.0, 2.0), (1.5, 1.0), (1.0, 1.0), (1.0, 1.5), (2.0, 3.375), (0.5, 2.0), (1.5, 2.0))
"""All speeds of the ball, in pixels a frame: columns (to a side), rows (up or down). Measured over 60,000 frames."""

TURNS_AT_LEFT, TURNS_AT_RIGHT = 7, 151
"""A ball whose column is at or beyond it moves away from that wall in the next frame."""

LONGEST_STEP = 16
"""Frames between two looks, at most, for which the ball is followed."""

HALF = 2
"""Half pixels in one. Columns are counted in them, the emulator's own fractions: the screen shows whole ones."""
_SIDEWAYS = np.array([round(columns * HALF) for columns, _ in SPEEDS])
_DOWN = np.array([rows for _, rows in SPEEDS])
_LONGEST_FLIGHT = 2 * int(np.ceil(PADDLE_TOP / _DOWN.min())) + 1  # up and down again


_FLIGHTS = len(SPEEDS) * 2 * HALF
"""Of each speed to either side, from either half of a column: a bit each in what follows, in this order."""
_SAME_SPEED = np.append(15 << 4 * np.arange(len(SPEEDS)), 0)  # of a speed that is not known, -1, there is none
_SAME_PATH = _SAME_SPEED[:, None] & np.array([0x33333333, 0xCCCCCCCC])
_SAME_HALF = np.array([0x55555555, 0xAAAAAAAA])


class Flight(NamedTuple):
    """What a tracker knows about the ball in each of n games, after a look at it."""

    known: np.ndarray
    """`(n,)` bool: whether speed and direction are known."""
    row: np.ndarray
    column: np.ndarray
    """`(n,)` int, the place of the ball in pixels, also while a side wall hides it; -1 if it is not known."""
    seen: np.ndarray
    """`(n,)` bool: whether the place is known."""
    rows_a_frame: np.ndarray
    """`(n,)` float, positive downwards; 0 if it is not known."""
    columns_a_frame: np.ndarray
    """`(n,)` float, positive to the right; 0 if it is not known."""


class Landing(NamedTuple):
    """Where and when the ball will cross the paddle's line, in each of n games."""

    known: np.ndarray
    """`(n,)` bool: it is, while the ball falls below the bricks."""
    column: np.ndarray
    """`(n,)` int, of the ball's left pixels when its top reaches row PADDLE_TOP; -1 if it is not known."""
    frames: np.ndarray
    """`(n,)` int, frames until then; -1 if it is not known."""


class Path(NamedTuple):
    """On which of all possible flights the ball is, in each of n games."""

    known: np.ndarray
    """`(n,)` bool."""
    row: np.ndarray
    """`(n,)`, of the ball's top."""
    half_column: np.ndarray
    """`(n,)` int, of its left pixels, counted in half pixels."""
    speed: np.ndarray
    """`(n,)` int, index into SPEEDS."""
    direction: np.ndarray
    """`(n,)` int: 0 to the left, 1 to the right."""
    down: np.ndarray
    """`(n,)` bool: whether it falls."""

    def take(self, games: np.ndarray) -> Path:
        """Of some of the games."""
        return Path(*(part[games] for part in self))


@cache
def _flights() -> tuple[np.ndarray, np.ndarray]:
    """Column (in half pixels) and direction (0 left, 1 right) after `frames`, both indexed
    `[frames, column in half pixels, speed, direction]`."""
    columns = np.empty((_LONGEST_FLIGHT + 1, WIDTH * HALF, len(SPEEDS), 2), dtype=np.int16)
    directions = np.empty_like(columns)
    columns[0], directions[0] = np.arange(WIDTH * HALF)[:, None, None], np.array([0, 1])
    for frame in range(_LONGEST_FLIGHT):
        column, direction = columns[frame], directions[frame]
        moved = column + np.where(direction == 1, 1, -1) * _SIDEWAYS[:, None]
        columns[frame + 1] = np.clip(moved, 0, WIDTH * HALF - 1)
        directions[frame + 1] = np.where(
            moved // HALF <= TURNS_AT_LEFT, 1, np.where(moved // HALF >= TURNS_AT_RIGHT, 0, direction)
        )
    return columns, directions


@cache
def _flights_between() -> np.ndarray:
    """Which flights lead from one column to another, indexed `[frames, first column, last column]`, a bit for each: for
    each of SPEEDS to the left and to the right, from the left and the right half of the first column. No flight leads
    to a column that is not known, -1, the last index."""
    columns, _ = _flights()
    frames, first = np.ogrid[: LONGEST_STEP + 1, :WIDTH]
    bits = np.zeros((LONGEST_STEP + 1, WIDTH, WIDTH + 1), dtype=np.int64)
    for flight in range(_FLIGHTS):
        last = columns[frames, first * HALF + flight % 2, flight // 4, flight // 2 % 2] // HALF
        bits[frames, first, last] |= 1 << flight
    return bits


@cache
def _flights_by_rows() -> np.ndarray:
    """Which flights, in the same bits, are this fast, indexed `[frames, rows]`."""
    frames, rows = np.ogrid[: LONGEST_STEP + 1, : HEIGHT + 1]
    fits = np.abs(rows[..., None] - _DOWN * frames[..., None]) < 1
    return (fits * _SAME_SPEED[:-1]).sum(axis=-1)


def _first_that_fits(flights: np.ndarray, *preferred: np.ndarray) -> np.ndarray:
    """Of `(n,)` sets of flights, those that are in the first of the `preferred` sets that has any of them; else all."""
    best = flights
    for some in reversed(preferred):
        both = flights & some
        best = np.where(both != 0, both, best)
    return best


def rows_a_frame(path: Path) -> np.ndarray:
    """How fast the balls rise or fall, `(n,)`."""
    return _DOWN[path.speed]


def half_columns_after(path: Path, frames: np.ndarray) -> np.ndarray:
    """Where the balls are after `frames`, `(n, k)` or `(1, k)` for all alike: `(n, k)`, in half pixels."""
    start, speed, direction = (part[:, None] for part in (path.half_column, path.speed, path.direction))
    return _flights()[0][frames, start, speed, direction]


def turned_after(path: Path, frames: np.ndarray) -> np.ndarray:
    """In which direction they fly then, 0 to the left, 1 to the right; as half_columns_after."""
    start, speed, direction = (part[:, None] for part in (path.half_column, path.speed, path.direction))
    return _flights()[1][frames, start, speed, direction]


class BallTracker:
    """Follows the ball of n games from look to look.

    >>> tracker = BallTracker(1)
    >>> _ = tracker.look(find_ball(frames_before), frames=4)
    >>> tracker.look(find_ball(frames_after), frames=4)      # now its flight is known
    >>> tracker.landing()
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._seen = np.zeros(n, dtype=bool)
        self._row, self._column = np.full(n, -1), np.full(n, -1)
        self._speed = np.full(n, -1)
        """Index into SPEEDS, -1 if it is not known."""
        self._direction, self._down = np.zeros(n, dtype=int), np.zeros(n, dtype=bool)
        self._half = np.zeros(n, dtype=int)
        """Half pixels by which the ball is right of its column."""
        self._certain = np.zeros(n, dtype=bool)
        """Whether the half pixel is known: only a turn at a wall shows it."""

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices: a ball of another life flies on no path of the one before."""
        self._seen[games] = self._down[games] = self._certain[games] = False
        self._row[games] = self._column[games] = self._speed[games] = -1
        self._direction[games] = self._half[games] = 0

    def look(self, ball: Ball, frames: int | np.ndarray, games: np.ndarray | None = None) -> Flight:
        """Take in where the ball is now, `frames` (one number, or one for each game) after the look before.

        `games` are the indices of the games that `ball` is about; by default all.
        """
        games = np.arange(self.n) if games is None else games
        columns, directions = _flights()
        elapsed = np.full(len(games), np.minimum(frames, LONGEST_STEP))
        old_row, old_column, old_speed = self._row[games], self._column[games], self._speed[games]
        old_direction, old_down, was_seen = self._direction[games], self._down[games], self._seen[games]
        was_known = was_seen & (old_speed >= 0)

        # The place it should have reached on the path that it was on.
        begin = np.maximum(old_column, 0) * HALF
        start = begin + self._half[games]
        expected = columns[elapsed, start, old_speed, old_direction]
        expected_rows = _DOWN[old_speed] * elapsed
        on = directions[elapsed, start, old_speed, old_direction]
        hidden = ~ball.seen & was_known & _is_hidden(expected // HALF)
        row = np.where(hidden, np.rint(old_row + np.where(old_down, 1, -1) * expected_rows).astype(int), ball.row)
        hidden &= (row > 0) & (row < PADDLE_TOP)
        column = np.where(hidden, expected // HALF, ball.column)
        seen = ball.seen | hidden
        rows = row - old_row

        # Of all flights that begin in either half of the first column: which of them end here?
        fits = _flights_between()[elapsed, begin // HALF, column] & _flights_by_rows()[elapsed, np.abs(rows)]
        # The path that it was on comes first, then its speed, then the rest; of those the half that was told before.
        best = _first_that_fits(fits, _SAME_PATH[old_speed, old_direction], _SAME_SPEED[old_speed])
        best = _first_that_fits(best, _SAME_HALF[self._half[games]])
        flight = np.bitwise_count(np.maximum(best & -best, 1) - 1).astype(int)  # the lowest bit, 0 if there is none
        new_speed, new_direction, new_half = flight // 4, flight // 2 % 2, flight % 2
        found = (fits != 0) & was_seen & seen & (elapsed > 0) & (rows != 0)
        begin += new_half
        down = rows > 0
        same = found & was_known & (new_speed == old_speed) & (new_direction == old_direction) & (down == old_down)

        # Rising on its path to the side, but not as high as it should be: a brick has sent it back.
        turned = was_known & seen & ~old_down & (expected // HALF == column) & (rows > 1 - expected_rows)
        speed = np.where(turned, old_speed, new_speed)
        direction = np.where(turned, on, directions[elapsed, begin, new_speed, new_direction])
        half = np.where(turned, expected, columns[elapsed, begin, new_speed, new_direction]) % HALF
        down |= turned
        found |= turned
        # Both halves fit, unless the ball turned at a wall meanwhile: then what was known before stays true.
        both = (fits >> (flight - new_half)) & 3 == 3
        certain = np.where(turned | both, was_known & self._certain[games], True)

        # A ball that should have met the paddle, and is not where it would be without, has met it: it rises.
        met_paddle = was_known & old_down & (old_row + expected_rows > PADDLE_TOP - BALL_HEIGHT)
        found &= ~(met_paddle & down & ~same)

        self._seen[games], self._row[games], self._column[games] = seen, row, column
        self._speed[games] = np.where(found, speed, -1)
        self._direction[games], self._half[games], self._down[games] = direction, half, down
        self._certain[games] = found & certain
        return Flight(
            known=found,
            row=np.where(seen, row, -1),
            column=np.where(seen, column, -1),
            seen=seen,
            rows_a_frame=np.where(found, np.where(down, 1, -1) * _DOWN[speed], 0.0),
            columns_a_frame=np.where(found, np.where(direction == 1, 1, -1) * _SIDEWAYS[speed] / HALF, 0.0),
        )

    @property
    def known(self) -> np.ndarray:
        """`(n,)` bool: whether the last look told on which flight the ball is."""
        return self._seen & (self._speed >= 0)

    def path(self, games: np.ndarray | None = None) -> Path:
        """On which flight the ball is, as far as the last look tells."""
        games = np.arange(self.n) if games is None else games
        return Path(
            known=self.known[games],
            row=self._row[games],
            half_column=np.maximum(self._column[games], 0) * HALF + self._half[games],
            speed=self._speed[games],
            direction=self._direction[games],
            down=self._down[games],
        )

    def landing(self, games: np.ndarray | None = None, paddle: Paddle | None = None) -> Landing:
        """Where the ball will cross the paddle's line, as far as the last look tells.

        With `paddle` there is no landing for a ball that the paddle touches already: it will rise in the next frame.
        """
        games = np.arange(self.n) if games is None else games
        row, speed = self._row[games], self._speed[games]
        known = self._seen[games] & (speed >= 0) & self._down[games] & (row >= BRICKS_BOTTOM) & (row < PADDLE_TOP)
        if paddle is not None:
            column = self._column[games]
            over_it = (column + BALL_WIDTH > paddle.column) & (column < paddle.right)
            known &= ~(over_it & (row + BALL_HEIGHT > PADDLE_TOP))
        frames = np.ceil((PADDLE_TOP - row) / _DOWN[speed]).astype(int)
        frames = np.where(known, frames, 0)
        start = np.maximum(self._column[games], 0) * HALF
        first, second = (start + np.where(self._certain[games], self._half[games], half) for half in (0, 1))
        columns, direction = _flights()[0], self._direction[games]
        # The middle, where both halves are possible.
        column = (columns[frames, first, speed, direction] + columns[frames, second, speed, direction]) // (2 * HALF)
        return Landing(known, np.where(known, column, -1), np.where(known, frames, -1))


def _is_hidden(columns: np.ndarray) -> np.ndarray:
    """Whether a ball at these columns is behind a side wall."""
    return (columns < TURNS_AT_LEFT) | (columns > TURNS_AT_RIGHT)
