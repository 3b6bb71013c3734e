"""From a config to what agents see: pictures from screens, coordinates from the states of the games."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import StackedObservations

from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.config import Config, ObservationConfig
from rlbreakout.observation.aimbot import Aimbot
from rlbreakout.observation.blocks import Blocks, blocks_space
from rlbreakout.observation.pictures import (
    WHITE,
    halve,
    image_shape,
    mono,
    one_channel,
    paint_counters,
    paint_mark,
    trim,
    warp,
)

Observation = np.ndarray | dict[str, np.ndarray]


class Observer:
    """Turns the screens and states of `n` games into what `config` lets the agents see, without the frame stack.

    Everything is written once, for a batch: the gymnasium wrappers call it with one game, the vector environments with
    all of theirs. It remembers where the ball was, if the config has an aimbot.
    """

    def __init__(self, config: ObservationConfig, n: int) -> None:
        self.config = config
        self.space = single_space(config)
        """One game's observation space: a Box, or with kind "both" a Dict of "image" and "coordinates"."""
        self._everyone = np.arange(n)
        self._aimbot = Aimbot(n) if config.has_aimbot else None
        self._blocks = Blocks(config.blocks, n) if config.has_coordinates else None

    def forget(self, games: np.ndarray) -> None:
        """A new game or life begins in `games`, an array of indices: where the ball was before does not count."""
        if self._aimbot is not None:
            self._aimbot.forget(games)

    def observe(
        self,
        screens: np.ndarray | None,
        elapsed: int | np.ndarray,
        games: np.ndarray | None = None,
        states: np.ndarray | None = None,
    ) -> Observation:
        """What the agents of `games` (indices, by default all) see.

        screens: uint8 `(n, 210, 160[, 3])`, needed for pictures; they are not changed. elapsed: frames since the
        previous observation, one number or `(n,)`. states: `(n,)` of dtype STATE, needed for coordinates.
        """
        games = self._everyone if games is None else games
        numbers = picture = None
        if self._blocks is not None:
            assert states is not None, "coordinates are made from states"
            numbers = self._blocks.compute(states, games)
        if self.config.has_picture:
            assert screens is not None, "pictures are made from screens"
            picture = self._draw(screens, elapsed, games)
        if numbers is None:
            assert picture is not None
            return picture
        return numbers if picture is None else {"image": picture, "coordinates": numbers}

    def _draw(self, screens: np.ndarray, elapsed: int | np.ndarray, games: np.ndarray) -> np.ndarray:
        config = self.config
        if config.kind == "rgb":
            return screens.copy()
        if config.kind == "warp":
            return warp(screens, config.screen_size)
        if self._aimbot is None and screens.ndim == 3:  # the smaller the picture, the less work
            picture = trim(screens[..., None], config.trim)
            return mono(halve(picture) if config.half else picture, config.mode)
        picture = mono(screens, config.mode)
        if self._aimbot is not None:
            aim = self._aimbot.watch(one_channel(screens), elapsed, games)
            paint_mark(picture, aim)
            if config.counters:
                paint_counters(picture, aim)
        picture = trim(picture, config.trim)
        return halve(picture) if config.half else picture


def needs_colour(config: ObservationConfig) -> bool:
    """Whether the screens must be in colour; grey ones are enough for the rest."""
    return config.kind in ("rgb", "warp") or (config.kind in ("image", "both") and config.mode == "3col")


def single_space(config: ObservationConfig) -> gym.Space:
    """The space of one observation `(height, width, channels)` uint8 or `(k,)` float32, without the frame stack."""
    if not config.has_picture:
        return blocks_space(config.blocks)
    if config.kind == "rgb":
        shape: tuple[int, int, int] = (HEIGHT, WIDTH, 3)
    elif config.kind == "warp":
        shape = (config.screen_size, config.screen_size, 1)
    else:
        shape = image_shape(config.mode, config.trim, config.half)
    image = gym.spaces.Box(0, WHITE, shape, np.uint8)
    return (
        gym.spaces.Dict({"image": image, "coordinates": blocks_space(config.blocks)})
        if config.kind == "both"
        else image
    )


def observation_space(config: Config) -> gym.Space:
    """The space of what an agent of `config` sees, with the frame stack in its last axis; nothing is played for it."""
    space: Any = single_space(config.observation)
    return StackedObservations(1, config.observation.frame_stack, space).stacked_observation_space
