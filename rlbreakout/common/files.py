"""Files and folders that are always whole: written beside their place, synced to the disk, then moved into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, with the same ending, to be written inside the `with` block.

    It replaces `path` if the block raises nothing; otherwise what was there stays. Not even a power cut leaves half a
    file: its content and its folder are synced to the disk.
    """
    part = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")  # two processes may write the same file
    try:
        yield part
        sync(part)
        part.replace(path)
        sync(path.parent)
    finally:
        with suppress(OSError):  # there is none, or its folder is no folder
            part.unlink()


def write_atomically(path: Path, text: str) -> Path:
    """Write `text` to `path`, in UTF-8, and return it. What was there stays until the new file is whole on the disk."""
    with replaced_atomically(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
    return path


def new_folder(folder: Path) -> Path:
    """Make an empty folder beside `folder`; fill it, then call `move_into_place(folder)`."""
    repair(folder)
    new, old = _beside(folder)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    return new


def move_into_place(folder: Path) -> Path:
    """Replace `folder` by what `new_folder` made, synced to the disk, and return it."""
    new, old = _beside(folder)
    for file in (*new.iterdir(), new):
        sync(file)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def repair(folder: Path) -> Path:
    """Finish a `move_into_place` that was killed between its two renames, and return `folder`.

    A folder is moved away only when the new one is whole, so where there is an old one and none in its place, the new
    one belongs there.
    """
    new, old = _beside(folder)
    if not folder.exists() and old.exists() and new.exists():
        new.rename(folder)
    return folder


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's entries, is on the disk. (Windows cannot open folders.)"""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
