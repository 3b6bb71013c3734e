"""What the value-based agent remembers: whole games, or transitions, as DQN does.

Both keep every picture once, as uint8. What the agent saw at a step is a stack of the newest pictures, put together
again when it is drawn; before the first picture of an episode a stack has zeros, as SB3's VecFrameStack shows it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import psutil

from rlbreakout.agents.value.equations import importance_weight, n_step_return, priority, returns
from rlbreakout.agents.value.sum_tree import SumTree
from rlbreakout.common.errors import UserError

MEGABYTE = 1_000_000
MOST_MEGABYTES = 4_000
"""Of a memory of games, whose size nobody knows before they are played."""
TRIES = 100
"""To draw a transition that may be learned from, before the memory counts as having none."""


class NothingToLearnYet(ValueError):
    """The memory holds no transition whose outcome is known."""

    def __init__(self) -> None:
        super().__init__("the memory holds nothing to learn from yet")


class Batch(NamedTuple):
    """What the agent learns from, n transitions: all arrays have n entries."""

    states: np.ndarray
    """(n, channels, height, width) uint8."""
    actions: np.ndarray
    rewards: np.ndarray
    """Of one or more steps, or returns."""
    next_states: np.ndarray
    ends: np.ndarray
    """1 where the game ended, so that the next state is worth nothing, else 0. float32."""
    weights: np.ndarray
    """What each counts in the loss."""
    places: np.ndarray
    """Where they are in the memory."""


def check_memory(what: str, needed: float) -> None:
    """Raise UserError, with the figures, if `needed` bytes are more than are free on this machine."""
    megabytes, free = needed / MEGABYTE, psutil.virtual_memory().available / MEGABYTE
    if megabytes > free:
        raise UserError(
            f"value.memory_size: {what} take {megabytes:,.0f} MB, and {free:,.0f} MB are free on this machine; "
            "allowed: a smaller memory_size"
        )


class TransitionMemory:
    """The newest transitions of `n_envs` games side by side: a ring of `size // n_envs` rows, one entry a game in each.

    `picture` is the shape `(channels, height, width)` of what is new at every step, `stack` how many of them a state
    has. All of the memory is taken from the start. Raises UserError if it does not fit.
    """

    def __init__(
        self,
        size: int,
        n_envs: int,
        picture: tuple[int, int, int],
        *,
        stack: int = 1,
        n_step: int = 1,
        gamma: float = 0.99,
        prioritised: bool = False,
        priority_exponent: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.n_envs, self.stack, self.n_step, self.gamma = n_envs, stack, n_step, gamma
        self.rows = size // n_envs
        least = stack + n_step + 1
        if self.rows < least:
            raise UserError(
                f"value.memory_size is {size}; allowed: at least {least * n_envs} with {n_envs} environments"
            )
        check_memory(f"{size:,} transitions", self.bytes_of(size, picture))
        shape = (self.rows, n_envs)
        self._pictures = np.zeros((*shape, *picture), dtype=np.uint8)
        self._actions = np.zeros(shape, dtype=np.uint8)
        self._rewards = np.zeros(shape, dtype=np.float32)
        self._terminated = np.zeros(shape, dtype=bool)
        self._truncated = np.zeros(shape, dtype=bool)
        self._age = np.zeros(shape, dtype=np.uint32)
        """Steps since the episode began."""
        self._ready = np.zeros(shape, dtype=bool)
        """Whether the reward is what is learned from: a return is known at the end of the game only."""
        self._row = 0
        """The row that is written next."""
        self._written = 0
        """Rows written since the beginning."""
        self._random = np.random.default_rng(seed)
        self._exponent = priority_exponent
        self._tree = SumTree(self.rows * n_envs) if prioritised else None
        self._highest = 1.0
        """Priority of what was never learned from."""

    @staticmethod
    def bytes_of(size: int, picture: tuple[int, int, int]) -> int:
        """What `size` transitions take: their pictures, and 12 bytes each of actions, rewards, ends and ages."""
        return size * (int(np.prod(picture)) + 12)

    @property
    def nbytes(self) -> int:
        """What the memory takes."""
        columns = (self._actions, self._rewards, self._terminated, self._truncated, self._age, self._ready)
        return self._pictures.nbytes + sum(column.nbytes for column in columns)

    def __len__(self) -> int:
        """Transitions that are remembered."""
        return min(self._written, self.rows) * self.n_envs

    def add(
        self,
        pictures: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        *,
        ready: bool = True,
    ) -> None:
        """Remember a step of all games: the newest pictures `(n_envs, channels, height, width)` that were seen before
        it, what was done, and what came of it, `(n_envs,)` each.

        Without `ready` it is learned from after `complete` only.
        """
        row, before = self._row, self._row - 1
        begins = self._terminated[before] | self._truncated[before] | (self._written == 0)
        self._pictures[row], self._actions[row], self._rewards[row] = pictures, actions, rewards
        self._terminated[row], self._truncated[row] = terminated, truncated
        self._age[row] = np.where(begins, 0, self._age[before] + 1)
        self._ready[row] = ready
        self._row = (row + 1) % self.rows
        self._written += 1
        if self._tree is not None:
            # The stacks that begin in the overwritten row are broken; the steps that lacked their next state have it.
            everyone = np.arange(self.n_envs)
            self._tree.set((row + self.stack - 1) % self.rows * self.n_envs + everyone, 0.0)
            self._tree.set(row * self.n_envs + everyone, 0.0)
            if self._written > self.n_step:
                steps = np.full(self.n_envs, (row - self.n_step) % self.rows)
                usable = self._usable(steps, everyone)
                self._tree.set(steps * self.n_envs + everyone, np.where(usable, self._highest, 0.0))

    def complete(self, game: int, values: np.ndarray) -> None:
        """A game is over: the last `len(values)` steps of game number `game` have these values instead of rewards."""
        length = min(len(values), self.rows)
        rows = np.arange(self._row - length, self._row) % self.rows
        self._rewards[rows, game], self._ready[rows, game] = values[-length:], True

    def _usable(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Whether what follows these steps is known, in the rows that have all they need around them.

        What followed a step that was cut off (truncated) is not kept, so nothing is learned from it.
        """
        following = (rows[:, None] + np.arange(self.n_step)) % self.rows
        terminated = self._terminated[following, envs[:, None]]
        ended_before = np.cumsum(terminated, axis=1) - terminated  # what comes after an end belongs to the next game
        cut_off = (self._truncated[following, envs[:, None]] & (ended_before == 0)).any(axis=1)
        return ~cut_off & self._ready[rows, envs]

    def _oldest_and_newest(self) -> tuple[int, int]:
        """The first row, counted from the oldest, with a whole stack, and the row after the last with a next state."""
        first = self.stack - 1 if self._written > self.rows else 0
        return first, min(self._written, self.rows) - self.n_step

    def sample(self, n: int, importance_exponent: float = 1.0) -> Batch:
        """Draw `n` transitions, all alike or in proportion to their priorities.

        Raises NothingToLearnYet if there are none.
        """
        places, weights = self._places(n) if self._tree is None else self._places_by_priority(n, importance_exponent)
        rows, envs = places // self.n_envs, places % self.n_envs
        following = (rows[:, None] + np.arange(self.n_step)) % self.rows
        rewards, ends = n_step_return(
            self._rewards[following, envs[:, None]], self._terminated[following, envs[:, None]], self.gamma
        )
        return Batch(
            self.states(rows, envs),
            self._actions[rows, envs].astype(np.int64),
            rewards,
            self.states((rows + self.n_step) % self.rows, envs),
            ends,
            weights,
            places,
        )

    def _places(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        first, last = self._oldest_and_newest()
        oldest = self._row if self._written > self.rows else 0
        found: list[np.ndarray] = []
        missing = n
        for _ in range(TRIES):
            if last <= first:
                break
            rows = (oldest + self._random.integers(first, last, size=missing)) % self.rows
            envs = self._random.integers(self.n_envs, size=missing)
            usable = self._usable(rows, envs)
            found.append((rows * self.n_envs + envs)[usable])
            missing -= len(found[-1])
            if missing == 0:
                return np.concatenate(found), np.ones(n, dtype=np.float32)
        raise NothingToLearnYet

    def _places_by_priority(self, n: int, importance_exponent: float) -> tuple[np.ndarray, np.ndarray]:
        assert self._tree is not None
        total = self._tree.total
        if total <= 0:
            raise NothingToLearnYet
        # One from each of n equal shares, as the paper does: less chance than n draws from all.
        shares = (np.arange(n) + self._random.random(n)) * (total / n)
        places = self._tree.find(np.minimum(shares, np.nextafter(total, 0)))
        probabilities = self._tree.get(places) / total
        return places, importance_weight(probabilities, len(self), importance_exponent)

    def probabilities(self) -> np.ndarray:
        """The probability of each place to be drawn, of prioritised replay: `(rows x n_envs,)`."""
        assert self._tree is not None
        return self._tree.get(np.arange(self.rows * self.n_envs)) / self._tree.total

    def update_priorities(self, places: np.ndarray, errors: np.ndarray) -> None:
        """Tell how wrong the Q-values of drawn transitions were."""
        if self._tree is not None:
            priorities = priority(errors, self._exponent)
            self._highest = max(self._highest, float(priorities.max()))
            self._tree.set(places, priorities)

    def states(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """The stacks `(n, stack x channels, height, width)` that were seen at these steps, the oldest picture first."""
        age = self._age[rows, envs]
        parts = []
        for back in range(self.stack - 1, -1, -1):
            pictures = self._pictures[(rows - back) % self.rows, envs]
            pictures[age < back] = 0
            parts.append(pictures)
        return np.concatenate(parts, axis=1)


class Game(NamedTuple):
    """A game of T steps."""

    pictures: np.ndarray
    """The newest pictures seen before each step, (T, channels, height, width) uint8."""
    actions: np.ndarray
    values: np.ndarray
    """What is learned from each step: see `game_values`."""
    score: float
    """Points."""


class GameMemory:
    """The newest whole games, at most `size` of them and at most MOST_MEGABYTES.

    A game with more than `minimum_reward` points is remembered, and of the others a share, `remember_fraction`.
    """

    def __init__(
        self,
        size: int,
        *,
        stack: int = 1,
        minimum_reward: float = 0.0,
        remember_fraction: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.size, self.stack = size, stack
        self.minimum_reward, self.remember_fraction = minimum_reward, remember_fraction
        self._games: deque[Game] = deque()
        self._random = np.random.default_rng(seed)
        self.nbytes = 0

    def __len__(self) -> int:
        """Games that are remembered."""
        return len(self._games)

    def add(self, game: Game) -> bool:
        """Remember a game, if it is worth it; forget the oldest ones. Returns whether it was."""
        if game.score <= self.minimum_reward and self._random.random() >= self.remember_fraction:
            return False
        self._games.append(game)
        self.nbytes += game.pictures.nbytes
        while len(self._games) > self.size or self.nbytes > MOST_MEGABYTES * MEGABYTE:
            self.nbytes -= self._games.popleft().pictures.nbytes
        return len(self._games) > 0

    def sample(self, n: int) -> Batch:
        """All transitions of `n` games, or of all if there are fewer. Raises NothingToLearnYet if there is none."""
        if not self._games:
            raise NothingToLearnYet
        chosen = self._random.choice(len(self._games), size=min(n, len(self._games)), replace=False)
        games = [self._games[index] for index in chosen]
        states = np.concatenate([stacks(game.pictures, self.stack) for game in games])
        ends = np.zeros(len(states), dtype=np.float32)
        last = np.cumsum([len(game.actions) for game in games]) - 1
        ends[last] = 1
        return Batch(
            states,
            np.concatenate([game.actions for game in games]).astype(np.int64),
            np.concatenate([game.values for game in games]).astype(np.float32),
            np.roll(states, -1, axis=0),  # what follows the last step of a game is worth nothing
            ends,
            np.ones(len(states), dtype=np.float32),
            np.arange(len(states)),
        )


def game_values(
    rewards: np.ndarray, *, truncated: bool, use_returns: bool, discount: float, punishment: float
) -> np.ndarray:
    """What is learned from each step of a game, `(T,)`: its return, or its reward. A lost game, so one not cut off
    (`truncated`), is punished after its end."""
    last = 0.0 if truncated else punishment
    if use_returns:
        return returns(rewards, discount, last)
    values = rewards.astype(np.float32)
    values[-1] += last
    return values


def stacks(pictures: np.ndarray, stack: int) -> np.ndarray:
    """The states of a game `(T, stack x channels, height, width)`, from its pictures `(T, channels, height, width)`."""
    padded = np.concatenate([np.zeros((stack - 1, *pictures.shape[1:]), dtype=pictures.dtype), pictures])
    return np.concatenate([padded[back : back + len(pictures)] for back in range(stack)], axis=1)
