"""Which trials of a study count, and which are run again.

Optuna counts trials that were begun; a study here ends with a number of finished ones, also if workers die. So trials
are grouped by what they try. A *proposal* is a set of values, from the sampler or queued by somebody. An *attempt* is
a trial with these values: the first one and, after each that failed, another, until one finishes or ATTEMPTS of them
have failed. A study of 40 trials is 40 proposals.

Everything is read from the trials, so any worker can be killed at any moment, and the next one sees what is to be done.
Two workers may do the same at the same moment: of two attempts the first counts, and the other is spare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

ATTEMPTS = 3
"""Attempts that may fail before a proposal is given up."""

PROPOSAL = "proposal"
"""Attribute of a trial: the proposal that it is an attempt at. Without it a trial is the first of its own."""
STOPPED = "stopped"
"""Attribute of an attempt that failed because of Ctrl-C or a full disk."""
SPARE = "spare"
"""Attribute of a trial that failed because it was one too many."""


def proposals(study: Study) -> list[list[FrozenTrial]]:
    """The attempts at each proposal of `study`, in the order in which the proposals were made."""
    found: dict[Any, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        if SPARE not in trial.user_attrs:
            found.setdefault(trial.user_attrs.get(PROPOSAL, trial.number), []).append(trial)
    return list(found.values())


def current(attempts: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The attempt that waits, runs or has finished; None if all have failed."""
    return next((trial for trial in attempts if trial.state != TrialState.FAIL), None)


def is_given_up(attempts: Sequence[FrozenTrial]) -> bool:
    """Whether a proposal has failed ATTEMPTS times. An attempt that was stopped does not count."""
    failures = [trial for trial in attempts if STOPPED not in trial.user_attrs]
    return current(attempts) is None and len(failures) >= ATTEMPTS


def finished(study: Study) -> list[FrozenTrial]:
    """The completed and pruned trials of `study`, in the order of their proposals."""
    trials = [current(attempts) for attempts in proposals(study)]
    return [trial for trial in trials if trial is not None and trial.state.is_finished()]


def given_up(study: Study) -> list[FrozenTrial]:
    """The first attempt at each proposal that was given up."""
    return [attempts[0] for attempts in proposals(study) if is_given_up(attempts)]


def next_proposal(study: Study, trials: int) -> int | None:
    """Place of the proposal that a worker can attempt now, from 0 on, in a study of this many `trials`: one that waits,
    or else a new one. None if others are at work on all that are left."""
    made = [current(attempts) for attempts in proposals(study)]
    waiting = (i for i, trial in enumerate(made[:trials]) if trial is not None and trial.state == TrialState.WAITING)
    return next(waiting, len(made) if len(made) < trials else None)


def is_spare(study: Study, number: int, trials: int) -> bool:
    """Whether trial `number` is more than a study of `trials` needs, or is not the one to make its attempt."""
    counted = (current(attempts) for attempts in proposals(study)[:trials])
    return number not in [trial.number for trial in counted if trial is not None]


def queue_values(study: Study, starts: Sequence[Mapping[str, Any]], trials: int) -> None:
    """Queue each of `starts`, values by Optuna's names for them, as a proposal of a study of this many `trials`, unless
    that was done before."""
    made = {attempts[0].user_attrs.get(PROPOSAL, attempts[0].number) for attempts in proposals(study)}
    for number, values in enumerate(starts):
        if (name := f"start {number}") not in made and len(made) < trials:
            study.enqueue_trial(dict(values), user_attrs={PROPOSAL: name})
            made.add(name)


def retry_failed(study: Study) -> None:
    """Queue the values of each proposal that has failed again, unless it is given up."""
    for attempts in proposals(study):
        if current(attempts) is None and not is_given_up(attempts):
            last = attempts[-1]
            again = create_trial(
                state=TrialState.WAITING,
                params=last.params,
                distributions=last.distributions,
                user_attrs={PROPOSAL: last.user_attrs.get(PROPOSAL, last.number)},
                system_attrs=last.system_attrs,  # in which Optuna keeps values that were queued
            )
            study.add_trial(again)
