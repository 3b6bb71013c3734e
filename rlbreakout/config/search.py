"""What a study searches, and how: the `tuning` part of a config.

A search space has hyperparameters, by their dotted keys, and the values to try for each:

| type          | keys                                      | meaning                                              |
|---------------|-------------------------------------------|------------------------------------------------------|
| `float`       | `low`, `high`, `log`, `step`, `schedules` | a number between low and high, both included         |
| `int`         | `low`, `high`, `log`, `step`              | a whole number between low and high, both included   |
| `categorical` | `choices`                                 | one of the choices, each written as in the config    |

`log` searches on a logarithmic scale. With `schedules: [constant, linear]` a study also searches how a float changes
during training, and tries 3e-4 and lin_3e-4; `exponential` needs a `half_life` in agent steps, or a list of them to
search.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config.fields import Count, Part, whole_number

Whole = Annotated[int, BeforeValidator(whole_number)]
ScheduleKind = Literal["constant", "linear", "exponential"]

SEARCHABLE = ("ppo", "network", "env", "observation")
"""The parts of a config that a search space may change."""
NOT_SEARCHABLE = ("env.id",)
"""Exceptions: they would change what is measured."""

WILCOXON_SEEDS = 4
"""With fewer pairs, Wilcoxon's signed-rank test cannot reach the p-value of 0.1 that its pruner requires."""


class _Range(Part):
    @model_validator(mode="after")
    def _is_a_range(self: Any) -> Any:
        low, high, step = self.low, self.high, self.step
        if low >= high:
            raise UserError(f"low is {low}, high is {high}; allowed: low below high")
        if self.log and low <= 0:
            raise UserError(f"low is {low}; allowed with log: above 0")
        if self.log and step is not None:
            raise UserError("log and step contradict each other; allowed: one of them")
        if step is not None and step > high - low:
            raise UserError(f"step is {step}; allowed: at most high - low, which is {high - low:g}")
        return self


def _as_list(value: Any) -> Any:
    """Accept one value instead of a list of one."""
    return value if value is None or isinstance(value, list) else [value]


class FloatRange(_Range):
    """A number between `low` and `high`."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False
    step: Annotated[float, Field(gt=0)] | None = None
    schedules: Annotated[list[ScheduleKind], Field(min_length=1, default_factory=lambda: ["constant"])]
    """How the number may change during training; several are searched, too."""
    half_life: Annotated[list[Count], Field(min_length=1), BeforeValidator(_as_list)] | None = None
    """Half-lives of an exponential schedule, in agent steps; several are searched, too."""

    @model_validator(mode="after")
    def _check_schedules(self) -> FloatRange:
        if len(set(self.schedules)) < len(self.schedules):
            raise UserError(f"schedules is {self.schedules}; allowed: each of them once")
        if ("exponential" in self.schedules) != (self.half_life is not None):
            raise UserError(f"half_life is {self.half_life}; allowed: a number with an exponential schedule, else none")
        if len(set(self.half_lives)) < len(self.half_lives):
            raise UserError(f"half_life is {self.half_life}; allowed: each of them once")
        return self

    @property
    def half_lives(self) -> list[int]:
        """The half-lives to try; none without an exponential schedule."""
        return self.half_life or []

    def notation(self, value: float, schedule: str, half_life: int | None) -> float | str:
        """`value` with a schedule, in a config's notation."""
        if schedule == "constant":
            return float(value)
        return f"lin_{float(value)!r}" if schedule == "linear" else f"exp_{float(value)!r}_{half_life}"

    def corners(self) -> list[Any]:
        """The values to check instead of all values."""
        longest = max(self.half_lives, default=None)
        return [self.notation(value, kind, longest) for value in (self.low, self.high) for kind in self.schedules]


class IntRange(_Range):
    """A whole number between `low` and `high`."""

    type: Literal["int"]
    low: Whole
    high: Whole
    log: bool = False
    step: Count | None = None

    def corners(self) -> list[Any]:
        """The values to check instead of all values."""
        return [self.low, self.high]


class Choices(Part):
    """One of `choices`."""

    type: Literal["categorical"]
    choices: Annotated[list[Any], Field(min_length=2)]

    @model_validator(mode="after")
    def _are_different(self) -> Choices:
        if len(set(self.labels)) < len(self.choices):
            raise UserError(f"choices is {self.choices}; allowed: each of them once")
        return self

    @property
    def labels(self) -> list[Any]:
        """The choices for Optuna, with lists as JSON, which every storage can hold."""
        return [json.dumps(choice) if isinstance(choice, (list, dict)) else choice for choice in self.choices]

    def corners(self) -> list[Any]:
        """The values to check instead of all values."""
        return list(self.choices)


SEARCH_TYPES: dict[str, type[Part]] = {"float": FloatRange, "int": IntRange, "categorical": Choices}
SearchRange = Annotated[FloatRange | IntRange | Choices, Field(discriminator="type")]


class TuningConfig(Part):
    """A study: its search space, its objective, its sampler and its pruner."""

    search: Annotated[dict[str, SearchRange], Field(min_length=1)]
    """Ranges of hyperparameters by their dotted keys, such as ppo.learning_rate."""
    trials: Annotated[Count, Field(le=100_000)] = 40
    """Number of trials after which the study ends, pruned ones included."""
    objective: Literal["mean", "median", "lower_quartile"] = "mean"
    """Statistic of the scores of whole games at the end of the training, in points, that the study maximises."""
    seeds: Count = 1
    """Trainings of a trial, one per seed, counted up from the config's seed; its score covers the games of all."""
    sampler: Literal["tpe", "random", "grid", "slice", "cmaes", "gp"] = "tpe"
    """What proposes values. grid: all combinations; slice: a base point, and every point that differs from it in one
    hyperparameter."""
    startup_trials: Count = 10
    """Random trials before tpe, cmaes or gp learn from previous trials."""
    pruner: Literal["none", "median", "halving", "hyperband", "wilcoxon"] = "median"
    """What stops trials early, based on evaluations during training; wilcoxon is based on the scores of the seeds."""
    pruner_startup_trials: Count = 5
    """Trials that finish before median stops any."""
    heartbeat: Count = 15
    """Seconds between two heartbeats of a running trial in a database. A trial that misses four of them has failed and
    runs again."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> TuningConfig:
        continuous = [
            key for key, range_ in self.search.items() if isinstance(range_, FloatRange) and range_.step is None
        ]
        orders = [key for key, range_ in self.search.items() if not isinstance(range_, Choices) and range_.log]
        categories = [key for key, range_ in self.search.items() if isinstance(range_, Choices)]
        if self.sampler == "grid" and continuous:
            raise UserError(f"search.{continuous[0]} has no step; allowed with sampler grid: step, int or categorical")
        if self.sampler == "grid" and orders:
            raise UserError(f"search.{orders[0]} has log; allowed with sampler grid: step, or categorical")
        if self.sampler == "cmaes" and categories:
            raise UserError(f"search.{categories[0]} is categorical; allowed with sampler cmaes: float and int")
        if self.pruner == "wilcoxon" and self.seeds < WILCOXON_SEEDS:
            raise UserError(
                f"seeds is {self.seeds}; allowed with pruner wilcoxon, which compares seed by seed: "
                f"{WILCOXON_SEEDS} or more"
            )
        return self
