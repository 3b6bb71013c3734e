"""What the game is like now: ball, paddle, and every brick."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import Outlook, rest
from rlbreakout.breakout.rules import HITS_AFTER_UPPER_ROWS, LIVES, LOST_LINE, PIXEL, width_of
from rlbreakout.breakout.screen import BALL_WIDTH, BRICK_ROWS, BRICKS_IN_A_ROW, NARROW_PADDLE, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.observation.blocks.entry import NEAR, Entry, within

LOOKS_AHEAD = False
MOST_COLUMNS_A_FRAME, MOST_ROWS_A_FRAME = 2.0, 4.0

ENTRIES = (
    Entry("ball_in_play", "a ball is in play; if not, all entries about it are 0", 0, 1),
    Entry("ball_row", f"{LOST_LINE} lines, from the top of the picture", 0, 1),
    Entry("ball_column", f"{WIDTH} columns, of its middle", 0, 1),
    Entry("ball_columns_a_frame", f"{MOST_COLUMNS_A_FRAME:g} columns a frame, to the right", -1, 1),
    Entry("ball_rows_a_frame", f"{MOST_ROWS_A_FRAME:g} rows a frame, downwards", -1, 1),
    Entry("ball_from_paddle_near", f"{NEAR:g} columns from the paddle's middle, to the right", -1, 1),
    Entry("hits", f"{HITS_AFTER_UPPER_ROWS} hits of the paddle, which decide the speed", 0, 1),
    Entry("can_meet_paddle", "the ball can meet the paddle before it does something else", 0, 1),
    Entry("can_break_brick", "the ball can break a brick before it does something else", 0, 1),
    Entry("paddle_column", f"{WIDTH} columns, of its middle", 0, 1),
    Entry("paddle_rest_column", f"{WIDTH} columns, of its middle, if the knob is left alone", 0, 1),
    Entry("paddle_is_narrow", f"it is {NARROW_PADDLE} columns wide", 0, 1),
    Entry("lives", f"{LIVES} lives", 0, 1),
    *(
        Entry(f"brick_{row.colour}_{brick}", "it stands", 0, 1)
        for row in BRICK_ROWS
        for brick in range(BRICKS_IN_A_ROW)
    ),
)
_FIRST_BRICK = len(ENTRIES) - len(BRICK_ROWS) * BRICKS_IN_A_ROW


@compiled
def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for n in range(len(states)):
        game, value = states[n], values[n]
        half = width_of(game) / 2
        middle = game.paddle + half
        if game.ball_y >= PIXEL:
            ball = game.ball_x / PIXEL + BALL_WIDTH / 2
            value[0] = 1
            value[1] = within(0, game.ball_y / (PIXEL * LOST_LINE))
            value[2] = within(0, ball / WIDTH)
            value[3] = within(-1, game.ball_vx / (PIXEL * MOST_COLUMNS_A_FRAME))
            value[4] = within(-1, game.ball_vy / (PIXEL * MOST_ROWS_A_FRAME))
            value[5] = within(-1, (ball - middle) / NEAR)
            value[6] = game.hits / HITS_AFTER_UPPER_ROWS
            value[7], value[8] = not game.met, not game.broke
        value[9] = middle / WIDTH
        value[10] = (rest(game) + half) / WIDTH
        value[11] = game.narrow
        value[12] = game.lives / LIVES
        for row in range(len(BRICK_ROWS)):
            for brick in range(BRICKS_IN_A_ROW):
                value[_FIRST_BRICK + BRICKS_IN_A_ROW * row + brick] = game.bricks[row, brick]
