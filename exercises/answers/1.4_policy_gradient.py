"""Answers to exercise 1.4: the lines of lessons/1_gym/1.4_policy_gradient.py."""

from collections.abc import Callable

import torch
from torch.distributions import Categorical

DISCOUNT = 0.97  # the check puts another number here, which is easier to follow


def returns_of(rewards: torch.Tensor, ends: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """Gap 1. The return: G_t = r_t + discount G_t+1, and nothing from beyond the end of a life.

    rewards, ends: `(steps, games)`; an end is 1 where the life ended with step t, else 0. later: `(games,)`, the
    return to expect after the last step. Gives the returns, `(steps, games)`.
    """
    returns = torch.empty_like(rewards)
    for t in reversed(range(len(rewards))):  # from the last step back, because G_t needs G_t+1
        later = returns[t] = rewards[t] + DISCOUNT * (1 - ends[t]) * later
    return returns


def advantages_of(returns: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Gap 2. The advantage: A_t = G_t - V(s_t), a number that the policy's loss takes as it is.

    returns, expected: `(steps, games)`; expected is V(s_t), fresh from the baseline's network, with its gradient.
    Gives the advantages, `(steps, games)`.
    """
    return (returns - expected).detach()


def loss_of(
    policy: Callable[[torch.Tensor], torch.Tensor],
    states: torch.Tensor,
    actions: torch.Tensor,
    advantages: torch.Tensor,
    returns: torch.Tensor,
    expected: torch.Tensor,
) -> torch.Tensor:
    """Gap 3. What the optimizer makes small: the mean of -log pi(a|s) A, plus the mean of (G - V(s))^2.

    policy: the network, from states `(steps, games, numbers)` to logits `(steps, games, 4)`. actions: `(steps, games)`,
    from 0 to 3, and the rest is `(steps, games)`, too. Gives one number.
    """
    log_probabilities = Categorical(logits=policy(states)).log_prob(actions)
    return -(log_probabilities * advantages).mean() + (returns - expected).pow(2).mean()
