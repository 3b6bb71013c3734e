"""How to bring the paddle to the ball: an exact expectimax search over the joystick.

Where the paddle meets the ball decides where the ball flies. Given the value of each way to meet it, `reach` computes
the value of each action now: it tries every action in every agent step until then, moves the paddle by the rules, and
takes the mean over chance. Chance comes from sticky actions and the frame skip: an agent step repeats the previous
action for some frames, and holds the new one for the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.rules import (
    FLAT_FROM,
    KNOBS,
    LEFT,
    NONE,
    READINGS,
    RIGHT,
    next_knob,
    next_paddle,
)
from rlbreakout.breakout.screen import BALL_WIDTH
from rlbreakout.common.compiled import compiled

LEFT_FLAT, LEFT_STEEP, MIDDLE, RIGHT_STEEP, RIGHT_FLAT = range(5)
MEETINGS = ("left flat", "left steep", "middle", "right steep", "right flat")
"""The ways in which paddle and ball can meet: with the left or the right half of the paddle, far from its middle or
near it, or with the very middle, which moves the ball aside."""
LEFT_OF_MIDDLE = np.array([6, 2, 0, -2, -6])
"""For each of MEETINGS, how many columns left of the paddle's middle it can be (see `rules.bounce`)."""
LONGEST_WINDOW = 8
"""Frames, at most, in which a ball that comes down is level with the paddle."""
MOST_NODES = 20_000
"""Situations of the paddle, at most, that a search compares."""
MOST_FRAMES_AHEAD = 170
MOST_FRAMES_A_STEP = 6
MOST_OUTCOMES = MOST_FRAMES_A_STEP * (MOST_FRAMES_A_STEP + 3) // 2
ACTIONS = np.array([NONE, RIGHT, LEFT])
"""What can be done about the paddle."""


_NEXT = np.array(
    [
        [np.searchsorted(KNOBS, next_knob(int(knob), a)) if a else i for a in (NONE, 0, RIGHT, LEFT)]
        for i, knob in enumerate(KNOBS)
    ]
)
"""`[number of the knob's resistance, action]`: the number of its resistance one frame later."""


class Chances(NamedTuple):
    """What can happen in an agent step: the first k entries of three arrays.

    frames, repeats: int64, how many frames it takes, and in how many of them, from the first on, the action of the
    frame before is repeated. weights: float64, the probabilities, which add up to 1.
    """

    frames: np.ndarray
    repeats: np.ndarray
    weights: np.ndarray


def no_chances() -> Chances:
    """Room for all outcomes."""
    return Chances(np.zeros(MOST_OUTCOMES, np.int64), np.zeros(MOST_OUTCOMES, np.int64), np.zeros(MOST_OUTCOMES))


class Search(NamedTuple):
    """Working memory of `reach`, which `search_memory` makes."""

    nodes: np.ndarray
    children: np.ndarray
    values: np.ndarray
    slots: np.ndarray
    first_of: np.ndarray


_FRAME, _PADDLE, _KNOB, _EXECUTED, _NEXT_OF_FRAME, _COLUMNS = range(6)


def search_memory() -> Search:
    """Working memory for one search at a time."""
    return Search(
        nodes=np.zeros((MOST_NODES, _COLUMNS), dtype=np.int32),
        children=np.zeros((MOST_NODES, len(ACTIONS), MOST_OUTCOMES), dtype=np.int32),
        values=np.zeros(MOST_NODES),
        slots=np.full(4 * MOST_NODES, -1, dtype=np.int32),
        first_of=np.full(MOST_FRAMES_AHEAD + 1, -1, dtype=np.int32),
    )


