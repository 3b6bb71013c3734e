"""Lesson 2, run as a learner runs it, and what it leaves."""

import json
from pathlib import Path

import pytest
from PIL import Image

from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_monitor_file, read_scalar
from tests.conftest import ZOO_CONFIG, rlbreakout
from tests.lesson_runs import HAS_ZOO, TRAIN, assert_a_trained_run, assert_moves
from tests.tensorboard import tensorboard


def test_2_1_compares_one_environment_with_eight(lesson) -> None:
    folder, output = lesson("2.1_envs", *TRAIN["2.1_envs"])
    for run in ("1_envs", "8_envs"):
        assert_a_trained_run(folder / run)
    for picture in ("score_by_steps.png", "score_by_minutes.png"):
        with Image.open(folder / picture) as image:
            assert image.width > 500
    speeds = json.loads((folder / "lesson.json").read_text())["steps_per_second"]
    assert f"8 are {speeds['8'] / speeds['1']:.2f} times as fast as 1" in output


def test_2_2_tells_lives_from_games(lesson) -> None:
    folder, output = lesson("2.2_callbacks", *TRAIN["2.2_callbacks"])
    assert_a_trained_run(folder)
    for tag in (
        "custom/clipped_reward_a_life",
        "custom/fire_share",
        "eval/mean",
        "eval/lower_quartile",
        "eval/stalled",
    ):
        assert len(read_scalar(folder, tag).x) >= 1
    assert 0 < read_scalar(folder, "custom/fire_share").y[-1] < 1
    three = json.loads((folder / "lesson.json").read_text())["three_rewards"]
    assert three["clipped reward a life"] < three["score of a training game (sampled, last 100)"]
    assert "greedy" in output and (folder / "three_rewards.png").exists()


def test_2_4_compares_three_environments(lesson) -> None:
    folder, output = lesson("2.4_fast_envs", *TRAIN["2.4_fast_envs"])
    assert_a_trained_run(folder / "2.4_fast_64", tag="time/fps")
    summary = json.loads((folder / "lesson.json").read_text())
    assert (
        set(summary["alone"]) == set(summary["steps_per_second"]) == {"8, one after the other", "8, fast", "64, fast"}
    )
    assert all(f"{name:24}{summary['alone'][name]:10.0f}" in output for name in summary["alone"])
    assert_moves(folder / "2.4_fast_8" / "agent.gif")


@pytest.mark.skipif(not HAS_ZOO, reason="needs the extra 'zoo'")
def test_2_3_by_hand_is_the_zoos_own_training_game_by_game(lesson) -> None:
    folder, output = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    assert_a_trained_run(folder)
    assert_moves(folder / "agent.gif")
    zoo = folder / "rl_zoo3" / "ppo" / "BreakoutNoFrameskip-v4_1"
    games = 0
    for number in range(8):
        ours, theirs = (read_monitor_file(run / f"{number}.monitor.csv") for run in (folder, zoo))
        assert ours.scores.tolist() == theirs.scores.tolist() and ours.lengths.tolist() == theirs.lengths.tolist()
        games += len(ours.scores)
    assert games >= 8 and "the same scores and lengths, one for one" in output
    assert json.loads((folder / "lesson.json").read_text())["same_as_rl_zoo3"] is True
    assert (folder / "zoo.png").exists()


def test_2_3_is_the_config_2_3_zoo(lesson) -> None:
    folder, _ = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    script, config = (load_config(path).model_dump() for path in (folder / "config.yaml", ZOO_CONFIG))
    assert script.pop("steps") == 2048 and config.pop("steps") == 1_000_000
    assert script.pop("versions") and config.pop("versions") == {}
    assert script == config


def test_2_3_makes_the_agent_that_the_config_makes(lesson, tmp_path: Path) -> None:
    """The hyperparameters that the script hands to PPO are those of its config: both learn the same weights."""
    folder, _ = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    games = ("--set", "evaluation.games=1")
    done = rlbreakout("train", folder / "config.yaml", *games, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    first, second = (run / "last" / "policy.safetensors" for run in (folder, tmp_path / "run"))
    assert first.read_bytes() == second.read_bytes()


def test_a_real_tensorboard_shows_the_curve(lesson) -> None:
    folder, _ = lesson("2.2_callbacks", *TRAIN["2.2_callbacks"])
    expected = read_scalar(folder, "eval/mean")
    with tensorboard(folder) as get:
        tags: dict = {}
        while "eval/mean" not in tags.get(".", {}):  # it reads the files in the background
            tags = get("scalars/tags")
        points = get("scalars/scalars?run=.&tag=eval%2Fmean")
    assert [step for _, step, _ in points] == expected.x.tolist()
    assert [value for _, _, value in points] == pytest.approx(expected.y.tolist())
