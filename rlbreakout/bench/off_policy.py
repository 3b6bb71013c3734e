"""How fast the value-based agent learns, beside SB3's DQN: the same network, memory and training calls."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents.build import off_policy_settings
from rlbreakout.agents.value import ValueAgent
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, ObservationConfig, QNetworkConfig, ValueConfig
from rlbreakout.envs import make_vec_env, register
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.value import Training


def dqn_config(*, fixed: bool = False) -> Config:
    """DQN on the trimmed screen at half resolution, on the fast environment; `fixed` as in lesson 5.3."""
    return Config(
        algorithm="value",
        steps=1_000_000,
        env=EnvConfig(n_envs=8, vec_env="fast", max_pool=False),
        observation=ObservationConfig(kind="image", half=True),
        value=ValueConfig(
            network=QNetworkConfig(hidden=[128], dueling=fixed),
            memory_size=20_000,
            start_training=1_000,
            train_every=4,
            n_step=3 if fixed else 1,
            double=fixed,
            prioritised=fixed,
        ),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def warm_up(config: Config) -> int:
    """Agent steps before the clock is started: the memory is filled, and some training calls were made."""
    return config.value.start_training + 500


def train_sb3_dqn(config: Config, at_least: float) -> float:
    """Agent steps/s of SB3's DQN, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    model = DQN("CnnPolicy", env, **off_policy_settings(config))
    clock = _AfterWarmUp(warm_up(config), at_least)
    model.learn(config.steps, callback=clock)
    env.close()
    return clock.steps / clock.seconds


class _AfterWarmUp(BaseCallback):
    """Ends the training `at_least` seconds after `warm_up` agent steps."""

    steps, seconds = 0, 0.0
    _start: float | None = None

    def __init__(self, warm_up: int, at_least: float) -> None:
        super().__init__()
        self._warm_up, self._at_least = warm_up, at_least

    def _on_step(self) -> bool:
        if self._start is None and self.num_timesteps >= self._warm_up:
            self._start, self._first_step = time.perf_counter(), self.num_timesteps
        elif self._start is not None:
            self.seconds = time.perf_counter() - self._start
            self.steps = self.num_timesteps - self._first_step
        return self.seconds < self._at_least


def train_value_agent(config: Config, at_least: float) -> float:
    """Agent steps/s of the value-based agent of lesson 5, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    agent = ValueAgent(config, env.observation_space, env.action_space, n_envs=env.num_envs)
    with TemporaryDirectory() as folder:
        training = Training(agent, env, Path(folder))
        observations = env.reset()
        while agent.num_timesteps < warm_up(config):
            observations = training.step(observations)
        start, first_step, seconds = time.perf_counter(), agent.num_timesteps, 0.0
        while seconds < at_least:
            observations = training.step(observations)
            seconds = time.perf_counter() - start
    env.close()
    return (agent.num_timesteps - first_step) / seconds
