"""The workers of a study: in this process, as processes of this machine, and on any other that knows the storage."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from rlbreakout.breakout.guard import check_twin
from rlbreakout.config import Config, dump_config, with_values
from rlbreakout.errors import (
    BAD_INPUT,
    FAILED,
    INTERRUPTED,
    DiskError,
    GamesLost,
    MachineError,
    UserError,
    machine_error,
)
from rlbreakout.files import write_whole
from rlbreakout.tuning.objective import Objective
from rlbreakout.tuning.plots import draw_study
from rlbreakout.tuning.storage import open_storage
from rlbreakout.tuning.study import (
    FINISHED,
    SLOT,
    VOID,
    config_values,
    drop_spare,
    fill,
    finished,
    given_up,
    grid,
    is_void,
    live,
    make_sampler,
    open_study,
    settings,
)
from rlbreakout.vec_env import cores

LOOK_AGAIN_AFTER = 1.0
"""Seconds between two looks of a worker that has nothing to do at those that have."""
DISK_FULL = 74
"""Exit status of a worker that cannot write, that of sysexits.h for input and output."""


class Void(Exception):
    """A trial whose slot is another's."""


def quiet() -> None:
    """No line of Optuna's for every trial, and no warnings about what is searched on purpose: parts of Optuna that are
    called experimental, and minibatches of which the last one is smaller."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", message="You have specified a mini-batch size")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def work(
    config: Config, study: Study, folder: Path, slots: int, after_trial: Callable[[], None] = lambda: None
) -> None:
    """Take trials of `study` until `slots` of them are finished, whoever finishes them.

    A worker without a trial of its own waits for the others: should one die, it takes over what is left.
    """
    objective = Objective(config, folder)

    def run(trial: optuna.Trial) -> float:
        if is_void(study, trial):
            trial.set_user_attr(VOID, True)
            raise Void
        return objective(trial)

    while len(finished(study)) + len(given_up(study)) < slots:
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            return
        waiting = [slot for slot, trial in live(study).items() if trial.state == TrialState.WAITING]
        if not waiting:
            optuna.storages.fail_stale_trials(study)
            fill(study, slots)
            after_trial()
            time.sleep(LOOK_AGAIN_AFTER)
            continue
        others = any(trial.state == TrialState.RUNNING for trial in live(study).values())
        study.sampler = make_sampler(config, waiting[0], alone=not others)
        try:
            study.optimize(run, n_trials=1, catch=(Void,))
        except optuna.exceptions.UpdateFinishedTrialError:
            print("a trial had been given up for lost and to another worker; its result is dropped", file=sys.stderr)
        fill(study, slots)
        after_trial()


def share_of_cores(worker: int, workers: int) -> list[int]:
    """The cores for one of `workers`, by number; workers beyond the number of cores share one with another."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(cores()))
    each = max(1, len(mine) // workers)
    first = worker * each % len(mine)
    return mine[first : first + each]


def _worker(worker: int, workers: int, config: Config, url: str | None, name: str, folder: Path, slots: int) -> None:
    """A process of its own."""
    quiet()
    share = share_of_cores(worker, workers)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, share)
    torch.set_num_threads(config.torch_threads or len(share))
    try:
        tuning = settings(config)
        storage = open_storage(url, folder, heartbeat=tuning.heartbeat, patience=tuning.wait_for_storage)
        work(config, open_study(config, storage, name), folder, slots)
    except UserError as error:
        print(f"worker {worker}: {error}", file=sys.stderr, flush=True)
        raise SystemExit(BAD_INPUT) from None
    except (OSError, MachineError) as error:
        if (message := machine_error(error)) is None:
            raise
        print(f"worker {worker}: {message}", file=sys.stderr, flush=True)
        raise SystemExit(FAILED if isinstance(error, GamesLost) else DISK_FULL) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def run_workers(
    config: Config, study: Study, *, url: str | None, folder: Path, slots: int, workers: int, progress_bar: bool
) -> None:
    """Let `workers` processes work on `study` until it is finished. Raises UserError if all of them end before, and
    DiskError if that is because the disk is full."""
    context = multiprocessing.get_context("spawn")
    job = (config, url, study.study_name, folder, slots)
    processes = [
        context.Process(target=_worker, args=(number, workers, *job), name=f"worker {number}")
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    reported: set[str] = set()
    try:
        with tqdm(total=slots, desc="trials", unit="trial", disable=not progress_bar) as bar:
            while any(process.is_alive() for process in processes):
                for process in processes:
                    process.join(LOOK_AGAIN_AFTER / workers)
                    if process.exitcode and process.name not in reported:
                        reported.add(process.name)
                        tqdm.write(f"{process.name} {_how_it_ended(process.exitcode)}", file=sys.stderr)
                show_progress(bar, study)
    except KeyboardInterrupt:
        for process in processes:
            process.join()  # Ctrl-C reached it too; it marks its trial
        raise
    if len(finished(study)) < slots and any(process.exitcode == DISK_FULL for process in processes):
        raise DiskError("the workers cannot write any more")
    if reported and len(finished(study)) < slots:
        raise UserError("the workers ended before the study did; run the same command again: it goes on")


def _how_it_ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def show_progress(bar: tqdm, study: Study) -> None:
    done = finished(study)
    values = [trial.value for trial in done if trial.state == TrialState.COMPLETE and trial.value is not None]
    pruned = sum(trial.state == TrialState.PRUNED for trial in done)
    bar.set_postfix_str(f"best {max(values):.1f}, {pruned} pruned" if values else f"{pruned} pruned", refresh=False)
    bar.update(len(done) - bar.n)


def tune(
    config: Config,
    folder: Path,
    *,
    url: str | None = None,
    name: str | None = None,
    workers: int = 1,
    starts: Sequence[Mapping[str, Any]] = (),
    progress_bar: bool = True,
) -> Study:
    """Run the study of `config`, or go on with it, until it has `config.tuning.trials` finished trials.

    folder: gets the run folders of the trials that this machine makes, and at the end the study's pictures, trials as
    study.json and trials.csv, and best.yaml, the config with the best values found.
    url: the storage (default: a journal file in `folder`); name: the study (default: the config's name); starts:
    values, by dotted keys, that the first trials have.
    Raises UserError if storage, study or number of workers cannot be used, DiskError if the disk is full, and
    KeyboardInterrupt after Ctrl-C: the trial in progress is tried again when the study goes on.
    """
    quiet()
    if workers < 1:
        raise UserError(f"workers is {workers}; allowed: 1 or more")
    if workers > cores():
        print(f"warning: {workers} workers on {cores()} cores: each is slower than one a core", file=sys.stderr)
    tuning = settings(config)
    if "twin" in (config.env.vec_env, config.evaluation.env):
        check_twin()  # once, and not in every worker
    slots = tuning.trials
    if tuning.sampler == "grid":
        starts = grid(tuning, config.seed)
        slots = min(slots, len(starts))
    try:
        storage = open_storage(url, folder, heartbeat=tuning.heartbeat, patience=tuning.wait_for_storage)
        study = open_study(config, storage, name or config.name)
        fill(study, slots, starts)
        if workers == 1:
            if config.torch_threads:
                torch.set_num_threads(config.torch_threads)
            with tqdm(total=slots, desc="trials", unit="trial", disable=not progress_bar) as bar:
                show_progress(bar, study)
                work(config, study, folder, slots, after_trial=lambda: show_progress(bar, study))
        else:
            run_workers(config, study, url=url, folder=folder, slots=slots, workers=workers, progress_bar=progress_bar)
        drop_spare(study)
        for slot in given_up(study):
            print(f"warning: slot {slot} of the study was given up: its trial failed again and again", file=sys.stderr)
        leave(study, config, folder)
    except (OSError, DiskError) as error:
        if (message := machine_error(error)) is None:
            raise
        raise DiskError(f"{message}; with room on the disk the same command goes on with the study") from None
    return study


def leave(study: Study, config: Config, folder: Path) -> list[Path]:
    """Write what a study leaves in its run folder; return the files."""
    tuning = settings(config)
    trials = sorted(finished(study), key=lambda trial: trial.user_attrs[SLOT])
    rows = [_row(trial) for trial in trials]
    summary = {"study": study.study_name, "objective": tuning.objective, "env_id": config.evaluation_env_id}
    files = [folder / "study.json", folder / "trials.csv"]
    write_whole(files[0], json.dumps({**summary, "trials": rows}, indent=1) + "\n")
    names = sorted({name for row in rows for name in row["params"]})
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["number", "state", "value", *names])
    for row in rows:
        writer.writerow([row["number"], row["state"], row["value"], *(row["params"].get(name) for name in names)])
    write_whole(files[1], table.getvalue())
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if complete:
        best = max(complete, key=lambda trial: trial.value or 0.0)
        found = with_values(config, config_values(best.params, tuning))
        files.append(folder / "best.yaml")
        dump_config(found.model_copy(update={"name": f"{config.name}_best"}), files[-1])
        files += draw_study(study, folder)
    return files


def _row(trial: FrozenTrial) -> dict[str, Any]:
    """A trial as study.json has it."""
    assert trial.state in FINISHED
    took = (trial.datetime_complete - trial.datetime_start).total_seconds() if trial.datetime_complete else 0.0  # type: ignore[operator]
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value,
        "params": trial.params,
        "intermediate": {str(step): value for step, value in trial.intermediate_values.items()},
        "seconds": round(took, 1),
        **{key: value for key, value in trial.user_attrs.items() if key in ("scores", "stalled", "diverged")},
    }
