"""Run every lesson, with a few steps each: does everything work on this machine?

Runs two lessons at a time on two cores. Prints a line for each, in order, and at the end a table and what to do next.
Stops at the first lesson that fails, names it, shows the end of its output, and exits with its status.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tyro
from loky import cpu_count
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


def run(script: Path, folder: Path) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a lesson with the settings of smoke.yaml; return its seconds and what became of it."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), "--run-dir", str(folder)],
        env={**os.environ, SMOKE: "1", "OMP_NUM_THREADS": "1"},  # the other cores run other lessons
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return time.perf_counter() - start, done


def main() -> None:
    folder = new_run_folder(tyro.cli(Options, description=__doc__).run_dir)
    start = time.perf_counter()
    scripts = all_lessons()
    folders = [folder / script.parent.name / script.stem for script in scripts]
    table = Table("lesson", "seconds", "score", title="The tour (so few steps that most scores are those of beginners)")
    table.add_column("what it leaves", overflow="fold")
    with ThreadPoolExecutor(min(2, cpu_count())) as lessons:
        runs = lessons.map(run, scripts, folders)
        for number, (script, run_dir, (seconds, done)) in enumerate(zip(scripts, folders, runs, strict=True), 1):
            print(f"[{number}/{len(scripts)}] {script.parent.name}/{script.stem} ... ", end="", flush=True)
            if done.returncode:
                lessons.shutdown(wait=False, cancel_futures=True)
                print("failed\n\n" + "\n".join(done.stdout.splitlines()[-LINES_SHOWN_OF_A_FAILURE:]))
                print(f"\nThe tour stops: {script.relative_to(LESSONS.parent)} failed with status {done.returncode}.")
                sys.exit(done.returncode if done.returncode > 0 else 1)
            print(f"{seconds:.0f} s", flush=True)
            file = run_dir / "lesson.json"
            summary = json.loads(file.read_text()) if file.exists() else {}
            score = summary.get("score")
            files = ", ".join(summary.get("files", [])) or "-"
            table.add_row(script.stem, f"{seconds:.0f}", "-" if score is None else f"{score:.1f}", files)
    Console().print(table)
    print(f"{time.perf_counter() - start:.0f} seconds in all. The files are in {folder}. What to do next:")
    print(f"  tensorboard --logdir {folder}     look at the curves of all lessons")
    print("  rlbreakout watch champion             watch the agent of lesson 7.4 in a browser")
    print("  python lessons/1_gym/1.1_gym.py       begin; read lessons/1_gym/README.md beside it")


if __name__ == "__main__":
    main()
