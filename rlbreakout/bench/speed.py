"""How fast this machine is: the emulator, the environments, PPO and DQN, and how right the aimbot is.

All in one run, because only ratios of one run compare.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ale_py.vector_env import AtariVectorEnv
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents.build import build_algorithm
from rlbreakout.bench.aimbot_accuracy import Accuracy, play
from rlbreakout.bench.off_policy import dqn_config, train_sb3_dqn, train_value_agent
from rlbreakout.bench.processes import in_a_process, megabytes_of_children, process_context
from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.callbacks import OneThreadWhilePlaying
from rlbreakout.common.files import write_atomically
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, NetworkConfig, ObservationConfig, PPOConfig
from rlbreakout.envs import make_vec_env, register
from rlbreakout.envs.views import cores
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.runs import check_output_file

SECONDS, ROUNDS = 1.0, 12
"""What each environment is measured for, at least, in each of so many rounds."""
PPO_SECONDS, PPO_ROUNDS = 4.0, 3
"""The same for PPO."""
DQN_SECONDS = 6.0
"""The same for DQN, in as many rounds."""
FRAME_SKIP = 4
MANY = 64
"""Environments of the fast measurements."""
DESCENTS = 1_000
"""Descents of the ball over which the aimbot is measured."""

RAW = "raw emulator, one core"
CEILING = "emulator's ceiling: one core x cores / frame skip"
TOGETHER = "the same, measured on all cores at once"
ZOO_PPO = "PPO with the zoo's settings"
SB3_DQN = "DQN of SB3"
STEPS, FRAMES = "agent steps/s", "frames/s"

OBSERVATIONS: dict[str, tuple[Any, ObservationConfig, NetworkConfig]] = {
    "coordinates": (
        "MlpPolicy",
        ObservationConfig(kind="coordinates", frame_stack=1),
        NetworkConfig(net_arch=[256] * 2),
    ),
    "image": (
        "CnnPolicy",
        ObservationConfig(kind="image", half=True, aimbot=True, frame_stack=3),
        NetworkConfig(cnn="nips"),
    ),
    "both": (
        "MultiInputPolicy",
        ObservationConfig(kind="both", half=True, aimbot=True, frame_stack=3),
        NetworkConfig(cnn="nips", net_arch=[256] * 2),
    ),
}
"""What PPO is measured on: mono_1dim, trimmed, at half resolution where there is an image."""


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str


def bench(json_file: Path | None = None) -> list[Figure]:
    """Measure, print a table and, with `json_file`, write the figures, their units and the ratios between them.

    Raises UserError if the file cannot be written.
    """
    if json_file is not None:
        check_output_file(json_file)
    register()
    figures: list[Figure] = []

    def measure(name: str, unit: str, value: float) -> float:
        figures.append(Figure(name, value, unit))
        print(f"{name}: {value:,.4g} {unit}", file=sys.stderr, flush=True)
        return value

    raw, together, envs = measure_environments()
    measure(RAW, FRAMES, raw)
    ceiling = measure(CEILING, STEPS, raw * cores() / FRAME_SKIP)
    measure(TOGETHER, STEPS, together / FRAME_SKIP)
    for name, value in envs.items():
        measure(name, STEPS, value)
    trainings = {
        ZOO_PPO: partial(train_apart, zoo_config(), keep=False),
        f"{ZOO_PPO}, freed memory kept": partial(train_apart, zoo_config()),
        **{f"PPO, BreakoutVecEnv, {name}": partial(train_apart, fast_config(name)) for name in OBSERVATIONS},
    }
    done = [{name: run() for name, run in trainings.items()} for _ in range(PPO_ROUNDS)]
    for name in trainings:
        measure(name, STEPS, float(np.median([each[name].speed for each in done])))
    zoo = figures[-len(trainings)].value
    for name in trainings:
        memory = max(each[name].memory for each in done)
        measure(f"{name}: memory of the process", "MB", memory)
    off_policy = {
        SB3_DQN: partial(in_a_process, train_sb3_dqn, dqn_config(), DQN_SECONDS),
        "DQN of lesson 5, the same network and training calls": partial(
            in_a_process, train_value_agent, dqn_config(), DQN_SECONDS
        ),
        "... with Double, dueling, 3 steps, prioritised replay": partial(
            in_a_process, train_value_agent, dqn_config(fixed=True), DQN_SECONDS
        ),
    }
    speeds = [{name: run() for name, run in off_policy.items()} for _ in range(PPO_ROUNDS)]
    for name in off_policy:
        measure(name, STEPS, float(np.median([each[name] for each in speeds])))
    dqn = next(f.value for f in figures if f.name == SB3_DQN)
    accuracy = play(DESCENTS)
    for name, unit, value in describe(accuracy):
        measure(name, unit, value)

    steps = [f for f in figures if f.unit == STEPS]
    to_ceiling = {f.name: f.value / ceiling for f in steps if f.name != CEILING}
    to_together = {f.name: f.value * FRAME_SKIP / together for f in steps if f.name not in (CEILING, TOGETHER)}
    to_zoo = {f.name: f.value / zoo for f in steps if f.name in trainings and f.name != ZOO_PPO}
    to_dqn = {f.name: f.value / dqn for f in steps if f.name in off_policy and f.name != SB3_DQN}
    ratios = {CEILING: to_ceiling, TOGETHER: to_together, ZOO_PPO: to_zoo, SB3_DQN: to_dqn}
    Console().print(_table(figures, ratios))
    if json_file is not None:
        result: dict[str, Any] = {
            "cores": cores(),
            "figures": [asdict(f) for f in figures],
            "ratios": ratios,
            "aimbot_steps_by_speed": {f"{x:g}, {y:g} pixels a frame": n for (x, y), n in accuracy.speeds.items()},
        }
        write_atomically(json_file, json.dumps(result, indent=1) + "\n")
    return figures


def measure_environments() -> tuple[float, float, dict[str, float]]:
    """Frames/s of the raw emulator on one core, and on all of them at once (a core that has company is often slower);
    agent steps/s of `environments()`. Medians over ROUNDS rounds of all of them.

    In many short rounds, because then what else the machine does hits all of them alike.
    """
    envs = environments()
    for env in envs.values():
        env.reset()
    with ProcessPoolExecutor(cores(), mp_context=process_context()) as processes:

        def on_all_cores() -> float:
            return sum(processes.map(raw_emulator_speed, [SECONDS] * cores()))

        on_all_cores()  # starts the processes
        rounds = [
            (raw_emulator_speed(SECONDS), on_all_cores(), *(env_speed(env) for env in envs.values()))
            for _ in range(ROUNDS)
        ]
    for env in envs.values():
        env.close()
    raw, together, *speeds = np.median(rounds, axis=0).tolist()
    return raw, together, dict(zip(envs, speeds, strict=True))


def environments() -> dict[str, VecEnv | AtariVectorEnv]:
    """What is measured alone, without an agent."""
    fast = {f"BreakoutVecEnv, {name}, {MANY} environments": make_vec_env(fast_config(name)) for name in OBSERVATIONS}
    dummy = {f"SB3's DummyVecEnv, AtariWrapper, {n} environments": make_vec_env(zoo_config(n)) for n in (1, 8)}
    return {
        f"AtariVectorEnv, whole screens, {MANY} environments": bare_vector_env(),
        **fast,
        f"AtariVectorEnv, its own preprocessing, {MANY} environments": bare_vector_env(84, stack=4),
        **dummy,
    }


RATIO_HEADS = {
    CEILING: "of the ceiling",
    TOGETHER: "of all cores at once",
    ZOO_PPO: "of the zoo's PPO",
    SB3_DQN: "of SB3's DQN",
}
"""What a column of ratios is called."""


def _table(figures: list[Figure], ratios: dict[str, dict[str, float]]) -> Table:
    table = Table("figure", "value", "unit", *(RATIO_HEADS[name] for name in ratios), title=f"{cores()} cores")
    for figure in figures:
        shares = (f"{ratio[figure.name]:.2f}" if figure.name in ratio else "" for ratio in ratios.values())
        table.add_row(
            figure.name, f"{figure.value:,.0f}" if figure.value >= 10 else f"{figure.value:.4f}", figure.unit, *shares
        )
    return table


def describe(accuracy: Accuracy) -> list[tuple[str, str, float]]:
    """Name, unit and value of what was counted about the aimbot."""
    return [
        ("aimbot: descents of the ball", "descents", accuracy.descents),
        ("aimbot: steps in which the ball falls below the bricks", "agent steps", accuracy.steps),
        ("aimbot: such steps with a prediction", "share", accuracy.coverage),
        ("aimbot: predictions within 2 pixels", "share", accuracy.within(2)),
        ("aimbot: predictions within 4 pixels", "share", accuracy.within(4)),
        ("aimbot: predictions while the ball does not fall", "agent steps", accuracy.false_alarms),
        ("aimbot: predictions while the paddle is narrow", "agent steps", accuracy.narrow),
    ]


def peak_memory() -> float:
    """The most memory that this process has used, in MB; NaN where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def per_second(act: Callable[[], int], at_least: float) -> float:
    """What `act` returns, summed over calls for `at_least` seconds, a second."""
    act()
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < at_least:
        count += act()
    return count / seconds


