"""From a config to a run folder: train, save, resume."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import set_random_seed
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.breakout.guard import check_twin
from rlbreakout.callbacks import (
    CheckpointCallback,
    EvaluationCallback,
    GifCallback,
    OneThreadWhilePlaying,
    StartsCallback,
    evaluations_file,
    forget_rows_after,
    purge_step,
)
from rlbreakout.config import Config, flat, load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.errors import UserError
from rlbreakout.interrupts import saved_at_the_end
from rlbreakout.memory import keep_freed_memory
from rlbreakout.models import (
    build_algorithm,
    check_device,
    check_spaces,
    has_model,
    load_agent,
    restore,
    save_model,
    trained_steps,
)
from rlbreakout.noisy import NoiseCallback
from rlbreakout.runs import RUNS, check_writable, start_run, write_config
from rlbreakout.value_agent.training import learn as train_value_agent
from rlbreakout.video import record, write_video

MAY_CHANGE_ON_RESUME = ("lesson", "name", "steps", "evaluation", "checkpoint_every", "gif_every", "tuning", "versions")


def train(config: Config, wanted: str | Path | None = None, *, resume: bool = False, progress_bar: bool = True) -> Path:
    """Train as `config` says and return the run folder.

    `wanted` is the run folder, by default runs/<lesson>/<name>; one that is in use already is left alone and a new
    name is made, or with `resume` its training goes on from `last/`.
    Raises UserError before anything is made or changed, SystemExit(130) after Ctrl-C, with `last/` saved.
    """
    check_device(config)
    if "twin" in (config.env.vec_env, config.evaluation.env):
        check_twin()
    if resume:
        folder = find_run(config, wanted)
        config = _resumable(config, folder)
        resume = has_model(folder / "last")  # or it was stopped before it had one: it begins anew
    else:
        folder = start_run(config, wanted)
    if config.algorithm == "value":
        if config.torch_threads:
            torch.set_num_threads(config.torch_threads)
        train_value_agent(config, folder, resume=resume, progress_bar=progress_bar)
        show(folder, config)
        return folder
    env = make_vec_env(config, monitor_dir=folder, append_to_monitor=resume)
    model = build_algorithm(config, env)
    if resume:
        restore(model, folder / "last")
        # Other games and other random numbers than those that the run began with.
        env.seed(config.seed + model.num_timesteps)
        set_random_seed(config.seed + model.num_timesteps)
    learn(model, config, folder, progress_bar=progress_bar)
    show(folder, config)
    return folder


def train_or_go_on(config: Config, folder: Path, *, progress_bar: bool = True) -> Path:
    """Train into `folder`, go on with the training that was interrupted there, or leave a finished one alone.

    For a lesson that trains many agents: stopped and run again, it loses no more than the steps since a checkpoint.
    Raises UserError as `train` does, also if the run in `folder` has another config.
    """
    last = folder / "last"
    if not has_model(last):
        shutil.rmtree(folder, ignore_errors=True)  # stopped before its first checkpoint
        return train(config, folder, progress_bar=progress_bar)
    if trained_steps(last) < config.steps:
        return train(config, folder, resume=True, progress_bar=progress_bar)
    _check_unchanged(config, folder)
    return folder


def train_or_take(config: Config, wanted: Path | None = None, *, progress_bar: bool = True) -> Path:
    """Train as `train` does; but if the run folder holds a model of this config, go on with it as `train_or_go_on`."""
    folder = wanted or RUNS / config.lesson / config.name
    if has_model(folder / "last"):
        return train_or_go_on(config, folder, progress_bar=progress_bar)
    return train(config, wanted, progress_bar=progress_bar)


def learn(
    model: BaseAlgorithm,
    config: Config,
    folder: Path,
    callbacks: Sequence[BaseCallback] = (),
    *,
    evaluation: EvaluationCallback | None = None,
    progress_bar: bool = True,
    table: bool = False,
    resumable: bool = True,
) -> None:
    """Train `model` up to `config.steps` agent steps, and leave in `folder` the TensorBoard events, the evaluations,
    checkpoints and gifs that the config asks for, and `last/`.

    `callbacks` are called beside those of the config, `evaluation` instead of its own. `table` prints SB3's log table
    too. Closes the environment of the model. Ctrl-C saves `last/` and raises SystemExit(130), after it has said how to
    resume; without `resumable` it stays a KeyboardInterrupt.
    """
    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(config.torch_threads or (threads if config.policy != "MlpPolicy" else 1))
    forget_rows_after(evaluations_file(folder), model.num_timesteps)
    if (purge := purge_step(folder, model.num_timesteps)) is not None:
        SummaryWriter(str(folder), purge_step=purge).close()
        # It reads the files in the order of their names, which begin with the second.
        now = int(time.time())
        while int(time.time()) == now:
            time.sleep(0.02)
    model.set_logger(configure(str(folder), ["stdout", "tensorboard"] if table else ["tensorboard"]))
    saved = saved_at_the_end(
        lambda: save_model(model, folder / "last", config),
        lambda: model.num_timesteps,
        config,
        folder,
        resumable=resumable,
    )
    try:
        with saved:
            if config.checkpoint_every and resumable and not has_model(folder / "last"):
                save_model(model, folder / "last", config)  # something to resume from the start
            model.learn(
                config.steps - model.num_timesteps,
                callback=[
                    *callbacks,
                    OneThreadWhilePlaying(),
                    *([StartsCallback()] if any(config.starts.shares.values()) else []),
                    *([NoiseCallback()] if config.network.noisy else []),
                    evaluation or EvaluationCallback(config, folder),
                    CheckpointCallback(config.checkpoint_every, folder, config),
                    GifCallback(config.gif_every, folder, config),
                ],
                reset_num_timesteps=model.num_timesteps == 0,
                progress_bar=progress_bar,
            )
    finally:
        torch.set_num_threads(threads)
        with suppress(OSError):  # a full disk has been told of already
            model.logger.close()
        if model.env is not None:
            model.env.close()


def show(folder: Path, config: Config, seconds: float = 20.0) -> Path:
    """Record a game of the run's best model (its last, if none was evaluated) to `agent.gif` in its folder."""
    recording = record(load_agent(folder), seconds=seconds, seed=config.evaluation_seed)
    return write_video(recording, folder / "agent.gif")


