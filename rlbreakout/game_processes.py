"""Games in processes of their own, one process a core: the emulator holds Python's lock while it plays.

A process is started as a command, not forked and not through `multiprocessing`, so that the scripts that use it need no
`if __name__ == "__main__"`. What is long (actions, observations, rewards) passes through memory that both share, what
is short through pipes. It ends when its pipe is closed, also because the process that started it is dead.

A step of many games lasts milliseconds, and to be woken from a read takes a good part of one: so before it sleeps, a
process watches for a while how many messages were written to it. They are counted when they are there to be read.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import gymnasium as gym
import numpy as np

from rlbreakout.config import Config, parse_config
from rlbreakout.errors import GamesLost
from rlbreakout.games import Games, Step
from rlbreakout.observation import Observation

ALIGNED = 64
"""Bytes; every array begins at a multiple of it."""
WATCHED = 0.01
"""Seconds for which a process watches for a message before it sleeps until there is one."""
LENGTH = struct.Struct("<Q")
"""A message is its length and as many bytes of pickle. Both ends are this program."""
START = "import sys; sys.path[:] = {path!r}; from rlbreakout.game_processes import serve; serve({file!r})"


class SharedArrays:
    """Arrays of given names, shapes and dtypes in one file that two processes have mapped."""

    def __init__(self, path: Path, arrays: Mapping[str, tuple[tuple[int, ...], Any]], *, make: bool = False) -> None:
        places: dict[str, int] = {}
        size = 0
        for name, (shape, dtype) in arrays.items():
            places[name] = size
            size += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // ALIGNED) * ALIGNED
        with path.open("r+b") as file:
            if make:
                file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)
        self._arrays = {
            name: np.frombuffer(self._map, dtype, int(np.prod(shape)), places[name]).reshape(shape)
            for name, (shape, dtype) in arrays.items()
        }

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]


class GameProcess:
    """`n` games in a process of their own; as Games, but a step is begun and then waited for.

    It starts at once. Call `ready` before anything else, and `close` at the end. `space` is that of the observation of
    one game.
    """

    def __init__(self, config: Config, n: int, space: gym.Space) -> None:
        self._space = space
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # memory that is never written to a disk
        handle, name = tempfile.mkstemp(prefix="rlbreakout_", dir=folder)
        os.close(handle)
        self._file = Path(name)
        try:
            self._arrays = SharedArrays(self._file, _arrays(self._space, n), make=True)
            self._process = subprocess.Popen(
                [sys.executable, "-c", START.format(path=sys.path, file=name)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the training, which saves before it closes this
            )
            self._ask(("make", config.model_dump(), n))
        except BaseException:
            self._forget_file()
            raise

    def ready(self) -> None:
        """Wait until it has its games."""
        try:
            self._answer()
        finally:
            self._forget_file()  # both have it open

    def _forget_file(self) -> None:
        with suppress(PermissionError):  # of Windows, where it has to be left behind
            self._file.unlink(missing_ok=True)

    @property
    def id(self) -> int:
        return self._process.pid

    def begin_reset(self, seeds: list[int | None]) -> None:
        self._ask(("reset", seeds))

    def end_reset(self) -> tuple[Observation, np.ndarray]:
        """The observation and the lives. The arrays are those of the next step, too."""
        self._answer()
        return self._observation(), self._arrays["lives"]

    def begin_step(self, actions: np.ndarray) -> None:
        self._arrays["actions"][:] = actions
        self._ask("step")

    def end_step(self) -> Step:
        """What came of it. The arrays are those of the next step, too."""
        ends = self._answer()
        arrays = self._arrays
        return Step(self._observation(), arrays["rewards"], arrays["dones"], arrays["lives"], ends)

    def get(self, name: str) -> Any:
        """An attribute of the Games."""
        self._ask(("get", name))
        return self._answer()

    def close(self) -> None:
        self._forget_file()
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(timeout=30)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _observation(self) -> Observation:
        if isinstance(self._space, gym.spaces.Dict):
            return {name: self._arrays[f"observation {name}"] for name in self._space}
        return self._arrays["observation"]

    def _ask(self, message: Any) -> None:
        try:
            assert self._process.stdin is not None
            _write(self._process.stdin, message)
        except BrokenPipeError:
            self._lost()
        self._arrays["asked"][0] += 1

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        asked, answered = self._arrays["asked"], self._arrays["answered"]
        _watch(lambda: answered[0] == asked[0])
        try:
            kind, content = _read(self._process.stdout)
        except EOFError:
            self._lost()
        if kind == "failed":
            raise RuntimeError(f"a process that plays games failed:\n{content}")
        return content

    def _lost(self) -> Any:
        raise GamesLost(f"a process that plays games ended with status {self._process.wait(timeout=30)}") from None


def _arrays(space: gym.Space, n: int) -> dict[str, tuple[tuple[int, ...], Any]]:
    parts = {f"observation {name}": part for name, part in space.items()} if isinstance(space, gym.spaces.Dict) else {}
    observations = parts or {"observation": space}
    return {
        "asked": ((1,), np.int64),  # how many messages were written to the process
        "answered": ((1,), np.int64),  # and to how many of them it has written the answer
        "actions": ((n,), np.int64),
        "rewards": ((n,), np.float32),
        "dones": ((n,), np.bool_),
        "lives": ((n,), np.int64),
        **{name: ((n, *part.shape), part.dtype) for name, part in observations.items()},  # type: ignore[misc]
    }


def _watch(there: Callable[[], bool]) -> None:
    """Return when the message is `there`, or after WATCHED seconds."""
    until = time.perf_counter() + WATCHED
    while not there() and time.perf_counter() < until:
        pass


def _write(file: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    file.write(LENGTH.pack(len(data)) + data)
    file.flush()


def _read(file: IO[bytes]) -> Any:
    """Raises EOFError if the other end is closed."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    return pickle.loads(file.read(LENGTH.unpack(head)[0]))


