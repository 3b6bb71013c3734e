"""Files and folders that are whole or not there, whenever a process is killed: written beside, then moved to place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path`, with its ending, to be written inside; it takes the place of `path` if nothing failed."""
    part = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")  # two processes may write the same file
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):  # there is none, or its folder is no folder
            part.unlink()


def write_whole(path: Path, text: str) -> Path:
    """Write `text` to `path`; what was there before stays until the new file is whole on the disk."""
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def new_folder(folder: Path) -> Path:
    """An empty folder beside `folder`, to be filled and then put into its place by `put_into_place`."""
    repair(folder)
    new, old = _beside(folder)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    return new


def put_into_place(folder: Path) -> Path:
    """Let what `new_folder` made, now whole, take the place of `folder`, and return it."""
    new, old = _beside(folder)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def repair(folder: Path) -> Path:
    """Finish what a kill in the middle of `put_into_place` left half done, and return `folder`.

    A folder is moved away only when the new one is whole, so where there is an old one and none in its place, the new
    one belongs there.
    """
    new, old = _beside(folder)
    if not folder.exists() and old.exists() and new.exists():
        new.rename(folder)
    return folder


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
