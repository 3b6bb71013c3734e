"""Planning: what each action is worth in a game, from the two searches: over the bounces and over the joystick."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.agents.planner.belief import Belief, chances_of, learn
from rlbreakout.agents.planner.bounces import DISCOUNT, Tree, ValueWeights, search, tree_memory, window
from rlbreakout.agents.planner.reach import (
    ACTIONS,
    LONGEST_WINDOW,
    MEETINGS,
    Chances,
    Search,
    meeting,
    no_chances,
    reach,
    search_memory,
)
from rlbreakout.breakout import rules
from rlbreakout.breakout.ahead import come_down, no_visits, rest, same_future, times_visited, visit
from rlbreakout.breakout.rules import FIRE, LEFT, N_ACTIONS, NONE, PIXEL, PIXEL_BITS, RIGHT, STATE
from rlbreakout.breakout.screen import PADDLE_LEFTMOST, PADDLE_RIGHTMOST, WIDTH
from rlbreakout.common.compiled import compiled

DEPTH = 3
"""Bounces that are looked ahead where the ball comes down."""
DEPTH_LATER = 1
"""Bounces that are looked ahead where it is met some frames later."""
LIFE = 10.0
"""What a lost life costs, in bricks."""
REPEATED = 0.5
"""What it costs to send the ball where it has been since the last point, in bricks a time."""
FAR = 32
"""Frames until the ball comes down from which on the paddle is only brought near."""
FAR_STEPS = 8
"""The same in agent steps, which count where they are longer than 4 frames."""
FAR_IF_CERTAIN = 150
"""The same, if nothing is left to chance."""
NEAR = 11
"""Columns from there that are near enough: half of what an agent step moves the paddle."""
BLUR = 5
"""Columns, a standard deviation, by which the paddle may be elsewhere than planned when the ball comes down."""


class Plans(NamedTuple):
    """What was planned in n games, and working memory; `no_plans` makes an empty one.

    down: `(n,)` of dtype STATE, the game when its ball comes down. length: `(n,)` int64, for how many frames the ball
    is then level with the paddle. columns: `(n, 8)` int64, where it is in each of these frames. worth: `(n, 8, 5)`
    float64, what each of MEETINGS is worth then, in discounted bricks. place: `(n,)` int64, where the paddle should
    wait.
    visits: `(n, 65, 4)` int64, where the ball came down since the last point (see `ahead.visit`).
    """

    down: np.ndarray
    length: np.ndarray
    columns: np.ndarray
    worth: np.ndarray
    place: np.ndarray
    visits: np.ndarray
    windows: np.ndarray
    ahead: np.ndarray
    flight: np.ndarray
    three: np.ndarray
    chance: Chances
    tree: Tree
    memory: Search


def no_plans(n: int) -> Plans:
    """Room for the plans of `n` games."""
    return Plans(
        down=np.zeros(n, dtype=STATE),
        length=np.zeros(n, dtype=np.int64),
        columns=np.zeros((n, LONGEST_WINDOW), dtype=np.int64),
        worth=np.zeros((n, LONGEST_WINDOW, len(MEETINGS))),
        place=np.zeros(n, dtype=np.int64),
        visits=no_visits(n),
        windows=np.zeros(LONGEST_WINDOW, dtype=STATE),
        ahead=np.zeros(2, dtype=STATE),
        flight=np.zeros(3, dtype=np.int64),
        three=np.zeros(len(ACTIONS)),
        chance=no_chances(),
        tree=tree_memory(),
        memory=search_memory(),
    )


@compiled
def decide(
    states: np.ndarray, games: np.ndarray, belief: Belief, weights: ValueWeights, plans: Plans, values: np.ndarray
) -> None:
    """Learn from how the last steps of `games` went, and work out what each action is worth in them now.

    states: `(k,)` of dtype STATE. games: `(k,)` int64, the indices of these games in `belief` and `plans`. Fills in
    `values`, `(k, 4)` float64, in discounted bricks. Put what is done into `belief.action` before the next call.
    """
    for k in range(len(games)):
        learn(belief, games[k], states[k], plans.ahead)
        outcomes = chances_of(belief, games[k], plans.chance)
        plan(states[k], games[k], belief.executed[games[k]], outcomes, weights, plans, values[k])
        belief.before[games[k]] = states[k]


@compiled
def _value_meetings(i: int, weights: ValueWeights, plans: Plans) -> None:
    """Work out what each way to meet the ball of game `i` is worth, in each frame in which it can be met, and where the
    paddle should wait for it."""
    down = plans.down[i]
    visit(down, plans.visits[i])
    plans.length[i] = window(down, plans.windows)
    for k in range(plans.length[i]):
        plans.columns[i, k] = plans.windows[k].ball_x >> PIXEL_BITS
        worth = plans.worth[i, k]
        search(plans.windows[k], DEPTH if k == 0 else DEPTH_LATER, weights, plans.tree, worth)
        for way in range(len(MEETINGS)):
            after = plans.tree.states[1 + way]
            if after.score == down.score:
                worth[way] -= REPEATED * times_visited(after, plans.visits[i])
        worth *= DISCOUNT**k
    best, column, width = -np.inf, plans.columns[i, 0], rules.width_of(down)
    for place in range(max(column - 20, PADDLE_LEFTMOST), min(column + 6, PADDLE_RIGHTMOST) + 1):
        total, weight = 0.0, 0.0
        for off in range(-2 * BLUR, 2 * BLUR + 1):
            share = np.exp(-0.5 * (off / BLUR) ** 2)
            met = meeting(min(max(place + off, PADDLE_LEFTMOST), PADDLE_RIGHTMOST), width, column)
            total += share * (plans.worth[i, 0, met] if met >= 0 else -LIFE)
            weight += share
        if total / weight > best:
            best, plans.place[i] = total / weight, place


@compiled
def _far(chance: Chances, outcomes: int) -> float:
    """For how many frames the joystick is searched, where the first `outcomes` of `chance` can happen in a step."""
    if outcomes == 1:
        return FAR_IF_CERTAIN
    frames_a_step = 0.0
    for outcome in range(outcomes):
        frames_a_step += chance.weights[outcome] * chance.frames[outcome]
    return max(FAR, FAR_STEPS * frames_a_step)


@compiled
def plan(
    game: Any, i: int, executed: int, outcomes: int, weights: ValueWeights, plans: Plans, values: np.ndarray
) -> int:
    """Work out what each action is worth in game `i` now, in discounted bricks: fill in `values`, `(4,)` float64.

    executed: the action of the last frame. outcomes: how many of `plans.chance` there are. Returns how many situations
    of the paddle were compared.
    """
    values[:] = 0
    if game.ball_y < PIXEL:
        values[FIRE] = 1
        return 0
    ahead = plans.ahead[0:1]
    ahead[0] = game
    frames, target = come_down(ahead[0], plans.flight), WIDTH // 2 - rules.width_of(game) // 2
    if frames >= 0:
        if not same_future(ahead[0], plans.down[i]):
            plans.down[i] = ahead[0]
            _value_meetings(i, weights, plans)
        target = plans.place[i]
        worth = plans.worth[i, : plans.length[i]]
        if frames <= _far(plans.chance, outcomes):
            columns, width = plans.columns[i, : plans.length[i]], rules.width_of(ahead[0])
            size = reach(
                game, executed, frames, columns, width, worth, -LIFE, plans.chance, outcomes, plans.memory, plans.three
            )
            values[FIRE] = -LIFE
            for a in range(len(ACTIONS)):
                values[ACTIONS[a]] = plans.three[a]
            return size
        values[:] = worth.max()
    off = rest(game) - target
    turn = NONE if abs(off) <= NEAR else RIGHT if off < 0 else LEFT
    for action in range(N_ACTIONS):
        if action != turn:
            values[action] -= 1
    return 0
