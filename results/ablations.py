"""Measure what each ingredient of lesson 6.4 is worth, by training without it.

    python results/ablations.py [SEED ...]

The ingredients are taken out of an earlier champion-policy (SETTINGS). Each training takes a third of the steps that it
had, about ten minutes on one core. Every agent plays whole games in the twin, with and without sticky actions. What is
done already is not done again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.schema import RESULTS, Evaluation, Lesson, Row, load, machine, save
from rlbreakout.agents import load_agent
from rlbreakout.config import CONFIGS, load_config, with_values
from rlbreakout.evaluation import evaluate
from rlbreakout.training import train_or_continue

NAME = "6.4_ablations"
PART = 3
"""Each training takes this part of the steps."""
GAMES = 100
SETTINGS = {"steps": 50_000_000, "env.lost_life_reward": -2, "randomize.share": 0.6}
"""What that agent's settings were where configs/6.4_champion-policy.yaml has others now."""
ENVS = ("ALE/Breakout-v5", "BreakoutNoFrameskip-v4")
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "fresh_choices": {"observation.blocks": ["now", "arrival", "clock"]},
    "clock": {"observation.blocks": ["now", "arrival", "fresh_choices"]},
    "the cost of endless rounds": {"env.stalled_after": None},
    "starts": {"starts.late": 0, "starts.failure": 0, "starts.second_wall": 0},
    "randomize": {"randomize.share": 0},
    "the cost of a life": {"env.lost_life_reward": 0},
    "gamma 0.997 (0.99 instead)": {"ppo.gamma": 0.99},
}
"""What is left out, and the keys of the config that do so."""


def rows_so_far() -> list[Row]:
    """What is measured already, by other calls of this script too."""
    return load(NAME).rows if (RESULTS / f"{NAME}.json").exists() else []


def main() -> None:
    seeds = [int(seed) for seed in sys.argv[1:]] or [0, 1]
    full = with_values(load_config(CONFIGS / "6.4_champion-policy.yaml"), SETTINGS)
    for seed in seeds:
        for what, values in WITHOUT.items():
            if any((row.agent, row.seed) == (what, seed) for row in rows_so_far()):
                continue
            config = with_values(
                full, {**values, "steps": full.steps // PART, "seed": seed, "evaluation.every": 0, "run.gif_every": 0}
            )
            start = time.perf_counter()
            name = what.replace(" ", "_").replace("(", "").replace(")", "")
            run = train_or_continue(config, Path("runs") / "ablations" / f"{name}_{seed}", progress_bar=False)
            minutes = (time.perf_counter() - start) / 60
            agent = load_agent(run / "last")
            played = [evaluate(agent, env="twin", env_id=env_id, games=GAMES, seed=0) for env_id in ENVS]
            print(what, seed, f"{minutes:.1f} minutes", *played, sep="\n  ", flush=True)
            evaluations = [
                Evaluation(**one.facts(), game=f"twin of {env_id}", median=one.median, std=one.std, scores=one.scores)
                for env_id, one in zip(ENVS, played, strict=True)
            ]
            row = Row(agent=what, seed=seed, steps=config.steps, minutes=round(minutes, 1), evaluations=evaluations)
            save(Lesson(lesson=NAME, command="python results/ablations.py", **machine(), rows=[*rows_so_far(), row]))


if __name__ == "__main__":
    main()
