"""Ctrl-C during a training: what was learned is saved first."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rlbreakout.common.errors import INTERRUPTED, DiskError, disk_error
from rlbreakout.common.shell import command_line
from rlbreakout.config import Config


@contextmanager
def save_at_the_end(
    save: Callable[[Path], object], steps: Callable[[], int], config: Config, folder: Path, *, resumable: bool = True
) -> Iterator[None]:
    """Save the model to `last/` in `folder` at the end of the block, and after Ctrl-C too: then say after how many
    agent `steps` and how to resume, and exit with 130, or, if nobody will resume it, leave the interrupt as it is.

    Raises DiskError, which names the last good checkpoint of what can be resumed, if the disk is full or cannot be
    written.
    """
    last = folder / "last"
    try:
        yield
        save(last)
    except KeyboardInterrupt:
        with ignore_interrupts():
            save(last)
        if not resumable:
            raise
        again = ("rlbreakout", "train", folder / "config.yaml", "--run-dir", folder, "--resume")
        print(
            f"\ninterrupted after {steps():,} of {config.steps:,} agent steps; saved {last}\n"
            f"to go on: {command_line(*again)}",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if (message := disk_error(error)) is None:
            raise
        kept = f"; {what_is_kept(folder)}" if resumable else ""
        raise DiskError(f"{message}, so training stopped after {steps():,} agent steps{kept}") from None


def what_is_kept(folder: Path) -> str:
    """Where the last good checkpoint of a run is, for a message that its training has stopped."""
    last = folder / "last"
    return f"the last good checkpoint is {last}" if last.is_dir() else "there was no checkpoint yet"


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """A second Ctrl-C must not cut off what the first one asked for."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
