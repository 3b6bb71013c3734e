"""The planner's value network."""

from __future__ import annotations

import torch

from rlbreakout.agents.planner.bounces import N_FEATURES, ValueWeights

UNITS = 64


class ValueNetwork(torch.nn.Module):
    """What a ball that comes down is worth, in discounted bricks: `(n, N_FEATURES)` float32 to `(n,)`.

    Untrained it expects nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(N_FEATURES, UNITS)
        self.second = torch.nn.Linear(UNITS, UNITS)
        self.last = torch.nn.Linear(UNITS, 1)
        for parameter in self.last.parameters():
            torch.nn.init.zeros_(parameter)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(features).relu()).relu()).squeeze(-1)

    def weights(self) -> ValueWeights:
        """A copy of the weights for compiled code."""
        return ValueWeights(*(parameter.detach().cpu().numpy().copy() for parameter in self.parameters()))
