"""What `rlbreakout bench` measured."""

from __future__ import annotations

from results.tables.common import load, table
from rlbreakout.bench.speed import RATIO_HEADS


def speeds() -> str:
    """What `rlbreakout bench` says about speed."""
    bench = load("bench.json")
    ratios = list(bench["ratios"].items())
    rows = []
    for figure in bench["figures"]:
        if figure["unit"] in ("frames/s", "agent steps/s", "MB"):
            shares = (f"{share[figure['name']]:.2f}" if figure["name"] in share else "" for _, share in ratios)
            rows.append([figure["name"], f"{figure['value']:,.0f} {figure['unit']}", *shares])
    return table(["what", "measured", *(RATIO_HEADS[name] for name, _ in ratios)], rows)


def aimbot_accuracy() -> str:
    """What `rlbreakout bench` says about the aimbot."""
    rows = []
    for figure in load("bench.json")["figures"]:
        what, _, name = figure["name"].partition(": ")
        if what == "aimbot":
            share = figure["unit"] == "share"
            rows.append([name, f"{figure['value']:.2%}" if share else f"{figure['value']:,.0f} {figure['unit']}"])
    return table(["aimbot", "measured"], rows)
