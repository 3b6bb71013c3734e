"""What the tests of the lessons share: running a script with few steps, and what a lesson must leave."""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents import Player, load_agent
from rlbreakout.config import Config, with_values
from rlbreakout.evaluation import Evaluation, record
from rlbreakout.evaluation.evaluate import evaluate_on_the_way, make_env_on_the_way
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.lesson import SMOKE
from rlbreakout.training import recorder, several
from rlbreakout.tuning.study_plots import PICTURES
from tests.conftest import SCRIPTS


def run_lesson(name: str, folder: Path, *options: str) -> str:
    """Run a lesson in this process with the settings of smoke.yaml, made quick, and return what it prints."""
    command, output = [str(SCRIPTS[name]), "--run-dir", str(folder), *options], StringIO()
    with (
        patch.object(sys, "argv", command),
        patch.object(sys, "excepthook", sys.excepthook),
        patch.dict(os.environ, {SMOKE: "1"}),
        quick(compares="--zoo" in options or name == "2.5_ppo_by_hand"),
        redirect_stdout(output),
    ):
        runpy.run_path(command[0], run_name="__main__")
    return output.getvalue()


@contextmanager
def quick(*, compares: bool = False) -> Iterator[None]:
    """Make shorter what takes most of the time of lessons: gifs have two seconds, a study has one picture, agents are
    trained in this process one after the other, a training is evaluated in one game on its way, and PPO goes once
    through its data, of which it collects fewer by default (but not where a lesson `compares` it with another one).
    """
    short = with_settings(record, always={"seconds": 2.0})
    fast = with_settings(PPO.__init__, always={"n_epochs": 1}, by_default={"n_steps": 256})
    with (
        patch.multiple("rlbreakout.training.train", record=short),
        patch.multiple(several, processes_at_once=lambda _: 1),
        patch.multiple(recorder, make_env_on_the_way=for_one_game, evaluate_on_the_way=in_one_game),
        patch.multiple("rlbreakout.evaluation", record=short),
        patch.dict(PICTURES, {"parallel": PICTURES["parallel"]}, clear=True),
        patch.object(PPO, "__init__", PPO.__init__ if compares else fast),
    ):
        yield


def for_one_game(config: Config) -> VecEnv:
    return make_env_on_the_way(with_values(config, {"evaluation.games": 1}))


def in_one_game(player: Player, config: Config, env: VecEnv) -> Evaluation:
    return evaluate_on_the_way(player, with_values(config, {"evaluation.games": 1}), env)


def with_settings(
    function: Callable[..., Any], *, always: Mapping[str, Any], by_default: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """`function` with some settings, whatever it is called with, and others, if it is called without them."""
    return lambda *arguments, **given: function(*arguments, **{**(by_default or {}), **given, **always})


def facts(folder: Path) -> dict[str, Any]:
    """What a lesson says about itself in its folder."""
    return json.loads((folder / "lesson.json").read_text())


def saved_at(run: Path) -> int:
    """When the last model of a run was written."""
    return (run / "last" / "policy.safetensors").stat().st_mtime_ns


def assert_moves(gif: Path) -> None:
    """The gif has more than ten different pictures."""
    with Image.open(gif) as image:
        pictures = set()
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.add(image.convert("RGB").tobytes())
    assert len(pictures) > 10, gif


def assert_a_trained_run(run: Path, tag: str = "time/fps") -> None:
    """A curve with rising steps, and a model that can be loaded."""
    steps = read_scalar(run, tag).x
    assert len(steps) >= 1 and (np.diff(steps) > 0).all() and steps[-1] >= 1
    assert load_agent(run / "last").player is not None
