"""Where studies are kept: many workers, workers that die, databases that go away, and passwords that nobody sees."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import optuna
import pytest
import sqlalchemy.exc
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from rlbreakout.common.errors import UserError
from rlbreakout.tuning.storage import STORAGE_VARIABLE, PatientDatabase, hidden, mend_journal, open_storage
from rlbreakout.tuning.study import SLOT, finished, open_study
from tests.conftest import ONE_THREAD, rlbreakout
from tests.postgres import PASSWORD, Postgres, find_binaries
from tests.tensorboard import assert_on_loopback_only
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY, study_config

Found = TypeVar("Found")
WAIT = 240.0
"""Seconds after which something that must happen has not happened."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if find_binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = Postgres()
    server.start()
    yield server
    server.remove()


def tune_in_background(folder: Path, *options: str, storage: str | None = None) -> subprocess.Popen[str]:
    """`rlbreakout tune` on the small study, the storage's URL from the environment."""
    overrides = [part for override in (*TINY_STUDY, SEARCH) for part in ("--set", override)]
    command = [sys.executable, "-m", "rlbreakout.cli", "tune", STUDY, "--run-dir", folder, *overrides, *options]
    environment = ONE_THREAD if storage is None else {**ONE_THREAD, STORAGE_VARIABLE: storage}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(what: Callable[[], Found], process: subprocess.Popen[str]) -> Found:
    """What is found as soon as there is something."""
    until = time.monotonic() + WAIT
    while not (found := what()):
        if process.poll() is not None:
            pytest.fail(f"it ended before: {process.communicate()}")
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found


def study_of(url: str | None, folder: Path, name: str) -> optuna.Study | None:
    storage = open_storage(url, folder, heartbeat=1, patience=30)
    names = [study.study_name for study in optuna.get_all_study_summaries(storage)]
    return optuna.load_study(study_name=name, storage=storage) if name in names else None


def running(url: str | None, folder: Path, name: str) -> list[tuple[int, int]]:
    """Number of each running trial that has begun to train, and the process that does it."""
    study = study_of(url, folder, name)
    trials = study.get_trials(states=(TrialState.RUNNING,)) if study else []
    begun = [trial for trial in trials if (folder / "trials" / f"trial_{trial.number:03d}" / "config.yaml").exists()]
    return [(trial.number, int(trial.user_attrs["worker"].split(":")[1])) for trial in begun]


def assert_exactly(study: optuna.Study | None, trials: int) -> None:
    """So many finished trials, one for each slot."""
    assert study is not None
    done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert sorted(trial.user_attrs[SLOT] for trial in done) == list(range(trials))
    assert not study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))


@pytest.mark.parametrize("kind", ["postgresql", "journal"])
def test_the_trial_of_a_killed_worker_is_tried_again_by_another(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").url if kind == "postgresql" else None
    options = ("--study", f"killed_{kind}", "--trials", "3", "--workers", "2", "--set", "steps=1024")
    process = tune_in_background(tmp_path, *options, storage=url)
    number, pid = wait_for(lambda: running(url, tmp_path, f"killed_{kind}"), process)[0]
    os.kill(pid, signal.SIGKILL)
    output, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0, errors
    assert "was killed by SIGKILL" in errors
    study = study_of(url, tmp_path, f"killed_{kind}")
    assert_exactly(study, 3)
    assert study is not None
    lost = study.trials[number]
    assert lost.state == TrialState.FAIL
    again = [trial for trial in study.trials if trial.user_attrs.get("tried_before") == number]
    assert [trial.params for trial in again] == [lost.params]
    rows = json.loads((tmp_path / "study.json").read_text())["trials"]
    assert len(rows) == 3
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10 and not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in output + errors


def test_a_database_that_goes_away_and_comes_back_is_waited_for(postgres: Postgres, tmp_path: Path) -> None:
    options = ("--study", "outage", "--trials", "2", "--workers", "2", "--set", "steps=1024")
    process = tune_in_background(tmp_path, *options, storage=postgres.url)
    before = {number for number, _ in wait_for(lambda: running(postgres.url, tmp_path, "outage"), process)}
    postgres.stop()
    time.sleep(6)  # longer than the four heartbeats after which a silent trial is lost
    postgres.start()
    output, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0, errors
    assert "does not answer" in errors and "answers again" in errors
    study = study_of(postgres.url, tmp_path, "outage")
    assert_exactly(study, 2)
    assert study is not None and not study.get_trials(states=(TrialState.FAIL,))
    assert all(study.trials[number].state in (TrialState.COMPLETE, TrialState.PRUNED) for number in before)
    assert PASSWORD not in output + errors


@pytest.mark.parametrize(
    ("cause", "waited_for"),
    [
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, OSError("refused")), True),
        (sqlalchemy.exc.PendingRollbackError("cut off between the two parts of a question"), True),
        (sqlalchemy.exc.DataError("SELECT 1", {}, ValueError("too long")), False),
    ],
)
def test_what_is_waited_for_is_a_database_that_is_away(cause: Exception, waited_for: bool, tmp_path: Path) -> None:
    storage, asked = open_storage(f"sqlite:///{tmp_path / 'study.db'}", tmp_path, heartbeat=1, patience=5), list[int]()
    assert isinstance(storage, PatientDatabase)

    def ask() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise optuna.exceptions.StorageInternalError("as Optuna wraps it") from cause
        return "answer"

    if waited_for:
        assert storage.wait_while_away(ask) == "answer" and len(asked) == 2
    else:
        with pytest.raises(optuna.exceptions.StorageInternalError):
            storage.wait_while_away(ask)


