"""Models on disk: safetensors and YAML, which run no code when they are loaded.

A model folder holds

| file                    | contents                                                                             |
|-------------------------|--------------------------------------------------------------------------------------|
| `policy.safetensors`    | the weights of the policy                                                            |
| `optimizer.safetensors` | the optimizer's state, which resuming needs and playing does not                     |
| `model.yaml`            | format, algorithm, shape of the observations, number of actions, agent steps trained |
| `config.yaml`           | the config of the run, from which the environment and the policy are rebuilt         |
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecTransposeImage

from rlbreakout.agents.build import policy_settings
from rlbreakout.agents.planner import Planner, ValueNetwork
from rlbreakout.agents.players import RANDOM, Agent, RandomPlayer
from rlbreakout.agents.sb3_zip import load_zip, refuse
from rlbreakout.agents.value.agent import ValueAgent
from rlbreakout.agents.value.network import QNetwork
from rlbreakout.breakout.rules import N_ACTIONS
from rlbreakout.common.errors import UserError
from rlbreakout.common.files import move_into_place, new_folder, repair, write_atomically
from rlbreakout.common.yaml import read_yaml, to_yaml
from rlbreakout.config import Config, RunConfig, check_seed, dump_config, flatten, load_config
from rlbreakout.observation import observation_space

PRETRAINED = Path(__file__).parents[1] / "pretrained"
FORMAT = 2
"""Format of model folders. Those without a number come from version 0.1, whose agents saw other coordinates."""


def save_model(
    model: BaseAlgorithm | ValueAgent | Planner,
    folder: Path,
    config: Config,
    *,
    steps: int | None = None,
    counters: Mapping[str, int] | None = None,
) -> Path:
    """Save `model` in `folder` and return the folder. A previous model stays until the new one is complete on disk.

    steps: agent steps that its weights have learned from, if it has made more since. counters: other counts of its
    training. Raises OSError if it cannot be written; a previous model stays.
    """
    policy: Any = model.policy
    if steps is None:
        assert not isinstance(model, Planner), "a planner does not count its steps"
        steps = model.num_timesteps
    about = {
        "format": FORMAT,
        "algorithm": config.algorithm,
        "policy": config.policy,
        "observation_shape": _shape(_channels_first(observation_space(config))),
        "n_actions": N_ACTIONS,
        "steps": steps,
        **({"counters": dict(counters)} if counters else {}),
    }
    new = new_folder(folder)
    try:
        _write_tensors(policy.state_dict(), new / "policy.safetensors")
        if not isinstance(model, Planner):
            optimizer = policy.optimizer.state_dict()["state"]
            flat = {f"{index}.{name}": value for index, values in optimizer.items() for name, value in values.items()}
            _write_tensors(flat, new / "optimizer.safetensors")
        write_atomically(new / "model.yaml", to_yaml(about))
        dump_config(config, new / "config.yaml")
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return move_into_place(folder)


def _write_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors, each once. Raises OSError where safetensors raises an error of its own."""
    other = _other_names(tensors)
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items() if name not in other}
    try:
        save_file(own, path)
    except SafetensorError as error:
        if (number := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def _other_names(tensors: dict[str, torch.Tensor]) -> dict[str, str]:
    """The names of tensors that have been named before, and their first names: actor and critic share convolutions."""
    first: dict[tuple[int, tuple[int, ...]], str] = {}
    places = {name: (tensor.data_ptr(), tuple(tensor.shape)) for name, tensor in tensors.items() if not tensor.is_meta}
    return {name: first[at] for name, at in places.items() if at[0] and first.setdefault(at, name) != name}


def has_model(folder: Path) -> bool:
    """Whether `folder` holds a model. Repairs it first if a training was killed while it saved one."""
    return (repair(folder) / "model.yaml").is_file()


def find_model(name: str | Path) -> Path:
    """Find the model folder for `name`: a model folder, a run folder (its best model, or else its last), or the name of
    a pretrained agent. Raises UserError if there is none."""
    path = Path(name)
    shipped = [PRETRAINED / path] if path.name == str(name) else []  # not a path that climbs out of the folder
    for candidate in (path, path / "best", path / "last", *shipped):
        if has_model(candidate):
            return candidate
    if path.is_dir():
        raise UserError(f"{path} holds no model (no model.yaml in it, in best/ or in last/)")
    pretrained = sorted(folder.name for folder in PRETRAINED.glob("*/")) if PRETRAINED.is_dir() else []
    allowed = f"'{RANDOM}'" + "".join(f", {known!r}" for known in pretrained)
    raise UserError(f"model {str(name)!r} does not exist; allowed: a run folder, a model folder or {allowed}")


def load_agent(name: str | Path, seed: int = 0, *, trust: bool = False) -> Agent:
    """Load a model for playing, on the CPU, or make the agent called "random", whose actions `seed` decides.

    This runs no code that a model may hold. Loading a zip of Stable-Baselines3 would, so it takes `trust`. Raises
    UserError if the model is missing or damaged, or made for other observations than its config describes.
    """
    if (path := Path(name)).is_file():
        if path.suffix != ".zip":
            raise UserError(f"{path} is a file; allowed: a model folder, which holds model.yaml")
        if not trust:
            raise refuse(path)
        model, config = load_zip(path)
        return Agent(model, config, str(name))
    if str(name) == RANDOM:
        config = Config(run=RunConfig(name=RANDOM))
        return Agent(RandomPlayer(N_ACTIONS, check_seed(seed)), config, RANDOM)
    folder = find_model(name)
    _read_about(folder)
    config = load_config(folder / "config.yaml")
    check_space(folder, config)
    if config.algorithm == "value":
        weights = _read_weights(folder / "policy.safetensors", _untrained(config).state_dict())
        player = ValueAgent(config, observation_space(config), gym.spaces.Discrete(N_ACTIONS), learns=False)
        player.policy.load_state_dict(weights)
        return Agent(player, config, str(name))
    policy = _untrained(config)
    policy.load_state_dict(_read_weights(folder / "policy.safetensors", policy.state_dict()))
    if isinstance(policy, ValueNetwork):
        return Agent(Planner(policy, seed), config, str(name))
    assert isinstance(policy, BasePolicy)
    policy.set_training_mode(False)
    return Agent(policy, config, str(name))


def _untrained(config: Config) -> BasePolicy | QNetwork | ValueNetwork:
    """The network that `config` describes. Of a Q-network only the shapes: it may be too large for any machine."""
    space, actions = observation_space(config), gym.spaces.Discrete(N_ACTIONS)
    if config.algorithm == "planner":
        return ValueNetwork()
    if config.algorithm == "value":
        height, width, channels = space.shape or ()
        with torch.device("meta"):
            return QNetwork(config.value.network, (channels, height, width), N_ACTIONS)
    kind: Any = PPO.policy_aliases[config.policy]
    return kind(_channels_first(space), actions, lr_schedule=lambda _: 0.0, **policy_settings(config))


def load_weights(model: BaseAlgorithm | ValueAgent, folder: Path) -> None:
    """Load the weights of a model folder into `model`.

    Raises UserError if the model is missing or damaged, or has another network.
    """
    policy: Any = model.policy
    policy.load_state_dict(_read_weights(folder / "policy.safetensors", policy.state_dict()))


def fitting_model(name: str | Path, config: Config) -> Path:
    """Find the model folder for `name`, whose weights a training of `config` can begin with.

    Raises UserError, which names what differs, if they do not fit its agent, and if there are none.
    """
    if str(name) == RANDOM:
        raise UserError(f"model {RANDOM!r} has no weights; allowed: a run folder, a model folder or a pretrained agent")
    if Path(name).is_file():
        raise UserError(f"{name} is a file; allowed: a model folder, which holds model.yaml")
    folder = find_model(name)
    _read_about(folder)
    theirs, ours = _layout(load_config(folder / "config.yaml")), _layout(config)
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise UserError(f"model {folder} does not fit: its {key} is {theirs.get(key)}, the config's is {value}")
    check_space(folder, config)
    _read_weights(folder / "policy.safetensors", _untrained(config).state_dict())
    return folder


def _layout(config: Config) -> dict[str, Any]:
    """The keys of `config` that decide which weights its network has and what they mean, with their values."""
    values = flatten(config.model_dump())
    keys = ["algorithm", "observation.kind", *(["observation.blocks"] if config.observation.has_coordinates else [])]
    if config.algorithm == "planner":
        return {key: values[key] for key in keys}
    if config.algorithm == "value":
        return {key: values[key] for key in (*keys, *(key for key in values if key.startswith("value.network.")))}
    keys += ["network.cnn"] if config.observation.has_picture else []
    policy: Any = _untrained(config)  # which knows the defaults
    network = {"network.net_arch": policy.net_arch, "network.activation": policy.activation_fn.__name__.lower()}
    return {key: values[key] for key in keys} | network


def restore(model: BaseAlgorithm | ValueAgent, folder: Path) -> None:
    """Load weights, optimizer and step count of a model folder into `model`, to resume its training.

    Raises UserError as `load_weights` does.
    """
    load_weights(model, folder)
    policy: Any = model.policy
    optimizer = policy.optimizer
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in _read_tensors(folder / "optimizer.safetensors").items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    model.num_timesteps = int(_read_about(folder)["steps"])


def read_counters(folder: Path) -> dict[str, int]:
    """The counters that `save_model` saved. Raises UserError if the model is missing or damaged."""
    counters = _read_about(folder).get("counters", {})
    if not isinstance(counters, dict) or any(type(value) is not int for value in counters.values()):
        raise UserError(f"{folder / 'model.yaml'} is damaged: counters must hold whole numbers")
    return counters


def check_space(folder: Path, config: Config) -> None:
    """Raise UserError unless the model in `folder` takes the observations that `config` describes."""
    about = _read_about(folder)
    made_for, given = about["observation_shape"], _shape(_channels_first(observation_space(config)))
    if made_for != given:
        shown = (tuple(shape) if isinstance(shape, list) else shape for shape in (made_for, given))
        raise UserError("model {} was made for observations of shape {}, the config gives {}".format(folder, *shown))
    if about["n_actions"] != N_ACTIONS:
        raise UserError(f"model {folder} was made for {about['n_actions']} actions, not {N_ACTIONS}")


def trained_steps(folder: Path) -> int:
    """Agent steps that the model in `folder` was trained for."""
    return int(_read_about(folder)["steps"])


def _channels_first(space: gym.Space) -> gym.Space:
    """The space that SB3's algorithms see, whose images have their channels first."""
    if isinstance(space, gym.spaces.Dict):
        return gym.spaces.Dict({name: _channels_first(part) for name, part in space.items()})
    assert isinstance(space, gym.spaces.Box)
    channels_last = is_image_space(space) and not is_image_space_channels_first(space)
    return VecTransposeImage.transpose_space(space) if channels_last else space


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "model.yaml"
    try:
        about = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        about = None
    needed: dict[str, Any] = {"observation_shape": (list, dict), "n_actions": int, "steps": int}
    if not isinstance(about, dict) or any(not isinstance(about.get(key), kind) for key, kind in needed.items()):
        raise UserError(f"{path} is missing or damaged: it must hold {', '.join(needed)}")
    if (version := about.get("format", 1)) != FORMAT:
        plays = "rlbreakout 0.1 plays it" if version == 1 else "a newer rlbreakout plays it"
        raise UserError(f"model {folder} has format {version}, and this version reads format {FORMAT}; {plays}")
    return about


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UserError(f"{path} does not exist: the model is incomplete")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or cut off: {error}") from None


def _read_weights(path: Path, expected: dict[str, Any]) -> dict[str, torch.Tensor]:
    weights = _read_tensors(path)
    for name, first in _other_names(expected).items():
        if name not in weights and first in weights:
            weights[name] = weights[first]
    for name in expected:
        if name not in weights:
            raise UserError(f"{path} does not fit this policy: {name} is missing")
        if weights[name].shape != expected[name].shape:
            made_for, given = tuple(weights[name].shape), tuple(expected[name].shape)
            raise UserError(f"{path} does not fit this policy: {name} has shape {made_for}, {given} is needed")
        if not weights[name].isfinite().all():
            raise UserError(f"{path} cannot be played: {name} has weights that are NaN or infinite: it has diverged")
    return weights


def _shape(space: gym.Space) -> list[int] | dict[str, list[int]]:
    if isinstance(space, gym.spaces.Dict):
        return {name: list(part.shape or ()) for name, part in space.items()}
    return list(space.shape or ())