@compiled
def meeting(paddle: int, width: int, column: int) -> int:
    """Which of MEETINGS it is if a ball at `column` comes down to a paddle; -1 if they do not meet."""
    if not paddle - BALL_WIDTH < column < paddle + width:
        return -1
    left = (paddle + width // 2) - (column + BALL_WIDTH // 2) - 1
    if left == 0:
        return MIDDLE
    if left > 0:
        return LEFT_FLAT if left >= FLAT_FROM else LEFT_STEEP
    return RIGHT_FLAT if -left >= FLAT_FROM else RIGHT_STEEP


@compiled
def _add(memory: Search, size: int, frame: int, paddle: int, knob: int, executed: int) -> int:
    """The number of a situation, which is `size` if it is new."""
    key = ((frame * 160 + paddle) * 101 + knob) * 4 + executed
    slot = (key * 2654435761) % len(memory.slots)
    while memory.slots[slot] >= 0:
        node = memory.nodes[memory.slots[slot]]
        if node[0] == frame and node[1] == paddle and node[2] == knob and node[3] == executed:
            return memory.slots[slot]
        slot = (slot + 1) % len(memory.slots)
    memory.slots[slot] = size
    node = memory.nodes[size]
    node[0], node[1], node[2], node[3] = frame, paddle, knob, executed
    node[4] = memory.first_of[frame]
    memory.first_of[frame] = size
    return size


@compiled
def reach(
    game: Any,
    executed: int,
    frames: int,
    columns: np.ndarray,
    width: int,
    worth: np.ndarray,
    miss: float,
    chance: Chances,
    outcomes: int,
    memory: Search,
    values: np.ndarray,
) -> int:
    """Work out what each of ACTIONS is worth now, if the best is done in every agent step after it.

    The ball comes down in `frames` frames. Then, and in the frames after that, it is at `columns`, `(k,)`, level with a
    paddle of `width` columns. Meeting it there in the way m is worth `worth[k, m]`, missing it is worth `miss`.
    `executed` is the action of the last frame. Fills in `values`, `(3,)` float64. Returns how many situations were
    compared; with MOST_NODES of them what lies behind the rest counts as missed.
    """
    memory.slots[:] = -1
    memory.first_of[:] = -1
    last = frames + len(columns)
    knob = rules.knob_number(game.knob)
    size = _add(memory, 0, 0, game.paddle, knob, executed if executed in (RIGHT, LEFT) else NONE) + 1
    # Forwards: all situations that can come, in the order of their frames.
    for frame in range(last):
        number = memory.first_of[frame]
        while number >= 0:
            for a in range(len(ACTIONS)):
                size = _play_on(number, a, frames, columns, width, last, chance, outcomes, memory, size)
            number = memory.nodes[number, _NEXT_OF_FRAME]
    # Backwards: what each is worth.
    for frame in range(last - 1, -1, -1):
        number = memory.first_of[frame]
        while number >= 0:
            best = -np.inf
            for a in range(len(ACTIONS)):
                value = 0.0
                for i in range(outcomes):
                    child = memory.children[number, a, i]
                    if child >= 0:
                        value += chance.weights[i] * memory.values[child]
                    elif child == -1:
                        value += chance.weights[i] * miss
                    else:
                        met = -child - 2
                        value += chance.weights[i] * worth[met // len(MEETINGS), met % len(MEETINGS)]
                best = max(best, value)
                if number == 0:
                    values[a] = value
            memory.values[number] = best
            number = memory.nodes[number, _NEXT_OF_FRAME]
    return size


@compiled
def _play_on(
    number: int,
    a: int,
    frames: int,
    columns: np.ndarray,
    width: int,
    last: int,
    chance: Chances,
    outcomes: int,
    memory: Search,
    size: int,
) -> int:
    """Play an agent step of a situation in all ways that chance allows. Returns the number of situations.

    Each outcome leads to another situation, or is -1 if the ball is missed, or -2 - (5 * frame + meeting).
    """
    node, action = memory.nodes[number], ACTIONS[a]
    for i in range(outcomes):
        frame, paddle, knob, executed = node[_FRAME], node[_PADDLE], node[_KNOB], node[_EXECUTED]
        result = 0
        for turn in range(chance.frames[i]):
            if frame >= frames:
                if frame >= last:
                    result = -1
                    break
                met = meeting(paddle, width, columns[frame - frames])
                if met >= 0:
                    result = -2 - (len(MEETINGS) * (frame - frames) + met)
                    break
            if turn >= chance.repeats[i]:
                executed = action
            paddle = next_paddle(paddle, READINGS[knob])
            knob = _NEXT[knob, executed]
            frame += 1
        if result == 0:
            if frame >= last or size == MOST_NODES:
                result = -1
            else:
                result = _add(memory, size, frame, paddle, knob, executed)
                if result == size:
                    size += 1
        memory.children[number, a, i] = result
    return size
