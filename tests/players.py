"""Players for tests: one that follows the ball on the screen, one that does nothing, one that breaks both walls."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.breakout.rules import FIRE, LEFT, N_ACTIONS, NONE, PIXEL, RIGHT
from rlbreakout.breakout.screen import BALL_WIDTH, find_ball, find_paddle
from rlbreakout.observation.blocks import Blocks

WHOLE_SCREENS = {
    "env.max_pool": False,
    "observation.kind": "image",
    "observation.mode": "grey_1dim",
    "observation.trim": "keep",
    "observation.frame_stack": 1,
}
"""What a BallFollower sees, as values of a config."""
COLUMNS_A_PRESS = 3
"""Closer to the ball than this the paddle stays."""
CHOICES = (NONE, RIGHT, LEFT)


def follow_ball(screen: np.ndarray, aim: int = 0) -> int:
    """The action that brings the paddle's middle under the ball, `aim` columns to its left; FIRE where no ball is seen.

    screen: `(210, 160)` grey or `(210, 160, 3)` colour, uint8.
    """
    lit = np.ascontiguousarray(screen if screen.ndim == 2 else screen.max(axis=2))[None]
    ball, paddle = find_ball(lit), find_paddle(lit)
    if not ball.seen[0]:
        return FIRE
    middle = (paddle.column[0] + paddle.right[0]) // 2
    off = int(ball.column[0] + BALL_WIDTH // 2 - middle) - aim
    return RIGHT if off > COLUMNS_A_PRESS else LEFT if off < -COLUMNS_A_PRESS else NONE


class BallFollower:
    """A player that sees WHOLE_SCREENS and follows the ball. It seldom misses, and as it meets the ball with another
    part of the paddle each time, the ball comes everywhere."""

    def __init__(self, seed: int = 0) -> None:
        self._random, self._aim = np.random.default_rng(seed), 0

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        if self._random.random() < 0.05:
            self._aim = int(self._random.integers(-5, 6))
        return np.array([follow_ball(screen[..., -1], self._aim) for screen in observation]), None


class Still:
    """A player that never fires and never moves."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        return np.full(len(observation), NONE), None


class Metronome:
    """A player that goes to the right and to the left in turn, the same in every game."""

    def __init__(self) -> None:
        self._steps = 0

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        self._steps += 1
        return np.full(len(observation), RIGHT if self._steps % 14 < 7 else LEFT), None


class Player:
    """Plays n games by the blocks `choices` and `arrival`; the share `random` of its actions is drawn, `(n,)`."""

    def __init__(self, n: int, seed: int = 0, random: float | np.ndarray = 0.02) -> None:
        self._blocks = Blocks(["arrival", "choices"], n)
        at = {entry.name: index for index, entry in enumerate(self._blocks.entries)}
        self._worth = [at[f"{name}_worth"] for name in ("none", "right", "left")]
        self._halves = [[at[f"{name}_{half}_half"] for half in ("left", "right")] for name in ("none", "right", "left")]
        self._from_rest = at["arrival_from_rest"]
        self._random, self._share, self._n = np.random.default_rng(seed), random, n

    def act(self, states: np.ndarray) -> np.ndarray:
        """Actions `(n,)` int64."""
        values = self._blocks.compute(states)
        likes = values[:, self._worth] + 1e-3 * values[:, self._halves].max(axis=2)
        wanted = np.sign(values[:, self._from_rest])[:, None] * np.array([0, 1, -1])  # if all are alike
        best = np.argmax(likes + 1e-6 * wanted, axis=1)
        actions = np.where(states["ball_y"] < PIXEL, FIRE, np.array(CHOICES)[best])
        drawn = self._random.integers(N_ACTIONS, size=self._n)
        return np.where(self._random.random(self._n) < self._share, drawn, actions)


def depends_on_the_state_only(name: str) -> bool:
    """Whether an entry of the blocks tells nothing of what has been since the last point."""
    return not any(
        word in name
        for word in (
            "without_points",
            "been_there",
            "fresh_worth",
            "fresh_none_worth",
            "fresh_right_worth",
            "fresh_left_worth",
        )
    )


class CtrlC:
    """Presses Ctrl-C in the process that started this one, tells which process it is in `folder`, and plays nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        (self._folder / str(os.getpid())).touch()
        os.kill(os.getppid(), signal.SIGINT)
        threading.Event().wait()
        raise AssertionError("nobody ends the wait")
