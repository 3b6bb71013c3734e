"""Shares of an evaluation, played in processes of their own: the emulator and Python use one core a process.

A process is started as a command, not through `multiprocessing`, so that scripts that evaluate need no
`if __name__ == "__main__"`. It ends when its input is closed, also because the process that started it is gone.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, TypeVar

import cloudpickle

from rlbreakout.errors import MachineError

T = TypeVar("T")

START = "import sys; sys.path[:] = {path!r}; from rlbreakout.evaluation_process import serve; serve()"
_LENGTH = struct.Struct("<Q")


def call_all(calls: Sequence[Callable[[], T]], processes: int, done: Callable[[T], None]) -> list[T]:
    """What the `calls` return, in their order, made by this process and `processes - 1` others. `done` is told of each.

    Which process makes which call changes nothing but the time. Raises what a call raises, and MachineError if one of
    the processes ends before its time.
    """
    results: dict[int, T] = {}
    if processes < 2 or len(calls) < 2:
        return [_told(call(), done) for call in calls]
    waiting = list(range(len(calls)))[::-1]
    sent = [cloudpickle.dumps(call) for call in calls]  # before any of them changes what it shares with the others
    lock = threading.Lock()
    failures: list[BaseException] = []

    def take() -> int | None:
        with lock:
            return waiting.pop() if waiting and not failures else None

    def keep(number: int, result: T) -> None:
        with lock:
            results[number] = result
            done(result)

    def feed(process: _Process) -> None:
        try:
            while (number := take()) is not None:
                keep(number, process.call(sent[number]))
        except BaseException as error:  # raised again by the thread that waits
            failures.append(error)

    others = [_Process() for _ in range(min(processes, len(calls)) - 1)]
    threads = [threading.Thread(target=feed, args=(process,), daemon=True) for process in others]
    try:
        for thread in threads:
            thread.start()
        while (number := take()) is not None:
            keep(number, pickle.loads(sent[number])())
        for thread in threads:
            thread.join()
    finally:
        for process in others:
            process.close()
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(calls))]


def _told(result: T, done: Callable[[T], None]) -> T:
    done(result)
    return result


class _Process:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the process that waits, which closes this one
        )

    def call(self, pickled: bytes) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _write(self._process.stdin, pickled)
            kind, content = pickle.loads(_read(self._process.stdout))
        except (BrokenPipeError, EOFError):
            status = self._process.wait()
            raise MachineError(f"a process that plays games ended with status {status}") from None
        if kind == "failed":
            raise content
        return content

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def _read(file: IO[bytes]) -> bytes:
    """Raises EOFError if the other end is closed."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return file.read(_LENGTH.unpack(head)[0])


def serve() -> None:
    """What the process does: make the calls that come in, one after the other, until the input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no answer
    calls: list[bytes] = []
    there = threading.Semaphore(0)

    def listen() -> None:
        while True:
            try:
                calls.append(_read(sys.stdin.buffer))
            except EOFError:
                os._exit(0)  # in the middle of a game, too: nobody waits for it
            there.release()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        there.acquire()
        answer: tuple[str, Any]
        try:
            answer = "done", pickle.loads(calls.pop())()
        except Exception as error:
            answer = "failed", error
        _write(output, cloudpickle.dumps(answer))
