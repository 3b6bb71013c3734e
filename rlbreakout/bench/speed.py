"""How fast this machine is: the emulator, the environments, PPO and DQN; and how accurate the aimbot is."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ale_py.vector_env import AtariVectorEnv
from loky import ProcessPoolExecutor, cpu_count
from stable_baselines3 import DQN
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents.build import off_policy_settings
from rlbreakout.agents.value import ValueAgent
from rlbreakout.bench.aimbot_accuracy import measure_accuracy
from rlbreakout.bench.measure import (
    PPO_ROUNDS,
    SECONDS,
    STEPS,
    Add,
    Clock,
    env_speed,
    in_a_process,
    median_speeds,
    raw_emulator_speed,
    shipped,
    train_apart,
)
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env, register
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.value import Training

MANY = 64
"""Number of environments in the measurements with many of them."""
DQN_SECONDS, WARM_UP = 6.0, 1_500
"""How long DQN is measured, at least, after how many agent steps. By then the memory is filled, and the agent has been
trained a few times."""
DESCENTS = 1_000
"""Descents of the ball over which the aimbot is measured."""


def measure_speed(add: Add) -> None:
    """Measure, and `add` each figure."""
    configs = {
        "the zoo's DummyVecEnv, 8 environments": shipped("2.3_zoo"),
        f"VectorVecEnv, the zoo's pictures, {MANY} environments": shipped(
            "2.3_zoo", env__vec_env="vector", env__n_envs=MANY
        ),
        "TwinVecEnv, pictures with the aimbot": shipped("3.3_aimbot"),
        "TwinVecEnv, coordinates": shipped("3.4_coordinates"),
    }
    _measure_envs(add, configs)
    zoo = "PPO with the zoo's settings"
    trainings = {
        zoo: partial(train_apart, shipped("2.3_zoo"), keep=False),
        f"{zoo}, freed memory kept": partial(train_apart, shipped("2.3_zoo")),
        **{f"PPO, {name}": partial(train_apart, config) for name, config in configs.items() if "zoo" not in name},
    }
    done = [{name: run() for name, run in trainings.items()} for _ in range(PPO_ROUNDS)]
    for name in trainings:
        add(name, sorted(each[name].speed for each in done)[PPO_ROUNDS // 2], STEPS, of="" if name == zoo else zoo)
        add(f"{name}: memory", max(each[name].memory for each in done), "MB")

    sb3 = "DQN of SB3"
    plain: dict[str, Any] = {f"value__{key}": False for key in ("network__dueling", "double", "prioritised")}
    plain["value__n_step"] = 1
    learners: dict[str, Callable[[], float]] = {
        sb3: partial(in_a_process, train_dqn_of_sb3, dqn_config(**plain)),
        "DQN of lesson 5, the same network and training calls": partial(
            in_a_process, train_value_agent, dqn_config(**plain)
        ),
        "... with Double, dueling, 3 steps, prioritised replay": partial(in_a_process, train_value_agent, dqn_config()),
    }
    for name, speed in median_speeds(learners, PPO_ROUNDS).items():
        add(name, speed, STEPS, of="" if name == sb3 else sb3)

    accuracy = measure_accuracy(DESCENTS)
    add("aimbot: steps in which the ball falls below the bricks", accuracy.steps, "agent steps")
    add("aimbot: such steps with a prediction", accuracy.coverage, "share")
    for columns in (2, 4):
        add(f"aimbot: predictions within {columns} pixels", accuracy.within(columns), "share")
    add("aimbot: predictions while the ball does not fall", accuracy.false_alarms, "agent steps")
    add("aimbot: predictions while the paddle is narrow", accuracy.narrow, "agent steps")


def _measure_envs(add: Add, configs: dict[str, Config]) -> None:
    raw, ceiling = "raw emulator, one core", "emulator's ceiling: one core x cores"
    bare = AtariVectorEnv(
        "breakout",
        MANY,
        num_threads=cpu_count(),
        img_height=HEIGHT,
        img_width=WIDTH,
        stack_num=1,
        maxpool=False,
        repeat_action_probability=0.25,
    )
    envs: dict[str, Any] = {f"AtariVectorEnv, whole screens, {MANY} environments": bare}
    envs |= {name: make_vec_env(config) for name, config in configs.items()}
    for env in envs.values():
        env.reset()
    with ProcessPoolExecutor(cpu_count()) as processes:

        def on_all_cores() -> float:
            return sum(processes.map(raw_emulator_speed, [SECONDS] * cpu_count()))

        on_all_cores()  # starts the processes
        measured = {raw: raw_emulator_speed, "the same, measured on all cores at once": on_all_cores}
        speeds = median_speeds(measured | {name: partial(env_speed, env) for name, env in envs.items()})
    for env in envs.values():
        env.close()
    one_core = speeds.pop(raw)
    add(raw, one_core, STEPS)
    add(ceiling, one_core * cpu_count(), STEPS)
    for name, speed in speeds.items():
        add(name, speed, STEPS, of=ceiling)


def dqn_config(**values: Any) -> Config:
    """The config of lesson 5.3 with a small memory and other `values`, whose keys have __ for the dots."""
    return shipped("5.3_dqn", value__memory_size=20_000, value__start_training=1_000, value__train_every=4, **values)


def train_dqn_of_sb3(config: Config) -> float:
    """Agent steps/s of SB3's DQN, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    model, clock = DQN("CnnPolicy", env, **off_policy_settings(config)), Clock(DQN_SECONDS, WARM_UP)
    model.learn(config.steps, callback=clock)
    env.close()
    return clock.speed


def train_value_agent(config: Config) -> float:
    """Agent steps/s of the value-based agent of lesson 5, learning included."""
    register()
    keep_freed_memory()
    env = make_vec_env(config)
    agent = ValueAgent(config, env.observation_space, env.action_space, n_envs=env.num_envs)
    with TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        training = Training(agent, env, Path(folder), writer)
        observations = env.reset()
        while agent.num_timesteps < WARM_UP:
            observations = training.step(observations)
        start, first_step, seconds = time.perf_counter(), agent.num_timesteps, 0.0
        while seconds < DQN_SECONDS:
            observations = training.step(observations)
            seconds = time.perf_counter() - start
    env.close()
    return (agent.num_timesteps - first_step) / seconds
