"""A training in a notebook: a real kernel is interrupted, prints, and trains again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_kernel

from tests.conftest import TWIN

TRAIN = f"""
from rlbreakout.config import load_config
from rlbreakout.training import train
settings = {(*TWIN, "evaluation.every=0")!r}
def training(steps):
    return train(load_config("3.4_coordinates", [*settings, f"steps={{steps}}"]), "run")
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path), startup_timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_cell(client: BlockingKernelClient, code: str) -> tuple[str, str]:
    """Run a cell. Returns "ok", or what was raised, and what was printed."""
    printed: list[str] = []

    def keep(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=180, output_hook=keep)["content"]
    return reply.get("ename", reply["status"]), "".join(printed)


def test_an_interrupted_training_leaves_the_kernel_alive(
    kernel: tuple[KernelManager, BlockingKernelClient], tmp_path: Path
) -> None:
    manager, client = kernel
    assert run_cell(client, TRAIN)[0] == "ok"
    cell = client.execute("training(100_000_000)")
    deadline = time.monotonic() + 180
    while not (tmp_path / "run" / "checkpoints").is_dir() and time.monotonic() < deadline:
        time.sleep(0.5)
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=180))["parent_header"]["msg_id"] != cell:
        pass
    assert reply["content"]["ename"] in ("SystemExit", "KeyboardInterrupt")
    while (answer := run_cell(client, "print('still', 'there')"))[0] == "aborted":  # as Jupyter does after an error
        time.sleep(0.1)
    assert answer == ("ok", "still there\n")
    ended, printed = run_cell(client, "print(training(300))")
    assert ended == "ok" and "run-2" in printed
    assert manager.is_alive() and (tmp_path / "run-2" / "agent.gif").is_file()
