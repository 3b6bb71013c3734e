"""Breakout's screen: where things are, in pixels of the 210x160 picture, and where ball, paddle and bricks are found.

All positions were measured on the emulator. Rows count from the top, columns from the left, both from 0; a thing's
position is that of its top left pixel. The functions take a batch of grey frames `(n, 210, 160)` uint8, from any
source that shows the background as 0 and everything else brighter, and look at no colour: the ball takes on the colour
of the brick row that it is in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

HEIGHT, WIDTH = 210, 160

GAME_TOP, GAME_BOTTOM = 32, 206
"""First row of the game area, and the row after its last: below the upper wall to below the aimbot's mark."""
GAME_LEFT, GAME_RIGHT = 8, 152
"""First column between the side walls, and the column after the last."""


class BrickRow(NamedTuple):
    """A row of 18 bricks."""

    colour: str
    top: int
    """First of its BRICK_HEIGHT pixel rows, counted from the top of the screen."""
    points: int
    """What one brick of it is worth."""


BRICK_HEIGHT = 6
BRICK_WIDTH = 8
BRICKS_LEFT = 8
"""First pixel column of the bricks."""
BRICKS_IN_A_ROW = 18

BRICK_ROWS = (
    BrickRow("red", 57, 7),
    BrickRow("orange", 63, 7),
    BrickRow("ochre", 69, 4),
    BrickRow("yellow", 75, 4),
    BrickRow("green", 81, 1),
    BrickRow("blue", 87, 1),
)
"""From the top down."""
BRICKS = len(BRICK_ROWS) * BRICKS_IN_A_ROW
WALL_POINTS = BRICKS_IN_A_ROW * sum(row.points for row in BRICK_ROWS)
"""18 x (7 + 7 + 4 + 4 + 1 + 1) = 432. At this score, and at no other, a new wall comes when the ball is back at the
paddle, so there are two."""
MOST_POINTS = 2 * WALL_POINTS
"""864: after it there is nothing left to score, and the game goes on."""
BRICKS_TOP, BRICKS_BOTTOM = BRICK_ROWS[0].top, BRICK_ROWS[-1].top + BRICK_HEIGHT

PADDLE_TOP, PADDLE_HEIGHT = 189, 4
WIDE_PADDLE, NARROW_PADDLE = 16, 12
"""Columns. It becomes narrow when the ball touches the upper wall, until the life is lost."""
PADDLE_LEFTMOST, PADDLE_RIGHTMOST = 8, 144
"""Range of its first column. On the right it slides behind the wall."""

BALL_HEIGHT, BALL_WIDTH = 4, 2
BALL_LEFTMOST, BALL_RIGHTMOST = 6, 152
"""Range of the ball's first column. At both ends a side wall hides it, one pixel further in it hides half of it."""

_ROWS_LOOKED_AT = np.array(
    [
        GAME_TOP,
        *range(35, BRICKS_TOP, 4),
        *range(BRICKS_BOTTOM, PADDLE_TOP, 4),
        PADDLE_TOP - 1,
        *range(BRICKS_TOP, BRICKS_BOTTOM, 2),
    ]
)
"""The ball is four rows tall, so every fourth row shows a part of it; among bricks, where it may be half hidden, every
second. Those among bricks come last."""


class Ball(NamedTuple):
    """Where the ball is in each of n frames; where it is not seen, row and column are -1."""

    seen: np.ndarray
    """`(n,)` bool."""
    row: np.ndarray
    """`(n,)` int, of its top pixels; one more among and above the bricks, where it is drawn a row too high."""
    column: np.ndarray
    """`(n,)` int, of its left pixels."""


class Paddle(NamedTuple):
    """Where the paddle is in each of n frames."""

    seen: np.ndarray
    """`(n,)` bool."""
    column: np.ndarray
    """`(n,)` int, its first column; -1 where it is not seen."""
    right: np.ndarray
    """`(n,)` int, the column after the last that is seen, GAME_RIGHT where it slides behind the wall."""


def to_grey(frames: np.ndarray) -> np.ndarray:
    """Grey frames `(n, 210, 160)` from frames in colour `(n, 210, 160, 3)`, the same grey that the emulator gives."""
    weights = np.array([0.2989, 0.5870, 0.1140])
    return np.rint(frames @ weights).astype(np.uint8)


def find_bricks(frames: np.ndarray) -> np.ndarray:
    """`(n, 6, 18)` bool: which bricks are there, rows from the top down.

    The first pixel row of a brick tells: bricks vanish whole, and the ball is too narrow to look like one.
    """
    frames = _whole_screens(frames)
    bricks = np.empty((len(frames), len(BRICK_ROWS), BRICKS_IN_A_ROW), dtype=bool)
    _find_bricks(frames.view(np.uint64), bricks)
    return bricks


def find_ball(frames: np.ndarray, bricks: np.ndarray | None = None) -> Ball:
    """The ball between the upper wall and the paddle's line, in `(n, 210, 160)` frames.

    Above and below the bricks it is all that is lit. Among the bricks it is what is lit and not a whole brick; where it
    covers a part of a whole brick, that part is hidden, and its place is inferred from the rest.
    `bricks` spares finding them again.
    """
    frames = _whole_screens(frames)
    places = np.empty((2, len(frames)), dtype=np.int64)
    bricks = find_bricks(frames) if bricks is None else bricks
    _find_balls(frames, frames.view(np.uint64), bricks, places)
    row, column = places
    return Ball(row >= 0, row, column)


