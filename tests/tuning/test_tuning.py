"""Studies: what a trial is worth, what a study leaves, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import optuna
import pytest
from optuna.trial import FixedTrial, TrialState

from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.common.errors import MachineError, UserError
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.tuning import objective, results, workers
from rlbreakout.tuning.objective import TRIALS, run_trial, summarize
from rlbreakout.tuning.storage import JOURNAL_NAME, open_journal
from rlbreakout.tuning.study import (
    FACTS,
    best_params,
    config_values,
    distributions,
    make_sampler,
    open_study,
    own_params,
    settings,
    slices,
)
from rlbreakout.tuning.study_plots import draw_study
from rlbreakout.tuning.workers import first_values, tune
from tests.conftest import ROOT, rlbreakout
from tests.tensorboard import tensorboard

STUDY = ROOT / "configs" / "4.0_study_1.yaml"
# A trial takes less than a second: two rollouts in the twin, an evaluation after each.
TINY_STUDY = (
    "steps=512",
    "env.vec_env=twin",
    "env.n_envs=4",
    "observation.blocks=[now]",
    "run.threads=1",
    "evaluation.env=twin",
    "evaluation.every=256",
    "evaluation.games=1",
    "evaluation.n_envs=1",
    "tuning.startup_trials=2",
    "tuning.pruner_startup_trials=1",
    "tuning.heartbeat=1",
)
SEARCH = (
    "tuning.search={ppo.learning_rate: {type: float, low: 1e-4, high: 1e-3, log: true, schedules: [constant, linear]}, "
    "ppo.n_steps: {type: categorical, choices: [32, 64]}, ppo.n_epochs: {type: int, low: 1, high: 2}, "
    "network.net_arch: {type: categorical, choices: [[8], [16, 16]]}}"
)
SPACE = (
    "tuning.search={ppo.gamma: {type: float, low: 0.9, high: 0.99, step: 0.03}, "
    "ppo.n_epochs: {type: int, low: 1, high: 3}}"
)


def study_config(*overrides: str) -> Config:
    return load_config(STUDY, [*TINY_STUDY, SEARCH, *overrides])


@pytest.fixture(scope="module")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    folder = tmp_path_factory.mktemp("study")
    config = study_config("tuning.trials=3", "tuning.pruner=none")
    tune(config, folder, progress_bar=False)
    return folder, config


def read_rows(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "study.json").read_text())["trials"]


# What a study leaves.


def test_every_trial_leaves_a_run_folder_with_its_model_and_config(finished_study) -> None:
    folder, _ = finished_study
    rows = read_rows(folder)
    assert len(rows) == 3 and len(list((folder / TRIALS).iterdir())) == 3
    for row in rows:
        run = folder / TRIALS / f"trial_{row['number']:03d}"
        config = load_config(run / "config.yaml")
        assert config.ppo.n_steps == row["params"]["ppo.n_steps"]
        assert config.network.net_arch == json.loads(row["params"]["network.net_arch"])
        linear = row["params"]["ppo.learning_rate.schedule"] == "linear"
        assert str(config.ppo.learning_rate).startswith("lin_") == linear
        assert trained_steps(run / "last") >= 512
        load_agent(run / "last")
        with (run / "evaluations.csv").open() as file:
            last = list(csv.DictReader(file))[-1]
        assert float(last["mean"]) == pytest.approx(row["value"], abs=0.05) and row["scores"]
        assert set(row["intermediate"]) == {"256", "512"}


def test_tensorboards_hparams_tab_has_every_trial(finished_study) -> None:
    folder, _ = finished_study
    rows = read_rows(folder)
    ask = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN"], "sliceSize": 100}
    metric = {"colParams": [{"metric": {"group": "", "tag": "trial/worth"}, "order": "ORDER_DESC"}]}
    with tensorboard(folder / TRIALS) as get:
        groups: list[dict[str, Any]] = []
        while len(groups) < len(rows):  # it reads the files in the background
            groups = get("hparams/session_groups", ask | metric).get("sessionGroups", [])
    found = [(g["hparams"]["ppo.n_epochs"], pytest.approx(g["metricValues"][0]["value"], abs=1e-3)) for g in groups]
    assert sorted((row["params"]["ppo.n_epochs"], row["value"]) for row in rows) == sorted(
        found, key=lambda pair: (pair[0], pair[1].expected)
    )
    assert {"ppo.learning_rate", "ppo.n_steps", "network.net_arch"} <= set(groups[0]["hparams"])


def test_optunas_style_stays_in_its_own_pictures(tmp_path: Path) -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    before = dict(matplotlib.rcParams)
    assert draw_study(study, tmp_path) and dict(matplotlib.rcParams) == before


def test_a_study_leaves_pictures_a_table_and_the_best_config(finished_study) -> None:
    folder, _ = finished_study
    pictures = {path.stem for path in (folder / "plots").glob("*.png") if path.stat().st_size > 5_000}
    assert {"history", "slice", "parallel", "intermediate", "contour", "duration_importance"} <= pictures
    rows = read_rows(folder)
    best = max(rows, key=lambda row: row["value"])
    found = load_config(folder / "best.yaml")
    assert found.tuning is None and found.ppo.n_epochs == best["params"]["ppo.n_epochs"]
    with (folder / "trials.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [row["value"] for row in rows]
    assert best_params(folder, 1)[0] == best["params"]


def test_a_finished_study_is_left_alone_and_a_longer_one_goes_on(
    finished_study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "draw_study", lambda *_: [])
    folder, config = finished_study
    before = sorted((folder / TRIALS).iterdir())
    tune(config, folder, progress_bar=False)
    assert sorted((folder / TRIALS).iterdir()) == before
    longer = study_config("tuning.trials=4", "tuning.pruner=none")
    study = tune(longer, folder, progress_bar=False)
    assert len(study.get_trials(states=(TrialState.COMPLETE,))) == 4
    assert sorted((folder / TRIALS).iterdir())[:3] == before


# What a trial is worth.


class NeverGoodEnough(FixedTrial):
    """A trial with given values that the pruner would stop at once."""

    def should_prune(self) -> bool:
        return True


def fixed(kind: type[FixedTrial] = FixedTrial, **changes: Any) -> FixedTrial:
    values = {
        "ppo.learning_rate": 5e-4, "ppo.learning_rate.schedule": "constant", "ppo.n_steps": 64,
        "ppo.n_epochs": 1, "network.net_arch": "[8]",
    }  # fmt: skip
    return kind(values | changes)


def test_a_pruned_trial_stops_early_and_keeps_its_model(tmp_path: Path) -> None:
    with pytest.raises(optuna.TrialPruned):
        run_trial(fixed(NeverGoodEnough), study_config(), tmp_path)  # type: ignore[arg-type]
    assert trained_steps(tmp_path / TRIALS / "trial_000" / "last") < 512  # of its config


def test_a_diverged_training_is_a_bad_trial_and_no_crash(tmp_path: Path) -> None:
    config = study_config(SEARCH.replace("high: 1e-3", "high: 1e20"), "tuning.pruner=none")
    trial = fixed(**{"ppo.learning_rate": 1e20})
    assert run_trial(trial, config, tmp_path) == 0.0  # type: ignore[arg-type]
    assert trial.user_attrs["diverged"] is True


def test_a_trial_with_several_seeds_is_worth_all_their_games(tmp_path: Path) -> None:
    config = study_config(
        "tuning.seeds=2", "tuning.objective=median", "tuning.pruner=none", "evaluation.games=3", "evaluation.n_envs=3"
    )
    trial = fixed()
    worth = run_trial(trial, config, tmp_path)  # type: ignore[arg-type]
    scores = trial.user_attrs["scores"]
    assert len(scores) == 6 and worth == sum(sorted(scores)[2:4]) / 2
    configs = [load_config(tmp_path / TRIALS / f"trial_000_seed_{i}" / "config.yaml") for i in (0, 1)]
    assert [config.seed for config in configs] == [0, 1]
    assert configs[0].evaluation_seed == configs[1].evaluation_seed


def test_the_objective_is_a_statistic_of_the_scores() -> None:
    worths = {
        name: summarize([1.0, 2.0, 3.0, 4.0, 50.0], settings(study_config(f"tuning.objective={name}")))
        for name in ("mean", "median", "lower_quartile")
    }
    assert worths == {"mean": 12.0, "median": 3.0, "lower_quartile": 2.0}


def test_wilcoxon_stops_a_trial_that_is_worse_seed_by_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = study_config("tuning.pruner=wilcoxon", "tuning.seeds=6")
    study = open_study(config, optuna.storages.InMemoryStorage(), "wilcoxon")
    worths = iter([*([9.0] * 6), *([1.0] * 6)])
    trained = []

    def train_trial(trial: optuna.Trial, *_: Any) -> SimpleNamespace:
        trained.append(trial.number)
        return SimpleNamespace(scores=[next(worths)], stalled=0)

    monkeypatch.setattr(objective, "train_trial", train_trial)
    study.optimize(lambda trial: run_trial(trial, config, tmp_path), n_trials=2)
    assert trained.count(0) == 6 and trained.count(1) < 6
    assert study.trials[1].value == 1.0


# Samplers and pruners.


@pytest.mark.parametrize("pruner", ["none", "median", "halving", "hyperband"])
def test_pruners_judge_by_the_evaluations_on_the_way(pruner: str) -> None:
    config = study_config(f"tuning.pruner={pruner}", "steps=4096")
    study = open_study(config, optuna.storages.InMemoryStorage(), "pruners")
    pruned = 0
    for worth in range(20, 0, -1):
        trial = study.ask()
        for step in range(256, 4097, 256):
            trial.report(worth, step)
            if trial.should_prune():
                pruned += 1
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, worth)
    assert (pruned > 0) == (pruner != "none")


def test_workers_beside_each_other_do_not_propose_the_same() -> None:
    config = study_config(SPACE.replace(", step: 0.03", ""), "tuning.sampler=random")
    study = open_study(config, optuna.storages.InMemoryStorage(), "beside")
    proposed = set()
    for _ in range(5):
        study.sampler = make_sampler(config, None)
        proposed.add(study.ask(distributions(settings(config))).params["ppo.gamma"])
    assert len(proposed) == 5


def test_values_go_into_the_config_as_they_were_written() -> None:
    tuning = settings(
        study_config(
            "tuning.search={ppo.learning_rate: {type: float, low: 1e-4, high: 1e-3, "
            "schedules: [constant, linear, exponential], half_life: 5e4}, "
            "network.net_arch: {type: categorical, choices: [[64], [32, 32]]}}"
        )
    )
    for schedule, notation in (("constant", 5e-4), ("linear", "lin_0.0005"), ("exponential", "exp_0.0005_50000")):
        params = {"ppo.learning_rate": 5e-4, "ppo.learning_rate.schedule": schedule, "network.net_arch": "[32, 32]"}
        assert config_values(params, tuning) == {"ppo.learning_rate": notation, "network.net_arch": [32, 32]}


CLIP_AND_HALF_LIFE = (
    "tuning.search={ppo.clip_range: {type: float, low: 0.1, high: 0.4, schedules: [constant, linear]}, "
    "ppo.learning_rate: {type: float, low: 1e-4, high: 1e-3, log: true, schedules: [constant, exponential], "
    "half_life: [5e4, 2e5]}}"
)


def test_half_lives_and_a_schedule_of_the_clip_range_are_searched() -> None:
    tuning = settings(study_config(CLIP_AND_HALF_LIFE))
    params = {"ppo.clip_range": 0.3, "ppo.clip_range.schedule": "linear", "ppo.learning_rate": 5e-4}
    assert set(distributions(tuning)) == {*params, "ppo.learning_rate.schedule", "ppo.learning_rate.half_life"}
    params |= {"ppo.learning_rate.schedule": "exponential", "ppo.learning_rate.half_life": 200_000}
    values = config_values(params, tuning)
    assert values == {"ppo.clip_range": "lin_0.3", "ppo.learning_rate": "exp_0.0005_200000"}
    config = study_config(CLIP_AND_HALF_LIFE, *(f"{key}={value}" for key, value in values.items()))
    assert own_params(config) == params


def test_environment_and_observation_can_be_searched(tmp_path: Path) -> None:
    space = (
        "tuning.search={env.n_envs: {type: categorical, choices: [2, 4]}, "
        "observation.blocks: {type: categorical, choices: [[now], [now, arrival]]}}"
    )
    tune(study_config(space, "tuning.sampler=grid", "tuning.pruner=none", "ppo.batch_size=64"), tmp_path)
    configs = [load_config(run / "config.yaml") for run in (tmp_path / TRIALS).iterdir()]
    tried = {(config.env.n_envs, tuple(config.observation.blocks)) for config in configs}
    assert tried == {(2, ("now",)), (4, ("now",)), (2, ("now", "arrival")), (4, ("now", "arrival"))}
    assert (tmp_path / "plots" / "slice_around_best.png").stat().st_size > 5_000


# Known good values.


def test_a_slice_changes_one_thing_at_a_time() -> None:
    tuning = settings(study_config(SPACE.replace("low: 1, high: 3", "low: 1, high: 3, step: 2")))
    base = {"ppo.gamma": 0.96, "ppo.n_epochs": 3}
    first, *others = slices(tuning, base)
    assert first == base and len(others) == 4
    assert all(sum(point[name] != base[name] for name in base) == 1 for point in others)
    assert [point["ppo.gamma"] for point in others[:3]] == pytest.approx([0.9, 0.93, 0.99])


@pytest.mark.parametrize(
    ("own", "first"),
    [
        (("ppo.n_epochs=2", "ppo.gamma=0.93"), [{"ppo.gamma": 0.93, "ppo.n_epochs": 2}]),
        (("ppo.n_epochs=2", "ppo.gamma=0.95"), []),
        (("ppo.n_epochs=9", "ppo.gamma=0.93"), []),
    ],
)
def test_the_configs_own_values_come_first_if_the_search_space_has_them(
    own: tuple[str, ...], first: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    config = study_config(SPACE, *own)
    assert list(first_values(config, [])) == first
    assert ("outside of the search space" in capsys.readouterr().out) == (not first)
    assert first_values(config, [{"ppo.gamma": 0.9}]) == [{"ppo.gamma": 0.9}]


def test_lesson_3_4_is_the_first_trial_of_lesson_4_0() -> None:
    own = own_params(load_config("4.0_study_1"))
    before, tuning = load_config("3.4_coordinates"), settings(load_config("4.0_study_1"))
    first = with_values(before, config_values(own, tuning))
    assert (before.ppo.learning_rate, first.ppo.learning_rate) == ("lin_1e-3", "lin_0.001")
    assert with_values(first, {"ppo.learning_rate": "lin_1e-3"}) == before


# Workers.


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    assert [workers.share_cores(number, 2) for number in range(2)] == [[0, 1], [2, 3]]
    assert [workers.share_cores(number, 6) for number in range(6)] == [[0], [1], [2], [3], [0], [1]]


def test_more_workers_than_cores_cause_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(workers, "cpu_count", lambda: 1)
    monkeypatch.setattr(workers, "run_workers", lambda *_: None)
    with pytest.raises(MachineError, match="the workers ended before the study did"):
        tune(study_config(), tmp_path, workers=2, progress_bar=False)
    assert "warning: 2 workers on 1 cores" in capsys.readouterr().err


# What is refused.

BAD_STUDIES = {
    "tuning.search={}": "tuning.search",
    "tuning.search={ppo.gama: {type: float, low: 0.9, high: 0.99}}": "did you mean 'ppo.gamma'",
    "tuning.search={ppo.gamma: {type: float, low: 0.99, high: 0.9}}": "low below high",
    "tuning.search={ppo.gamma: {type: float, low: 0.9, high: 1.5}}": "1.5",
    "tuning.search={ppo.gamma: {type: float, low: 0, high: 0.9, log: true}}": "above 0",
    "tuning.search={ppo.gamma: {type: float, low: 0.5, high: 0.9, log: true, step: 0.1}}": "contradict",
    "tuning.search={ppo.gamma: {type: categorical, choices: []}}": "choices",
    "tuning.search={ppo.gamma: {type: categorical, choices: [0.9, 0.9]}}": "each of them once",
    "tuning.search={ppo.gamma: {type: categorical, choices: [0.9, 0.99], low: 1}}": "unknown key",
    "tuning.search={ppo.gamma: {low: 0.9, high: 0.99}}": "type",
    "tuning.search={ppo.learning_rate: {type: categorical, choices: [3e-4, lim_3e-4]}}": "lim_3e-4",
    "tuning.search={ppo.learning_rate: {type: float, low: 1e-4, high: 1e-3, schedules: [exponential]}}": "half_life",
    "tuning.search={ppo.learning_rate: {type: float, low: 1e-4, high: 1e-3, schedules: [exponential], "
    "half_life: [5, 5]}}": "each of them once",
    "tuning.search={seed: {type: int, low: 0, high: 9}}": "cannot be searched",
    "tuning.search={env.id: {type: categorical, choices: [Breakout-v4, Breakout-v0]}}": "cannot be searched",
    "tuning.sampler=grid": "allowed with sampler grid",
    "tuning.sampler=cmaes": "allowed with sampler cmaes",
    "tuning.pruner=wilcoxon": "4 or more",
    "tuning.trials=0": "tuning.trials",
    "tuning.wait_for_storage=5": "tuning.wait_for_storage",
    "evaluation.every=0": "evaluation.every",
    "evaluation.every=512": "less than steps",
}


@pytest.mark.parametrize("override", BAD_STUDIES)
def test_a_bad_search_space_is_refused_by_name(override: str) -> None:
    with pytest.raises(UserError) as error:
        study_config(override)
    assert BAD_STUDIES[override] in str(error.value) and "\n" not in str(error.value)


def test_values_that_are_allowed_only_together_are_no_contradiction() -> None:
    space = (
        "tuning.search={observation.aimbot: {type: categorical, choices: [true, false]}, "
        "observation.counters: {type: categorical, choices: [true, false]}}"
    )
    assert study_config(space, "observation.kind=image").tuning
    with pytest.raises(UserError, match=r"observation\.counters would try True"):
        alone = space.replace("observation.aimbot: {type: categorical, choices: [true, false]}, ", "")
        study_config(alone, "observation.kind=image")


def test_a_study_of_that_name_with_other_settings_is_refused(tmp_path: Path) -> None:
    storage = open_journal(tmp_path / JOURNAL_NAME)
    open_study(study_config(), storage, "mine")
    open_study(study_config("tuning.trials=9", "run.name=other", "tuning.heartbeat=9"), storage, "mine")
    with pytest.raises(UserError, match=r"another search space: network\.net_arch"):
        open_study(study_config(SPACE), storage, "mine")
    with pytest.raises(UserError, match="other settings: steps"):
        open_study(study_config("steps=1024"), storage, "mine")
    optuna.create_study(storage=storage, study_name="theirs").add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(UserError, match="not made by rlbreakout"):
        open_study(study_config(), storage, "theirs")


def test_a_study_that_is_older_than_a_key_can_go_on_with_its_default(tmp_path: Path) -> None:
    storage = open_journal(tmp_path / JOURNAL_NAME)
    study = open_study(study_config(), storage, "old")
    old = study.user_attrs[FACTS]
    del old["value"], old["observation"]["frames_between"]
    study.set_user_attr(FACTS, old)
    open_study(study_config(), storage, "old")
    with pytest.raises(UserError, match=r"other settings: value\.gamma is 0\.99 in it and 0\.9 in the config"):
        open_study(study_config("value.gamma=0.9"), storage, "old")


def test_a_twin_that_plays_another_game_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs() -> None:
        raise UserError("the twin differs")

    monkeypatch.setattr(workers, "check_twin", differs)
    with pytest.raises(UserError, match="the twin differs"):
        tune(study_config(), tmp_path, progress_bar=False)
    assert not list(tmp_path.iterdir())


def test_only_ppo_is_tuned() -> None:
    with pytest.raises(UserError, match="algorithm is 'value'; allowed with tuning: 'ppo'"):
        study_config("algorithm=value", "observation.kind=image")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", "0"), "workers is 0"),
        (("--timeout", "0"), "timeout is 0"),
        (("--trials", "0"), "tuning.trials"),
        (("--storage", "nonsense"), "storage is no URL"),
        (("--storage", "oracle://me:hush@127.0.0.1/x"), "no driver"),
        (("--storage", "sqlite:////no/such/folder/x.db"), "does not answer"),
        (("--start-from", "no_such_folder"), "study.json is missing"),
        (("--set", "tuning=null"), "no part tuning"),
    ],
    ids=str,
)
def test_bad_options_are_one_line_and_status_2(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = rlbreakout("tune", STUDY, "--run-dir", tmp_path / "run", *options)
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert message in result.stderr and "hush" not in result.stdout + result.stderr
