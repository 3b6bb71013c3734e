"""From what a lesson left in its run folder to the form in which results are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results.schema import Evaluation, Lesson, Points, Row
from rlbreakout.agents.save_load import has_model, trained_steps
from rlbreakout.common.errors import UserError
from rlbreakout.common.yaml import read_yaml
from rlbreakout.evaluation.plots import find_scalar

CURVES_KEPT = ("rollout/ep_rew_mean", "eval/mean", "eval_twin/mean", "time/fps", "train/noise_spread")
CURVE_POINTS = 100
HOW = ("env_id", "games", "seed", "greedy")
Path_ = tuple[str | int, ...]


def kept(folder: Path, lesson: str, **about: Any) -> Lesson:
    """What the lesson in `folder` measured. about: command, machine, versions, and seconds if they are known."""
    found: dict[str, Any] = {}
    for file in ("lesson.json", "study.json"):
        if (folder / file).exists():
            found |= json.loads((folder / file).read_text(encoding="utf-8"))
    runs = {} if "trials" in found else runs_in(folder)  # the curves of a study's trials would be too many
    used = {*Evaluation.model_fields, "files", "minutes", *(key for key in found if any(evaluations(found[key])))}
    return Lesson(
        lesson=lesson,
        rows=rows_in(found, runs, lesson),
        curves={name: curves_of(run) for name, run in runs.items()},
        facts={key: value for key, value in found.items() if key not in used},
        **about,
    )


def runs_in(folder: Path) -> dict[str, Path]:
    """The run folders in `folder` by their path in it, seed 10 after seed 9."""
    runs = {str(path.parent.relative_to(folder)): path.parent for path in folder.rglob("events.out.tfevents.*")}
    return dict(sorted(runs.items(), key=lambda run: re.sub(r"\d+", lambda number: number[0].zfill(9), run[0])))


def curves_of(run: Path) -> dict[str, Points]:
    """At most CURVE_POINTS points of each curve (twice as many at worst), the last one among them."""
    curves = {}
    for tag in CURVES_KEPT:
        if (curve := find_scalar(run, tag)) is not None:
            points = range(len(curve.x) - 1, -1, -max(1, len(curve.x) // CURVE_POINTS))[::-1]
            values = [round(float(curve.y[point]), 4) for point in points]
            curves[tag] = Points(steps=[int(curve.x[point]) for point in points], values=values)
    return curves


def row_of(agent: str, name: str | None, run: Path | None) -> Row:
    """The row of an agent, without its evaluations, from its run folder if it has one."""
    if name is None or run is None:
        return Row(agent=agent)
    config = read_yaml((run / "config.yaml").read_text(encoding="utf-8"))
    row = Row(agent=agent, run=name, seed=config["seed"], config=config)
    if (speed := find_scalar(run, "time/fps")) is not None:  # steps a second since the start
        row.steps, row.minutes = int(speed.x[-1]), round(float(speed.x[-1] / speed.y[-1]) / 60, 1)
    if has_model(run / "last"):
        row.steps = trained_steps(run / "last")
    return row


def evaluations(found: Any, path: Path_ = ()) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Every evaluation in `found`, with the keys and the places in lists that lead to it."""
    if isinstance(found, dict):
        if "ci95" in found or (found.get("score") is not None and "env_id" in found):
            yield path, found
        for key, value in found.items():
            yield from evaluations(value, (*path, key))
    elif isinstance(found, list):
        for place, value in enumerate(found):
            yield from evaluations(value, (*path, place))


def rows_in(found: dict[str, Any], runs: dict[str, Path], lesson: str) -> list[Row]:
    """The agents of a lesson, with all the evaluations in what it found.

    Evaluations stand under the agent's name, if there are several, and under what is different in these games, if they
    differ; in lists, if there are several seeds. The one at the top is one of them, or the only one.
    """
    how = {key: found[key] for key in HOW if key in found}
    only = "." if "." in runs else next(iter(runs)) if len(runs) == 1 else None
    rows: dict[tuple[str, int], Row] = {}

    def add(agent: str, place: int, run: str | None, game: str, evaluation: dict[str, Any]) -> None:
        took = found.get("minutes", {}).get(agent)
        took = evaluation.pop("minutes", took[place] if isinstance(took, list) else took)
        if (agent, place) not in rows:
            rows[agent, place] = row_of(agent, run, runs.get(run or ""))
        row = rows[agent, place]
        row.minutes = row.minutes if took is None else took
        evaluation["score"] = evaluation.pop("mean", evaluation.get("score"))
        row.evaluations.append(Evaluation(**{**how, **evaluation, "game": game}))

    if found.get("score") is not None:
        top = {key: found[key] for key in Evaluation.model_fields if key in found}
        add(lesson, 0, only, "", top if isinstance(top.get("scores", []), list) else top | {"scores": []})
    for part, inside in found.items():
        here = list(evaluations(inside))
        names = {str(path[0]) for path, _ in here if path}
        of_only = only is not None and not any(runs_of(name, runs) for name in names)
        for path, evaluation in here:
            labels = [step for step in path if isinstance(step, str)]
            place = next((step for step in path if isinstance(step, int)), 0)
            if not labels or of_only:
                add(lesson, 0, only, labels[0] if labels else part, dict(evaluation))
            else:
                seeds = {step for other, _ in here if other[0] == path[0] for step in other if isinstance(step, int)}
                run = run_of(labels[0], place, max(1, len(seeds)), runs)
                add(labels[0], place, run, labels[1] if len(labels) > 1 else "", dict(evaluation))
    return with_shown(list(rows.values())) if found.get("score") is not None else list(rows.values())


def with_shown(rows: list[Row]) -> list[Row]:
    """Mark the evaluation that the first one, from the top of lesson.json, is a copy of; or else the first one."""
    top, *others = [one for row in rows for one in row.evaluations]
    same = [one for one in others if all(getattr(one, key) == getattr(top, key) for key in ("score", "ci95", *HOW))]
    (same or [top])[0].shown = True
    if same:
        rows[0].evaluations.remove(top)
    return [row for row in rows if row.evaluations]


def runs_of(agent: str, runs: dict[str, Path]) -> list[str]:
    """The runs that are called after an agent, and their seed; or else those that begin as its name does."""
    words = re.findall(r"\w+", agent.replace("_", " "))
    of_run = {name: re.findall(r"\w+", name.replace("_", " ")) for name in runs}
    exact = [name for name, has in of_run.items() if has == words or (has[:-1] == words and has[-1].isdigit())]
    return exact or [
        name for name, has in of_run.items() if any(has[:n] == words[:n] for n in (min(len(has), len(words)),))
    ]


def run_of(agent: str, place: int, seeds: int, runs: dict[str, Path]) -> str | None:
    """The run of an agent's seed. Raises UserError if it has runs of more seeds than the lesson reports."""
    found = runs_of(agent, runs)
    if not found:
        return None
    if len(found) != seeds:
        raise UserError(
            f"{agent} has {seeds} scores and the runs {', '.join(found)}; run the lesson again with all seeds"
        )
    return found[place]
