"""Reads what a screen shows, and says whether a state of a game would show the same.

Colours do not matter, only which pixels are lit.

    shapes = shapes_of(screens, n)        # (n, 210, 160), for any screens
    seen = np.zeros(1, dtype=SEEN)
    see(shapes[0], seen[0])               # read the first screen
    fits_screen(state, shapes[0], seen[0])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rlbreakout.breakout.draw import ball_pixels, read_score_board
from rlbreakout.breakout.rules import LAST_FRAME, PIXEL_BITS, TWICE_DRAWN, row_of_line, width_of
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    BRICK_HEIGHT,
    BRICK_ROWS,
    BRICK_WIDTH,
    BRICKS_BOTTOM,
    BRICKS_IN_A_ROW,
    BRICKS_TOP,
    GAME_LEFT,
    GAME_RIGHT,
    GAME_TOP,
    HEIGHT,
    PADDLE_HEIGHT,
    PADDLE_TOP,
    WIDTH,
)
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

SEEN = np.dtype(
    [
        ("bricks", np.uint8, (len(BRICK_ROWS), BRICKS_IN_A_ROW)),
        ("standing", np.int64),  # number of bricks
        ("lit", np.int64),  # lit pixels of the game area
        ("full", np.int64, (WIDTH + 1,)),  # number of columns left of this one that are lit in all rows of the paddle
        ("score", np.int64),  # -1 if it cannot be read
        ("lives", np.int64),
        ("shape", np.uint64),  # a hash of the whole screen
        ("ball_line", np.int64),  # the console's line; -1 if the ball is not in the open
        ("ball_column", np.int64),
    ]
)
"""What `see` reads from a screen."""

_GAME_BOTTOM = 196
"""The row below the lowest one that shows the ball."""
_BRICK_PIXELS = BRICK_HEIGHT * BRICK_WIDTH


def shapes_of(screens: np.ndarray, k: int) -> np.ndarray:
    """k screens as `(k, 210, 160)` uint8, contiguous, with lit pixels above 0.

    screens: `(k, 210, 160)` or `(k, 210, 160, 3)` uint8. Raises UserError for anything else.
    """
    screens = np.asarray(screens)
    if screens.dtype != np.uint8 or screens.shape not in ((k, HEIGHT, WIDTH), (k, HEIGHT, WIDTH, 3)):
        raise UserError(
            f"screens is {screens.dtype} {screens.shape}; allowed: uint8 ({k}, 210, 160) or ({k}, 210, 160, 3)"
        )
    if screens.ndim == 4:
        shapes = np.empty(screens.shape[:3], dtype=np.uint8)
        _join_colours(np.ascontiguousarray(screens).reshape(-1), shapes.reshape(-1))
        return shapes
    return np.ascontiguousarray(screens)


@compiled
def _join_colours(channels, shapes):
    """Join red, green and blue of each pixel into one number that is above 0 if one of them is."""
    for pixel in range(len(shapes)):
        shapes[pixel] = channels[3 * pixel] | channels[3 * pixel + 1] | channels[3 * pixel + 2]


_ONES = np.uint64(0x0101010101010101)
_LOW_BITS, _HIGH_BIT = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(7)
_BYTE, _LAST_BYTE = np.uint64(0xFF), np.uint64(56)
_PRIME = np.uint64(0x100000001B3)


@compiled
def see(screen: np.ndarray, seen: Any) -> None:
    """Read a screen, one of `shapes_of`, into `seen`, a record of dtype SEEN."""
    words = screen.view(np.uint64)
    shape, lit, in_the_open, first_row, first_column = np.uint64(0), np.uint64(0), np.uint64(0), -1, -1
    for row in range(GAME_TOP, _GAME_BOTTOM):
        is_open = row < BRICKS_TOP or BRICKS_BOTTOM <= row < PADDLE_TOP or row >= PADDLE_TOP + PADDLE_HEIGHT
        for word in range(GAME_LEFT // 8, GAME_RIGHT // 8):
            pixels = words[row, word]
            if pixels:
                # One bit for each lit pixel.
                bits = ((((pixels & _LOW_BITS) + _LOW_BITS) | pixels) >> _HIGH_BIT) & _ONES
                shape = (shape ^ bits) * _PRIME
                shape = (shape ^ np.uint64(row * WIDTH + word)) * _PRIME
                count = (bits * _ONES) >> _LAST_BYTE
                lit += count
                if is_open:
                    in_the_open += count
                    if first_row < 0:
                        first_row, first_column = row, 8 * word
                        while not bits & _BYTE:
                            bits >>= np.uint64(8)
                            first_column += 1
    seen.ball_line, seen.ball_column = -1, first_column
    if in_the_open == np.uint64(BALL_WIDTH * BALL_HEIGHT):
        if first_row + BALL_HEIGHT <= BRICKS_TOP:
            seen.ball_line = first_row - row_of_line(0)
        elif row_of_line(TWICE_DRAWN) + 1 < first_row <= PADDLE_TOP - BALL_HEIGHT:
            seen.ball_line = first_row - row_of_line(TWICE_DRAWN + 1) + TWICE_DRAWN + 1
    seen.lit = np.int64(lit)
    seen.standing = 0
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            y, x = BRICKS_TOP + BRICK_HEIGHT * row, GAME_LEFT + BRICK_WIDTH * brick
            # The ball cannot reach from one end of a brick to the other.
            stands = screen[y, x] != 0 and screen[y, x + BRICK_WIDTH - 1] != 0
            seen.bricks[row, brick] = stands
            seen.standing += stands
    full = 0
    for column in range(GAME_LEFT, GAME_RIGHT):
        seen.full[column] = full
        all_rows = True
        for row in range(PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT):
            all_rows &= screen[row, column] != 0
        full += all_rows
    seen.full[GAME_RIGHT] = full
    seen.score, seen.lives = read_score_board(screen)
    seen.shape = (shape ^ np.uint64(seen.score + 1)) * _PRIME ^ np.uint64(seen.lives + 1)


@compiled
def fits_screen(game: Any, screen: np.ndarray, seen: Any) -> bool:
    """Whether a state shows this screen, from which `seen` was read: what it draws is lit, and nothing else is."""
    paddle, end = game.paddle, min(game.paddle + width_of(game), GAME_RIGHT)
    if seen.full[end] - seen.full[paddle] != end - paddle:
        return False
    free = 0  # pixels of the ball that nothing else lights
    for row, column in ball_pixels(game.ball_x >> PIXEL_BITS, game.ball_y >> PIXEL_BITS):
        if not screen[row, column]:
            return False
        if BRICKS_TOP <= row < BRICKS_BOTTOM:
            brick = seen.bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, (column - GAME_LEFT) // BRICK_WIDTH]
            free += not brick
        elif not (PADDLE_TOP <= row < PADDLE_TOP + PADDLE_HEIGHT and paddle <= column < end):
            free += 1
    if seen.lit != _BRICK_PIXELS * seen.standing + PADDLE_HEIGHT * (end - paddle) + free:
        return False
    if game.clock < LAST_FRAME:
        if seen.lives >= 0 and seen.lives != game.shown_lives:
            return False
        if seen.score >= 0 and seen.score != game.shown_score % 1000:
            return False
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            if game.bricks[row, brick] != seen.bricks[row, brick]:
                return False
    return True


@compiled
def paddle_fits(game: Any, seen: Any) -> bool:
    """Whether a state's paddle is where the screen shows it. The ball may light up a few columns beside it."""
    paddle, end = game.paddle, min(game.paddle + width_of(game), GAME_RIGHT)
    beside = seen.full[GAME_RIGHT] - (end - paddle)
    ball_is_low = seen.lit - _BRICK_PIXELS * seen.standing != PADDLE_HEIGHT * seen.full[GAME_RIGHT] and (
        seen.ball_line < 0
    )
    return seen.full[end] - seen.full[paddle] == end - paddle and 0 <= beside <= (BALL_WIDTH if ball_is_low else 0)
