"""Lesson 6."""

from __future__ import annotations

from statistics import median
from typing import Any

from results.tables.common import gif, how_scored, load, pooled, score_of, scored, table
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS

BEGIN = {
    "fresh": "all at the start",
    "late": "a third where few bricks are left",
    "failure": "a third before a lost life",
}
ALGORITHMS = {"ppo": "PPO", "a2c": "A2C", "recurrent_ppo": "recurrent PPO", "dqn": "DQN", "qrdqn": "QR-DQN"}


def scores_of(seeds: list[dict[str, Any]]) -> list[float]:
    """All games of the agents of one kind."""
    return [score for facts in seeds for score in facts["scores"]]


def late_game() -> str:
    """Lesson 6.1: where the training games begin, the same seeds each."""
    results = load("6.1_late_game.json")["results"]
    rows = [
        [
            BEGIN[name],
            *(scored(facts) for facts in seeds),
            f"**{pooled(scores_of(seeds))}**",
        ]
        for name, seeds in results.items()
    ]
    return table(
        ["training games begin", *(f"seed {seed}" for seed in range(len(results["fresh"]))), "all games"], rows
    )


def noise() -> str:
    """Lesson 6.2: which noise in training, which in play; the games of all seeds together."""
    results = load("6.2_noise.json")["results"]
    rows = [[name, *(pooled(scores_of(seeds)) for seeds in row.values())] for name, row in results.items()]
    return table(["trained with, and plays with:", *next(iter(results.values()))], rows)


def minutes_of(data: dict[str, Any], name: str) -> list[float]:
    """How long each training of one algorithm took, from lesson 6.3's file."""
    return [data["minutes"][f"{name}_{seed}"] for seed in range(len(data["results"][name]))]


def other_models() -> str:
    """Lesson 6.3: five algorithms, the same numbers and steps."""
    data = load("6.3_other_models.json")
    rows = [
        [
            ALGORITHMS[name],
            ", ".join(f"{minutes:.0f}" for minutes in minutes_of(data, name)),
            "; ".join(scored(facts) for facts in seeds),
            f"**{pooled(scores_of(seeds))}**",
        ]
        for name, seeds in data["results"].items()
    ]
    return table(["algorithm", "minutes on one core", "each seed", "all games"], rows)


def reached(facts: dict[str, Any], points: int) -> str:
    """The share of games with so many points."""
    return f"{sum(score >= points for score in facts['scores']) / len(facts['scores']):.0%}"


def champion() -> str:
    """Lesson 6.4: one agent, and everything that may be different from its training; and one with another seed."""
    rows = []
    results = load("6.4_champion.json")["results"]
    second = load("6.4_champion_second.json")["results"]
    other = {f"trained with seed 1, {name}": facts for name, facts in second.items()}
    for name, facts in (results | other).items():
        shown = f"`{name}`" if name == facts["env_id"] else name
        walls = [reached(facts, points) for points in (WALL_POINTS, MOST_POINTS)]
        cells = [f"{facts['median']:.0f}", *walls, str(facts["stalled"])]
        rows.append([shown, str(facts["games"]), score_of(facts), *cells])
    head = ["what is different", "games", "mean [95% interval]", "median", "first wall", "both walls", "stalled"]
    return table(head, rows)


def foresight() -> str:
    """Lesson 6.4: three agents, each of which looks further ahead than the one before."""
    before, further, champion = (load(f"6.4_champion{name}.json")["results"] for name in ("_before", "_foresight", ""))
    rows = []
    for name in further:
        agents = [results[name] for results in (before, further, champion)]
        cells = [
            f"{score_of(facts)}, {reached(facts, MOST_POINTS)}, {facts['stalled'] / facts['games']:.0%}"
            for facts in agents
        ]
        rows.append([name, *cells])
    head = ["what is different", "one bounce ahead", "with foresight and rounds", "with aim, too: the champion"]
    return table(head, rows)


def rows_of_lesson_6() -> list[list[str]]:
    readme, data = "lessons/6_beyond/README.md", load("6.4_champion.json")
    trained = data["minutes"]["seed_0"]
    late = load("6.1_late_game.json")
    each = median(late["minutes"].values())
    noisy, others = load("6.2_noise.json"), load("6.3_other_models.json")
    return [
        [
            f"[6.1]({readme})",
            f"games that begin late, or before a mistake (here: {late['best']})",
            how_scored(late, late["score"]),
            f"{len(late['minutes'])} x {each:.0f} min on one core",
            gif("6.1_late_game"),
        ],
        [
            f"[6.2]({readme})",
            f"which noise in training helps against which in play? (here: {noisy['best']}, no noise in play)",
            how_scored(noisy, noisy["score"]),
            f"{len(noisy['minutes'])} x {median(noisy['minutes'].values()):.0f} min on one core",
            gif("6.2_noise"),
        ],
        [
            f"[6.3]({readme})",
            f"the same numbers, five algorithms (here: {ALGORITHMS[others['best']]})",
            how_scored(others, others["score"]),
            f"{min(others['minutes'].values()):.0f} to {max(others['minutes'].values()):.0f} min each, on one core",
            gif("6.3_other_models"),
        ],
        [
            f"[6.4]({readme})",
            "the champion: the last bricks, under sticky actions",
            how_scored(data, data["score"]),
            f"{trained:.0f} min on one core",
            gif("6.4_champion"),
        ],
    ]
