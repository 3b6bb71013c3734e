"""Lesson 3."""

from __future__ import annotations

from typing import Any

from results.tables.common import interval, load, scored, table

PICTURES = {
    "grey": "grey, whole screen",
    "mono": "black and white",
    "trim": "... trimmed",
    "aimbot": "... with the aimbot",
    "counters": "... and counters",
}
"""The variants of lesson 3.3, each one change after the one before."""
SEEN = {"image": "image", "counters": "image + counters", "coordinates": "coordinates", "both": "both"}
"""The variants of lesson 3.4."""
SCORE_HEAD = ["what it sees", "seed", "agent steps", "minutes", "sampled [95% interval]", "greedy", "stalled"]


def grid() -> str:
    """Lesson 3.3: the score of each picture with 1 to 4 of them at once."""
    runs = load("3.3_grid.json")["runs"]
    pictures = list(dict.fromkeys(name.split("_")[0] for name in runs))
    stacks = sorted({run["observation"]["frame_stack"] for run in runs.values()})
    by_picture = {p: [interval(runs[f"{p}_{stack}_0"]["evaluation"]) for stack in stacks] for p in PICTURES}
    assert set(pictures) == set(PICTURES)
    rows = [[PICTURES[picture], *scores] for picture, scores in by_picture.items()]
    return table(["what it sees", *(f"{stack} at once" for stack in stacks)], rows)


def with_aimbot() -> str:
    """Lesson 3.3: ten times as long, with and without the aimbot."""
    runs = load("3.3_aimbot.json")["runs"]
    return table(SCORE_HEAD, [score_row(what, runs[run]) for what, run in (("with", "image_0"), ("without", "trim_0"))])


def agents_that_see() -> dict[str, list[dict[str, Any]]]:
    """The runs of lesson 3.4 by what they see; a run is called after it and its seed."""
    runs = {**load("3.4_coordinates.json")["runs"], **load("3.3_aimbot.json")["runs"]}
    found = {what: [run for name, run in runs.items() if name.startswith(f"{key}_")] for key, what in SEEN.items()}
    return {what: of_seeds for what, of_seeds in found.items() if of_seeds}


def what_it_sees() -> str:
    """Lesson 3.4: each agent's score and time."""
    return table(SCORE_HEAD, [score_row(what, run) for what, runs in agents_that_see().items() for run in runs])


def in_the_twin() -> str:
    """Lesson 3.4: blocks of coordinates, trained in the twin and played in the emulator, a row for each seed."""
    kept = load("3.4_blocks.json")
    rows = [
        [
            str(seed),
            f"{kept['curves'][f'blocks_{seed}']['time/fps']['steps'][-1]:,}",
            f"{kept['minutes'][f'blocks_{seed}']:.0f}",
            scored(facts),
        ]
        for seed, facts in enumerate(kept["results"]["blocks"])
    ]
    return table(["seed", "agent steps", "minutes", "100 games in the emulator, sampled [95% interval]"], rows)


def four_ways() -> str:
    """Lesson 3.4: all four, trained for a tenth of the steps."""
    runs = load("3.4_four_ways.json")["runs"]
    return table(SCORE_HEAD, [score_row(what, runs[f"{key}_0"]) for key, what in SEEN.items()])


def score_row(what: str, run: dict[str, Any]) -> list[str]:
    """A row under SCORE_HEAD: 100 games sampled, 100 greedy."""
    sampled, greedy = run["evaluations"]
    training = run["training"]
    stalled = f"{sampled['stalled']} and {greedy['stalled']}"
    took = f"{training['minutes']:.0f}"
    seed, steps = str(run["config"]["seed"]), f"{training['steps']:,}"
    return [what, seed, steps, took, interval(sampled), interval(greedy), stalled]
