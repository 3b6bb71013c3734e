"""Trainings that diverge: their weights grow until they are no longer numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.common.errors import MachineError
from rlbreakout.training.interrupts import what_is_kept

LARGEST_WEIGHT = 1e4
"""No weight of a network that still learns is larger: they are below 10 here."""


class Diverged(MachineError):
    """A weight or the loss is NaN, infinite or larger than LARGEST_WEIGHT."""

    def __init__(self, what: str, steps: int, folder: Path, try_instead: str) -> None:
        super().__init__(
            f"{what} at agent step {steps:,}, so training stopped; {what_is_kept(folder)}. Try {try_instead}"
        )


def has_diverged(policy: torch.nn.Module) -> bool:
    """Whether a weight of the policy is NaN, infinite or larger than LARGEST_WEIGHT."""
    return not all(bool((weights.abs() < LARGEST_WEIGHT).all()) for weights in policy.parameters())


class DivergenceCallback(BaseCallback):
    """Raises Diverged as soon as an update has left such weights, before anything is saved."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def check(self) -> None:
        if has_diverged(self.model.policy):
            raise self.error()

    def error(self) -> Diverged:
        what = "the weights of the network are no longer finite numbers"
        return Diverged(what, self.num_timesteps, self.folder, "a smaller ppo.learning_rate")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.check()

    def _on_training_end(self) -> None:
        self.check()


@contextmanager
def divergence_explained(model: BaseAlgorithm, callback: DivergenceCallback) -> Iterator[None]:
    """Raise Diverged instead of what PyTorch raises in the middle of an update with weights that are not finite."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if has_diverged(model.policy) or "without overflow" in str(error):  # an update too large for a float
            raise callback.error() from None
        raise
