"""Hyperparameters that change during a training."""

import pytest

from rlbreakout.common.errors import UserError
from rlbreakout.schedules import parse_schedule


def at(notation: float | str, step: int, total_steps: int) -> float:
    return parse_schedule(notation, total_steps)(1 - step / total_steps)


def test_a_constant_stays() -> None:
    assert at(3e-4, 0, 100) == at(3e-4, 100, 100) == at("3e-4", 50, 100) == 3e-4


def test_the_zoos_notation_falls_linearly_to_zero_and_never_below() -> None:
    assert at("lin_2.5e-4", 0, 1000) == 2.5e-4
    assert at("lin_2.5e-4", 250, 1000) == pytest.approx(2.5e-4 * 0.75)
    assert at("lin_2.5e-4", 1000, 1000) == 0
    assert at("lin_2.5e-4", 1024, 1000) == 0  # the last rollout may overshoot


@pytest.mark.parametrize("step", [0, 1_000, 250_000, 1_000_000])
def test_an_exponential_one_is_the_same_at_a_step_of_every_run(step: int) -> None:
    short, long = at("exp_1e-3_5e5", step, 1_000_000), at("exp_1e-3_5e5", step, 10_000_000)
    assert short == pytest.approx(long, rel=1e-9)
    assert short == pytest.approx(1e-3 * 0.5 ** (step / 5e5), rel=1e-9)


@pytest.mark.parametrize(
    "wrong", ["sin_1", "lin", "lin_x", "lin_0", "lin_nan", "exp_1e-3", "exp_1e-3_0", "", -1.0, True]
)
def test_another_notation_is_refused_and_named(wrong: str | float) -> None:
    with pytest.raises(UserError, match="allowed: ") as error:
        parse_schedule(wrong, 100)
    assert str(wrong) in str(error.value)
