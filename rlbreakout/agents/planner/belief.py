"""What a planner believes about chance: how many frames an agent step takes, and how sticky the actions are.

Both have to be inferred. After each step, every possible number of frames is tried, with every number of repeats of the
previous action, and those that explain the new state count as evidence.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.agents.planner.reach import MOST_FRAMES_A_STEP, Chances
from rlbreakout.breakout.rules import NONE, STATE, is_over, one_frame
from rlbreakout.common.compiled import compiled

STICKY, STICKY_WEIGHT = 0.25, 2.0
"""What is believed about the repeat_action_probability at first, and how many frames of evidence that counts as."""
FRAMES, FRAMES_WEIGHT = 4, 0.5
"""The same about the frames of an agent step."""
LEAST_BELIEVED = 0.02
"""What is believed less than this counts as impossible."""
LEAST_PROBABLE = 0.002
"""Outcomes of a step that are less probable than this are left out."""


class Belief(NamedTuple):
    """What is believed about n games.

    before: `(n,)` of dtype STATE, the state before the last action. action, executed: `(n,)` int64, this action, which
    is -1 if nobody knows it, and what the game did in the last frame. frames: `(n, 7)` float64, how often a step took
    so many frames. repeats, chances: `(n,)` float64, in how many frames the action before was repeated, and in how many
    it could have been.
    """

    before: np.ndarray
    action: np.ndarray
    executed: np.ndarray
    frames: np.ndarray
    repeats: np.ndarray
    chances: np.ndarray


def first_belief(n: int) -> Belief:
    """What is believed about `n` games at their start."""
    belief = Belief(
        np.zeros(n, dtype=STATE),
        np.full(n, -1),
        np.full(n, NONE),
        np.zeros((n, MOST_FRAMES_A_STEP + 1)),
        np.zeros(n),
        np.zeros(n),
    )
    forget(belief, np.arange(n))
    return belief


def forget(belief: Belief, games: np.ndarray) -> None:
    """Begin anew with `games`, an array of indices."""
    belief.action[games], belief.executed[games] = -1, NONE
    belief.frames[games] = 0
    belief.frames[games, FRAMES] = FRAMES_WEIGHT
    belief.repeats[games], belief.chances[games] = STICKY * STICKY_WEIGHT, STICKY_WEIGHT


@compiled
def chances_of(belief: Belief, game: int, chances: Chances) -> int:
    """Fill in `chances` with what can happen in the next step of a game, according to what is believed about it, and
    return how many outcomes these are."""
    skips, sticky = belief.frames[game] / belief.frames[game].sum(), belief.repeats[game] / belief.chances[game]
    skips[skips < LEAST_BELIEVED] = 0
    return fill_chances(skips, sticky if sticky >= LEAST_BELIEVED else 0.0, chances)


@compiled
def fill_chances(skips: np.ndarray, sticky: float, chances: Chances) -> int:
    """Fill in `chances` with what can happen in a step that takes i frames with probability `skips[i]`, `(7,)` float64,
    if each frame repeats the action before it with probability `sticky`. Returns how many outcomes these are; those
    that are less probable than LEAST_PROBABLE are left out."""
    n, total = 0, 0.0
    for frames in range(1, MOST_FRAMES_A_STEP + 1):
        for repeats in range(frames + 1):
            weight = skips[frames] * sticky**repeats * (1 - sticky if repeats < frames else 1.0)
            if weight > LEAST_PROBABLE:
                chances.frames[n], chances.repeats[n], chances.weights[n] = frames, repeats, weight
                n, total = n + 1, total + weight
    chances.weights[:n] /= total
    return n


@compiled
def learn(belief: Belief, i: int, now: Any, work: np.ndarray) -> None:
    """Learn from the state in which the last step of game `i` ended. `work`: `(2,)` of dtype STATE, overwritten."""
    action, executed = belief.action[i], belief.executed[i]
    if action < 0:
        return
    found, steps, repeated, could, switched = 0, 0, 0.0, 0.0, 0
    stuck, other = work[0:1], work[1:2]
    stuck[0] = belief.before[i]
    for repeats in range(MOST_FRAMES_A_STEP + 1):
        if repeats > 0 and not is_over(stuck[0]):
            one_frame(stuck[0], executed)
        if repeats > 0 and _same(stuck[0], now):
            found, steps = found + 1, steps | 1 << repeats
            if action != executed:
                repeated, could = repeated + repeats, could + repeats
        if action == executed:
            continue
        other[0] = stuck[0]
        for frames in range(repeats + 1, MOST_FRAMES_A_STEP + 1):
            if not is_over(other[0]):
                one_frame(other[0], action)
            if _same(other[0], now):
                found, steps, switched = found + 1, steps | 1 << frames, switched + 1
                repeated, could = repeated + repeats, could + repeats + 1
    for frames in range(1, MOST_FRAMES_A_STEP + 1):
        if steps == 1 << frames:  # nothing else explains it
            belief.frames[i, frames] += 1
    if found == 1:
        belief.repeats[i] += repeated
        belief.chances[i] += could
    if found == 0 or 2 * switched >= found:
        belief.executed[i] = action


@compiled
def _same(one: Any, other: Any) -> bool:
    return (
        one.knob == other.knob
        and one.paddle == other.paddle
        and one.ball_x == other.ball_x
        and one.ball_y == other.ball_y
        and one.lives == other.lives
    )
