"""How much memory is free, on this machine and in this container."""

from __future__ import annotations

from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def free_memory() -> float:
    """Bytes that this process can still use: those that the machine has free, or fewer where a container allows fewer.

    A container's limit is that of its cgroup, version 1 or 2, or of one above it
    (https://docs.kernel.org/admin-guide/cgroup-v2.html).
    """
    return min(psutil.virtual_memory().available, *(_free_in(folder) for folder in _own_cgroups()))


def _own_cgroups() -> list[Path]:
    """The folders of the cgroups that may limit this process's memory."""
    folders = [CGROUPS, CGROUPS / "memory"]
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:  # not on Linux
        return folders
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            own = Path(path.lstrip("/"))
            folders += [CGROUPS / controllers / part for part in (own, *own.parents)]
    return folders


def _free_in(folder: Path) -> float:
    """Bytes left in a cgroup; infinite if it has no limit."""
    for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        try:
            allowed, used = int((folder / limit).read_text()), int((folder / usage).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # another version, or "max"
            continue
        return max(0, allowed - used + int(stat.get("inactive_file", 0)))  # files that are dropped when there is need
    return float("inf")