def test_a_second_machine_joins_the_study(postgres: Postgres, tmp_path: Path) -> None:
    options = ("--study", "joined", "--trials", "6")
    machines = [tune_in_background(tmp_path / name, *options, storage=postgres.url) for name in ("one", "two")]
    ends = [machine.communicate(timeout=WAIT) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], ends
    study = study_of(postgres.url, tmp_path, "joined")
    assert_exactly(study, 6)
    trained = [len(list((tmp_path / name / "trials").iterdir())) for name in ("one", "two")]
    assert sum(trained) == 6 and min(trained) >= 1
    workers = {trial.user_attrs["worker"] for trial in study.trials if "worker" in trial.user_attrs}  # type: ignore[union-attr]
    assert len(workers) == 2


def test_workers_that_meet_at_an_empty_database_make_its_tables_together(tmp_path: Path) -> None:
    server = Postgres()
    server.start()
    try:
        with ThreadPoolExecutor(6) as pool:
            opened = [pool.submit(open_storage, server.url, tmp_path, heartbeat=1, patience=2) for _ in range(6)]
            assert all(storage.result().get_all_studies() == [] for storage in opened)
    finally:
        server.remove()


def test_a_database_that_stays_away_ends_the_wait(postgres: Postgres, tmp_path: Path) -> None:
    config = study_config("tuning.wait_for_storage=2")
    other = Postgres()
    other.start()
    try:
        storage = open_storage(other.url, tmp_path, heartbeat=1, patience=2)
        study = open_study(config, storage, "away")
        other.stop()
        with pytest.raises(UserError, match="did not answer for 2 s") as error:
            finished(study)
        assert PASSWORD not in str(error.value)
    finally:
        other.remove()


@pytest.mark.parametrize("silent", [True, False], ids=["accepts and says nothing", "refuses"])
def test_a_storage_that_does_not_answer_is_said_within_ten_seconds(silent: bool, tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        url = f"postgresql://me:hush@127.0.0.1:{server.getsockname()[1]}/x?sslpassword=hush"
        start = time.monotonic()
        result = rlbreakout("tune", STUDY, "--run-dir", tmp_path / "run", "--storage", url)
        took = time.monotonic() - start
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1 and "answer" in result.stderr and "127.0.0.1" in result.stderr
    assert "hush" not in result.stderr
    assert took < 10 and not (tmp_path / "run").exists()


def test_passwords_are_hidden_wherever_they_stand_in_a_url() -> None:
    shown = hidden(make_url("postgresql://me:hush@host/db?password=hush&sslpassword=hush&sslmode=require"))
    assert "hush" not in shown and "me:***@host/db" in shown and "sslmode=require" in shown


def test_a_journal_that_was_cut_off_is_mended(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path, heartbeat=1, patience=1)
    study = optuna.create_study(storage=storage, study_name="cut")
    study.add_trial(optuna.create_trial(value=1.0))
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "worker')
    mend_journal(journal)
    assert journal.read_bytes() == whole
    again = optuna.load_study(study_name="cut", storage=open_storage(None, tmp_path, heartbeat=1, patience=1))
    assert [trial.value for trial in again.trials] == [1.0]


def test_the_dashboard_opens_on_the_journal(tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    storage = open_storage(None, tmp_path, heartbeat=1, patience=1)
    optuna.create_study(storage=storage, study_name="shown").add_trial(optuna.create_trial(value=1.0))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).parent / "optuna-dashboard", tmp_path / "study.journal", "--port", str(port)]
    dashboard = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}/api/studies"

    def studies() -> str:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    try:
        wait_for(studies, dashboard)
        assert "shown" in studies()
        assert_on_loopback_only(dashboard.pid)
    finally:
        dashboard.kill()
        dashboard.wait()
