"""Blocks that are made from screens and actions, beside those that are made from the state of the twin.

python -m tests.observation.test_blocks_on_the_emulator 20000 --json results/twin_blocks.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlbreakout.config import BLOCK_NAMES, Config, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.observation.blocks import entries_of
from tests.envs.twin_and_emulator import make_emulator_env
from tests.players import Player, depends_on_the_state_only

N = 2
NAMES = [name for name in BLOCK_NAMES if name != "state"]  # whose clock is known modulo 4 only
MEMORYLESS = np.array([depends_on_the_state_only(entry.name) for entry in entries_of(NAMES)])
"""The other entries depend on what has been since the last point, and the state may have been uncertain then."""


def config(vec_env: str, **env: Any) -> Config:
    settings = {"n_envs": N, "max_pool": False, "repeat_action_probability": 0.0, "vec_env": vec_env, **env}
    observation = {"kind": "coordinates", "blocks": NAMES, "frame_stack": 1}
    return parse_config({"env": settings, "observation": observation})


def compare(steps: int, seed: int = 3, **env: Any) -> dict[str, int]:
    """Play both under the same actions. Counts the screens, those with one possible state, and how many differ."""
    twin = make_vec_env(config("twin", **env), seed=seed)
    emulator = make_emulator_env(config("dummy", **env), seed=seed)
    player = Player(N, seed)
    emulator.reset()
    twin.reset()
    counts = dict.fromkeys(("screens", "certain", "certain_differ", "uncertain_differ", "past_differs", "episodes"), 0)
    for _ in range(steps):
        actions = player.act(np.concatenate(twin.get_attr("states")))
        its_seen, its_rewards, its_dones, _ = emulator.step(actions)
        seen, rewards, dones, _ = twin.step(actions)
        assert rewards.tolist() == its_rewards.tolist() and dones.tolist() == its_dones.tolist()
        certain = np.array([follower.certain[0] for follower in emulator.get_attr("follower")])
        alike = np.asarray(seen) == np.asarray(its_seen)
        same = alike[:, MEMORYLESS].all(axis=1)
        counts["past_differs"] += int((~alike[:, ~MEMORYLESS].all(axis=1)).sum())
        counts["screens"] += N
        counts["certain"] += int(certain.sum())
        counts["certain_differ"] += int((certain & ~same).sum())
        counts["uncertain_differ"] += int((~certain & ~same).sum())
        counts["episodes"] += int(dones.sum())
    emulator.close()
    twin.close()
    return counts


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"launch_ball": "on_reset", "frame_skip": 3},
        {"launch_ball": "never", "episodic_life": False, "noop_max": 0},
        {"id": "Breakout-v4"},
    ],
    ids=["every_life", "on_reset", "never", "drawn skips"],
)
def test_blocks_are_the_same_wherever_only_one_state_is_possible(env: dict[str, Any]) -> None:
    counts = compare(180, **env)
    assert counts["certain_differ"] == 0
    assert counts["certain"] > 0.5 * counts["screens"]
    assert counts["uncertain_differ"] < 0.1 * counts["screens"]
    assert counts["past_differs"] < 0.2 * counts["screens"]


@pytest.mark.long
def test_they_are_the_same_for_long() -> None:
    assert compare(5_000, seed=4)["certain_differ"] == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Blocks from the emulator's screens, beside those of the twin.")
    parser.add_argument("steps", type=int, help="agent steps of each of two games")
    parser.add_argument("--json", type=Path, required=True, help="where to write what came of it")
    options = parser.parse_args()
    command = f"python -m tests.observation.test_blocks_on_the_emulator {options.steps}"
    found: dict[str, Any] = {
        "what": "blocks from the emulator's screens and from the state of the twin",
        "command": command,
    }
    found |= {"frame skip 4": compare(options.steps), "Breakout-v4": compare(options.steps // 4, id="Breakout-v4")}
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(found)
