"""A study that many workers share: opened by name, its trials handed out as numbered slots.

Optuna counts trials that were begun. A study here ends with exactly the asked number of finished ones, also when
workers die: it is a list of slots, made at the start, each to be filled by one finished trial. A worker takes a waiting
slot; a trial that failed leaves its slot open for another try with the same values.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import socket
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from rlbreakout.config import Choices, Config, FloatRange, IntRange, TuningConfig, flat
from rlbreakout.errors import UserError

FACTS = "rlbreakout"
"""Attribute of a study: what its trials have in common."""
SLOT = "slot"
"""Attribute of a trial: the slot that it fills."""
INTERRUPTED = "interrupted"
"""Attribute of a trial that somebody stopped: it failed, and is not to blame."""
VOID = "void"
"""Attribute of a trial whose slot is another's."""
SCHEDULE = ".schedule"
"""Ending of the name under which Optuna knows the schedule of a hyperparameter."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
ATTEMPTS = 3
"""Tries of a slot, after which its values are given up."""
FACTS_WITHIN = 5.0
"""Seconds between the making of a study and the writing of its facts, in which another worker may look."""

NOT_IN_FACTS = ("lesson", "name", "versions", "device", "torch_threads", "checkpoint_every", "gif_every")
NOT_IN_TUNING_FACTS = ("trials", "heartbeat", "wait_for_storage")


def settings(config: Config) -> TuningConfig:
    """The `tuning` part. Raises UserError if there is none."""
    if config.tuning is None:
        raise UserError("the config has no part tuning; it needs tuning.search, such as search: {ppo.gamma: ...}")
    return config.tuning


def facts(config: Config) -> dict[str, Any]:
    """What all trials of a study must have in common to be compared, as it comes back from JSON."""
    data = config.model_dump(exclude=set(NOT_IN_FACTS))
    data["tuning"] = settings(config).model_dump(exclude=set(NOT_IN_TUNING_FACTS))
    return json.loads(json.dumps(data))


def open_study(config: Config, storage: BaseStorage, name: str) -> Study:
    """Make the study `name`, or join it. Raises UserError if it is one of other settings or of another program."""
    mine = facts(config)
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize", pruner=make_pruner(config))
        study.set_user_attr(FACTS, mine)
        return study
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(storage=storage, study_name=name, pruner=make_pruner(config))
    until = time.monotonic() + FACTS_WITHIN
    while FACTS not in study.user_attrs and time.monotonic() < until:
        time.sleep(0.1)
    if FACTS not in study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr(FACTS, mine)  # its maker died at once
    theirs = study.user_attrs.get(FACTS)
    if theirs is None:
        raise UserError(f"study {name!r} was not made by rlbreakout tune; give another name with --study")
    _check_same(theirs, mine, name)
    return study


def _check_same(theirs: dict[str, Any], mine: dict[str, Any], name: str) -> None:
    searched = theirs["tuning"].pop("search"), mine["tuning"].pop("search")
    for key in sorted(set(searched[0]) | set(searched[1])):
        there, here = (space.get(key, "not searched") for space in searched)
        if there != here:
            raise UserError(
                f"study {name!r} exists with another search space: {key} is {_short(there)} in it and {_short(here)} "
                "in the config; give another name with --study"
            )
    defaults = flat(Config().model_dump())  # what a study of an older version had, where a key is new
    for key in sorted(set(flat(theirs)) | set(flat(mine))):
        there, here = flat(theirs).get(key, defaults.get(key)), flat(mine).get(key)
        if there != here:
            raise UserError(
                f"study {name!r} exists with other settings: {key} is {there!r} in it and {here!r} in the config; "
                "give another name with --study"
            )


def _short(range_: Any) -> str:
    if not isinstance(range_, dict):
        return str(range_)
    return "{" + ", ".join(f"{key}: {value}" for key, value in range_.items() if value not in (None, False)) + "}"


# What Optuna is asked for, and what a config makes of the answer.


def distributions(tuning: TuningConfig) -> dict[str, BaseDistribution]:
    """The search space as Optuna has it."""
    space: dict[str, BaseDistribution] = {}
    for key, range_ in tuning.search.items():
        if isinstance(range_, FloatRange):
            space[key] = FloatDistribution(range_.low, range_.high, log=range_.log, step=range_.step)
            if len(range_.schedules) > 1:
                space[key + SCHEDULE] = CategoricalDistribution(range_.schedules)
        elif isinstance(range_, IntRange):
            space[key] = IntDistribution(range_.low, range_.high, log=range_.log, step=range_.step or 1)
        else:
            space[key] = CategoricalDistribution(range_.labels)
    return space


def suggest(trial: optuna.Trial, tuning: TuningConfig) -> dict[str, Any]:
    """Let Optuna choose a value for everything that is searched; return them as the config has them."""
    chosen: dict[str, Any] = {}
    for name, distribution in distributions(tuning).items():
        if isinstance(distribution, FloatDistribution):
            chosen[name] = trial.suggest_float(
                name, distribution.low, distribution.high, log=distribution.log, step=distribution.step
            )
        elif isinstance(distribution, IntDistribution):
            chosen[name] = trial.suggest_int(
                name, distribution.low, distribution.high, log=distribution.log, step=distribution.step
            )
        else:
            assert isinstance(distribution, CategoricalDistribution)
            chosen[name] = trial.suggest_categorical(name, distribution.choices)
    return config_values(chosen, tuning)


def config_values(params: Mapping[str, Any], tuning: TuningConfig) -> dict[str, Any]:
    """The hyperparameters that Optuna keeps as `params`, as the config has them."""
    values: dict[str, Any] = {}
    for key, range_ in tuning.search.items():
        if key not in params:
            continue
        if isinstance(range_, FloatRange):
            values[key] = range_.notation(params[key], params.get(key + SCHEDULE, range_.schedules[0]))
        elif isinstance(range_, Choices):
            values[key] = range_.choices[range_.labels.index(params[key])]
        else:
            values[key] = params[key]
    return values


def grid(tuning: TuningConfig, seed: int) -> list[dict[str, Any]]:
    """Every combination of a search space without continuous ranges, shuffled, so that a part of them is a fair one."""
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


def make_sampler(config: Config, slot: int, *, alone: bool) -> BaseSampler:
    """The sampler for the trial of a slot. Alone, its seed is the study's and the slot's: then the study can be stopped
    and continued, and is still the one that this seed makes. Beside others it is drawn, or they would try the same.
    """
    tuning = settings(config)
    parts = [config.seed, slot, *([] if alone else [socket.gethostname(), os.getpid(), time.time()])]
    seed = zlib.crc32(str(parts).encode())
    startup = tuning.startup_trials
    if tuning.sampler == "tpe":
        return TPESampler(n_startup_trials=startup, constant_liar=not alone, seed=seed)
    if tuning.sampler == "cmaes":
        return CmaEsSampler(n_startup_trials=startup, seed=seed)
    if tuning.sampler == "gp":
        return GPSampler(n_startup_trials=startup, seed=seed)
    return RandomSampler(seed=seed)


def make_pruner(config: Config) -> BasePruner:
    """The pruner; its steps are agent steps, over all seeds of a trial, but seeds for wilcoxon."""
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


# Slots.


def finished(study: Study) -> list[FrozenTrial]:
    """The trials that count: one for each slot that is filled."""
    return [trial for trial in live(study).values() if trial.state in FINISHED]


def live(study: Study) -> dict[int, FrozenTrial]:
    """The trial of each slot that is waiting, running or finished. Of two, made at the same moment, the first."""
    slots: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if SLOT in trial.user_attrs and trial.state != TrialState.FAIL:
            slots.setdefault(trial.user_attrs[SLOT], trial)
    return slots


def given_up(study: Study) -> list[int]:
    """Slots whose trials failed too often."""
    filled, failures = live(study), dict[int, int]()
    for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
        if SLOT in trial.user_attrs and not {VOID, INTERRUPTED} & set(trial.user_attrs):
            failures[trial.user_attrs[SLOT]] = failures.get(trial.user_attrs[SLOT], 0) + 1
    return [slot for slot, count in failures.items() if count >= ATTEMPTS and slot not in filled]


def fill(study: Study, slots: int, starts: Sequence[Mapping[str, Any]] = ()) -> None:
    """Give every slot without a live trial a waiting one: the first ones with the values of `starts`, and one that
    failed with its values again."""
    have, lost = live(study), given_up(study)
    failed = {
        trial.user_attrs[SLOT]: trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        if SLOT in trial.user_attrs and trial.params
    }
    for slot in range(slots):
        if slot in have or slot in lost:
            continue
        if slot in failed:
            again = failed[slot]
            study.add_trial(
                create_trial(
                    state=TrialState.WAITING,
                    params=again.params,
                    distributions=again.distributions,
                    user_attrs={SLOT: slot, "tried_before": again.number},
                )
            )
        else:
            study.enqueue_trial(dict(starts[slot]) if slot < len(starts) else {}, user_attrs={SLOT: slot})


def is_void(study: Study, trial: FrozenTrial | optuna.Trial) -> bool:
    """Whether another trial fills the slot of `trial`, or it has none."""
    owner = live(study).get(trial.user_attrs.get(SLOT, -1))
    return owner is None or owner.number != trial.number


def drop_spare(study: Study) -> None:
    """Mark as failed what still waits for a slot that another trial fills: two workers filled it at the same moment."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        if SLOT in trial.user_attrs and is_void(study, trial):
            try:
                study._storage.set_trial_user_attr(trial._trial_id, VOID, True)
                study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            except optuna.exceptions.UpdateFinishedTrialError:
                pass  # another worker did


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
