"""Loops over pixels and games that Numba compiles, because NumPy takes many times as long for them."""

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
    """Compile `function` on first use and keep the result for the next program, where a folder can be written.

    Compiled code checks no bounds unless the environment variable NUMBA_BOUNDSCHECK is 1. An array that is not
    contiguous compiles a second, slower version: make it contiguous before you pass it.
    """
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        _Announcement.kept = False
        return cast(F, njit(function))


class _Announcement(event.Listener):
    """Says once, on standard error, that code is being compiled: it takes seconds in which nothing else happens."""

    kept = True
    said = False

    def on_start(self, _: event.Event) -> None:
        if _Announcement.said:
            return
        _Announcement.said = True
        until = (
            "once for this machine"
            if self.kept
            else "again in every program, because no folder for the result can be written (NUMBA_CACHE_DIR names one)"
        )
        print(f"rlbreakout: compiling the game, {until}; this takes up to a minute", file=sys.stderr, flush=True)

    def on_end(self, _: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())


def forget_stale_code(package: Path) -> None:
    """Delete what was compiled in the folders of `package` before the last change of a file with compiled functions.

    Numba compiles a function anew when its own file has changed, but not when a function that it calls has: after a
    change of rules.py the screens would still be drawn by the old rules.
    """
    kept = list(package.rglob("__pycache__/*.nbi"))
    sources = {file.parent.parent / f"{file.name.split('.')[0]}.py" for file in kept}
    changed = max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
    for file in kept:
        with suppress(OSError):  # another program deletes it, too; or the folder cannot be written
            if file.stat().st_mtime < changed:
                file.unlink()


forget_stale_code(Path(__file__).parents[1])
