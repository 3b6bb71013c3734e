"""Run folders belong to one process at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest

from rlbreakout import cli
from rlbreakout.common.errors import UserError
from rlbreakout.lesson import run_folder
from rlbreakout.training.runs import new_run_folder, only_writer, start_run
from rlbreakout.training.train import train, train_or_continue
from tests.conftest import twin_config

AT_ONCE = 16
HOLD = """
import sys, time
from pathlib import Path
from rlbreakout.training.runs import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_process_writes_to(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_everybody_who_wants_a_folder_at_once_gets_one_of_their_own(tmp_path: Path) -> None:
    ready = Barrier(AT_ONCE)

    def take(_: int) -> Path:
        ready.wait()
        return new_run_folder(tmp_path / "run")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        folders = list(threads.map(take, range(AT_ONCE)))
    assert len(set(folders)) == AT_ONCE


def test_a_folder_in_use_is_refused_in_one_line_until_the_other_process_dies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = twin_config("steps=64", "ppo.n_steps=4")
    folder = start_run(config, tmp_path / "run")
    with another_process_writes_to(folder) as process:
        before = sorted(folder.rglob("*"))
        for refused in (
            lambda: train(config, folder, resume=True),
            lambda: train_or_continue(config, folder),
            lambda: run_folder("lesson", folder, resume=True),
        ):
            with pytest.raises(UserError, match="run is in use: another process is writing to it"):
                refused()
        with pytest.raises(SystemExit) as end:
            cli.main(["tune", "4.0_study_1", "--run-dir", str(folder)])
        assert end.value.code == 2 and "is in use" in capsys.readouterr().err
        assert sorted(folder.rglob("*")) == before
        process.kill()  # as kill -9: it has no chance to let go
        process.wait()
        assert train(config, folder, resume=True) == folder


def test_a_process_may_take_its_own_folder_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with only_writer(new_run_folder("run")), only_writer(tmp_path / "run"):
        assert new_run_folder("run") == Path("run-2")
