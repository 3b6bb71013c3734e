"""What `check.py` knows about each gap: the numbers that it tries, and the mistakes that it recognises.

A mistake is the right answer with one piece of text replaced. If a learner's line gives the numbers of that, however
they wrote it, the check says what probably went wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn, tensor
from torch.distributions import Categorical


class Gap(NamedTuple):
    function: str
    given: Callable[[], dict[str, Any]]
    """The arguments that are tried, made anew for each call."""
    mistakes: dict[str, tuple[str, str]]
    """What to say, and the piece of the answer's text that is replaced, and by what."""
    call: Callable[..., Any] = lambda function, *arguments: function(*arguments)
    """What is compared: by default what the function gives."""
    tolerance: float = 1e-5


class Exercise(NamedTuple):
    file: str
    """Its name without `.py`, in this folder and in `answers/`."""
    page: str
    """Where the equations stand."""
    constants: dict[str, float]
    """What the constants of the file are while it is checked."""
    gaps: tuple[Gap, ...]


def with_gradient(values: list | float) -> torch.Tensor:
    return tensor(values, requires_grad=True)


# Lesson 1.4
def a_life_ends() -> dict[str, Any]:
    """Two games of five steps: the first loses a life with step 2, the second with step 3."""
    return {
        "rewards": tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]),
        "ends": tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
        "later": tensor([4.0, 3.0]),
    }


def surprises() -> dict[str, Any]:
    return {"returns": tensor([[2.0, 0.5], [0.0, 1.0]]), "expected": with_gradient([[1.0, 1.0], [0.5, 1.0]])}


def two_steps_of_two_games() -> dict[str, Any]:
    logits = [[[1.0, 0.0, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0]], [[0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]]
    return {
        "policy": nn.Identity(),
        "states": with_gradient(logits),
        "actions": tensor([[0, 1], [2, 3]]),
        "advantages": tensor([[1.0, -0.5], [2.0, 0.5]]),
        "returns": tensor([[2.0, 0.5], [3.0, 0.0]]),
        "expected": with_gradient([[1.0, 1.0], [1.0, -0.5]]),
    }


POLICY_GRADIENT = Exercise(
    "1.4_policy_gradient",
    "lessons/1_gym/README.md, section 1.4",
    {"DISCOUNT": 0.5},
    (
        Gap(
            "returns_of",
            a_life_ends,
            {
                "The return runs on into the next life. Multiply what comes later by (1 - ends[t]).": (
                    "(1 - ends[t]) * ",
                    "",
                ),
                "What comes later counts only where a life ends. It should be (1 - ends[t]), not ends[t].": (
                    "(1 - ends[t])",
                    "ends[t]",
                ),
                "A later point counts as much as an early one: DISCOUNT is missing.": ("DISCOUNT * ", ""),
                "The reward of step t is discounted, too. Only what comes later should be.": (
                    "rewards[t] + DISCOUNT * (1 - ends[t]) * later",
                    "DISCOUNT * (rewards[t] + (1 - ends[t]) * later)",
                ),
                "The reward of a life's last step is lost. (1 - ends[t]) belongs only to what comes later.": (
                    "rewards[t] + DISCOUNT * (1 - ends[t]) * later",
                    "(1 - ends[t]) * (rewards[t] + DISCOUNT * later)",
                ),
                "Every step uses the same `later`. It has to become the return of step t.": (
                    "later = returns",
                    "returns",
                ),
                "ends[t] says that the life ended with step t itself, not with the one before it.": (
                    "ends[t]",
                    "ends[t - 1]",
                ),
            },
        ),
        Gap(
            "advantages_of",
            surprises,
            {
                "The gradient of the policy's loss would flow into the baseline: .detach() is missing.": (
                    ".detach()",
                    "",
                ),
                "The sign is wrong. A return above the expected one is a positive advantage.": (
                    "returns - expected",
                    "expected - returns",
                ),
                "That is the return. Subtract what was expected.": ("(returns - expected)", "returns"),
            },
        ),
        Gap(
            "loss_of",
            two_steps_of_two_games,
            {
                "The sign of the policy's part is wrong. A loss is made small, so good actions need a minus.": (
                    "-(log",
                    "(log",
                ),
                "That is the probability pi(a|s) itself. It should be its logarithm.": (
                    ".log_prob(actions)",
                    ".log_prob(actions).exp()",
                ),
                "The baseline learns nothing: the mean of (G - V(s))^2 is missing.": (
                    " + (returns - expected).pow(2).mean()",
                    "",
                ),
                "The baseline gets no gradient. Do not detach `expected` here.": (
                    "returns - expected",
                    "returns - expected.detach()",
                ),
                "The sign of the baseline's part is wrong: its error has to become small.": (
                    " + (returns",
                    " - (returns",
                ),
                "The error of the baseline is not squared.": (".pow(2)", ""),
                "log pi(a|s) is multiplied by the return. It should be the advantage.": ("* advantages", "* returns"),
                "That is a sum over the steps. Take the mean, or the learning rate depends on how many there are.": (
                    "mean()",
                    "sum()",
                ),
                "The policy's part is a sum over the steps. Take the mean.": (
                    "advantages).mean()",
                    "advantages).sum()",
                ),
            },
        ),
    ),
)


# Lesson 2.5
def an_episode_ends() -> dict[str, Any]:
    """Two games of four steps; an episode of the first ends with step 1, one of the second with step 2."""
    return {
        "rewards": np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]),
        "values": np.array([[1.0, 0.5], [2.0, 1.0], [0.5, 1.5], [1.0, 2.0]]),
        "begins": np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
        "next_values": np.array([2.0, 1.0]),
    }


