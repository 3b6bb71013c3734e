"""Where the ball will cross the paddle's line.

The ball knows eight speeds only (SPEEDS) and the side walls turn it at fixed columns, so a look at it before and after
an agent step tells its speed, also when it touched a wall in between: of all speeds and directions, the one whose
flight from the first place ends at the second. From there its flight is known to the frame.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from rlbreakout.breakout.screen import BALL_HEIGHT, BALL_WIDTH, BRICKS_BOTTOM, HEIGHT, PADDLE_TOP, WIDTH, Ball, Paddle
from rlbreakout.compiled import compiled

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


_NO_BALL = np.array(
    (False, -1, -1, -1, 0, False, 0, False),
    dtype=[
        ("seen", bool),
        ("row", np.int64),
        ("column", np.int64),
        ("speed", np.int64),  # index into SPEEDS, -1 if it is not known
        ("direction", np.int64),
        ("down", bool),
        ("half", np.int64),  # half pixels by which the ball is right of its column
        ("certain", bool),  # whether they are known: only a turn at a wall shows it
    ],
)
"""What is remembered of a ball that was not seen yet."""


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
        self._balls = np.full(n, _NO_BALL)

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices: a ball of another life flies on no path of the one before."""
        self._balls[games] = _NO_BALL

    def look(self, ball: Ball, frames: int | np.ndarray, games: np.ndarray | None = None) -> Flight:
        """Take in where the ball is now, `frames` (one number, or one for each game) after the look before.

        `games` are the indices of the games that `ball` is about; by default all.
        """
        games = np.arange(self.n) if games is None else games
        elapsed = np.full(len(games), np.minimum(frames, LONGEST_STEP))
        columns, directions = _flights()
        return _look(self._balls, ball, elapsed, games, columns, directions, _flights_between(), _flights_by_rows())

    @property
    def known(self) -> np.ndarray:
        """`(n,)` bool: whether the last look told on which flight the ball is."""
        return self._balls["seen"] & (self._balls["speed"] >= 0)

    def path(self, games: np.ndarray | None = None) -> Path:
        """On which flight the ball is, as far as the last look tells."""
        balls = self._balls if games is None else self._balls[games]
        return Path(
            known=balls["seen"] & (balls["speed"] >= 0),
            row=balls["row"],
            half_column=np.maximum(balls["column"], 0) * HALF + balls["half"],
            speed=balls["speed"],
            direction=balls["direction"],
            down=balls["down"],
        )

    def landing(self, games: np.ndarray | None = None, paddle: Paddle | None = None) -> Landing:
        """Where the ball will cross the paddle's line, as far as the last look tells.

        With `paddle` there is no landing for a ball that the paddle touches already: it will rise in the next frame.
        """
        games = np.arange(self.n) if games is None else games
        left, right = (np.full(len(games), -1),) * 2 if paddle is None else (paddle.column, paddle.right)
        return _land(self._balls, games, left, right, _flights()[0])


