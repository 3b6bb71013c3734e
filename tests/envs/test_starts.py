"""Where training games begin: what is saved of games, and games that begin there, in the twin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlbreakout.agents import build_algorithm
from rlbreakout.breakout.rules import new_games
from rlbreakout.config import Config, StartsConfig, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.envs.starts import FAILURE_STEPS, FRESH, LATE_BRICKS, MOST_SAVES, SAVE_EVERY, Save, Starts
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training import learn


def config(starts: dict[str, Any], **env: Any) -> Config:
    whole_games = {"episodic_life": False, "clip_reward": False}
    return parse_config(
        {
            "observation": {"kind": "coordinates", "blocks": ["now"], "frame_stack": 1},
            "env": {"vec_env": "twin", "n_envs": 8, "max_pool": False, **whole_games, **env},
            "starts": starts,
        }
    )


def play(settings: Config, steps: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[float]]:
    """The ends of games under random actions, each with the points that its rewards add up to, and all rewards."""
    env = make_vec_env(settings, seed=seed)
    env.reset()
    random, sums, ends, told = np.random.default_rng(seed), np.zeros(env.num_envs), [], []
    for _ in range(steps):
        _, rewards, dones, infos = env.step(random.integers(4, size=env.num_envs))
        sums += rewards
        told += rewards.tolist()
        for game in np.flatnonzero(dones).tolist():
            ends.append({**infos[game], "sum": sums[game]})
            sums[game] = 0
    env.close()
    return ends, told


def test_games_begin_where_the_config_says_and_are_reported_for_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.envs.starts.LATE_BRICKS", 107)  # after the first brick
    ends, _ = play(config({"failure": 0.5, "late": 0.3}), 1_500)
    kinds = [end["start"] for end in ends]
    assert all(kinds.count(kind) >= 3 for kind in (FRESH, "failure", "late"))
    assert kinds[0] == FRESH and "second_wall" not in kinds
    for end in ends:
        assert ("episode" in end) == (end["start"] == FRESH) != ("part_of_a_game" in end)
        report = report_of(end)
        assert report["r"] == end["sum"] and report["l"] > 0
    # Shortly before a life was lost there is not much left to play of it.
    lengths = {kind: np.median([report_of(end)["l"] for end in ends if end["start"] == kind]) for kind in set(kinds)}
    assert lengths["failure"] < lengths[FRESH]


def report_of(end: dict[str, Any]) -> dict[str, float]:
    return end["episode"] if "episode" in end else end["part_of_a_game"]


def test_the_same_seed_begins_in_the_same_states() -> None:
    settings = config({"failure": 0.7})
    assert play(settings, 500)[1] == play(settings, 500)[1] != play(settings, 500, seed=1)[1]


def test_without_saved_states_nothing_changes() -> None:
    ends, _ = play(config({}), 300)
    assert ends and all("start" not in end and "episode" in end for end in ends)


def save(number: int, score: float) -> Save:
    """One that differs from all others."""
    state = new_games(1)
    state["clock"] = number
    return Save(state, score)


def numbers(saves: list[Save]) -> list[int]:
    return [int(kept.state["clock"][0]) for kept in saves]


def test_late_states_and_the_second_wall_are_saved_once_for_each_brick() -> None:
    random, starts = np.random.default_rng(0), Starts(StartsConfig(failure=0.3, late=0.3, second_wall=0.3), 1)
    late = LATE_BRICKS
    for number, (bricks, score) in enumerate([(50, 300), (late + 1, 400), (late, 401), (late, 401), (late - 1, 405)]):
        starts.keep(0, save(number, score), bricks, random)
    starts.keep(0, save(5, 432), 108, random)
    assert numbers(starts.saves["late"]) == [2, 4]
    assert numbers(starts.saves["second_wall"]) == [5]
    assert not starts.saves["failure"]


def test_what_came_so_many_steps_before_a_lost_life_is_saved() -> None:
    random, starts = np.random.default_rng(0), Starts(StartsConfig(failure=0.5), 1)
    back = FAILURE_STEPS // SAVE_EVERY
    for number in range(back + 5):
        starts.keep(0, save(number, 0), 108, random)
    starts.life_lost(0, random)
    assert numbers(starts.saves["failure"]) == [4]
    for number in range(back):
        starts.keep(0, save(100 + number, 0), 108, random)
    starts.life_lost(0, random)
    assert len(starts.saves["failure"]) == 1  # so long ago it was another life


def test_as_many_states_are_kept_as_are_wanted_and_drawn_as_often() -> None:
    random, starts = np.random.default_rng(0), Starts(StartsConfig(late=0.4), 1)
    assert starts.draw(0, random) is None and starts.kind(0) == FRESH
    for number in range(MOST_SAVES + 50):
        starts.draw(0, random)
        starts.keep(0, save(number, 0), LATE_BRICKS, random)
    assert len(starts.saves["late"]) == MOST_SAVES and max(numbers(starts.saves["late"])) >= MOST_SAVES
    drawn = [starts.draw(0, random) for _ in range(500)]
    assert 0.3 < np.mean([one is not None for one in drawn]) < 0.5


def test_states_are_kept_every_few_steps_if_any_game_begins_in_them() -> None:
    starts, unused = Starts(StartsConfig(late=0.1), 1), Starts(StartsConfig(), 1)
    due = [starts.due() for _ in range(3 * SAVE_EVERY)]
    assert [step for step, now in enumerate(due, 1) if now] == [SAVE_EVERY, 2 * SAVE_EVERY, 3 * SAVE_EVERY]
    assert not any(unused.due() for _ in range(3 * SAVE_EVERY))


def test_a_training_shows_how_its_games_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.envs.starts.FAILURE_STEPS", 10)
    data = config({"failure": 0.5}, n_envs=16, episodic_life=True, clip_reward=True).model_dump()
    data |= {"steps": 4_096, "evaluation": {"every": 0}, "network": {"net_arch": [16]}}
    data["ppo"] |= {"n_steps": 256, "batch_size": 1_024, "n_epochs": 1}
    settings = parse_config(data)
    model = build_algorithm(settings, make_vec_env(settings, monitor_dir=tmp_path))
    learn(model, settings, tmp_path, progress_bar=False)
    fresh, failure = (read_scalar(tmp_path, f"starts/{kind}").y.sum() for kind in (FRESH, "failure"))
    scores = read_games(tmp_path).scores
    assert failure >= 3 and fresh == len(scores)
    assert read_scalar(tmp_path, "starts/failure_points").y.max() <= scores.max()
