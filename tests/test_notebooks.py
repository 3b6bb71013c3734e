"""Every lesson as a notebook: it has the script's code, its options first, and it runs (`make test-notebooks`)."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest

from lessons.notebooks import main, notebook
from rlbreakout.lesson import SMOKE
from tests.conftest import ONE_THREAD, ROOT, SCRIPTS
from tests.kernels import Kernel

IN_CI = ("1.3_train", "3.4_coordinates")
"""1.3 makes a new folder each time, 3.4 continues in its own."""
WITH_OPTIONS = [name for name, script in SCRIPTS.items() if "read_options" in script.read_text()]


def code_cells(book: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_notebook_has_all_code_of_its_script(name: str) -> None:
    book = notebook(SCRIPTS[name])
    nbformat.validate(book)
    own = [cell.source for cell in jupytext.read(SCRIPTS[name]).cells][1:]
    there = code_cells(book)[-len(own) :]
    for mine, theirs in zip(own, there, strict=True):
        assert ast.dump(ast.parse(mine)) == ast.dump(ast.parse(theirs)) or "read_options" in mine
    text = "\n".join(cell.source for cell in book.cells)
    for line in SCRIPTS[name].read_text().splitlines():
        if line.startswith("# ") and not line.startswith("# %%"):
            assert line[2:] in text


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_its_first_cell_is_its_options(name: str) -> None:
    first, *others = code_cells(notebook(SCRIPTS[name]))
    values: dict[str, object] = {}
    exec(first, {}, values)
    assert all(isinstance(part, ast.Assign) for part in ast.parse(first).body)
    options = next(
        part
        for part in ast.walk(ast.parse(SCRIPTS[name].read_text()))
        if isinstance(part, ast.ClassDef) and part.name == "Options"
    )
    assert list(values) == [part.target.id for part in options.body if isinstance(part, ast.AnnAssign)]
    call = f'read_options(Options, __doc__, lesson="{name}", ' + ", ".join(f"{key}={key}" for key in values) + ")"
    assert sum(call in cell for cell in others) == 1


def test_the_same_files_are_written_every_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        main(tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(f"{name}.ipynb" for name in SCRIPTS)
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("notebooks")
    with Kernel(folder, {**ONE_THREAD, SMOKE: "1", "PYTHONPATH": str(ROOT)}) as kernel:
        yield kernel


def run_notebook(
    kernel: Kernel, name: str, folder: str | None = None, interrupt_after: float = math.inf
) -> tuple[str, list[str], str | None]:
    """Run a notebook from top to bottom, up to the first error; return what it prints, the kinds of what it shows, and
    the name of the error.

    folder: its run folder, if it is not the usual one. interrupt_after: seconds.
    """
    quick = f"import tests.lesson_runs\nquick = tests.lesson_runs.quick(compares={name == '2.5_ppo_by_hand'})\n"
    assert kernel.run(quick + "quick.__enter__()").error is None
    printed, shown, error = "", [], None
    first, *others = code_cells(notebook(SCRIPTS[name]))
    given = f"\nrun_dir = __import__('pathlib').Path({folder!r})" if folder is not None else ""
    end = time.monotonic() + interrupt_after
    for cell in [first + given, *others]:
        done = kernel.run(cell, lambda: time.monotonic() > end)
        printed, shown = printed + done.printed, shown + done.shown
        if (error := done.error) is not None:
            printed = f"{printed}\n\n{cell}\n{error}"
            break
    assert kernel.run("quick.__exit__(None, None, None)").error is None
    return printed, shown, error


@pytest.mark.notebooks
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_notebook_runs_and_shows_its_pictures(name: str, kernel: Kernel) -> None:
    """One after the other in the same kernel: what an earlier one left does no harm."""
    printed, shown, error = run_notebook(kernel, name)
    assert error is None, printed
    if name == "0.1_check_setup":
        return
    files = printed.split("Your files:")[1].split("Your curves:")[0].splitlines()
    for kind in ("png", "gif"):
        assert shown.count(f"image/{kind}") >= sum(line.endswith(f".{kind}") for line in files)


@pytest.mark.notebooks
@pytest.mark.parametrize(
    "name", [name if name in IN_CI else pytest.param(name, marks=pytest.mark.long) for name in WITH_OPTIONS]
)
def test_a_notebook_runs_again_and_after_an_interrupted_cell(name: str, kernel: Kernel) -> None:
    seconds = 0.0
    for _ in range(2):
        begun = time.monotonic()
        printed, _, error = run_notebook(kernel, name)
        assert error is None, printed
        seconds = max(seconds, time.monotonic() - begun)
    printed, _, error = run_notebook(kernel, name, f"interrupted_{name}", interrupt_after=seconds / 4)
    assert error in ("KeyboardInterrupt", "SystemExit"), printed
    printed, _, error = run_notebook(kernel, name, f"interrupted_{name}")
    assert error is None, printed
