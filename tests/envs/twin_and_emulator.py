"""TwinVecEnv and gymnasium's environments of the emulator, playing the same actions side by side.

python -m tests.envs.twin_and_emulator 20_000 --json results/twin_vec_env.json
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import Config, parse_config
from rlbreakout.envs import make_evaluation_env, make_vec_env
from tests.players import Player

INFOS = ("lives", "episode_frame_number", "frame_number", "TimeLimit.truncated")


def config(observation: dict[str, Any] | None = None, **env: Any) -> Config:
    """Two games in the twin, without sticky actions, unless `env` says something else."""
    observation = observation or {"kind": "image"}
    settings = {"vec_env": "twin", "n_envs": 2, "repeat_action_probability": 0.0, **env}
    return parse_config({"observation": observation, "env": settings})


def in_the_emulator(twin_config: Config) -> Config:
    """The same config, played by gymnasium's environments."""
    return twin_config.model_copy(update={"env": twin_config.env.model_copy(update={"vec_env": "dummy"})})


def seed_like_the_twin(emulator: VecEnv, seed: int) -> None:
    """Give gymnasium's environments the seeds of TwinVecEnv's games, at their next reset.

    SB3 would count on from the seed, as rl_zoo3 does."""
    emulator.unwrapped._seeds = [*spawn_seeds(seed, emulator.num_envs)]


def make_emulator_env(settings: Config, seed: int) -> VecEnv:
    """Training in gymnasium's environments, with the seeds of TwinVecEnv's games."""
    env = make_vec_env(settings, seed=seed)
    seed_like_the_twin(env, seed)
    return env


def same(one: Any, other: Any) -> bool:
    """Whether two observations are equal, dtype and shape included."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one.dtype == other.dtype and np.array_equal(one, other)


@dataclass
class Comparison:
    """What came of playing side by side."""

    steps: int = 0
    """Agent steps of each game."""
    differing: int = 0
    """Such steps in which anything differed, in any game."""
    episodes: int = 0
    games: int = 0
    scores: tuple[float, ...] = ()
    """Of the games that were reported."""
    stalled: int = 0
    truncated: int = 0
    first: str = ""
    """What differed first."""


def compare(
    twin_config: Config,
    steps: int,
    *,
    seed: int = 3,
    random: float | list[float] = 0.3,
    actions: np.ndarray | None = None,
    evaluation: bool = False,
    until_games: int | None = None,
    **how: Any,
) -> Comparison:
    """Play `steps` agent steps in both. A player acts by the twin's states; the share `random` of its actions is drawn,
    one number or one for each game. Or `actions` are played, `(steps, n)`."""
    emulator_config, n = in_the_emulator(twin_config), twin_config.env.n_envs
    if evaluation:
        twin, emulator = (
            make_evaluation_env(emulator_config, n_envs=n, seed=seed, twin=in_twin, **how) for in_twin in (True, False)
        )
    else:
        twin, emulator = make_vec_env(twin_config, seed=seed), make_emulator_env(emulator_config, seed)
    assert twin.observation_space == emulator.observation_space and twin.action_space == emulator.action_space
    player = Player(twin.num_envs, seed, np.array(random))
    result = Comparison()

    def differs(what: str) -> None:
        result.first = result.first or f"step {result.steps}: {what}"

    if not same(twin.reset(), emulator.reset()):
        differs("the observation after reset")
    while result.steps < steps and not (until_games and result.games >= until_games):
        states = twin.unwrapped.states  # type: ignore[attr-defined]
        act = player.act(states) if actions is None else actions[result.steps]
        mine, theirs = twin.step(act), emulator.step(act)
        result.steps += 1
        wrong = _differences(mine, theirs)
        result.differing += bool(wrong)
        for what in wrong:
            differs(what)
        for info in mine[3]:
            result.episodes += "terminal_observation" in info
            result.truncated += info["TimeLimit.truncated"]
            if "episode" in info:
                result.games += 1
                result.scores += (info["episode"]["r"],)
                result.stalled += info["episode"].get("stalled", False)
    twin.close()
    emulator.close()
    return result


def _differences(mine: Any, theirs: Any) -> list[str]:
    """What differs between two answers of VecEnv.step."""
    wrong = [] if same(mine[0], theirs[0]) else ["observation"]
    for name, one, other in (("reward", mine[1], theirs[1]), ("done", mine[2], theirs[2])):
        if not np.array_equal(one, other) or one.dtype != other.dtype:
            wrong.append(f"{name}: {one} {one.dtype} in the twin, {other} {other.dtype} in the emulator")
    for game, (info, other) in enumerate(zip(mine[3], theirs[3], strict=True)):
        values = [(info.get(name), other.get(name)) for name in INFOS]
        for name in ("r", "l", "stalled"):
            values.append(tuple(told.get("episode", {}).get(name) for told in (info, other)))  # type: ignore[arg-type]
        for name, (one, its) in zip((*INFOS, "r", "l", "stalled"), values, strict=True):
            if one != its:
                wrong.append(f"{name} of game {game}: {one} in the twin, {its} in the emulator")
        last, its_last = info.get("terminal_observation"), other.get("terminal_observation")
        if (last is None) != (its_last is None) or (last is not None and not same(last, its_last)):
            wrong.append(f"terminal observation of game {game}")
    return wrong


LONG = {
    "rgb": config({"kind": "rgb"}),
    "warp": config({"kind": "warp"}, id="BreakoutNoFrameskip-v4", launch_ball="on_reset"),
    "image": config(
        {"kind": "image", "half": True, "aimbot": True, "frame_stack": 3},
        max_pool=False,
        episodic_life=False,
        clip_reward=False,
        lost_life_reward=-1,
    ),
}


def played(name: str, steps: int) -> dict[str, Any]:
    """What comes of comparing LONG[name], with what it is."""
    settings = LONG[name]
    what = {"env": settings.env.model_dump(), "observation": settings.observation.model_dump()}
    return {**what, **asdict(compare(settings, steps, random=0.02))}


def main() -> None:
    parser = argparse.ArgumentParser(description="TwinVecEnv against gymnasium's environments, step by step.")
    parser.add_argument("steps", type=lambda text: int(text.replace("_", "")), help="agent steps of each of two games")
    parser.add_argument("--json", type=Path, help="where to write what came of it")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        results = dict(zip(LONG, pool.map(played, LONG, [arguments.steps] * len(LONG)), strict=True))
    for name, result in results.items():
        print(f"{name}: {result['steps']:,} steps, {result['differing']} differ; {result['first']}")
        print(f"  games of {', '.join(f'{score:g}' for score in result['scores'])} points")
    if arguments.json:
        what = "TwinVecEnv and gymnasium's environments of the emulator under the same seeds and actions"
        data = {"what": what, "command": f"python -m tests.envs.twin_and_emulator {' '.join(sys.argv[1:])}", **results}
        arguments.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
