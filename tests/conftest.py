"""What several tests need: the command, in this process or in one of its own, and small runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from rlbreakout.cli import main
from rlbreakout.config import Config, load_config
from tests.processes import run_python

ROOT = Path(__file__).parent.parent
SCRIPTS = {script.stem: script for script in sorted((ROOT / "lessons").glob("[0-9]_*/[0-9]*.py"))}
ZOO_CONFIG = ROOT / "configs" / "2.3_zoo.yaml"
TWIN_CONFIG = ROOT / "configs" / "3.4_coordinates.yaml"
DQN_CONFIG = ROOT / "configs" / "5.3_dqn.yaml"

# Small enough to train in a moment, and with everything in it: updates, evaluations, checkpoints.
TINY = (
    "steps=256",
    "env.n_envs=2",
    "ppo.n_steps=64",
    "ppo.batch_size=64",
    "ppo.n_epochs=1",
    "evaluation.every=128",
    "evaluation.games=2",
    "run.checkpoint_every=128",
)
"""For ZOO_CONFIG, which plays in the emulator."""
TWIN = (
    "steps=256",
    "env.n_envs=4",
    "ppo.n_steps=16",
    "ppo.batch_size=64",
    "ppo.n_epochs=1",
    "network.net_arch=[16]",
    "evaluation.every=128",
    "evaluation.games=2",
    "evaluation.n_envs=2",
    "run.checkpoint_every=128",
)
"""For TWIN_CONFIG: coordinates in the twin."""
DQN = (
    "steps=600",
    "env.n_envs=2",
    "value.network={channels: [4], kernels: [8], strides: [8], paddings: [0], hidden: [16]}",
    "value.memory_size=1000",
    "value.start_training=100",
    "value.target_reset=100",
    "value.exploration.decay_steps=300",
    "evaluation.env=twin",
    "evaluation.every=400",
    "evaluation.games=2",
    "run.checkpoint_every=200",
)
"""For DQN_CONFIG: the value-based agent, with pictures of the twin."""

# Two tests run side by side on two cores: one thread each, or torch's threads wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"  # torch is not imported here: pytest imports this file once more to start the two
ONE_THREAD = {**os.environ, "COLUMNS": "200"}


def run_command(*arguments: str | Path, cwd: Path = ROOT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run python with `arguments` as a user does, in a process of its own."""
    return run_python([*map(str, arguments)], cwd, ONE_THREAD, timeout)


def rlbreakout(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the `rlbreakout` command in this process."""
    output, errors, status = StringIO(), StringIO(), 0
    with working_directory(cwd or Path.cwd()), redirect_stdout(output), redirect_stderr(errors):
        try:
            main([*map(str, arguments)])
        except SystemExit as end:
            status = int(end.code or 0)
    return subprocess.CompletedProcess([*map(str, arguments)], status, output.getvalue(), errors.getvalue())


@contextmanager
def working_directory(folder: Path) -> Iterator[None]:
    """Be in `folder` for the block."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def sets(*overrides: str) -> list[str]:
    """`overrides` of a config as options of the command."""
    return [part for override in overrides for part in ("--set", override)]


def tiny_config(*overrides: str) -> Config:
    """The zoo's config, which plays in the emulator, made small, with `overrides` on top."""
    return load_config(ZOO_CONFIG, [*TINY, *overrides])


def twin_config(*overrides: str) -> Config:
    """PPO on coordinates in the twin, evaluated there, made small, with `overrides` on top."""
    return load_config(TWIN_CONFIG, [*TWIN, *overrides])


def dqn_config(*overrides: str) -> Config:
    """The value-based agent on pictures of the twin, evaluated there, made small, with `overrides` on top."""
    return load_config(DQN_CONFIG, [*DQN, *overrides])


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a finished small training of `twin_config`."""
    from rlbreakout.training import train

    return train(twin_config(), tmp_path_factory.mktemp("runs") / "tiny", progress_bar=False)
