"""Measure V, Q and the advantages in one position of the game, by playing on from it thousands of times.

    python results/advantage.py

The policy is lesson 1.4's after 130,000 agent steps, when it scores a few points: it is still undecided.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.schema import RESULTS, Lesson, load, machine, save
from rlbreakout.breakout.rules import N_ACTIONS, NONE, PIXEL, STATE, new_games, play
from rlbreakout.observation.blocks import Blocks

NAME = "1.4_advantage"
LESSON = RESULTS.parent / "lessons" / "1_gym" / "1.4_policy_gradient.py"
STEPS = 130_000
DISCOUNT = 0.97
FRAME_SKIP, STICKY = 4, 0.25
HORIZON = 150
"""Agent steps that are played on: 0.97 to the power of 150 is 0.01."""
ROLLOUTS = 4_000
"""Of each action."""
CANDIDATES, ROLLOUTS_OF_EACH = 100, 60


def hold(states: np.ndarray, before: np.ndarray, actions: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Play an agent step with sticky actions, in place. before: the actions of the last frame, in place. Returns the
    rewards of lesson 1.4: 1 for a brick, -1 for a lost life."""
    lives, points = states["lives"].copy(), np.zeros(len(states), dtype=np.int64)
    for _ in range(FRAME_SKIP):
        new = random.random(len(states)) >= STICKY
        before[new] = actions[new]
        points += play(states, before, 1)
    return np.sign(points) - (states["lives"] < lives)


class Policy:
    """Lesson 1.4's policy, for the states of n games."""

    def __init__(self, network: Any, n: int) -> None:
        self.network, self.blocks = network, Blocks(["arrival"], n)

    def probabilities(self, states: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.softmax(self.network(torch.as_tensor(self.blocks.compute(states))), dim=1).double().numpy()

    def draw(self, states: np.ndarray, random: np.random.Generator) -> np.ndarray:
        share = self.probabilities(states).cumsum(axis=1)
        return (random.random((len(states), 1)) * share[:, -1:] > share).sum(axis=1)


def returns(network: Any, states: np.ndarray, before: np.ndarray, actions: np.ndarray, seed: int) -> np.ndarray:
    """A discounted return for each of the states: the action, then what the policy does, to the end of the life."""
    states, before, random = states.copy(), before.copy(), np.random.default_rng(seed)
    policy, total, lives = Policy(network, len(states)), np.zeros(len(states)), states["lives"].copy()
    for step in range(HORIZON):
        alive = states["lives"] == lives
        total += alive * DISCOUNT**step * hold(states, before, actions, random)
        actions = policy.draw(states, random)
    return total


def candidates(network: Any) -> tuple[np.ndarray, np.ndarray]:
    """Positions of games that the policy plays, with a ball on its way down and some bricks gone, and the actions of
    the frame before."""
    random, states, before = np.random.default_rng(0), new_games(64), np.full(64, NONE)
    policy, found = Policy(network, 64), []
    for _ in range(400):
        waiting = states["ball_y"] < PIXEL
        hold(states, before, np.where(waiting, 1, policy.draw(states, random)), random)
        falls = (states["ball_vy"] > 0) & (states["ball_y"] > 145 * PIXEL) & (states["ball_y"] < 180 * PIXEL)
        late = falls & (states["score"] > 2) & (states["lives"] > 0)
        found += [(states[game : game + 1].copy(), before[game]) for game in np.flatnonzero(late)]
    chosen = random.choice(len(found), min(CANDIDATES, len(found)), replace=False)
    return np.concatenate([found[i][0] for i in chosen]), np.array([found[i][1] for i in chosen])


def values(network: Any, states: np.ndarray, before: np.ndarray, rollouts: int) -> tuple[np.ndarray, np.ndarray]:
    """Q `(n, 4)` of n positions, by so many rollouts of each action, and the standard error of each."""
    each = rollouts * N_ACTIONS
    actions = np.tile(np.repeat(np.arange(N_ACTIONS), rollouts), len(states))
    played = returns(network, states.repeat(each), before.repeat(each), actions, seed=1)
    by_action = played.reshape(len(states), N_ACTIONS, rollouts)
    return by_action.mean(axis=2), by_action.std(axis=2) / np.sqrt(rollouts)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = [str(LESSON), "--steps", str(STEPS), "--games", "1", "--run-dir", str(Path(folder) / "run")]
        network = runpy.run_path(str(LESSON))["policy"]
    states, before = candidates(network)
    q, _ = values(network, states, before, ROLLOUTS_OF_EACH)
    policy = Policy(network, len(states)).probabilities(states)
    surprises = q - (policy * q).sum(axis=1, keepdims=True)
    most = int(np.argmax((policy * surprises**2).sum(axis=1)))  # where the policy's draw matters most
    state, before = states[most : most + 1], before[most : most + 1]
    q, error = values(network, state, before, ROLLOUTS)
    policy = Policy(network, 1).probabilities(state)[0]
    facts = {
        "state": {name: state[name][0].tolist() for name in STATE.names or ()},
        "steps": STEPS,
        "discount": DISCOUNT,
        "rollouts": ROLLOUTS,
        "policy": policy.round(4).tolist(),
        "q": q[0].round(4).tolist(),
        "standard_error": error[0].round(4).tolist(),
        "v": round(float(policy @ q[0]), 4),
    }
    print({key: value for key, value in facts.items() if key != "state"})
    save(Lesson(lesson=NAME, command="python results/advantage.py", **machine(), facts=facts))


def position() -> tuple[np.ndarray, dict[str, Any]]:
    """The position that was measured, as a state `(1,)`, and what was measured in it."""
    facts = load(NAME).facts
    state = np.zeros(1, dtype=STATE)
    for name, value in facts["state"].items():
        state[name][0] = value
    return state, facts


if __name__ == "__main__":
    main()
