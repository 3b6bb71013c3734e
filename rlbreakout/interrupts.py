"""Ctrl-C during a training: what was learned is saved first."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rlbreakout.config import Config
from rlbreakout.errors import INTERRUPTED, DiskError, GamesLost, machine_error


@contextmanager
def saved_at_the_end(
    save: Callable[[], object], steps: Callable[[], int], config: Config, folder: Path, *, resumable: bool = True
) -> Iterator[None]:
    """Call `save`, which writes `last/` in `folder`, at the end, and after Ctrl-C too: then say after how many agent
    `steps` and how to resume, and exit with 130, or, if nobody will resume it, leave the interrupt as it is.

    Raises DiskError, which names the last good checkpoint of what can be resumed, if the disk is full or cannot be
    written, and GamesLost, after saving, if a process that plays games is gone.
    """
    try:
        yield
        save()
    except KeyboardInterrupt:
        with no_second_interrupt():
            save()
        if not resumable:
            raise
        print(
            f"\ninterrupted after {steps():,} of {config.steps:,} agent steps; saved {folder / 'last'}\n"
            f"to go on: rlbreakout train {folder / 'config.yaml'} --run-dir {folder} --resume",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(INTERRUPTED) from None
    except GamesLost as error:
        save()
        raise GamesLost(f"{error}, so training stopped after {steps():,} agent steps; {what_is_kept(folder)}") from None
    except OSError as error:
        if (message := machine_error(error)) is None:
            raise
        kept = f"; {what_is_kept(folder)}" if resumable else ""
        raise DiskError(f"{message}, so training stopped after {steps():,} agent steps{kept}") from None


def what_is_kept(folder: Path) -> str:
    """Where the last good checkpoint of a run is, for who is told that its training has stopped."""
    last = folder / "last"
    return f"the last good checkpoint is {last}" if last.is_dir() else "there was no checkpoint yet"


@contextmanager
def no_second_interrupt() -> Iterator[None]:
    """A second Ctrl-C must not cut off what the first one asked for."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
