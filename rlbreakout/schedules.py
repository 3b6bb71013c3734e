"""How a hyperparameter changes while training: constant, linear, exponential.

A schedule is written in a config as a number (constant) or as a string:

| notation           | meaning                                                                      |
|--------------------|------------------------------------------------------------------------------|
| `2.5e-4`           | constant                                                                     |
| `lin_2.5e-4`       | falls linearly from 2.5e-4 to 0 at the end of the run (as rl_zoo3 writes it) |
| `exp_2.5e-4_1e6`   | starts at 2.5e-4 and halves every 1e6 agent steps, however long the run is   |

Stable-Baselines3 asks a schedule for its value with `progress_remaining`, which falls from 1 to 0 over the run.
A linear schedule is therefore another one for every length of the run: at step 1e6 of 1e6 it is 0, at step 1e6 of
1e7 it is at 90%. The exponential one counts agent steps, so that a short run is the beginning of the long one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rlbreakout.common.errors import UserError

NOTATIONS = "a number (constant), 'lin_START' or 'exp_START_HALFLIFE' (half-life in agent steps)"


@dataclass(frozen=True)
class Constant:
    """The same value at every step."""

    value: float

    def __call__(self, progress_remaining: float) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    """From `start` at the first step to 0 at the last one."""

    start: float

    def __call__(self, progress_remaining: float) -> float:
        # The last rollout usually ends some steps after the last step, where the line would be below 0.
        return self.start * max(progress_remaining, 0.0)


@dataclass(frozen=True)
class Exponential:
    """`start`, halved every `half_life` agent steps: the same at step k whatever `total_steps` is."""

    start: float
    half_life: float
    total_steps: int

    def __call__(self, progress_remaining: float) -> float:
        step = (1.0 - progress_remaining) * self.total_steps
        return self.start * 0.5 ** (step / self.half_life)


Schedule = Constant | Linear | Exponential


def _positive(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UserError(f"{text!r} is no {what}; a number above 0 is needed")
    return number


def parse_schedule(value: float | str, total_steps: int) -> Schedule:
    """Turn a config's notation into a schedule for a run of `total_steps` agent steps.

    Raises UserError for another notation, or numbers that are not above 0.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"schedule {value!r}: a constant must be 0 or more")
        return Constant(float(value))
    kind, *numbers = str(value).split("_")
    if kind == "lin" and len(numbers) == 1:
        return Linear(_positive(numbers[0], "start of a linear schedule"))
    if kind == "exp" and len(numbers) == 2:
        start = _positive(numbers[0], "start of an exponential schedule")
        return Exponential(start, _positive(numbers[1], "half-life of an exponential schedule"), total_steps)
    try:
        return parse_schedule(float(str(value)), total_steps)
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"schedule {value!r} is not known; allowed: {NOTATIONS}") from None
