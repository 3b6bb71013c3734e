"""The whole state of the game, field by field, as it is: for an agent that plays the rules on by itself."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.ahead import Outlook
from rlbreakout.breakout.rules import LIMITS, STATE
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_IN_A_ROW
from rlbreakout.observation.blocks.entry import Entry

LOOKS_AHEAD = False
_FLAGS = tuple(name for name in STATE.names or () if STATE[name] == np.bool_)
ENTRIES = (
    *(Entry(name, "as in rlbreakout.breakout.rules.STATE", low, high) for name, (low, high) in LIMITS.items()),
    *(Entry(name, "it is so", 0, 1) for name in _FLAGS),
    *(
        Entry(f"brick_{row.colour}_{brick}", "it stands", 0, 1)
        for row in BRICK_ROWS
        for brick in range(BRICKS_IN_A_ROW)
    ),
)
_NUMBERS = len(LIMITS)
_BRICKS = _NUMBERS + len(_FLAGS)


def fill(states: np.ndarray, games: np.ndarray, ahead: Outlook, values: np.ndarray) -> None:
    """The entries of n states into the first columns of `values`."""
    for column, name in enumerate((*LIMITS, *_FLAGS)):
        values[:, column] = states[name]
    bricks = states["bricks"].reshape(len(states), len(ENTRIES) - _BRICKS)
    values[:, _BRICKS : len(ENTRIES)] = bricks


def to_states(values: np.ndarray) -> np.ndarray:
    """The states `(n,)` of dtype STATE that `values`, `(n, 126)`, were made from: a float32 holds each field."""
    states = np.zeros(len(values), dtype=STATE)
    for column, name in enumerate((*LIMITS, *_FLAGS)):
        states[name] = values[:, column]
    states["bricks"] = values[:, _BRICKS:].reshape(states["bricks"].shape)
    return states
