"""What the parts of `rlbreakout bench` share: figures and their table, speeds of emulator, environments and PPO.

Each part is measured in one run, beside the emulator, because only ratios of one run compare.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from loky import cpu_count
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm
from rlbreakout.bench.processes import in_a_process, megabytes_of_children
from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.common.files import write_atomically
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env, register
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.runs import check_output_file

FRAME_SKIP = 4
SECONDS, ROUNDS = 1.0, 5
"""What each environment is measured for, at least, in each of so many rounds."""
PPO_SECONDS, PPO_ROUNDS = 4.0, 3
"""The same for PPO."""
STEPS = "agent steps/s"


class Figure(NamedTuple):
    """What was measured, and the name of another figure if their ratio is of interest."""

    name: str
    value: float
    unit: str
    of: str = ""


Add = Callable[..., None]
"""Called with the fields of a Figure."""


def report(measure: Callable[[Add], None], json_file: Path | None = None) -> list[Figure]:
    """Let `measure` add figures; print them as a table and, with `json_file`, write them with their ratios.

    Raises UserError if the file cannot be written.
    """
    if json_file is not None:
        check_output_file(json_file)
    register()
    figures: list[Figure] = []

    def add(name: str, value: float, unit: str, of: str = "") -> None:
        figures.append(Figure(name, float(value), unit, of))
        print(f"{name}: {value:,.5g} {unit}", file=sys.stderr, flush=True)

    measure(add)
    values = {figure.name: figure.value for figure in figures}
    ratios = {figure.name: figure.value / values[figure.of] for figure in figures if figure.of}
    table = Table("figure", "value", "unit", "ratio", "to", title=f"{cpu_count()} cores")
    for name, value, unit, of in figures:
        table.add_row(
            name, f"{value:,.4g}" if value < 10 else f"{value:,.0f}", unit, f"{ratios[name]:,.2f}" if of else "", of
        )
    Console().print(table)
    if json_file is not None:
        result = {
            "cores": cpu_count(),
            "figures": [figure._asdict() for figure in figures],
            "ratios": {name: {"to": of, "ratio": ratios[name]} for name, _, _, of in figures if of},
        }
        write_atomically(json_file, json.dumps(result, indent=1) + "\n")
    return figures


def shipped(name: str, **values: Any) -> Config:
    """A shipped config without evaluations and checkpoints, with other values, by keys with __ for the dots."""
    dotted = {key.replace("__", "."): value for key, value in values.items()}
    return with_values(load_config(name), {"evaluation.every": 0, "run.checkpoint_every": 0, **dotted})


def per_second(act: Callable[[], int], at_least: float = SECONDS) -> float:
    """What `act` returns, summed over calls for `at_least` seconds, a second."""
    act()
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < at_least:
        count += act()
    return count / seconds


def raw_emulator_speed(at_least: float = SECONDS) -> float:
    """Agent steps/s of `ale.act` in one thread, nothing looked at: random actions, each held for FRAME_SKIP frames."""
    ale = load_emulator(repeat_action_probability=0.25)
    actions = ale.getMinimalActionSet()
    random = np.random.default_rng(0)

    def act() -> int:
        for action in random.integers(len(actions), size=25).tolist():
            for _ in range(FRAME_SKIP):
                ale.act(actions[action])
            if ale.game_over():
                ale.reset_game()
        return 25

    return per_second(act, at_least)


def env_speed(env: Any) -> float:
    """Agent steps/s of a vector environment that was reset, under random actions."""
    random = np.random.default_rng(0)

    def act() -> int:
        env.step(random.integers(4, size=env.num_envs))
        return env.num_envs

    return per_second(act)


def median_speeds(measured: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The medians over rounds of all of them: then what else the machine does hits all of them alike."""
    found = [{name: run() for name, run in measured.items()} for _ in range(rounds)]
    return {name: float(np.median([each[name] for each in found])) for name in measured}


class Measured(NamedTuple):
    """What was measured of a training of PPO."""

    speed: float
    """Agent steps/s from the second update on, learning included."""
    memory: float
    """The most that its process and its children used, in MB."""


def train_apart(config: Config, *, keep: bool = True) -> Measured:
    """Train PPO in a process of its own, with `keep_freed_memory` as `rlbreakout train` does it, or without."""
    return in_a_process(_train, config, keep)


def _train(config: Config, keep: bool) -> Measured:
    register()
    if keep:
        keep_freed_memory()
    if config.policy == "MlpPolicy":
        torch.set_num_threads(1)  # as rlbreakout.training.learn does
    model = build_algorithm(config, make_vec_env(config))
    clock = _Clock(PPO_SECONDS)
    model.learn(config.steps, callback=clock)
    assert model.env is not None
    children = megabytes_of_children()
    model.env.close()
    return Measured(clock.steps / clock.seconds, _peak_memory() + children)


def _peak_memory() -> float:
    """The most memory that this process has used, in MB; NaN where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


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