def serve(file: str) -> None:
    """What the process does: play games on the commands that arrive at its standard input, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no answer
    server = _Server(Path(file), output)
    while True:
        try:
            message = server.listen()
        except EOFError:
            return
        try:
            answer = "done", server.answer(message)
        except Exception:
            answer = "failed", traceback.format_exc()
        try:
            server.tell(answer)
        except BrokenPipeError:
            return


class _Server:
    _games: Games
    _arrays: SharedArrays

    def __init__(self, file: Path, output: IO[bytes]) -> None:
        self._file, self._output = file, output
        self._made = False

    def listen(self) -> Any:
        """The next message. Raises EOFError when there will be none."""
        if self._made:
            asked, answered = self._arrays["asked"], self._arrays["answered"]
            _watch(lambda: asked[0] > answered[0])
        return _read(sys.stdin.buffer)

    def tell(self, answer: tuple[str, Any]) -> None:
        _write(self._output, answer)
        if self._made:
            self._arrays["answered"][0] += 1

    def answer(self, message: Any) -> Any:
        if message == "step":
            step = self._games.step(self._arrays["actions"])
            self._put(step.observation)
            for name in ("rewards", "dones", "lives"):
                self._arrays[name][:] = getattr(step, name)
            return step.ends
        what, *rest = message
        if what == "make":
            config, n = rest
            self._games = Games(parse_config(config), n)
            self._arrays = SharedArrays(self._file, _arrays(self._games.space, n))
            self._made = True
            return None
        if what == "reset":
            self._put(self._games.reset(rest[0]))
            self._arrays["lives"][:] = self._games.lives
            return None
        return getattr(self._games, rest[0])

    def _put(self, observation: Observation) -> None:
        if isinstance(observation, dict):
            for name, part in observation.items():
                self._arrays[f"observation {name}"][:] = part
        else:
            self._arrays["observation"][:] = observation
