"""The clock: how much of the game is over, and where the next ball would be launched."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import Outlook
from rlbreakout.breakout.rules import LAST_FRAME, LAUNCH_COLUMNS
from rlbreakout.compiled import compiled
from rlbreakout.observation.blocks.entry import Entry

LOOKS_AHEAD = False
ENTRIES = (
    Entry("time", f"{LAST_FRAME:,} frames since reset, after which the game ends", 0, 1),
    *(
        Entry(f"launch_{place}", "a ball that is launched in the next frame appears at this place", 0, 1)
        for place in range(len(LAUNCH_COLUMNS))
    ),
)


@compiled
def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for n in range(len(states)):
        values[n, 0] = states[n].clock / LAST_FRAME
        values[n, 1 + (states[n].clock + 1) % len(LAUNCH_COLUMNS)] = 1
