"""Breakout's screen: where things are, in pixels of the 210x160 picture, and how to find the ball and the paddle on it.

All positions were measured on the emulator. Rows count from the top and columns from the left, both from 0; the
position of a thing is that of its top left pixel. The functions take a batch of grey frames `(n, 210, 160)` uint8 from
any source that shows the background as 0 and everything else brighter. They ignore colours, because the ball takes on
the colour of the bricks around it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

HEIGHT, WIDTH = 210, 160

GAME_TOP, GAME_BOTTOM = 32, 206
"""First row of the game area, and the row after its last: from below the upper wall to below the aimbot's mark."""
GAME_LEFT, GAME_RIGHT = 8, 152
"""First column between the side walls, and the column after the last."""


class BrickRow(NamedTuple):
    """A row of 18 bricks: its colour, the first of its 6 pixel rows, and the points for one of its bricks."""

    colour: str
    top: int
    points: int


BRICK_HEIGHT, BRICK_WIDTH = 6, 8
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
"""The rows of bricks from the top down."""
BRICKS = len(BRICK_ROWS) * BRICKS_IN_A_ROW
BRICKS_TOP, BRICKS_BOTTOM = BRICK_ROWS[0].top, BRICK_ROWS[-1].top + BRICK_HEIGHT
WALL_POINTS = BRICKS_IN_A_ROW * sum(row.points for row in BRICK_ROWS)
"""18 x (7 + 7 + 4 + 4 + 1 + 1) = 432. Only at this score does a new wall come, once the ball is back at the paddle."""
MOST_POINTS = 2 * WALL_POINTS
"""864: with both walls gone there is nothing left to score, and the game goes on."""

PADDLE_TOP, PADDLE_HEIGHT = 189, 4
WIDE_PADDLE, NARROW_PADDLE = 16, 12
"""Widths in columns. When the ball touches the upper wall, the paddle becomes narrow until the life is lost."""
PADDLE_LEFTMOST, PADDLE_RIGHTMOST = 8, 144
"""Range of the paddle's first column. On the right it slides behind the wall."""

BALL_HEIGHT, BALL_WIDTH = 4, 2

# The ball is four rows tall, so every fourth row shows a part of it; among the bricks, where it may be half hidden,
# every second row does. Those come last.
_SEARCHED_ROWS = np.array(
    [
        *(GAME_TOP, *range(35, BRICKS_TOP, 4), *range(BRICKS_BOTTOM, PADDLE_TOP, 4), PADDLE_TOP - 1),
        *range(BRICKS_TOP, BRICKS_BOTTOM, 2),
    ]
)


class Ball(NamedTuple):
    """Where the ball is in each of n frames.

    seen: `(n,)` bool. row, column: `(n,)` int, its top row and left column in pixels, -1 where it is not seen. `row` is
    one more than the screen shows among and above the bricks, where the ball is drawn a row too high.
    """

    seen: np.ndarray
    row: np.ndarray
    column: np.ndarray


class Paddle(NamedTuple):
    """Where the paddle is in each of n frames.

    seen: `(n,)` bool. column: `(n,)` int, its first column, -1 where it is not seen. right: `(n,)` int, the column
    after the last one that is seen; GAME_RIGHT where the paddle slides behind the wall.
    """

    seen: np.ndarray
    column: np.ndarray
    right: np.ndarray


def to_grey(frames: np.ndarray) -> np.ndarray:
    """Convert colour frames `(n, 210, 160, 3)` to the emulator's grey, `(n, 210, 160)` uint8."""
    return np.rint(frames @ np.array([0.2989, 0.5870, 0.1140])).astype(np.uint8)


def find_ball(frames: np.ndarray) -> Ball:
    """Find the ball between the upper wall and the paddle's row, in `(n, 210, 160)` uint8 frames.

    Above and below the bricks it is all that is lit. Among the bricks it is what is lit and not a whole brick; where it
    overlaps a whole brick that part cannot be seen, and its position is inferred from the rest.
    """
    frames = _whole_screens(frames)
    places = np.empty((2, len(frames)), dtype=np.int64)
    _find_balls(frames, frames.view(np.uint64), places)
    row, column = places
    return Ball(row >= 0, row, column)


