"""Errors that the command and the lessons print as one line, and their exit statuses."""

import errno
import importlib.util

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


def machine_error(error: BaseException) -> str | None:
    """One line about a failure of the machine, or None if the error is about something else."""
    if isinstance(error, MachineError):
        return str(error)
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    return None


def require_extra(module: str, extra: str) -> None:
    """Raise UserError, with the pip command that installs `extra`, if `module` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{module} is not installed; add the extra '{extra}': pip install -c constraints.txt -e '.[{extra}]'"
        )
