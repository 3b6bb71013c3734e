"""What can be done about the ball that comes down: what each way to meet it leads to, and which are still possible."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import BOUNCES_WITH_FEW, HELD, MOST_COLUMNS, WAYS, Outlook
from rlbreakout.breakout.screen import BRICK_ROWS, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.observation.blocks.entry import FRAMES, Entry, within

LOOKS_AHEAD = IN_FRAMES = True
POINTS = float(BRICK_ROWS[0].points)
SURE_COLUMNS = 2.0
"""A ball that is met by fewer columns than this may well go elsewhere."""
ACTION_NAMES = ("none", "right", "left")
WORTH = float(BOUNCES_WITH_FEW)

ENTRIES = (
    *(
        Entry(f"{way}_{name}", unit, 0, 1)
        for way in WAYS
        for name, unit in (
            ("breaks", "the ball breaks a brick before it comes down again"),
            ("frames_to_brick", f"{FRAMES:g} frames until then"),
            ("points", f"{POINTS:g} points, of all bricks until it comes down"),
            ("return_frames", f"{FRAMES:g} frames until it comes down; 0 if that is not known"),
            ("return_column", f"{WIDTH} columns, where"),
        )
    ),
    *(
        Entry(f"worth_{side}", "a brick that breaks at once; later ones count less", 0, WORTH)
        for side in ("left", "right")
    ),
    *(
        Entry(f"{action}_{name}", unit, low, high)
        for action in ACTION_NAMES
        for name, unit, low, high in (
            (
                "left_half",
                f"{MOST_COLUMNS} columns by which the paddle's left half can still meet the ball, after {HELD} frames "
                "of this action",
                -1,
                1,
            ),
            ("right_half", f"{MOST_COLUMNS} columns by which its right half can", -1, 1),
            ("worth", "as worth_left, of the better side that it can still be sent to", 0, WORTH),
        )
    ),
)
_ENTRIES_A_WAY = 5


def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    fill_choices(games, ahead, ahead.worth, ahead.margins, values)


@compiled
def fill_choices(games: np.ndarray, ahead: Outlook, worth: np.ndarray, margins: np.ndarray, values: np.ndarray) -> None:
    """The entries of `games`, an array of n indices, with this `worth` and these `margins` of `ahead`."""
    for n in range(len(games)):
        value, i = values[n], games[n]
        if ahead.frames[i] < 0:
            continue
        for number in range(len(WAYS)):
            way, first = ahead.ways[i, number], _ENTRIES_A_WAY * number
            value[first] = way.breaks
            value[first + 1] = within(0, way.frames_to_brick / FRAMES)
            value[first + 2] = within(0, way.points / POINTS)
            if way.returns:
                value[first + 3] = within(0, way.frames_to_return / FRAMES)
                value[first + 4] = within(0, way.return_column / WIDTH)
        first = _ENTRIES_A_WAY * len(WAYS)
        for side in range(2):
            value[first + side] = min(worth[i, side], WORTH)
        first += 2
        for action in range(len(ACTION_NAMES)):
            best = 0.0
            for side in range(2):
                inside = margins[i, action, side]
                value[first + side] = within(-1, inside / MOST_COLUMNS)
                best = max(best, worth[i, side] * within(0, inside / SURE_COLUMNS))
            value[first + 2] = min(best, WORTH)
            first += 3
