"""Freed memory stays with the process."""

import sys

import pytest

from tests.conftest import run_command

COUNT = """
import resource, numpy as np
from rlbreakout.training.malloc import keep_freed_memory
assert {keep} is False or keep_freed_memory()
np.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that is told")
def test_large_arrays_get_their_pages_once() -> None:
    faults = {keep: int(run_command("-c", COUNT.format(keep=keep)).stdout) for keep in (False, True)}
    assert faults[True] * 10 < faults[False]  # how many depends on the size of a page, which Linux chooses
