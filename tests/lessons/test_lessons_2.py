"""Lesson 2, and what it leaves."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import numpy as np
import pytest
from PIL import Image
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlbreakout.agents import build_algorithm
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.plots import read_games, read_monitor_file, read_scalar
from tests.conftest import ZOO_CONFIG
from tests.lesson_runs import SCRIPTS, assert_a_trained_run, assert_moves, facts, run_lesson
from tests.tensorboard import tensorboard

HAS_ZOO = importlib.util.find_spec("rl_zoo3") is not None


def test_2_1_compares_one_game_with_eight(lesson) -> None:
    folder, output = lesson("2.1_envs")
    runs = [folder / f"{n_envs}_envs_0" for n_envs in (1, 8)]
    for run in runs:
        assert_a_trained_run(run)
    one, eight = (load_config(run / "config.yaml") for run in runs)
    assert one.env.vec_env == "twin" and one.ppo.n_steps == 8 * eight.ppo.n_steps
    assert with_values(one, {"env.n_envs": 8, "ppo.n_steps": eight.ppo.n_steps, "run": eight.run}) == eight
    results = facts(folder)["results"]
    assert all(f"{of_seeds[0]['score']:.1f} [" in output for of_seeds in (results["1"], results["8"]))
    with Image.open(folder / "curves.png") as image:
        assert image.width > 500


def test_2_2_tells_lives_from_games_and_shows_the_spread_of_the_last_100(lesson) -> None:
    folder, output = lesson("2.2_callbacks")
    assert_a_trained_run(folder)
    for tag in (
        *("custom/clipped_reward_a_life", "custom/fire_share"),
        *("eval/mean", "eval/lower_quartile", "eval/stalled"),
    ):
        assert len(read_scalar(folder, tag).x) >= 1
    assert 0 < read_scalar(folder, "custom/fire_share").y[-1] < 1
    three = facts(folder)["three_rewards"]
    assert three["clipped reward a life"] < three["score of a training game (sampled, last 100)"]
    assert re.search(r"nobody launches the ball: (not )?over after", output) and "greedy" in output
    assert (folder / "three_rewards.png").exists()
    scores, lengths = (of_games[-100:] for of_games in read_games(folder))
    low = scores.mean() - 1.96 * scores.std() / 10
    for name, value in {"score_std": scores.std(), "score_low": low, "agent_steps": lengths.mean() / 4}.items():
        assert read_scalar(folder, f"games/{name}").y[-1] == pytest.approx(value, rel=1e-4)


def test_2_4_measures_five_environments_alone_and_with_ppo(lesson) -> None:
    folder, output = lesson("2.4_fast_envs")
    alone, with_ppo = facts(folder)["alone"], facts(folder)["with_ppo"]
    names = ["dummy", "subproc", "vector", "twin", "twin, numbers"]
    assert list(alone) == list(with_ppo) == names
    assert all(f"{name:16}{alone[name]:10,.0f}{with_ppo[name]:10,.0f}" in output for name in names)
    assert all(with_ppo[name] > 0 for name in names) and (folder / "speeds.png").exists()


class CutOff(VecEnvWrapper):
    """Truncates the episode of another game at every fifth step."""

    steps = 0

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, dones, infos = self.venv.step_wait()
        self.steps += 1
        game = self.steps // 5 % self.num_envs
        if self.steps % 5 == 0 and not dones[game]:
            dones[game] = True
            infos[game] |= {"TimeLimit.truncated": True, "terminal_observation": observations[game]}
        return observations, rewards, dones, infos


def test_2_5_is_sb3s_ppo_also_where_episodes_end_and_are_cut_off(tmp_path: Path, monkeypatch) -> None:
    ends = {"terminated": 0, "truncated": 0}

    class Counted(CutOff):
        def step_wait(self) -> VecEnvStepReturn:
            observations, rewards, dones, infos = super().step_wait()
            for game in np.flatnonzero(dones):
                ends["truncated" if infos[game]["TimeLimit.truncated"] else "terminated"] += 1
            return observations, rewards, dones, infos

    few = {"env.n_envs": 48}  # so that the second minibatch of a rollout is a smaller one
    monkeypatch.setattr("rlbreakout.envs.make_vec_env", lambda config: Counted(make_vec_env(with_values(config, few))))
    output = run_lesson("2.5_ppo_by_hand", tmp_path / "run", "--updates", "10", "--steps", "1")
    assert output.count("are equal to SB3's, bit for bit") == 10
    assert ends["truncated"] > 100 and ends["terminated"] > 100


def test_2_5_learns(lesson) -> None:
    folder, output = lesson("2.5_ppo_by_hand")
    assert "update 2: all 29,125 weights are equal" in output
    assert_moves(folder / "agent.gif")
    assert facts(folder)["training_score"] > 5


@pytest.mark.long
@pytest.mark.skipif(not HAS_ZOO, reason="needs the extra 'zoo'")
def test_2_3_by_hand_is_the_zoos_own_training_game_by_game(tmp_path: Path) -> None:
    # Two rollouts: the games of the second show what the first update has taught.
    folder = tmp_path / "run"
    output = run_lesson("2.3_copying_hp_zoo", folder, "--steps", "2048", "--zoo")
    zoo = folder / "rl_zoo3" / "ppo" / "BreakoutNoFrameskip-v4_1"
    games = 0
    for number in range(8):
        ours, theirs = (read_monitor_file(run / f"{number}.monitor.csv") for run in (folder, zoo))
        assert ours.scores.tolist() == theirs.scores.tolist() and ours.lengths.tolist() == theirs.lengths.tolist()
        games += len(ours.scores)
    assert games >= 8 and f"{games} games: the same scores and lengths, one for one" in output
    assert facts(folder)["same_as_rl_zoo3"] is True and facts(folder)["games_compared"] == games
    assert (folder / "zoo.png").exists()


def test_2_3_is_the_config_2_3_zoo(lesson) -> None:
    folder, output = lesson("2.3_copying_hp_zoo")
    script, config = (load_config(path).model_dump() for path in (folder / "config.yaml", ZOO_CONFIG))
    assert script.pop("steps") == 1024 and config.pop("steps") == 1_000_000
    assert script["evaluation"].pop("games") == 1 and config["evaluation"].pop("games") == 20
    assert script["run"].pop("versions") and config["run"].pop("versions") == {}
    assert script == config
    assert_a_trained_run(folder)
    assert_moves(folder / "agent.gif")
    assert len(list(folder.glob("*.monitor.csv"))) == 8 and "learning_rate: lin_2.5e-4" in output


def test_2_3_makes_the_agent_that_the_config_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PPO gets from the script what it gets from the config: the same settings, first weights and games."""
    cells = [cell.source for cell in jupytext.read(SCRIPTS["2.3_copying_hp_zoo"]).cells if cell.cell_type == "code"]
    until = next(number for number, source in enumerate(cells) if "model = PPO(" in source)
    monkeypatch.setattr(sys, "argv", ["2.3_copying_hp_zoo.py", "--run-dir", str(tmp_path / "run")])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    script = ModuleType("script")
    monkeypatch.setitem(sys.modules, "script", script)
    for source in cells[: until + 1]:
        exec(source, vars(script))
    config = load_config(ZOO_CONFIG)
    ours, theirs = vars(script)["model"], build_algorithm(config, make_vec_env(config))
    for name in ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "ent_coef", "vf_coef", "max_grad_norm"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("lr_schedule", "clip_range"):
        assert all(getattr(ours, name)(left) == pytest.approx(getattr(theirs, name)(left)) for left in (1.0, 0.5, 0.0))
    for first, second in zip(ours.policy.parameters(), theirs.policy.parameters(), strict=True):
        assert (first == second).all()
    actions = np.random.default_rng(0).integers(4, size=(20, 8))
    played = [[env.reset(), *(env.step(action)[0] for action in actions)] for env in (ours.env, theirs.env)]
    assert np.array_equal(*played)
    ours.env.close()
    theirs.env.close()


def test_a_real_tensorboard_shows_the_curve(lesson) -> None:
    folder, _ = lesson("2.2_callbacks")
    expected = read_scalar(folder, "eval/mean")
    with tensorboard(folder) as get:
        tags: dict = {}
        while "eval/mean" not in tags.get(".", {}):  # it reads the files in the background
            tags = get("scalars/tags")
        points = get("scalars/scalars?run=.&tag=eval%2Fmean")
    assert [step for _, step, _ in points] == expected.x.tolist()
    assert [value for _, _, value in points] == pytest.approx(expected.y.tolist())
