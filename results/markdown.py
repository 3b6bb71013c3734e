"""Markdown tables of measured lessons: a line is a group of evaluations, and each column says something about it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from results.schema import Evaluation, Lesson, Row, load
from rlbreakout.evaluation.evaluate import bootstrap_interval
from rlbreakout.evaluation.seeds import across_seeds

Names = Mapping[str, Mapping[str, str]]
"""For each lesson, what its tables call an agent, a part of its label, or a kind of game."""


class Play(NamedTuple):
    """An evaluation, the agent that played, and the lesson that measured it."""

    lesson: Lesson
    row: Row
    evaluation: Evaluation
    agent: str
    """What the tables call the agent."""
    parts: list[str]
    """What they call the parts of its label, which commas separate."""
    game: str
    """What they call the kind of game."""


Cell = Callable[[list[Play]], str]


class Across(NamedTuple):
    """A column for each value of `label`: the `cell` of the evaluations that have it."""

    label: str
    cell: Cell


def called(lesson: Lesson, row: Row, names: Names) -> tuple[str, list[str]]:
    """What `names` calls an agent, and the parts of its label."""
    of_lesson = names.get(lesson.lesson, {})
    parts = [of_lesson.get(part, f"{int(part):,}" if part.isdigit() else part) for part in row.agent.split(", ")]
    return of_lesson.get(row.agent, ", ".join(parts)), parts


def plays(
    *lessons: str | Lesson, names: Names = MappingProxyType({}), where: Callable[[Play], bool] = lambda play: True
) -> list[Play]:
    """All evaluations of these lessons for which `where` is true, in the order of the files."""
    found = []
    for lesson in (load(lesson) if isinstance(lesson, str) else lesson for lesson in lessons):
        games = names.get(lesson.lesson, {})
        for row in lesson.rows:
            agent = called(lesson, row, names)
            found += [Play(lesson, row, one, *agent, games.get(one.game, one.game)) for one in row.evaluations]
    return [play for play in found if where(play)]


NOT_YET = "(This table is not measured yet. The script prints it.)"


def table(plays: list[Play], by: Mapping[str, str], cells: Mapping[str, Cell | Across]) -> str:
    """A table with a line for each group of plays that agree in the columns of `by`.

    by: headings and labels of the first columns; cells: headings of the others and what they say of a group. A label is
    a format string with the fields of a Play. In the heading of an Across, {} is the value.
    """
    if not plays:
        return NOT_YET
    lines: dict[tuple[str, ...], list[Play]] = {}
    for play in plays:
        lines.setdefault(tuple(fill(label, play) for label in by.values()), []).append(play)
    columns: dict[str, Cell] = {}
    for heading, cell in cells.items():
        if isinstance(cell, Across):
            for value in dict.fromkeys(fill(cell.label, play) for play in plays):
                columns[heading.format(value)] = _with_value(cell, value)
        else:
            columns[heading] = cell
    return markdown(
        [*by, *columns], [[*labels, *(c(line) for c in columns.values())] for labels, line in lines.items()]
    )


def _with_value(across: Across, value: str) -> Cell:
    def cell(line: list[Play]) -> str:
        plays = [play for play in line if fill(across.label, play) == value]
        return across.cell(plays) if plays else ""

    return cell


def fill(label: str, play: Play) -> str:
    """The label of a play; an environment id is written as code."""
    actions = "greedy" if play.evaluation.greedy else "sampled"
    text = label.format(**play._asdict(), actions=actions + (", twin" if play.evaluation.env == "twin" else ""))
    return f"`{text}`" if re.fullmatch(r"(ALE/)?\w+-v\d", text) else text


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


# Cells: what a table can say about the evaluations of a line, and about all their games together.


def mean(line: list[Play]) -> str:
    """The mean score and its 95% interval, if the scores of the single games were kept; a twin's score says so."""
    if not line:
        return ""
    scores = all_scores(line)
    value, interval = line[0].evaluation.score, line[0].evaluation.ci95
    if len(line) > 1:
        value, interval = statistics.mean(play.evaluation.score for play in line), None
    if interval is None and scores:
        value, interval = sum(scores) / len(scores), bootstrap_interval(scores)
    twin = " in the twin" if any(play.evaluation.env == "twin" for play in line) else ""
    return f"{value:.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "") + twin


def score(line: list[Play]) -> str:
    """The same, and how many games stalled, if any did."""
    return mean(line) + (f", {stalled(line)} stalled" if stalled(line) != "0" else "")


def bold(line: list[Play]) -> str:
    return f"**{score(line)}**"


def middle(line: list[Play]) -> str:
    """The interquartile mean of the scores of these agents, one a seed, with its 95% interval."""
    return across_seeds([play.evaluation.score for play in line])


def stalled(line: list[Play]) -> str:
    return str(sum(play.evaluation.stalled or 0 for play in line))


def median(line: list[Play]) -> str:
    return f"{statistics.median(all_scores(line)):g}" if all_scores(line) else ""


def span(line: list[Play]) -> str:
    return f"{min(all_scores(line)):.0f} to {max(all_scores(line)):.0f}"


def reached(points: int) -> Cell:
    """The share of games with so many points."""
    return lambda line: f"{statistics.mean(score >= points for score in all_scores(line)):.0%}"


def each(label: str) -> Cell:
    """The label of each of them."""
    return lambda line: ", ".join(fill(label, play) for play in line)


def all_scores(line: list[Play]) -> list[float]:
    return [score for play in line for score in play.evaluation.scores]
