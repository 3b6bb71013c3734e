"""A kernel of Jupyter, as notebooks have it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from jupyter_client.manager import start_new_kernel

SECONDS = 300
"""What a cell may take."""


@dataclass
class Done:
    """What became of a cell."""

    error: str | None = None
    """The name of the exception that ended it."""
    printed: str = ""
    shown: list[str] = field(default_factory=list)
    """The kinds of what it displayed, such as image/png."""


class Kernel:
    """A kernel that works in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.manager, self.client = start_new_kernel(
            kernel_name="python3", cwd=str(folder), env=dict(environment), startup_timeout=120
        )

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code: str, interrupt_when: Callable[[], bool] | None = None) -> Done:
        """Run a cell, and interrupt it as soon as `interrupt_when` says so."""
        done, over = Done(), threading.Event()

        def keep(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                done.printed += content["text"]
            elif message["msg_type"] in ("display_data", "execute_result"):
                done.shown += [kind for kind in content["data"] if kind != "text/plain"]
            elif message["msg_type"] == "error":
                done.printed += "\n".join(content["traceback"])

        def interrupt() -> None:
            while not over.wait(0.5):
                if interrupt_when is not None and interrupt_when():
                    self.manager.interrupt_kernel()
                    return

        waits = threading.Thread(target=interrupt)
        waits.start()
        try:
            while True:
                reply = self.client.execute_interactive(code, timeout=SECONDS, output_hook=keep)["content"]
                if reply["status"] != "aborted":  # as Jupyter does with what comes right after an error
                    break
                time.sleep(0.1)
        finally:
            over.set()
            waits.join()
        if reply["status"] != "ok":
            done.error = reply["ename"]
        return done
