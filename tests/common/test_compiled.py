"""Loops that are compiled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rlbreakout"
FIND_A_PADDLE = """
import numpy as np
from rlbreakout.breakout.screen import find_paddle
print(find_paddle(np.zeros((1, 210, 160), dtype=np.uint8)).column)
"""
TAKE_BEYOND_THE_END = """
import numpy as np
from rlbreakout.common.compiled import compiled

@compiled
def take(numbers, index):
    return numbers[index]

numbers = np.arange(10)
assert [take(numbers, 9), take(numbers[:5], -1)] == [9, 4]
try:
    take(numbers[:5], 7)
except IndexError:
    print("IndexError")
"""


def run(program: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with Numba's settings in the environment, and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(
        command, env=kept | environment, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_what_numba_cannot_keep_is_compiled_all_the_same() -> None:
    """Of code that is in no file it keeps nothing, and says so with an error."""
    done = run("from rlbreakout.common.compiled import compiled; print(compiled(lambda a, b: a + b)(40, 2))")
    assert done.stdout == "42\n"


def test_compiling_is_announced_and_its_result_is_kept(tmp_path: Path) -> None:
    first = run(FIND_A_PADDLE, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stdout == "[-1]\n"
    assert first.stderr.count("rlbreakout: compiling the game, once for this machine; this takes up to a minute") == 1
    second = run(FIND_A_PADDLE, NUMBA_CACHE_DIR=str(tmp_path))
    assert (second.stdout, second.stderr) == ("[-1]\n", "")


def test_where_no_folder_can_be_written_it_says_so(tmp_path: Path) -> None:
    """A copy of the package with files where the folders for the results would be. Root can write everywhere else."""
    copy = tmp_path / "rlbreakout"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    no_folder = tmp_path / "file"
    no_folder.touch()
    done = run(FIND_A_PADDLE, cwd=tmp_path, HOME=str(no_folder), XDG_CACHE_HOME=str(no_folder / "cache"))
    assert done.stdout == "[-1]\n"
    assert done.stderr.count("compiling the game, again in every program, because no folder") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr
    elsewhere = run(FIND_A_PADDLE, cwd=tmp_path, HOME=str(no_folder), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert "once for this machine" in elsewhere.stderr


@pytest.mark.parametrize(("checked", "says"), [("1", "IndexError\n"), ("0", "")])
def test_bounds_are_checked_where_numba_is_told_to(checked: str, says: str, tmp_path: Path) -> None:
    done = run(TAKE_BEYOND_THE_END, NUMBA_BOUNDSCHECK=checked, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stdout == says


def test_bounds_are_not_checked_by_default(tmp_path: Path) -> None:
    assert run(TAKE_BEYOND_THE_END, NUMBA_CACHE_DIR=str(tmp_path)).stdout == ""


def test_a_changed_rule_is_followed_in_files_that_did_not_change(tmp_path: Path) -> None:
    """Numba itself compiles anew only what stands in the file that was changed."""
    copy = tmp_path / "rlbreakout"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
    where_it_rests = (
        "from rlbreakout.breakout.ahead import rest; from rlbreakout.breakout.rules import new_games;"
        "print(rest(new_games(1)[0]))"
    )
    assert run(where_it_rests, cwd=tmp_path).stdout == "99\n"
    rules = copy / "breakout" / "rules.py"
    rules.write_text(rules.read_text().replace("MOST_READING = 188", "MOST_READING = 168"))
    assert run(where_it_rests, cwd=tmp_path).stdout == "80\n"
