"""The replay memories of the value-based agent: whole games, or transitions, as DQN has them.

Both store every picture once, as uint8, and rebuild frame stacks when they are drawn. Before the first picture of an
episode a stack has zeros, as in SB3's VecFrameStack.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from rlbreakout.agents.value.equations import importance_weight, n_step_return, priority, returns
from rlbreakout.agents.value.sum_tree import SumTree
from rlbreakout.common.errors import UserError
from rlbreakout.common.memory import free_memory

MEGABYTE = 1_000_000
MOST_MEGABYTES = 4_000
"""The most that a memory of games takes. Their size is not known before they are played."""


class NothingToLearnYet(ValueError):
    """The memory holds no transition whose outcome is known."""


class Batch(NamedTuple):
    """n transitions to learn from.

    states, next_states: `(n, channels, height, width)` uint8. actions: `(n,)` int64. rewards: `(n,)` float32, of one or
    more steps, or returns. ends: `(n,)` float32, 1 where the game ended, else 0. weights: `(n,)` float32, their weights
    in the loss. places: `(n,)`, their indices in the memory.
    """

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_states: np.ndarray
    ends: np.ndarray
    weights: np.ndarray
    places: np.ndarray


def check_fits(what: str, needed: float, allowed: str) -> None:
    """Raise UserError, with the figures, if `needed` bytes are more than this machine or container has free."""
    megabytes, free = needed / MEGABYTE, free_memory() / MEGABYTE
    if megabytes > free:
        figures = f"{what} take {megabytes:,.0f} MB, and {free:,.0f} MB are free on this machine"
        raise UserError(f"{figures}; allowed: {allowed}")


class TransitionMemory:
    """A ring buffer of the newest transitions of `n_envs` games: `size // n_envs` rows with one entry a game.

    picture: the shape `(channels, height, width)` of what is new at every step. stack: number of pictures in a state.
    The memory is allocated at once. Raises UserError if this machine lacks it.
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
        # 12 bytes each of actions, rewards, ends and ages.
        needed = size * (int(np.prod(picture)) + 12)
        check_fits(f"value.memory_size: {size:,} transitions", needed, "a smaller memory_size")
        shape = (self.rows, n_envs)
        self._pictures = np.zeros((*shape, *picture), dtype=np.uint8)
        self._actions = np.zeros(shape, dtype=np.uint8)
        self._rewards = np.zeros(shape, dtype=np.float32)
        self._terminated = np.zeros(shape, dtype=bool)
        self._truncated = np.zeros(shape, dtype=bool)
        self._age = np.zeros(shape, dtype=np.uint32)  # steps since the episode began
        self._ready = np.zeros(shape, dtype=bool)  # a return is known only at the end of the game
        self._row = 0  # the row to write next
        self._written = 0  # rows written since the beginning
        self._random = np.random.default_rng(seed)
        self._exponent = priority_exponent
        self._tree = SumTree(self.rows * n_envs) if prioritised else None
        self._highest = 1.0  # the priority of new transitions

    def __len__(self) -> int:
        """Number of transitions."""
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
        """Store a step of all games.

        pictures: the newest pictures before the step, `(n_envs, channels, height, width)` uint8. actions, rewards,
        terminated, truncated: `(n_envs,)`. ready: False if the step is not to be drawn before `complete`.
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
            # The stacks that begin in the overwritten row are broken. The steps that lacked a next state have one now.
            everyone = np.arange(self.n_envs)
            self._tree.set((row + self.stack - 1) % self.rows * self.n_envs + everyone, 0.0)
            self._tree.set(row * self.n_envs + everyone, 0.0)
            if self._written > self.n_step:
                steps = np.full(self.n_envs, (row - self.n_step) % self.rows)
                usable = self._usable(steps, everyone)
                self._tree.set(steps * self.n_envs + everyone, np.where(usable, self._highest, 0.0))

    def complete(self, game: int, values: np.ndarray) -> None:
        """Replace the rewards of the last `len(values)` steps of game number `game`, which is over, by `values`."""
        length = min(len(values), self.rows)
        rows = np.arange(self._row - length, self._row) % self.rows
        self._rewards[rows, game], self._ready[rows, game] = values[-length:], True

    def _usable(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Whether these steps, which have whole stacks and a next state, can be drawn: their reward is ready, and they
        do not lead past a truncation, because the state after it is not stored."""
        following = (rows[:, None] + np.arange(self.n_step)) % self.rows
        terminated = self._terminated[following, envs[:, None]]
        ended_before = np.cumsum(terminated, axis=1) - terminated  # steps after an end belong to the next game
        cut_off = (self._truncated[following, envs[:, None]] & (ended_before == 0)).any(axis=1)
        return ~cut_off & self._ready[rows, envs]

    def sample(self, n: int, importance_exponent: float = 1.0) -> Batch:
        """Draw `n` transitions, uniformly or in proportion to their priorities.

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
        """Draw uniformly, among the rows with whole stacks and a next state, until n usable steps are found."""
        full = self._written > self.rows
        oldest, first = (self._row, self.stack - 1) if full else (0, 0)
        last = min(self._written, self.rows) - self.n_step
        found = np.zeros(0, dtype=np.int64)
        for _ in range(100 if first < last else 0):
            rows = (oldest + self._random.integers(first, last, size=n - len(found))) % self.rows
            envs = self._random.integers(self.n_envs, size=n - len(found))
            found = np.concatenate([found, (rows * self.n_envs + envs)[self._usable(rows, envs)]])
            if len(found) == n:
                return found, np.ones(n, dtype=np.float32)
        raise NothingToLearnYet

    def _places_by_priority(self, n: int, importance_exponent: float) -> tuple[np.ndarray, np.ndarray]:
        assert self._tree is not None
        total = self._tree.total
        if total <= 0:
            raise NothingToLearnYet
        # One from each of n equal shares, as in the paper, which varies less than n independent draws.
        shares = (np.arange(n) + self._random.random(n)) * (total / n)
        places = self._tree.find(np.minimum(shares, np.nextafter(total, 0)))
        probabilities = self._tree.get(places) / total
        return places, importance_weight(probabilities, len(self), importance_exponent)

    def update_priorities(self, places: np.ndarray, errors: np.ndarray) -> None:
        """Set the priorities of drawn transitions from the errors of their Q-values, `(n,)`."""
        if self._tree is not None:
            priorities = priority(errors, self._exponent)
            self._highest = max(self._highest, float(priorities.max()))
            self._tree.set(places, priorities)

    def states(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """The frame stacks `(n, stack x channels, height, width)` at these steps, the oldest picture first."""
        age = self._age[rows, envs]
        parts = []
        for back in range(self.stack - 1, -1, -1):
            pictures = self._pictures[(rows - back) % self.rows, envs]
            pictures[age < back] = 0
            parts.append(pictures)
        return np.concatenate(parts, axis=1)


class Game(NamedTuple):
    """A game of T steps.

    pictures: the newest picture before each step, `(T, channels, height, width)` uint8. actions, values: `(T,)`; see
    `game_values`. score: points.
    """

    pictures: np.ndarray
    actions: np.ndarray
    values: np.ndarray
    score: float


class GameMemory:
    """The newest whole games, at most `size` of them and at most MOST_MEGABYTES.

    It stores every game with more points than `minimum_reward`, and the share `remember_fraction` of the others. With
    `games_a_point` the minimum rises by a point each time that this many games have been played.
    """

    def __init__(
        self,
        size: int,
        *,
        stack: int = 1,
        minimum_reward: float = 0.0,
        games_a_point: int | None = None,
        remember_fraction: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.size, self.stack = size, stack
        self.minimum_reward, self.games_a_point = minimum_reward, games_a_point
        self.remember_fraction = remember_fraction
        self._games: deque[Game] = deque()
        self._random = np.random.default_rng(seed)
        self.nbytes = 0

    def __len__(self) -> int:
        """Number of games."""
        return len(self._games)

    def add(self, game: Game, number: int = 0) -> bool:
        """Store game `number` of the training, if it is good enough, and drop the oldest ones.

        Returns whether it was stored.
        """
        minimum = self.minimum_reward + (number / self.games_a_point if self.games_a_point else 0)
        if game.score <= minimum and self._random.random() >= self.remember_fraction:
            return False
        self._games.append(game)
        self.nbytes += game.pictures.nbytes
        while len(self._games) > self.size or self.nbytes > MOST_MEGABYTES * MEGABYTE:
            self.nbytes -= self._games.popleft().pictures.nbytes
        return len(self._games) > 0

    def sample(self, n: int, _: float = 1.0) -> Batch:
        """Draw all transitions of `n` games, or of all games if there are fewer; the second argument is not used.

        Raises NothingToLearnYet if there are none.
        """
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
    """The value to learn from each step of a game, `(T,)` float32: its return, or its reward. A game that was lost, not
    truncated, ends with the `punishment`."""
    last = 0.0 if truncated else punishment
    if use_returns:
        return returns(rewards, discount, last)
    values = rewards.astype(np.float32)
    values[-1] += last
    return values


def stacks(pictures: np.ndarray, stack: int) -> np.ndarray:
    """The frame stacks of a game, `(T, stack x channels, height, width)`, from `(T, channels, height, width)`."""
    padded = np.concatenate([np.zeros((stack - 1, *pictures.shape[1:]), dtype=pictures.dtype), pictures])
    return np.concatenate([padded[back : back + len(pictures)] for back in range(stack)], axis=1)
