"""Zips that Stable-Baselines3 saved. Loading one may run code: do it only if you trust its author."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm

from rlbreakout.breakout.rules import N_ACTIONS
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config

# The beginning of its policy's module and a setting identify the algorithm in a zip. The first match counts.
ALGORITHMS: tuple[tuple[str, str, type[BaseAlgorithm]], ...] = (
    ("sb3_contrib.common.recurrent", "n_epochs", sb3_contrib.RecurrentPPO),
    ("sb3_contrib.qrdqn", "gamma", sb3_contrib.QRDQN),
    ("stable_baselines3.dqn", "gamma", stable_baselines3.DQN),
    ("stable_baselines3.common", "n_epochs", stable_baselines3.PPO),
    ("stable_baselines3.common", "normalize_advantage", stable_baselines3.A2C),
)
MOST_BYTES = 100_000_000
"""The most that the settings in a zip may take, unpacked."""


def refuse(path: Path) -> UserError:
    """The error that says why a zip is not loaded."""
    return UserError(
        f"{path} is a zip of Stable-Baselines3: loading it unpickles it, which can run any code in it; "
        "allowed: a model folder (safetensors and YAML), or --trust if you trust its author"
    )


def load_zip(path: Path) -> tuple[BaseAlgorithm, Config]:
    """Load the algorithm in a zip, on the CPU, and make a config of an environment for it, with the observations of
    Stable-Baselines3's AtariWrapper.

    Raises UserError if it is no such zip, or it was made for other observations or actions.
    """
    data = _read_data(path)
    kind, shape = _algorithm(path, data), _picture_shape(path, data)
    replaced = {  # pickled by other versions of Python, NumPy or gym, and not needed to play
        "observation_space": gym.spaces.Box(0, 255, shape, np.uint8),
        "action_space": gym.spaces.Discrete(N_ACTIONS),
        "learning_rate": 0.0,
        "lr_schedule": _zero,
        "clip_range": _zero,
        "clip_range_vf": None,
        "exploration_schedule": _zero,
        "buffer_size": 1,
    }
    try:
        model = kind.load(path, device="cpu", custom_objects=replaced)
    except Exception as error:  # whatever unpickling raises
        reason = " ".join(str(error).split())[:300]
        missing = f"; to install it: pip install {error.name}" if isinstance(error, ModuleNotFoundError) else ""
        raise UserError(f"{path} cannot be loaded: {reason}{missing}") from None
    if not all(weights.isfinite().all() for weights in model.policy.parameters()):
        raise UserError(f"{path} cannot be played: it has weights that are NaN or infinite: it has diverged")
    return model, Config.model_validate(
        {"run": {"name": path.stem}, "observation": {"kind": "warp", "screen_size": shape[1], "frame_stack": shape[0]}}
    )


def _zero(_: float) -> float:
    return 0.0


def _read_data(path: Path) -> dict[str, Any]:
    """The settings of an algorithm in a zip, without unpickling anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("data").file_size > MOST_BYTES:
                raise UserError(f"{path}: its settings take more than {MOST_BYTES:,} bytes")
            data: dict[str, Any] = json.loads(archive.read("data"))
            str(data["policy_class"]["__module__"])
            return data
    except UserError:
        raise
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, RecursionError):
        raise UserError(f"{path} is not a model of Stable-Baselines3, or it is damaged") from None


def _algorithm(path: Path, data: dict[str, Any]) -> type[BaseAlgorithm]:
    module = str(data["policy_class"]["__module__"])
    for prefix, key, kind in ALGORITHMS:
        if module.startswith(prefix) and key in data:
            return kind
    names = ", ".join(kind.__name__ for *_, kind in ALGORITHMS)
    raise UserError(f"{path} has a policy of {module}; allowed: {names}")


def _picture_shape(path: Path, data: dict[str, Any]) -> tuple[int, int, int]:
    """The shape `(stack, size, size)` of what it sees. Raises UserError if it was made for something else.

    Beside each pickled space a zip has its attributes as text.
    """
    observations, actions = (data.get(f"{name}_space") or {} for name in ("observation", "action"))
    if str(actions.get("n")) != str(N_ACTIONS):
        made_for = f"{actions['n']} actions" if "n" in actions else "other actions"
        raise UserError(f"{path} was made for {made_for}; allowed: {N_ACTIONS}, those of Breakout")
    shape = tuple(observations.get("_shape") or ())
    if len(shape) != 3 or shape[1] != shape[2] or not 36 <= shape[1] <= 210 or shape[0] > 16:
        raise UserError(f"{path} sees observations of shape {shape or None}; allowed: pictures (stack, size, size)")
    return shape
