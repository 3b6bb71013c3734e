"""Coordinates in blocks: each is one file with its named entries and one function from states to numbers.

`observation.blocks: [now, arrival, choices, clock]` in a config names them; their entries stand in that order in one
vector. To add a block, add its file, and its name to `BlockName` in config/parts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import gymnasium as gym
import numpy as np

from rlbreakout.breakout.ahead import look_ahead, outlook
from rlbreakout.breakout.rules import check_states
from rlbreakout.common.errors import UserError
from rlbreakout.observation.blocks.entry import Entry
from rlbreakout.observation.blocks.picture import draw_blocks


def _modules(names: Sequence[str]) -> list[ModuleType]:
    return [import_module(f"{__name__}.{name}") for name in names]


def entries_of(names: Sequence[str]) -> tuple[Entry, ...]:
    """Name, unit and range of each number of the named blocks, in order."""
    return tuple(entry for module in _modules(names) for entry in module.ENTRIES)


def blocks_space(names: Sequence[str]) -> gym.spaces.Box:
    """The space of the named blocks of one game: `(k,)` float32."""
    low, high = (np.array([getattr(entry, end) for entry in entries_of(names)], np.float32) for end in ("low", "high"))
    return gym.spaces.Box(low, high, dtype=np.float32)


class Blocks:
    """The named blocks of n games.

    >>> blocks = Blocks(["now", "arrival"], n=1_000)
    >>> blocks.compute(states)                    # (1000, k) float32
    >>> [entry.name for entry in blocks.entries]
    """

    def __init__(self, names: Sequence[str], n: int) -> None:
        self._modules = _modules(names)
        self.entries = entries_of(names)
        """Name, unit and range of each number."""
        self._all = np.arange(n)
        in_frames, in_steps = (any(hasattr(m, kind) for m in self._modules) for kind in ("IN_FRAMES", "IN_STEPS"))
        self._outlook = outlook(n, in_frames=in_frames, in_steps=in_steps)
        self._looks_ahead = any(module.LOOKS_AHEAD for module in self._modules)

    def compute(self, states: np.ndarray, games: np.ndarray | None = None) -> np.ndarray:
        """`(m, k)` float32 from `(m,)` states. `games` are the indices of the games that they are of, by default all;
        they decide nothing but where what was computed is kept for the next call.

        Raises UserError for what is no array of states, and for games that are not there."""
        states = check_states(states)
        games = self._all if games is None else np.asarray(games)
        n = len(self._all)
        if games.shape != states.shape or (len(games) and not 0 <= games.min() <= games.max() < n):
            raise UserError(
                f"{len(states)} states of the games {games}; allowed: one state for each, games 0 to {n - 1}"
            )
        if self._looks_ahead:
            look_ahead(states, games, self._outlook)
        values = np.zeros((len(states), len(self.entries)), dtype=np.float32)
        first = 0
        for module in self._modules:
            module.fill(states, games, self._outlook, values[:, first:])
            first += len(module.ENTRIES)
        return values


__all__ = ["Blocks", "Entry", "blocks_space", "draw_blocks", "entries_of"]
