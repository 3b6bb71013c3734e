"""What the parts of `rlbreakout bench` share: figures and their table, speeds of emulator, environments and PPO.

Each part measures the emulator, too, because only the ratios of one run can be compared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from loky import ProcessPoolExecutor, cpu_count
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm
from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.common.files import write_atomically
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env, register
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.runs import check_output_file

T = TypeVar("T")
FRAME_SKIP = 4
SECONDS, ROUNDS = 1.0, 5
PPO_SECONDS, PPO_ROUNDS = 4.0, 3
"""How long each environment, and PPO, is measured in a round, at least, and the number of rounds."""
STEPS = "agent steps/s"


class Figure(NamedTuple):
    """A measured value; `of` names another figure if their ratio is of interest."""

    name: str
    value: float
    unit: str
    of: str = ""


Add = Callable[..., None]
"""Called with the fields of a Figure."""


def report(measure: Callable[[Add], None], json_file: Path | None = None) -> list[Figure]:
    """Call `measure` to add figures; print them and write them and their ratios to `json_file`, if given.

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
    print(f"{cpu_count()} cores")
    for name, value, unit, of in figures:
        shown = f"{value:,.4g}" if value < 10 else f"{value:,.0f}"
        print(f"{shown:>12} {unit:14} {name}" + (f" ({ratios[name]:,.2f} times {of})" if of else ""))
    if json_file is not None:
        result = {
            "cores": cpu_count(),
            "figures": [figure._asdict() for figure in figures],
            "ratios": {name: {"to": of, "ratio": ratios[name]} for name, _, _, of in figures if of},
        }
        write_atomically(json_file, json.dumps(result, indent=1) + "\n")
    return figures


def shipped(name: str, **values: Any) -> Config:
    """A shipped config without evaluations and checkpoints, and with `values`, whose keys have __ for the dots."""
    dotted = {key.replace("__", "."): value for key, value in values.items()}
    return with_values(load_config(name), {"evaluation.every": 0, "run.checkpoint_every": 0, **dotted})


def per_second(act: Callable[[], int], at_least: float = SECONDS) -> float:
    """Call `act` for `at_least` seconds. Returns the sum of what it returned, per second."""
    act()
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < at_least:
        count += act()
    return count / seconds


def raw_emulator_speed(at_least: float = SECONDS) -> float:
    """Agent steps/s of `ale.act` alone, in one thread: random actions, each held for FRAME_SKIP frames."""
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
    """Agent steps/s of a vector environment, which has been reset, with random actions."""
    random = np.random.default_rng(0)

    def act() -> int:
        env.step(random.integers(4, size=env.num_envs))
        return env.num_envs

    return per_second(act)


def median_speeds(measured: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median speeds over rounds. Each round measures all of them, so that other load on the machine hits all alike."""
    found = [{name: run() for name, run in measured.items()} for _ in range(rounds)]
    return {name: float(np.median([each[name] for each in found])) for name in measured}


def in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in a new process."""
    with ProcessPoolExecutor(1) as process:
        return process.submit(function, *arguments).result()


def train_apart(config: Config) -> float:
    """Agent steps/s of PPO, learning included, in a new process, as `rlbreakout train` runs it."""
    return in_a_process(_train, config)


def _train(config: Config) -> float:
    register()
    keep_freed_memory()
    if config.policy == "MlpPolicy":
        torch.set_num_threads(1)  # as rlbreakout.training.learn does
    model = build_algorithm(config, make_vec_env(config))
    clock = _Clock()
    model.learn(config.steps, callback=clock)
    assert model.env is not None
    model.env.close()
    return clock.steps / clock.seconds


class _Clock(BaseCallback):
    """Measures whole rounds of rollout and update after the first; ends the training after PPO_SECONDS of them."""

    steps, seconds, _first_step = 0, 0.0, 0
    _start: float | None = None

    def _on_rollout_start(self) -> None:
        if self._start is not None:
            self.seconds = time.perf_counter() - self._start
            self.steps = self.num_timesteps - self._first_step
        elif self.num_timesteps > 0:
            self._start, self._first_step = time.perf_counter(), self.num_timesteps

    def _on_step(self) -> bool:
        return self.seconds < PPO_SECONDS
