"""Scores of whole games: what they are, that they can be repeated, and that no evaluation hangs."""

from __future__ import annotations

import importlib
import json
import random
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import psutil
import pytest
import torch
from loky import ProcessPoolExecutor
from stable_baselines3 import DQN

import rlbreakout.envs.make as envs
from rlbreakout.agents import Agent, Player, RandomPlayer, build_algorithm, load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, with_values
from rlbreakout.envs import make_evaluation_env, make_vec_env
from rlbreakout.evaluation.evaluate import Evaluation, bootstrap_interval, evaluate, evaluate_once, play_games
from rlbreakout.wrappers import STALLED_AFTER, CompleteGame, StalledGame
from tests.conftest import ROOT, rlbreakout, tiny_config
from tests.emulator import change_game
from tests.players import WHOLE_SCREENS, BallFollower, CtrlC, Metronome, Still

evaluation = importlib.import_module("rlbreakout.evaluation.evaluate")  # the module, not its function
JSON_KEYS = [
    "env_id", "games", "seed", "greedy", "mean", "std", "median", "ci95", "min", "max", "stalled", "scores",
    "steps_per_second", "env",
]  # fmt: skip


def agent(player: Player | None = None, **values: Any) -> Agent:
    """Plays as `player`, by default with random actions, and sees whole screens, which cost little."""
    named = {key.replace("__", "."): value for key, value in values.items()}
    return Agent(player or RandomPlayer(4, seed=0), with_values(Config(), {**WHOLE_SCREENS, **named}), "agent")


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play in this process: to start others takes longer than a few games."""
    monkeypatch.setattr(evaluation, "processes_at_once", lambda shares: 1)


# What a score is.


@pytest.mark.usefixtures("one_core")
def test_a_random_agents_score_is_what_everybody_measures() -> None:
    result = evaluate(agent(), env_id="BreakoutNoFrameskip-v4", games=12)
    # 1.7 points is the random agent of the DQN paper (Mnih et al. 2015), which launches the ball by chance.
    assert 0.3 < result.mean < 3
    assert len(result.scores) == result.games == 12 and result.stalled == 0
    assert all(score == int(score) for score in result.scores)


def test_statistics_are_those_of_the_scores() -> None:
    result = evaluate(agent(), env="twin", games=11, seed=5)
    scores = np.array(result.scores)
    assert (result.mean, result.std, result.median) == (scores.mean(), scores.std(), np.median(scores))
    assert (result.min, result.max) == (scores.min(), scores.max())
    assert result.lower_quartile == np.percentile(scores, 25)
    assert result.ci95[0] < result.mean < result.ci95[1]


def test_bootstrap_interval_of_known_scores() -> None:
    scores = list(np.random.default_rng(1).normal(100, 20, size=400))
    low, high = bootstrap_interval(scores)
    # The normal approximation: mean +- 1.96 std / sqrt(n).
    half = 1.96 * np.std(scores) / 20
    assert low == pytest.approx(np.mean(scores) - half, abs=0.3)
    assert high == pytest.approx(np.mean(scores) + half, abs=0.3)
    assert bootstrap_interval([7.0] * 5) == (7.0, 7.0)


def test_the_json_of_the_command_has_the_documented_keys_in_order(tiny_run: Path, tmp_path: Path) -> None:
    done = rlbreakout("evaluate", tiny_run, "--games", "2", "--seed", "7", "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "e.json").read_text())
    assert list(data) == JSON_KEYS == [field.name for field in fields(Evaluation)]
    assert (data["env_id"], data["games"], data["seed"], data["greedy"]) == ("ALE/Breakout-v5", 2, 7, False)
    assert data["mean"] == pytest.approx(np.mean(data["scores"])) and data["steps_per_second"] > 0


def test_a_score_of_the_twin_is_labelled_everywhere(tiny_run: Path, tmp_path: Path) -> None:
    done = rlbreakout("evaluate", tiny_run, "--env", "twin", "--games", "3", "--json", tmp_path / "result.json")
    assert done.returncode == 0 and "on twin of ALE/Breakout-v5, 3 games" in done.stdout, done.stderr
    result = Evaluation(**json.loads((tmp_path / "result.json").read_text()))
    assert result.env == "twin" and result.where == "twin of ALE/Breakout-v5" and result.facts()["env"] == "twin"
    assert list(result.scalars()) == [f"eval_twin/{name}" for name in ("mean", "median", "lower_quartile", "stalled")]


def test_an_evaluation_is_kept_and_belongs_to_its_settings(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    first = evaluate_once(run, games=1)
    (kept,) = run.glob("evaluation_*.json")
    kept.write_text(kept.read_text().replace('"seed": 0', '"seed": 77'))
    assert evaluate_once(run, games=1).seed == 77
    plain = "BreakoutNoFrameskip-v4"
    elsewhere = evaluate_once(run, games=1, env_id=plain, settings={"env.noop_max": 0})
    assert (elsewhere.env_id, elsewhere.seed) == (plain, 0) and first.env_id != plain
    assert len(list(run.glob("evaluation_*.json"))) == 2
    evaluate_once(run, games=1, greedy=True, player=("random", RandomPlayer(4, seed=0)))
    assert len(list(run.glob("evaluation_*_random_*_greedy.json"))) == 1


@pytest.mark.parametrize("wrong", [{"games": 0}, {"env_id": "x"}, {"seed": -1}, {"env": "atari"}])
def test_bad_input_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UserError, match=rf"^{'environment id' if name == 'env_id' else name} .*allowed: "):
        evaluate(agent(), **wrong)


# A seed means the same games everywhere, and no other seed means any of them.


def test_a_seed_means_the_same_games_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for models whose own games are open, which cannot go to another process."""
    config = tiny_config("env.n_envs=1")
    env = make_vec_env(config)
    ppo, dqn = build_algorithm(config, env), DQN("CnnPolicy", env, buffer_size=100, seed=0)
    ppo.learn(64)
    dqn.learn(64)
    dqn.exploration_rate = 1.0  # drawn actions: a greedy beginner may play for ever
    pools: list[ProcessPoolExecutor] = []

    def one_pool(*arguments: Any, **settings: Any) -> nullcontext[ProcessPoolExecutor]:
        if not pools:
            pools.append(ProcessPoolExecutor(*arguments, **settings))
        return nullcontext(pools[0])

    monkeypatch.setattr(evaluation, "ProcessPoolExecutor", one_pool)
    monkeypatch.setattr(evaluation, "GAMES_A_SHARE", 2)
    monkeypatch.setattr(evaluation, "processes_at_once", lambda shares: 2)
    players = agent(), Agent(ppo, config, "ppo")
    in_two_processes = [evaluate(player, games=3, seed=7).scores for player in players]
    assert len(evaluate(Agent(dqn, config, "dqn"), games=3).scores) == 3
    pools[0].shutdown()
    monkeypatch.setattr(evaluation, "processes_at_once", lambda shares: 1)
    assert [evaluate(player, games=3, seed=7).scores for player in players] == in_two_processes
    assert evaluate(agent(), games=3, seed=8).scores != in_two_processes[0]
    assert ppo.env is not None and dqn.replay_buffer is not None
    env.close()


