"""The screen of a game, pixel by pixel as the emulator draws it.

screens = draw(states)        # (n, 210, 160) uint8, the emulator's colour numbers (`ale.getScreen()`)
screens = draw_grey(states)   # (n, 210, 160) uint8 (`ale.getScreenGrayscale()`)
screens = draw_rgb(states)    # (n, 210, 160, 3) uint8 (`ale.getScreenRGB()`)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.rules import LAST_FRAME, PIXEL_BITS, SIDE_WALLS_END, TWICE_DRAWN, UPPER_WALL_LINE, row_of_line
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    BRICK_HEIGHT,
    BRICK_ROWS,
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

WALL_COLOUR, PADDLE_COLOUR = 6, 70
BRICK_COLOURS = np.array([70, 54, 38, 22, 198, 134], dtype=np.uint8)
COLOURS = {
    0: (0, (0, 0, 0)),
    6: (142, (142, 142, 142)),
    22: (148, (162, 162, 42)),
    38: (131, (180, 122, 48)),
    54: (129, (198, 108, 58)),
    70: (110, (200, 72, 72)),
    134: (85, (66, 72, 200)),
    182: (127, (66, 158, 130)),
    198: (124, (72, 160, 72)),
}
"""The emulator's colour numbers that Breakout uses, with their grey and their red, green and blue. Measured."""
GREY, RGB = np.zeros(256, dtype=np.uint8), np.zeros((256, 3), dtype=np.uint8)
for _number, (_grey, _rgb) in COLOURS.items():
    GREY[_number], RGB[_number] = _grey, _rgb

UPPER_WALL_TOP = 17
# The score board: digits of 3 x 5 blocks.
DIGITS_TOP, BLOCK_HEIGHT, BLOCK_WIDTH = 5, 2, 4
DIGIT_WIDTH, DIGIT_HEIGHT = 3, 5
HUNDREDS, TENS, ONES, LIVES_DIGIT = 36, 52, 68, 100
"""Left columns of the digits."""
_DIGITS = (
    "111101101101111 010010010010010 111001111100111 111001011001111 101101111001001 "
    "111100111001111 100100111101111 111001001001001 111101111101111 111101111001001"
)
DIGITS = np.array([list(blocks) for blocks in _DIGITS.split()]).reshape(10, DIGIT_HEIGHT, DIGIT_WIDTH) == "1"

LAST_LINE_RIGHT = np.array([56, 46])
"""On the lowest line that is drawn, the ball is seen left of this column only: `[line % 2]`, by the ball's line."""


def _stage() -> np.ndarray:
    """What never changes, and a whole wall of bricks: `(210, 20)` words of 8 pixels, the width of a brick."""
    screen = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    screen[UPPER_WALL_TOP:GAME_TOP] = WALL_COLOUR
    screen[GAME_TOP:189, :GAME_LEFT] = screen[GAME_TOP:189, GAME_RIGHT:] = WALL_COLOUR
    screen[189:196, :GAME_LEFT] = 182  # the blocks at the foot of the side walls
    screen[189:195, GAME_RIGHT:] = 70
    screen[DIGITS_TOP : DIGITS_TOP + BLOCK_HEIGHT * DIGIT_HEIGHT, 136:140] = WALL_COLOUR  # player 1
    screen[BRICKS_TOP:BRICKS_BOTTOM, GAME_LEFT:GAME_RIGHT] = BRICK_COLOURS.repeat(BRICK_HEIGHT)[:, None]
    return screen.view(np.uint64)


_STAGE = _stage()


def draw(states: np.ndarray) -> np.ndarray:
    """Draw games, `(n,)` of dtype STATE, in the emulator's colour numbers: `(n, 210, 160)` uint8.

    Raises UserError for another dtype or shape.
    """
    states = rules.check_states(states)
    screens = np.empty((len(states), HEIGHT, WIDTH), dtype=np.uint8)
    draw_into(states, screens)
    return screens


def draw_grey(states: np.ndarray) -> np.ndarray:
    """Draw games in grey: `(n, 210, 160)` uint8."""
    return _in_colours(states, _GREY, (HEIGHT, WIDTH))


def draw_rgb(states: np.ndarray) -> np.ndarray:
    """Draw games in red, green and blue: `(n, 210, 160, 3)` uint8."""
    return _in_colours(states, _RGB, (HEIGHT, WIDTH, 3))


