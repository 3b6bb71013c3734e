"""Lesson 3, run as a learner runs it, and what it leaves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SCRIPTS, run_command
from tests.lesson_runs import TRAIN, assert_a_trained_run, assert_moves


def test_3_1_shows_the_ball_before_and_after(lesson) -> None:
    folder, _ = lesson("3.1_observation_space")
    before, after = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("before", "after"))
    assert before.shape == (210, 160) and after.shape == (84, 84)
    summary = json.loads((folder / "lesson.json").read_text())
    assert len(summary["ball_before"]) == 8 and len(set(summary["ball_before"])) == 1
    assert max(summary["ball_after"]) < max(summary["ball_before"]) and len(set(summary["ball_after"])) > 1
    with Image.open(folder / "before.jpg") as image:
        assert image.size == (160, 210)
    assert_moves(folder / "before_after.gif")


def test_3_2_shows_one_view_after_the_other(lesson) -> None:
    folder, _ = lesson("3.2_observation_wrapper", "--steps", "60")
    seen = json.loads((folder / "lesson.json").read_text())["observations"]
    assert seen["by_hand"]["shape"] == seen["mono"]["shape"] == [210, 160, 1]
    assert seen["trim"]["shape"] == seen["aimbot"]["shape"] == [174, 144, 1] and seen["mono"]["values"] == [0, 255]
    assert len(seen["counters"]["values"]) > 2
    by_hand, mono = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("by_hand", "mono"))
    assert np.array_equal(by_hand, mono)
    assert_moves(folder / "aimbot.gif")


def test_3_3_goes_on_where_it_was_and_draws_bands_over_seeds(lesson) -> None:
    folder, output = lesson("3.3_aimbot_training", *TRAIN["3.3_aimbot_training"])
    runs = [folder / f"counters_2_{seed}" for seed in (0, 1)]
    written = {run: (run / "last" / "policy.safetensors").stat().st_mtime_ns for run in runs}
    assert_a_trained_run(runs[-1], tag="time/fps")
    assert "counters, 2 pictures" in output and (folder / "all_curves.png").exists()
    # One of them is lost, as if it had been stopped before its first checkpoint: only that one is trained again.
    shutil.rmtree(runs[0] / "last")
    again = run_command(SCRIPTS["3.3_aimbot_training"], "--run-dir", folder, *TRAIN["3.3_aimbot_training"])
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in folder.parent.iterdir()) == ["3.3_aimbot_training"]
    changed = [run for run in runs if (run / "last" / "policy.safetensors").stat().st_mtime_ns != written[run]]
    assert changed == runs[:1]
    results = json.loads((folder / "lesson.json").read_text())["results"]
    assert {name: len(seeds) for name, seeds in results.items()} == {"counters, 2 pictures": 2}


def test_3_4_trains_on_numbers(lesson) -> None:
    folder, output = lesson("3.4_coordinates", *TRAIN["3.4_coordinates"])
    assert_a_trained_run(folder / "blocks_0")
    assert "arrival_column" in output and "108 of them there" in output
    summary = json.loads((folder / "lesson.json").read_text())
    assert summary["best"] == "blocks" and summary["minutes"]["blocks"][0] > 0
    assert_moves(folder / "blocks_0" / "agent.gif")


@pytest.mark.parametrize("name", ["3.3_aimbot_training", "3.4_coordinates"])
def test_a_variant_that_does_not_exist_is_named_with_those_that_do(name: str, tmp_path: Path) -> None:
    done = run_command(SCRIPTS[name], "--variants", "sonar", "--run-dir", tmp_path / "run")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    (line,) = done.stderr.strip().splitlines()
    assert "--variants sonar: allowed: " in line and "counters" in line
