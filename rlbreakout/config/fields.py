"""Breakout's environment ids, and the types of values in a config."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rlbreakout.common.errors import UserError

BREAKOUT_IDS: dict[str, tuple[int | tuple[int, int], float]] = {
    "ALE/Breakout-v5": (4, 0.25),
    "Breakout-v0": ((2, 5), 0.25),
    "Breakout-v4": ((2, 5), 0.0),
    "BreakoutNoFrameskip-v0": (1, 0.25),
    "BreakoutNoFrameskip-v4": (1, 0.0),
}
"""The environment ids that ale-py registers for Breakout, each with its frame skip and repeat_action_probability. Where
the frame skip is a pair, it is drawn from this range at every step, the upper end excluded."""


def whole_number(value: Any) -> Any:
    """Accept `1e6` as an integer, which YAML reads as a string or a float. Raises ValueError for other numbers."""
    if isinstance(value, (bool, str, float)):
        try:
            number = math.nan if isinstance(value, bool) else float(str(value).replace("_", ""))
        except ValueError:
            number = math.nan
        if not number.is_integer():
            raise ValueError("a whole number is needed")
        return int(number)
    return value


Count = Annotated[int, BeforeValidator(whole_number), Field(ge=1)]
CountOrZero = Annotated[int, BeforeValidator(whole_number), Field(ge=0)]
MOST_SEED = 2_000_000_000
"""Environments count their seeds up from the seed of the run, and the emulator takes 31 bits."""
Seed = Annotated[int, BeforeValidator(whole_number), Field(ge=0, le=MOST_SEED)]
Nodes = Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=4_096)]
"""Nodes of a layer, or filters. More than 4,096 is a mistake or an attack."""
Fraction = Annotated[float, Field(ge=0, le=1)]
NAME = r"^\w[\w.\-]*$"
"""Pattern for names of folders."""


def check_seed(seed: int) -> int:
    """Return `seed`, or raise UserError if it is below 0 or above MOST_SEED."""
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"seed is {seed}; allowed: 0 to {MOST_SEED}")
    return seed


def check_env_id(env_id: str) -> str:
    """Return `env_id`, or raise UserError if it is not one of BREAKOUT_IDS."""
    if env_id not in BREAKOUT_IDS:
        raise UserError(f"environment id {env_id!r} is not Breakout; allowed: {', '.join(BREAKOUT_IDS)}")
    return env_id


class Part(BaseModel):
    """A part of a config, which refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)
