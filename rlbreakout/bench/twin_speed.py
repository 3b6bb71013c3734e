"""How exact the twin is and how fast: the rules, the environment, PPO in it, and what it learns in how many seconds.

Everything is measured in one run, and beside the emulator, because only ratios of one run compare.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.save_load import load_agent, save_model
from rlbreakout.bench.exact import compare, describe_exact
from rlbreakout.bench.processes import in_a_process
from rlbreakout.bench.speed import (
    FRAME_SKIP,
    MANY,
    Measured,
    env_speed,
    fast_config,
    per_second,
    raw_emulator_speed,
    train_apart,
    zoo_config,
)
from rlbreakout.breakout.draw import draw_into
from rlbreakout.breakout.guard import check_twin
from rlbreakout.breakout.rules import N_ACTIONS, new_games, play
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.files import write_atomically
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, NetworkConfig, ObservationConfig, PPOConfig
from rlbreakout.envs import make_vec_env, register
from rlbreakout.envs.views import cores
from rlbreakout.evaluation.evaluate import evaluate
from rlbreakout.training.runs import check_output_file
from rlbreakout.training.train import learn

GAMES_A_CALL, GAMES_DRAWN, GAMES_BLOCKS = 1_024, 64, 256
COMPARED_FRAMES = 200_000
USUAL_SPEED = 4_000.0
"""Agent steps/s of the emulator on the core that absolute times are stated for."""
ROUNDS, SECONDS = 5, 1.0
MARKS = (60, 270, 400)
"""Mean points of TRAINING_GAMES training games in a row."""
TRAINING_GAMES = 100
SEEDS = 3
GAMES = 100
LONGEST_TRAINING = 600.0
"""Seconds."""
BUSY = "while True: pass"

STEPS, SHARE = "agent steps/s", "ratio"


class Row(NamedTuple):
    """A figure and what it is compared with."""

    name: str
    value: float
    unit: str
    of: str = ""
    """The name of another row, if their ratio is of interest."""


def coordinates_config(steps: int = 1_500_000, seed: int = 0) -> Config:
    """PPO on blocks in the twin, as configs/3.4_coordinates.yaml has it."""
    return Config(
        steps=steps,
        seed=seed,
        env=EnvConfig(n_envs=GAMES_BLOCKS, vec_env="twin", max_pool=False, lost_life_reward=-1.0),
        observation=ObservationConfig(kind="coordinates", blocks=["now", "arrival", "choices"], frame_stack=1),
        policy="MlpPolicy",
        network=NetworkConfig(net_arch=[128, 128], activation="relu"),
        ppo=PPOConfig(learning_rate="lin_1e-3", n_steps=32, batch_size=1024, n_epochs=2, gamma=0.995, ent_coef=0.005),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def image_config(steps: int = 1_000_000, seed: int = 0) -> Config:
    """PPO on pictures with the aimbot's mark in the twin."""
    return Config(
        steps=steps,
        seed=seed,
        env=EnvConfig(n_envs=MANY, vec_env="twin", max_pool=False),
        observation=ObservationConfig(kind="image", half=True, aimbot=True, frame_stack=3),
        network=NetworkConfig(cnn="nips"),
        ppo=PPOConfig(learning_rate="lin_1e-3", n_steps=64, batch_size=256, n_epochs=1, clip_range=0.15, ent_coef=0.01),
        evaluation=EvaluationConfig(every=0),
        checkpoint_every=0,
    )


def bench_twin(tell: Callable[[Row], None], *, quick: bool = False) -> list[Row]:
    """Measure the twin. `tell` is told of each figure at once. With `quick` only what takes a few minutes: not how long
    trainings take to learn, nor what they score."""
    rows: list[Row] = []

    def add(name: str, value: float, unit: str, of: str = "") -> None:
        rows.append(Row(name, value, unit, of))
        tell(rows[-1])

    checked = check_twin()
    add("twin: half-second check, frames that differ", checked.differences, "frames")
    for name, unit, value in describe_exact(compare(COMPARED_FRAMES)):
        add(name, value, unit)

    raw = "raw emulator, agent steps on one core"
    fast = "BreakoutVecEnv, coordinates, 64 environments"
    measured: dict[str, Callable[[], float]] = {
        raw: lambda: raw_emulator_speed(SECONDS) / FRAME_SKIP,
        f"twin: play, {GAMES_A_CALL:,} games a call": rules_speed,
        f"twin: play and draw, {GAMES_DRAWN} games a call": partial(rules_speed, GAMES_DRAWN, drawn=True),
    }
    envs = {
        fast: make_vec_env(fast_config("coordinates")),
        f"TwinVecEnv, blocks, {GAMES_BLOCKS} games": make_vec_env(coordinates_config()),
        f"TwinVecEnv, image with aimbot, {MANY} games": make_vec_env(image_config()),
    }
    for env in envs.values():
        env.reset()
    measured |= {name: partial(env_speed, env) for name, env in envs.items()}
    rounds = {name: np.median([run() for run in [measured[name]] * ROUNDS]) for name in measured}
    for env in envs.values():
        env.close()
    for name, speed in rounds.items():
        add(name, float(speed), STEPS, of=raw if name.startswith("twin") else fast if name != raw else "")
    add("this core, times the usual one", float(rounds[raw]) / USUAL_SPEED, SHARE)

    zoo, alone = "PPO with the zoo's settings", "PPO, twin, blocks"
    trainings = {
        zoo: partial(train_apart, zoo_config(), keep=False),
        alone: partial(train_apart, coordinates_config()),
        "PPO, twin, image with aimbot": partial(train_apart, image_config()),
        "PPO, twin, blocks, beside a busy process": partial(beside_a_busy_process, coordinates_config()),
    }
    for name, run in trainings.items():
        speed = float(np.median([run().speed for _ in range(3)]))
        add(name, speed, STEPS, of=alone if "busy" in name else zoo if name != zoo else "")
    if quick:
        return rows

    learned = [in_a_process(learn_in_seconds, seed) for seed in range(SEEDS)]
    for mark in MARKS:
        seconds = [times.get(mark, np.inf) for times, _ in learned]
        add(f"seconds until {TRAINING_GAMES} training games average {mark}", float(np.median(seconds)), "s")
    ceiling = "emulator's ceiling: one core x cores"
    add(ceiling, float(rounds[raw]) * cores(), STEPS)
    for seed, (_, folder) in enumerate(learned):
        agent = load_agent(folder)
        twin = evaluate(agent, games=GAMES, env="twin")
        ale = evaluate(agent, games=GAMES)
        add(f"seed {seed}: score in the twin", twin.mean, "points")
        add(f"seed {seed}: score in ALE", ale.mean, "points")
        for end, value in zip(("low", "high"), ale.ci95, strict=True):
            add(f"seed {seed}: score in ALE, 95% interval, {end}", value, "points")
        if seed == 0:
            add("rlbreakout evaluate in ALE", ale.steps_per_second, STEPS, of=ceiling)
    return rows


