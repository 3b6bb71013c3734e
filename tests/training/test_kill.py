"""kill -9 at random moments of a training or a study: what was earned is kept, and it can always go on."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import optuna
import pytest

from rlbreakout.agents.save_load import has_model, load_agent, trained_steps
from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.training.recorder import read_evaluations
from rlbreakout.tuning.attempts import finished
from rlbreakout.tuning.storage import JOURNAL_NAME, open_journal, repair_journal
from tests.conftest import DQN, DQN_CONFIG, ONE_THREAD, ROOT, TWIN, TWIN_CONFIG, sets
from tests.processes import CAN_FORK, start_python
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

COMMON = ("run.checkpoint_every=64", "evaluation.every=256", "evaluation.games=1")
TRAININGS = {
    # A training that mostly writes: megabytes after every 64 agent steps.
    TWIN_CONFIG: (*TWIN, *COMMON, "network.net_arch=[256, 256]"),
    DQN_CONFIG: (*DQN, *COMMON, "value.start_training=64"),
}
FEW, MANY = 3, 10
"""Kills of a training, in `make test` and in `make test-long`. The first comes at any moment from the start, often
before there is a model."""
LONG = pytest.mark.long


def training(config: Path, folder: Path, steps: float) -> list[str]:
    """The command that trains up to so many agent steps, or goes on."""
    resume = ["--resume"] if folder.exists() else []
    settings = sets(*TRAININGS[config], f"steps={steps}")
    return ["-m", "rlbreakout.cli", "train", str(config), *settings, "--run-dir", str(folder), *resume]


@pytest.mark.skipif(not CAN_FORK, reason="kill -9 is a thing of POSIX")
@pytest.mark.parametrize(
    ("config", "kills"), [(TWIN_CONFIG, FEW), *[pytest.param(config, MANY, marks=LONG) for config in TRAININGS]]
)
def test_a_training_that_is_killed_at_random_moments_can_always_be_resumed(
    config: Path, kills: int, tmp_path: Path
) -> None:
    draw, folder, most = random.Random(config.name), tmp_path / "run", 0
    output, errors = tmp_path / "stdout", tmp_path / "stderr"
    for kill in range(kills):
        process = start_python(training(config, folder, 1e6), ROOT, ONE_THREAD, output, errors)
        until = newest(folder)
        while not folder.exists() if kill == 0 else newest(folder) == until:  # before, it imports
            process.join(0.001)
            assert process.is_alive(), errors.read_text()
        process.join(draw.uniform(0, 0.5))
        process.kill()
        process.join()
        if kill > 0:
            # What it leaves is a whole model, not older than the one before.
            assert has_model(folder / "last") and load_agent(folder / "last").player is not None
            assert trained_steps(folder / "last") >= most
            most = trained_steps(folder / "last")
    wanted = most + 300
    process = start_python(training(config, folder, wanted), ROOT, ONE_THREAD, output, errors)
    process.join(240)
    assert process.exitcode == 0, errors.read_text()
    assert trained_steps(folder / "last") >= wanted
    assert sorted(tmp_path.iterdir()) == sorted([folder, output, errors])  # never another run folder
    evaluated = [int(row["steps"]) for row in read_evaluations(folder)]
    every = load_config(folder / "config.yaml").evaluation.every
    assert evaluated[:-1] == [every * number for number in range(1, len(evaluated))]  # no one twice, none missing
    for tag in ("eval_twin/mean", "time/fps"):
        assert (np.diff(read_scalar(folder, tag).x) > 0).all()
    assert read_scalar(folder, "eval_twin/mean").x.tolist() == evaluated


@pytest.mark.skipif(not CAN_FORK, reason="kill -9 is a thing of POSIX")
@LONG
def test_a_study_that_is_killed_at_random_moments_goes_on(tmp_path: Path) -> None:
    draw, folder = random.Random(0), tmp_path / "run"
    output, errors = tmp_path / "stdout", tmp_path / "stderr"
    options = [part for setting in (*TINY_STUDY, SEARCH) for part in ("--set", setting)]
    command = ["-m", "rlbreakout.cli", "tune", str(STUDY), *options, "--run-dir", str(folder), "--trials"]
    values: dict[int, float] = {}
    for number in range(MANY):
        process = start_python([*command, "40"], ROOT, ONE_THREAD, output, errors)
        end = time.monotonic() + 120
        wanted = begun(folder) + 1 + number % 2  # so that every second one finishes a trial before
        while begun(folder) < wanted:
            assert process.is_alive() and time.monotonic() < end, errors.read_text()
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 1))
        assert process.is_alive(), errors.read_text()
        process.kill()
        process.join()
        now = finished_trials(folder)
        assert now.items() >= values.items()  # what was finished stays, with what it was worth
        values = now
    assert len(values) >= MANY // 4  # or there was nothing to lose
    wanted = len(values) + 2
    process = start_python([*command, str(wanted)], ROOT, ONE_THREAD, output, errors)
    process.join(240)
    assert process.exitcode == 0, errors.read_text()
    trials = json.loads((folder / "study.json").read_text())["trials"]
    assert len(trials) == wanted
    assert {trial["number"]: trial["value"] for trial in trials}.items() >= values.items()


def begun(folder: Path) -> int:
    """Trials that have begun to train."""
    return len(list(folder.glob("trials/*")))


def finished_trials(folder: Path) -> dict[int, float]:
    """Number and worth of the trials that are finished, as the journal has them."""
    repair_journal(folder / JOURNAL_NAME)
    study = optuna.load_study(study_name=None, storage=open_journal(folder / JOURNAL_NAME))
    return {trial.number: trial.value or 0.0 for trial in finished(study)}


def newest(folder: Path) -> int:
    """Agent steps of the newest checkpoint, or of none."""
    return max((int(path.name) for path in folder.glob("checkpoints/*") if path.name.isdecimal()), default=0)
