"""What vector environments share that play all their games together, without an environment for each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from rlbreakout.breakout.rules import N_ACTIONS
from rlbreakout.common.errors import UserError
from rlbreakout.common.random import spawn_seeds


class GamesTogether(VecEnv):
    """A VecEnv of Breakout games that step together: independent seeds, checked actions, Monitor's report and file.

    A subclass plays: it has `_actions`, `(n_envs,)` int64, in `step_wait`, and arrays `lives` and `scores`.
    """

    lives: Any
    """`(n_envs,)`."""
    scores: Any
    """`(n_envs,)` points of the games that are being played."""

    def __init__(
        self,
        space: gym.Space,
        n_envs: int,
        seed: int,
        *,
        first: int = 0,
        played_in: str = "",
        monitor_file: Path | None = None,
    ) -> None:
        self.first = first
        """The number of the first game, for its seed."""
        super().__init__(n_envs, space, gym.spaces.Discrete(N_ACTIONS))
        self.seed(seed)
        self._start = time.time()
        self._results = None
        if monitor_file is not None:
            self._results = ResultsWriter(str(monitor_file), {"t_start": self._start, "env_id": played_in})

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Give each game a seed of its own, which counts from the next reset; None: draw them. Returns the seeds."""
        chosen = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._seeds = [*spawn_seeds(chosen, self.num_envs, self.first)]
        return list(self._seeds)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the next actions, `(n_envs,)`: 0 none, 1 fire, 2 right, 3 left. Raises UserError for others."""
        given = np.asarray(actions)
        n = self.num_envs
        if given.shape != (n,) or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= N_ACTIONS:
            raise UserError(f"actions is {actions!r}; allowed: {n} whole numbers from 0 to {N_ACTIONS - 1}")
        self._actions = given.astype(np.int64)

    def _report(self, score: float, length: int) -> dict[str, Any]:
        """What Monitor reports of a whole game: its score, its length, and the seconds since the start."""
        return {"r": float(score), "l": int(length), "t": round(time.time() - self._start, 6)}

    def _write_report(self, report: dict[str, Any]) -> None:
        if self._results is not None:
            self._results.write_row(report)

    def close(self) -> None:
        if self._results is not None:
            self._results.close()
            self._results = None

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each game: an entry of an array, or what is the same for all."""
        if attr_name.startswith("_") or not hasattr(self, attr_name):
            raise AttributeError(f"{type(self).__name__} has no attribute {attr_name!r}")
        value, games = getattr(self, attr_name), list(self._get_indices(indices))
        if isinstance(value, np.ndarray) and len(value) == self.num_envs:
            return [value[game : game + 1].copy() if value.dtype.names else value[game].item() for game in games]
        return [value for _ in games]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        raise NotImplementedError("the games are played together; change the config instead")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        if method_name == "get_action_meanings":
            return [["NOOP", "FIRE", "RIGHT", "LEFT"] for _ in self._get_indices(indices)]
        raise AttributeError(f"{type(self).__name__} has no method {method_name!r} of single environments")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor, whose work is done here: `info["episode"]` is the whole game."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]
