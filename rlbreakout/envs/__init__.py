"""From a config to environments, in the emulator and in the twin."""

from rlbreakout.envs.make import (
    VEC_ENVS,
    evaluation_game,
    make_emulator,
    make_env,
    make_vec_env,
    register,
    training_game,
)

__all__ = [
    "VEC_ENVS",
    "evaluation_game",
    "make_emulator",
    "make_env",
    "make_vec_env",
    "register",
    "training_game",
]
