"""Noisy networks for exploration: a last layer with random weights, drawn before every rollout.

Random actions explore from step to step. An agent that keeps its random weights for a whole rollout plays in a style of
its own, and learns how much of that pays off. Fortunato et al. 2018, https://arxiv.org/abs/1706.10295.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn
from torch.nn import functional

FIRST_SPREAD = 0.5
"""Initial spread of the weights, times sqrt(inputs), as in the paper."""


class NoisyLinear(nn.Module):
    """A linear layer `(n, inputs)` -> `(n, outputs)` with weight = mean + spread x noise; it learns means and spreads.

    The noise is the paper's factorised one: noise[out, in] = f(a[out]) f(b[in]) with f(x) = sign(x) sqrt(|x|), a and b
    standard normal. `draw` draws new noise; while `quiet` is true only the means count. `layer` gives the first means.
    """

    noise_in: torch.Tensor
    noise_out: torch.Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        inputs, outputs = layer.in_features, layer.out_features
        spread = FIRST_SPREAD / np.sqrt(inputs)
        self.weight = nn.Parameter(layer.weight.detach().clone())
        self.bias = nn.Parameter(layer.bias.detach().clone())
        self.weight_spread = nn.Parameter(torch.full((outputs, inputs), spread))
        self.bias_spread = nn.Parameter(torch.full((outputs,), spread))
        self.register_buffer("noise_in", torch.zeros(inputs))
        self.register_buffer("noise_out", torch.zeros(outputs))
        self.quiet = False

    def draw(self) -> None:
        for noise in (self.noise_in, self.noise_out):
            drawn = torch.randn_like(noise)
            noise.copy_(drawn.sign() * drawn.abs().sqrt())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.quiet:
            return functional.linear(values, self.weight, self.bias)
        weight = self.weight + self.weight_spread * torch.outer(self.noise_out, self.noise_in)
        return functional.linear(values, weight, self.bias + self.bias_spread * self.noise_out)


class NoisyPolicy(ActorCriticPolicy):
    """SB3's MlpPolicy with a NoisyLinear as its action layer. `predict` uses no noise; rollouts and updates use the
    noise that was drawn last."""

    action_net: Any

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = NoisyLinear(self.action_net)
        self.optimizer = self.optimizer_class(  # type: ignore[call-arg]
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        self.action_net.quiet = True
        try:
            return super().predict(*args, **kwargs)
        finally:
            self.action_net.quiet = False


class NoiseCallback(BaseCallback):
    """Draws a NoisyPolicy's noise before every rollout. The update uses the same noise, because it needs the
    probability that each action had."""

    def _on_rollout_start(self) -> None:
        policy = self.model.policy
        assert isinstance(policy, NoisyPolicy)
        policy.action_net.draw()
        self.logger.record("train/noise_spread", float(policy.action_net.weight_spread.detach().abs().mean()))

    def _on_step(self) -> bool:
        return True
