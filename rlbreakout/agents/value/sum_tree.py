"""Draws items in proportion to their priorities, in logarithmic time."""

from __future__ import annotations

import numpy as np


class SumTree:
    """A binary tree with `size` priorities, all 0 at first, as its leaves; every other node is the sum of its children.

    Changing or finding a priority takes about log2(size) additions.
    """

    def __init__(self, size: int) -> None:
        self._depth = max(1, int(size - 1).bit_length())
        self._first_leaf = 1 << self._depth
        self._sums = np.zeros(2 * self._first_leaf)

    @property
    def total(self) -> float:
        """The sum of all priorities."""
        return float(self._sums[1])

    def get(self, places: np.ndarray) -> np.ndarray:
        """The priorities at `places`."""
        return self._sums[self._first_leaf + places]

    def set(self, places: np.ndarray, priorities: np.ndarray | float) -> None:
        """Change the priorities at `places`, an array of indices."""
        nodes = self._first_leaf + places
        self._sums[nodes] = priorities
        for _ in range(self._depth):
            nodes = np.unique(nodes >> 1)
            self._sums[nodes] = self._sums[2 * nodes] + self._sums[2 * nodes + 1]

    def find(self, shares: np.ndarray) -> np.ndarray:
        """Indices at which the running sum of the priorities exceeds `shares`, which are from 0 to below `total`."""
        nodes, rest = np.ones(len(shares), dtype=np.int64), shares.astype(float)
        for _ in range(self._depth):
            left = 2 * nodes
            right = (rest >= self._sums[left]) & (self._sums[left + 1] > 0)
            rest = np.where(right, rest - self._sums[left], rest)
            nodes = left + right
        return nodes - self._first_leaf
