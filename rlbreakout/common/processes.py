"""Processes that work for another one."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import psutil


def end_with(parent: int) -> None:
    """End this process as soon as the process `parent` has ended, however that is."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
