"""The clock, as far as the game lets it be seen: where the next ball would be launched.

The screen shows no clock. Its last two bits decide where a launched ball appears, and only they can be inferred from
screens for sure.
"""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import Outlook
from rlbreakout.breakout.rules import LAUNCH_COLUMNS
from rlbreakout.common.compiled import compiled
from rlbreakout.observation.blocks.entry import Entry

LOOKS_AHEAD = False
ENTRIES = tuple(
    Entry(f"launch_{place}", "a ball that is launched in the next frame appears at this place", 0, 1)
    for place in range(len(LAUNCH_COLUMNS))
)


@compiled
def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for n in range(len(states)):
        values[n, (states[n].clock + 1) % len(LAUNCH_COLUMNS)] = 1
