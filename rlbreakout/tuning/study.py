"""A study: what its trials have in common, what Optuna is asked for, and what a config makes of the answer."""

from __future__ import annotations

import itertools
import json
import math
import random
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import create_trial

from rlbreakout.common.errors import UserError
from rlbreakout.config import Choices, Config, FloatRange, IntRange, TuningConfig, flatten

FACTS = "rlbreakout"
"""Attribute of a study: what its trials have in common."""
SCHEDULE, HALF_LIFE = ".schedule", ".half_life"
"""Endings of the names under which Optuna knows the schedule of a hyperparameter, and the half-life of that."""
SLICE_POINTS = 5
"""Numbers between low and high, both included, that a slice tries."""


def settings(config: Config) -> TuningConfig:
    """The `tuning` part. Raises UserError if there is none."""
    if config.tuning is None:
        raise UserError("the config has no part tuning; it needs tuning.search, such as search: {ppo.gamma: ...}")
    return config.tuning


def facts(config: Config) -> dict[str, Any]:
    """What all trials of a study must have in common to be compared, as JSON has it."""
    settings(config)
    return config.model_dump(mode="json", exclude={"run": True, "tuning": {"trials", "heartbeat"}})


def open_study(config: Config, storage: BaseStorage, name: str) -> Study:
    """Create the study `name`, or join it. Raises UserError if it has other settings or was made by another program."""
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=make_pruner(config), load_if_exists=True
    )
    begun = bool(study.get_trials(deepcopy=False))
    if FACTS not in study.user_attrs:
        if begun:
            raise UserError(f"study {name!r} was not made by rlbreakout tune; give another name with --study")
        study.set_user_attr(FACTS, facts(config))
    _check_same(study.user_attrs[FACTS], facts(config), name)
    return study


def _check_same(theirs: dict[str, Any], mine: dict[str, Any], name: str) -> None:
    searched = theirs["tuning"].pop("search"), mine["tuning"].pop("search")
    for key in sorted(set(searched[0]) | set(searched[1])):
        there, here = (space.get(key, "not searched") for space in searched)
        if there != here:
            raise UserError(
                f"study {name!r} exists with another search space: {key} is {_shorten(there)} in it and "
                f"{_shorten(here)} in the config; give another name with --study"
            )
    flat_theirs, flat_mine = flatten(theirs), flatten(mine)
    defaults = flatten(Config().model_dump(mode="json"))  # for keys that are newer than the study
    for key in sorted(set(flat_theirs) | set(flat_mine)):
        there, here = flat_theirs.get(key, defaults.get(key)), flat_mine.get(key)
        if there != here:
            raise UserError(
                f"study {name!r} exists with other settings: {key} is {there!r} in it and {here!r} in the config; "
                "give another name with --study"
            )


def _shorten(range_: Any) -> str:
    if not isinstance(range_, dict):
        return str(range_)
    return "{" + ", ".join(f"{key}: {value}" for key, value in range_.items() if value not in (None, False)) + "}"


def distributions(tuning: TuningConfig) -> dict[str, BaseDistribution]:
    """The search space as Optuna has it."""
    space: dict[str, BaseDistribution] = {}
    for key, range_ in tuning.search.items():
        if isinstance(range_, FloatRange):
            space[key] = FloatDistribution(range_.low, range_.high, log=range_.log, step=range_.step)
            if len(range_.schedules) > 1:
                space[key + SCHEDULE] = CategoricalDistribution(range_.schedules)
            if len(range_.half_lives) > 1:
                space[key + HALF_LIFE] = CategoricalDistribution(range_.half_lives)
        elif isinstance(range_, IntRange):
            space[key] = IntDistribution(range_.low, range_.high, log=range_.log, step=range_.step or 1)
        else:
            space[key] = CategoricalDistribution(range_.labels)
    return space


def suggest(trial: optuna.Trial, tuning: TuningConfig) -> dict[str, Any]:
    """Let Optuna choose a value for everything that is searched, and return the values as the config has them."""
    chosen: dict[str, Any] = {}
    for name, space in distributions(tuning).items():
        if isinstance(space, FloatDistribution):
            chosen[name] = trial.suggest_float(name, space.low, space.high, log=space.log, step=space.step)
        elif isinstance(space, IntDistribution):
            chosen[name] = trial.suggest_int(name, space.low, space.high, log=space.log, step=space.step)
        elif isinstance(space, CategoricalDistribution):
            chosen[name] = trial.suggest_categorical(name, space.choices)
    return config_values(chosen, tuning)


def config_values(params: Mapping[str, Any], tuning: TuningConfig) -> dict[str, Any]:
    """The hyperparameters that Optuna keeps as `params`, as the config has them."""
    values: dict[str, Any] = {}
    for key, range_ in tuning.search.items():
        if key not in params:
            continue
        if isinstance(range_, FloatRange):
            schedule = params.get(key + SCHEDULE, range_.schedules[0])
            half_life = params.get(key + HALF_LIFE, next(iter(range_.half_lives), None))
            values[key] = range_.notation(params[key], schedule, half_life)
        elif isinstance(range_, Choices):
            values[key] = range_.choices[range_.labels.index(params[key])]
        else:
            values[key] = params[key]
    return values


