"""The part of a config for the value-based agent (`algorithm: value`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config.fields import Count, CountOrZero, Fraction, Nodes, Part

Positive = Annotated[float, Field(gt=0)]
Layers = Annotated[list[Nodes], Field(min_length=1, max_length=16)]


class QNetworkConfig(Part):
    """The Q-network: convolutions, then fully connected layers, then a Q-value for each action."""

    channels: Layers = Field(default=[32, 64, 64])
    """Filters of each convolution."""
    kernels: Layers = Field(default=[8, 4, 3])
    """Edge of each convolution's square filters, in pixels."""
    strides: Layers = Field(default=[4, 2, 1])
    """Stride of each convolution, in pixels."""
    paddings: Annotated[list[CountOrZero], Field(min_length=1)] = Field(default=[0, 0, 0])
    """Rows and columns of zeros around the input of each convolution."""
    hidden: Layers = Field(default=[512])
    """Nodes of the fully connected layers."""
    dueling: bool = False
    """Learn the value of a state and the advantage of each action separately: Q = V + A - mean(A)."""

    @model_validator(mode="after")
    def _as_many_of_each(self) -> QNetworkConfig:
        lengths = {name: len(getattr(self, name)) for name in ("channels", "kernels", "strides", "paddings")}
        if len(set(lengths.values())) > 1:
            given = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise UserError(f"{given}; allowed: the same number of each, one for each convolution")
        return self


class OptimizerConfig(Part):
    """The optimizer of the weights."""

    name: Literal["adam", "adamw", "rmsprop"] = "adam"
    """One of PyTorch's optimizers."""
    learning_rate: Positive = 1e-4
    """Size of its steps."""
    eps: Positive = 1.5e-4
    """Small number added to a denominator, to avoid division by almost 0."""


class ExplorationConfig(Part):
    """Epsilon, the probability of a random action, which falls linearly."""

    initial: Fraction = 1.0
    """Epsilon at the start."""
    minimum: Fraction = 0.01
    """Epsilon at the end."""
    decay_steps: Count = 100_000
    """Number of agent steps or training calls until epsilon reaches its minimum."""
    decay_over: Literal["agent_steps", "training_calls"] = "agent_steps"
    """The unit of decay_steps."""

    @model_validator(mode="after")
    def _falls(self) -> ExplorationConfig:
        if self.minimum > self.initial:
            raise UserError(f"minimum is {self.minimum:g}; allowed: at most initial, which is {self.initial:g}")
        return self


class ValueConfig(Part):
    """The value-based agent: its network, its replay memory, and how it learns."""

    network: QNetworkConfig = Field(default_factory=QNetworkConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    exploration: ExplorationConfig = Field(default_factory=ExplorationConfig)

    memory: Literal["games", "transitions"] = "transitions"
    """What the memory holds: whole games, or single transitions as in DQN."""
    memory_size: Count = 100_000
    """Number of games or transitions in the memory; the oldest are dropped first."""
    remember_fraction: Fraction = 1.0
    """Memory of games: share of the games without enough reward that are kept all the same."""
    minimum_reward: float = 0.0
    """Memory of games: games with more points than this are always kept."""
    games_a_point: Count | None = None
    """Memory of games: minimum_reward rises by a point each time that this many games have been played. None: never."""

    batch_size: Count = 32
    """Games or transitions in a minibatch."""
    train_every: Count = 4
    """Games or agent steps between two training calls."""
    start_training: Count = 10_000
    """Games or agent steps before the first training call."""
    target_reset: Count = 8_000
    """Games or agent steps between two copies of the network into the target network."""

    targets: Literal["rewards", "returns"] = "rewards"
    """The reward in Bellman's equation: the reward itself, or the discounted sum of all rewards to the end of the game,
    normalised over the minibatch."""
    discount: Fraction = 0.95
    """Discount factor of the returns."""
    gamma: Fraction = 0.99
    """Discount factor of the Q-target."""
    n_step: Annotated[Count, Field(le=50)] = 1
    """Number of rewards that are summed before the Q-value of the state after them is added."""
    double: bool = False
    """Double DQN: the network chooses the best next action, the target network evaluates it."""
    prioritised: bool = False
    """Prioritised replay: draw transitions with large errors more often."""
    priority_exponent: Fraction = 0.5
    """Alpha of prioritised replay: 0 draws uniformly, 1 in proportion to the error."""
    importance_exponent: Fraction = 0.4
    """Beta of prioritised replay at the start: how far weights make up for drawing more often. It rises to 1."""
    loss: Literal["mse", "huber"] = "huber"
    """Loss of the difference between Q-value and Q-target: its square, or beyond 1 its absolute value."""
    gradient_clamp: Positive | None = None
    """Clamp each entry of the gradient to minus and plus this. None: clip the gradient's norm at 10."""

    punishment: float = 0.0
    """Reward for losing the game, added after its last step."""
    life_reward: float = 0.0
    """Reward for losing a life; negative for a punishment."""

    @model_validator(mode="after")
    def _goes_together(self) -> ValueConfig:
        for key, off in (("n_step", 1), ("prioritised", False)):
            value = getattr(self, key)
            if self.memory == "games" and value != off:
                raise UserError(f"{key} is {value} with memory games; allowed: {off}, or memory: transitions")
            if self.targets == "returns" and value != off:
                raise UserError(f"{key} is {value} with targets returns; allowed: {off}, or targets: rewards")
        if self.memory == "transitions" and (self.remember_fraction < 1 or self.minimum_reward != 0):
            raise UserError("remember_fraction and minimum_reward are for memory: games; allowed: 1.0 and 0.0")
        if self.memory == "transitions" and self.start_training < self.batch_size:
            raise UserError(
                f"start_training is {self.start_training}; allowed: at least batch_size, which is {self.batch_size}"
            )
        return self
