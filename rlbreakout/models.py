"""Models on disk: safetensors and YAML, which run no code when they are loaded.

A model folder holds

| file                    | what                                                                               |
|-------------------------|------------------------------------------------------------------------------------|
| `policy.safetensors`    | the weights of the policy                                                          |
| `optimizer.safetensors` | the optimizer's state, which resuming needs and playing does not                   |
| `model.yaml`            | algorithm, shape of the observations, number of actions, agent steps trained        |
| `config.yaml`           | the config of the run, from which the environment and the policy are built again    |
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecTransposeImage

from rlbreakout.config import Config, check_seed, dump_config, load_config, read_yaml, to_yaml
from rlbreakout.envs import make_vec_env
from rlbreakout.errors import UserError
from rlbreakout.files import new_folder, put_into_place, repair, write_whole
from rlbreakout.noisy import NoisyPolicy
from rlbreakout.sb3_zip import load_zip, refuse
from rlbreakout.schedules import parse_schedule
from rlbreakout.value_agent.agent import ValueAgent
from rlbreakout.value_agent.network import QNetwork

PRETRAINED = Path(__file__).parent / "pretrained"
RANDOM = "random"
"""The name of the agent that draws every action at random."""


class Player(Protocol):
    """What plays a game: SB3's policies and algorithms do, ValueAgent and RandomPlayer."""

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]: ...


class RandomPlayer:
    """Draws every action with the same probability."""

    def __init__(self, n_actions: int, seed: int) -> None:
        self.n_actions = n_actions
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Draw other actions from here on."""
        self._random = np.random.default_rng(seed)

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, None]:
        first = observation if isinstance(observation, np.ndarray) else next(iter(observation.values()))
        return self._random.integers(self.n_actions, size=len(first)), None


@dataclass
class Agent:
    """A player and the config that says which environment it plays in."""

    player: Player
    config: Config
    name: str


def check_device(config: Config) -> None:
    """Raise UserError if the config asks for a device that this machine does not have."""
    available = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[config.device]:
        raise UserError(f"device {config.device!r} is not available on this machine; allowed: auto, cpu")


def build_algorithm(config: Config, env: VecEnv, verbose: int = 0) -> PPO:
    """SB3's PPO with the config's hyperparameters on `env`, seeded with the config's seed. Where the device is "auto",
    an MlpPolicy learns on the CPU: its networks are so small that a GPU only adds the time to get there and back.

    Raises UserError for a device that this machine does not have.
    """
    check_device(config)
    settings = config.ppo.model_dump()
    for key in ("learning_rate", "clip_range", "clip_range_vf"):
        if settings[key] is not None:
            settings[key] = parse_schedule(settings[key], config.steps)
    return PPO(
        policy_class(config),
        env,
        seed=config.seed,
        device="cpu" if config.device == "auto" and config.policy == "MlpPolicy" else config.device,
        verbose=verbose,
        policy_kwargs=policy_settings(config),
        **settings,
    )


def policy_class(config: Config) -> type[ActorCriticPolicy]:
    """The class of the policy that the config's network stands for."""
    classes: Mapping[str, Any] = PPO.policy_aliases
    return NoisyPolicy if config.network.noisy else classes[config.policy]


def policy_settings(config: Config) -> dict[str, Any]:
    """The `policy_kwargs` of SB3 that the config's network stands for."""
    network, settings = config.network, dict[str, Any]()
    if network.net_arch is not None:
        settings["net_arch"] = list(network.net_arch)
    if network.activation is not None:
        settings["activation_fn"] = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[network.activation]
    if config.policy in PADDED and (network.cnn != "nature" or config.observation.kind in ("image", "both")):
        settings |= {
            "features_extractor_class": PADDED[config.policy],
            "features_extractor_kwargs": {"cnn": network.cnn},
        }
    return settings


