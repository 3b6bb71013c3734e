"""Many games of the twin with sticky actions, played and drawn by compiled code: what its environments share."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rlbreakout.breakout.draw import draw_grey, draw_rgb
from rlbreakout.breakout.rules import LAST_FRAME, NONE, is_over, new_games, one_frame
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError
from rlbreakout.common.random import next_uniform

SHAPES = {"rgb": (HEIGHT, WIDTH, 3), "grayscale": (HEIGHT, WIDTH)}
"""Of a screen, by obs_type."""
NEVER = 1_000
"""Points that no game has."""


class Games:
    """n games with sticky actions, and what is counted beside their states."""

    def __init__(self, n: int, sticky: float, max_frames: int | None) -> None:
        self.states = new_games(n)
        self.executed = np.full(n, NONE, dtype=np.int64)
        """The action of the frame before."""
        self.random = np.zeros(n, dtype=np.uint64)
        """The states of the random numbers that sticky actions are drawn from."""
        self.frames, self.frames_before = np.zeros((2, n), dtype=np.int64)
        """Of this game, and of those before it since the seed was set."""
        self._sticky = sticky
        self._most_frames = min(max_frames or LAST_FRAME, LAST_FRAME)

    def seed(self, game: int, seed: int) -> None:
        """Draw from `seed` on, and count all frames from the next reset on."""
        self.random[game] = np.uint64(seed % 2**32)
        self.frames[game] = self.frames_before[game] = 0

    def reset(self, begin: np.ndarray) -> None:
        """Begin the games that `begin`, `(n,)` bool, marks."""
        self.states[begin] = new_games(1)
        self.executed[begin] = NONE
        self.frames_before[begin] += self.frames[begin]
        self.frames[begin] = 0

    def hold(self, actions: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Hold each action for `held` frames; all are `(n,)` int64. Returns the points."""
        points = np.zeros(len(self.states), dtype=np.int64)
        counts = self.frames, points
        _hold(self.states, self.executed, self.random, *counts, actions, held, self._sticky, self._most_frames)
        return points

    def terminated(self) -> np.ndarray:
        return self.states["lives"] == 0

    def truncated(self) -> np.ndarray:
        return self.frames >= self._most_frames

    def pictures(self, obs_type: str, into: np.ndarray | None = None, only: int | None = None) -> np.ndarray:
        """The screens `(n, 210, 160)`, with obs_type "rgb" `(n, 210, 160, 3)`; of one game only, if wanted."""
        states = self.states if only is None else self.states[only : only + 1]
        return (draw_rgb if obs_type == "rgb" else draw_grey)(states, into)


def _whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def check_settings(settings: dict[str, Any]) -> None:
    """Raise UserError for what is not allowed, or what the twin cannot do."""

    def is_frame_skip(skip: Any) -> bool:
        if isinstance(skip, tuple):
            return len(skip) == 2 and all(_whole(end, 1) for end in skip) and skip[0] < skip[1]
        return _whole(skip, 1)

    def is_probability(value: Any) -> bool:
        return isinstance(value, (int, float)) and 0 <= value <= 1

    modes = [mode.value for mode in AutoresetMode]
    rules: dict[str, tuple[Any, str]] = {
        "num_envs": (lambda value: _whole(value, 1), "1 or more"),
        "game": (lambda value: value == "breakout", "'breakout'"),
        "mode": (lambda value: value in (None, 0), "None or 0"),
        "difficulty": (lambda value: value in (None, 0), "None or 0"),
        "obs_type": (lambda value: value in ("rgb", "grayscale"), "'rgb', 'grayscale' (the twin has no RAM)"),
        "frameskip": (is_frame_skip, "1 or more, or a tuple (low, high) with 1 <= low < high"),
        "repeat_action_probability": (is_probability, "0 to 1"),
        "full_action_space": (lambda value: not value, "False (the twin has 4 actions)"),
        "continuous": (lambda value: not value, "False"),
        "max_num_frames_per_episode": (lambda value: value is None or _whole(value, 0), "None, or 0 or more"),
        "render_mode": (lambda value: value in (None, "rgb_array"), "None, 'rgb_array'"),
        "sound_obs": (lambda value: not value, "False (the twin makes no sound)"),
        "autoreset_mode": (lambda value: value in modes or isinstance(value, AutoresetMode), ", ".join(modes)),
    }
    for name, (allows, allowed) in rules.items():
        if name in settings and not allows(settings[name]):
            raise UserError(f"{name} is {settings[name]!r}; allowed: {allowed}")


def check_seeds(seed: Any, n: int) -> list[int]:
    try:
        given = np.asarray(seed)
        seeds = [operator.index(seed) + number for number in range(n)] if given.ndim == 0 else list(given.tolist())
    except (TypeError, ValueError):
        seeds = []
    if len(seeds) != n or not all(_whole(one, 0) for one in seeds):
        raise UserError(f"seed is {seed!r}; allowed: a whole number from 0 on, or {n} of them")
    return seeds


@compiled
def _hold(
    states: np.ndarray,
    executed: np.ndarray,
    random: np.ndarray,
    frames: np.ndarray,
    points: np.ndarray,
    actions: np.ndarray,
    held: np.ndarray,
    sticky: float,
    most_frames: int,
) -> None:
    """Hold each action for `held` frames, or to the end of the game."""
    for game in range(len(states)):
        for _ in range(held[game]):
            if is_over(states[game]) or frames[game] >= most_frames:
                break
            points[game] += sticky_frame(states, game, actions[game], executed, random, sticky)
            frames[game] += 1


@compiled
def sticky_frame(
    states: np.ndarray, game: int, action: int, executed: np.ndarray, random: np.ndarray, sticky: float
) -> int:
    """Play a frame of one of n games, which executes the action of the frame before with the probability `sticky`
    (Machado et al. 2018, https://arxiv.org/abs/1709.06009). Returns its points.

    executed: `(n,)`, the action of the frame before, and then of this one. random: `(n,)`, the states of the random
    numbers.
    """
    if next_uniform(random, game) >= sticky:
        executed[game] = action
    return one_frame(states[game], executed[game])


@compiled
def hold_actions(
    states: np.ndarray,
    games: np.ndarray,
    held: np.ndarray,
    skips: np.ndarray,
    executed: np.ndarray,
    sticky: np.ndarray,
    sticky_seeds: np.ndarray,
    pool: bool,
    complete_at: int,
    earlier: np.ndarray,
    latest: np.ndarray,
    points: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Hold an action in each of `games` for its number of frames; every array but `games` is of all games.

    With `pool` the last two frames are kept, as SB3's MaxAndSkipEnv does.
    A game ends in the frame in which it has `complete_at` points, or the clock has run over. With NEVER all frames
    count, as where the emulator holds the action by itself.
    """
    for i in games:
        game = states[i]
        for frame in range(skips[i]):
            points[i] += sticky_frame(states, i, held[i], executed, sticky_seeds, sticky[i])
            frames[i] += 1
            if pool and frame == skips[i] - 2:
                earlier[i] = game
            if pool and frame == skips[i] - 1:
                latest[i] = game
            if is_over(game) or game.score >= complete_at:
                if complete_at == NEVER and game.lives > 0:
                    frames[i] += skips[i] - frame - 1  # the emulator plays on, but the game is over
                break
        if pool and skips[i] == 1:
            earlier[i] = game
        if not pool:
            latest[i] = game
