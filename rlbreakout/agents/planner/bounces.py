"""The game as a game of bounces: from one meeting of ball and paddle to the next.

Seen so, a game has only a few hundred moves. The state is a ball that has come down, the move is one of MEETINGS, and
what follows is certain: the ball flies by the rules until it is down again. What the paddle can reach is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.agents.planner.reach import LEFT_OF_MIDDLE, LONGEST_WINDOW, MEETINGS
from rlbreakout.breakout import rules
from rlbreakout.breakout.ahead import LONGEST_FLIGHT, comes_down
from rlbreakout.breakout.rules import HITS_AFTER_UPPER_ROWS, PIXEL, STATE
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_IN_A_ROW, MOST_POINTS, WALL_POINTS, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.common.random import next_uniform

DISCOUNT = 0.998
"""Discount of a brick for every frame until it breaks."""
DEEPEST = 4
"""Bounces, at most, that a search looks ahead."""
SURE = 0.9
"""Share of the best meeting in what a bounce is worth; the rest is the mean of all, since the paddle cannot always do
what would be best."""
BRICKS = len(BRICK_ROWS) * BRICKS_IN_A_ROW
N_FEATURES = BRICKS + 12
MOST_UNITS = 128


class ValueWeights(NamedTuple):
    """The weights of a value network: N_FEATURES numbers, two layers with ReLU, one number; each `(out, in)` float32,
    with biases `(out,)`."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray


