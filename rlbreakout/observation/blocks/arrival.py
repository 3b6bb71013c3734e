"""Where and when the ball comes down to the paddle, through all bricks and walls on its way."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import Outlook, rest
from rlbreakout.breakout.rules import PIXEL, width_of
from rlbreakout.breakout.screen import BALL_WIDTH, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.observation.blocks.entry import FRAMES, NEAR, Entry, within

LOOKS_AHEAD = True
MANY_BRICKS = 4.0

ENTRIES = (
    Entry("arrival_known", "the ball comes down; if not, the other entries are 0", 0, 1),
    Entry("arrival_frames", f"{FRAMES:g} frames until then", 0, 1),
    Entry("arrival_column", f"{WIDTH} columns, of the ball's middle", 0, 1),
    Entry("arrival_from_rest", f"{WIDTH} columns from where the paddle's middle comes to rest, to the right", -1, 1),
    Entry("arrival_from_rest_near", f"{NEAR:g} columns from there", -1, 1),
    Entry("arrival_to_the_right", "the ball comes down flying to the right, not to the left", 0, 1),
    Entry("bricks_before", f"{MANY_BRICKS:g} bricks break before", 0, 1),
)


@compiled
def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for n in range(len(states)):
        game, value, i = states[n], values[n], games[n]
        if ahead.frames[i] < 0:
            continue
        down = ahead.down[i]
        ball = down.ball_x / PIXEL + BALL_WIDTH / 2
        from_rest = ball - rest(game) - width_of(down) / 2
        value[0] = 1
        value[1] = within(0, ahead.frames[i] / FRAMES)
        value[2] = within(0, ball / WIDTH)
        value[3] = within(-1, from_rest / WIDTH)
        value[4] = within(-1, from_rest / NEAR)
        value[5] = down.ball_vx > 0
        value[6] = within(0, ahead.flight[i, 0] / MANY_BRICKS)
