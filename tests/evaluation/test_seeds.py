"""Several seeds, compared."""

import pytest

from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean


def test_a_single_seed_that_fails_hardly_moves_the_interquartile_mean() -> None:
    middle, interval = interquartile_mean([300.0, 304.0, 296.0, 2.0])
    assert middle == pytest.approx(298) and interval is not None and interval[0] < middle < interval[1]
    assert interquartile_mean([300.0, 304.0, 296.0, 2.0]) == (middle, interval)


def test_one_seed_has_no_interval() -> None:
    assert interquartile_mean([7.0]) == (7.0, None)
    assert across_seeds([7.0]) == "7.0 (one seed)"
    assert across_seeds([6.0, 8.0]) == "7.0 [6.0, 8.0]"
