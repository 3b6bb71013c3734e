"""How fast this machine is: the emulator, the environments, and PPO; and how accurate the aimbot is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ale_py.vector_env import AtariVectorEnv
from loky import ProcessPoolExecutor, cpu_count

from rlbreakout.bench.aimbot_accuracy import measure_accuracy
from rlbreakout.bench.measure import (
    PPO_ROUNDS,
    SECONDS,
    STEPS,
    Add,
    env_speed,
    median_speeds,
    raw_emulator_speed,
    shipped,
    train_apart,
)
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env

MANY = 64
"""Number of environments in the measurements with many of them."""
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
    trainings: dict[str, Callable[[], float]] = {zoo: partial(train_apart, shipped("2.3_zoo"))}
    for name, config in configs.items():
        if "zoo" not in name:
            trainings[f"PPO, {name}"] = partial(train_apart, config)
    for name, speed in median_speeds(trainings, PPO_ROUNDS).items():
        add(name, speed, STEPS, of="" if name == zoo else zoo)

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
