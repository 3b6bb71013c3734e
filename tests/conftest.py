"""What several tests need: commands run as a user runs them, and small runs on the real emulator."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch

from lessons.tour import all_lessons
from rlbreakout.config import Config, load_config
from rlbreakout.training.train import train
from tests.processes import run_python

ROOT = Path(__file__).parent.parent
SCRIPTS = {script.stem: script for script in all_lessons()}
ZOO_CONFIG = ROOT / "configs" / "2.3_zoo.yaml"

# Small enough to train in a few seconds, and with everything in it: updates, evaluations, checkpoints.
TINY = (
    "steps=256",
    "env.n_envs=2",
    "ppo.n_steps=64",
    "ppo.batch_size=64",
    "ppo.n_epochs=1",
    "evaluation.every=128",
    "evaluation.games=2",
    "checkpoint_every=128",
)

# Two tests run side by side on two cores: one thread each, or torch's threads wait for each other.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # also for the process that they are forked from
ONE_THREAD = {**os.environ, "COLUMNS": "200"}

SLOW = {
    *("test_disk", "test_fuzz", "test_kill", "test_lessons_2", "test_lessons_3", "test_lessons_4", "test_lessons_5"),
    *("test_storage", "test_tuning"),
}
"""Files of tests that take minutes: `pytest -m "not slow"` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)


def run_command(*arguments: str | Path, cwd: Path = ROOT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run python with `arguments` as a user does."""
    return run_python([*map(str, arguments)], cwd, ONE_THREAD, timeout)


def rlbreakout(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the `rlbreakout` command."""
    return run_command("-m", "rlbreakout.cli", *arguments, cwd=cwd)


def tiny_config(*overrides: str) -> Config:
    """The zoo's config, made small, with `overrides` on top."""
    return load_config(ZOO_CONFIG, [*TINY, *overrides])


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a finished small training."""
    return train(tiny_config(), tmp_path_factory.mktemp("runs") / "tiny", progress_bar=False)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory):
    """Run a lesson once with few steps, and give its folder and its output to every test that asks."""
    done: dict[str, tuple[Path, str]] = {}

    def run(name: str, *options: str) -> tuple[Path, str]:
        if name not in done:
            folder = tmp_path_factory.mktemp("lessons") / name
            result = run_command(SCRIPTS[name], "--run-dir", folder, *options)
            assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
            left = json.loads((folder / "lesson.json").read_text())["files"]
            assert left and all((folder / file).exists() for file in left)
            assert sorted(path.name for path in folder.parent.iterdir()) == [name]
            done[name] = folder, result.stdout
        return done[name]

    return run
