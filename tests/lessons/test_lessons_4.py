"""Lesson 4, run as a learner runs it, and what it leaves."""

import json

from rlbreakout.config import load_config
from tests.conftest import ROOT, SCRIPTS, run_command
from tests.lesson_runs import TRAIN, assert_a_trained_run, assert_moves


def test_4_0_tries_the_best_of_study_1_again_and_goes_on_where_it_was(lesson) -> None:
    folder, _ = lesson("4.0_wrapper_optuna", *TRAIN["4.0_wrapper_optuna"])
    runs = sorted(path.name for path in folder.iterdir() if path.name.startswith("study_"))
    assert runs == ["study_1_000", "study_1_001", "study_1_002", "study_2_000", "study_2_001"]
    settings = [load_config(folder / run / "config.yaml").ppo for run in runs]
    assert all(again in settings[:3] for again in settings[3:])
    assert_a_trained_run(folder / "study_2_000", tag="time/fps")
    again = run_command(SCRIPTS["4.0_wrapper_optuna"], "--run-dir", folder, *TRAIN["4.0_wrapper_optuna"])
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("study_")) == runs


def test_4_0_explores_a_study_with_pruned_trials_and_without(tmp_path, lesson) -> None:
    options = ("--study", study_json(tmp_path), *TRAIN["4.0_study_explore"])
    folder, output = lesson("4.0_study_explore", *map(str, options))
    summary = json.loads((folder / "lesson.json").read_text())
    importance = summary["importance"]
    assert set(importance["pruned_counted_as_bad"]) == {"ppo.gamma", "ppo.n_epochs"}
    assert importance["pruned_left_out"] != importance["pruned_counted_as_bad"]
    assert abs(sum(importance["pruned_left_out"].values()) - 1) < 1e-6
    assert "30 trials: 20 complete, 10 pruned" in output and len(summary["scores_of_seeds"]) == 1


def study_json(folder):
    """A study in which gamma decides, and n_epochs decides which trials are pruned."""
    trials = [
        {
            "number": number,
            "state": "pruned" if number % 3 == 2 else "complete",
            "value": 1.0 if number % 3 == 2 else 10.0 + (number % 4),
            "params": {"ppo.gamma": (0.98, 0.99, 0.995, 0.998)[number % 4], "ppo.n_epochs": 2 + number % 3},
        }
        for number in range(30)
    ]
    path = folder / "study.json"
    path.write_text(json.dumps({"trials": trials}))
    return path


def test_4_1_lets_everybody_play_everywhere(lesson) -> None:
    folder, _ = lesson("4.1_env_comparison", *TRAIN["4.1_env_comparison"])
    summary = json.loads((folder / "lesson.json").read_text())
    ids = ["BreakoutNoFrameskip-v4", "Breakout-v4", "ALE/Breakout-v5"]
    by_heart = "nowhere: one memorised game"
    assert {name: list(row) for name, row in summary["table"].items()} == dict.fromkeys([*ids[:2], by_heart], ids)
    assert summary["table"][by_heart][ids[0]]["score"] == summary["table"][ids[0]][ids[0]]["score"]
    assert all(len(row) == 4 for row in summary["differences"].values())
    assert set(summary["different_scores"].values()) == {1}  # of two games in which nothing is drawn
    assert_moves(folder / "by_heart.gif")


def test_4_2_draws_a_square_for_each_trial(lesson) -> None:
    folder, _ = lesson("4.2_grid", *TRAIN["4.2_grid"])
    rows = json.loads((folder / "study.json").read_text())["trials"]
    assert len({tuple(row["params"].values()) for row in rows}) == 2
    assert (folder / "grid.png").stat().st_size > 5_000
    config = load_config(ROOT / "configs" / "4.2_grid.yaml")
    assert config.tuning is not None and config.tuning.trials == 27


def test_4_3_trains_every_schedule_for_both_lengths(lesson) -> None:
    folder, _ = lesson("4.3_schedules", *TRAIN["4.3_schedules"])
    rates = {
        path.name: load_config(path / "config.yaml").ppo.learning_rate for path in folder.iterdir() if path.is_dir()
    }
    tuned = load_config(ROOT / "configs" / "4.3_best.yaml")
    assert rates.pop("tuned_1024") == tuned.ppo.learning_rate
    assert rates == {
        f"{name}_{steps}": rate
        for name, rate in (("constant", 6e-4), ("linear", "lin_6e-4"), ("exponential", "exp_6e-4_300000"))
        for steps in (512, 1024)
    }
    assert_a_trained_run(folder / "linear_1024", tag="time/fps")
