"""From a config to a run folder: train, save, resume."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, ProgressBarCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat, configure
from stable_baselines3.common.utils import set_random_seed

from rlbreakout.agents.build import build_algorithm, check_device
from rlbreakout.agents.save_load import (
    check_space,
    find_model,
    fitting_model,
    has_model,
    load_agent,
    load_weights,
    restore,
    save_model,
    trained_steps,
)
from rlbreakout.breakout.guard import check_twin
from rlbreakout.callbacks import StartsCallback
from rlbreakout.common.errors import UserError
from rlbreakout.common.files import write_atomically
from rlbreakout.common.yaml import read_yaml, to_yaml
from rlbreakout.config import Config, flatten, load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.video import record, write_video
from rlbreakout.schedules import parse_schedule
from rlbreakout.training.divergence import DivergenceCallback, divergence_explained
from rlbreakout.training.interrupts import save_at_the_end
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.recorder import GoOn, Recorder, best_mean, read_evaluations
from rlbreakout.training.rewind import rewind
from rlbreakout.training.runs import RUNS, check_writable, empty_run_folder, only_writer, start_run, write_config
from rlbreakout.training.tensorboard import hyperparameters, write_hparams
from rlbreakout.training.value import train_value_agent

ORIGIN = "init_from.yaml"
"""In the run folder of a warm start: the model whose weights it began with, and the agent steps that it had."""
FILM = "agent.gif"
"""The last thing that a training leaves in its run folder: a game of its best model."""
MAY_CHANGE_ON_RESUME = ("run", "steps", "evaluation", "tuning")
"""The keys of a config that may be others when a training is resumed. Everything else decides what is learned."""


def train(
    config: Config,
    wanted: str | Path | None = None,
    *,
    resume: bool = False,
    init_from: str | Path | None = None,
    progress_bar: bool = True,
) -> Path:
    """Train as `config` says and return the run folder.

    `wanted` is the run folder, by default runs/<lesson>/<name>; one that is in use already is left alone and a new
    name is made, or with `resume` its training goes on from `last/`. `init_from` is a model, as `load_agent` takes it,
    whose weights the training begins with: a warm start. Everything else is the config's: hyperparameters, schedules,
    agent steps, and an optimizer without memory.
    Raises UserError before anything is made or changed, also if the weights do not fit; Diverged if the weights are no
    longer finite; SystemExit(130) after Ctrl-C, with `last/` saved.
    """
    check_device(config)
    if config.algorithm == "planner":
        raise UserError("algorithm is 'planner'; allowed: ppo or value. Lesson 7.4 trains a planner")
    if "twin" in (config.env.vec_env, config.evaluation.env):
        check_twin()
    if not resume:
        weights = None if init_from is None else fitting_model(init_from, config)
        folder = start_run(config, wanted)
        with only_writer(folder):
            if weights is not None:
                _write_origin(folder, weights)
            _train(config, folder, weights=weights, progress_bar=progress_bar)
        return folder
    folder = find_run(config, wanted)
    with only_writer(folder):
        config = _prepare_to_resume(config, folder)
        rewind(folder)
        resume = has_model(folder / "last")  # or it was stopped before it had one: it begins anew
        weights = None if resume else _read_origin(folder)
        _train(config, folder, resume=resume, weights=weights, progress_bar=progress_bar)
    return folder


def _train(
    config: Config, folder: Path, *, resume: bool = False, weights: Path | None = None, progress_bar: bool = True
) -> None:
    """Train in `folder`, with the weights, optimizer and step count of its `last/`, or with some weights, or anew."""
    if config.algorithm == "value":
        train_value_agent(config, folder, resume=resume, weights=weights, progress_bar=progress_bar)
    else:
        _train_ppo(config, folder, resume=resume, weights=weights, progress_bar=progress_bar)
    best = best_mean(read_evaluations(folder), default=0.0)
    write_hparams(folder, hyperparameters(config), {"run/best_mean": best})
    record_best(folder)


def _train_ppo(config: Config, folder: Path, *, resume: bool, weights: Path | None, progress_bar: bool) -> None:
    env = make_vec_env(config, monitor_dir=folder)
    model = build_algorithm(config, env)
    if weights is not None:
        load_weights(model, weights)
    if resume:
        restore(model, folder / "last")
        # Other games and other random numbers than those that the run began with.
        env.seed(config.seed + model.num_timesteps)
        set_random_seed(config.seed + model.num_timesteps)
    learn(model, config, folder, progress_bar=progress_bar)


def train_or_continue(config: Config, folder: Path | None = None, *, progress_bar: bool = True) -> Path:
    """Train into `folder` (by default runs/<lesson>/<name>), continue the training that was interrupted there, or leave
    a finished one alone.

    For lessons that train many agents: stopped and run again, they lose no more than the steps since a checkpoint.
    Raises UserError as `train` does, also if the run in `folder` has another config.
    """
    folder = folder or RUNS / config.run.lesson / config.run.name
    last = folder / "last"
    if not folder.is_dir():
        return train(config, folder, progress_bar=progress_bar)
    if not has_model(last):
        with only_writer(folder):
            empty_run_folder(folder)  # stopped before its first checkpoint
            write_config(config, folder)
            return train(config, folder, resume=True, progress_bar=progress_bar)
    if not is_finished(folder, config):
        return train(config, folder, resume=True, progress_bar=progress_bar)
    _check_unchanged(config, folder)
    return folder


class LearnedCallback(BaseCallback):
    """Knows what the weights have learned from: the agent steps before their last update, and when that was."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.milliseconds, self._whole = steps, int(1000 * time.time()), True

    def _on_step(self) -> bool:
        self._whole = False
        return True

    def _on_rollout_end(self) -> None:
        self._whole = True

    def _on_rollout_start(self) -> None:
        self.steps, self.milliseconds = self.num_timesteps, int(1000 * time.time())

    def _on_training_end(self) -> None:
        if self._whole:  # not stopped in a rollout
            self._on_rollout_start()


