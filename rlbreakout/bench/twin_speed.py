"""How exact and how fast the twin is: the rules, the environment, PPO in it, and how many seconds it takes to learn."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from loky import cpu_count
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.bench.exact import compare, describe_exact
from rlbreakout.bench.measure import (
    FRAME_SKIP,
    PPO_ROUNDS,
    STEPS,
    Add,
    in_a_process,
    median_speeds,
    per_second,
    raw_emulator_speed,
    shipped,
    train_apart,
)
from rlbreakout.breakout.draw import draw_into
from rlbreakout.breakout.guard import check_twin
from rlbreakout.breakout.rules import N_ACTIONS, new_games, play
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate
from rlbreakout.training import learn

GAMES_A_CALL, GAMES_DRAWN = 1_024, 64
COMPARED_FRAMES = 200_000
MARKS = (60, 270, 400)
"""Mean scores of TRAINING_GAMES consecutive training games."""
TRAINING_GAMES = 100
SEEDS, GAMES = 3, 100


def measure_twin(add: Add) -> None:
    """Measure, and `add` each figure."""
    add("twin: half-second check, frames that differ", check_twin().differences, "frames")
    for name, unit, value in describe_exact(compare(COMPARED_FRAMES)):
        add(name, value, unit)

    raw, alone = "raw emulator, one core", "PPO, twin, coordinates"
    measured: dict[str, Callable[[], float]] = {
        raw: raw_emulator_speed,
        f"twin: play, {GAMES_A_CALL:,} games a call": rules_speed,
        f"twin: play and draw, {GAMES_DRAWN} games a call": partial(rules_speed, GAMES_DRAWN, drawn=True),
    }
    speeds = median_speeds(measured)
    for name, speed in speeds.items():
        add(name, speed, STEPS, of="" if name == raw else raw)
    config = shipped("3.4_coordinates")
    trainings: dict[str, Callable[[], float]] = {
        alone: partial(train_apart, config),
        f"{alone}, beside a busy process": partial(beside_a_busy_process, config),
    }
    for name, speed in median_speeds(trainings, PPO_ROUNDS).items():
        add(name, speed, STEPS, of="" if name == alone else alone)

    learned = [in_a_process(learn_in_seconds, seed) for seed in range(SEEDS)]
    for mark in MARKS:
        seconds = [times.get(mark, np.inf) for times, _ in learned]
        add(f"seconds until {TRAINING_GAMES} training games average {mark}", float(np.median(seconds)), "s")
    ceiling = "emulator's ceiling: one core x cores"
    add(ceiling, speeds[raw] * cpu_count(), STEPS)
    for seed, (_, folder) in enumerate(learned):
        agent = load_agent(folder)
        ale = evaluate(agent, games=GAMES)
        add(f"seed {seed}: score in the twin", evaluate(agent, games=GAMES, env="twin").mean, "points")
        add(f"seed {seed}: score in ALE", ale.mean, "points")
        for end, value in zip(("low", "high"), ale.ci95, strict=True):
            add(f"seed {seed}: score in ALE, 95% interval, {end}", value, "points")
        if seed == 0:
            add("rlbreakout evaluate in ALE", ale.steps_per_second, STEPS, of=ceiling)


def rules_speed(games: int = GAMES_A_CALL, *, drawn: bool = False) -> float:
    """Agent steps/s of the rules on one core: random actions, finished games restarted; `drawn` adds a screen each."""
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

    return per_second(act)


def beside_a_busy_process(config: Config) -> float:
    """`train_apart`, while another process keeps one core busy."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return train_apart(config)
    finally:
        busy.kill()
        busy.wait()


def learn_in_seconds(seed: int) -> tuple[dict[int, float], str]:
    """Train in the twin, with everything compiled. Returns the seconds from the first agent step to each of MARKS that
    was reached, and the folder of the trained model."""
    config = shipped("3.4_coordinates", seed=seed)
    env = make_vec_env(config)
    env.reset()
    env.step(np.zeros(env.num_envs, dtype=int))
    model = build_algorithm(config, env)
    clock = _Marks()
    folder = Path(tempfile.mkdtemp(prefix="rlbreakout_bench_"))
    learn(model, config, folder, [clock], progress_bar=False, resumable=False)
    return clock.reached, str(folder)


class _Marks(BaseCallback):
    """Records when TRAINING_GAMES training games in a row reach each of MARKS; ends the training after 10 minutes."""

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
        return seconds < 600
