"""A real TensorBoard, asked over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ONE_THREAD

JSON = {"Content-Type": "application/json"}


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[..., Any]]:
    """A real TensorBoard on a free port; gives a function that asks one of its plugins (JSON in, JSON out)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--load_fast=false"],  # what it listens on is its default
        env=ONE_THREAD,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:  # it says where it listens when it does
            if "Press CTRL+C to quit" in line:
                break
        else:
            pytest.fail("TensorBoard ended before it listened")
        assert_on_loopback_only(process.pid)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def get(path: str, data: dict[str, Any] | None = None, *, raw: bool = False) -> Any:
            body = None if data is None else json.dumps(data).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/data/plugin/{path}", body, JSON)
            with direct.open(request, timeout=60) as answer:
                return answer.read() if raw else json.load(answer)

        yield get
    finally:
        process.terminate()
        process.wait(timeout=30)


def assert_on_loopback_only(pid: int) -> None:
    """The process and its children listen, and nowhere where another machine can reach them."""
    family = [process := psutil.Process(pid), *process.children(recursive=True)]
    sockets = [socket for member in family for socket in member.net_connections("inet")]
    listening = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening and listening <= {"127.0.0.1", "::1"}, listening
