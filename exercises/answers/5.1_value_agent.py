"""Answers to exercise 5.1: Q-learning as in lesson 5.3 and in rlbreakout/agents/value."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

GAMMA = 0.99  # the check puts other numbers here, which are easier to follow
INITIAL, MINIMUM, DECAY_STEPS = 1.0, 0.01, 100_000  # of epsilon

Network = Callable[[torch.Tensor], torch.Tensor]  # from states `(n, ...)` to Q-values `(n, actions)`


def targets_of(
    target_network: Network, rewards: torch.Tensor, next_states: torch.Tensor, ends: torch.Tensor
) -> torch.Tensor:
    """Gap 1. The Q-target: y = r + gamma max_a' Q_target(s', a') (1 - end), a number that the loss takes as it is.

    rewards, ends: `(n,)`; an end is 1 where nothing follows the step. next_states: `(n, ...)`, the states s' that
    follow. Gives the targets, `(n,)`.
    """
    with torch.no_grad():
        next_values = target_network(next_states).max(dim=1).values
    return rewards + GAMMA * next_values * (1 - ends)


def loss_of(network: Network, states: torch.Tensor, actions: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Gap 2. The mean of Huber's loss of Q(s, a) - y, for the actions a that were taken.

    Huber's loss (`nn.functional.smooth_l1_loss`) is half the square of a small error, and of one above 1 its size less
    a half, so that a single large error does not decide the step. states: `(n, ...)`. actions: `(n,)`, whole numbers.
    y: `(n,)`, gap 1. Gives one number.
    """
    q = network(states).gather(1, actions[:, None]).squeeze(1)
    return nn.functional.smooth_l1_loss(q, y)


def act(q_values: np.ndarray, steps: int) -> np.ndarray:
    """Gap 3. Epsilon-greedy: any of the actions with probability epsilon, drawn for each game, otherwise the best one.

    Epsilon falls on a line from INITIAL at step 0 to MINIMUM at step DECAY_STEPS, and stays there. q_values: `(games,
    actions)`. steps: agent steps so far. Gives an action for each game, `(games,)`, whole numbers.
    """
    epsilon = max(MINIMUM, INITIAL - (INITIAL - MINIMUM) * steps / DECAY_STEPS)
    best = q_values.argmax(axis=1)
    explores = np.random.random(len(best)) < epsilon
    return np.where(explores, np.random.randint(q_values.shape[1], size=len(best)), best)
