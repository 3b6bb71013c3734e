"""Loops that are compiled."""

import subprocess
import sys

import numpy as np
import pytest

from rlbreakout.breakout.screen import find_ball, find_bricks, find_paddle
from rlbreakout.compiled import compiled


def test_what_numba_cannot_keep_is_compiled_all_the_same() -> None:
    """Of code that is in no file it keeps nothing, and says so with an error."""
    program = "from rlbreakout.compiled import compiled; print(compiled(lambda a, b: a + b)(40, 2))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_beyond_the_end_of_an_array_there_is_an_error_and_no_foreign_memory() -> None:
    @compiled
    def take(numbers: np.ndarray, index: int) -> int:
        return numbers[index]

    numbers = np.arange(10)
    assert [take(numbers, 9), take(numbers[:5], -1)] == [9, 4]
    for length in (5, 9):
        with pytest.raises(IndexError):
            take(numbers[:length], length)


@pytest.mark.parametrize("find", [find_ball, find_bricks, find_paddle])
def test_frames_that_are_too_small_are_an_error(find) -> None:
    with pytest.raises(IndexError):
        find(np.zeros((2, 84, 80), dtype=np.uint8))
