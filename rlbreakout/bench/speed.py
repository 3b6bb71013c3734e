"""How fast this machine is: the emulator, the environments, PPO and DQN; and how accurate the aimbot is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from ale_py.vector_env import AtariVectorEnv
from loky import cpu_count

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
from rlbreakout.bench.off_policy import dqn_config, train_dqn_of_sb3, train_value_agent
from rlbreakout.bench.processes import in_a_process, process_context
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.envs import make_vec_env

MANY = 64
"""Environments of the measurements with many of them."""
DESCENTS = 1_000
"""Descents of the ball over which the aimbot is measured."""


def measure_speed(add: Add) -> None:
    """Measure, and `add` each figure."""
    raw, ceiling = "raw emulator, one core", "emulator's ceiling: one core x cores"
    envs: dict[str, Any] = {
        f"AtariVectorEnv, whole screens, {MANY} environments": bare_vector_env(),
        **{name: make_vec_env(config) for name, config in trained_configs().items()},
    }
    for env in envs.values():
        env.reset()
    with ProcessPoolExecutor(cpu_count(), mp_context=process_context()) as processes:

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

    zoo = "PPO with the zoo's settings"
    trainings = {
        zoo: partial(train_apart, shipped("2.3_zoo"), keep=False),
        f"{zoo}, freed memory kept": partial(train_apart, shipped("2.3_zoo")),
        **{
            f"PPO, {name}": partial(train_apart, config)
            for name, config in trained_configs().items()
            if "zoo" not in name
        },
    }
    done = [{name: run() for name, run in trainings.items()} for _ in range(PPO_ROUNDS)]
    for name in trainings:
        add(name, sorted(each[name].speed for each in done)[PPO_ROUNDS // 2], STEPS, of="" if name == zoo else zoo)
        add(f"{name}: memory", max(each[name].memory for each in done), "MB")

    sb3 = "DQN of SB3"
    learners: dict[str, Callable[[], float]] = {
        sb3: partial(in_a_process, train_dqn_of_sb3, dqn_config()),
        "DQN of lesson 5, the same network and training calls": partial(in_a_process, train_value_agent, dqn_config()),
        "... with Double, dueling, 3 steps, prioritised replay": partial(
            in_a_process, train_value_agent, dqn_config(fixed=True)
        ),
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


def trained_configs() -> dict[str, Any]:
    """Environments that are measured alone and with PPO, by name."""
    return {
        "the zoo's DummyVecEnv, 8 environments": shipped("2.3_zoo"),
        f"VectorVecEnv, the zoo's pictures, {MANY} environments": shipped(
            "2.3_zoo", env__vec_env="vector", env__n_envs=MANY
        ),
        "TwinVecEnv, pictures with the aimbot": shipped("3.3_aimbot"),
        "TwinVecEnv, coordinates": shipped("3.4_coordinates"),
    }


def bare_vector_env() -> AtariVectorEnv:
    """ale-py's AtariVectorEnv with whole grey screens."""
    return AtariVectorEnv(
        "breakout",
        MANY,
        num_threads=cpu_count(),
        img_height=HEIGHT,
        img_width=WIDTH,
        stack_num=1,
        maxpool=False,
        repeat_action_probability=0.25,
    )