class RecorderCallback(BaseCallback):
    """Lets a Recorder see each step of an algorithm of Stable-Baselines3."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def _on_training_start(self) -> None:
        self.recorder.start(self.num_timesteps)

    def _on_step(self) -> bool:
        return self.recorder.after_step(self.num_timesteps)

    def _on_training_end(self) -> None:
        self.recorder.finish(self.num_timesteps)


def learn(
    model: BaseAlgorithm,
    config: Config,
    folder: Path,
    callbacks: Sequence[BaseCallback] = (),
    *,
    go_on: GoOn | None = None,
    progress_bar: bool = True,
    table: bool = False,
    resumable: bool = True,
) -> Recorder:
    """Train `model` up to `config.steps` agent steps, and leave in `folder` the TensorBoard events, what a Recorder
    leaves, and `last/`. Returns the Recorder, which has the evaluations.

    callbacks: called beside the Recorder. go_on(agent steps, evaluation): asked after each evaluation whether the
    training is worth going on with. table: print SB3's log table too. Closes the environment of the model. Ctrl-C saves
    `last/` and raises SystemExit(130), after it has said how to resume; without `resumable` it stays a
    KeyboardInterrupt.
    """
    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(config.run.threads or (threads if config.policy != "MlpPolicy" else 1))
    model.set_logger(configure(str(folder), ["stdout", "tensorboard"] if table else ["tensorboard"]))

    learned = LearnedCallback(model.num_timesteps)

    def save(to: Path) -> Path:
        return save_model(model, to, config, steps=learned.steps, counters={"learned_at": learned.milliseconds})

    def write_scalars(scalars: dict[str, float], steps: int) -> None:
        for output in model.logger.output_formats:  # at once: what an update has recorded belongs to its own step
            output.write(scalars, dict.fromkeys(scalars, ()), steps)

    outputs = model.logger.output_formats
    (writer,) = (output.writer for output in outputs if isinstance(output, TensorBoardOutputFormat))
    recorder = Recorder(model, config, folder, save=save, write_scalars=write_scalars, writer=writer, go_on=go_on)
    divergence = DivergenceCallback(folder)
    try:
        with save_at_the_end(save, lambda: learned.steps, config, folder, resumable=resumable):
            if config.run.checkpoint_every and resumable and not has_model(folder / "last"):
                save(folder / "last")  # something to resume from the start
            with progress(progress_bar) as bars, divergence_explained(model, divergence):
                model.learn(
                    max(0, config.steps - model.num_timesteps),
                    callback=[
                        divergence,
                        learned,
                        *callbacks,
                        *([StartsCallback()] if any(config.starts.shares.values()) else []),
                        RecorderCallback(recorder),
                        *bars,
                    ],
                    reset_num_timesteps=model.num_timesteps == 0,
                )
    finally:
        torch.set_num_threads(threads)
        recorder.close()
        with suppress(OSError):  # a full disk has been reported already
            model.logger.close()
        if model.env is not None:
            model.env.close()
    return recorder


@contextmanager
def progress(shown: bool = True) -> Iterator[list[BaseCallback]]:
    """SB3's progress bar, if it is shown, as callbacks for `model.learn`.

    Unlike SB3's own it is closed after Ctrl-C, too, so that it does not mix with later output.
    """
    bars = [ProgressBarCallback()] if shown else []
    try:
        yield [*bars]
    finally:
        for bar in bars:
            if hasattr(bar, "pbar"):  # it has begun
                bar.pbar.close()


def record_best(folder: Path, seconds: float = 20.0) -> Path:
    """Record a game of a run's best model (its last, if none was evaluated) to `agent.gif` in its folder."""
    agent = load_agent(folder)
    return write_video(record(agent, seconds=seconds, seed=agent.config.evaluation_seed), folder / FILM)


