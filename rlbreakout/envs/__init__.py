"""Environments: from a config to the games of a training or an evaluation, in the emulator and in the twin.

Importing it registers the twin with gymnasium, as "rlbreakout/Breakout-twin-v5".
"""

import gymnasium

from rlbreakout.envs.make import make_emulator, make_env, make_evaluation_env, make_vec_env, register
from rlbreakout.wrappers import TWIN_ID

gymnasium.register(
    id=TWIN_ID,
    entry_point="rlbreakout.envs.twin_env:TwinAtariEnv",  # "AtariEnv": rl_zoo3 takes its Atari settings by this name
    kwargs={
        "game": "breakout",
        "repeat_action_probability": 0.25,
        "full_action_space": False,
        "frameskip": 4,
        "max_num_frames_per_episode": 108_000,
    },
)

__all__ = ["TWIN_ID", "make_emulator", "make_env", "make_evaluation_env", "make_vec_env", "register"]