def report(json_file: Path | None = None, *, quick: bool = False) -> None:
    """Measure, print a table and, with `json_file`, write figures and ratios. Raises UserError if it cannot be
    written."""
    if json_file is not None:
        check_output_file(json_file)
    register()
    rows = bench_twin(
        lambda row: print(f"{row.name}: {row.value:,.5g} {row.unit}", file=sys.stderr, flush=True), quick=quick
    )
    values = {row.name: row.value for row in rows}
    ratios = {row.name: row.value / values[row.of] for row in rows if row.of}
    table = Table("figure", "value", "unit", "ratio", "to", title=f"{cores()} cores")
    for row in rows:
        ratio = f"{ratios[row.name]:,.2f}" if row.of else ""
        table.add_row(row.name, f"{row.value:,.4g}" if row.value < 10 else f"{row.value:,.0f}", row.unit, ratio, row.of)
    Console().print(table)
    if json_file is not None:
        result = {
            "cores": cores(),
            "figures": [{"name": row.name, "value": row.value, "unit": row.unit} for row in rows],
            "ratios": {row.name: {"to": row.of, "ratio": ratios[row.name]} for row in rows if row.of},
        }
        write_atomically(json_file, json.dumps(result, indent=1) + "\n")


def rules_speed(games: int = GAMES_A_CALL, *, drawn: bool = False) -> float:
    """Agent steps/s of the rules on one core: random actions, finished games begun anew; with `drawn` a screen each."""
    states, fresh = new_games(games), new_games(1)[0]
    actions = np.random.default_rng(0).integers(N_ACTIONS, size=(64, games))
    screens = np.empty((games if drawn else 0, HEIGHT, WIDTH), dtype=np.uint8)

    def act() -> int:
        for held in actions:
            play(states, held, FRAME_SKIP)
            if drawn:
                draw_into(states, screens)
        states[states["lives"] == 0] = fresh
        return actions.size

    return per_second(act, SECONDS)


def beside_a_busy_process(config: Config) -> Measured:
    """As train_apart, while another process keeps one core busy."""
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return train_apart(config)
    finally:
        busy.kill()
        busy.wait()


def learn_in_seconds(seed: int) -> tuple[dict[int, float], str]:
    """Train in the twin, with everything compiled. Returns after how many seconds each of MARKS was reached, counted
    from the first agent step, and the folder of the trained model."""
    config = coordinates_config(seed=seed)
    env = make_vec_env(config)
    env.reset()
    env.step(np.zeros(env.num_envs, dtype=int))
    model = build_algorithm(config, env)
    clock = _Marks()
    folder = Path(tempfile.mkdtemp(prefix="rlbreakout_bench_"))
    learn(model, config, folder, [clock], progress_bar=False, resumable=False)
    return clock.reached, str(save_model(model, folder / "last", config))


class _Marks(BaseCallback):
    """Notes when TRAINING_GAMES training games in a row have averaged each of MARKS."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: dict[int, float] = {}
        self._scores: deque[float] = deque(maxlen=TRAINING_GAMES)
        self._start = 0.0

    def _on_step(self) -> bool:
        self._start = self._start or time.perf_counter()
        self._scores.extend(info["episode"]["r"] for info in self.locals["infos"] if "episode" in info)
        seconds = time.perf_counter() - self._start
        if len(self._scores) == TRAINING_GAMES:
            for mark in MARKS:
                if np.mean(self._scores) >= mark:
                    self.reached.setdefault(mark, seconds)
        return seconds < LONGEST_TRAINING