def a_minibatch() -> dict[str, Any]:
    """A good and a bad surprise, each with a ratio inside of 1 - epsilon to 1 + epsilon, above it and below it."""
    probabilities = tensor([0.5, 0.6, 0.3, 0.5, 0.8, 0.2])
    logits = torch.stack([probabilities, 1 - probabilities], dim=1).log().requires_grad_()
    return {
        "policy": Categorical(logits=logits),
        "actions": tensor([0, 0, 0, 0, 0, 0]),
        "old_log_probs": tensor([0.48, 0.4, 0.6, 0.48, 0.5, 0.5]).log(),
        "advantages": tensor([1.0, 2.0, 3.0, -1.0, -2.0, -3.0]),
    }


def parts_of_the_loss() -> dict[str, Any]:
    logits = with_gradient([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 1.0, -1.0, 0.0]])
    return {
        "policy": Categorical(logits=logits),
        "policy_loss": with_gradient(0.5),
        "values": with_gradient([1.0, 0.0, 2.0]),
        "returns": tensor([2.0, 0.5, 0.0]),
    }


PPO = Exercise(
    "2.5_ppo_by_hand",
    "lessons/2_baselines/README.md, section 2.5",
    {"GAMMA": 0.5, "LAMBDA": 0.8, "CLIP": 0.2, "VALUE_COEF": 0.5, "ENTROPY_COEF": 0.1},
    (
        Gap(
            "advantages_of",
            an_episode_ends,
            {
                "That is GAE without lambda: what follows delta counts GAMMA * LAMBDA.": ("GAMMA * LAMBDA", "GAMMA"),
                "What follows delta counts GAMMA * LAMBDA: gamma is missing.": ("GAMMA * LAMBDA", "LAMBDA"),
                "That is delta alone: gamma lambda A_t+1 is missing.": (
                    "delta + GAMMA * LAMBDA * goes_on * advantage",
                    "delta",
                ),
                "The ends of episodes are ignored. goes_on should be 0 where begins[t + 1] is 1.": (
                    "1 - begins[t + 1]",
                    "1",
                ),
                "goes_on is the wrong way round. It should be 0 where begins[t + 1] is 1.": (
                    "1 - begins[t + 1]",
                    "begins[t + 1]",
                ),
                "begins[t] says whether step t is a first one. The episode ended with step t if begins[t + 1] is 1.": (
                    "begins[t + 1]",
                    "begins[t]",
                ),
                "delta expects something beyond the end of an episode. Multiply V(s_t+1) by goes_on.": (
                    "next_values * goes_on",
                    "next_values",
                ),
                "The advantage runs on into the next episode. Multiply A_t+1 by goes_on.": (
                    "goes_on * advantage",
                    "advantage",
                ),
                "delta is a surprise: subtract V(s_t), which was expected.": (" - values[t]\n", "\n"),
                "V(s_t+1) is one step away: multiply it by GAMMA.": ("GAMMA * next_values", "next_values"),
            },
        ),
        Gap(
            "policy_loss_of",
            a_minibatch,
            {
                "That is the clipped part alone. The min is missing: what went the wrong way could not come back.": (
                    "torch.min(advantages * ratio, advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP))",
                    "(advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP))",
                ),
                "Nothing is clipped: that is the ratio times the advantage.": (
                    "torch.min(advantages * ratio, advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP))",
                    "(advantages * ratio)",
                ),
                "That is the larger of the two. PPO takes the smaller one, before the minus.": (
                    "torch.min",
                    "torch.max",
                ),
                "The sign is wrong. A loss is made small, so the objective needs a minus.": ("-torch.min", "torch.min"),
                "The ratio is upside down. It is the new probability divided by the old one.": (
                    "policy.log_prob(actions) - old_log_probs",
                    "old_log_probs - policy.log_prob(actions)",
                ),
                "That is the logarithm of the ratio. Take exp of it.": ("torch.exp(", "("),
                "The ratio is clipped, and then multiplied by the advantage, not the other way round.": (
                    "advantages * torch.clamp(ratio,",
                    "torch.clamp(advantages * ratio,",
                ),
                "That is a sum over the minibatch. Take the mean.": (".mean()", ".sum()"),
            },
        ),
        Gap(
            "loss_of",
            parts_of_the_loss,
            {
                "The sign of the entropy is wrong. More of it has to make the loss smaller.": (
                    "- ENTROPY_COEF",
                    "+ ENTROPY_COEF",
                ),
                "The bonus for entropy is missing.": (" - ENTROPY_COEF * policy.entropy().mean()", ""),
                "The entropy is not multiplied by ENTROPY_COEF.": ("ENTROPY_COEF * ", ""),
                "The value loss is missing: the critic learns nothing.": (" + VALUE_COEF * value_loss", ""),
                "The value loss is not multiplied by VALUE_COEF.": ("VALUE_COEF * ", ""),
                "The value loss is subtracted. The critic's error has to become small.": ("+ VALUE", "- VALUE"),
                "The value loss is a sum over the minibatch. Take the mean.": (
                    "mse_loss(returns, values)",
                    'mse_loss(returns, values, reduction="sum")',
                ),
                "The critic gets no gradient. Do not detach the values.": (
                    "mse_loss(returns, values)",
                    "mse_loss(returns, values.detach())",
                ),
                "The policy loss is missing.": ("policy_loss - ENTROPY", "-ENTROPY"),
                "The entropy has a value for each step. Take its mean.": (".entropy().mean()", ".entropy()"),
            },
        ),
    ),
)


