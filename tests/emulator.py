"""The emulator, with a game in it that a test has changed."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from rlbreakout.breakout.emulator import from_ram, to_ram, write_ram
from rlbreakout.breakout.rules import KNOB_START


def change_game(env: gym.Env, **fields: Any) -> None:
    """Change the game that `env` plays in ale-py: fields of rules.STATE, such as `lives=5`."""
    ale: Any = env.unwrapped.ale  # type: ignore[attr-defined]
    ram = ale.getRAM()
    state = from_ram(ram, KNOB_START)
    for name, value in fields.items():
        state[name] = value
    write_ram(ale, to_ram(state[0], ram))
