"""Compiled code that plays games of the twin with sticky actions, for its environments."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.rules import is_over, one_frame
from rlbreakout.common.compiled import compiled
from rlbreakout.common.random import next_uniform

NEVER = 1_000
"""More points than a game can have."""


@compiled
def sticky_frame(
    states: np.ndarray, game: int, action: int, executed: np.ndarray, random: np.ndarray, sticky: float
) -> int:
    """Play a frame of one of n games, which repeats the previous frame's action with probability `sticky` (Machado et
    al. 2018, https://arxiv.org/abs/1709.06009). Returns its points.

    executed: `(n,)`, the action of the previous frame, and then of this one. random: `(n,)` uint64, the states of the
    random number generators.
    """
    if next_uniform(random, game) >= sticky:
        executed[game] = action
    return one_frame(states[game], executed[game])


@compiled
def hold_actions(
    states: np.ndarray,
    games: np.ndarray,
    held: np.ndarray,
    skips: np.ndarray,
    executed: np.ndarray,
    sticky: np.ndarray,
    sticky_seeds: np.ndarray,
    pool: bool,
    complete_at: int,
    earlier: np.ndarray,
    latest: np.ndarray,
    points: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Hold an action in each of `games` for its number of frames; all other arrays have an entry for every game.

    With `pool` the last two frames are kept, as in SB3's MaxAndSkipEnv. A game ends in the frame in which it reaches
    `complete_at` points, or the clock overflows. With NEVER all frames count, as when the emulator holds the action.
    """
    for i in games:
        game = states[i]
        for frame in range(skips[i]):
            points[i] += sticky_frame(states, i, held[i], executed, sticky_seeds, sticky[i])
            frames[i] += 1
            if pool and frame == skips[i] - 2:
                earlier[i] = game
            if pool and frame == skips[i] - 1:
                latest[i] = game
            if is_over(game) or game.score >= complete_at:
                if complete_at == NEVER and game.lives > 0:
                    frames[i] += skips[i] - frame - 1  # the emulator plays on, but the game is over
                break
        if pool and skips[i] == 1:
            earlier[i] = game
        if not pool:
            latest[i] = game
