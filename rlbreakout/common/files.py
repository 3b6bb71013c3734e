"""Writes files and folders that are always complete: written beside their place, synced to disk, then moved there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, with the same ending, to write to in the `with` block.

    It replaces `path` unless the block raises. Not even a power cut leaves half a file, because content and folder are
    synced to disk.
    """
    # Two processes may write the same file. The ending says in which format; a long name would not get longer.
    part = path.with_name(f".{path.stem[:40]}.part{os.getpid()}{path.suffix[-20:]}")
    try:
        yield part
        sync(part)
        part.replace(path)
        sync(path.parent)
    finally:
        with suppress(OSError):  # it does not exist, or its folder is not a folder
            part.unlink()


def write_atomically(path: Path, text: str) -> Path:
    """Write `text` to `path` in UTF-8, and return `path`. An existing file stays until the new one is on disk."""
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
    """Replace `folder` with the folder that `new_folder` made, synced to disk, and return it."""
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

    The old folder is moved away only when the new one is complete. So if there is an old one and none in its place, the
    new one belongs there.
    """
    new, old = _beside(folder)
    if not folder.exists() and old.exists() and new.exists():
        new.rename(folder)
    return folder


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's entries, is on disk. (Windows cannot open folders.)"""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
