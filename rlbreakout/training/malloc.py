"""Keeps freed memory in the process, for large arrays that a training allocates again and again."""

from __future__ import annotations

import ctypes
import sys

# Names and numbers of malloc.h, https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for what it needs next. Returns whether this system supports it.

    PPO makes the same large arrays for every minibatch of pictures. glibc gives large ones back to the system at once,
    which then hands out page after page of zeros for the next one: `rlbreakout bench` shows what that costs. Elsewhere
    than on Linux with glibc nothing is changed.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    settings = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, 2**31 - 1))
    return hasattr(libc, "mallopt") and all(libc.mallopt(*setting) == 1 for setting in settings)
