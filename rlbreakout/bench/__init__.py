"""`rlbreakout bench`: how fast this machine is, how accurate the aimbot, how exact the twin."""

from __future__ import annotations

from pathlib import Path

PARTS = ("speed", "twin", "twin-speed")


def bench(json_file: Path | None = None, part: str = "speed") -> None:
    """Measure one of PARTS, print a table and, with `json_file`, write the figures. Raises UserError if the file cannot
    be written."""
    if part == "speed":
        from rlbreakout.bench.speed import bench as measure

        measure(json_file)
    else:
        from rlbreakout.bench.twin_speed import report

        report(json_file, quick=part == "twin-speed")


__all__ = ["PARTS", "bench"]