def find_run(config: Config, wanted: str | Path | None) -> Path:
    """The run folder to resume: `wanted`, or the newest runs/<lesson>/<name>[-N]. Raises UserError if there is none.

    One that was left before it had anything but its config, or even that, counts too.
    """
    if wanted is None:
        base = RUNS / config.lesson / config.name
        numbered = {1: base} | {
            int(end): path
            for path in base.parent.glob(f"{base.name}-*")
            if (end := path.name[len(base.name) + 1 :]).isdecimal()
        }
        wanted = max((item for item in numbered.items() if item[1].is_dir()), default=(1, base))[1]
    folder = Path(wanted)
    begun = folder.is_dir() and ((folder / "config.yaml").is_file() or not any(folder.glob("[!.]*")))
    if not begun and not has_model(folder / "last"):
        raise UserError(f"{folder} cannot be resumed: there is no model in {folder / 'last'}")
    return folder


def _resumable(config: Config, folder: Path) -> Config:
    """Check that the run in `folder` can go on with `config`, and return the config to go on with."""
    check_writable(folder)
    if not has_model(folder / "last"):
        if (folder / "config.yaml").is_file():
            _check_unchanged(config, folder)
        write_config(config, folder)
        return config
    steps = trained_steps(folder / "last")
    env = make_vec_env(config, n_envs=1)
    try:
        check_spaces(folder / "last", env)
    finally:
        env.close()
    _check_unchanged(config, folder)
    if steps >= config.steps:
        raise UserError(f"{folder} has {steps:,} of {config.steps:,} agent steps already; to go on: --set steps=NUMBER")
    write_config(config, folder)
    return config


def _check_unchanged(config: Config, folder: Path) -> None:
    """Raise UserError if the run in `folder` was made with other hyperparameters."""
    before, now = (flat(c.model_dump()) for c in (load_config(folder / "config.yaml"), config))
    changed = [
        f"{key} is {before.get(key)!r} in the run and {value!r} in the config"
        for key, value in now.items()
        if key.split(".")[0] not in MAY_CHANGE_ON_RESUME and before.get(key) != value
    ]
    if changed:
        allowed = ", ".join(part for part in MAY_CHANGE_ON_RESUME if part not in ("tuning", "versions"))
        raise UserError(f"{folder} cannot be resumed: {changed[0]}; only {allowed} may change")
