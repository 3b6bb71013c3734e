"""Gymnasium wrappers for one Breakout environment.

What Stable-Baselines3 already has (skipping frames, resizing, a life as an episode) is used from there; here stands
what it lacks for playing whole games.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

FIRE = 1
"""The action that launches the ball (`get_action_meanings()[1]`)."""

BALL_Y_RAM = 101
"""RAM address of the ball's height, 0 while no ball is in play (Anand et al. 2019, https://arxiv.org/abs/1906.08226)."""

STALLED_AFTER = 5_000
"""Agent steps in a row without a point after which a game counts as stalled."""


def ball_in_play(env: gym.Env) -> bool:
    """Whether a ball is on the screen of `env`, a Breakout environment of ale-py, wrapped or not."""
    return bool(env.unwrapped.ale.getRAM()[BALL_Y_RAM] != 0)  # type: ignore[attr-defined]


class LaunchBall(gym.Wrapper, RecordConstructorArgs):
    """Press FIRE after reset and after every lost life until a ball is in play.

    The agent's action of that step is replaced, so a step stays a step. Put it outside of the wrapper that skips
    frames. It goes on pressing because a sticky action may swallow the first FIRE.

    >>> env = LaunchBall(gym.make("ALE/Breakout-v5"))
    >>> _ = env.reset(seed=0)
    >>> _ = env.step(0)
    >>> ball_in_play(env)
    True
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        meanings = env.unwrapped.get_action_meanings()  # type: ignore[attr-defined]
        if meanings[FIRE] != "FIRE":
            raise ValueError(f"LaunchBall needs FIRE as action {FIRE}, the environment has {meanings}")
        self._waiting = True
        self._lives = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        self._waiting = True
        self._lives = self._count_lives()
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._waiting = self._waiting and not ball_in_play(self.env)
        observation, reward, terminated, truncated, info = self.env.step(FIRE if self._waiting else action)
        lives = self._count_lives()
        self._waiting = self._waiting or lives < self._lives
        self._lives = lives
        return observation, reward, terminated, truncated, info

    def _count_lives(self) -> int:
        return self.env.unwrapped.ale.lives()  # type: ignore[attr-defined]


class StalledGame(gym.Wrapper, RecordConstructorArgs):
    """Truncate a game in which no point was scored for `patience` agent steps; `info["stalled"]` tells.

    Put it outside of the wrapper that skips frames and inside of Monitor, so that Monitor sees the end of the game.
    """

    def __init__(self, env: gym.Env, patience: int = STALLED_AFTER) -> None:
        RecordConstructorArgs.__init__(self, patience=patience)
        gym.Wrapper.__init__(self, env)
        self.patience = patience
        self._steps_without_points = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._steps_without_points = 0
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps_without_points = 0 if reward else self._steps_without_points + 1
        stalled = self._steps_without_points >= self.patience and not terminated
        return observation, reward, terminated, truncated or stalled, {**info, "stalled": stalled}
