"""An evaluation is played in fixed shares, on all cores, in the emulator or in the twin."""

from __future__ import annotations

import csv
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rlbreakout.evaluation.processes import call_all

import rlbreakout.evaluation.evaluate as evaluation
from rlbreakout.agents.players import Agent, RandomPlayer
from rlbreakout.agents.save_load import load_agent
from rlbreakout.common.errors import MachineError, UserError
from rlbreakout.config import Config, with_values
from rlbreakout.evaluation.evaluate import GAMES_AT_ONCE, SHARES, Evaluation, Share, evaluate, shares_of
from rlbreakout.training.train import train
from tests.conftest import rlbreakout, tiny_config

SEVERAL_SHARES = GAMES_AT_ONCE + 3


def quick_agent() -> Agent:
    """Random actions, and coordinates instead of pictures, which cost less."""
    agent = load_agent("random")
    return replace(agent, config=with_values(agent.config, BLOCKS))


BLOCKS = {
    "policy": "MlpPolicy",
    "env.max_pool": False,
    "observation.kind": "coordinates",
    "observation.blocks": ["now", "arrival", "choices", "clock"],
    "observation.frame_stack": 1,
}


def test_the_games_do_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = []
    for cores in (1, 2, 4):
        monkeypatch.setattr(evaluation, "cores", lambda cores=cores: cores)
        scores.append(evaluate(quick_agent(), games=SEVERAL_SHARES, seed=7).scores)
    assert scores[0] == scores[1] == scores[2] and len(scores[0]) == SEVERAL_SHARES


def test_shares_have_all_games_and_seeds_of_their_own() -> None:
    whole = Share(quick_agent(), "ale", "ALE/Breakout-v5", 102, 10, 5, False)
    shares = shares_of(whole)
    assert len(shares) == SHARES and sum(share.games for share in shares) == 102
    seeds = [share.seed + game for share in shares for game in range(share.games_at_once)]
    assert len(set(seeds)) == len(seeds) and min(seeds) == 5


def test_shares_do_not_play_the_same_random_actions() -> None:
    agent = replace(quick_agent(), player=RandomPlayer(4, seed=0))
    one, other = shares_of(Share(agent, "ale", "BreakoutNoFrameskip-v4", 8, 4, 0, False))[:2]
    assert one.play().steps != other.play().steps


def test_a_process_that_dies_is_one_clear_line() -> None:
    here = os.getpid()

    def die_elsewhere() -> int:
        if os.getpid() != here:
            os._exit(3)
        time.sleep(5)  # so that the other process takes one, too
        return 1

    with pytest.raises(MachineError, match="ended with status 3"):
        call_all([die_elsewhere] * 4, 2, lambda _: None)


def test_what_a_share_raises_is_raised_here() -> None:
    def refuse() -> int:
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        call_all([refuse] * 3, 2, lambda _: None)


def test_a_score_of_the_twin_is_labelled_everywhere(tmp_path: Path) -> None:
    config = tiny_config("evaluation.env=twin", "env.vec_env=twin")
    run = train(config, tmp_path / "run", progress_bar=False)
    with (run / "evaluations.csv").open(newline="") as file:
        assert {row["env_id"] for row in csv.DictReader(file)} == {f"twin of {config.env.id}"}
    from rlbreakout.evaluation.plots import read_scalar

    assert len(read_scalar(run, "eval_twin/mean").x) > 0
    with pytest.raises(UserError, match="no scalar 'eval/mean'"):
        read_scalar(run, "eval/mean")
    done = rlbreakout("evaluate", run, "--env", "twin", "--games", "3", "--json", tmp_path / "result.json")
    assert done.returncode == 0 and f"on twin of {config.env.id}" in done.stdout
    result = Evaluation(**json.loads((tmp_path / "result.json").read_text()))
    assert result.env == "twin" and result.where.startswith("twin of ") and result.facts()["env"] == "twin"


def test_an_unknown_place_to_evaluate_in_is_one_line() -> None:
    done = rlbreakout("evaluate", "random", "--env", "atari")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "env is 'atari'; allowed: ale, twin" in done.stderr


def test_the_twin_and_the_emulator_give_the_same_scores_without_sticky_actions() -> None:
    agent = quick_agent()
    quiet = with_values(agent.config, {"env.repeat_action_probability": 0.0})
    scores = []
    for env in ("ale", "twin"):
        player = RandomPlayer(4, seed=3)
        scores.append(evaluate(Agent(player, quiet, "random"), env=env, games=5, seed=1).scores)
    assert scores[0] == scores[1]


def test_evaluating_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        evaluate(quick_agent(), env="twin", games=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_small_networks_learn_on_the_cpu() -> None:
    from rlbreakout.agents.build import build_algorithm
    from rlbreakout.envs import make_vec_env

    config = with_values(Config(), {**BLOCKS, "env.vec_env": "twin", "env.n_envs": 2, "ppo.n_steps": 8})
    env = make_vec_env(config)
    assert build_algorithm(config, env).device.type == "cpu"
    env.close()
