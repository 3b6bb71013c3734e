"""Breakout's screen: where things are, in pixels of the 210x160 picture, and where ball, paddle and bricks are found.

All positions were measured on the emulator. Rows count from the top, columns from the left, both from 0; a thing's
position is that of its top left pixel. The functions take a batch of grey frames `(n, 210, 160)` uint8, from any
source that shows the background as 0 and everything else brighter, and look at no colour: the ball takes on the colour
of the brick row that it is in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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

# Rows are looked at word by word, a word being 8 pixels; a brick is exactly one word wide.
_FULL = np.uint64(0x0101010101010101)
_ROWS_OUTSIDE_BRICKS = np.array(
    [GAME_TOP, *range(35, BRICKS_TOP, 4), *range(BRICKS_BOTTOM, PADDLE_TOP, 4), PADDLE_TOP - 1]
)
_ROWS_LOOKED_AT = np.concatenate([_ROWS_OUTSIDE_BRICKS, np.arange(BRICKS_TOP, BRICKS_BOTTOM, 2)])
_AROUND = (np.arange(1 - BALL_HEIGHT, BALL_HEIGHT)[:, None] * WIDTH + np.arange(-1, 2)).ravel()
"""Seven rows and three columns around a pixel, as distances in a picture that is one long row."""
_BRICKS_PIXELS = np.full((HEIGHT, WIDTH), BRICKS)
_BRICKS_PIXELS[BRICKS_TOP:BRICKS_BOTTOM, GAME_LEFT:GAME_RIGHT] = (
    np.arange(BRICKS).reshape(len(BRICK_ROWS), -1).repeat(BRICK_HEIGHT, axis=0).repeat(BRICK_WIDTH, axis=1)
)
_BRICK_AT = _BRICKS_PIXELS.ravel()
"""The brick to which each pixel of that row belongs, counted from the top left."""


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
    first = _brick_words(_words(frames))[:, :, 0]
    return (first != 0) & ((first & np.uint64(0xFF)) * _FULL == first)


def find_ball(frames: np.ndarray, bricks: np.ndarray | None = None) -> Ball:
    """The ball between the upper wall and the paddle's line, in `(n, 210, 160)` frames.

    Above and below the bricks it is all that is lit. Among the bricks it is what is lit and not a whole brick; where it
    covers a part of a whole brick, that part is hidden, and its place is told from the rest.
    `bricks` spares finding them again.
    """
    frames = np.ascontiguousarray(frames)
    bricks = find_bricks(frames) if bricks is None else bricks
    each = np.arange(len(frames))

    # The ball is four rows tall, so looking at every fourth row (among bricks, where it may be half hidden, at every
    # second) finds a part of it, several times faster than looking at all.
    words = _words(frames)
    outside = words.take(_ROWS_OUTSIDE_BRICKS, axis=1)[:, :, 1:-1] != 0
    among = (_brick_words(words)[:, :, ::2] != 0) & ~bricks[:, :, None, :]
    outside, among = outside.reshape(len(frames), -1), among.reshape(len(frames), -1)
    found = outside.argmax(axis=1)
    seen_outside = outside[each, found]
    found = np.where(seen_outside, found, outside.shape[1] + (first := among.argmax(axis=1)))
    seen = seen_outside | among[each, first]
    row, word = _ROWS_LOOKED_AT[found // BRICKS_IN_A_ROW], found % BRICKS_IN_A_ROW + 1
    lit = words[each, row, word].view(np.uint8).reshape(len(frames), -1) != 0
    column = word * BRICK_WIDTH + lit.argmax(axis=1)
    # What is lit around it, seven rows and three columns, without whole bricks; `top` counts in these rows.
    around = (row * WIDTH + column)[:, None] + _AROUND
    lit = frames.reshape(len(frames), -1)[each[:, None], around] != 0
    covering = np.zeros((len(frames), BRICKS + 1), dtype=bool)
    covering[:, :BRICKS] = bricks.reshape(len(frames), -1)
    is_ball = (lit & ~covering[each[:, None], _BRICK_AT[around]]).reshape(-1, 7, 3)
    lit = lit.reshape(-1, 7, 3)
    middle = is_ball[:, :, 1]
    up = middle[:, 2].astype(int)  # rows of it above the one that was found
    up += up & middle[:, 1]
    up += (up == 2) & middle[:, 0]
    top = BALL_HEIGHT - 1 - up
    down = middle[:, 4].astype(int)
    down += down & middle[:, 5]
    down += (down == 2) & middle[:, 6]
    # Half hidden at its left, by the wall or by a brick.
    hidden = ~is_ball[each, top, 2] & lit[each, top, 0]
    # Half hidden above, by a brick: count from its lowest row.
    row = row - up
    height = up + 1 + down
    near_bricks = (row > BRICKS_TOP) & (row <= BRICKS_BOTTOM)
    covered = (height < BALL_HEIGHT) & near_bricks & (frames[each, row - 1, column] != 0)
    row = row - np.where(covered, BALL_HEIGHT - height, 0)
    row = row + (row < BRICKS_BOTTOM)  # from there up it is drawn one row higher than it flies
    return Ball(seen, np.where(seen, row, -1), np.where(seen, column - hidden, -1))


def find_paddle(frames: np.ndarray) -> Paddle:
    """The paddle in `(n, 210, 160)` frames, also while the ball falls past it."""
    rows = frames[:, PADDLE_TOP : PADDLE_TOP + PADDLE_HEIGHT, GAME_LEFT:GAME_RIGHT]
    # All four rows, because the ball may reach into some of them.
    lit = (rows[:, 0] != 0) & (rows[:, 1] != 0) & (rows[:, 2] != 0) & (rows[:, 3] != 0)
    seen = lit.any(axis=1)
    left = lit.argmax(axis=1)
    right = lit.shape[1] - lit[:, ::-1].argmax(axis=1)
    for n in np.flatnonzero(seen & (right - left > WIDE_PADDLE)):  # the ball is in all four rows
        left[n], right[n] = _longest_run(lit[n])
    return Paddle(seen, np.where(seen, left + GAME_LEFT, -1), np.where(seen, right + GAME_LEFT, -1))


def _words(frames: np.ndarray) -> np.ndarray:
    """The frames as machine words of 8 pixels, `(n, 210, 20)`."""
    return np.ascontiguousarray(frames).view(np.uint64)


def _brick_words(words: np.ndarray) -> np.ndarray:
    """The bricks' words, `(n, brick row, pixel row in it, brick)`."""
    shape = len(words), len(BRICK_ROWS), BRICK_HEIGHT, BRICKS_IN_A_ROW
    return words[:, BRICKS_TOP:BRICKS_BOTTOM, 1:-1].reshape(shape)


def _longest_run(lit: np.ndarray) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], lit, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(min(ends[longest], starts[longest] + WIDE_PADDLE))
