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
from rlbreakout.callbacks import read_evaluations
from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.tuning.attempts import finished
from rlbreakout.tuning.storage import JOURNAL_NAME, open_journal, repair_journal
from tests.conftest import ONE_THREAD, ROOT, TINY
from tests.processes import CAN_FORK, start_python
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

CHECKPOINT_EVERY = 64
COMMON = (
    "steps=1e6",
    "env.n_envs=2",
    f"checkpoint_every={CHECKPOINT_EVERY}",
    "evaluation.every=256",
    "evaluation.games=1",
)
TRAININGS = {
    # A training that mostly writes: 20 MB after every 64 agent steps.
    "2.3_zoo": (*TINY, *COMMON, "ppo.n_steps=32"),
    "5.3_dqn": (*COMMON, "value.memory_size=1000", "value.start_training=64", "value.network.hidden=[16]"),
}
KILLS = 10
"""Of each."""
EARLY = 3
"""Of these: at any moment from its start, often before there is a model."""


def arguments(name: str, folder: Path, steps: float) -> list[str]:
    config = [part for setting in (*TRAININGS[name], f"steps={steps}") for part in ("--set", setting)]
    resume = ["--resume"] if folder.exists() else []
    file = str(ROOT / "configs" / f"{name}.yaml")
    return ["-m", "rlbreakout.cli", "train", file, *config, "--run-dir", str(folder), *resume]


@pytest.mark.skipif(not CAN_FORK, reason="kill -9 is a thing of POSIX")
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_is_killed_at_random_moments_can_always_be_resumed(name: str, tmp_path: Path) -> None:
    draw, folder, most = random.Random(name), tmp_path / "run", 0
    output, errors = tmp_path / "stdout", tmp_path / "stderr"
    for _ in range(EARLY):
        process = start_python(arguments(name, folder, 1e6), ROOT, ONE_THREAD, output, errors)
        end = time.monotonic() + 120
        while not folder.exists():  # until then it imports
            assert process.is_alive() and time.monotonic() < end, errors.read_text()
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.5))
        process.kill()
        process.join()
    for _ in range(KILLS - EARLY):
        process = start_python(arguments(name, folder, 1e6), ROOT, ONE_THREAD, output, errors)
        # Not before it trains, or it would be killed while it imports.
        until = newest(folder)
        end = time.monotonic() + 120
        while newest(folder) == until:
            assert process.is_alive() and time.monotonic() < end, errors.read_text()
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.6))
        process.kill()
        process.join()
        # What it leaves is a whole model, not older than the one before.
        assert has_model(folder / "last")
        assert load_agent(folder / "last").player is not None
        steps = trained_steps(folder / "last")
        assert steps >= most
        most = steps
    wanted = most + 300
    process = start_python(arguments(name, folder, wanted), ROOT, ONE_THREAD, output, errors)
    process.join(240)
    assert process.exitcode == 0, errors.read_text()
    assert trained_steps(folder / "last") >= wanted
    assert sorted(tmp_path.iterdir()) == sorted([folder, output, errors])  # never another run folder
    evaluated = [int(row["steps"]) for row in read_evaluations(folder)]
    every = load_config(folder / "config.yaml").evaluation.every
    assert evaluated[:-1] == [every * number for number in range(1, len(evaluated))]  # no one twice, none missing
    for tag in ("eval/mean", "time/fps"):
        assert (np.diff(read_scalar(folder, tag).x) > 0).all()
    assert read_scalar(folder, "eval/mean").x.tolist() == evaluated


@pytest.mark.skipif(not CAN_FORK, reason="kill -9 is a thing of POSIX")
def test_a_study_that_is_killed_at_random_moments_goes_on(tmp_path: Path) -> None:
    draw, folder = random.Random(0), tmp_path / "run"
    output, errors = tmp_path / "stdout", tmp_path / "stderr"
    options = [part for setting in (*TINY_STUDY, SEARCH) for part in ("--set", setting)]
    command = ["-m", "rlbreakout.cli", "tune", str(STUDY), *options, "--run-dir", str(folder), "--trials"]
    values: dict[int, float] = {}
    for number in range(KILLS):
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
    assert len(values) >= KILLS // 4  # or there was nothing to lose
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
