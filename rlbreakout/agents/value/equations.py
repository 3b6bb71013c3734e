"""The equations of Q-learning, one function each, on arrays and tensors; nothing here knows about Breakout.

| symbol   | meaning                                                          | shape       |
|----------|------------------------------------------------------------------|-------------|
| r        | reward                                                           | (n,)        |
| Q(s', .) | Q-values of the next state by the network                        | (n, actions)|
| T(s', .) | Q-values of the next state by the target network                 | (n, actions)|
| gamma    | discount factor                                                  |             |
| end      | 1 where the game ended with this step, else 0                    | (n,)        |
"""

from __future__ import annotations

import numpy as np
import torch


def returns(rewards: np.ndarray, discount: float, last: float = 0.0) -> np.ndarray:
    """G(t) = r(t) + discount G(t + 1), with G(T) = `last`: `(T,)` float32 from rewards `(T,)`."""
    values = np.empty(len(rewards), dtype=np.float32)
    after = last
    for step in range(len(rewards) - 1, -1, -1):
        after = rewards[step] + discount * after
        values[step] = after
    return values


def normalised(values: torch.Tensor) -> torch.Tensor:
    """(x - mean) / standard deviation, over all of `values`."""
    return (values - values.mean()) / (values.std(correction=0) + 1e-9)


def q_target(rewards: torch.Tensor, gamma: float, next_values: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Bellman's equation: r + gamma V(s') (1 - end).

    With V(s') = max T(s', .) this is DQN's target (https://doi.org/10.1038/nature14236). For n steps pass the
    `n_step_return` as `rewards`, gamma to the power of n, and V of the state n steps later.
    """
    return rewards + gamma * next_values * (1 - end)


def best_value(target_next: torch.Tensor) -> torch.Tensor:
    """max T(s', .): the target network's best Q-value."""
    return target_next.max(dim=1).values


def double_value(q_next: torch.Tensor, target_next: torch.Tensor) -> torch.Tensor:
    """T(s', argmax Q(s', .)): the network chooses, the target network evaluates. https://arxiv.org/abs/1509.06461"""
    return target_next.gather(1, q_next.argmax(dim=1, keepdim=True)).squeeze(1)


def dueling(value: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    """Q = V + A - mean(A): `(n, actions)` from V `(n, 1)` and A `(n, actions)`. https://arxiv.org/abs/1511.06581"""
    return value + advantages - advantages.mean(dim=1, keepdim=True)


def n_step_return(rewards: np.ndarray, ends: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """r(t) + gamma r(t+1) + ... + gamma^(n-1) r(t+n-1), up to the end of the game, and whether it ended (1) or not (0).

    From `rewards` and `ends`, `(batch, n)` step by step, to two arrays `(batch,)` float32. Source:
    https://arxiv.org/abs/1710.02298
    """
    goes_on = np.cumprod(1.0 - ends, axis=1)
    counts = np.concatenate([np.ones((len(ends), 1)), goes_on[:, :-1]], axis=1)  # the last step's reward still counts
    powers = gamma ** np.arange(rewards.shape[1])
    return (rewards * counts * powers).sum(axis=1).astype(np.float32), (goes_on[:, -1] == 0).astype(np.float32)


def epsilon(steps: int, initial: float, minimum: float, decay_steps: int) -> float:
    """Epsilon falls linearly from `initial` at step 0 to `minimum` at `decay_steps`, and stays there."""
    return max(minimum, initial - (initial - minimum) * steps / decay_steps)


def priority(error: np.ndarray, exponent: float) -> np.ndarray:
    """p = (|error| + 1e-6)^alpha; transitions are drawn in proportion to p. https://arxiv.org/abs/1511.05952"""
    return (np.abs(error) + 1e-6) ** exponent


def importance_weight(probability: np.ndarray, n: int, exponent: float) -> np.ndarray:
    """w = (n P)^-beta, divided by the largest w of the minibatch, makes up for drawing with probabilities P.

    https://arxiv.org/abs/1511.05952
    """
    weights = (n * probability) ** -exponent
    return (weights / weights.max()).astype(np.float32)
