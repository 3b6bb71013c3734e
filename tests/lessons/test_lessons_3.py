"""Lesson 3, what it leaves, and the code on its page."""

import re
import shutil
from contextlib import redirect_stdout
from io import StringIO
from textwrap import dedent
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from rlbreakout.config import load_config
from rlbreakout.envs import TWIN_ID
from rlbreakout.wrappers import LaunchBall, MonoObservation
from tests.conftest import ROOT
from tests.lesson_runs import assert_a_trained_run, assert_moves, facts, run_lesson, saved_at


def test_3_1_shows_the_ball_before_and_after(lesson) -> None:
    folder, _ = lesson("3.1_observation_space")
    before, after = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("before", "after"))
    assert before.shape == (210, 160) and after.shape == (84, 84)
    summary = facts(folder)
    assert summary["by_hand_is_the_same"]
    assert len(summary["ball_before"]) == 8 and len(set(summary["ball_before"])) == 1
    assert max(summary["ball_after"]) < max(summary["ball_before"]) and len(set(summary["ball_after"])) > 1
    with Image.open(folder / "before.jpg") as image:
        assert image.size == (160, 210)
    assert_moves(folder / "before_after.gif")


def test_3_2_shows_one_view_after_the_other(lesson) -> None:
    folder, output = lesson("3.2_observation_wrapper")
    assert "lands at column 133.5" in output
    assert facts(folder)["aimbot"]["predictions within 3 pixels"] > 0.97
    seen = facts(folder)["observations"]
    assert seen["by_hand"]["shape"] == seen["mono"]["shape"] == [210, 160, 1]
    assert seen["trim"]["shape"] == seen["aimbot"]["shape"] == [174, 144, 1] and seen["mono"]["values"] == [0, 255]
    assert len(seen["counters"]["values"]) > 2
    by_hand, mono = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("by_hand", "mono"))
    assert np.array_equal(by_hand, mono)
    assert_moves(folder / "aimbot.gif")


def test_3_3_continues_where_it_was_and_draws_bands_over_seeds(lesson) -> None:
    folder, output = lesson("3.3_aimbot_training")
    runs = [folder / f"counters_{seed}" for seed in (0, 1)]
    written = {run: saved_at(run) for run in runs}
    assert_a_trained_run(runs[-1])
    assert "[2/2] counters_1 is trained" in output and (folder / "curves.png").exists()
    # One of them is lost, as if it had been stopped before its first checkpoint: only that one is trained again.
    shutil.rmtree(runs[0] / "last")
    run_lesson("3.3_aimbot_training", folder)
    assert [path.name for path in folder.parent.iterdir()] == ["3.3_aimbot_training"]
    assert [run for run in runs if saved_at(run) != written[run]] == runs[:1]
    results = facts(folder)["results"]
    assert {name: len(seeds) for name, seeds in results.items()} == {"counters": 2}


def test_3_4_trains_on_numbers_and_on_both(lesson) -> None:
    folder, output = lesson("3.4_coordinates")
    for variant in ("blocks", "both"):
        assert_a_trained_run(folder / f"{variant}_0")
    assert load_config(folder / "both_0" / "config.yaml").policy == "MultiInputPolicy"
    assert "arrival_column" in output and "108 of them there" in output
    summary = facts(folder)
    assert list(summary["results"]) == ["blocks", "both"] and summary["minutes"]["blocks"][0] > 0
    assert_moves(folder / "blocks_0" / "agent.gif")


def code_with(text: str) -> dict[str, Any]:
    """What the piece of code on the page defines that has `text` in it, and what it prints."""
    page = (ROOT / "lessons" / "3_obswrapper" / "README.md").read_text(encoding="utf-8")
    (code,) = (dedent(found) for found in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if text in found)
    names: dict[str, Any] = {"gym": gym, "np": np}
    output = StringIO()
    with redirect_stdout(output):
        exec(code, names)
    return {**names, "output": output.getvalue()}


def test_the_wrapper_of_the_answer_shows_what_has_changed() -> None:
    game = MonoObservation(LaunchBall(gym.make(TWIN_ID)), "grey_1dim")
    env = code_with("class FrameDifference")["FrameDifference"](game)
    first, _ = env.reset(seed=0)
    assert (first == 128).all()
    for _ in range(4):
        seen, *_ = env.step(0)
    assert 0 < (seen < 128).sum() < 100 and 0 < (seen > 128).sum() < 100
    assert (env.reset(seed=0)[0] == 128).all()


def test_the_lines_about_lost_rows_find_them() -> None:
    rows = re.findall("True|False", code_with("NatureCNN")["output"])
    assert rows == ["True"] * 84 + ["False"] * 3