def find_run(config: Config, wanted: str | Path | None) -> Path:
    """The run folder to resume: `wanted`, or the newest runs/<lesson>/<name>[-N]. Raises UserError if there is none.

    One that was left before it had anything but its config, or even that, counts too.
    """
    if wanted is None:
        base = RUNS / config.run.lesson / config.run.name
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


def _prepare_to_resume(config: Config, folder: Path) -> Config:
    """Check that the run in `folder` can go on with `config`, and return the config to go on with."""
    check_writable(folder)
    if not has_model(folder / "last"):
        if (folder / "config.yaml").is_file():
            _check_unchanged(config, folder)
        write_config(config, folder)
        return config
    steps = trained_steps(folder / "last")
    check_space(folder / "last", config)
    _check_unchanged(config, folder)
    if is_finished(folder, config):
        raise UserError(f"{folder} has {steps:,} of {config.steps:,} agent steps already; to go on: --set steps=NUMBER")
    _warn_of_longer_schedules(load_config(folder / "config.yaml").steps, config, steps)
    write_config(config, folder)
    return config


def is_finished(folder: Path, config: Config) -> bool:
    """Whether nothing is left to do in a run folder whose `last/` holds a model: it has its agent steps, and the film,
    which comes last, is newer."""
    about, film = folder / "last" / "model.yaml", folder / FILM
    learned = trained_steps(folder / "last") >= config.steps
    return learned and film.is_file() and film.stat().st_mtime >= about.stat().st_mtime


def _warn_of_longer_schedules(before: int, config: Config, trained: int) -> None:
    """Say it if a training is made longer, and a value that falls to 0 at its end becomes larger again."""
    for key in ("learning_rate", "clip_range"):
        value = getattr(config.ppo, key)
        if config.algorithm == "ppo" and config.steps != before and str(value).startswith("lin_"):
            was, now = (parse_schedule(value, steps)(1 - trained / steps) for steps in (before, config.steps))
            print(
                f"ppo.{key} is {value}, which falls to 0 at the last agent step: with {config.steps:,} of them instead "
                f"of {before:,} it goes on at {now:.3g}, not at {was:.3g}. To train on with a value of your own: a new "
                "run with --init-from",
                file=sys.stderr,
                flush=True,
            )


def _check_unchanged(config: Config, folder: Path) -> None:
    """Raise UserError if the run in `folder` was made with other hyperparameters."""
    before, now = (flatten(c.model_dump()) for c in (load_config(folder / "config.yaml"), config))
    for key, value in now.items():
        if key.split(".")[0] not in MAY_CHANGE_ON_RESUME and before.get(key) != value:
            raise UserError(
                f"{folder} cannot be resumed: {key} is {before.get(key)!r} in the run and {value!r} in the config; "
                f"only {', '.join(MAY_CHANGE_ON_RESUME[:-1])} may change"
            )


def _write_origin(folder: Path, weights: Path) -> None:
    """Say in the run folder which model its training begins with."""
    origin = {"model": str(weights.absolute()), "steps": trained_steps(weights)}
    write_atomically(folder / ORIGIN, to_yaml(origin))


def _read_origin(folder: Path) -> Path | None:
    """The model that the training in `folder` begins with, if there is one."""
    file = folder / ORIGIN
    return find_model(read_yaml(file.read_text(encoding="utf-8"))["model"]) if file.is_file() else None
