"""What a vector of blocks tells, drawn for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rlbreakout.breakout.draw import UPPER_WALL_TOP, draw_rgb
from rlbreakout.breakout.rules import LOST_LINE, PIXEL, new_games
from rlbreakout.breakout.screen import BALL_WIDTH, BRICK_ROWS, BRICKS_IN_A_ROW, NARROW_PADDLE, WIDE_PADDLE, WIDTH
from rlbreakout.observation.blocks.entry import Entry
from rlbreakout.observation.blocks.state import ENTRIES as STATE_ENTRIES
from rlbreakout.observation.blocks.state import to_states

MARK_TOP, MARK_BOTTOM, MARK_WIDTH = 200, 205, 6
YELLOW = (255, 255, 0)


def draw_blocks(entries: Sequence[Entry], vector: np.ndarray) -> np.ndarray:
    """A screen `(210, 160, 3)` uint8 with what `vector`, `(k,)`, tells of ball, paddle and bricks, and a yellow mark
    where the ball will come down. What no entry tells is not drawn."""
    values = dict(zip((entry.name for entry in entries), vector.tolist(), strict=True))
    if set(STATE_ENTRIES) <= set(entries):
        first = list(entries).index(STATE_ENTRIES[0])
        return draw_rgb(to_states(vector[None, first : first + len(STATE_ENTRIES)]))[0]
    states = new_games(1)
    game = states[0]
    game["bricks"] = [
        [values.get(f"brick_{row.colour}_{brick}", 0) > 0.5 for brick in range(BRICKS_IN_A_ROW)] for row in BRICK_ROWS
    ]
    if "paddle_column" in values:
        game["narrow"] = values["paddle_is_narrow"] > 0.5
        half = (NARROW_PADDLE if game["narrow"] else WIDE_PADDLE) / 2
        game["paddle"] = round(values["paddle_column"] * WIDTH - half)
        if values["ball_in_play"] > 0.5:
            game["ball_x"] = round((values["ball_column"] * WIDTH - BALL_WIDTH / 2) * PIXEL)
            game["ball_y"] = round(values["ball_row"] * LOST_LINE * PIXEL)
    picture = draw_rgb(states)[0]
    picture[:UPPER_WALL_TOP] = 0  # the score board: no entry tells the score
    if values.get("arrival_known", 0) > 0.5:
        left = max(0, round(values["arrival_column"] * WIDTH - MARK_WIDTH / 2))
        picture[MARK_TOP:MARK_BOTTOM, left : left + MARK_WIDTH] = YELLOW
    return picture
