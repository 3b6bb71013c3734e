"""Compiles loops over pixels and games with Numba, because NumPy takes many times as long for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core import event

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile `function` on first use and cache the result for the next program, if a folder can be written.

    Threads run compiled code side by side: it does not hold Python's global lock. It checks no bounds unless the
    environment variable NUMBA_BOUNDSCHECK is 1. An array that is not contiguous makes Numba compile a second, slower
    version: make it contiguous before you pass it.
    """
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        _Announcement.until = (
            "again in every program, because no folder for the result can be written (NUMBA_CACHE_DIR names one)"
        )
        return cast(F, njit(nogil=True)(function))


class _Announcement(event.Listener):
    """Says once, on standard error, that code is being compiled, because nothing else happens for some time."""

    until, said = "once for this machine", False

    def on_start(self, _: event.Event) -> None:
        if not _Announcement.said:
            _Announcement.said = True
            line = f"rlbreakout: compiling the game, {self.until}; this takes up to a minute"
            print(line, file=sys.stderr, flush=True)

    def on_end(self, _: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())


def forget_stale_code(package: Path) -> None:
    """Delete code in the folders of `package` that was compiled before the last change of a file with compiled code.

    Numba recompiles a function when its own file has changed, but not when a function that it calls has changed: after
    an edit of rules.py, draw.py would still use the old rules.
    """
    kept = list(package.rglob("__pycache__/*.nbi"))
    sources = {file.parent.parent / f"{file.name.split('.')[0]}.py" for file in kept}
    changed = max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
    for file in kept:
        with suppress(OSError):  # another program has deleted it, or the folder cannot be written
            if file.stat().st_mtime < changed:
                file.unlink()


forget_stale_code(Path(__file__).parents[1])
