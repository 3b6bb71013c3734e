"""A player for games in the twin that breaks both walls, so that tests see all of a game."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.rules import FIRE, LEFT, N_ACTIONS, NONE, PIXEL, RIGHT
from rlbreakout.observation.blocks import Blocks

CHOICES = (NONE, RIGHT, LEFT)


class Player:
    """Plays n games by the blocks `choices` and `arrival`; the share `random` of its actions is drawn, `(n,)`."""

    def __init__(self, n: int, seed: int = 0, random: float | np.ndarray = 0.02) -> None:
        self._blocks = Blocks(["arrival", "choices"], n)
        at = {entry.name: index for index, entry in enumerate(self._blocks.entries)}
        self._worth = [at[f"{name}_worth"] for name in ("none", "right", "left")]
        self._halves = [[at[f"{name}_{half}_half"] for half in ("left", "right")] for name in ("none", "right", "left")]
        self._from_rest = at["arrival_from_rest"]
        self._random, self._share, self._n = np.random.default_rng(seed), random, n

    def act(self, states: np.ndarray) -> np.ndarray:
        """Actions `(n,)` int64."""
        values = self._blocks.compute(states)
        likes = values[:, self._worth] + 1e-3 * values[:, self._halves].max(axis=2)
        wanted = np.sign(values[:, self._from_rest])[:, None] * np.array([0, 1, -1])  # if all are alike
        best = np.argmax(likes + 1e-6 * wanted, axis=1)
        actions = np.where(states["ball_y"] < PIXEL, FIRE, np.array(CHOICES)[best])
        drawn = self._random.integers(N_ACTIONS, size=self._n)
        return np.where(self._random.random(self._n) < self._share, drawn, actions)
