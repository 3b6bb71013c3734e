"""Which trials a study makes: as many as asked, the same ones if it is stopped, and again what failed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from rlbreakout.config import Config
from rlbreakout.tuning import results, workers
from rlbreakout.tuning.attempts import PROPOSAL, SPARE, finished, is_spare, queue_values, retry_failed
from rlbreakout.tuning.storage import JOURNAL_NAME, open_journal
from rlbreakout.tuning.study import best_params, distributions, open_study, settings, suggest
from rlbreakout.tuning.workers import WORKER, tune
from tests.tuning.test_tuning import SPACE, study_config

UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)


def known_worth(trial: optuna.Trial, config: Config, folder: Path) -> float:
    """A trial that takes no time."""
    values = suggest(trial, settings(config))
    return -abs(values["ppo.gamma"] - 0.97) - values["ppo.n_epochs"] / 100


@pytest.fixture(autouse=True)
def quick_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "run_trial", known_worth)
    monkeypatch.setattr(results, "draw_study", lambda *_: [])


class Stopping:
    """`known_worth`, but the call of this number raises `error` after it has suggested its values, `times` times."""

    def __init__(self, call: int, error: type[BaseException], times: int = 1) -> None:
        self.error, self.fails_at = error, range(call, call + times)
        self.calls: list[dict[str, Any]] = []

    def __call__(self, trial: optuna.Trial, config: Config, folder: Path) -> float:
        worth = known_worth(trial, config, folder)
        self.calls.append(trial.params)
        if len(self.calls) - 1 in self.fails_at:
            raise self.error
        return worth


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in finished(study)]


def worker_name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}"


def dead_worker() -> str:
    """The name of a worker whose process has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return worker_name(process.pid)


# As many as there is time for.


@pytest.mark.parametrize("workers_at_once", [1, 2])
def test_no_trial_begins_after_the_timeout(workers_at_once: int, tmp_path: Path, capsys) -> None:
    config = study_config(SPACE, "tuning.trials=100000")
    if workers_at_once > 1:  # processes, which train: one trial at most begins in the first of these moments
        study = tune(config, tmp_path, workers=workers_at_once, timeout=0.01, progress_bar=False)
        assert not study.get_trials(states=(TrialState.COMPLETE,))
    else:
        study = tune(config, tmp_path, timeout=1.0, progress_bar=False)
        assert 1 <= len(finished(study)) < 100_000 and not study.get_trials(states=(TrialState.RUNNING,))
    assert "of 100000 trials; the same command goes on" in capsys.readouterr().out
    assert (tmp_path / "study.json").exists()