def raw_emulator_speed(at_least: float) -> float:
    """Frames/s of `ale.act` in one thread for so many seconds, nothing looked at.

    It does what the environments beside it do: random actions, each held for FRAME_SKIP frames. With another action in
    every frame, the emulator is a little slower.
    """
    ale = load_emulator(repeat_action_probability=0.25)
    actions = ale.getMinimalActionSet()
    random = np.random.default_rng(0)

    def act() -> int:
        for action in random.integers(len(actions), size=25).tolist():
            for _ in range(FRAME_SKIP):
                ale.act(actions[action])
            if ale.game_over():
                ale.reset_game()
        return 25 * FRAME_SKIP

    return per_second(act, at_least)


def zoo_config(n_envs: int = 8) -> Config:
    return Config(
        env=EnvConfig(id="BreakoutNoFrameskip-v4", n_envs=n_envs, launch_ball="on_reset"),
        ppo=PPOConfig(
            n_steps=128, n_epochs=4, batch_size=256, learning_rate="lin_2.5e-4", clip_range="lin_0.1", ent_coef=0.01
        ),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def fast_config(name: str) -> Config:
    """PPO on the fast environment, with one of OBSERVATIONS."""
    policy, observation, network = OBSERVATIONS[name]
    return Config(
        env=EnvConfig(n_envs=MANY, vec_env="fast", max_pool=False),
        observation=observation,
        policy=policy,
        network=network,
        ppo=PPOConfig(
            n_steps=128, n_epochs=6 if name == "coordinates" else 4, batch_size=2048, learning_rate="lin_6e-4"
        ),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def env_speed(env: VecEnv | AtariVectorEnv) -> float:
    """Agent steps/s of an environment that was reset, under random actions."""
    random = np.random.default_rng(0)

    def act() -> int:
        env.step(random.integers(4, size=env.num_envs))
        return env.num_envs

    return per_second(act, SECONDS)


def bare_vector_env(size: int | None = None, stack: int = 1) -> AtariVectorEnv:
    """ale-py's AtariVectorEnv: whole grey screens, or resized to `size`, pooled and stacked."""
    return AtariVectorEnv(
        "breakout",
        MANY,
        num_threads=cores(),
        img_height=size or HEIGHT,
        img_width=size or WIDTH,
        stack_num=stack,
        maxpool=size is not None,
        repeat_action_probability=0.25,
    )


class Measured(NamedTuple):
    """What was measured of a training of PPO."""

    speed: float
    """Agent steps/s from the second update on, learning included."""
    memory: float
    """The most that its process used, and those that played its games, in MB."""


def train_apart(config: Config, *, keep: bool = True) -> Measured:
    """Train PPO in a process of its own, with `keep_freed_memory` as `rlbreakout train` does it, or without."""
    return in_a_process(_train, config, PPO_SECONDS, keep)


def _train(config: Config, seconds: float, keep: bool) -> Measured:
    register()
    if keep:
        keep_freed_memory()
    if config.policy == "MlpPolicy":
        torch.set_num_threads(1)  # as rlbreakout.training.train.learn does
    model = build_algorithm(config, make_vec_env(config))
    clock = _Clock(seconds)
    model.learn(config.steps, callback=[clock, OneThreadWhilePlaying()])
    assert model.env is not None
    players = megabytes_of_children()
    model.env.close()
    return Measured(clock.steps / clock.seconds, peak_memory() + players)


class _Clock(BaseCallback):
    """Ends the training when whole rounds of rollout and update took `at_least` seconds; the first is warm-up."""

    steps, seconds, rounds = 0, 0.0, 0

    def __init__(self, at_least: float) -> None:
        super().__init__()
        self._at_least = at_least

    def _on_rollout_start(self) -> None:
        if self.rounds == 1:
            self._start, self._first_step = time.perf_counter(), self.num_timesteps
        if self.rounds > 1:
            self.seconds = time.perf_counter() - self._start
            self.steps = self.num_timesteps - self._first_step
        self.rounds += 1

    def _on_step(self) -> bool:
        return self.seconds < self._at_least
