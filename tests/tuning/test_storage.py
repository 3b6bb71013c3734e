"""Where studies are kept: many workers, workers that die, databases that go away, and passwords that nobody sees."""

from __future__ import annotations

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
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from rlbreakout.common.errors import MachineError
from rlbreakout.tuning import results, workers
from rlbreakout.tuning.attempts import PROPOSAL, finished
from rlbreakout.tuning.storage import (
    JOURNAL_NAME,
    STORAGE_VARIABLE,
    hide_passwords,
    open_database,
    open_journal,
    open_storage,
    repair_journal,
)
from rlbreakout.tuning.workers import WORKER, tune
from tests.conftest import ONE_THREAD, ROOT, rlbreakout, sets
from tests.postgres import PASSWORD, Postgres, find_binaries
from tests.tensorboard import assert_on_loopback_only
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY, read_rows, study_config

Found = TypeVar("Found")
WAIT = 300.0
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
    config = sets(*TINY_STUDY, SEARCH)
    command = [sys.executable, "-m", "rlbreakout.cli", "tune", STUDY, "--run-dir", folder, *config, *options]
    environment = ONE_THREAD if storage is None else {**ONE_THREAD, STORAGE_VARIABLE: storage}
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(what: Callable[[], Found], is_running: Callable[[], bool]) -> Found:
    """What is found as soon as there is something."""
    until = time.monotonic() + WAIT
    while not (found := what()):
        assert is_running() and time.monotonic() < until, "it did not happen"
        time.sleep(0.2)
    return found


def load_study(url: str | None, folder: Path, name: str) -> optuna.Study | None:
    if url is None and not (folder / JOURNAL_NAME).exists():
        return None
    storage = open_storage(url, folder, heartbeat=1)
    names = [study.study_name for study in optuna.get_all_study_summaries(storage)]
    return optuna.load_study(study_name=name, storage=storage) if name in names else None


def find_running(url: str | None, folder: Path, name: str) -> list[tuple[int, int]]:
    """Number of each running trial that has begun to train, and the process that runs it."""
    study = load_study(url, folder, name)
    trials = study.get_trials(states=(TrialState.RUNNING,)) if study else []
    begun = [trial for trial in trials if (folder / "trials" / f"trial_{trial.number:03d}" / "config.yaml").exists()]
    return [(trial.number, int(trial.user_attrs[WORKER].split(":")[1])) for trial in begun]


def assert_done(study: optuna.Study | None, trials: int) -> None:
    """So many finished trials, and none that waits or runs."""
    assert study is not None
    done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert len(done) == len(finished(study)) == trials
    assert not study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))


def kill_worker(url: str | None, folder: Path, workers: int) -> tuple[optuna.Study | Exception, int]:
    """Tune with so many workers, kill one of them in the middle of a trial, and return how that ended, and the trial's
    number."""
    config = study_config("steps=1024", "tuning.trials=2")
    with ThreadPoolExecutor(1) as pool:
        tuning = pool.submit(tune, config, folder, url=url, name="killed", workers=workers, progress_bar=False)
        number, pid = wait_for(lambda: find_running(url, folder, "killed"), tuning.running)[0]
        os.kill(pid, signal.SIGKILL)
        return tuning.exception(WAIT) or tuning.result(), number


def assert_tried_again(study: optuna.Study | None, number: int) -> None:
    """Trial `number` failed, and another had its values and finished."""
    assert study is not None and study.trials[number].state == TrialState.FAIL
    again = [trial for trial in study.trials if trial.user_attrs.get(PROPOSAL) == number]
    assert [trial.params for trial in again] == [study.trials[number].params]
    assert again[0] in finished(study)


