"""Run every lesson in order, with a few steps each: does everything work on this machine?

Prints a line for each lesson, and at the end a table and the TensorBoard command. Stops at the first lesson that fails,
names it, shows the end of its output, and exits with its status.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from rlbreakout.lesson import SMOKE
from rlbreakout.training.runs import new_run_folder

LESSONS = Path(__file__).parent
LINES_SHOWN_OF_A_FAILURE = 20


@dataclass
class Options:
    run_dir: Path = Path("runs/tour")
    """Folder of the tour. If it is in use, a new one is made beside it."""


def all_lessons() -> list[Path]:
    """The lesson scripts in their order."""
    return sorted(LESSONS.glob("[0-9]_*/[0-9]*.py"), key=lambda path: path.stem)


def run(script: Path, folder: Path) -> tuple[float, dict]:
    """Run a lesson with the settings of smoke.yaml; return its seconds and its lesson.json. Exits if it fails."""
    command = [sys.executable, str(script), "--run-dir", str(folder)]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, SMOKE: "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print("failed\n\n" + "\n".join(done.stdout.splitlines()[-LINES_SHOWN_OF_A_FAILURE:]))
        print(f"\nThe tour stops: {script.relative_to(LESSONS.parent)} failed with status {done.returncode}.")
        sys.exit(done.returncode if done.returncode > 0 else 1)
    summary = folder / "lesson.json"
    return time.perf_counter() - start, json.loads(summary.read_text()) if summary.exists() else {}


def main() -> None:
    folder = new_run_folder(tyro.cli(Options, description=__doc__).run_dir)
    table = Table("lesson", "seconds", "score", title="The tour (so few steps that the scores are those of beginners)")
    table.add_column("files", overflow="fold")
    scripts = all_lessons()
    for number, script in enumerate(scripts, 1):
        print(f"[{number}/{len(scripts)}] {script.parent.name}/{script.stem} ... ", end="", flush=True)
        run_dir = folder / script.parent.name / script.stem
        seconds, summary = run(script, run_dir)
        print(f"{seconds:.0f} s", flush=True)
        score = summary.get("score")
        files = "\n".join(str(run_dir / file) for file in summary.get("files", [])) or "-"
        table.add_row(script.stem, f"{seconds:.0f}", "-" if score is None else f"{score:.1f}", files)
    Console().print(table)
    print(f"The curves of all lessons:\n  tensorboard --logdir {folder}")


if __name__ == "__main__":
    main()
