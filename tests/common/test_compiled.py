"""Loops that are compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlbreakout.common.compiled import _Announcement, compiled
from tests.conftest import ROOT

NUMBERS = """
import numpy as np
from rlbreakout.common.compiled import compiled

@compiled
def take(numbers, index):
    return numbers[index]
"""
TAKE = """
import numpy as np
from numbers_of_mine import take
numbers = np.arange(10)
print(take(numbers, 9))
try:
    take(numbers[:5], 7)
except IndexError:
    print("IndexError")
"""
RULE = """
from rlbreakout.common.compiled import compiled

@compiled
def rule():
    return {answer}
"""
GAME = """
from mine.rules import rule
from rlbreakout.common.compiled import compiled

@compiled
def ask():
    return rule()
"""
ASK = """
from pathlib import Path
from rlbreakout.common.compiled import forget_stale_code
forget_stale_code(Path("mine"))
from mine.game import ask
print(ask())
"""


def run(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` with Numba's settings in the environment, and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    everything = {**kept, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, env=everything, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_compiling_is_announced_once_and_its_result_is_kept(tmp_path: Path) -> None:
    (tmp_path / "numbers_of_mine.py").write_text(NUMBERS)
    first = run(TAKE, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert first.stdout == "9\n"  # and no bounds are checked
    assert first.stderr.count("rlbreakout: compiling the game, once for this machine") == 1
    second = run(TAKE, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert (second.stdout, second.stderr) == ("9\n", "")
    checked = run(TAKE, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "checked"), NUMBA_BOUNDSCHECK="1")
    assert checked.stdout == "9\nIndexError\n"


def test_where_no_folder_can_be_written_it_says_so(tmp_path: Path) -> None:
    """Files stand where the folders for the results would be: root can write everywhere else."""
    (tmp_path / "numbers_of_mine.py").write_text(NUMBERS)
    (tmp_path / "__pycache__").touch()
    (tmp_path / "file").touch()
    nowhere = {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": str(tmp_path / "file" / "cache")}
    done = run(TAKE, tmp_path, **nowhere)
    assert done.stdout == "9\n"
    assert done.stderr.count("compiling the game, again in every program, because no folder") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr


def test_code_that_is_in_no_file_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Announcement, "until", _Announcement.until)  # which is changed, and put back
    scope: dict = {}
    exec("def add(a, b):\n    return a + b", scope)
    assert compiled(scope["add"])(40, 2) == 42


def test_a_changed_rule_is_followed_in_files_that_did_not_change(tmp_path: Path) -> None:
    """Numba itself compiles anew only what stands in the file that was changed."""
    package = tmp_path / "mine"
    package.mkdir()
    (package / "game.py").write_text(GAME)
    for answer in (41, 42):
        (package / "rules.py").write_text(RULE.format(answer=answer))
        assert run(ASK, tmp_path).stdout == f"{answer}\n"
