"""Several trainings side by side, one a core."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

import torch
from loky import ProcessPoolExecutor

from rlbreakout.common.processes import end_with, processes_at_once
from rlbreakout.config import Config
from rlbreakout.training.train import train_or_continue


def train_several(configs: Mapping[Path, Config], *, workers: int | None = None) -> Iterator[Path]:
    """`train_or_continue` for every run folder and its config, and yield each folder when its training is finished.

    workers: trainings at a time (default: one a core), each with one thread of torch. One at a time shows its progress
    bar. Raises what `train_or_continue` raises. After Ctrl-C those that are running save `last/`, and the others do
    not begin: run it again, and it continues.
    """
    waiting = list(configs.items())
    workers = processes_at_once(len(waiting)) if workers is None else min(workers, len(waiting))
    if workers < 2:
        for folder, config in waiting:
            yield train_or_continue(config, folder)
        return
    print(f"training {len(waiting)} agents, {workers} at a time ...", file=sys.stderr, flush=True)
    running: set[Future[Path]] = set()
    with ProcessPoolExecutor(workers, initializer=end_with, initargs=(os.getpid(),)) as processes:
        while waiting or running:
            while waiting and len(running) < workers:  # no more: what the executor queues, Ctrl-C would not stop
                folder, config = waiting.pop(0)
                running.add(processes.submit(_train_one, config, folder))
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running.remove(future)
                yield future.result()


def _train_one(config: Config, folder: Path) -> Path:
    torch.set_num_threads(1)
    return train_or_continue(config, folder, progress_bar=False)
