"""Errors that the command and the lessons print as one line, and their exit statuses."""

import errno
import importlib.util

FAILED = 1
"""Exit status when the machine could not do what was asked, such as write to a full disk."""
BAD_INPUT = 2
"""Exit status for a learner's mistake."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""


class UserError(ValueError):
    """Bad input. The command and the lessons print it as one line and exit with status 2."""


class MachineError(Exception):
    """What this machine could not do. The command and the lessons print it as a line and exit with status 1."""


class DiskError(MachineError):
    """The disk is full or cannot be written."""


DISK_ERRORS = tuple(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO") if hasattr(errno, name)
)
"""Of OSError: the disk's, not the program's."""


def machine_error(error: BaseException) -> str | None:
    """What an error says about the machine in one line, or None if it is about something else."""
    if isinstance(error, MachineError):
        return str(error)
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    return None


def require_extra(module: str, extra: str) -> None:
    """Raise UserError with the pip command that adds `extra` if `module` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{module} is not installed; add the extra '{extra}': pip install -c constraints.txt -e '.[{extra}]'"
        )
