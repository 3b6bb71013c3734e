"""Lesson 6, and what it leaves."""

import re

from rlbreakout.config import load_config
from tests.conftest import ROOT
from tests.lesson_runs import assert_a_trained_run, assert_moves, facts


def test_6_1_restores_a_state_and_trains_from_saved_ones(lesson) -> None:
    folder, output = lesson("6.1_late_game")
    changed = re.search(r"changed (\d+) pixels of the screen; .* as before: True", output)
    assert changed is not None and int(changed[1]) > 100
    summary = facts(folder)
    results = summary["results"]
    assert list(results) == ["fresh", "late", "failure"]
    assert all(row["twin"][0]["env"] == "twin" and len(row["twin"][0]["scores"]) == 5 for row in results.values())
    assert "env" not in summary and results[summary["best"]]["emulator"][0]["score"] == summary["score"]
    shares = {name: load_config(folder / f"{name}_0" / "config.yaml").starts.shares for name in results}
    assert not any(shares["fresh"].values()) and shares["late"]["late"] == shares["failure"]["failure"] == 0.33
    assert_a_trained_run(folder / "failure_0")
    assert (folder / "curves.png").exists()


def test_6_2_makes_a_matrix_of_noise_trained_with_and_noise_played_with(lesson) -> None:
    folder, output = lesson("6.2_noise")
    results = facts(folder)["results"]
    assert list(results) == ["nothing", "drawn frame skips"]
    assert all(set(row) - {"emulator"} == {"nothing", "frame skip 5"} for row in results.values())
    assert all(cell[0]["env_id"] == "BreakoutNoFrameskip-v4" for row in results.values() for cell in row.values())
    skips = load_config(folder / "drawn_frame_skips_0" / "config.yaml").env
    assert (skips.frame_skip, skips.longest_frame_skip) == (2, 6)
    assert (folder / "matrix.png").exists() and "trained with" in output


def test_6_3_trains_five_algorithms_on_the_same_numbers(lesson) -> None:
    folder, output = lesson("6.3_other_models")
    summary = facts(folder)
    results = summary["results"]
    assert list(results) == ["ppo", "a2c", "recurrent_ppo", "dqn", "qrdqn"]
    assert all(row["twin"][0]["games"] == 4 and row["emulator"][0]["games"] == 1 for row in results.values())
    seen = {load_config(folder / f"{name}_0" / "config.yaml").observation.model_dump_json() for name in results}
    assert len(seen) == 1
    assert all(summary["minutes"][name][0] > 0 for name in results)
    assert (folder / "steps.png").exists() and (folder / "seconds.png").exists()
    assert "ancestor" in output


def test_6_4_shows_the_champion_beside_a_short_training(lesson) -> None:
    folder, output = lesson("6.4_champion")
    summary = facts(folder)
    results = summary["results"]
    assert list(results) == ["champion-policy", "short"] and "The agents see 169 numbers" in output
    assert all(list(rows) == ["as trained"] for rows in results.values())
    champion, short = results.values()
    assert summary["score"] == champion["as trained"]["score"] > 100 + short["as trained"]["score"]
    assert_a_trained_run(folder / "short_0")
    assert_moves(folder / "champion.gif")


def test_the_champion_trains_in_the_twin_and_is_told_no_more_than_blocks() -> None:
    config = load_config(ROOT / "configs" / "6.4_champion-policy.yaml")
    assert config.evaluation_env_id == "ALE/Breakout-v5" and config.observation.kind == "coordinates"
    assert config.env.vec_env == "twin"
