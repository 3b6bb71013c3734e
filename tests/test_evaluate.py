import json
import random
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from rlbreakout.errors import UserError
from rlbreakout.evaluate import Evaluation, bootstrap_interval, evaluate, evaluate_once, separate_randomness
from rlbreakout.models import RandomPlayer, load_agent
from tests.conftest import rlbreakout

JSON_KEYS = [
    "env_id", "games", "seed", "greedy", "mean", "std", "median", "ci95", "min", "max", "stalled", "scores",
    "steps_per_second",
]  # fmt: skip


def test_a_random_agents_score_is_what_everybody_measures() -> None:
    result = evaluate(load_agent("random", seed=0), env_id="BreakoutNoFrameskip-v4", games=60)
    # 1.7 points is the random agent of the DQN paper (Mnih et al. 2015), which launches the ball by chance.
    assert 0.7 < result.mean < 2.2
    assert len(result.scores) == result.games == 60 and result.stalled == 0


def test_statistics_are_those_of_the_scores() -> None:
    result = evaluate(load_agent("random"), games=11, seed=5)
    scores = np.array(result.scores)
    assert (result.mean, result.std, result.median) == (scores.mean(), scores.std(), np.median(scores))
    assert (result.min, result.max) == (scores.min(), scores.max())
    assert result.lower_quartile == np.percentile(scores, 25)
    assert result.ci95[0] <= result.mean <= result.ci95[1]
    assert all(score == int(score) for score in scores)


def test_bootstrap_interval_of_known_scores() -> None:
    scores = list(np.random.default_rng(1).normal(100, 20, size=400))
    low, high = bootstrap_interval(scores)
    # The normal approximation: mean +- 1.96 std / sqrt(n).
    half = 1.96 * np.std(scores) / 20
    assert low == pytest.approx(np.mean(scores) - half, abs=0.3)
    assert high == pytest.approx(np.mean(scores) + half, abs=0.3)
    assert bootstrap_interval([7.0] * 5) == (7.0, 7.0)


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(tiny_run: Path) -> None:
    def scores(seed: int, games: int = 4, greedy: bool = False) -> list[float]:
        return evaluate(load_agent(tiny_run), games=games, seed=seed, greedy=greedy).scores

    assert scores(0) == scores(0) != scores(1)
    assert scores(0, games=1, greedy=True) == scores(0, games=1, greedy=True)  # one, because it may well stall


def test_an_evaluation_is_kept_and_belongs_to_its_settings(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    first = evaluate_once(run, games=1)
    (kept,) = run.glob("evaluation_*.json")
    kept.write_text(kept.read_text().replace('"seed": 0', '"seed": 77'))
    assert evaluate_once(run, games=1).seed == 77
    elsewhere = evaluate_once(run, games=1, greedy=True, env_id="ALE/Breakout-v5", settings={"env.noop_max": 0})
    assert (elsewhere.env_id, elsewhere.greedy, elsewhere.seed) == ("ALE/Breakout-v5", True, 0)
    assert first.env_id != elsewhere.env_id and len(list(run.glob("evaluation_*.json"))) == 2
    assert evaluate_once(run, games=1, player=("random", RandomPlayer(4, seed=0))).seed == 0
    assert len(list(run.glob("evaluation_*_random_*.json"))) == 1


def test_an_evaluation_leaves_the_random_generators_as_they_were() -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with separate_randomness(3):
        first = torch.rand(1).item(), np.random.rand(), random.random()
    with separate_randomness(3):
        assert (torch.rand(1).item(), np.random.rand(), random.random()) == first
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])
    assert states[2] == random.getstate()


def test_a_greedy_agent_that_bounces_the_ball_for_ever_is_counted_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Half a game without a point is enough here to be called stalled: a real one takes 5,000 agent steps.
    monkeypatch.setattr("rlbreakout.envs.STALLED_AFTER", 15)
    result = evaluate(load_agent("random"), games=4)
    assert result.stalled == 4 and result.games == 4


def test_the_json_of_the_command_has_the_documented_keys_in_order(tiny_run: Path, tmp_path: Path) -> None:
    done = rlbreakout("evaluate", tiny_run, "--games", "3", "--seed", "7", "--greedy", "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "e.json").read_text())
    assert list(data) == JSON_KEYS == [field.name for field in fields(Evaluation)]
    assert (data["env_id"], data["games"], data["seed"], data["greedy"]) == ("BreakoutNoFrameskip-v4", 3, 7, True)
    assert data["mean"] == pytest.approx(np.mean(data["scores"])) and data["steps_per_second"] > 0


@pytest.mark.parametrize(("wrong", "match"), [({"games": 0}, "games"), ({"env_id": "x"}, "x"), ({"seed": -1}, "seed")])
def test_bad_input_is_refused(wrong: dict, match: str) -> None:
    with pytest.raises(UserError, match=match):
        evaluate(load_agent("random"), **wrong)
