"""The workers of a study: in this process, as processes of this machine, and on any other that knows the storage."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import optuna
import psutil
import torch
from loky import cpu_count
from loky.backend import get_context
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from tqdm.auto import tqdm

from rlbreakout.breakout.guard import check_twin
from rlbreakout.common.errors import FAILED, INTERRUPTED, DiskError, MachineError, UserError, disk_error
from rlbreakout.common.shell import report_thread
from rlbreakout.config import Config
from rlbreakout.tuning.attempts import (
    ATTEMPTS,
    SPARE,
    STOPPED,
    finished,
    given_up,
    is_spare,
    next_proposal,
    queue_values,
    retry_failed,
)
from rlbreakout.tuning.objective import run_trial
from rlbreakout.tuning.results import write_results
from rlbreakout.tuning.storage import DATABASE_ERRORS, JOURNAL_NAME, describe_failure, open_storage, repair_journal
from rlbreakout.tuning.study import grid, make_sampler, open_study, own_params, settings, slices

WORKER = "worker"
"""Attribute of a trial: the process that runs it, as host:pid."""
UNNAMED_FOR = timedelta(seconds=10)
"""A trial that has been running for longer without the name of its worker has none."""
POLL_EVERY = 1.0
"""Seconds between two times that a process without a trial of its own reads the study."""
DISK_FULL = 74
"""Exit status of a worker that cannot write, that of sysexits.h for input and output."""


class Spare(Exception):
    """A trial is one too many."""


def quiet() -> None:
    """Silence Optuna's line for every trial, the traceback of a heartbeat that does not reach the database, which the
    trial reports in one line, and warnings about what is done on purpose: parts of Optuna that are called experimental,
    and searched values that leave a smaller last minibatch."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    threading.excepthook = _report_thread


def _report_thread(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.exc_value, DATABASE_ERRORS):
        report_thread(args)


def tune(
    config: Config,
    folder: Path,
    *,
    url: str | None = None,
    name: str | None = None,
    workers: int = 1,
    starts: Sequence[Mapping[str, Any]] = (),
    timeout: float | None = None,
    progress_bar: bool = True,
) -> Study:
    """Run the study of `config`, or go on with it, until it has `config.tuning.trials` finished trials.

    The first trial uses the values of `config` itself, if they lie in the search space: they are known to be good.

    folder: gets the run folders of the trials that this machine makes, and at the end the study's pictures, trials as
    study.json and trials.csv, and best.yaml, the config with the best values found.
    url: the storage (default: a journal file in `folder`); name: the study (default: the config's run.name); starts:
    values, by Optuna's names, that the first trials have instead; timeout: seconds after which no trial begins.
    Raises UserError if storage, study or number of workers cannot be used, MachineError if the database is lost or the
    workers end, DiskError if the disk is full, and KeyboardInterrupt after Ctrl-C. After each of them the same call
    goes on with the study, and tries the values of unfinished trials again.
    """
    quiet()
    if workers < 1:
        raise UserError(f"workers is {workers}; allowed: 1 or more")
    if workers > cpu_count():
        print(f"warning: {workers} workers on {cpu_count()} cores: each is slower than one a core", file=sys.stderr)
    tuning = settings(config)
    if "twin" in (config.env.vec_env, config.evaluation.env):
        check_twin()  # once, not in every worker, and what it compiles is there for all of them
    starts = first_values(config, starts)
    trials = min(tuning.trials, len(starts)) if tuning.sampler in ("grid", "slice") else tuning.trials
    deadline = None if timeout is None else time.time() + timeout
    with errors_explained(url):
        if url is None:
            repair_journal(folder / JOURNAL_NAME)
        study = open_study(config, open_storage(url, folder, tuning.heartbeat), name or config.run.name)
        queue_values(study, starts, trials)
        with tqdm(total=trials, desc="trials", unit="trial", disable=not progress_bar) as bar:

            def look_after_study(living: Collection[int] = ()) -> None:
                """Fail what a dead worker left running, and show how far the study is."""
                if url is None:
                    fail_lost_trials(study, living)
                show_progress(bar, study)

            look_after_study()
            if workers == 1:
                work(config, study, folder, trials, deadline, look_after_study, alone=True)
            else:
                run_workers(workers, (config, url, study.study_name, folder, trials, deadline), look_after_study)
        if len(finished(study)) + len(given_up(study)) < trials:
            if not _is_over(deadline):
                raise MachineError("the workers ended before the study did; run the same command again: it goes on")
            done = len(finished(study))
            print(f"stopped after {timeout:g} s with {done} of {trials} trials; the same command goes on")
        for trial in given_up(study):
            print(f"warning: trial {trial.number} failed {ATTEMPTS} times and was given up", file=sys.stderr)
        write_results(study, config, folder)
    return study


