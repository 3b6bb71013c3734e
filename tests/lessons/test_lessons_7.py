"""Lesson 7, and what it leaves."""

import re

import numpy as np
from PIL import Image

from rlbreakout.agents import load_agent
from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_games
from tests.conftest import ROOT
from tests.lesson_runs import assert_a_trained_run, assert_moves, facts


def wrong_frames(output: str) -> list[int]:
    """How many frames each guess of lesson 7.1 gets wrong."""
    return [int(count) for count in re.findall(r"^[1-5] .{34}\s*(\d+)", output, re.MULTILINE)]


def test_7_1_refutes_four_guesses_and_not_the_fifth(lesson) -> None:
    folder, output = lesson("7.1_rules")
    assert re.findall(r"^0x(\w\w)  column (\d+)$", output, re.MULTILINE) == [("46", "91"), ("48", "107")]
    *refuted, law = wrong_frames(output)
    assert len(refuted) == 4 and all(count > 100 for count in refuted) and law == 0
    assert facts(folder)["frames"] == 2000 and facts(folder)["wrong_frames"] == 0
    with Image.open(folder / "law.png") as picture:
        assert picture.width > 500


def test_7_2_finds_no_difference_where_there_is_none_and_finds_the_mistakes(lesson) -> None:
    folder, output = lesson("7.2_exact")
    found = facts(folder)
    assert found["frames_that_differ"] == {"state": 0, "pixels": 0}
    assert found["caught"]["wall_one_column_off"] < 1500 and found["caught"]["no_jump_in_the_middle"] < 1500
    assert found["caught"]["no_foot"] is None and re.search(r"^no_foot +NOT CAUGHT$", output, re.MULTILINE)
    once = found["once_in_frames"]
    assert once["a brick breaks"] < once["a life is lost"] < once["the second wall begins"] < 100_000
    assert (folder / "how_long_to_test.png").exists()
    assert_moves(folder / "exact.gif")


def test_7_2s_gif_is_black_where_the_games_are_the_same_and_not_where_one_is_wrong(lesson) -> None:
    folder, _ = lesson("7.2_exact")
    with Image.open(folder / "exact.gif") as gif:
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGB"))[14:]
    emulator, twin, difference, wrong = (last[:, place : place + 160] for place in range(0, 4 * 164, 164))
    assert emulator.any() and (emulator == twin).all() and not difference.any() and wrong.any()


def test_7_3_trains_in_the_twin_and_plays_in_the_emulator(lesson) -> None:
    folder, output = lesson("7.3_train_in_the_twin")
    assert "score (twin, last 100 training games)" in output
    assert "on twin of ALE/Breakout-v5, 20 games" in output and "on ALE/Breakout-v5, 2 games" in output
    summary = facts(folder)
    assert summary["env_id"] == "ALE/Breakout-v5" and "env" not in summary and summary["games"] == 2
    assert summary["twin"]["env"] == "twin" and summary["twin"]["games"] == 20
    assert len(read_games(folder).scores) > 10
    assert_a_trained_run(folder)
    assert_moves(folder / "agent.gif")


def test_7_3_trains_where_no_emulator_is_asked() -> None:
    config = load_config(ROOT / "configs" / "7.3_twin.yaml")
    assert config.env.vec_env == "twin" and config.evaluation_env_id == "ALE/Breakout-v5"


def test_7_4_plans_with_and_without_a_value_function(lesson) -> None:
    folder, output = lesson("7.4_plan")
    summary = facts(folder)
    assert list(summary["results"]) == ["without", "learned", "real"]
    assert summary["score"] > 300 and summary["env_id"] == "ALE/Breakout-v5"
    assert all(set(found) == {"1", "2", "3"} for found in summary["bricks_a_bounce"].values())
    assert summary["bricks_a_bounce"]["without"]["3"] > summary["bricks_a_bounce"]["without"]["1"]
    assert len(set(re.findall(r"after +(\d+) frames", output))) > 1  # the ways lead to different places
    assert load_agent(folder / "planner").config.algorithm == "planner"
    assert_moves(folder / "planner.gif")


def test_7_5_teaches_three_students_and_shows_what_the_best_one_looks_at(lesson) -> None:
    folder, output = lesson("7.5_pixels")
    results = facts(folder)["results"]
    assert list(results)[:3] == ["cloning", "DAgger", "PPO"] and list(results)[3].endswith(", the real game")
    agreement = [int(number) for number in re.findall(r"a probability of (\d+)% \(at first 25%\)", output)]
    assert agreement == [25, 25]  # a single round: what it learns first shows in the second
    for student in ("cloning", "DAgger", "PPO"):
        agent = load_agent(folder / student)
        assert agent.config.observation.kind == "image" and not agent.config.observation.aimbot
    with Image.open(folder / "saliency.png") as picture:
        assert picture.width > 500
    assert_moves(folder / "pixels.gif")
