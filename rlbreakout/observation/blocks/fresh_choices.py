"""What `choices` tells, for an agent that must not repeat an endless round: what it has tried since the last point is
worth less, and the paddle is turned for whole agent steps, as it is without sticky actions.

The result of a step is certain then, so the same choices lead to the same round again and again.
"""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import NOVELTY, Outlook
from rlbreakout.observation.blocks.choices import ENTRIES as CHOICES
from rlbreakout.observation.blocks.choices import fill_choices
from rlbreakout.observation.blocks.entry import Entry

LOOKS_AHEAD = IN_STEPS = True
ENTRIES = tuple(
    Entry(
        f"fresh_{entry.name}",
        f"{entry.unit}; at least {NOVELTY:g}, and half as much for each time that it has led to the same place"
        if entry.name.startswith("worth")
        else entry.unit,
        entry.low,
        entry.high,
    )
    for entry in CHOICES
)


def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    fill_choices(games, ahead, ahead.fresh_worth, ahead.step_margins, values)
