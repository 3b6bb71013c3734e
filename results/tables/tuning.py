"""Lesson 4."""

from __future__ import annotations

import json
from typing import Any

from results.tables.common import crossed, gif, how_scored, interval, load, minutes, pooled, scored, table


def best_of_two_studies() -> str:
    """Lesson 4.0: the five best of study 1, in study 1 and again in study 2, beside the settings of lesson 3.4."""
    first, second = (load(f"4.0_study_{number}.json")["trials"] for number in (1, 2))
    again = {json.dumps(trial["params"], sort_keys=True): trial["value"] for trial in second}
    best = sorted((trial for trial in first if trial["state"] == "complete"), key=lambda trial: -trial["value"])[:5]
    longer = [again[json.dumps(trial["params"], sort_keys=True)] for trial in best]
    before = load("3.4_four_ways.json")["runs"]["coordinates_0"]
    rows = [
        ["points in study 1", *(f"{trial['value']:.1f}" for trial in best), f"{before['evaluations'][0]['mean']:.1f}"],
        ["points in study 2", *(f"{value:.1f}" for value in longer), ""],
    ]
    for name in (name for name in best[0]["params"] if not name.endswith(".schedule")):
        values = [with_schedule(name, trial["params"]) for trial in best]
        part, _, key = name.partition(".")
        default = {"activation": "tanh"}  # SB3's
        rows.append([f"`{key}`", *values, short(before["config"][part][key] or default[key])])
    return table(["", *(f"trial {trial['number']}" for trial in best), "lesson 3.4"], rows)


def with_schedule(name: str, params: dict[str, Any]) -> str:
    linear = params.get(f"{name}.schedule") == "linear"
    return ("lin_" if linear else "") + short(params[name])


def short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def importance() -> str:
    """Lesson 4.0: how much each hyperparameter matters, two answers."""
    found = load("4.0_study_explore.json")["importance"]
    left_out, counted = found["pruned_left_out"], found["pruned_counted_as_bad"]
    rows = [
        [f"`{name}`", f"{left_out.get(name, 0):.2f}", f"{counted[name]:.2f}"]
        for name in sorted(counted, key=lambda name: -counted[name])
    ]
    return table(["hyperparameter", "pruned trials left out", "pruned trials counted as bad"], rows)


def luck() -> str:
    """Lesson 4.0: the best trial of study 1, and the same settings with other seeds."""
    found = load("4.0_study_explore.json")
    scores = enumerate(found["scores_of_seeds"], start=1)
    rows = [["the best trial of study 1, seed 0", f"{found['value_in_the_study']:.1f}"]]
    rows += [[f"the same settings, seed {seed}", f"{score:.1f}"] for seed, score in scores]
    return table(["training of 100,000 agent steps", "mean of 20 games"], rows)


def everybody_everywhere() -> str:
    """Lesson 4.1: three agents on three environments, 100 greedy games a cell."""
    return crossed(load("4.1_env_comparison.json")["table"], "plays in `{}`")


def one_difference() -> str:
    """Lesson 4.1: the same agents in the deterministic game, and in what differs from it in one thing."""
    measured = load("4.1_env_comparison.json")["differences"]
    # Measured when random starts were rounded to whole steps.
    shown = {"no-op starts": "no-op starts of whole steps"}
    rows = {who: {shown.get(place, place): facts for place, facts in row.items()} for who, row in measured.items()}
    return crossed(rows, "{}")


def short_and_long() -> str:
    """Lesson 4.3: each schedule, trained for two lengths."""
    results = load("4.3_schedules.json")["results"]
    names = list(dict.fromkeys(key.split(", ")[0] for key in results))
    lengths = sorted({int(key.split(", ")[1]) for key in results})
    cells = [[results.get(f"{name}, {steps}") for steps in lengths] for name in names]
    rows = [[name, *(scored(cell) if cell else "" for cell in row)] for name, row in zip(names, cells, strict=True)]
    return table(["schedule", *(f"{steps:,} agent steps" for steps in lengths)], rows)


def tuned() -> str:
    """Lesson 4.3: the settings of lesson 3.4 and those that the studies found, three seeds each, 100 games sampled."""
    rows = []
    for what, file in (("lesson 3.4's", "3.4_coordinates.json"), ("tuned", "4.3_best.json")):
        scores: list[float] = []
        for run in load(file)["runs"].values():
            result, training = run["evaluations"][0], run["training"]
            scores += result["scores"]
            seed, steps = str(run["config"]["seed"]), f"{training['steps']:,}"
            rows.append([what, seed, steps, interval(result), f"{result['median']:.0f}", str(result["stalled"])])
        rows.append([what, "all", "", f"**{pooled(scores)}**", "", ""])
    return table(["settings", "seed", "agent steps", "mean [95% interval]", "median", "stalled"], rows)


def rows_of_lesson_4() -> list[list[str]]:
    readme = "lessons/4_tuning/README.md"
    studies = [load(f"4.0_study_{number}.json")["trials"] for number in (1, 2)]
    environments, grid_, best = load("4.1_env_comparison.json"), load("4.2_grid.json"), load("4.3_best.json")
    tuned_run = best["runs"]["best_0"]
    result = tuned_run["evaluations"][0]
    trained = sum(environments["minutes"].values())

    def took(trials: list[dict[str, Any]]) -> str:
        return minutes(sum(trial["seconds"] for trial in trials) / 2)  # two at once

    return [
        [f"[4.0]({readme})", "Optuna: two studies, and how far to trust them", "", took(studies[0] + studies[1]), ""],
        [
            f"[4.1]({readme})",
            "who learned to play, and who memorised a game?",
            how_scored(environments, environments["score"]),
            f"{trained:.0f} min of training, a core each",
            gif("4.1_by_heart"),
        ],
        [f"[4.2]({readme})", "a grid, and its price", how_scored(grid_, grid_["score"]), took(grid_["trials"]), ""],
        [
            f"[4.3]({readme})",
            "schedules, and the settings that the studies found",
            how_scored(result, result["mean"]),
            f"{tuned_run['training']['minutes']:.0f} min on one core",
            gif("4.3_tuned"),
        ],
    ]
