"""Commands that are printed, to be pasted into a shell."""

from __future__ import annotations

import os
import shlex
import subprocess


def command_line(*words: object) -> str:
    """A command, with the words quoted that need it for this system's shell, such as paths with spaces."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)
