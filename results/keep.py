"""From what a lesson left in its run folder to the form in which results are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from results.schema import Evaluation, Lesson, Points, Row
from rlbreakout.agents.save_load import has_model, trained_steps
from rlbreakout.common.errors import UserError
from rlbreakout.common.yaml import read_yaml
from rlbreakout.evaluation.plots import find_scalar

CURVES_KEPT = ("rollout/ep_rew_mean", "eval/mean", "eval_twin/mean", "time/fps")
CURVE_POINTS = 100
HOW = ("env_id", "games", "seed", "greedy")
SAME = ("score", "ci95", *HOW)


def kept(folder: Path, lesson: str, **about: Any) -> Lesson:
    """What the lesson in `folder` measured. about: command, machine, versions, and seconds if they are known."""
    found: dict[str, Any] = {}
    for file in ("lesson.json", "study.json"):
        if (folder / file).exists():
            found |= json.loads((folder / file).read_text(encoding="utf-8"))
    runs = {} if "trials" in found else runs_in(folder)  # the curves of a study's trials would be too many
    used = {"files", "minutes", *top_keys(found), *(key for key in found if any(evaluations(found[key])))}
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


def row_of(agent: str, name: str | None, runs: Mapping[str, Path]) -> Row:
    """The row of an agent, without its evaluations, from its run folder if it has one."""
    if name is None:
        return Row(agent=agent)
    run = runs[name]
    config = read_yaml((run / "config.yaml").read_text(encoding="utf-8"))
    row = Row(agent=agent, run=name, seed=config["seed"], config=config)
    if (speed := find_scalar(run, "time/fps")) is not None:  # steps a second since the start
        row.steps, row.minutes = int(speed.x[-1]), round(float(speed.x[-1] / speed.y[-1]) / 60, 1)
    if has_model(run / "last"):
        row.steps = trained_steps(run / "last")
    return row


def evaluations(found: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
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

    An evaluation stands under the agent's name, if there are several agents, and under what is different in its games,
    if there are several kinds of them; in a list, if there are several seeds. At the top stands the one to show: one of
    these again, or one of the lesson's only agent.
    """
    how = {key: found[key] for key in HOW if key in found}
    only = "." if "." in runs else next(iter(runs)) if len(runs) == 1 else None
    rows: dict[tuple[str, int], Row] = {}
    named: list[Evaluation] = []
    for part, inside in found.items():
        here = list(evaluations(inside))
        of_only = only is not None and not any(runs_of(str(path[0]), runs) for path, _ in here if path)
        for path, evaluation in here:
            names = [step for step in path if isinstance(step, str)]
            place = next((step for step in path if isinstance(step, int)), 0)
            if not names or of_only:
                agent, run, game = lesson, only, names[0] if names else part
            else:
                seeds = {step for other, _ in here if other[0] == path[0] for step in other if isinstance(step, int)}
                agent, run = names[0], run_of(names[0], place, max(1, len(seeds)), runs)
                game = names[1] if len(names) > 1 else ""
            row = rows.setdefault((agent, place), row_of(agent, run, runs))
            minutes = found.get("minutes", {}).get(agent)
            minutes = evaluation.get("minutes", minutes[place] if isinstance(minutes, list) else minutes)
            row.minutes = row.minutes if minutes is None else round(minutes, 1)
            facts = {key: value for key, value in evaluation.items() if key not in ("minutes", "mean")}
            score = evaluation.get("score", evaluation.get("mean"))
            facts = {**how, **facts, "score": score}
            row.evaluations.append(Evaluation(**{**in_full(facts, runs.get(run or "")), **facts, "game": game}))
            named += row.evaluations[-1:] if names else []
    if found.get("score") is not None:
        facts = {key: found[key] for key in top_keys(found)}
        top = Evaluation(**{**in_full(facts, runs.get(only or "")), **facts})
        shown = next(
            (one for one in named if all(getattr(one, key) == getattr(top, key) for key in (*SAME, "env"))), top
        )
        shown.shown = True
        if shown is top:
            row = rows.setdefault((lesson, 0), row_of(lesson, only, runs))
            row.evaluations.insert(0, top)
    return list(rows.values())


def in_full(facts: dict[str, Any], run: Path | None) -> dict[str, Any]:
    """All that a file of the run folder says of this evaluation, its scores above all; nothing if there is none."""
    for file in sorted(run.glob("*.json")) if run else ():
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and {"mean", "scores"} <= set(found):
            found["score"] = found["mean"]
            if all(found.get(key) == facts.get(key) for key in SAME):
                return {key: value for key, value in found.items() if key in Evaluation.model_fields}
    return {}


def top_keys(found: dict[str, Any]) -> set[str]:
    """The keys of the evaluation at the top; some lessons have a dictionary of several agents' under such a key."""
    if found.get("score") is None:
        return {"score"}
    return {key for key in Evaluation.model_fields if key in found and not isinstance(found[key], dict)}


def runs_of(agent: str, runs: dict[str, Path]) -> list[str]:
    """The runs that are called after an agent, and their seed; or else those that begin as its name does."""
    words = re.findall(r"[^\W_]+", agent)
    exact, alike = [], []
    for name in runs:
        of_run = re.findall(r"[^\W_]+", name)
        without_seed = of_run[:-1] if of_run and of_run[-1].isdigit() else of_run
        shorter = min(len(words), len(without_seed))
        if words in (of_run, without_seed):
            exact.append(name)
        elif shorter and words[:shorter] == without_seed[:shorter]:
            alike.append(name)
    return exact or alike


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
