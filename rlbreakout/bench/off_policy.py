"""How fast the value-based agent learns, beside SB3's DQN with the same network, memory and training calls."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents.build import off_policy_settings
from rlbreakout.agents.value import ValueAgent
from rlbreakout.bench.measure import shipped
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env, register
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.value import Training

SECONDS = 6.0
"""What each is measured for, at least."""


def dqn_config(*, fixed: bool = False) -> Config:
    """DQN with the settings of lesson 5.3, without those improvements that SB3's DQN lacks unless they are `fixed`."""
    plain = {} if fixed else {"dueling": False, "n_step": 1, "double": False, "prioritised": False}
    values = {f"value__{'network__' if key == 'dueling' else ''}{key}": value for key, value in plain.items()}
    return shipped("5.3_dqn", value__memory_size=20_000, value__start_training=1_000, value__train_every=4, **values)


def warm_up(config: Config) -> int:
    """Agent steps before the clock is started: the memory is filled, and some training calls were made."""
    return config.value.start_training + 500


def train_dqn_of_sb3(config: Config) -> float:
    """Agent steps/s of SB3's DQN, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    model = DQN("CnnPolicy", env, **off_policy_settings(config))
    clock = _AfterWarmUp(warm_up(config))
    model.learn(config.steps, callback=clock)
    env.close()
    return clock.steps / clock.seconds


class _AfterWarmUp(BaseCallback):
    """Ends the training SECONDS after `warm_up` agent steps."""

    steps, seconds = 0, 0.0
    _start: float | None = None

    def __init__(self, warm_up: int) -> None:
        super().__init__()
        self._warm_up = warm_up

    def _on_step(self) -> bool:
        if self._start is None and self.num_timesteps >= self._warm_up:
            self._start, self._first_step = time.perf_counter(), self.num_timesteps
        elif self._start is not None:
            self.seconds = time.perf_counter() - self._start
            self.steps = self.num_timesteps - self._first_step
        return self.seconds < SECONDS


def train_value_agent(config: Config) -> float:
    """Agent steps/s of the value-based agent of lesson 5, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    agent = ValueAgent(config, env.observation_space, env.action_space, n_envs=env.num_envs)
    with TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        training = Training(agent, env, Path(folder), writer)
        observations = env.reset()
        while agent.num_timesteps < warm_up(config):
            observations = training.step(observations)
        start, first_step, seconds = time.perf_counter(), agent.num_timesteps, 0.0
        while seconds < SECONDS:
            observations = training.step(observations)
            seconds = time.perf_counter() - start
    env.close()
    return (agent.num_timesteps - first_step) / seconds
