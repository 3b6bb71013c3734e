"""Lesson 6."""

from __future__ import annotations

from results.tables.common import gif, how_scored, interval, load, table
from rlbreakout.screen import MOST_POINTS, WALL_POINTS


def champion() -> str:
    """Lesson 6.4: one agent, and everything that may be different from its training; and one with another seed."""
    rows = []
    results = load("6.4_champion.json")["results"]
    second = load("6.4_champion_second.json")["results"]["as trained"]
    for name, facts in [*results.items(), ("trained with seed 1, as trained", second)]:
        scores = facts["scores"]
        walls = [sum(score >= points for score in scores) / len(scores) for points in (WALL_POINTS, MOST_POINTS)]
        shown = f"`{name}`" if name == facts["env_id"] else name
        cells = [f"{facts['median']:.0f}", *(f"{share:.0%}" for share in walls), str(facts["stalled"])]
        rows.append([shown, str(facts["games"]), interval({**facts, "mean": facts["score"]}), *cells])
    head = ["what is different", "games", "mean [95% interval]", "median", "first wall", "both walls", "stalled"]
    return table(head, rows)


def rows_of_lesson_6() -> list[list[str]]:
    readme, data = "lessons/6_beyond/README.md", load("6.4_champion.json")
    trained = data["minutes"]["seed_0"]
    return [
        [
            f"[6.4]({readme})",
            "the champion: the last bricks, under sticky actions",
            how_scored(data, data["score"]),
            f"{trained:.0f} min",
            gif("6.4_champion"),
        ]
    ]
