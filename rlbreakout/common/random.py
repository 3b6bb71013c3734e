"""Random numbers: independent seeds for parallel games, and a generator for compiled code."""

from __future__ import annotations

import numpy as np

from rlbreakout.common.compiled import compiled


def spawn_seeds(seed: int, n: int, first: int = 0) -> list[int]:
    """Make `n` seeds below 2**31 from `seed`, independent of those of any other seed.

    With seed + i instead, game 1 of seed 0 would equal game 0 of seed 1. `first` is the number of the first one:
    `spawn_seeds(seed, 4) == spawn_seeds(seed, 2) + spawn_seeds(seed, 2, first=2)`.
    Source: https://numpy.org/doc/stable/reference/random/parallel.html
    """
    children = (np.random.SeedSequence(seed, spawn_key=(number,)) for number in range(first, first + n))
    return [int(child.generate_state(1)[0] >> 1) for child in children]


@compiled
def next_uniform(states: np.ndarray, index: int) -> float:
    """Draw a number in [0, 1) from the generator whose state is `states[index]`, uint64, and advance it.

    SplitMix64: Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195.
    """
    states[index] += np.uint64(0x9E3779B97F4A7C15)
    mixed = states[index]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)) * 2.0**-53
