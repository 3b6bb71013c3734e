"""Processes in which nothing was done before, to measure in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

import psutil

T = TypeVar("T")


def process_context() -> BaseContext:
    """How they are started: where the system can fork, from a server that has imported torch already, which takes each
    of them seconds otherwise."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["stable_baselines3"])
    return context


def in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=process_context()) as process:
        return process.submit(function, *arguments).result()


def megabytes_of_children() -> float:
    """Memory that the processes use now that this one has started, and those that they have, in MB."""
    return sum(child.memory_info().rss for child in psutil.Process().children(recursive=True)) / 1e6
