"""What is done with several processes, where a machine has no room for them."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ONE_THREAD, ROOT, rlbreakout


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's namespaces")
def test_with_shared_memory_full_one_process_plays_the_same_games(monkeypatch: pytest.MonkeyPatch) -> None:
    isolated = ["unshare", "--mount", "sh", "-c"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a namespace here: that takes root")
    play = ["evaluate", "random", "--games", "11"]
    full = f"""
        mount -t tmpfs -o size=64k tmpfs /dev/shm && head -c 64k /dev/zero >/dev/shm/full
        exec '{sys.executable}' -m rlbreakout.cli {" ".join(play)}
    """
    done = subprocess.run([*isolated, full], cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "one core only: processes cannot share memory (No space left on device)" in done.stderr
    evaluation = importlib.import_module("rlbreakout.evaluation.evaluate")  # the module, not its function
    monkeypatch.setattr(evaluation, "processes_at_once", lambda shares: 1)  # several play the same: test_evaluate.py
    assert done.stdout == rlbreakout(*play).stdout
