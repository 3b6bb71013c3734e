"""Loops over pixels and games that Numba compiles, because NumPy on whole screens takes many times as long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile `function` when it is called first, which takes a second or more, and keep the result for the next
    program, where there is a folder to keep it in. Beyond the end of an array it raises IndexError, as NumPy does."""
    try:
        return cast(F, njit(cache=True, boundscheck=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's can be written to
        return cast(F, njit(boundscheck=True)(function))
