"""What a command or a script shares with the shell that runs it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from types import FrameType

from rlbreakout.common.errors import disk_error


def command_line(*words: object) -> str:
    """A command, with the words quoted that need it for this system's shell, such as paths with spaces."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def prepare_process() -> None:
    """Prepare for what may go wrong outside of Python.

    Characters that the terminal's encoding lacks are printed as escapes. A full disk is reported by the main thread,
    though TensorBoard's thread may notice it first. SIGTERM, which `docker stop` and SLURM send, counts as Ctrl-C: what
    was learned is saved.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    threading.excepthook = report_thread
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def report_thread(args: threading.ExceptHookArgs) -> None:
    """Report an error that ended a thread, unless the main thread will report it: TensorBoard raises the error of its
    writing thread again at the next event."""
    if args.exc_value is None or disk_error(args.exc_value) is None:
        threading.__excepthook__(args)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
