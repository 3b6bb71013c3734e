"""Freed memory stays with the process."""

import sys

import pytest

from tests.conftest import run_command

COUNT = """
import resource, numpy as np
from rlbreakout.training.malloc import keep_freed_memory
def faults():
    np.ones(10_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), keep_freed_memory(), faults())
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="it is a setting of glibc")
def test_large_arrays_get_their_pages_once() -> None:
    before, told, after = run_command("-c", COUNT).stdout.split()
    assert told == "True" and int(after) * 10 < int(before)  # how many depends on the size of a page