@pytest.mark.parametrize(
    "kind", [pytest.param("journal", marks=pytest.mark.long), pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def test_the_trial_of_a_killed_worker_is_tried_again(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capfd
) -> None:
    url = request.getfixturevalue("postgres").url if kind == "postgresql" else None
    study, number = kill_worker(url, tmp_path, workers=2)
    assert isinstance(study, optuna.Study)
    assert_done(study, 2)
    assert_tried_again(study, number)
    assert len(read_rows(tmp_path)) == 2
    output, errors = capfd.readouterr()
    assert "was killed by SIGKILL" in errors and "Traceback" not in errors
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10 and not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in output + errors


def test_a_study_whose_workers_were_all_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    run_workers = workers.run_workers
    monkeypatch.setattr(workers, "run_workers", lambda _, *job: run_workers(1, *job))  # which nobody takes over from
    monkeypatch.setattr(results, "draw_study", lambda *_: [])
    end, number = kill_worker(None, tmp_path, workers=2)
    assert isinstance(end, MachineError) and "the workers ended before the study did" in str(end)
    assert "was killed by SIGKILL" in capfd.readouterr().err
    study = tune(study_config("steps=1024", "tuning.trials=2"), tmp_path, name="killed", progress_bar=False)
    assert_done(study, 2)
    assert_tried_again(study, number)


@pytest.mark.postgres
def test_a_study_whose_database_is_lost_ends_in_one_line_and_goes_on(postgres: Postgres, tmp_path: Path) -> None:
    longer = sets("steps=8192", "evaluation.every=4096")  # or the second trial may have ended before it is seen
    options = ("--study", "lost", "--trials", "3", *longer)
    process = tune_in_background(tmp_path, *options, storage=postgres.url)
    wait_for(lambda: 1 in dict(find_running(postgres.url, tmp_path, "lost")), lambda: process.poll() is None)
    process.send_signal(signal.SIGSTOP)  # or the trial might end before the database does
    postgres.stop()
    process.send_signal(signal.SIGCONT)
    output, errors = process.communicate(timeout=WAIT)
    postgres.start()
    assert process.returncode == 1 and "Traceback" not in errors, errors
    assert "does not answer" in errors and "the same command goes on with the study" in errors.splitlines()[-1]
    assert PASSWORD not in output + errors
    before = load_study(postgres.url, tmp_path, "lost")
    assert before is not None and len(finished(before)) == 1
    process = tune_in_background(tmp_path, *options, storage=postgres.url)
    output, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0, errors
    study = load_study(postgres.url, tmp_path, "lost")
    assert_done(study, 3)
    assert study is not None and finished(study)[0] == finished(before)[0]
    assert finished(study)[1].params == before.trials[1].params


@pytest.mark.postgres
def test_a_second_machine_joins_the_study(postgres: Postgres, tmp_path: Path) -> None:
    options = ("--study", "joined", "--trials", "4")
    machines = [tune_in_background(tmp_path / name, *options, storage=postgres.url) for name in ("one", "two")]
    ends = [machine.communicate(timeout=WAIT) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], ends
    study = load_study(postgres.url, tmp_path, "joined")
    assert_done(study, 4)
    assert study is not None and len({trial.user_attrs[WORKER] for trial in finished(study)}) == 2
    trained = [len(list((tmp_path / name / "trials").iterdir())) for name in ("one", "two")]
    assert sum(trained) == 4


@pytest.mark.postgres
@pytest.mark.skipif(not (ROOT / ".venv").is_dir(), reason="needs .venv, as make setup makes it")
def test_a_task_of_a_cluster_is_a_worker(postgres: Postgres, tmp_path: Path) -> None:
    """study.sbatch, run as SLURM runs each task of an array; the variables are those that SLURM sets."""
    (tmp_path / ".rlbreakout_storage").write_text(postgres.url)
    (tmp_path / "runs").mkdir()
    for name in (".venv", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = ROOT / "lessons" / "4_tuning" / "many_machines" / "study.sbatch"
    command = ["bash", str(script), "--trials", "3", *sets(*TINY_STUDY, SEARCH)]
    places = {"HOME": str(tmp_path), "RLBREAKOUT": str(tmp_path)}
    tasks = [
        subprocess.Popen(command, env={**ONE_THREAD, **places, "SLURM_ARRAY_TASK_ID": task}) for task in ("1", "2")
    ]
    assert [task.wait(timeout=240) for task in tasks] == [0, 0]
    study = load_study(postgres.url, tmp_path, "my_study")
    assert len([trial for trial in study.trials if trial.state.is_finished()]) == 3
    assert all((tmp_path / "runs" / f"my_study_{task}" / "study.json").is_file() for task in ("1", "2"))


@pytest.mark.postgres
def test_workers_create_the_tables_of_an_empty_database_together(tmp_path: Path) -> None:
    if find_binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    server = Postgres()
    server.start()
    try:
        with ThreadPoolExecutor(6) as pool:
            opened = [pool.submit(open_database, server.url, heartbeat=1) for _ in range(6)]
            assert all(optuna.get_all_study_summaries(storage.result()) == [] for storage in opened)
    finally:
        server.remove()


@pytest.mark.parametrize("silent", [True, False], ids=["accepts and says nothing", "refuses"])
def test_a_storage_that_does_not_answer_is_reported_within_ten_seconds(silent: bool, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        url = f"postgresql://me:hush@127.0.0.1:{server.getsockname()[1]}/x?sslpassword=hush"
        start = time.monotonic()
        result = rlbreakout("tune", STUDY, "--run-dir", tmp_path / "run", "--storage", url)
        took = time.monotonic() - start
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert "does not answer" in result.stderr and "127.0.0.1" in result.stderr and "hush" not in result.stderr
    assert took < 10 and not (tmp_path / "run").exists()


def test_passwords_are_hidden_wherever_they_stand_in_a_url() -> None:
    shown = hide_passwords(make_url("postgresql://me:hush@host/db?password=hush&sslpassword=hush&sslmode=require"))
    assert "hush" not in shown and "me:***@host/db" in shown and "sslmode=require" in shown


def test_a_journal_that_was_cut_off_is_repaired(tmp_path: Path) -> None:
    journal = tmp_path / JOURNAL_NAME
    repair_journal(journal)
    study = optuna.create_study(storage=open_journal(journal), study_name="cut")
    study.add_trial(optuna.create_trial(value=1.0))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "worker')
    repair_journal(journal)
    assert journal.read_bytes() == whole
    again = optuna.load_study(study_name="cut", storage=open_journal(journal))
    assert [trial.value for trial in again.trials] == [1.0]


def test_the_dashboard_opens_on_the_journal(tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    study = optuna.create_study(storage=open_journal(tmp_path / JOURNAL_NAME), study_name="shown")
    study.add_trial(optuna.create_trial(value=1.0))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).parent / "optuna-dashboard", tmp_path / JOURNAL_NAME, "--port", str(port)]
    dashboard = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}/api/studies"

    def studies() -> str:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    try:
        assert "shown" in wait_for(studies, lambda: dashboard.poll() is None)
        assert_on_loopback_only(dashboard.pid)
    finally:
        dashboard.kill()
        dashboard.wait()
