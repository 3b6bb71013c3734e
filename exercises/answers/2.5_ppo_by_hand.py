"""Answers to exercise 2.5: the lines of lessons/2_baselines/2.5_ppo_by_hand.py."""

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

GAMMA, LAMBDA = 0.995, 0.95  # the check puts other numbers here, which are easier to follow
CLIP, VALUE_COEF, ENTROPY_COEF = 0.2, 0.5, 0.005


def advantages_of(rewards: np.ndarray, values: np.ndarray, begins: np.ndarray, next_values: np.ndarray) -> np.ndarray:
    """Gap 1. GAE: delta_t = r_t + gamma V(s_t+1) - V(s_t), and A_t = delta_t + gamma lambda A_t+1.

    rewards, values: `(steps, games)`; values are V(s_t). begins: `(steps + 1, games)`, 1 where an episode begins with
    step t: then nothing from step t on counts for step t - 1. next_values: `(games,)`, V of the state after the last
    step. Gives the advantages, `(steps, games)`.
    """
    advantages, advantage = np.zeros_like(rewards), np.float32(0)
    for t in reversed(range(len(rewards))):
        goes_on = 1 - begins[t + 1]  # nothing is expected beyond the end of an episode
        delta = rewards[t] + GAMMA * next_values * goes_on - values[t]
        advantage = delta + GAMMA * LAMBDA * goes_on * advantage
        advantages[t], next_values = advantage, values[t]
    return advantages


def policy_loss_of(
    policy: Categorical, actions: torch.Tensor, old_log_probs: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """Gap 2. ratio = pi(a|s) / pi_old(a|s). The loss: -mean of min(ratio A, clip(ratio, 1 - epsilon, 1 + epsilon) A).

    policy: pi(.|s) as it is now, with `policy.log_prob(actions)`, for a minibatch of n steps. actions: `(n,)`.
    old_log_probs: `(n,)`, log pi_old(a|s) from when they were played. advantages: `(n,)`. epsilon is CLIP. Gives one
    number.
    """
    ratio = torch.exp(policy.log_prob(actions) - old_log_probs)
    return -torch.min(advantages * ratio, advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP)).mean()


def loss_of(
    policy: Categorical, policy_loss: torch.Tensor, values: torch.Tensor, returns: torch.Tensor
) -> torch.Tensor:
    """Gap 3. All that is made small: the policy loss, VALUE_COEF times the mean of (G - V(s))^2, and a bonus for
    entropy, H = -sum of pi log pi: the larger it is, the smaller the loss, by ENTROPY_COEF times its mean.

    policy: pi(.|s), with `policy.entropy()`, `(n,)`. policy_loss: one number, gap 2. values, returns: `(n,)`, V(s) and
    G. Gives one number.
    """
    value_loss = nn.functional.mse_loss(returns, values)
    return policy_loss - ENTROPY_COEF * policy.entropy().mean() + VALUE_COEF * value_loss