# Lesson 5.1
def four_steps() -> dict[str, Any]:
    """As many steps as actions: so a maximum over the wrong axis has the right shape. The last step ends a life."""
    q = [[1.0, 3.0, 0.0, 2.0], [0.0, 1.0, 5.0, 0.0], [2.0, 0.0, 1.0, 1.0], [4.0, 2.0, 0.0, 6.0]]
    return {
        "target_network": nn.Identity(),
        "rewards": tensor([0.0, 1.0, 0.0, -1.0]),
        "next_states": with_gradient(q),
        "ends": tensor([0.0, 0.0, 0.0, 1.0]),
    }


def small_and_large_errors() -> dict[str, Any]:
    return {
        "network": nn.Identity(),
        "states": with_gradient([[1.0, 3.0, 0.0, 2.0], [0.0, 1.0, 5.0, 0.0], [2.0, 0.0, 1.0, 1.0]]),
        "actions": tensor([3, 0, 2]),
        "y": tensor([1.5, 4.0, 1.2]),
    }


def one_state() -> dict[str, Any]:
    return {"q_values": np.array([0.0, 3.0, 1.0, 2.0]), "steps": np.array([0, 500, 1_000, 2_000])}


def shares(act: Callable[..., Any], q_values: np.ndarray, steps: np.ndarray, games: int = 20_000) -> np.ndarray:
    """How often each action is taken in the same state of many games, `(steps, actions)`."""
    np.random.seed(0)
    chosen = [np.asarray(act(np.tile(q_values, (games, 1)), int(step))) for step in steps]
    return np.array([[(actions == action).sum() / games for action in range(len(q_values))] for actions in chosen])