@pytest.mark.usefixtures("one_core")
def test_more_games_of_a_seed_begin_with_the_same_ones(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "GAMES_A_SHARE", 2)
    for one in (agent(), load_agent(tiny_run)):  # which draw their actions in two ways
        assert evaluate(one, games=4, seed=7).scores[:2] == evaluate(one, games=2, seed=7).scores


def test_no_game_of_one_seed_is_a_game_of_another() -> None:
    seeds: list[int] = []
    for seed in range(3):
        env = make_evaluation_env(agent().config, n_envs=4, seed=seed)
        env.reset()
        seeds += env.get_attr("np_random_seed")
        env.close()
    assert len(set(seeds)) == 12
    # Nor is one of a later share, which goes on where the one before ended.
    env = make_evaluation_env(agent().config, n_envs=2, seed=0, first=2)
    env.reset()
    assert env.get_attr("np_random_seed") == seeds[2:4]
    env.close()


def test_greedy_games_of_two_seeds_differ_by_their_random_starts() -> None:
    def lengths(seed: int) -> list[int]:
        env = make_evaluation_env(agent(env__repeat_action_probability=0.0).config, n_envs=3, seed=seed)
        played = play_games(Metronome(), env, 3, seed=seed, greedy=True)[1]
        env.close()
        return played

    first, second = lengths(0), lengths(1)
    assert first == lengths(0)
    assert first != second and first[1:] != second[:-1]


def test_the_twin_and_the_emulator_give_the_same_scores_without_sticky_actions(one_core: None) -> None:
    one = agent(env__repeat_action_probability=0.0)
    assert evaluate(one, env="ale", games=4, seed=1).scores == evaluate(one, env="twin", games=4, seed=1).scores


