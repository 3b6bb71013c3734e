"""What plays a game: anything with the `predict` of Stable-Baselines3's policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rlbreakout.config import Config

RANDOM = "random"
"""The name of the agent that draws every action at random."""


class Player(Protocol):
    """What plays a game: SB3's policies and algorithms, ValueAgent, Planner, RandomPlayer."""

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]: ...


class RandomPlayer:
    """Draws every action with the same probability."""

    def __init__(self, n_actions: int, seed: int) -> None:
        self.n_actions = n_actions
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def predict(self, observation: np.ndarray | dict[str, np.ndarray], *_: Any, **__: Any) -> tuple[np.ndarray, None]:
        first = observation if isinstance(observation, np.ndarray) else next(iter(observation.values()))
        return self._random.integers(self.n_actions, size=len(first)), None


@dataclass
class Agent:
    """A player, the config of the environment that it plays in, and its name."""

    player: Player
    config: Config
    name: str
