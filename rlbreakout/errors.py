"""The one exception for a learner's mistakes: it names what is wrong and what is allowed."""

import importlib.util

BAD_INPUT = 2
"""Exit status for a learner's mistake."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""


class UserError(ValueError):
    """Bad input. The command and the lessons print it as one line and exit with status 2."""


def require_extra(module: str, extra: str) -> None:
    """Raise UserError with the pip command that adds `extra` if `module` is not installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{module} is not installed; add the extra '{extra}': pip install -c constraints.txt -e '.[{extra}]'"
        )