def test_an_evaluation_leaves_generators_and_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    try:
        evaluate(agent(), env="twin", games=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1]) and states[2] == random.getstate()


def test_an_environment_that_has_played_its_share_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = [], StalledGame.step
    monkeypatch.setattr(StalledGame, "step", lambda game, action: steps.append(game) or step(game, action))
    env = make_evaluation_env(agent().config, n_envs=2, seed=0)
    _, lengths, _ = play_games(RandomPlayer(4, seed=0), env, 3, seed=0, greedy=True)
    env.close()
    assert len(lengths) == 3 and len(steps) == sum(lengths), "the emulator plays no game that nobody counts"


@pytest.mark.long
def test_ctrl_c_ends_an_evaluation_and_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "processes_at_once", lambda shares: 2)
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(KeyboardInterrupt):
        evaluate(agent(CtrlC(tmp_path)), games=40)
    players = {int(file.name) for file in tmp_path.iterdir()}
    started = {child for child in psutil.Process().children(recursive=True) if child.pid in players} - before
    assert players and not psutil.wait_procs(started, timeout=60)[1]


@pytest.mark.long
def test_the_processes_of_an_evaluation_end_when_it_is_killed() -> None:
    code = (
        "import rlbreakout, sys; from rlbreakout.agents import load_agent; from rlbreakout.evaluation import evaluate; "
        "sys.modules['rlbreakout.evaluation.evaluate'].processes_at_once = lambda shares: 2; "
        "evaluate(load_agent('random'), games=4_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        parent = psutil.Process(process.pid)
        while len(playing := [child for child in parent.children() if "LokyProcess" in " ".join(child.cmdline())]) < 2:
            assert process.poll() is None
        process.kill()
    assert not psutil.wait_procs(playing, timeout=60)[1]


# No evaluation hangs.

RIGGED_AT = 15
"""Agent steps, a second: before it the emulator draws the wall."""
THREE = np.zeros((6, 18), dtype=np.uint8)
THREE[5, 7:10] = 1
"""Bricks of one point each, in the middle of the lowest row."""


class Rigged(gym.Wrapper):
    """A game of which after a second nothing is left but some points and `bricks`; lost lives are given back then."""

    def __init__(self, env: gym.Env, points: int, bricks: np.ndarray) -> None:
        super().__init__(env)
        self.points, self.bricks = points, bricks

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._steps = 0
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._steps += 1
        if self._steps == RIGGED_AT:
            change_game(self, score=self.points, bricks=self.bricks)  # the emulator's rewards are changes of the score
        if self._steps > RIGGED_AT:
            change_game(self, lives=5)
        return self.env.step(action)


def play_rigged(monkeypatch: pytest.MonkeyPatch, points: int, bricks: np.ndarray) -> tuple[float, int, int]:
    """Score, length in agent steps and stalled games, of one game without sticky actions."""
    make = envs.make_emulator
    with monkeypatch.context() as patch:
        patch.setattr(envs, "make_emulator", lambda *args, **how: Rigged(make(*args, **how), points, bricks))
        env = make_evaluation_env(agent(env__repeat_action_probability=0.0).config, n_envs=1, seed=0)
    try:
        (score,), (length,), stalled = play_games(BallFollower(), env, 1, seed=0, greedy=True)
    finally:
        env.close()
    return score, length, stalled


@pytest.mark.usefixtures("one_core")
def test_an_agent_that_never_fires_loses_its_lives() -> None:
    result = evaluate(agent(Still()), games=2)
    assert result.games == 2 and result.stalled == 0 and result.max < 20


def test_an_agent_that_bounces_the_ball_for_ever_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    score, length, stalled = play_rigged(monkeypatch, 500, 0 * THREE)
    assert (score, length, stalled) == (500, RIGGED_AT + STALLED_AFTER, 1)


def test_an_agent_that_clears_both_walls_is_done_and_has_not_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    score, length, stalled = play_rigged(monkeypatch, 861, THREE)
    assert (score, stalled) == (864, 0)
    assert RIGGED_AT < length < STALLED_AFTER


def test_there_is_a_second_wall_and_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is left of the first wall is hit; then a new one comes, of which some bricks are hit before it stalls.
    monkeypatch.setattr(envs, "STALLED_AFTER", 600)
    score, _, _ = play_rigged(monkeypatch, 429, THREE)
    assert score > 440
    monkeypatch.setattr(CompleteGame, "step", lambda self, action: self.env.step(action))
    score, _, stalled = play_rigged(monkeypatch, 861, THREE)
    assert (score, stalled) == (864, 1)
