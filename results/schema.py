"""The form in which every measured lesson is kept. README.md beside this file explains the keys."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rlbreakout.config import installed_versions

RESULTS = Path(__file__).parent
DEEPEST_LINE = 4
"""What is nested deeper shares a line of the file: an evaluation and its scores, a curve."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")  # an unknown key is an error


class Evaluation(Strict):
    """Whole games that an agent played, and what a reader must know to compare their score."""

    score: float
    ci95: tuple[float, float] | None = None
    env_id: str
    env: Literal["ale", "twin"] = "ale"
    games: int
    seed: int
    greedy: bool
    stalled: int | None = None
    game: str = ""
    shown: bool = False
    median: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    scores: list[float] = []
    steps_per_second: float | None = None


class Row(Strict):
    """One trained agent."""

    agent: str
    run: str | None = None
    seed: int | None = None
    steps: int | None = None
    minutes: float | None = None
    evaluations: list[Evaluation] = []
    config: dict[str, Any] = {}


class Points(Strict):
    """A curve: a value for each of its agent steps."""

    steps: list[int]
    values: list[float]


class Lesson(Strict):
    """What was measured of a lesson."""

    lesson: str
    command: str
    machine: dict[str, Any]
    versions: dict[str, str]
    seconds: float | None = None
    cpu_seconds: float | None = None
    rows: list[Row] = []
    curves: dict[str, dict[str, Points]] = {}
    facts: dict[str, Any] = {}


def load(name: str, folder: Path = RESULTS) -> Lesson:
    """The lesson in NAME.json. Raises pydantic's ValidationError if the file has another form."""
    return Lesson.model_validate_json((folder / f"{name}.json").read_text(encoding="utf-8"))


def save(lesson: Lesson, folder: Path = RESULTS) -> Path:
    """Write a lesson to the file that is called after it."""
    return write(folder / f"{lesson.lesson}.json", lesson.model_dump(mode="json", exclude_defaults=True))


def write(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(to_text(data) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return path


def to_text(value: Any, depth: int = 0) -> str:
    """JSON whose lines, and their changes, can be read: one for each evaluation and each curve."""
    if isinstance(value, dict) and value and depth < DEEPEST_LINE:
        parts, (begin, end) = [f"{json.dumps(key)}: {to_text(one, depth + 1)}" for key, one in value.items()], "{}"
    elif isinstance(value, list) and value and isinstance(value[0], dict | list) and depth < DEEPEST_LINE:
        parts, (begin, end) = [to_text(one, depth + 1) for one in value], "[]"
    else:
        return json.dumps(value)
    indent = "\n" + " " * (depth + 1)
    return f"{begin}{indent}{f',{indent}'.join(parts)}{indent[:-1]}{end}"


def machine() -> dict[str, Any]:
    """What the figures are measured with."""
    parts = {"cores": os.cpu_count(), "python": platform.python_version()}
    return {"machine": parts, "versions": installed_versions()}
