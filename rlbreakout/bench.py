"""How fast this machine is: the emulator, the environments, PPO, in one run, because only ratios of one run compare."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import ale_py
import numpy as np
from ale_py.roms import get_rom_path
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.config import Config, EnvConfig, EvaluationConfig, PPOConfig
from rlbreakout.envs import make_vec_env, register
from rlbreakout.models import build_algorithm
from rlbreakout.runs import check_output_file

SECONDS = 5.0
"""What each figure is measured for, at least."""
FRAME_SKIP = 4


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
    frames = raw_emulator_speed()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ceiling = "emulator's ceiling, all cores, frame skip 4"
    figures = [
        Figure("raw emulator, one core", frames, "frames/s"),
        Figure(ceiling, frames * cores / FRAME_SKIP, "agent steps/s"),
        Figure("DummyVecEnv, 1 environment", env_speed(1), "agent steps/s"),
        Figure("DummyVecEnv, 8 environments", env_speed(8), "agent steps/s"),
        Figure("PPO with the zoo's settings", ppo_speed(), "agent steps/s"),
    ]
    base = next(figure.value for figure in figures if figure.name == ceiling)
    ratios = {f.name: f.value / base for f in figures if f.unit == "agent steps/s" and f.name != ceiling}
    table = Table("figure", "value", "unit", "of the ceiling", title=f"{cores} cores")
    for figure in figures:
        ratio = ratios.get(figure.name)
        table.add_row(figure.name, f"{figure.value:,.0f}", figure.unit, "" if ratio is None else f"{ratio:.2f}")
    Console().print(table)
    if json_file is not None:
        result = {"cores": cores, "figures": [asdict(f) for f in figures], "ratios": {"to": ceiling, **ratios}}
        json_file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return figures


def _per_second(act: Callable[[], int]) -> float:
    """What `act` returns, summed over calls for SECONDS, a second."""
    act()
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < SECONDS:
        count += act()
    return count / seconds


def raw_emulator_speed() -> float:
    """Frames/s of `ale.act` in one thread, nothing looked at."""
    ale = ale_py.ALEInterface()
    rom = get_rom_path("breakout")
    assert rom is not None
    ale.loadROM(rom)

    def act() -> int:
        for frame in range(100):
            ale.act(frame % 4)
            if ale.game_over():
                ale.reset_game()
        return 100

    return _per_second(act)


def zoo_config(n_envs: int = 8) -> Config:
    return Config(
        env=EnvConfig(id="BreakoutNoFrameskip-v4", n_envs=n_envs, launch_ball="on_reset"),
        ppo=PPOConfig(
            n_steps=128, n_epochs=4, batch_size=256, learning_rate="lin_2.5e-4", clip_range="lin_0.1", ent_coef=0.01
        ),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def env_speed(n_envs: int) -> float:
    """Agent steps/s of the zoo's environment (SB3's AtariWrapper and frame stack) under random actions."""
    env = make_vec_env(zoo_config(n_envs))
    env.reset()
    random = np.random.default_rng(0)

    def act() -> int:
        env.step(random.integers(4, size=n_envs))
        return n_envs

    try:
        return _per_second(act)
    finally:
        env.close()


def ppo_speed() -> float:
    """Agent steps/s of PPO with the zoo's settings, from the first update on, learning included."""
    config = zoo_config()
    model = build_algorithm(config, make_vec_env(config))
    clock = _Clock()
    try:
        model.learn(config.steps, callback=clock)
    finally:
        assert model.env is not None
        model.env.close()
    return clock.steps / clock.seconds


class _Clock(BaseCallback):
    """Ends the training when whole rounds of rollout and update took SECONDS; the first round is warm-up."""

    steps, seconds, rounds = 0, 0.0, 0

    def _on_rollout_start(self) -> None:
        if self.rounds == 1:
            self._start, self._first_step = time.perf_counter(), self.num_timesteps
        if self.rounds > 1:
            self.seconds = time.perf_counter() - self._start
            self.steps = self.num_timesteps - self._first_step
        self.rounds += 1

    def _on_step(self) -> bool:
        return self.seconds < SECONDS
