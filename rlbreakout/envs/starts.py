"""Where training games begin: at the start, or in states that were saved along earlier games.

An agent that learns only from whole games sees the last bricks of a wall once in a good game, and what went wrong
before a lost life once a life. Saved states let it practise where it matters (Salimans and Chen 2018,
https://arxiv.org/abs/1812.03381, begin along one good game).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlbreakout.breakout.screen import WALL_POINTS
from rlbreakout.config import StartsConfig

SAVE_EVERY = 5
"""Agent steps between two states that are kept of a game that is played."""
LATE_BRICKS = 30
"""A state with at most this many bricks left is a late one."""
FAILURE_STEPS = 40
"""Agent steps before a lost life at which a game that practises failures begins."""
MOST_SAVES = 100
"""States of each kind that are kept. Once there are as many, a new one takes the place of any."""
FRESH = "fresh"
"""A game that begins at the start."""


class Save(NamedTuple):
    """A state of a game."""

    state: np.ndarray
    """`(1,)` of dtype rlbreakout.breakout.rules.STATE."""
    score: float
    """Points until then."""
    action: int = 0
    """What was done in its last frame, which a sticky one repeats; by default nothing."""


@dataclass
class _Game:
    """What is remembered of a game that is played."""

    kind: str
    lately: deque[Save]
    bricks: int
    """At the last save of few bricks."""
    second_wall: bool
    """Whether its second wall was saved, or it began there."""


class Starts:
    """The saved states of the games of one process, and where each of its `n` games began."""

    def __init__(self, config: StartsConfig, n: int) -> None:
        self.config = config
        self.saves: dict[str, list[Save]] = {kind: [] for kind in config.shares}
        self._games = [self._new(FRESH, 0.0) for _ in range(n)]
        self._steps = 0

    @property
    def used(self) -> bool:
        """Whether any game begins in a saved state."""
        return any(share > 0 for share in self.config.shares.values())

    def _new(self, kind: str, score: float) -> _Game:
        # As many as are needed to have one that is FAILURE_STEPS old.
        size = FAILURE_STEPS // SAVE_EVERY + 1
        return _Game(kind, deque(maxlen=size), LATE_BRICKS + 1, score >= WALL_POINTS)

    def draw(self, game: int, random: np.random.Generator) -> Save | None:
        """Where `game` begins anew: a saved state, or None for the start."""
        value = random.random()
        for kind, share in self.config.shares.items():
            if value < share:
                saves = self.saves[kind]
                if saves:
                    save = saves[random.integers(len(saves))]
                    self._games[game] = self._new(kind, save.score)
                    return save
                break  # nothing of this kind was saved yet
            value -= share
        self._games[game] = self._new(FRESH, 0.0)
        return None

    def kind(self, game: int) -> str:
        """How `game` began."""
        return self._games[game].kind

    def due(self) -> bool:
        """Whether states are to be kept after this step. Call it once a step."""
        self._steps += 1
        return self.used and self._steps % SAVE_EVERY == 0

    def keep(self, game: int, save: Save, bricks: int, random: np.random.Generator) -> None:
        """Remember a state of `game`, in which `bricks` bricks are left and a ball is in play."""
        played = self._games[game]
        played.lately.append(save)
        if bricks < played.bricks and bricks > 0:
            played.bricks = bricks
            self._add("late", save, random)
        if save.score >= WALL_POINTS and not played.second_wall:
            played.second_wall = True
            played.bricks = LATE_BRICKS + 1  # another wall to have few bricks left of
            self._add("second_wall", save, random)

    def life_lost(self, game: int, random: np.random.Generator) -> None:
        """Save where `game` was FAILURE_STEPS before, if that is in the same life."""
        lately = self._games[game].lately
        if len(lately) == lately.maxlen:
            self._add("failure", lately[0], random)
        lately.clear()

    def _add(self, kind: str, save: Save, random: np.random.Generator) -> None:
        if self.config.shares[kind] == 0:
            return
        saves = self.saves[kind]
        if len(saves) < MOST_SAVES:
            saves.append(save)
        else:
            saves[random.integers(len(saves))] = save
