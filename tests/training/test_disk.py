"""A full disk: the training says so and ends, and what was saved before stays as it was."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.common.errors import DiskError
from rlbreakout.config import load_config
from rlbreakout.tuning import workers
from tests.conftest import ROOT, SCRIPTS, TINY, rlbreakout, run_command, sets
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

VALUE = ("env.n_envs=2", "value.network.hidden=[400]", "value.memory_size=1000", "value.start_training=50")
MEGABYTES = {"2.3_zoo": 65, "5.3_dqn": 45}
"""Enough for the first checkpoint, and not for the second."""


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={round(request.param * 1000)}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("cannot make a small disk here: that takes root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("name", "disk"), MEGABYTES.items(), indirect=["disk"])
def test_a_training_on_a_full_disk_says_so_and_keeps_its_last_checkpoint(name: str, disk: Path) -> None:
    settings = (*TINY, "checkpoint_every=64") if name == "2.3_zoo" else (*VALUE, "checkpoint_every=64")
    options = [part for setting in (*settings, "steps=2000", "evaluation.every=0") for part in ("--set", setting)]
    folder = disk / "run"
    done = rlbreakout("train", ROOT / "configs" / f"{name}.yaml", *options, "--run-dir", folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert "No space left on device, so training stopped after" in line
    assert f"the last good checkpoint is {folder / 'last'}" in line
    assert load_agent(folder / "last").player is not None and trained_steps(folder / "last") >= 64
    assert load_config(folder / "config.yaml").steps == 2000
    assert not list(folder.rglob("*.new")) and not list(folder.rglob(".*.part*"))


@pytest.mark.parametrize(("workers", "disk"), [(1, 0.1), (2, 0.3)], indirect=["disk"])
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
