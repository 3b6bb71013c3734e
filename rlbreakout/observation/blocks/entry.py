"""What a number that an agent sees means."""

from __future__ import annotations

from typing import NamedTuple

from rlbreakout.common.compiled import compiled

NEAR = 16.0
"""Columns that entries called `..._near` are measured in; they are clipped there, to show what is close finely."""
FRAMES = 100.0
"""Frames that times are measured in; they are clipped there."""


class Entry(NamedTuple):
    """A number of an observation."""

    name: str
    unit: str
    """What a value of 1 means."""
    low: float
    high: float


@compiled
def within(low: float, value: float) -> float:
    """`value`, but at least `low` and at most 1."""
    return min(max(value, low), 1.0)
