"""The fixture with which every lesson is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lesson_runs import facts, run_lesson

Lesson = Callable[..., tuple[Path, str]]


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """Run a lesson once with the settings of smoke.yaml, and give its folder and its output to every test that asks."""
    done: dict[str, tuple[Path, str]] = {}

    def run(name: str, *options: str) -> tuple[Path, str]:
        if name not in done:
            folder = tmp_path_factory.mktemp("lessons") / name
            output = run_lesson(name, folder, *options)
            files = facts(folder)["files"]
            assert files and all((folder / file).exists() for file in files)
            assert [path.name for path in folder.parent.iterdir()] == [name]
            done[name] = folder, output
        return done[name]

    return run
