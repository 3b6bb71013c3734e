"""Lesson 4, and what it leaves."""

import json
from pathlib import Path

import pytest
from optuna.trial import create_trial

from rlbreakout.config import load_config
from rlbreakout.tuning.study import distributions, settings
from tests.conftest import ROOT
from tests.lesson_runs import assert_a_trained_run, assert_moves, facts, run_lesson


def test_4_0_tries_the_best_of_study_1_again_and_continues_where_it_was(lesson) -> None:
    folder, _ = lesson("4.0_wrapper_optuna")
    runs = sorted(path.name for path in folder.iterdir() if path.name.startswith("study_"))
    assert runs == ["study_1_000", "study_1_001", "study_2_000"]
    *first, again = (load_config(folder / run / "config.yaml") for run in runs)
    assert again.ppo in [config.ppo for config in first] and again.steps == 2 * first[0].steps
    assert_a_trained_run(folder / "study_2_000")
    run_lesson("4.0_wrapper_optuna", folder)
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("study_")) == runs


def test_4_0_explores_a_study_with_pruned_trials_and_without(tmp_path: Path, lesson) -> None:
    folder, output = lesson("4.0_study_explore", "--study", str(study_json(tmp_path)))
    summary = facts(folder)
    importance = summary["importance"]
    assert {"ppo.gamma", "ppo.n_epochs"} <= set(importance["pruned counted as bad"])
    assert importance["pruned left out"] != importance["pruned counted as bad"]
    assert max(importance["duration"], key=lambda name: importance["duration"][name]) == "ppo.batch_size"
    assert all(abs(sum(answer.values()) - 1) < 1e-6 for answer in importance.values())
    assert "30 trials: 20 complete, 10 pruned" in output and len(summary["scores_of_seeds"]) == 1
    assert (folder / "contour.png").stat().st_size > 5_000
    assert_a_trained_run(folder / "best_seed_1")


@pytest.mark.parametrize("study", ["4.0_study_1", "4.0_study_2"])
def test_the_kept_studies_are_of_the_search_space_that_their_config_has(study: str) -> None:
    trials = json.loads((ROOT / "results" / f"{study}.json").read_text())["facts"]["trials"]
    space = distributions(settings(load_config(study)))
    assert trials and any(trial["params"] for trial in trials)
    for trial in trials:
        used = {name: space[name] for name in trial["params"]}
        create_trial(value=0.0, params=trial["params"], distributions=used)  # raises ValueError outside of a range


def study_json(folder: Path) -> Path:
    """A study in which gamma decides, n_epochs decides which trials are pruned, and batch_size how long they take."""
    trials = [
        {
            "number": number,
            "state": "pruned" if number % 3 == 2 else "complete",
            "value": 1.0 if number % 3 == 2 else 10.0 + (number % 4),
            "params": {
                "ppo.gamma": (0.98, 0.99, 0.995, 0.998)[number % 4],
                "ppo.n_epochs": 2 + number % 3,
                "ppo.n_steps": 16,
                "ppo.batch_size": (512, 1024, 2048, 4096, 512)[number % 5],
            },
            "seconds": 10.0 - 2.0 * (number % 5 in (0, 4)),
        }
        for number in range(30)
    ]
    path = folder / "study.json"
    path.write_text(json.dumps({"trials": trials}))
    return path


def test_4_1_lets_everybody_play_everywhere(lesson) -> None:
    folder, _ = lesson("4.1_env_comparison")
    summary = facts(folder)
    deterministic, _, sticky = ids = ["BreakoutNoFrameskip-v4", "Breakout-v4", "ALE/Breakout-v5"]
    memorised = "nowhere: one memorised game"
    assert {who: list(row) for who, row in summary["table"].items()} == dict.fromkeys(
        [deterministic, sticky, memorised], ids
    )
    assert summary["table"][memorised][deterministic][0]["score"] == summary["copied_game"]  # nothing is random
    assert list(summary["on_the_way"]) == [f"plays in {env_id}" for env_id in ids]
    for of_seed in summary["on_the_way"].values():
        assert len(of_seed[0]["steps"]) == len(of_seed[0]["scores"]) >= 2
    trained = load_config(folder / f"{deterministic}_0" / "config.yaml")
    assert trained.env.vec_env == "twin" and trained.env.noop_max == 0 and trained.observation.kind == "coordinates"
    assert_moves(folder / "memorised.gif")


def test_4_2_draws_a_square_for_each_trial(lesson) -> None:
    folder, output = lesson("4.2_grid")
    rows = json.loads((folder / "study.json").read_text())["trials"]
    assert len({tuple(row["params"].values()) for row in rows}) == 2
    assert [len(scores) for scores in facts(folder)["scores_of_seeds"].values()] == [2, 2]
    assert "n_epochs" in output and (folder / "grid.png").stat().st_size > 5_000
    config = load_config(ROOT / "configs" / "4.2_grid.yaml")
    assert config.tuning is not None and config.tuning.trials == 9


def test_4_3_trains_every_schedule_for_both_lengths(lesson) -> None:
    folder, _ = lesson("4.3_schedules")
    rates = {
        path.name: load_config(path / "config.yaml").ppo.learning_rate for path in folder.iterdir() if path.is_dir()
    }
    assert rates.pop("tuned_8192_0") == load_config(ROOT / "configs" / "4.3_best.yaml").ppo.learning_rate
    assert rates == {
        f"{name}_{steps}_0": rate
        for name, rate in (("constant", 1e-3), ("linear", "lin_1e-3"), ("exponential", "exp_1e-3_50000"))
        for steps in (8191, 8192)
    }
    apart = facts(folder)["short_and_long_apart"]
    assert apart.get("constant", 0) == apart.get("exponential", 0) == 0
    assert_a_trained_run(folder / "linear_8192_0")
