"""Every lesson in order, with few steps, on the real emulator: does all of it work on this machine?

Run by `make tour`. A line for each lesson, at the end a table and the TensorBoard command. Stops at the first lesson
that fails, names it, shows the end of its output, and exits with its status.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from rlbreakout.training.runs import new_run_folder

LESSONS = Path(__file__).parent

# What a lesson is run with here; a lesson that is not named runs with its defaults. --run-dir is added.
FEW_STEPS: dict[str, list[str]] = {
    "1.1_gym": ["--games", "3"],
    "1.2_wrapper": ["--steps", "150"],
    "1.3_train": ["--steps", "2048", "--games", "5"],
    "2.1_envs": ["--steps", "1024", "--games", "2"],
    "2.2_callbacks": ["--steps", "1024", "--games", "2"],
    "2.3_copying_hp_zoo": ["--steps", "1024", "--games", "2"],
    "2.4_fast_envs": ["--steps", "256", "--rollout", "256", "--games", "1"],
    "3.1_observation_space": [],
    "3.2_observation_wrapper": ["--steps", "60"],
    "3.3_aimbot_training": ["--steps", "2048", "--games", "2", "--variants", "trim", "aimbot", "--stacks", "3"],
    "3.4_coordinates": ["--steps", "65536", "--games", "2", "--variants", "blocks"],
    "4.0_wrapper_optuna": [
        *("--steps", "512", "--trials", "2", "--long-steps", "512", "--best", "1"),
        *("--games", "2", "--n-envs", "4"),
    ],
    "4.0_study_explore": ["--steps", "512", "--seeds", "1", "--games", "1", "--n-envs", "4"],
    "4.1_env_comparison": [
        *("--steps", "512", "--games", "1", "--seconds", "5", "--n-envs", "4"),
        *("--environments", "BreakoutNoFrameskip-v4"),
    ],
    "4.2_grid": ["--steps", "512", "--trials", "2", "--games", "1", "--n-envs", "4"],
    "4.3_schedules": ["--steps", "512", "--short-steps", "256", "--games", "1", "--n-envs", "4"],
    "5.1_value_agent": ["--steps", "512", "--games", "2"],
    "5.2_what_went_wrong": ["--steps", "256", "--games", "1", "--variants", "published", "all"],
    "5.3_dqn": ["--steps", "1024", "--games", "2", "--seconds", "5"],
    "5.4_on_policy_off_policy": ["--steps", "1024", "--games", "1"],
    "6.1_late_game": ["--steps", "512", "--seeds", "1", "--games", "1", "--n-envs", "4"],
    "6.2_noise": [
        *("--steps", "512", "--seeds", "1", "--games", "1", "--n-envs", "4"),
        *("--trained", "nothing", "noisy network", "--played", "nothing", "frame skip 5"),
    ],
    "6.3_other_models": ["--steps", "512", "--games", "1", "--n-envs", "4"],
    "6.4_champion": [
        *("--steps", "512", "--games", "1", "--games-a-row", "1", "--n-envs", "4"),
        *("--rows", "as trained", "one screen in ten lost"),
    ],
    "7.1_rules": ["--frames", "2000"],
    "7.2_exact": ["--frames", "1500", "--games", "20", "--frames-each", "50000"],
    "7.3_train_in_the_twin": ["--steps", "32768", "--games", "2", "--twin-games", "20"],
}
LINES_SHOWN_OF_A_FAILURE = 20


@dataclass
class Options:
    run_dir: Path = Path("runs/tour")
    """Folder of the tour; an earlier tour in it is left alone, and a new name is made."""


def all_lessons() -> list[Path]:
    """The lesson scripts in their order."""
    return sorted(LESSONS.glob("[0-9]_*/[0-9]*.py"), key=lambda path: path.stem)


def run(script: Path, folder: Path) -> tuple[float, dict]:
    """Run a lesson; return its seconds and what its lesson.json says. Exits if it fails."""
    command = [sys.executable, str(script), "--run-dir", str(folder), *FEW_STEPS.get(script.stem, [])]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print("failed\n\n" + "\n".join(done.stdout.splitlines()[-LINES_SHOWN_OF_A_FAILURE:]))
        print(f"\nThe tour stops: {script.relative_to(LESSONS.parent)} failed with status {done.returncode}.")
        sys.exit(done.returncode if done.returncode > 0 else 1)
    summary = folder / "lesson.json"
    return time.perf_counter() - start, json.loads(summary.read_text()) if summary.exists() else {}


def main() -> None:
    folder = new_run_folder(tyro.cli(Options, description=__doc__).run_dir)
    table = Table("lesson", "seconds", "score", title="The tour (few steps: the scores are those of beginners)")
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
