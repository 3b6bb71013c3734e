"""Builds an algorithm of Stable-Baselines3 from a config."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents.networks import EXTRACTORS
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config
from rlbreakout.schedules import parse_schedule


def check_device(config: Config) -> None:
    """Raise UserError if the config asks for a device that this machine does not have."""
    available = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[config.run.device]:
        raise UserError(f"device {config.run.device!r} is not available on this machine; allowed: auto, cpu")


def build_algorithm(config: Config, env: VecEnv) -> PPO:
    """Build SB3's PPO on `env` with the hyperparameters, the seed and the device of the config.

    With device "auto" an MlpPolicy uses the CPU: its networks are too small to be worth the transfer to a GPU. Raises
    UserError for a device that this machine does not have.
    """
    check_device(config)
    settings = config.ppo.model_dump()
    for key in ("learning_rate", "clip_range", "clip_range_vf"):
        if settings[key] is not None:
            settings[key] = parse_schedule(settings[key], config.steps)
    return PPO(
        config.policy,
        env,
        seed=config.seed,
        device="cpu" if config.run.device == "auto" and config.policy == "MlpPolicy" else config.run.device,
        policy_kwargs=policy_settings(config),
        **settings,
    )


def policy_settings(config: Config) -> dict[str, Any]:
    """SB3's `policy_kwargs` for the network that the config describes."""
    network, settings = config.network, dict[str, Any]()
    if network.net_arch is not None:
        settings["net_arch"] = list(network.net_arch)
    if network.activation is not None:
        settings["activation_fn"] = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[network.activation]
    if config.policy in EXTRACTORS and (network.cnn != "nature" or config.observation.kind in ("image", "both")):
        settings["features_extractor_class"] = EXTRACTORS[config.policy]
        settings["features_extractor_kwargs"] = {"cnn": network.cnn}
    return settings
