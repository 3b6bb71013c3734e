import json
import random
import shutil
from dataclasses import fields, replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import rlbreakout.envs.make as envs
from rlbreakout.agents.players import Player, RandomPlayer
from rlbreakout.agents.save_load import load_agent
from rlbreakout.breakout.emulator import BRICKS, LIVES, N_BRICK_BYTES, SCORE_HIGH, SCORE_LOW
from rlbreakout.breakout.screen import MOST_POINTS, WIDTH
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, with_values
from rlbreakout.evaluation.evaluate import (
    Evaluation,
    bootstrap_interval,
    evaluate,
    evaluate_once,
    play_games,
    separate_randomness,
)
from rlbreakout.observation import COORDINATES, LEFT, NOOP, RIGHT
from rlbreakout.wrappers import STALLED_AFTER, CompleteGame
from tests.conftest import rlbreakout

JSON_KEYS = [
    "env_id", "games", "seed", "greedy", "mean", "std", "median", "ci95", "min", "max", "stalled", "scores",
    "steps_per_second", "env",
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
    monkeypatch.setattr("rlbreakout.envs.make.STALLED_AFTER", 15)
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


# Games without end.


RIGGED_AT = 15
"""Agent steps, a second: before it the emulator draws the wall."""


class Rigged(gym.Wrapper):
    """The emulator's game, of which nothing is left after a second but some points and maybe a corner of the wall; lost
    lives are given back from then on."""

    def __init__(self, env: gym.Env, points: int, bricks: bool) -> None:
        super().__init__(env)
        self.points, self.bricks = points, bricks

    def reset(self, **kwargs):
        self._steps = 0
        return self.env.reset(**kwargs)

    def step(self, action):
        self._steps += 1
        if self._steps == RIGGED_AT:
            ale = self.unwrapped.ale
            for address in range(BRICKS, BRICKS + N_BRICK_BYTES):  # six bytes for each row of bricks
                ale.setRAM(address, 63 if address == BRICKS and self.bricks else 0)  # three blue ones, one point each
            for address, digits in zip((SCORE_HIGH, SCORE_LOW), divmod(self.points, 100), strict=True):
                ale.setRAM(address, int(str(digits), 16))  # the emulator's rewards are the changes of this
        if self._steps > RIGGED_AT:
            self.unwrapped.ale.setRAM(LIVES, 5)
        return self.env.step(action)


class Follower:
    """Brings the paddle to where the ball lands, to meet it with another part of itself every time."""

    def __init__(self) -> None:
        self.random, self.aim = np.random.default_rng(0), 0

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        names = [coordinate.name for coordinate in COORDINATES]
        see = dict(zip(names, observation.T, strict=True))
        if not see["landing_known"][0]:
            self.aim = self.random.integers(-4, 5)
        offset = see["landing_from_paddle"] * WIDTH + self.aim
        return np.where(offset > 3, RIGHT, np.where(offset < -3, LEFT, NOOP)), None


class Still:
    """Never fires, and never moves."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.full(len(observation), NOOP), None


def play_to_the_end(player: Player, monkeypatch: pytest.MonkeyPatch, points: int, bricks: bool) -> tuple:
    """Score, length in agent steps and stalled games, of one game without sticky actions."""
    seen = {"policy": "MlpPolicy", "observation.kind": "coordinates", "observation.frame_stack": 1}
    settings = {**seen, "env.max_pool": False, "env.noop_max": 0, "env.repeat_action_probability": 0.0}
    make = envs.make_emulator
    with monkeypatch.context() as patch:
        patch.setattr(envs, "make_emulator", lambda *args, **kwargs: Rigged(make(*args, **kwargs), points, bricks))
        env = envs.make_vec_env(with_values(Config(), settings), evaluation=True, n_envs=1)
    try:
        (score,), (length,), stalled = play_games(player, env, 1, seed=0, greedy=True)
    finally:
        env.close()
    return score, length, stalled


def test_an_agent_that_never_fires_loses_its_lives() -> None:
    result = evaluate(replace(load_agent("random"), player=Still()), games=2)
    assert result.games == 2 and result.stalled == 0 and result.max < 20


def test_an_agent_that_bounces_the_ball_for_ever_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    score, length, stalled = play_to_the_end(Follower(), monkeypatch, points=500, bricks=False)
    assert (score, length, stalled) == (500, RIGGED_AT + STALLED_AFTER, 1)


def test_an_agent_that_clears_both_walls_is_done_and_has_not_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    score, length, stalled = play_to_the_end(Follower(), monkeypatch, points=861, bricks=True)
    assert (score, stalled) == (MOST_POINTS, 0) == (864, 0)
    assert RIGGED_AT < length < STALLED_AFTER


def test_there_is_a_second_wall_and_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is left of the first wall is hit; then a new one comes, of which some bricks are hit before it stalls.
    monkeypatch.setattr("rlbreakout.envs.make.STALLED_AFTER", 1500)
    score, _, _ = play_to_the_end(Follower(), monkeypatch, points=429, bricks=True)
    assert score > 440
    monkeypatch.setattr(CompleteGame, "step", lambda self, action: self.env.step(action))
    score, _, stalled = play_to_the_end(Follower(), monkeypatch, points=861, bricks=True)
    assert (score, stalled) == (864, 1)