def first_values(config: Config, starts: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """What the first trials have, by Optuna's names: `starts`, or the config's own values; all points of a grid, or of
    a slice around the first of these."""
    tuning = settings(config)
    if tuning.sampler == "grid":
        return grid(tuning, config.seed)
    if not starts:
        try:
            starts = [own_params(config)]
        except UserError as error:
            if tuning.sampler == "slice":
                raise
            print(f"trial 0 does not have the config's own values: {error}")
    return slices(tuning, starts[0]) if tuning.sampler == "slice" else starts


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline


@contextmanager
def errors_explained(url: str | None) -> Iterator[None]:
    """Raise MachineError for a database that was lost, and DiskError for a full disk, that say how to go on."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:  # Optuna raises other errors while it handles these
            if isinstance(cause, DATABASE_ERRORS):
                failure = describe_failure(url or "", cause)
                raise MachineError(f"{failure}; when it does, the same command goes on with the study") from None
            if (message := disk_error(cause)) is not None:
                raise DiskError(f"{message}; with room on the disk the same command goes on with the study") from None
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        raise


def work(
    config: Config,
    study: Study,
    folder: Path,
    trials: int,
    deadline: float | None,
    between: Callable[[], None],
    *,
    alone: bool,
) -> None:
    """Run trials of `study` until `trials` of them are finished, whoever finishes them, or until `deadline`, in seconds
    of time.time(), when no other trial begins.

    A worker without a trial of its own waits for the others: if one of them dies, it runs that trial again. `between`
    is called before each trial, and every second while it waits. alone: whether this machine has no other worker.
    """
    taken: list[int] = []

    def run(trial: optuna.Trial) -> float:
        try:
            trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
            if is_spare(study, trial.number, trials):
                trial.set_user_attr(SPARE, True)
                raise Spare
            return run_trial(trial, config, folder)
        except UpdateFinishedTrialError:
            taken.append(trial.number)
            raise
        except (KeyboardInterrupt, MachineError):
            with suppress(OSError, *DATABASE_ERRORS):
                trial.set_user_attr(STOPPED, True)
            raise

    while len(finished(study)) + len(given_up(study)) < trials and not _is_over(deadline):
        between()
        optuna.storages.fail_stale_trials(study)  # those without a heartbeat, in a database
        retry_failed(study)
        place = next_proposal(study, trials)
        if place is None:
            time.sleep(POLL_EVERY)
            continue
        beside_others = not alone or study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        study.sampler = make_sampler(config, None if beside_others else place)
        try:
            study.optimize(run, n_trials=1, catch=(Spare,))
        except (UpdateFinishedTrialError, ValueError):
            if not taken:
                raise
            print(
                f"trial {taken.pop()} gave no sign of life and went to another worker; its result is dropped",
                file=sys.stderr,
            )
    between()


# Processes.


def fail_lost_trials(study: Study, living: Collection[int] = ()) -> None:
    """Mark running trials as failed whose worker no longer exists. living: process ids of workers that do.

    For a journal, which belongs to one machine: elsewhere a process cannot be looked up. Not to be called in the
    middle of a trial.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _is_lost(trial, living):
            with suppress(ValueError, UpdateFinishedTrialError):  # it ended at this moment
                study.tell(trial.number, state=TrialState.FAIL)


def _is_lost(trial: FrozenTrial, living: Collection[int]) -> bool:
    assert trial.datetime_start is not None
    if WORKER not in trial.user_attrs:
        return datetime.now() - trial.datetime_start > UNNAMED_FOR
    host, _, pid = trial.user_attrs[WORKER].rpartition(":")
    if int(pid) in living:
        return False
    if host != socket.gethostname() or int(pid) == os.getpid():
        return True
    try:
        process = psutil.Process(int(pid))
        later = process.create_time() > trial.datetime_start.timestamp()  # another process with the same number
        return later or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def share_cores(worker: int, workers: int) -> list[int]:
    """The cores for number `worker` of `workers`; if there are more workers than cores, some share one."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(cpu_count()))
    each = max(1, len(mine) // workers)
    first = worker * each % len(mine)
    return mine[first : first + each]


def run_workers(workers: int, job: tuple[Any, ...], look_after_study: Callable[[Collection[int]], None]) -> None:
    """Run `job`, arguments of run_worker, in so many processes until all have ended. Raises DiskError if the disk was
    full for one of them."""
    context = get_context("loky")  # unlike "spawn" it does not run the script again that called `tune`
    processes = [
        context.Process(target=run_worker, args=(number, workers, *job), name=f"worker {number}")
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        running = processes
        while running:
            wait([process.sentinel for process in running], POLL_EVERY)
            for process in running:
                if process.exitcode:
                    tqdm.write(f"{process.name} {_describe_end(process.exitcode)}", file=sys.stderr)
            running = [process for process in running if process.exitcode is None]
            look_after_study([process.pid for process in running if process.pid])
    except KeyboardInterrupt:
        for process in processes:
            process.join()  # Ctrl-C reached it, too: it marks its trial as interrupted
        raise
    finally:
        for process in processes:
            process.terminate()
    if any(process.exitcode == DISK_FULL for process in processes):
        raise DiskError("the workers cannot write any more")


def _describe_end(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def run_worker(
    worker: int,
    workers: int,
    config: Config,
    url: str | None,
    name: str,
    folder: Path,
    trials: int,
    deadline: float | None,
) -> None:
    """Work on a study as a process of its own, on its share of the cores."""
    quiet()
    cores = share_cores(worker, workers)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(config.run.threads or len(cores))
    parent = psutil.Process(os.getppid())

    def end_with_parent() -> None:
        if not parent.is_running():
            raise SystemExit(FAILED)

    try:
        with errors_explained(url):
            study = open_study(config, open_storage(url, folder, settings(config).heartbeat), name)
            work(config, study, folder, trials, deadline, end_with_parent, alone=False)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except (UserError, MachineError) as error:
        print(f"worker {worker}: {error}", file=sys.stderr, flush=True)
        raise SystemExit(DISK_FULL if isinstance(error, DiskError) else FAILED) from None


def show_progress(bar: tqdm, study: Study) -> None:
    """Show in `bar` how many trials are finished, how many of them were pruned, and the best."""
    done = finished(study)
    values = [trial.value for trial in done if trial.state == TrialState.COMPLETE and trial.value is not None]
    pruned = sum(trial.state == TrialState.PRUNED for trial in done)
    bar.set_postfix_str(f"best {max(values):.1f}, {pruned} pruned" if values else f"{pruned} pruned", refresh=False)
    bar.update(len(done) - bar.n)
