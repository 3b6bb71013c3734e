"""Lesson 6."""

from __future__ import annotations

from statistics import median

from results.tables.common import gif, how_scored, interval, load, pooled, scored, table
from rlbreakout.screen import MOST_POINTS, WALL_POINTS

BEGIN = {
    "fresh": "all at the start",
    "late": "a third where few bricks are left",
    "failure": "a third before a lost life",
}
ALGORITHMS = {"ppo": "PPO", "a2c": "A2C", "recurrent_ppo": "recurrent PPO", "dqn": "DQN", "qrdqn": "QR-DQN"}


def late_game() -> str:
    """Lesson 6.1: where the training games begin, the same seeds each."""
    results = load("6.1_late_game.json")["results"]
    rows = [
        [
            BEGIN[name],
            *(scored(facts) for facts in seeds),
            f"**{pooled([s for facts in seeds for s in facts['scores']])}**",
        ]
        for name, seeds in results.items()
    ]
    return table(
        ["training games begin", *(f"seed {seed}" for seed in range(len(results["fresh"]))), "all games"], rows
    )


def noise() -> str:
    """Lesson 6.2: which noise in training, which in play; the games of all seeds together."""
    results = load("6.2_noise.json")["results"]
    rows = [
        [name, *(pooled([s for facts in cell for s in facts["scores"]]) for cell in row.values())]
        for name, row in results.items()
    ]
    return table(["trained with", *(f"plays with {played}" for played in next(iter(results.values())))], rows)


def other_models() -> str:
    """Lesson 6.3: five algorithms, the same numbers and steps."""
    data = load("6.3_other_models.json")
    rows = [
        [
            ALGORITHMS[name],
            f"{sum(data['minutes'][name]) / len(seeds):.0f}",
            "; ".join(scored(facts) for facts in seeds),
            f"**{pooled([s for facts in seeds for s in facts['scores']])}**",
        ]
        for name, seeds in data["results"].items()
    ]
    return table(["algorithm", "minutes", "each seed", "all games"], rows)


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
    late = load("6.1_late_game.json")
    each = median(late["minutes"].values())
    return [
        [
            f"[6.1]({readme})",
            f"games that begin late, or before a mistake (here: {late['best']})",
            how_scored(late, late["score"]),
            f"{len(late['minutes'])} x {each:.0f} min on one",
            gif("6.1_late_game"),
        ],
        [
            f"[6.4]({readme})",
            "the champion: the last bricks, under sticky actions",
            how_scored(data, data["score"]),
            f"{trained:.0f} min",
            gif("6.4_champion"),
        ],
    ]
