"""The value-based agent, in plain PyTorch: it acts, remembers and learns."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch

from rlbreakout.agents.value import equations
from rlbreakout.agents.value.network import QNetwork
from rlbreakout.agents.value.replay import Batch, GameMemory, TransitionMemory, check_fits
from rlbreakout.config import Config, OptimizerConfig, QNetworkConfig

AT_ONCE = 256
"""Number of states in one pass through the network. A minibatch of games has thousands, which would take gigabytes."""

EXPLORES = 0.01
"""The probability that an action which is not greedy is drawn at random when the agent plays."""


class Learned(NamedTuple):
    """The loss of a training call, and the mean Q-value of the actions that were taken."""

    loss: float
    q: float


class ValueAgent:
    """Learns Q(s, a) as `config.value` says, from observations `(height, width, channels)` uint8.

    | attribute       | meaning                                                                       |
    |-----------------|-------------------------------------------------------------------------------|
    | `policy`        | the Q-network, with its `optimizer`                                           |
    | `target`        | the target network, a copy of an earlier Q-network                            |
    | `memory`        | TransitionMemory or GameMemory; None for an agent that only plays             |
    | `picture`       | channels, height and width of the part of an observation that is new          |
    | `num_timesteps` | agent steps so far, all environments together                                 |
    | `games`         | games that have ended so far                                                  |
    | `updates`       | training calls so far                                                         |

    Raises UserError if a kernel does not fit into the pictures, or this machine lacks the memory.
    """

    def __init__(
        self,
        config: Config,
        observation_space: gym.Space,
        action_space: gym.Space,
        *,
        n_envs: int = 1,
        learns: bool = True,
        device: str | torch.device = "cpu",
    ) -> None:
        assert isinstance(observation_space, gym.spaces.Box) and isinstance(action_space, gym.spaces.Discrete)
        self.config, self.settings, self.device = config, config.value, torch.device(device)
        self.action_space = action_space
        height, width, channels = observation_space.shape
        self.observation_space = gym.spaces.Box(0, 255, (channels, height, width), np.uint8)
        stack = 1 if config.observation.frames_between else config.observation.frame_stack
        self.picture = (channels // stack, height, width)
        shape, n_actions = (channels, height, width), int(action_space.n)
        check_size(self.settings.network, shape, n_actions)
        torch.manual_seed(config.seed)
        networks = [QNetwork(self.settings.network, shape, n_actions) for _ in range(2)]
        self.policy, self.target = (network.to(self.device) for network in networks)
        self.target.requires_grad_(False)
        self.policy.optimizer = make_optimizer(self.policy, self.settings.optimizer)
        self.reset_target()
        self.memory = make_memory(config, self.picture, stack, n_envs) if learns else None
        self.num_timesteps, self.games, self.updates = 0, 0, 0
        self._random = np.random.default_rng(config.seed)

    @property
    def epsilon(self) -> float:
        """The probability that the next action is drawn at random."""
        exploration = self.settings.exploration
        done = self.updates if exploration.decay_over == "training_calls" else self.num_timesteps
        return equations.epsilon(done, exploration.initial, exploration.minimum, exploration.decay_steps)

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        """Q-values `(n, actions)` float32 of observations `(n, height, width, channels)` uint8."""
        with torch.no_grad():
            return self.policy(self._tensor(channels_first(observations))).cpu().numpy()

    def act(self, observations: np.ndarray, epsilon: float) -> np.ndarray:
        """Epsilon-greedy actions `(n,)`: random ones with probability `epsilon`, otherwise the best ones."""
        n = len(observations)
        explores = self._random.random(n) < epsilon
        actions = self._random.integers(self.policy.advantage.out_features, size=n)
        if not explores.all():
            actions[~explores] = self.q_values(observations[~explores]).argmax(axis=1)
        return actions

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        """Choose actions as SB3's policies do, with probability EXPLORES at random unless `deterministic`.

        Draws from NumPy's global generator, which an evaluation seeds.
        """
        best = self.q_values(np.asarray(observation)).argmax(axis=1)
        drawn = np.random.randint(self.policy.advantage.out_features, size=len(best))
        explores = np.random.random(len(best)) < (0 if deterministic else EXPLORES)
        return np.where(explores, drawn, best), None

    def targets(self, batch: Batch) -> torch.Tensor:
        """The Q-targets `(n,)` of a minibatch."""
        rewards, ends = self._tensor(batch.rewards), self._tensor(batch.ends)
        if self.settings.targets == "returns":
            rewards = equations.normalised(rewards)
        next_values = []
        with torch.no_grad():
            for start in range(0, len(batch.next_states), AT_ONCE):
                states = self._tensor(batch.next_states[start : start + AT_ONCE])
                of_target = self.target(states)
                if self.settings.double:
                    next_values.append(equations.double_value(self.policy(states), of_target))
                else:
                    next_values.append(equations.best_value(of_target))
        gamma = self.settings.gamma**self.settings.n_step
        return equations.q_target(rewards, gamma, torch.cat(next_values), ends)

    def learn(self) -> Learned:
        """Do one training call: one step of the optimizer on a minibatch from the memory.

        The loss is the mean over the minibatch. If the loss or the gradient is not finite, the loss is NaN, and the
        weights do not change.
        """
        beta = self.settings.importance_exponent
        beta += (1 - beta) * min(1.0, self.num_timesteps / self.config.steps)
        assert self.memory is not None
        batch = self.memory.sample(self.settings.batch_size, beta)
        learned, errors = self.learn_from(batch)
        if isinstance(self.memory, TransitionMemory) and np.isfinite(learned.loss):
            self.memory.update_priorities(batch.places, errors)
        self.updates += 1
        return learned

    def learn_from(self, batch: Batch) -> tuple[Learned, np.ndarray]:
        """Do one step of the optimizer on `batch`. Returns what was learned and the errors Q - target, `(n,)`."""
        functions = {"mse": torch.nn.functional.mse_loss, "huber": torch.nn.functional.smooth_l1_loss}
        loss_of, targets = functions[self.settings.loss], self.targets(batch)
        weights, actions, n = self._tensor(batch.weights), self._tensor(batch.actions), len(batch.actions)
        parameters, optimizer = list(self.policy.parameters()), self.policy.optimizer
        optimizer.zero_grad()
        errors, loss, q_sum = [], 0.0, 0.0
        # In parts whose gradients add up to the gradient of the whole.
        for start in range(0, n, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            q = self.policy(self._tensor(batch.states[part])).gather(1, actions[part, None]).squeeze(1)
            part_loss = (weights[part] * loss_of(q, targets[part], reduction="none")).sum() / n
            part_loss.backward()
            loss += part_loss.item()
            q_sum += q.detach().sum().item()
            errors.append((q.detach() - targets[part]).cpu().numpy())
        clamp = self.settings.gradient_clamp
        # The dueling paper clips the gradient's norm at 10 (https://arxiv.org/abs/1511.06581).
        norm = torch.nn.utils.clip_grad_norm_(parameters, 10.0 if clamp is None else np.inf).item()
        if not (np.isfinite(loss) and np.isfinite(norm)):
            return Learned(np.nan, q_sum / n), np.concatenate(errors)
        if clamp is not None:
            torch.nn.utils.clip_grad_value_(parameters, clamp)
        optimizer.step()
        return Learned(loss, q_sum / n), np.concatenate(errors)

    def reset_target(self) -> None:
        """Copy the network into the target network."""
        self.target.load_state_dict(self.policy.state_dict())

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), device=self.device)


def check_size(config: QNetworkConfig, shape: tuple[int, int, int], n_actions: int) -> None:
    """Raise UserError, with the figures, if this machine lacks the memory to train the network: its weights, those of
    the target network, the gradients, and two averages of them that the optimizer keeps."""
    with torch.device("meta"):  # shapes without memory
        weights = sum(part.numel() for part in QNetwork(config, shape, n_actions).parameters())
    allowed = "fewer channels or hidden nodes, or larger strides"
    check_fits(f"value.network: {weights:,} weights", 5 * 4 * weights, allowed)


def channels_first(observations: np.ndarray) -> np.ndarray:
    """Move the channels of `(n, height, width, channels)` to `(n, channels, height, width)`."""
    return np.moveaxis(observations, -1, 1)


def make_optimizer(network: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The config's optimizer. A fused Adam changes all weights in one pass, which is several times faster on a CPU."""
    settings: dict[str, Any] = {"lr": config.learning_rate, "eps": config.eps}
    if config.name == "rmsprop":
        return torch.optim.RMSprop(network.parameters(), **settings)
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(network.parameters(), fused=True, **settings)


def make_memory(
    config: Config, picture: tuple[int, int, int], stack: int, n_envs: int
) -> TransitionMemory | GameMemory:
    """The memory that the config describes. Raises UserError if it does not fit into this machine."""
    settings, names = config.value, ("n_step", "gamma", "prioritised", "priority_exponent")
    if settings.memory == "transitions":
        options = {name: getattr(settings, name) for name in names}
        return TransitionMemory(settings.memory_size, n_envs, picture, stack=stack, seed=config.seed, **options)
    options = {name: getattr(settings, name) for name in ("minimum_reward", "games_a_point", "remember_fraction")}
    return GameMemory(settings.memory_size, stack=stack, seed=config.seed, **options)
