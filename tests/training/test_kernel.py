"""A training in a notebook: a real kernel is interrupted, prints, and trains again."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ONE_THREAD, TWIN
from tests.kernels import Kernel

TRAIN = f"""
from rlbreakout.config import load_config
from rlbreakout.training import train
settings = {(*TWIN, "evaluation.every=0")!r}
def training(steps):
    return train(load_config("3.4_coordinates", [*settings, f"steps={{steps}}"]), "run")
"""


def test_an_interrupted_training_leaves_the_kernel_alive(tmp_path: Path) -> None:
    with Kernel(tmp_path, ONE_THREAD) as kernel:
        assert kernel.run(TRAIN).error is None
        begun = tmp_path / "run" / "checkpoints"
        assert kernel.run("training(100_000_000)", begun.is_dir).error in ("SystemExit", "KeyboardInterrupt")
        assert kernel.run("print('still', 'there')").printed == "still there\n"
        done = kernel.run("print(training(300))")
        assert done.error is None and "run-2" in done.printed
        assert kernel.manager.is_alive() and (tmp_path / "run-2" / "agent.gif").is_file()
