"""Run folders: `runs/<lesson>/<name>/`, never overwritten, and written by one process at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rlbreakout.common.errors import LONGEST_NAME, UserError
from rlbreakout.config import Config, dump_config, installed_versions

RUNS = Path("runs")
LOCK = ".lock"
"""The file in a run folder that says that the folder is taken, and that is locked while a process writes to it."""


def new_run_folder(wanted: str | Path) -> Path:
    """Make the folder `wanted`, or `wanted-2`, `wanted-3`, ... if there is something in it, and return it.

    Of several processes that want the same folder at the same moment, each gets one of its own. Raises UserError if it
    cannot be written.
    """
    wanted = Path(os.path.abspath(wanted)) if str(wanted) in (".", "..", "") else Path(wanted)
    folder, number = wanted, 1
    try:
        while not _take(folder):
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
    except OSError as error:
        raise UserError(f"run folder {folder} cannot be made: {error.strerror}") from None
    check_writable(folder)
    return folder


def _take(folder: Path) -> bool:
    """Make `folder`, or take an empty one; False if somebody has it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / LOCK).open("x").close()  # only one process can make it
    except FileExistsError:
        return False
    return True


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Let no other process write to the run folder `folder` as long as this lasts, or this process lives.

    Raises UserError if another one does.
    """
    try:
        with FileLock(folder.resolve() / LOCK, timeout=0, is_singleton=True):
            yield
    except Timeout:
        raise UserError(
            f"{folder} is in use: another process is writing to it; wait until it ends, or stop it"
        ) from None


def keep_for_this_process(folder: Path) -> None:
    """Let no other process write to the run folder `folder` until this one ends. Raises UserError as `only_writer`."""
    _held.enter_context(only_writer(folder))


_held = ExitStack()  # closed by the end of the process


def empty_run_folder(folder: Path) -> None:
    """Remove everything in `folder` but its lock."""
    for path in folder.iterdir():
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def check_writable(folder: Path) -> None:
    """Raise UserError if no file can be made in `folder`."""
    probe = folder / ".writable"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"run folder {folder} cannot be written: {error.strerror}") from None


def unused_file(wanted: Path) -> Path:
    """`wanted`, or `NAME-2`, `NAME-3`, ... with the same ending if that is there already."""
    file, number = wanted, 1
    while file.exists():
        number += 1
        file = wanted.with_stem(f"{wanted.stem}-{number}")
    return file


def check_output_file(path: Path) -> Path:
    """Return `path`, or raise UserError if a file cannot be written there: better before hours of work than after."""
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"{path}: the name is too long; allowed: {LONGEST_NAME} bytes")
    if path.is_dir():
        raise UserError(f"{path} is a folder; a file is needed")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: the folder {path.parent} does not exist")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"{path} cannot be written: permission denied")
    return path


def start_run(config: Config, wanted: str | Path | None = None) -> Path:
    """Make a run folder for `config` with its config.yaml in it, by default runs/<lesson>/<name>."""
    folder = new_run_folder(wanted or RUNS / config.run.lesson / config.run.name)
    write_config(config, folder)
    return folder


def folder_to_continue(wanted: Path) -> Path:
    """The folder `wanted`, made if it is not there: for what continues with what is in it.

    Raises UserError if it cannot be written.
    """
    if not wanted.is_dir():
        return new_run_folder(wanted)
    check_writable(wanted)
    return wanted


def study_folder(config: Config, wanted: str | Path | None = None) -> Path:
    """The run folder of a study, by default runs/<lesson>/<name>, new or to continue, with its config.yaml in it.

    Raises UserError if it cannot be written.
    """
    folder = folder_to_continue(Path(wanted or RUNS / config.run.lesson / config.run.name))
    if not (folder / "config.yaml").exists():
        write_config(config, folder)
    return folder


def write_config(config: Config, folder: Path) -> None:
    """Write `config` to the config.yaml of a run folder, with the versions of the packages that decide the run."""
    run = config.run.model_copy(update={"versions": installed_versions()})
    dump_config(config.model_copy(update={"run": run}), folder / "config.yaml")