def find_paddle(frames: np.ndarray) -> Paddle:
    """The paddle in `(n, 210, 160)` frames, also while the ball falls past it."""
    places = np.empty((2, len(frames)), dtype=np.int64)
    _find_paddles(_whole_screens(frames), places)
    column, right = places
    return Paddle(column >= 0, column, right)


def _whole_screens(frames: np.ndarray) -> np.ndarray:
    """`frames` in one piece of memory. Raises UserError for anything else: compiled code checks no bounds."""
    if frames.dtype != np.uint8 or frames.ndim != 3 or frames.shape[1:] != (HEIGHT, WIDTH):
        raise UserError(f"frames is {frames.dtype} {frames.shape}; allowed: uint8 (n, {HEIGHT}, {WIDTH})")
    return np.ascontiguousarray(frames)


# Compiled on first use: pixel by pixel, it is many times faster than NumPy on whole frames.


_PIXEL = np.uint64(0xFF)
_EIGHT_ALIKE = np.uint64(0x0101010101010101)


@compiled
def _find_bricks(words: np.ndarray, bricks: np.ndarray) -> None:
    """`words` are the frames as words of 8 pixels, `(n, 210, 20)`; a brick is exactly one word wide."""
    for n in range(len(words)):
        _find_bricks_of_one(words[n], bricks[n])


@compiled
def _find_bricks_of_one(words: np.ndarray, bricks: np.ndarray) -> None:
    for row in range(len(bricks)):
        for brick in range(BRICKS_IN_A_ROW):
            word = words[BRICKS_TOP + BRICK_HEIGHT * row, brick + 1]
            bricks[row, brick] = word != 0 and word == (word & _PIXEL) * _EIGHT_ALIKE


@compiled
def _find_balls(frames: np.ndarray, words: np.ndarray, bricks: np.ndarray, places: np.ndarray) -> None:
    """Rows and columns, -1 where no ball is seen, into `places`, `(2, n)`. `words` as above."""
    for n in range(len(frames)):
        places[:, n] = _find_ball(frames[n], words[n], bricks[n])


@compiled
def _find_ball(frame: np.ndarray, words: np.ndarray, bricks: np.ndarray) -> tuple[int, int]:
    row, word = _first_of_ball(words, bricks)
    if row < 0:
        return -1, -1
    column = BRICK_WIDTH * word
    while frame[row, column] == 0:
        column += 1
    top = lowest = row
    while row - top < BALL_HEIGHT - 1 and _is_ball(frame, bricks, top - 1, column):
        top -= 1
    while lowest - row < BALL_HEIGHT - 1 and _is_ball(frame, bricks, lowest + 1, column):
        lowest += 1
    # Half hidden at its left, by the wall or by a brick.
    hidden = not _is_ball(frame, bricks, top, column + 1) and frame[top, column - 1] != 0
    # Half hidden above, by a brick: count from its lowest row.
    height = lowest - top + 1
    if height < BALL_HEIGHT and BRICKS_TOP < top <= BRICKS_BOTTOM and frame[top - 1, column] != 0:
        top -= BALL_HEIGHT - height
    if top < BRICKS_BOTTOM:  # from there up it is drawn one row higher than it flies
        top += 1
    return top, column - 1 if hidden else column


@compiled
def _first_of_ball(words: np.ndarray, bricks: np.ndarray) -> tuple[int, int]:
    """Row and word of the ball: the first in the rows that are looked at; -1, -1 if there is none."""
    for row in _ROWS_LOOKED_AT:
        among_bricks = BRICKS_TOP <= row < BRICKS_BOTTOM
        for brick in range(BRICKS_IN_A_ROW):
            if words[row, brick + 1] and not (among_bricks and bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, brick]):
                return row, brick + 1
    return -1, -1


@compiled
def _is_ball(frame: np.ndarray, bricks: np.ndarray, row: int, column: int) -> bool:
    """Whether what is lit there is not a whole brick."""
    if frame[row, column] == 0:
        return False
    if row < BRICKS_TOP or row >= BRICKS_BOTTOM or column < GAME_LEFT or column >= GAME_RIGHT:
        return True
    return not bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, (column - GAME_LEFT) // BRICK_WIDTH]


@compiled
def _find_paddles(frames: np.ndarray, places: np.ndarray) -> None:
    """First columns, and those after the last, -1 where no paddle is seen, into `places`, `(2, n)`."""
    for n in range(len(frames)):
        places[:, n] = _find_paddle(frames[n])


@compiled
def _find_paddle(frame: np.ndarray) -> tuple[int, int]:
    first, end, run, longest, longest_end = -1, -1, 0, 0, 0
    for column in range(GAME_LEFT, GAME_RIGHT):
        lit = True
        # All four rows, because the ball may reach into some of them.
        for row in range(PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT):
            lit &= frame[row, column] != 0
        if not lit:
            run = 0
            continue
        first, end, run = first if first >= 0 else column, column + 1, run + 1
        if run > longest:
            longest, longest_end = run, end
    if end - first > WIDE_PADDLE:  # the ball is in all four rows
        first = longest_end - longest
        end = min(longest_end, first + WIDE_PADDLE)
    return first, end
