"""Training games that begin in saved states, on the real emulator."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, StartsConfig, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.envs.starts import FRESH, SAVE_EVERY, Save, Starts
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training.train import train

WHOLE_GAMES = {"vec_env": "fast", "n_envs": 4, "max_pool": False, "episodic_life": False, "clip_reward": False}


def config(starts: dict[str, Any], **env: Any) -> Config:
    return parse_config(
        {
            "policy": "MlpPolicy",
            "observation": {"kind": "coordinates", "frame_stack": 1},
            "env": {**WHOLE_GAMES, **env},
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


def test_games_begin_where_the_config_says_and_are_reported_for_what_they_are() -> None:
    ends, _ = play(config({"failure": 0.5, "late": 0.3, "late_bricks": 107, "failure_steps": 20}), 1500)
    kinds = [end["start"] for end in ends]
    assert all(kinds.count(kind) >= 3 for kind in (FRESH, "failure", "late"))
    assert kinds[0] == FRESH and "second_wall" not in kinds
    for end in ends:
        assert ("episode" in end) == (end["start"] == FRESH) != ("part_of_a_game" in end)
        report = end.get("episode") or end["part_of_a_game"]
        assert report["r"] == end["sum"] and report["l"] > 0
    # Shortly before a life was lost there is not much left to play of it.
    lengths = {kind: np.median([_report(end)["l"] for end in ends if end["start"] == kind]) for kind in set(kinds)}
    assert lengths["failure"] < lengths[FRESH]


def _report(end: dict[str, Any]) -> dict[str, float]:
    return end["episode"] if "episode" in end else end["part_of_a_game"]


def test_the_same_seed_begins_in_the_same_states() -> None:
    settings = config({"failure": 0.7, "failure_steps": 20})
    assert play(settings, 500)[1] == play(settings, 500)[1] != play(settings, 500, seed=1)[1]


def test_without_saved_states_nothing_changes() -> None:
    ends, _ = play(config({}), 400)
    assert ends and all(end["start"] == FRESH and "episode" in end for end in ends)


def test_what_is_saved_of_a_game() -> None:
    random = np.random.default_rng(0)
    starts = Starts(StartsConfig(failure=0.3, late=0.3, second_wall=0.3, late_bricks=10, failure_steps=15, saves=2), 1)
    assert starts.draw(0, random) is None and starts.kind(0) == FRESH
    for number, (bricks, score) in enumerate([(50, 300), (11, 400), (10, 401), (10, 401), (9, 405), (108, 432)]):
        starts.keep(0, Save(number, score), bricks, random)
    assert [save.emulator for save in starts.saves["late"]] == [2, 4]  # once for each brick
    assert [save.emulator for save in starts.saves["second_wall"]] == [5]
    starts.life_lost(0, random)
    assert [save.emulator for save in starts.saves["failure"]] == [2]  # 15 steps before the last, which was the fifth
    starts.keep(0, Save(6, 432), 100, random)
    starts.life_lost(0, random)
    assert len(starts.saves["failure"]) == 1  # not as long ago as that: it would be in the life before
    for number in range(7, 20):
        starts.keep(0, Save(number, 500), 20 - number, random)
    assert len(starts.saves["late"]) == 2  # as many as are wanted
    drawn = [starts.draw(0, random) for _ in range(300)]
    shares = {kind: sum(save in starts.saves[kind] for save in drawn) / 300 for kind in starts.saves}
    assert all(0.2 < share < 0.4 for share in shares.values()) and drawn.count(None) > 5
    assert starts.due() is (SAVE_EVERY == 1)


def test_a_training_shows_how_its_games_began(tmp_path: Path) -> None:
    settings = config({"failure": 0.5, "failure_steps": 10}, episodic_life=True, clip_reward=True)
    data = settings.model_dump() | {"steps": 4096, "evaluation": {"every": 0}}
    data["ppo"] |= {"n_steps": 256, "batch_size": 256, "n_epochs": 1}
    run = train(parse_config(data), tmp_path / "run", progress_bar=False)
    fresh, failure = (read_scalar(run, f"starts/{kind}").y.sum() for kind in (FRESH, "failure"))
    assert failure >= 3 and fresh == len(read_games(run).scores)
    assert read_scalar(run, "starts/failure_points").y.max() < read_games(run).scores.max() + 1


@pytest.mark.parametrize(
    ("starts", "env", "match"),
    [
        ({"late": 0.6, "failure": 0.5}, {}, r"starts: late \+ failure \+ second_wall is more than 1"),
        ({"late": 0.6}, {"vec_env": "dummy"}, r"starts.late is 0.6; allowed above 0: with env.vec_env fast"),
        ({"late_bricks": 108}, {}, "late_bricks"),
        ({"early": 0.1}, {}, "early"),
    ],
)
def test_bad_input_is_refused(starts: dict, env: dict, match: str) -> None:
    with pytest.raises(UserError, match=match):
        config(starts, **env)
