"""Callbacks for Stable-Baselines3 that a learner can use with any training: a metric of one's own, how games began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback


class MetricCallback(BaseCallback):
    """Show a metric of your own in TensorBoard: the mean over a rollout of what `metric(actions, infos)` returns.

    `actions` is an array `(n_envs,)`, `infos` the list of the environments' infos. A step for which `metric` returns
    None does not count.

    >>> MetricCallback("custom/fire", lambda actions, infos: (actions == 1).mean())
    """

    def __init__(self, name: str, metric: Callable[[np.ndarray, Sequence[dict[str, Any]]], float | None]) -> None:
        super().__init__()
        self.name, self.metric = name, metric
        self._values: list[float] = []

    def _on_step(self) -> bool:
        value = self.metric(self.locals["actions"], self.locals["infos"])
        if value is not None:
            self._values.append(float(value))
        return True

    def _on_rollout_end(self) -> None:
        if self._values:
            self.logger.record(self.name, float(np.mean(self._values)))
        self._values.clear()


class StartsCallback(BaseCallback):
    """Show how the training games of a rollout began, for a config with `starts`: their number as starts/<kind>, and
    the mean of the points that they made from there as starts/<kind>_points.

    rollout/ep_rew_mean is the mean score of the games that began at the start.
    """

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[str, list[float]] = {}

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "start" in info:
                report = info["episode"] if "episode" in info else info["part_of_a_game"]
                self._points.setdefault(info["start"], []).append(report["r"])
        return True

    def _on_rollout_end(self) -> None:
        for kind, points in self._points.items():
            self.logger.record(f"starts/{kind}", len(points))
            if points:
                self.logger.record(f"starts/{kind}_points", float(np.mean(points)))
            points.clear()