Q_LEARNING = Exercise(
    "5.1_value_agent",
    "lessons/5_value_agent/README.md",
    {"GAMMA": 0.5, "INITIAL": 0.8, "MINIMUM": 0.1, "DECAY_STEPS": 1_000},
    (
        Gap(
            "targets_of",
            four_steps,
            {
                "Something is expected beyond the end. Multiply the next value by (1 - ends).": (" * (1 - ends)", ""),
                "The next value counts only at an end. It should be (1 - ends), not ends.": ("(1 - ends)", "ends"),
                "The maximum is over the wrong axis. Each state needs the best of its actions: dim=1.": (
                    "dim=1",
                    "dim=0",
                ),
                "That is the number of the best action. Take its value: max, not argmax.": (
                    "max(dim=1).values",
                    "argmax(dim=1)",
                ),
                "That is the mean over the actions. Bellman's equation takes the best one.": (
                    "max(dim=1).values",
                    "mean(dim=1)",
                ),
                "The loss would move the target as well: torch.no_grad() or .detach() is missing.": (
                    "no_grad",
                    "enable_grad",
                ),
                "What comes next counts fully: GAMMA is missing.": ("GAMMA * ", ""),
                "The reward is discounted, too. Only the next value should be.": (
                    "rewards + GAMMA * next_values * (1 - ends)",
                    "GAMMA * (rewards + next_values * (1 - ends))",
                ),
                "The reward of the last step is lost. (1 - ends) belongs only to the next value.": (
                    "rewards + GAMMA * next_values * (1 - ends)",
                    "(rewards + GAMMA * next_values) * (1 - ends)",
                ),
            },
        ),
        Gap(
            "loss_of",
            small_and_large_errors,
            {
                "That is the value of the best action. Take that of the action that was taken, with gather.": (
                    "gather(1, actions[:, None]).squeeze(1)",
                    "max(dim=1).values",
                ),
                "That is the mean of the squares. Huber's loss grows only linearly for large errors.": (
                    "smooth_l1_loss",
                    "mse_loss",
                ),
                "That is the mean of the absolute errors. Huber's loss is quadratic for small errors.": (
                    "smooth_l1_loss",
                    "l1_loss",
                ),
                "That is a sum over the minibatch. Take the mean.": ("(q, y)", '(q, y, reduction="sum")'),
                "Q has the shape (n, 1) and y (n,), so every Q meets every y. squeeze(1) is missing.": (
                    ".squeeze(1)",
                    "",
                ),
            },
        ),
        Gap(
            "act",
            one_state,
            {
                "It is the wrong way round: with probability epsilon the action is the best one.": (
                    "< epsilon",
                    ">= epsilon",
                ),
                "Epsilon falls below MINIMUM after DECAY_STEPS.": (
                    "max(MINIMUM, INITIAL - (INITIAL - MINIMUM) * steps / DECAY_STEPS)",
                    "INITIAL - (INITIAL - MINIMUM) * steps / DECAY_STEPS",
                ),
                "Epsilon is too low: it should be MINIMUM at DECAY_STEPS, not 0.": (
                    "INITIAL - (INITIAL - MINIMUM) * steps",
                    "INITIAL - INITIAL * steps",
                ),
                "Epsilon does not fall.": (
                    "max(MINIMUM, INITIAL - (INITIAL - MINIMUM) * steps / DECAY_STEPS)",
                    "INITIAL",
                ),
                "Epsilon rises. It should fall from INITIAL to MINIMUM.": (
                    "max(MINIMUM, INITIAL - (INITIAL - MINIMUM) * steps / DECAY_STEPS)",
                    "min(INITIAL, MINIMUM + (INITIAL - MINIMUM) * steps / DECAY_STEPS)",
                ),
                "It takes the worst action.": ("argmax", "argmin"),
                "The maximum is over the wrong axis. Each game needs the best of its actions: axis=1.": (
                    "axis=1",
                    "axis=0",
                ),
                "It never explores.": ("< epsilon", "< 0"),
                "It always explores.": ("< epsilon", "< 1"),
            },
            call=shares,
            tolerance=0.02,
        ),
    ),
)

EXERCISES = {"1.4": POLICY_GRADIENT, "2.5": PPO, "5.1": Q_LEARNING}
