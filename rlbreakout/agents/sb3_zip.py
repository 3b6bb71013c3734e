"""Zips that Stable-Baselines3 saved. Loading one may run code: do it only if you trust its author."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import sb3_contrib
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm

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

    Raises UserError if it is no such zip, or its observations differ.
    """
    kind = _algorithm(path)
    try:
        model = kind.load(path, device="cpu", custom_objects={"learning_rate": 0.0, "buffer_size": 1})
    except Exception as error:  # whatever unpickling raises
        raise UserError(f"{path} cannot be loaded: {' '.join(str(error).split())[:300]}") from None
    shape = model.observation_space.shape
    if shape is None or len(shape) != 3 or shape[1] != shape[2] or not 36 <= shape[1] <= 210 or shape[0] > 16:
        raise UserError(f"{path} sees observations of shape {shape}; allowed: pictures (stack, size, size)")
    return model, Config.model_validate(
        {"run": {"name": path.stem}, "observation": {"kind": "warp", "screen_size": shape[1], "frame_stack": shape[0]}}
    )


def _algorithm(path: Path) -> type[BaseAlgorithm]:
    """Identify the algorithm in the zip without unpickling anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("data").file_size > MOST_BYTES:
                raise UserError(f"{path}: its settings take more than {MOST_BYTES:,} bytes")
            data: dict[str, Any] = json.loads(archive.read("data"))
            module = str(data["policy_class"]["__module__"])
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a model of Stable-Baselines3, or it is damaged") from None
    for prefix, key, kind in ALGORITHMS:
        if module.startswith(prefix) and key in data:
            return kind
    names = ", ".join(kind.__name__ for *_, kind in ALGORITHMS)
    raise UserError(f"{path} has a policy of {module}; allowed: {names}")