def off_policy_settings(config: Config) -> dict[str, Any]:
    """What SB3's DQN or QR-DQN is made with to learn as `config.value` says, as far as they can: the same network,
    memory, minibatches, training calls, copies of the target network and exploration.

    Raises UserError for a network that is not that of SB3's NatureCNN with one hidden layer.
    """
    value, n_envs = config.value, config.env.n_envs
    network = value.network
    nature = [[layer[part] for layer in CNNS["nature"][0]] for part in range(3)]
    if (
        [network.channels, network.kernels, network.strides] != nature
        or any(network.paddings)
        or len(network.hidden) > 1
    ):
        raise UserError("value.network is not that of SB3's NatureCNN; allowed: its convolutions, and one hidden layer")
    # SB3 counts steps of all environments at once, and makes whole updates after each.
    train_freq = max(1, value.train_every // n_envs)
    return {
        "learning_rate": value.optimizer.learning_rate,
        "buffer_size": value.memory_size,
        "learning_starts": value.start_training,
        "batch_size": value.batch_size,
        "gamma": value.gamma,
        "train_freq": train_freq,
        "gradient_steps": max(1, train_freq * n_envs // value.train_every),
        "target_update_interval": value.target_reset,
        "exploration_fraction": min(1.0, value.exploration.decay_steps / config.steps),
        "exploration_initial_eps": value.exploration.initial,
        "exploration_final_eps": value.exploration.minimum,
        "optimize_memory_usage": True,  # every stack once, not twice
        "replay_buffer_kwargs": {"handle_timeout_termination": False},
        "device": config.device,
        "policy_kwargs": {
            "net_arch": [],
            "features_extractor_kwargs": {"features_dim": network.hidden[0]},
            "optimizer_kwargs": {"eps": value.optimizer.eps},
        },
    }


class Convolution(NamedTuple):
    """A layer of square filters."""

    filters: int
    size: int
    stride: int


CNNS = {
    "nature": ((Convolution(32, 8, 4), Convolution(64, 4, 2), Convolution(64, 3, 1)), 512),
    "nips": ((Convolution(16, 8, 4), Convolution(32, 4, 2)), 256),
}
"""The convolutions of DQN, and the nodes of the layer after them: Mnih et al. 2015 (https://doi.org/10.1038/nature14236)
and 2013 (https://arxiv.org/abs/1312.5602), which is about a fifth of the work."""


class PaddedCNN(BaseFeaturesExtractor):
    """Convolutions that leave out no pixel of a picture of any size: one of CNNS.

    A filter of 8x8 that moves by 4 pixels sees all of a picture of 84 rows, but only the first 84 of 87. Here zeros are
    added below and at the right, before each layer, as many as are missing. Where none are missing, `nature` is
    SB3's NatureCNN.

    Takes images with their channels first, `(n, channels, height, width)`, scaled to 0..1.
    """

    def __init__(self, observation_space: gym.spaces.Box, cnn: str = "nature") -> None:
        convolutions, nodes = CNNS[cnn]
        super().__init__(observation_space, nodes)
        channels, height, width = observation_space.shape
        layers: list[torch.nn.Module] = []
        for filters, size, stride in convolutions:
            below, right = -(height - size) % stride, -(width - size) % stride
            layers += [torch.nn.ZeroPad2d((0, right, 0, below))] if below or right else []
            layers += [torch.nn.Conv2d(channels, filters, size, stride), torch.nn.ReLU()]
            channels = filters
            height, width = (height + below - size) // stride + 1, (width + right - size) // stride + 1
        self.cnn = torch.nn.Sequential(*layers, torch.nn.Flatten())
        self.linear = torch.nn.Sequential(torch.nn.Linear(channels * height * width, nodes), torch.nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.linear(self.cnn(observations))


class PaddedCombined(BaseFeaturesExtractor):
    """The features of PaddedCNN of the image, and the coordinates as they are: a Dict of both goes in."""

    def __init__(self, observation_space: gym.spaces.Dict, cnn: str = "nature") -> None:
        image, coordinates = observation_space["image"], observation_space["coordinates"]
        assert isinstance(image, gym.spaces.Box) and coordinates.shape is not None
        convolutions = PaddedCNN(image, cnn)
        super().__init__(observation_space, convolutions.features_dim + coordinates.shape[0])
        self.cnn = convolutions

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([self.cnn(observations["image"]), observations["coordinates"]], dim=1)


PADDED: dict[str, type[BaseFeaturesExtractor]] = {"CnnPolicy": PaddedCNN, "MultiInputPolicy": PaddedCombined}


class Trained(Protocol):
    """What is saved: SB3's algorithms have it, and ValueAgent."""

    num_timesteps: int
    """Agent steps."""

    @property
    def policy(self) -> Any:
        """A torch module, with its `optimizer`."""

    @property
    def observation_space(self) -> gym.Space:
        """Pictures have their channels first."""

    @property
    def action_space(self) -> gym.Space: ...


def save_model(model: Trained, folder: Path, config: Config, counters: Mapping[str, int] | None = None) -> Path:
    """Write `model` to `folder` and return it. What was there before stays until the new one is whole on the disk.

    `counters` are what else is counted in its training. Raises OSError if it cannot be written; what was there stays.
    """
    about = {
        "algorithm": config.algorithm,
        "policy": config.policy,
        "observation_shape": _shape(model.observation_space),
        "n_actions": int(_actions(model.action_space)),
        "steps": model.num_timesteps,
        **({"counters": dict(counters)} if counters else {}),
    }
    new = new_folder(folder)
    try:
        _write_tensors(_contiguous(model.policy.state_dict()), new / "policy.safetensors")
        _write_tensors(_flatten(model.policy.optimizer.state_dict()["state"]), new / "optimizer.safetensors")
        write_whole(new / "model.yaml", to_yaml(about))
        dump_config(config, new / "config.yaml")
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return put_into_place(folder)


def _write_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Raises OSError where safetensors has an error of its own for it."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        if (number := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def has_model(folder: Path) -> bool:
    """Whether there is a model in `folder`, also if a training was killed while it saved one."""
    return (repair(folder) / "model.yaml").is_file()


def find_model(name: str | Path) -> Path:
    """The model folder that `name` means: a model folder, a run folder (its best model, else its last) or a
    pretrained name. Raises UserError if there is none."""
    path = Path(name)
    shipped = [PRETRAINED / path] if path.name == str(name) else []  # a name, no path that climbs out of the folder
    for candidate in (path, path / "best", path / "last", *shipped):
        if has_model(candidate):
            return candidate
    if path.is_dir():
        raise UserError(f"{path} holds no model (no model.yaml in it, in best/ or in last/)")
    pretrained = sorted(folder.name for folder in PRETRAINED.glob("*/")) if PRETRAINED.is_dir() else []
    allowed = f"'{RANDOM}'" + "".join(f", {known!r}" for known in pretrained)
    raise UserError(f"model {str(name)!r} does not exist; allowed: a run folder, a model folder or {allowed}")


def load_agent(name: str | Path, seed: int = 0, *, trust: bool = False) -> Agent:
    """Load a model to play with it, on the CPU, or make the agent called "random", which draws with `seed`.

    No code that a model may hold is run. A zip of Stable-Baselines3 is loaded only with `trust`, because that would.
    Raises UserError if the model is missing or damaged, or made for another observation than its config describes.
    """
    if (path := Path(name)).is_file():
        if path.suffix != ".zip":
            raise UserError(f"{path} is a file; allowed: a model folder, which holds model.yaml")
        if not trust:
            raise refuse(path)
        model, config = load_zip(path)
        return Agent(model, config, str(name))
    if str(name) == RANDOM:
        config = Config(name=RANDOM)
        return Agent(RandomPlayer(n_actions=4, seed=check_seed(seed)), config, RANDOM)
    folder = find_model(name)
    config = load_config(folder / "config.yaml")
    env = make_vec_env(config, n_envs=1, evaluation=True)
    try:
        check_spaces(folder, env)
        if config.algorithm == "value":
            height, width, channels = env.observation_space.shape or ()
            with torch.device("meta"):  # its shapes alone, which may be those of a network that fits nowhere
                sketch = QNetwork(config.value.network, (channels, height, width), _actions(env.action_space))
            weights = _read_weights(folder / "policy.safetensors", sketch.state_dict())
            player = ValueAgent(config, env.observation_space, env.action_space, learns=False)
            player.policy.load_state_dict(weights)
            return Agent(player, config, str(name))
        observation_space = _channels_first(env).observation_space
        policy: BasePolicy = policy_class(config)(
            observation_space, env.action_space, lr_schedule=lambda _: 0.0, **policy_settings(config)
        )
    finally:
        env.close()
    policy.load_state_dict(_read_weights(folder / "policy.safetensors", policy.state_dict()))
    policy.set_training_mode(False)
    return Agent(policy, config, str(name))


def restore(model: Trained, folder: Path) -> None:
    """Put weights, optimizer and step count of a model folder into `model`, to go on with its training.

    Raises UserError if the model is missing, damaged or another network.
    """
    policy = model.policy
    policy.load_state_dict(_read_weights(folder / "policy.safetensors", policy.state_dict()))
    optimizer = policy.optimizer
    state = _unflatten(_read_tensors(folder / "optimizer.safetensors"))
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    model.num_timesteps = int(_read_about(folder)["steps"])


def read_counters(folder: Path) -> dict[str, int]:
    """What `save_model` was given as counters. Raises UserError if the model is missing or damaged."""
    counters = _read_about(folder).get("counters", {})
    if not isinstance(counters, dict) or any(type(value) is not int for value in counters.values()):
        raise UserError(f"{folder / 'model.yaml'} is damaged: counters must hold whole numbers")
    return counters


def check_spaces(folder: Path, env: VecEnv) -> None:
    """Raise UserError unless the model in `folder` takes what `env` shows and answers with its actions."""
    about = _read_about(folder)
    made_for: Any = about["observation_shape"]
    given: Any = _shape(_channels_first(env).observation_space)
    if made_for != given:
        made_for, given = (tuple(shape) if isinstance(shape, list) else shape for shape in (made_for, given))
        raise UserError(f"model {folder} was made for observations of shape {made_for}, the environment gives {given}")
    if about["n_actions"] != _actions(env.action_space):
        raise UserError(f"model {folder} was made for {about['n_actions']} actions, not {_actions(env.action_space)}")


def trained_steps(folder: Path) -> int:
    """Agent steps that the model in `folder` was trained for."""
    return int(_read_about(folder)["steps"])


def _channels_first(env: VecEnv) -> VecEnv:
    """As SB3's algorithms see it: images have their channels first."""
    space = env.observation_space
    parts = space.values() if isinstance(space, gym.spaces.Dict) else [space]
    channels_last = any(
        isinstance(part, gym.spaces.Box) and is_image_space(part) and not is_image_space_channels_first(part)
        for part in parts
    )
    return VecTransposeImage(env) if channels_last else env


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "model.yaml"
    try:
        about = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        about = None
    needed: dict[str, Any] = {"policy": str, "observation_shape": (list, dict), "n_actions": int, "steps": int}
    if not isinstance(about, dict) or any(not isinstance(about.get(key), kind) for key, kind in needed.items()):
        raise UserError(f"{path} is missing or damaged: it must hold {', '.join(needed)}")
    if about["policy"] not in PPO.policy_aliases:
        raise UserError(f"{path}: policy {about['policy']!r} is not known; allowed: {', '.join(PPO.policy_aliases)}")
    return about


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UserError(f"{path} does not exist: the model is not complete")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or cut off: {error}") from None


def _read_weights(path: Path, expected: dict[str, Any]) -> dict[str, torch.Tensor]:
    weights = _read_tensors(path)
    for name in expected:
        if name not in weights:
            raise UserError(f"{path} is no model of this policy: {name} is missing")
        if weights[name].shape != expected[name].shape:
            made_for, given = tuple(weights[name].shape), tuple(expected[name].shape)
            raise UserError(f"{path} is no model of this policy: {name} has shape {made_for}, {given} is needed")
    return weights


def _contiguous(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # Actor and critic share the feature extractor under several names; safetensors wants each tensor in its own memory.
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _flatten(state: dict[int, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return _contiguous({f"{index}.{name}": value for index, values in state.items() for name, value in values.items()})


def _unflatten(tensors: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return state


def _shape(space: gym.Space) -> list[int] | dict[str, list[int]]:
    if isinstance(space, gym.spaces.Dict):
        return {name: list(part.shape or ()) for name, part in space.items()}
    return list(space.shape or ())


def _actions(space: gym.Space) -> int:
    assert isinstance(space, gym.spaces.Discrete)
    return int(space.n)
