"""What every lesson script shares: it reads its options, and at the end says where its files are."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import tyro

from rlbreakout.common.errors import INTERRUPTED, UserError, one_line
from rlbreakout.common.files import write_atomically
from rlbreakout.common.shell import command_line, prepare_process
from rlbreakout.common.yaml import read_yaml
from rlbreakout.config import CONFIGS, check_seed
from rlbreakout.training.runs import RUNS, folder_to_continue, keep_for_this_process, new_run_folder

__all__ = ["CONFIGS", "check_choices", "finish", "once", "read_options", "run_folder"]

Options = TypeVar("Options")

SMOKE = "RLBREAKOUT_SMOKE"
"""Environment variable. With 1 a lesson takes its defaults from lessons/smoke.yaml: few steps, to see that it works."""

AT_LEAST_ONE = (
    *("steps", "short_steps", "long_steps", "frames", "frames_each", "games", "games_a_row", "twin_games"),
    *("seconds", "seeds", "trials", "best", "workers"),
)
AT_LEAST_ZERO = ("seed",)


def read_options(
    options: type[Options], description: str | None, *, lesson: str | None = None, **given: Any
) -> Options:
    """Read the command line into the dataclass `options`; in an IDE's cells take the defaults, and in the notebook of
    `lesson` the values that are `given` there, where None means the default.

    From here on a UserError that nobody catches is printed as one line, and the script ends with status 2; with 130
    after Ctrl-C.
    """
    sys.excepthook = _one_line_for_user_errors
    if in_notebook():
        known = {name: value for name, value in given.items() if value is not None}
        smoke = {} if lesson is None else _smoke_settings(CONFIGS.parent / "lessons", lesson)
        values = options(**{**known, **smoke})
    else:
        prepare_process()
        script = Path(sys.argv[0]).resolve()
        defaults = options(**_smoke_settings(script.parents[1], script.stem))
        values = tyro.cli(options, default=defaults, description=description)
    for names, least in ((AT_LEAST_ONE, 1), (AT_LEAST_ZERO, 0)):
        for name in names:
            value = getattr(values, name, None)
            if value is not None and value < least:
                raise UserError(f"--{name.replace('_', '-')} is {value}; allowed: {least} or more")
    if (seed := getattr(values, "seed", None)) is not None:
        check_seed(seed)
    return values


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook, or in the cells of an IDE."""
    return "ipykernel.kernelapp" in sys.modules  # which a kernel imports, and what starts kernels does not


def _smoke_settings(folder: Path, lesson: str) -> dict[str, Any]:
    """What smoke.yaml in `folder` says about `lesson`; nothing unless SMOKE is 1."""
    if os.environ.get(SMOKE) != "1":
        return {}
    settings = read_yaml((folder / "smoke.yaml").read_text(encoding="utf-8")).get(lesson, {})
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def check_choices(option: str, chosen: Sequence[Any], allowed: Collection[Any]) -> None:
    """Raise UserError, which lists what is allowed, if nothing is chosen or something that is not allowed."""
    wrong = [str(one) for one in chosen if one not in allowed]
    if wrong or not chosen:
        raise UserError(f"{' '.join([option, *wrong])}: allowed: {', '.join(str(one) for one in allowed)}")


def run_folder(lesson: str, wanted: Path | None, *, resume: bool = False) -> Path:
    """Make the folder of a lesson's run: `wanted`, or runs/<lesson>; if that is in use, a new one beside it.

    With `resume` a folder in use is used again, for lessons that continue what is in it. Raises UserError if it cannot
    be written, or another process is writing to it.
    """
    folder = wanted or RUNS / lesson
    if not resume:
        return new_run_folder(folder)
    folder = folder_to_continue(folder)
    keep_for_this_process(folder)
    return folder


def once(run: Path, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Let `make` fill the run folder `run`, and return the facts that it returns. If it has done so before, read them.

    name: the JSON file that keeps them. It contains the options that they depend on: a folder without it belongs to a
    run that was stopped or had other options, and is emptied first.
    """
    file = run / f"{name}.json"
    if not file.exists():
        shutil.rmtree(run, ignore_errors=True)
        write_atomically(file, json.dumps(make(), indent=1) + "\n")
    return json.loads(file.read_text(encoding="utf-8"))


def finish(folder: Path, *, files: Sequence[Path], look_at: str, score: float | None = None, **facts: Any) -> None:
    """Print where the lesson's files are and what to look at next, and write `lesson.json` to its folder. A notebook
    shows the pictures, too.

    score: mean points a game, if the lesson measured one. facts: how it was measured, and everything else that was.
    """
    summary = {"score": score, **facts, "files": [str(file.relative_to(folder)) for file in files]}
    write_atomically(folder / "lesson.json", json.dumps(summary, indent=1) + "\n")
    print("\nYour files:")
    for file in files:
        print(f"  {file}")
    if any(folder.rglob("events.out.tfevents.*")):
        print(f"Your curves:\n  {command_line('tensorboard', '--logdir', folder)}")
    print(f"Next: {look_at}")
    if in_notebook():
        from IPython.display import Image, display

        for file in files:
            if file.suffix in (".gif", ".png"):
                display(Image(filename=str(file)))


def _one_line_for_user_errors(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if (line := one_line(error)) is not None:
        print(f"{Path(sys.argv[0]).name}: error: {line.text}", file=sys.stderr, flush=True)
        raise SystemExit(line.status)
    if isinstance(error, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr, flush=True)
        raise SystemExit(INTERRUPTED)
    sys.__excepthook__(kind, error, traceback)