@compiled
def _look(
    balls: np.ndarray,
    seen_now: Ball,
    elapsed: np.ndarray,
    games: np.ndarray,
    columns: np.ndarray,
    directions: np.ndarray,
    flights_between: np.ndarray,
    flights_by_rows: np.ndarray,
) -> Flight:
    """BallTracker.look, ball by ball. `elapsed` is `(n,)`, the tables are those that the functions above make."""
    n = len(games)
    known, seen = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.bool_)
    row, column = np.full(n, -1), np.full(n, -1)
    rows_a_frame, columns_a_frame = np.zeros(n), np.zeros(n)
    for i in range(n):
        ball, frames = balls[games[i]], elapsed[i]
        was_known = ball.seen and ball.speed >= 0
        begin = max(ball.column, 0) * HALF

        # The place it should have reached on the path that it was on.
        expected, on, expected_rows = -1, 0, 0.0
        if was_known:
            expected = columns[frames, begin + ball.half, ball.speed, ball.direction]
            on = directions[frames, begin + ball.half, ball.speed, ball.direction]
            expected_rows = _DOWN[ball.speed] * frames
        seen[i], new_row, new_column = seen_now.seen[i], seen_now.row[i], seen_now.column[i]
        if not seen[i] and was_known and _is_hidden(expected // HALF):
            hidden_row = round(ball.row + (expected_rows if ball.down else -expected_rows))
            if 0 < hidden_row < PADDLE_TOP:
                seen[i], new_row, new_column = True, hidden_row, expected // HALF
        rows = new_row - ball.row

        # Of all flights that begin in either half of the first column: which of them end here?
        fits = flights_between[frames, begin // HALF, new_column] & flights_by_rows[frames, abs(rows)]
        # The path that it was on comes first, then its speed, then the rest; of those the half that was told before.
        best = fits
        for preferred in (_SAME_SPEED[ball.speed], _SAME_PATH[ball.speed, ball.direction], _SAME_HALF[ball.half]):
            both = best & preferred
            best = both if both else best
        flight = 0  # the first of them
        while best and not best >> flight & 1:
            flight += 1
        speed, direction, half = flight // 4, flight // 2 % 2, flight % 2
        known[i] = fits != 0 and ball.seen and seen[i] and frames > 0 and rows != 0
        down = rows > 0
        same = was_known and speed == ball.speed and direction == ball.direction and down == ball.down
        both_fit = fits >> (flight - half) & 3 == 3
        half, direction = (
            columns[frames, begin + half, speed, direction] % HALF,
            directions[frames, begin + half, speed, direction],
        )

        # Rising on its path to the side, but not as high as it should be: a brick has sent it back.
        turned = was_known and seen[i] and not ball.down
        turned = turned and expected // HALF == new_column and rows > 1 - expected_rows
        if turned:
            known[i], down, same = True, True, False
            speed, direction, half = ball.speed, on, expected % HALF
        # A ball that should have met the paddle, and is not where it would be without, has met it: it rises.
        elif was_known and ball.down and ball.row + expected_rows > PADDLE_TOP - BALL_HEIGHT and down and not same:
            known[i] = False

        # Both halves fit, unless the ball turned at a wall meanwhile: then what was known before stays true.
        certain = was_known and ball.certain if turned or both_fit else True
        ball.seen, ball.row, ball.column = seen[i], new_row, new_column
        ball.speed = speed if known[i] else -1
        ball.direction, ball.half, ball.down, ball.certain = direction, half, down, known[i] and certain
        if seen[i]:
            row[i], column[i] = new_row, new_column
        if known[i]:
            rows_a_frame[i] = _DOWN[speed] if down else -_DOWN[speed]
            columns_a_frame[i] = (1 if direction == 1 else -1) * _SIDEWAYS[speed] / HALF
    return Flight(known, row, column, seen, rows_a_frame, columns_a_frame)


@compiled
def _land(
    balls: np.ndarray, games: np.ndarray, paddle_left: np.ndarray, paddle_right: np.ndarray, columns: np.ndarray
) -> Landing:
    """BallTracker.landing, ball by ball; all arrays but `balls`, of all games, and the table `columns` are `(n,)`."""
    n = len(games)
    known, column, frames = np.zeros(n, dtype=np.bool_), np.full(n, -1), np.full(n, -1)
    for i in range(n):
        ball = balls[games[i]]
        falls = ball.seen and ball.speed >= 0 and ball.down and BRICKS_BOTTOM <= ball.row < PADDLE_TOP
        over_paddle = ball.column + BALL_WIDTH > paddle_left[i] and ball.column < paddle_right[i]
        if not falls or (over_paddle and ball.row + BALL_HEIGHT > PADDLE_TOP):
            continue
        known[i], frames[i] = True, int(np.ceil((PADDLE_TOP - ball.row) / _DOWN[ball.speed]))
        start = ball.column * HALF
        first = start + ball.half if ball.certain else start
        second = first if ball.certain else start + 1
        landing = (
            columns[frames[i], first, ball.speed, ball.direction]
            + columns[frames[i], second, ball.speed, ball.direction]
        )
        column[i] = landing // (2 * HALF)  # the middle, where both halves are possible
    return Landing(known, column, frames)


@compiled
def _is_hidden(column: int) -> bool:
    """Whether a ball at this column is behind a side wall."""
    return column < TURNS_AT_LEFT or column > TURNS_AT_RIGHT