@compiled
def features(down: Any, values: np.ndarray) -> None:
    """Describe a game whose ball has come down: fill in `values`, `(N_FEATURES,)` float32."""
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            values[row * BRICKS_IN_A_ROW + brick] = down.bricks[row, brick]
    values[BRICKS:] = 0
    column = down.ball_x / PIXEL / WIDTH
    values[BRICKS] = column
    values[BRICKS + 1] = column if down.ball_vx > 0 else 0.0
    values[BRICKS + 2] = down.ball_vx > 0
    values[BRICKS + 3] = down.hits / HITS_AFTER_UPPER_ROWS
    values[BRICKS + 4 + down.hits // 4] = 1
    values[BRICKS + 9] = down.narrow
    values[BRICKS + 10] = down.score >= WALL_POINTS
    values[BRICKS + 11] = down.bricks.sum() / BRICKS


@compiled
def estimate(weights: ValueWeights, down: Any, work: np.ndarray) -> float:
    """What the network expects of a game whose ball has come down. `work`: `(3, 128)` float32, overwritten."""
    features(down, work[0])
    for unit in range(len(weights.first)):
        total = weights.first_bias[unit]
        for i in range(N_FEATURES):
            total += weights.first[unit, i] * work[0, i]
        work[1, unit] = max(total, np.float32(0))
    for unit in range(len(weights.second)):
        total = weights.second_bias[unit]
        for i in range(len(weights.first)):
            total += weights.second[unit, i] * work[1, i]
        work[2, unit] = max(total, np.float32(0))
    total = weights.last_bias[0]
    for i in range(len(weights.second)):
        total += weights.last[0, i] * work[2, i]
    return total


@compiled
def meet(down: Any, way: int, outcome: np.ndarray) -> int:
    """Let a ball that has come down meet the paddle in one of MEETINGS, and play on until it is down again, in place.

    Returns the number of frames, or -1 if the game is complete, or the ball does not come down. Fills in `outcome`,
    `(2,)` float64: the bricks, each discounted by DISCOUNT a frame, and the points.
    """
    outcome[:] = 0
    before = down.score
    rules.bounce(down, LEFT_OF_MIDDLE[way])
    build = down.building > 0
    down.building = 0  # the second wall is built in the next frame; in this one the side walls still turn the ball
    discount = 1.0
    for frame in range(LONGEST_FLIGHT):
        if comes_down(down):
            outcome[1] = down.score - before
            return frame
        if rules.fly(down) > 0:
            outcome[0] += discount
            if down.score >= MOST_POINTS:
                outcome[1] = down.score - before
                return -1
        if build:
            down.building, build = 1, False
        discount *= DISCOUNT
    outcome[1] = down.score - before
    return -1


class Tree(NamedTuple):
    """Working memory of a search."""

    states: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    outcome: np.ndarray
    work: np.ndarray


def tree_memory() -> Tree:
    """Working memory for one search at a time."""
    n = (len(MEETINGS) ** (DEEPEST + 1) - 1) // (len(MEETINGS) - 1)
    return Tree(
        np.zeros(n, dtype=STATE),
        np.zeros(n),
        np.zeros(n),
        np.zeros(2),
        np.zeros((3, max(MOST_UNITS, N_FEATURES)), dtype=np.float32),
    )


@compiled
def search(down: Any, depth: int, weights: ValueWeights, tree: Tree, worth: np.ndarray) -> None:
    """Work out what each of MEETINGS is worth, in discounted bricks, looking `depth` bounces ahead, 1 to DEEPEST.

    Fills in `worth`, `(5,)` float64. After the last of these bounces comes what the network expects.
    """
    ways = len(MEETINGS)
    tree.states[0] = down
    begin, end = 0, 1
    for level in range(depth):
        for parent in range(begin, end):
            for way in range(ways):
                child = parent * ways + 1 + way
                if level > 0 and tree.discounts[parent] == 0:
                    tree.rewards[child], tree.discounts[child] = 0, 0
                    continue
                tree.states[child] = tree.states[parent]
                frames = meet(tree.states[child], way, tree.outcome)
                tree.rewards[child] = tree.outcome[0]
                tree.discounts[child] = DISCOUNT**frames if frames >= 0 else 0.0
        begin, end = end, end * ways + 1
    for child in range(begin, end):
        if tree.discounts[child] > 0:
            tree.rewards[child] += tree.discounts[child] * estimate(weights, tree.states[child], tree.work)
    for parent in range(begin - 1, 0, -1):
        if tree.discounts[parent] == 0:
            continue
        best, total = -np.inf, 0.0
        for child in range(parent * ways + 1, parent * ways + 1 + ways):
            best = max(best, tree.rewards[child])
            total += tree.rewards[child]
        tree.rewards[parent] += tree.discounts[parent] * (SURE * best + (1 - SURE) * total / ways)
    worth[:] = tree.rewards[1 : ways + 1]


@compiled
def window(game: Any, down: np.ndarray) -> int:
    """Play a ball that comes down on while it is level with the paddle, as if there were none.

    `game` has come down. Fills in `down`, `(LONGEST_WINDOW,)` of dtype STATE: the game in each of these frames. Returns
    how many there are.
    """
    down[0] = game
    for frame in range(1, LONGEST_WINDOW):
        down[frame] = down[frame - 1]
        rules.fly(down[frame])
        if not comes_down(down[frame]):
            return frame
    return LONGEST_WINDOW


class Played(NamedTuple):
    """k bounces of each of n games.

    features: `(k + 1, n, N_FEATURES)` float32, of the games before each bounce and after the last one. rewards:
    `(k, n)` float32, bricks, discounted to the bounce. discounts: `(k, n)` float32, DISCOUNT for each frame until the
    ball is down again; 0 where a game ends. found: `(k, n)` float32, what the search found the bounce to be worth.
    """

    features: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    found: np.ndarray


def bounce_games(n: int) -> np.ndarray:
    """`(n,)` of dtype STATE: new games in which the first ball has come down."""
    downs = rules.new_games(n)
    downs["building"] = 0
    for number in range(n):
        downs[number]["clock"] = number % 4  # which decides where the ball is launched
        _serve(downs[number])
    return downs


def play_bounces(
    downs: np.ndarray, bounces: int, weights: ValueWeights, random: np.ndarray, *, depth: int = 1, explore: float = 0.0
) -> Played:
    """Play games of bounces on for `bounces` bounces, in place. A game that is over begins anew.

    downs: `(n,)` of dtype STATE, games whose ball has come down. Each bounce is the best one that `search` finds when
    it looks `depth` bounces ahead, or with probability `explore` any other. random: `(n,)` uint64, the generators'
    states (see `next_uniform`), which move on.
    """
    n = len(downs)
    numbers = [np.zeros((bounces, n), dtype=np.float32) for _ in range(3)]
    played = Played(np.zeros((bounces + 1, n, N_FEATURES), dtype=np.float32), *numbers)
    _play(downs, depth, weights, explore, random, bounce_games(4), played, tree_memory())
    return played


@compiled
def _play(
    downs: np.ndarray,
    depth: int,
    weights: ValueWeights,
    explore: float,
    random: np.ndarray,
    fresh: np.ndarray,
    played: Played,
    tree: Tree,
) -> None:
    worth, outcome = np.zeros(len(MEETINGS)), np.zeros(2)
    for n in range(len(downs)):
        game = downs[n]
        for bounce in range(len(played.rewards)):
            features(game, played.features[bounce, n])
            search(game, depth, weights, tree, worth)
            way = int(worth.argmax())
            played.found[bounce, n] = SURE * worth[way] + (1 - SURE) * worth.mean()
            if next_uniform(random, n) < explore:
                way = int(next_uniform(random, n) * len(MEETINGS))
            frames = meet(game, way, outcome)
            played.rewards[bounce, n] = outcome[0]
            played.discounts[bounce, n] = DISCOUNT**frames if frames >= 0 else 0.0
            if frames < 0:
                downs[n] = fresh[int(next_uniform(random, n) * len(fresh))]
        features(game, played.features[len(played.rewards), n])


@compiled
def _serve(game: Any) -> None:
    """Launch a ball in a game without one, and play on, without a paddle, until it has come down."""
    while not comes_down(game):
        if game.ball_y < PIXEL:
            rules.one_frame(game, rules.FIRE)
        else:
            rules.fly(game)