# The same study again.


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cmaes", "gp"])
def test_a_study_that_was_stopped_goes_on_as_its_seed_says(
    sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: str, trials: int = 6, seed: int = 0) -> list[dict[str, Any]]:
        (tmp_path / folder).mkdir(exist_ok=True)
        config = study_config(SPACE, f"tuning.sampler={sampler}", f"tuning.trials={trials}", f"seed={seed}")
        return params(tune(config, tmp_path / folder, progress_bar=False))

    whole = run("whole")
    assert len(whole) == 6
    assert run("in two parts", trials=3) == whole[:3] and run("in two parts") == whole
    if sampler != "cmaes":  # which makes something of the trial's number, too
        monkeypatch.setattr(workers, "run_trial", Stopping(4, KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
        assert run("stopped") == whole
    assert run("other seed", seed=1) != whole


def test_a_grid_tries_every_combination_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = study_config(SPACE, "tuning.sampler=grid", "tuning.trials=100")
    monkeypatch.setattr(workers, "run_trial", Stopping(5, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        tune(config, tmp_path, progress_bar=False)
    study = tune(config, tmp_path, progress_bar=False)
    tried = {tuple(values.values()) for values in params(study)}
    assert len(params(study)) == len(tried) == 4 * 3
    assert len(study.trials) == 4 * 3 + 1  # the one that was interrupted


def test_the_best_of_another_study_are_tried_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    tune(study_config(SPACE, "tuning.trials=6"), first, progress_bar=False)
    best = best_params(first, 2)
    for trials in (1, 3, 3):  # it is stopped and goes on, and is finished
        config = study_config(SPACE, f"tuning.trials={trials}", "seed=5")
        study = tune(config, second, starts=best, progress_bar=False)
    assert [trial.params for trial in study.trials[:2]] == best
    assert len(study.trials) == 3


# What fails is tried again.


@pytest.mark.parametrize(
    ("error", "fails", "done"), [(KeyboardInterrupt, 4, 2), (RuntimeError, 2, 2), (RuntimeError, 3, 1)]
)
def test_a_trial_that_fails_is_tried_again_with_its_values(
    error: type[BaseException], fails: int, done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """As often as somebody stops it, but if it fails three times by itself, no more."""
    stopping = Stopping(0, error, fails)
    monkeypatch.setattr(workers, "run_trial", stopping)
    config = study_config(SPACE, "tuning.trials=2")
    for _ in range(fails):
        with pytest.raises(error):
            tune(config, tmp_path, progress_bar=False)
    study = tune(config, tmp_path, progress_bar=False)
    tries = fails + (done == 2)
    assert stopping.calls[:tries] == [stopping.calls[0]] * tries and len(stopping.calls) == fails + done
    assert len(finished(study)) == done and not study.get_trials(states=UNFINISHED)
    assert ("trial 0 failed 3 times and was given up" in capsys.readouterr().err) == (done == 1)


@pytest.mark.parametrize(
    ("worker", "hours", "lost"),
    [
        (dead_worker(), 0, True),
        (worker_name(os.getppid()), 0, False),
        (worker_name(os.getppid()), 100_000, True),  # that process has got the number since
        (worker_name(os.getpid()), 0, True),
        (f"not-{socket.gethostname()}:1", 0, True),
        (None, 0, False),
        (None, 1, True),
    ],
    ids=["dead", "living", "reused number", "this one", "elsewhere", "unnamed yet", "unnamed for an hour"],
)
def test_the_trial_of_a_worker_that_is_gone_is_tried_again(
    worker: str | None, hours: int, lost: bool, tmp_path: Path
) -> None:
    config = study_config(SPACE, "tuning.trials=2")
    study = open_study(config, open_journal(tmp_path / JOURNAL_NAME), config.run.name)
    values = {"ppo.gamma": 0.93, "ppo.n_epochs": 3}
    running = optuna.create_trial(
        state=TrialState.RUNNING,
        params=values,
        distributions=distributions(settings(config)),
        user_attrs={} if worker is None else {WORKER: worker},
    )
    running.datetime_start = datetime.now() - timedelta(hours=hours)
    study.add_trial(running)
    workers.fail_lost_trials(study)
    assert study.trials[0].state == (TrialState.FAIL if lost else TrialState.RUNNING)
    if lost:
        tune(config, tmp_path, progress_bar=False)
        assert params(study)[0] == values and len(params(study)) == 2


def test_a_trial_that_was_queued_keeps_its_values_if_its_worker_dies_at_once(tmp_path: Path) -> None:
    config = study_config(SPACE, "tuning.trials=1")
    values = {"ppo.gamma": 0.93, "ppo.n_epochs": 3}
    study = open_study(config, open_journal(tmp_path / JOURNAL_NAME), config.run.name)
    queue_values(study, [values], 1)
    study.ask().set_user_attr(WORKER, dead_worker())  # nothing was suggested yet
    tune(config, tmp_path, progress_bar=False)
    assert params(study) == [values]


def test_the_result_of_a_trial_that_another_worker_has_taken_over_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def silent_once(trial: optuna.Trial, config: Config, folder: Path) -> float:
        worth = known_worth(trial, config, folder)
        if trial.number == 0:
            trial.study.tell(trial.number, state=TrialState.FAIL)  # another worker, after too long a silence
        trial.report(worth, 1)
        return worth

    monkeypatch.setattr(workers, "run_trial", silent_once)
    study = tune(study_config(SPACE, "tuning.trials=2"), tmp_path, progress_bar=False)
    assert "trial 0 gave no sign of life" in capsys.readouterr().err
    assert len(finished(study)) == 2 and params(study)[0] == study.trials[0].params


# Workers that do the same at the same moment.


def test_what_two_workers_queue_twice_is_tried_once(tmp_path: Path) -> None:
    config = study_config(SPACE, "tuning.trials=2")
    study = open_study(config, open_journal(tmp_path / JOURNAL_NAME), config.run.name)
    for number in (0, 1, 0, 1):
        values = {"ppo.gamma": 0.9, "ppo.n_epochs": number + 1}
        study.enqueue_trial(values, user_attrs={PROPOSAL: f"start {number}"})
    tune(config, tmp_path, progress_bar=False)
    assert [trial.params["ppo.n_epochs"] for trial in study.get_trials(states=(TrialState.COMPLETE,))] == [1, 2]
    again = tune(study_config(SPACE, "tuning.trials=4"), tmp_path, progress_bar=False)
    assert len(finished(again)) == 4
    assert [trial.number for trial in again.trials if SPARE in trial.user_attrs] == [2, 3]


def test_a_trial_that_was_begun_too_many_is_spare() -> None:
    study = optuna.create_study()
    numbers = [study.ask().number for _ in range(4)]  # by workers of which none knew of the others
    assert [is_spare(study, number, trials=3) for number in numbers] == [False, False, False, True]
    study.tell(1, state=TrialState.FAIL)
    assert is_spare(study, 3, trials=3)  # trial 1 keeps its place until it is tried again
    retry_failed(study)
    retry_failed(study)
    assert len(study.trials) == 5
    assert not is_spare(study, 4, trials=3)
