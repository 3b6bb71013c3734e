"""What a config may say about the value-based agent (`algorithm: value`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config.fields import Count, CountOrZero, Fraction, Nodes, Part

Positive = Annotated[float, Field(gt=0)]
Layers = Annotated[list[Nodes], Field(min_length=1, max_length=16)]


class _Documented(Part):
    """Keeps the text under each key, so that lesson 5.1 can show what every parameter does."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class QNetworkConfig(_Documented):
    """Convolutions, then fully connected layers, then a Q-value for each action."""

    channels: Layers = Field(default=[32, 64, 64])
    """Filters of each convolution."""
    kernels: Layers = Field(default=[8, 4, 3])
    """Edge of each convolution's square filters, in pixels."""
    strides: Layers = Field(default=[4, 2, 1])
    """Pixels that each convolution's filters move by."""
    paddings: Annotated[list[CountOrZero], Field(min_length=1)] = Field(default=[0, 0, 0])
    """Rows and columns of zeros around the input of each convolution."""
    hidden: Layers = Field(default=[512])
    """Nodes of the fully connected layers."""
    dueling: bool = False
    """Learn the value of a state and the advantage of each action apart: Q = V + A - mean(A)."""

    @model_validator(mode="after")
    def _as_many_of_each(self) -> QNetworkConfig:
        lengths = {name: len(getattr(self, name)) for name in ("channels", "kernels", "strides", "paddings")}
        if len(set(lengths.values())) > 1:
            given = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise UserError(f"{given}; allowed: as many of each, one for each convolution")
        return self


class OptimizerConfig(_Documented):
    """How the weights follow the gradients."""

    name: Literal["adam", "adamw", "rmsprop"] = "adam"
    """One of PyTorch's optimizers."""
    learning_rate: Positive = 1e-4
    """Size of its steps."""
    eps: Positive = 1.5e-4
    """What it adds to a denominator, against division by almost nothing."""


class ExplorationConfig(_Documented):
    """Epsilon: the probability that an action is drawn at random. It falls along a straight line."""

    initial: Fraction = 1.0
    """Epsilon at the start."""
    minimum: Fraction = 0.01
    """Epsilon at the end."""
    decay_steps: Count = 100_000
    """How many steps it takes to fall, of what decay_over says."""
    decay_over: Literal["agent_steps", "training_calls"] = "agent_steps"
    """What is counted: actions, or how often the agent was trained."""

    @model_validator(mode="after")
    def _falls(self) -> ExplorationConfig:
        if self.minimum > self.initial:
            raise UserError(f"minimum is {self.minimum:g}; allowed: at most initial, which is {self.initial:g}")
        return self


class ValueConfig(_Documented):
    """The value-based agent: its network, its memory, and what it learns from it."""

    network: QNetworkConfig = Field(default_factory=QNetworkConfig)
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    exploration: ExplorationConfig = Field(default_factory=ExplorationConfig)

    memory: Literal["games", "transitions"] = "transitions"
    """What it remembers and learns from: whole games, or single transitions as DQN does."""
    memory_size: Count = 100_000
    """Games or transitions that it remembers; the oldest are forgotten first."""
    remember_fraction: Fraction = 1.0
    """Memory of games: the share of the games without enough reward that is remembered all the same."""
    minimum_reward: float = 0.0
    """Memory of games: a game with more points than this is always remembered."""

    batch_size: Count = 32
    """Minibatch: games or transitions that it learns from at once."""
    train_every: Count = 4
    """Games or agent steps between two trainings."""
    start_training: Count = 10_000
    """Games or agent steps before the first training."""
    target_reset: Count = 8_000
    """Games or agent steps after which the target network becomes a copy of the network."""

    targets: Literal["rewards", "returns"] = "rewards"
    """What stands in Bellman's equation where the reward belongs: the reward, or the discounted sum of all rewards to
    the end of the game, normalised over the minibatch."""
    discount: Fraction = 0.95
    """Of the returns: what a reward counts one agent step later."""
    gamma: Fraction = 0.99
    """Of the Q-target: what the value of the next state counts."""
    n_step: Annotated[Count, Field(le=50)] = 1
    """Rewards that are summed up before the Q-value of a later state is added."""
    double: bool = False
    """Double DQN: the network chooses the best next action, the target network tells its value."""
    prioritised: bool = False
    """Learn more often from what was predicted badly."""
    priority_exponent: Fraction = 0.5
    """Of prioritised replay (alpha): 0 draws all alike, 1 in proportion to the error."""
    importance_exponent: Fraction = 0.4
    """Of prioritised replay (beta) at the start: how far weights correct what is drawn too often. It rises to 1."""
    loss: Literal["mse", "huber"] = "huber"
    """Of the difference between Q-value and Q-target: its square, or beyond 1 its absolute value."""
    gradient_clamp: Positive | None = None
    """Each entry of the gradient is clamped to minus and plus this. None: the gradient's norm is clipped at 10."""

    punishment: float = 0.0
    """Reward for losing the game, added after its last step."""
    life_reward: float = 0.0
    """Reward for losing a life; below 0 it is a punishment."""

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
