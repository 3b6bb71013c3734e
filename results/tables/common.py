"""What the tables have in common: numbers as text, and rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlbreakout.evaluate import bootstrap_interval

RESULTS = Path(__file__).parents[1]


def load(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def interval(result: dict[str, Any]) -> str:
    return f"{result['mean']:.1f} [{result['ci95'][0]:.1f}, {result['ci95'][1]:.1f}]"


def pooled(scores: list[float]) -> str:
    """The mean over the games of several agents, with the interval of all these games."""
    low, high = bootstrap_interval(scores)
    return f"{sum(scores) / len(scores):.1f} [{low:.1f}, {high:.1f}]"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gif(lesson: str) -> str:
    return f"[look](videos/{lesson}.gif)"


def how_scored(result: dict[str, Any], score: float) -> str:
    actions = "greedy" if result["greedy"] else "sampled"
    return f"{score:.1f} ({result['games']} games, seed {result['seed']}, `{result['env_id']}`, {actions})"


def score_of(facts: dict[str, Any]) -> str:
    """A score as a lesson keeps it."""
    return interval({**facts, "mean": facts["score"]})


def scored(facts: dict[str, Any]) -> str:
    """The same with the games that stalled."""
    return score_of(facts) + (f", {facts['stalled']} stalled" if facts["stalled"] else "")


def crossed(results: dict[str, dict[str, Any]], head: str) -> str:
    """A row for each agent, a column for each place that it plays in."""
    rows = [
        [name if " " in name else f"`{name}`", *(scored(result) for result in row.values())]
        for name, row in results.items()
    ]
    return table(["trained in", *(head.format(place) for place in next(iter(results.values())))], rows)
