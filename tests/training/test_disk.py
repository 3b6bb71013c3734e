"""A full disk: the training says so and ends, and what was saved before stays as it was."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.common.errors import DiskError
from rlbreakout.common.shell import report_thread
from rlbreakout.config import dump_config, load_config
from rlbreakout.training import train
from rlbreakout.tuning import workers
from tests.conftest import dqn_config, rlbreakout, run_command, sets, twin_config
from tests.lesson_runs import SCRIPTS
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

SMALL = {"ppo": twin_config, "value": dqn_config}


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={round(request.param * 1000)}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("cannot make a small disk here: that takes root on Linux")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("disk", [20], indirect=True)
@pytest.mark.parametrize("algorithm", SMALL)
def test_a_training_on_a_full_disk_says_so_and_keeps_its_last_checkpoint(
    algorithm: str, disk: Path, tmp_path: Path
) -> None:
    large = ("network.net_arch=[128, 128]", "value.network.hidden=[200]")
    config = SMALL[algorithm](*large, "steps=128", "run.checkpoint_every=64", "evaluation.every=0")
    dump_config(config, tmp_path / "small.yaml")
    folder = train(config, disk / "run", progress_bar=False)
    model = sum(file.stat().st_size for file in (folder / "last").iterdir())
    assert model > 300_000
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - model // 2))
    settings = sets("steps=2000", "run.checkpoint_every=64")
    done = rlbreakout("train", tmp_path / "small.yaml", *settings, "--run-dir", folder, "--resume")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert "No space left on device, so training stopped after" in line
    assert f"the last good checkpoint is {folder / 'last'}" in line
    assert load_agent(folder / "last").player is not None and trained_steps(folder / "last") == 128
    assert load_config(folder / "config.yaml").steps == 2000
    assert not list(folder.rglob("*.new")) and not list(folder.rglob(".*.part*"))


@pytest.mark.parametrize(
    ("workers", "disk"), [(1, 0.1), pytest.param(2, 0.3, marks=pytest.mark.long)], indirect=["disk"]
)
def test_a_study_on_a_full_disk_says_so_and_goes_on_when_there_is_room(workers: int, disk: Path, capfd) -> None:
    study = ("tune", STUDY, *sets(*TINY_STUDY, SEARCH), "--run-dir", disk / "run", "--trials", "3", "--workers")
    done = rlbreakout(*study, str(workers))
    errors = capfd.readouterr().err + done.stderr
    assert done.returncode == 1 and "Traceback" not in errors, errors
    assert "cannot be written: No space left on device" in errors
    assert "with room on the disk the same command goes on with the study" in errors.strip().splitlines()[-1]
    subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
    done = rlbreakout(*study, "1")
    assert done.returncode == 0, done.stderr
    trials = json.loads((disk / "run" / "study.json").read_text())["trials"]
    assert len(trials) == 3 and (disk / "run" / "best.yaml").is_file()


@pytest.mark.long
@pytest.mark.parametrize("disk", [1], indirect=True)
def test_a_lesson_and_a_gif_on_a_full_disk_end_in_one_line(disk: Path, tiny_run: Path) -> None:
    (disk / "ballast").write_bytes(bytes(1_000_000))
    lesson = run_command(SCRIPTS["1.2_wrapper"], "--steps", "150", "--run-dir", disk / "run")
    gif = rlbreakout("gif", tiny_run, "--out", disk / "x.gif", "--seconds", "10")
    for done in (lesson, gif):
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "cannot be written: No space left on device" in done.stderr.strip().splitlines()[-1]
    assert not (disk / "x.gif").exists()


@pytest.mark.parametrize("where", ["open_storage", "open_study", "queue_values", "run_trial", "write_results"])
def test_a_disk_that_is_full_at_any_moment_of_a_study_is_reported_alike(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(workers, "run_trial", lambda *_: 1.0)
    monkeypatch.setattr(workers, where, full)
    with pytest.raises(DiskError, match="No space left on device; with room on the disk the same command goes on"):
        workers.tune(load_config(STUDY, [*TINY_STUDY, SEARCH, "tuning.trials=1"]), tmp_path, progress_bar=False)


@pytest.mark.parametrize("hook", [report_thread, workers._report_thread])
@pytest.mark.parametrize(("number", "lines"), [(errno.ENOSPC, 0), (errno.EACCES, 1)])
def test_a_full_disk_that_another_thread_notices_is_left_to_the_main_thread(hook, number, lines, monkeypatch, capsys):
    def write() -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(threading, "excepthook", hook)
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert capsys.readouterr().err.count("Traceback") == lines
