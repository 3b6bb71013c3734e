"""Errors that the command and the lessons print as one line, and their exit statuses."""

import errno
import importlib.util
from typing import NamedTuple

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
"""Exit statuses: the machine failed, such as with a full disk; a learner's mistake; Ctrl-C (128 + SIGINT)."""


class UserError(ValueError):
    """Bad input. The command and the lessons print it as one line and exit with status 2."""


class MachineError(Exception):
    """The machine failed. The command and the lessons print it as one line and exit with status 1."""


class DiskError(MachineError):
    """The disk is full or cannot be written."""


DISK_ERRORS = tuple(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO") if hasattr(errno, name)
)
"""Values of OSError.errno that are about the disk, not the program."""


LONGEST_NAME = 255
"""Bytes in the name of a file or folder, on Linux, macOS and Windows."""


class Line(NamedTuple):
    """What is printed instead of a traceback, and the exit status."""

    text: str
    status: int


def one_line(error: BaseException) -> Line | None:
    """One line about a learner's mistake or a failure of the machine, or None if the error is about something else."""
    if isinstance(error, UserError):
        return Line(str(error), BAD_INPUT)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return Line(f"{error.filename}: the name is too long; allowed: {LONGEST_NAME} bytes a name", BAD_INPUT)
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return Line("too many open files; allow more of them (ulimit -n 4096), or train in fewer environments", FAILED)
    if (text := disk_error(error)) is not None or isinstance(error, MachineError):
        return Line(text or str(error), FAILED)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # what torch's RuntimeError says
        return Line(f"not enough memory on this machine or in this container: {_shortly(error)}", FAILED)
    return None


def disk_error(error: BaseException) -> str | None:
    """One line about a disk that is full or cannot be written, or None if the error is about something else."""
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    return str(error) if isinstance(error, DiskError) else None


def _shortly(error: BaseException) -> str:
    return " ".join(str(error).split()) or "an allocation failed"


def require_extra(module: str, extra: str) -> None:
    """Raise UserError, with the pip command that installs `extra`, if `module` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{module} is not installed; add the extra '{extra}': pip install -c constraints.txt -e '.[{extra}]'"
        )