def find_paddle(frames: np.ndarray) -> Paddle:
    """Find the paddle in `(n, 210, 160)` uint8 frames, even while the ball falls past it."""
    # Columns that are lit in all four rows, because the ball may reach into some of them.
    rows = _whole_screens(frames)[:, PADDLE_TOP : PADDLE_TOP + PADDLE_HEIGHT, GAME_LEFT:GAME_RIGHT]
    lit = (rows != 0).all(axis=1)
    seen = lit.any(axis=1)
    first, end = lit.argmax(axis=1), lit.shape[1] - lit[:, ::-1].argmax(axis=1)
    for n in np.flatnonzero(seen & (end - first > WIDE_PADDLE)):  # the ball is in all four rows
        runs = np.flatnonzero(np.diff(lit[n], prepend=False, append=False)).reshape(-1, 2)
        start, stop = runs[(runs[:, 1] - runs[:, 0]).argmax()]
        first[n], end[n] = start, min(stop, start + WIDE_PADDLE)
    return Paddle(seen, np.where(seen, first + GAME_LEFT, -1), np.where(seen, end + GAME_LEFT, -1))


def _whole_screens(frames: np.ndarray) -> np.ndarray:
    """`frames`, contiguous. Raises UserError for another dtype or shape: compiled code checks no bounds."""
    if frames.dtype != np.uint8 or frames.ndim != 3 or frames.shape[1:] != (HEIGHT, WIDTH):
        raise UserError(f"frames is {frames.dtype} {frames.shape}; allowed: uint8 (n, {HEIGHT}, {WIDTH})")
    return np.ascontiguousarray(frames)


# Compiled: pixel by pixel, it is many times faster than NumPy on whole frames. `words` holds a frame as words of 8
# pixels, `(210, 20)`; a brick is exactly one word wide.
_PIXEL = np.uint64(0xFF)
_EIGHT_ALIKE = np.uint64(0x0101010101010101)


@compiled
def _find_balls(frames: np.ndarray, words: np.ndarray, places: np.ndarray) -> None:
    """Write rows and columns, -1 where no ball is seen, into `places`, `(2, n)`."""
    bricks = np.empty((len(BRICK_ROWS), BRICKS_IN_A_ROW), dtype=np.bool_)
    for n in range(len(frames)):
        for row in range(len(BRICK_ROWS)):
            for brick in range(BRICKS_IN_A_ROW):
                # The first pixel row decides: bricks vanish whole, and the ball is too narrow to look like one.
                word = words[n, BRICKS_TOP + BRICK_HEIGHT * row, brick + 1]
                bricks[row, brick] = word != 0 and word == (word & _PIXEL) * _EIGHT_ALIKE
        places[:, n] = _find_ball(frames[n], words[n], bricks)


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
    # The wall or a brick hides its left half.
    hidden = not _is_ball(frame, bricks, top, column + 1) and frame[top, column - 1] != 0
    # A brick hides its upper part: count from its lowest row.
    height = lowest - top + 1
    if height < BALL_HEIGHT and BRICKS_TOP < top <= BRICKS_BOTTOM and frame[top - 1, column] != 0:
        top -= BALL_HEIGHT - height
    if top < BRICKS_BOTTOM:  # from there up it is drawn one row higher than it flies
        top += 1
    return top, column - 1 if hidden else column


@compiled
def _first_of_ball(words: np.ndarray, bricks: np.ndarray) -> tuple[int, int]:
    """Row and word of the first part of the ball in the searched rows; -1, -1 if there is none."""
    for row in _SEARCHED_ROWS:
        among_bricks = BRICKS_TOP <= row < BRICKS_BOTTOM
        for brick in range(BRICKS_IN_A_ROW):
            if words[row, brick + 1] and not (among_bricks and bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, brick]):
                return row, brick + 1
    return -1, -1


@compiled
def _is_ball(frame: np.ndarray, bricks: np.ndarray, row: int, column: int) -> bool:
    """Whether this pixel is lit and not part of a whole brick."""
    if frame[row, column] == 0:
        return False
    if row < BRICKS_TOP or row >= BRICKS_BOTTOM or column < GAME_LEFT or column >= GAME_RIGHT:
        return True
    return not bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, (column - GAME_LEFT) // BRICK_WIDTH]
