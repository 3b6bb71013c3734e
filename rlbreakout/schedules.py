"""How a hyperparameter changes during training: constant, linear, exponential.

A schedule is written in a config as a number (constant) or as a string:

| notation           | meaning                                                                      |
|--------------------|------------------------------------------------------------------------------|
| `2.5e-4`           | constant                                                                     |
| `lin_2.5e-4`       | falls linearly from 2.5e-4 to 0 at the end of the run (rl_zoo3's notation)   |
| `exp_2.5e-4_1e6`   | starts at 2.5e-4 and halves every 1e6 agent steps, however long the run is   |

Stable-Baselines3 passes `progress_remaining`, which falls from 1 to 0 over the run, to a schedule. So a linear schedule
depends on the length of the run: at step 1e6 of 1e6 it is at 0, at step 1e6 of 1e7 at 90%. The exponential one counts
agent steps, so that a short run equals the beginning of a long one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rlbreakout.common.errors import UserError

Schedule = Callable[[float], float]
"""From `progress_remaining` to the value."""


def constant(value: float) -> Schedule:
    """The same value at every step."""
    return lambda progress_remaining: value


def linear(start: float) -> Schedule:
    """From `start` at the first step to 0 at the last one."""
    # The last rollout usually ends some steps after the last step, where the line would be below 0.
    return lambda progress_remaining: start * max(progress_remaining, 0.0)


def exponential(start: float, half_life: float, total_steps: int) -> Schedule:
    """`start`, halved every `half_life` agent steps: the same at step k whatever `total_steps` is."""
    return lambda progress_remaining: start * 0.5 ** ((1.0 - progress_remaining) * total_steps / half_life)


def parse_schedule(value: float | str, total_steps: int) -> Schedule:
    """Turn a config's notation into a schedule for a run of `total_steps` agent steps.

    Raises UserError for any other notation, or numbers that are not allowed.
    """
    kind, *texts = str(value).split("_")
    try:
        if kind in ("lin", "exp"):
            numbers = [float(text) for text in texts]
            if len(numbers) == (1 if kind == "lin" else 2) and all(0 < number < math.inf for number in numbers):
                return linear(numbers[0]) if kind == "lin" else exponential(numbers[0], numbers[1], total_steps)
        elif not isinstance(value, bool) and 0 <= float(value) < math.inf:
            return constant(float(value))
    except ValueError:
        pass
    raise UserError(
        f"schedule {value!r} is not valid; allowed: a number from 0 on (constant), 'lin_START', or "
        "'exp_START_HALFLIFE' with the half-life in agent steps, both with numbers above 0"
    )
