"""Comparing trainings that differ in their seed only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy import stats

CUT = 0.25


def interquartile_mean(scores: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The mean of the middle half of `scores`, and its 95% bootstrap interval; the same at every call.

    scores: one a seed, such as the mean points a game of each trained agent. A single lucky or unlucky seed moves it
    less than the mean, and it uses more of the scores than the median (Agarwal et al. 2021,
    https://arxiv.org/abs/2108.13264). One seed has no interval: None.
    """
    middle = float(stats.trim_mean(scores, CUT))
    if len(scores) < 2:
        return middle, None
    found = stats.bootstrap(
        (np.asarray(scores, dtype=float),),
        partial(stats.trim_mean, proportiontocut=CUT),
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return middle, (float(found.low), float(found.high))


def across_seeds(scores: Sequence[float]) -> str:
    """`interquartile_mean` in words: "391.0 [383.5, 398.2]"."""
    middle, interval = interquartile_mean(scores)
    return f"{middle:.1f} (one seed)" if interval is None else f"{middle:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"
