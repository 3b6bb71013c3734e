"""Lessons 1 and 2."""

from __future__ import annotations

from results.tables.common import interval, load, table


def first_ppo() -> str:
    """Lesson 1.3 beside the random agent of 1.1."""
    lessons = load("lessons.json")
    rows = []
    for name, who in (("1.1_gym", "random"), ("1.3_train", "PPO, SB3's defaults, 20,480 agent steps")):
        run = lessons[name]
        rows.append([who, f"{run['score']:.2f}", f"{run['games']}, seed {run['seed']}", f"`{run['env_id']}`"])
    return table(["agent", "mean score", "games", "environment"], rows)


def two_speeds() -> str:
    """Lesson 2.1: 1 and 8 environments."""
    run = load("lessons.json")["2.1_envs"]
    speeds = run["steps_per_second"]
    rows = [[n, f"{speeds[n]:.0f}", f"{speeds[n] / speeds['1']:.2f}", interval(run["scores"][n])] for n in ("1", "8")]
    return table(["environments", "agent steps/s, learning included", "ratio", "score [95% interval]"], rows)


def three_rewards() -> str:
    """Lesson 2.2: three numbers called reward."""
    run = load("lessons.json")["2.2_callbacks"]
    rows = [[name, f"{value:.2f}"] for name, value in run["three_rewards"].items()]
    return table(["number", "after 20,480 agent steps"], rows)


def three_ids() -> str:
    """Lesson 2.3's agent on three environments, sampled and greedy."""
    rows = [
        [
            f"`{result['env_id']}`",
            "greedy" if result["greedy"] else "sampled",
            interval(result),
            f"{result['median']:.1f}",
            f"{result['min']:.0f} to {result['max']:.0f}",
            str(result["stalled"]),
        ]
        for result in load("2.3_zoo.json")["evaluations"]
    ]
    return table(["environment", "actions", "mean [95% interval]", "median", "range", "stalled"], rows)


def fast_envs() -> str:
    """Lesson 2.4: one after the other, and fast."""
    run = load("lessons.json")["2.4_fast_envs"]
    rows = [
        [name, f"{run['alone'][name]:,.0f}", f"{speed:,.0f}", interval(run["scores"][name])]
        for name, speed in run["steps_per_second"].items()
    ]
    return table(["environments", "agent steps/s alone", "with PPO", "score [95% interval]"], rows)
