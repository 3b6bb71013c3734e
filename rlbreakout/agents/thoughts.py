"""What an agent thinks of what it sees: how probable it finds each action, and how many points it expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy

from rlbreakout.agents.planner import Planner
from rlbreakout.agents.players import Player, RandomPlayer
from rlbreakout.agents.value.agent import EXPLORES, ValueAgent
from rlbreakout.observation.blocks.state import to_states


@dataclass(frozen=True)
class Thoughts:
    """What an agent thinks of one observation."""

    probabilities: np.ndarray
    """`(actions,)` float: what a sampled action is drawn from."""
    value: float | None = None
    """The return that it expects, in the rewards that it was trained with; None if it expects nothing."""
    q_values: np.ndarray | None = None
    """`(actions,)` float: the return that it expects after each action; None if it does not tell actions apart so."""

    def choose(self, random: np.random.Generator | None) -> int:
        """Draw an action with `random`, or take the most probable one without."""
        if random is None:
            return int(self.probabilities.argmax())
        return int(random.choice(len(self.probabilities), p=self.probabilities))


class Mind:
    """Reads the thoughts of a player in one game: SB3's PPO, A2C, recurrent PPO, DQN and QR-DQN, ValueAgent, Planner
    and RandomPlayer. Raises TypeError for another player.

    >>> mind = Mind(load_agent("champion").player)
    >>> mind.think(observations)                  # of a vector of one environment
    """

    def __init__(self, player: Player) -> None:
        self.player: Any = player.policy if isinstance(player, BaseAlgorithm) else player
        self._explores = getattr(player, "exploration_rate", EXPLORES)
        known = (ActorCriticPolicy, DQNPolicy, QRDQNPolicy, ValueAgent, Planner, RandomPlayer)
        if not isinstance(self.player, known):
            raise TypeError(f"nobody knows what a {type(self.player).__name__} thinks")
        self._memory: Any = None

    def think(self, observations: np.ndarray | dict[str, np.ndarray], action: int | None = None) -> Thoughts:
        """The thoughts about the next observation of the game, `(1, ...)`, to which `action` led."""
        if isinstance(self.player, RandomPlayer):
            return Thoughts(np.full(self.player.n_actions, 1 / self.player.n_actions))
        if isinstance(self.player, ValueAgent):
            assert isinstance(observations, np.ndarray)
            return self._of_q_values(self.player.q_values(observations)[0])
        if isinstance(self.player, Planner):
            assert isinstance(observations, np.ndarray)
            if self._memory is not None and action is not None:
                self._memory.belief.action[:] = action
            values, self._memory = self.player.action_values(to_states(observations), self._memory)
            return Thoughts(self.player.probabilities(values)[0], float(values.max()), values[0])
        seen, _ = self.player.obs_to_tensor(observations)
        with torch.no_grad():
            if isinstance(self.player, DQNPolicy):
                return self._of_q_values(self.player.q_net(seen)[0].cpu().numpy())
            if isinstance(self.player, QRDQNPolicy):
                return self._of_q_values(self.player.quantile_net(seen).mean(dim=1)[0].cpu().numpy())
            if isinstance(self.player, RecurrentActorCriticPolicy):
                return self._remember(seen)
            distribution: Any = self.player.get_distribution(seen).distribution
            return _of_policy(distribution, self.player.predict_values(seen))

    def _remember(self, seen: Any) -> Thoughts:
        starts = torch.tensor([self._memory is None], dtype=torch.float32)
        if self._memory is None:
            empty = torch.zeros(self.player.lstm_hidden_state_shape)
            self._memory = RNNStates((empty, empty), (empty, empty))
        distribution, _ = self.player.get_distribution(seen, self._memory.pi, starts)
        _, values, _, self._memory = self.player.forward(seen, self._memory, starts)
        return _of_policy(distribution.distribution, values)

    def _of_q_values(self, q_values: np.ndarray) -> Thoughts:
        probabilities = np.full(len(q_values), self._explores / len(q_values))
        probabilities[q_values.argmax()] += 1 - self._explores
        return Thoughts(probabilities, float(q_values.max()), q_values)


def _of_policy(distribution: Any, values: torch.Tensor) -> Thoughts:
    probabilities = distribution.probs[0].double().cpu().numpy()
    return Thoughts(probabilities / probabilities.sum(), values.item())
