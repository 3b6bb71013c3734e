"""Lesson 6, run as a learner runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_scalar
from tests.conftest import ROOT, SCRIPTS, run_command
from tests.lesson_runs import TRAIN, assert_a_trained_run, assert_moves


def facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "lesson.json").read_text())


def test_6_1_restores_a_state_and_trains_from_saved_ones(lesson) -> None:
    folder, output = lesson("6.1_late_game", *TRAIN["6.1_late_game"])
    assert "is restored" in output and " changed 0 pixels" not in output
    results = facts(folder)["results"]
    assert list(results) == ["fresh", "late", "failure"] and all(len(seeds) == 1 for seeds in results.values())
    shares = {name: load_config(folder / f"{name}_0" / "config.yaml").starts.shares for name in results}
    assert not any(shares["fresh"].values()) and shares["late"]["late"] == shares["failure"]["failure"] == 0.33
    assert_a_trained_run(folder / "failure_0")
    assert read_scalar(folder / "failure_0", "starts/fresh").y.sum() > 0
    assert facts(folder)["starts"]["failure_0"]["fresh"] > 0
    assert (folder / "curves.png").exists()


def test_6_2_makes_a_matrix_of_noise_trained_with_and_noise_played_with(lesson) -> None:
    folder, output = lesson("6.2_noise", *TRAIN["6.2_noise"])
    results = facts(folder)["results"]
    assert list(results) == ["nothing", "drawn frame skips", "noisy network"]
    assert all(list(row) == ["nothing", "sticky 0.5", "frame skip 5"] for row in results.values())
    assert all(cell[0]["env_id"] == "BreakoutNoFrameskip-v4" for row in results.values() for cell in row.values())
    skips = load_config(folder / "drawn_frame_skips_0" / "config.yaml").env
    assert (skips.frame_skip, skips.longest_frame_skip) == (2, 6)
    assert read_scalar(folder / "noisy_network_0", "train/noise_spread").y.min() > 0
    assert (folder / "matrix.png").exists() and "trained with" in output
    # A frame skip of 5 is one in the evaluation: another game than with 4.
    scores = {(row, cell): results[row][cell][0]["score"] for row in results for cell in results[row]}
    assert len(set(scores.values())) > 1


def test_6_3_trains_five_algorithms_on_the_same_numbers(lesson) -> None:
    folder, output = lesson("6.3_other_models", *TRAIN["6.3_other_models"])
    results = facts(folder)["results"]
    assert list(results) == ["ppo", "a2c", "recurrent_ppo", "dqn", "qrdqn"]
    seen = {load_config(folder / f"{name}_0" / "config.yaml").observation.model_dump_json() for name in results}
    assert len(seen) == 1
    assert all(facts(folder)["minutes"][name][0] > 0 for name in results)
    assert (folder / "steps.png").exists() and (folder / "minutes.png").exists()
    assert "ancestor" in output


def test_6_4_trains_shows_and_disturbs_the_champion_and_does_nothing_twice(lesson) -> None:
    folder, output = lesson("6.4_champion", *TRAIN["6.4_champion"])
    results = facts(folder)["results"]
    assert list(results) == ["as trained", "other colours", "one screen in ten lost", "frame skip 2", "sticky 0.5"]
    assert all(len(result["scores"]) == 2 and not result["greedy"] for result in results.values())
    assert_a_trained_run(folder / "seed_0", tag="time/fps")
    assert_moves(folder / "champion.gif")
    assert "first wall" in output
    # Black stays black: what it sees of other colours is what it saw, and it plays the same games.
    assert results["other colours"]["scores"] == results["as trained"]["scores"]
    before = (folder / "seed_0" / "last" / "policy.safetensors").stat().st_mtime_ns
    again = run_command(SCRIPTS["6.4_champion"], "--run-dir", folder, *TRAIN["6.4_champion"])
    assert again.returncode == 0, again.stderr
    assert (folder / "seed_0" / "last" / "policy.safetensors").stat().st_mtime_ns == before


def test_the_champions_config_sees_the_screen_and_is_evaluated_from_the_start() -> None:
    config = load_config(ROOT / "configs" / "6.4_champion.yaml")
    assert config.evaluation_env_id == "ALE/Breakout-v5" and config.observation.kind == "coordinates"


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("6.1_late_game", "--variants"),
        ("6.2_noise", "--played"),
        ("6.3_other_models", "--algorithms"),
        ("6.4_champion", "--rows"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(name: str, option: str, tmp_path: Path) -> None:
    done = run_command(SCRIPTS[name], option, "sonar", "--run-dir", tmp_path / "run")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    (line,) = done.stderr.strip().splitlines()
    assert f"{option} sonar: allowed: " in line
