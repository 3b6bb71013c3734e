"""Processes that work for another one."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from contextlib import suppress

import psutil
from loky import cpu_count

LOCKS = 32
"""More than a pool of processes needs; each takes a page of shared memory, /dev/shm on Linux."""


def processes_at_once(tasks: int) -> int:
    """How many processes a pool for `tasks` tasks should have: at most one a core, and one, which is this one, if
    there is no shared memory left for its locks, as in small containers. Then it says so."""
    processes = min(cpu_count(), tasks)
    if processes > 1:
        try:
            [multiprocessing.get_context("spawn").Lock() for _ in range(LOCKS)]
        except OSError as error:
            print(f"one core only: processes cannot share memory ({error.strerror})", file=sys.stderr, flush=True)
            return 1
    return processes


def end_with(parent: int) -> None:
    """End this process as soon as the process `parent` has ended, however that is."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
