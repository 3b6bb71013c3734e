"""The planner as a player: it sees the state of each game, and chooses by searching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlbreakout.agents.planner.belief import Belief, first_belief, forget
from rlbreakout.agents.planner.decide import Plans, decide, no_plans
from rlbreakout.agents.planner.network import ValueNetwork
from rlbreakout.breakout.rules import N_ACTIONS
from rlbreakout.observation.blocks.state import to_states

TEMPERATURE = 0.02
"""Bricks. An action that is worth so much less than another is chosen 2.7 times less often."""


@dataclass
class Memory:
    """What a planner remembers of n games from one step to the next."""

    belief: Belief
    plans: Plans


class Planner:
    """Plays by searching: over the ways to meet the ball for the next bounces, and over the joystick for the way there.

    It sees `observation.blocks: [state]`, `(n, 126)` float32: the state of each game, which in the emulator is followed
    from the screens. It infers the sticky probability and the frame skip.

    >>> planner = Planner(ValueNetwork())
    >>> actions, memory = planner.predict(observations, memory, episode_start)
    """

    def __init__(self, policy: ValueNetwork, seed: int = 0) -> None:
        self.policy = policy
        self._weights = policy.weights()
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Restart the random number generator that draws actions."""
        self._random = np.random.default_rng(seed)

    def action_values(
        self, states: np.ndarray, memory: Memory | None = None, episode_start: np.ndarray | None = None
    ) -> tuple[np.ndarray, Memory]:
        """What each action is worth, `(n, 4)` float64, in discounted bricks, and what to remember.

        states: `(n,)` of dtype STATE. memory: what was returned for the states before; None: these games begin. The
        actions that led from there to here must be in `memory.belief.action`. episode_start: `(n,)` bool, games that
        begin now.
        """
        n = len(states)
        if memory is None or len(memory.belief.action) != n:
            memory = Memory(first_belief(n), no_plans(n))
        elif episode_start is not None:
            forget(memory.belief, np.flatnonzero(episode_start))
        values = np.zeros((n, N_ACTIONS))
        decide(states, np.arange(n), memory.belief, self._weights, memory.plans, values)
        return values, memory

    @staticmethod
    def probabilities(values: np.ndarray) -> np.ndarray:
        """What an action is drawn from, `(n, 4)` float64, for the `values` of actions."""
        weights = np.exp((values - values.max(axis=1, keepdims=True)) / TEMPERATURE)
        return weights / weights.sum(axis=1, keepdims=True)

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Memory]:
        """Choose actions, `(n,)` int64, as Stable-Baselines3's policies do: the best one if `deterministic`, otherwise
        drawn from `probabilities`. `state` is what was returned with the last ones."""
        assert isinstance(observation, np.ndarray)
        values, memory = self.action_values(to_states(observation), state, episode_start)
        if deterministic:
            actions = values.argmax(axis=1)
        else:
            drawn = self._random.random((len(values), 1))
            actions = np.minimum((self.probabilities(values).cumsum(axis=1) < drawn).sum(axis=1), N_ACTIONS - 1)
        memory.belief.action[:] = actions
        return actions, memory