def own_params(config: Config) -> dict[str, Any]:
    """What `config` itself has for everything that is searched, by Optuna's names: the inverse of config_values.

    Raises UserError if one of these values lies outside of the search space.
    """
    tuning, own = settings(config), flatten(config.model_dump(exclude={"tuning"}))
    space, params = distributions(tuning), dict[str, Any]()
    for key, range_ in tuning.search.items():
        found = {key: own[key]}
        if isinstance(range_, Choices) and own[key] in range_.choices:
            found = {key: range_.labels[range_.choices.index(own[key])]}
        try:
            if isinstance(range_, FloatRange):
                found = _schedule_params(key, range_, str(own[key]))
            found = {name: value for name, value in found.items() if name in space}
            create_trial(value=0.0, params=found, distributions={name: space[name] for name in found})
        except (ValueError, TypeError):
            raise UserError(f"{key} is {own[key]}, which is outside of the search space") from None
        params |= found
    return params


def _schedule_params(key: str, range_: FloatRange, notation: str) -> dict[str, Any]:
    """Optuna's names and values for 1e-3, lin_1e-3 or exp_1e-3_500000. Raises ValueError if these are not searched."""
    kind, *numbers = notation.split("_")
    schedule = {"lin": "linear", "exp": "exponential"}.get(kind, "constant")
    half_lives = [int(float(numbers[1]))] if kind == "exp" else range_.half_lives[:1]  # any, if it does not matter
    if schedule not in range_.schedules or not set(half_lives) <= set(range_.half_lives):
        raise ValueError(notation)
    params = {key: float(numbers[0] if numbers else kind), key + SCHEDULE: schedule}
    return params | ({key + HALF_LIFE: half_lives[0]} if half_lives else {})


def slices(tuning: TuningConfig, base: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`base`, values by Optuna's names, and every point that differs from it in one hyperparameter: the other choices,
    or SLICE_POINTS numbers from low to high."""
    points = [dict(base)]
    for name, distribution in distributions(tuning).items():
        if isinstance(distribution, CategoricalDistribution):
            values = list(distribution.choices)
        else:
            assert isinstance(distribution, (FloatDistribution, IntDistribution))
            low, high, step = distribution.low, distribution.high, distribution.step
            spaced = (np.geomspace if distribution.log else np.linspace)(low, high, SLICE_POINTS).tolist()
            values = [low + round((value - low) / step) * step for value in spaced] if step else spaced
        points += [{**base, name: value} for value in dict.fromkeys(values) if value != base[name]]
    return points


def grid(tuning: TuningConfig, seed: int) -> list[dict[str, Any]]:
    """Every combination of a search space without continuous ranges, shuffled, so that the first ones are a sample."""
    values: dict[str, list[Any]] = {}
    for name, distribution in distributions(tuning).items():
        if isinstance(distribution, CategoricalDistribution):
            values[name] = list(distribution.choices)
        else:
            assert isinstance(distribution, (FloatDistribution, IntDistribution)) and distribution.step
            count = math.floor((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
            values[name] = [distribution.low + index * distribution.step for index in range(count)]
    points = [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]
    random.Random(seed).shuffle(points)
    return points


def make_sampler(config: Config, place: int | None) -> BaseSampler:
    """The sampler for the proposal at `place` in the study.

    Its seed comes from the config's and the place, so that a study that was stopped goes on as if it was not (cmaes
    uses the trial's number, too, and goes on in another way after an interrupted trial). None: other workers are
    running trials; the seed is drawn, because the same seed would make the same proposals.
    """
    tuning = settings(config)
    seed = None if place is None else zlib.crc32(f"{config.seed} {place}".encode())
    startup = tuning.startup_trials
    if tuning.sampler == "tpe":
        return TPESampler(n_startup_trials=startup, constant_liar=place is None, seed=seed)
    if tuning.sampler == "cmaes":
        return CmaEsSampler(n_startup_trials=startup, seed=seed)
    if tuning.sampler == "gp":
        return GPSampler(n_startup_trials=startup, seed=seed)
    return RandomSampler(seed=seed)


def make_pruner(config: Config) -> BasePruner:
    """The pruner. Its steps are agent steps, over all seeds of a trial; for wilcoxon they are seeds."""
    tuning = settings(config)
    most = config.steps * tuning.seeds
    if tuning.pruner == "median":
        return MedianPruner(n_startup_trials=tuning.pruner_startup_trials)
    if tuning.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=config.evaluation.every)
    if tuning.pruner == "hyperband":
        return HyperbandPruner(min_resource=config.evaluation.every, max_resource=most)
    if tuning.pruner == "wilcoxon":
        return WilcoxonPruner()
    return NopPruner()


def best_params(folder: Path, count: int) -> list[dict[str, Any]]:
    """The best `count` settings of a finished or running study, from the `study.json` of its run folder.

    Raises UserError if there is none.
    """
    file = folder / "study.json"
    try:
        trials = json.loads(file.read_text(encoding="utf-8"))["trials"]
        complete = [trial for trial in trials if trial["state"] == "complete"]
        best = sorted(complete, key=lambda trial: -trial["value"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file} is missing or damaged; a run folder of rlbreakout tune is needed") from None
    if not best:
        raise UserError(f"{file} has no complete trial")
    return [trial["params"] for trial in best[:count]]
