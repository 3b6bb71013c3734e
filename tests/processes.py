"""Commands in processes of their own, forked from one that has torch imported already.

Some tests kill a training, or look at what a whole program does. What takes time there is importing torch, SB3 and
Matplotlib, so Python's fork server imports them once, and each command gets a fork of it: an interpreter in which
nothing of this project has been imported or set. Where there is no fork, and for options of Python itself, the command
is started as usual.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

IMPORTED_ONCE = (
    *("torch", "torch.utils.tensorboard", "stable_baselines3", "gymnasium", "ale_py", "imageio"),
    *("matplotlib.pyplot", "pydantic", "yaml", "scipy.stats", "tyro", "numba", "sb3_contrib", "loky", "optuna"),
)
CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()


def run_python(
    arguments: list[str], cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run python with `arguments`: a script or -m MODULE from the fork server, anything else as it is."""
    command = [sys.executable, *arguments]
    if not CAN_FORK or (arguments[0].startswith("-") and arguments[0] != "-m"):
        return subprocess.run(command, cwd=cwd, env=dict(env), capture_output=True, text=True, timeout=timeout)
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "stdout"), Path(folder, "stderr")
        process = start_python(arguments, cwd, env, output, errors)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout, output.read_text(), errors.read_text())
        return subprocess.CompletedProcess(command, process.exitcode, output.read_text(), errors.read_text())


def start_python(
    arguments: list[str], cwd: Path, env: Mapping[str, str], output: Path, errors: Path
) -> multiprocessing.context.ForkServerProcess:
    """Start python with `arguments` from the fork server; what it prints goes to two files."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED_ONCE))
    process = context.Process(target=become, args=(arguments, cwd, dict(env), output, errors))
    process.start()
    return process


def become(arguments: list[str], cwd: Path, env: dict[str, str], output: Path, errors: Path) -> None:
    """Do in this process what `python ARGUMENTS` does in a new one."""
    for path, descriptor in ((output, 1), (errors, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:] = [path for path in sys.path if path != str(Path(__file__).parent.parent)]
    try:
        if arguments[0] == "-m":
            sys.path.insert(0, str(cwd))
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(arguments[0]).parent))
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except Exception:
        sys.excepthook(*sys.exc_info())  # which lessons replace
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing ends without them
