"""`rlbreakout bench`: how fast this machine is, how accurate the aimbot is, and how exact and fast the twin is."""

from __future__ import annotations

from pathlib import Path

PARTS = ("speed", "twin")


def bench(json_file: Path | None = None, part: str = "speed") -> None:
    """Measure one of PARTS, print the figures, and write them to `json_file`, if given.

    Raises UserError if the file cannot be written.
    """
    from rlbreakout.bench.measure import report
    from rlbreakout.bench.speed import measure_speed
    from rlbreakout.bench.twin_speed import measure_twin

    report(measure_speed if part == "speed" else measure_twin, json_file)
