"""What is done with several processes, where a machine has no room for them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.conftest import ONE_THREAD, ROOT, rlbreakout


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's namespaces")
def test_with_shared_memory_full_one_process_plays_the_same_games() -> None:
    isolated = ["unshare", "--mount", "sh", "-c"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a namespace here: that takes root")
    play = ["evaluate", "random", "--games", "12"]
    full = f"""
        mount -t tmpfs -o size=64k tmpfs /dev/shm && head -c 64k /dev/zero >/dev/shm/full
        exec '{sys.executable}' -m rlbreakout.cli {" ".join(play)}
    """
    done = subprocess.run([*isolated, full], cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "one core only: processes cannot share memory (No space left on device)" in done.stderr
    assert done.stdout == rlbreakout(*play).stdout
