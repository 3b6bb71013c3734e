"""What the parts of a config are made of: Breakout's ids, and the kinds of values."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rlbreakout.common.errors import UserError

# The ids that ale-py registers for Breakout, with what tells them apart:
# id -> (frames an action is held by the id itself, repeat_action_probability).
# A pair of frames is a range to draw from at every step, the upper end excluded.
BREAKOUT_IDS: dict[str, tuple[int | tuple[int, int], float]] = {
    "ALE/Breakout-v5": (4, 0.25),
    "Breakout-v0": ((2, 5), 0.25),
    "Breakout-v4": ((2, 5), 0.0),
    "BreakoutNoFrameskip-v0": (1, 0.25),
    "BreakoutNoFrameskip-v4": (1, 0.0),
}


def whole_number(value: Any) -> Any:
    """Let `1e6` be written where a whole number is asked for (YAML reads it as a text or a float)."""
    if isinstance(value, bool):
        raise ValueError("a whole number is needed")
    if isinstance(value, str):
        try:
            value = float(value.replace("_", ""))
        except ValueError:
            raise ValueError("a whole number is needed") from None
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError("a whole number is needed")
        return int(value)
    return value


Count = Annotated[int, BeforeValidator(whole_number), Field(ge=1)]
CountOrZero = Annotated[int, BeforeValidator(whole_number), Field(ge=0)]
MOST_SEED = 2_000_000_000
"""Seeds of single environments are counted on from here, and the emulator takes 31 bits."""
Seed = Annotated[int, BeforeValidator(whole_number), Field(ge=0, le=MOST_SEED)]
Nodes = Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=4_096)]
"""Of a layer of a network, or filters; more than this is a mistake, or somebody's joke."""
Fraction = Annotated[float, Field(ge=0, le=1)]
ScheduleNotation = float | str
NAME = r"^\w[\w.\-]*$"
"""What a folder may be called."""


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
    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)
