"""Time: where the next ball would be launched, and what has been since the last point.

The screen shows no clock. Its last two bits decide where a launched ball appears, and only they can be inferred from
screens for sure. An agent that notices that it breaks no bricks any more can do something else.
"""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import WAYS, Outlook, frames_without_points
from rlbreakout.breakout.rules import LAUNCH_COLUMNS
from rlbreakout.common.compiled import compiled
from rlbreakout.observation.blocks.entry import Entry, within

LOOKS_AHEAD = True
SOON, LATE = 500.0, 4_000.0
"""Frames."""
OFTEN = 4.0
ENTRIES = (
    *(
        Entry(f"launch_{place}", "a ball that is launched in the next frame appears at this place", 0, 1)
        for place in range(len(LAUNCH_COLUMNS))
    ),
    Entry("without_points_soon", f"{SOON:g} frames since the last point or lost life", 0, 1),
    Entry("without_points_late", f"{LATE:g} frames since the last point or lost life", 0, 1),
    *(
        Entry(f"{way}_been_there", f"{OFTEN:g} times that the ball came down as it would, since the last point", 0, 1)
        for way in WAYS
    ),
)


@compiled
def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for n in range(len(states)):
        values[n, (states[n].clock + 1) % len(LAUNCH_COLUMNS)] = 1
        frames = frames_without_points(states[n], games[n], ahead)
        first = len(LAUNCH_COLUMNS)
        values[n, first] = within(0, frames / SOON)
        values[n, first + 1] = within(0, frames / LATE)
        if ahead.frames[games[n]] >= 0:
            for way in range(len(WAYS)):
                values[n, first + 2 + way] = within(0, ahead.ways[games[n], way].been_there / OFTEN)
