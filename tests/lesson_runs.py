"""What the tests of the lessons share: running a script as a learner runs it, and what every lesson must leave."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
from PIL import Image

from rlbreakout.evaluation.plots import read_scalar
from tests.conftest import rlbreakout

HAS_ZOO = importlib.util.find_spec("rl_zoo3") is not None
TRAIN = {
    "1.3_train": ("--steps", "256", "--games", "2"),
    "2.1_envs": ("--steps", "1024", "--games", "2"),
    "2.2_callbacks": ("--steps", "2048", "--games", "2"),
    "2.3_copying_hp_zoo": ("--steps", "2048", "--games", "1", *(["--zoo"] if HAS_ZOO else [])),
    "2.4_fast_envs": ("--steps", "256", "--rollout", "256", "--games", "1"),
    "3.3_aimbot_training": (
        *("--steps", "2048", "--games", "1", "--seeds", "2"),
        *("--variants", "counters", "--stacks", "2"),
    ),
    "3.4_coordinates": ("--steps", "65536", "--games", "1", "--variants", "blocks"),
    "4.0_wrapper_optuna": (
        *("--steps", "512", "--trials", "3", "--long-steps", "1024", "--best", "2"),
        *("--games", "1", "--n-envs", "4"),
    ),
    "4.0_study_explore": ("--steps", "512", "--seeds", "1", "--games", "1", "--n-envs", "4"),
    "4.1_env_comparison": (
        *("--steps", "512", "--games", "2", "--seconds", "5", "--n-envs", "4"),
        *("--environments", "BreakoutNoFrameskip-v4", "Breakout-v4"),
    ),
    "4.2_grid": ("--steps", "512", "--trials", "2", "--games", "1", "--n-envs", "4"),
    "4.3_schedules": ("--steps", "1024", "--short-steps", "512", "--games", "1", "--n-envs", "4"),
    "5.1_value_agent": ("--steps", "512", "--games", "2"),
    "5.2_what_went_wrong": ("--steps", "256", "--games", "1", "--variants", "published", "transitions", "all"),
    "5.3_dqn": ("--steps", "1024", "--games", "1", "--seconds", "3"),
    "5.4_on_policy_off_policy": ("--steps", "1024", "--games", "1"),
    "6.1_late_game": ("--steps", "2048", "--seeds", "1", "--games", "1", "--n-envs", "4"),
    "6.2_noise": (
        *("--steps", "512", "--seeds", "1", "--games", "1", "--n-envs", "4"),
        *("--trained", "nothing", "drawn frame skips", "noisy network"),
        *("--played", "nothing", "sticky 0.5", "frame skip 5"),
    ),
    "6.3_other_models": ("--steps", "512", "--games", "1", "--n-envs", "4"),
    "6.4_champion": (
        *("--steps", "512", "--games", "2", "--games-a-row", "2", "--n-envs", "4", "--rows", "as trained"),
        *("other colours", "one screen in ten lost", "frame skip 2", "sticky 0.5"),
    ),
}


def assert_moves(gif: Path) -> None:
    """The gif has more than one different picture."""
    with Image.open(gif) as image:
        pictures = set()
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.add(image.convert("RGB").tobytes())
    assert len(pictures) > 10, gif


def assert_a_trained_run(run: Path, tag: str = "rollout/ep_rew_mean") -> None:
    """Curves with rising steps, and a model that `rlbreakout evaluate` accepts."""
    steps = read_scalar(run, tag).x
    assert len(steps) >= 1 and (np.diff(steps) > 0).all() and steps[-1] >= 1
    evaluated = rlbreakout("evaluate", run, "--games", "1", "--json", run / "test.json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((run / "test.json").read_text())["games"] == 1