def _in_colours(states: np.ndarray, tables: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    states = rules.check_states(states)
    screens = np.empty((len(states), *shape), dtype=np.uint8)
    _draw_in_colours(states, screens.reshape(len(states), math.prod(shape)).view(np.uint64), *tables)
    return screens


def _tables(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From colour numbers to `(256, channels)` bytes, and to the `(256, channels)` words of 8 such pixels."""
    table = np.ascontiguousarray(colours.reshape(256, -1))
    return table, np.tile(table, 8).view(np.uint64)


_GREY, _RGB = _tables(GREY), _tables(RGB)
_EIGHT_ALIKE, _PIXEL = np.uint64(0x0101010101010101), np.uint64(0xFF)


@compiled
def _draw_in_colours(states: np.ndarray, pictures: np.ndarray, table: np.ndarray, alike: np.ndarray) -> None:
    """Draw n games in the colours of `_tables`, into pictures as words, `(n, 4200 x channels)` uint64."""
    screen = np.empty((HEIGHT, WIDTH), dtype=np.uint8)
    numbers, words = screen.reshape(-1), screen.reshape(-1).view(np.uint64)
    channels = table.shape[1]
    for game in range(len(states)):
        draw_one(states[game], screen)
        picture = pictures[game]
        picture[:] = 0
        pixels = picture.view(np.uint8)
        for word in range(len(words)):
            if words[word] == 0:  # most of the screen is black
                continue
            number = words[word] & _PIXEL
            if words[word] == number * _EIGHT_ALIKE:
                for channel in range(channels):
                    picture[channels * word + channel] = alike[number, channel]
                continue
            for pixel in range(8 * word, 8 * word + 8):
                for channel in range(channels):
                    pixels[channels * pixel + channel] = table[numbers[pixel], channel]


@compiled
def draw_into(states: np.ndarray, screens: np.ndarray) -> None:
    """Draw n games into `(n, 210, 160)` uint8."""
    for game in range(len(states)):
        draw_one(states[game], screens[game])


@compiled
def draw_one(game: Any, screen: np.ndarray) -> None:
    """Draw one game into `(210, 160)` uint8."""
    words = screen.view(np.uint64)
    for row in range(HEIGHT):
        for word in range(WIDTH // 8):
            words[row, word] = _STAGE[row, word]
    if game.clock < LAST_FRAME:  # then the demonstration begins, which shows the last two digits only
        _draw_digit(screen, game.shown_score // 100 % 10, HUNDREDS)
        _draw_digit(screen, game.shown_lives, LIVES_DIGIT)
    _draw_digit(screen, game.shown_score // 10 % 10, TENS)
    _draw_digit(screen, game.shown_score % 10, ONES)
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            if not game.bricks[row, brick]:
                for line in range(BRICK_HEIGHT):
                    words[BRICKS_TOP + BRICK_HEIGHT * row + line, brick + 1] = 0
    for row in range(PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT):
        for column in range(game.paddle, min(game.paddle + rules.width_of(game), WIDTH - 1)):
            screen[row, column] = PADDLE_COLOUR
    for row, column in ball_pixels(game.ball_x >> PIXEL_BITS, game.ball_y >> PIXEL_BITS):
        screen[row, column] = _colour_at(row)


@compiled
def ball_pixels(left: int, line: int) -> np.ndarray:
    """Row and column of each pixel, `(n, 2)`, of a ball whose left edge and top line are given."""
    pixels, n = np.empty((BALL_HEIGHT * BALL_WIDTH + BALL_WIDTH, 2), dtype=np.int64), 0
    for drawn in range(max(line, UPPER_WALL_LINE), min(line + BALL_HEIGHT, SIDE_WALLS_END + 1)):
        right = LAST_LINE_RIGHT[line % 2] if drawn == SIDE_WALLS_END else GAME_RIGHT
        for row in range(row_of_line(drawn), row_of_line(drawn) + (2 if drawn == TWICE_DRAWN else 1)):
            for column in range(max(left, GAME_LEFT), min(left + BALL_WIDTH, right)):
                pixels[n, 0], pixels[n, 1] = row, column
                n += 1
    return pixels[:n]


@compiled
def _colour_at(row: int) -> int:
    """Colour of the ball on a row: that of the upper wall or the row of bricks there, below them the paddle's."""
    if row < BRICKS_TOP:
        return WALL_COLOUR
    return BRICK_COLOURS[(row - BRICKS_TOP) // BRICK_HEIGHT] if row < BRICKS_BOTTOM else PADDLE_COLOUR


@compiled
def _draw_digit(screen: np.ndarray, digit: int, left: int) -> None:
    for row in range(DIGIT_HEIGHT):
        for column in range(DIGIT_WIDTH):
            if DIGITS[digit, row, column]:
                for y in range(DIGITS_TOP + BLOCK_HEIGHT * row, DIGITS_TOP + BLOCK_HEIGHT * (row + 1)):
                    for x in range(left + BLOCK_WIDTH * column, left + BLOCK_WIDTH * (column + 1)):
                        screen[y, x] = WALL_COLOUR


@compiled
def read_score_board(screen: np.ndarray) -> tuple[int, int]:
    """Read score and lives from a screen `(210, 160)` uint8; -1 where they cannot be read."""
    hundreds, tens, ones = _read_digit(screen, HUNDREDS), _read_digit(screen, TENS), _read_digit(screen, ONES)
    score = 100 * hundreds + 10 * tens + ones if min(hundreds, tens, ones) >= 0 else -1
    return score, _read_digit(screen, LIVES_DIGIT)


@compiled
def _read_digit(screen: np.ndarray, left: int) -> int:
    for digit in range(len(DIGITS)):
        same = True
        for row in range(DIGIT_HEIGHT):
            for column in range(DIGIT_WIDTH):
                lit = screen[DIGITS_TOP + BLOCK_HEIGHT * row, left + BLOCK_WIDTH * column] != 0
                same &= lit == DIGITS[digit, row, column]
        if same:
            return digit
    return -1
