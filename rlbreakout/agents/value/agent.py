"""The value-based agent: it acts, remembers and learns. Plain PyTorch."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import psutil
import torch

from rlbreakout.agents.value import equations
from rlbreakout.agents.value.network import QNetwork
from rlbreakout.agents.value.replay import MEGABYTE, Batch, GameMemory, TransitionMemory
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, OptimizerConfig, QNetworkConfig, ValueConfig

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}
AT_ONCE = 256
"""States that go through the network at once. A minibatch of games has thousands, which would take gigabytes."""
LARGEST_NORM = 10.0
"""Of the gradient, as in the dueling paper (https://arxiv.org/abs/1511.06581), where its entries are not clamped."""
EVALUATION_EPSILON = 0.01
"""Of a player that is not greedy: so often an action is drawn at random."""


class Learned(NamedTuple):
    """What a training call tells."""

    loss: float
    q: float
    """Mean Q-value of the actions that were taken."""


class ValueAgent:
    """Learns Q(s, a) with `config.value`, from pictures `observation_space` `(height, width, channels)` uint8.

    | attribute       | what                                                                          |
    |-----------------|-------------------------------------------------------------------------------|
    | `policy`        | the Q-network, with its `optimizer`                                           |
    | `target`        | the target network, a copy of an earlier Q-network                            |
    | `memory`        | TransitionMemory or GameMemory; None for an agent that only plays             |
    | `num_timesteps` | agent steps so far, all environments together                                 |
    | `games`         | games that ended so far                                                       |
    | `updates`       | training calls so far                                                         |

    It plays where SB3's policies play, in evaluations and videos: `predict` draws one action in a hundred at random, or
    none if it is to be deterministic.

    Raises UserError if a kernel does not fit into the pictures, or network or memory not into this machine.
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
        """Channels, height and width of what is new at every step."""
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
        """`(n, actions)` float32 of observations `(n, height, width, channels)` uint8."""
        with torch.no_grad():
            return self.policy(self._tensor(channels_first(observations))).cpu().numpy()

    def act(self, observations: np.ndarray, epsilon: float) -> np.ndarray:
        """Epsilon-greedy actions `(n,)`: the best ones, but drawn at random with probability `epsilon`."""
        n = len(observations)
        explores = self._random.random(n) < epsilon
        actions = self._random.integers(self.policy.advantage.out_features, size=n)
        if not explores.all():
            actions[~explores] = self.q_values(observations[~explores]).argmax(axis=1)
        return actions

    def reseed(self, seed: int) -> None:
        """Draw other actions at random from here on."""
        self._random = np.random.default_rng(seed)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        """As SB3's policies have it. Draws from NumPy's global generator, which an evaluation seeds."""
        best = self.q_values(np.asarray(observation)).argmax(axis=1)
        drawn = np.random.randint(self.policy.advantage.out_features, size=len(best))
        explores = np.random.random(len(best)) < (0 if deterministic else EVALUATION_EPSILON)
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
        """One training call: a minibatch from the memory, one step of the optimizer.

        The loss is the mean over the minibatch. If it or the gradient is no finite number, it is NaN, and the weights
        stay as they are.
        """
        if isinstance(self.memory, TransitionMemory):
            beta = self.settings.importance_exponent
            batch = self.memory.sample(
                self.settings.batch_size, beta + (1 - beta) * min(1.0, self.num_timesteps / self.config.steps)
            )
        else:
            assert self.memory is not None
            batch = self.memory.sample(self.settings.batch_size)
        learned, errors = self.learn_from(batch)
        if isinstance(self.memory, TransitionMemory) and np.isfinite(learned.loss):
            self.memory.update_priorities(batch.places, errors)
        self.updates += 1
        return learned

    def learn_from(self, batch: Batch) -> tuple[Learned, np.ndarray]:
        """One step of the optimizer on `batch`. Returns what it told and the errors Q - target, `(n,)`."""
        targets = self.targets(batch)
        weights, actions, n = self._tensor(batch.weights), self._tensor(batch.actions), len(batch.actions)
        parameters, optimizer = list(self.policy.parameters()), self.policy.optimizer
        optimizer.zero_grad()
        errors, loss, q_sum = [], 0.0, 0.0
        # In parts whose gradients add up to that of the whole.
        for start in range(0, n, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            q = self.policy(self._tensor(batch.states[part])).gather(1, actions[part, None]).squeeze(1)
            part_loss = (weights[part] * self._losses(q, targets[part])).sum() / n
            part_loss.backward()
            loss += part_loss.item()
            q_sum += q.detach().sum().item()
            errors.append((q.detach() - targets[part]).cpu().numpy())
        clamp = self.settings.gradient_clamp
        norm = torch.nn.utils.clip_grad_norm_(parameters, LARGEST_NORM if clamp is None else np.inf).item()
        if not (np.isfinite(loss) and np.isfinite(norm)):
            return Learned(np.nan, q_sum / n), np.concatenate(errors)
        if clamp is not None:
            torch.nn.utils.clip_grad_value_(parameters, clamp)
        optimizer.step()
        return Learned(loss, q_sum / n), np.concatenate(errors)

    def _losses(self, q: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.settings.loss == "mse":
            return torch.nn.functional.mse_loss(q, targets, reduction="none")
        return torch.nn.functional.smooth_l1_loss(q, targets, reduction="none")

    def reset_target(self) -> None:
        """The target network becomes a copy of the network."""
        self.target.load_state_dict(self.policy.state_dict())

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), device=self.device)


def check_size(config: QNetworkConfig, shape: tuple[int, int, int], n_actions: int) -> None:
    """Raise UserError, with the figures, if the network does not fit into the memory that is free on this machine:
    its weights, those of the target network, their gradients, and two averages of them that the optimizer keeps."""
    with torch.device("meta"):  # shapes without memory
        weights = sum(part.numel() for part in QNetwork(config, shape, n_actions).parameters())
    needed, free = 5 * 4 * weights / MEGABYTE, psutil.virtual_memory().available / MEGABYTE
    if needed > free:
        raise UserError(
            f"value.network: {weights:,} weights take {needed:,.0f} MB in training, and {free:,.0f} MB are free on "
            "this machine; allowed: fewer channels or hidden nodes, or larger strides"
        )


def channels_first(observations: np.ndarray) -> np.ndarray:
    """`(n, channels, height, width)` from `(n, height, width, channels)`."""
    return np.moveaxis(observations, -1, 1)


def make_optimizer(network: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The config's optimizer. Adam changes all weights in one pass, several times faster on a CPU."""
    settings: dict[str, Any] = {"lr": config.learning_rate, "eps": config.eps}
    if config.name in ("adam", "adamw"):
        settings["fused"] = True
    return OPTIMIZERS[config.name](network.parameters(), **settings)


def make_memory(
    config: Config, picture: tuple[int, int, int], stack: int, n_envs: int
) -> TransitionMemory | GameMemory:
    """The memory that the config asks for. Raises UserError if it does not fit."""
    settings: ValueConfig = config.value
    if settings.memory == "transitions":
        return TransitionMemory(
            settings.memory_size,
            n_envs,
            picture,
            stack=stack,
            n_step=settings.n_step,
            gamma=settings.gamma,
            prioritised=settings.prioritised,
            priority_exponent=settings.priority_exponent,
            seed=config.seed,
        )
    return GameMemory(
        settings.memory_size,
        stack=stack,
        minimum_reward=settings.minimum_reward,
        remember_fraction=settings.remember_fraction,
        seed=config.seed,
    )
