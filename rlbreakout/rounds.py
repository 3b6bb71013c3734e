"""How many rounds the fastest ball needs until it hits a brick, if the paddle chooses its sides well.

With few bricks left hardly any flight hits one, and the choice of a side matters for the flights after it: from where
the ball comes back, the paddle can choose again. All ways that a ball can be sent up are few, a column and a side each,
so the best of them are found backwards (value iteration, Sutton and Barto 2018, chapter 4.4).
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from rlbreakout.aimbot import HALF, TURNS_AT_LEFT, TURNS_AT_RIGHT, Path, half_columns_after
from rlbreakout.bounces import FASTEST, LEFT_SIDE, MEETS_PADDLE, RIGHT_SIDE, Return, follow, round_of
from rlbreakout.breakout.screen import BRICKS, WIDTH

FEW_BRICKS = 40
"""With more of them there is always one to hit, and nothing is looked up."""
ROUNDS = 6
"""So far ahead."""
A_ROUND = 0.5
"""What is left of the worth of a brick with every round until it is hit."""
MIDDLE_ROW = MEETS_PADDLE + 1.5
"""Where the paddle meets the fastest ball, on average."""


@cache
def ways() -> tuple[np.ndarray, np.ndarray]:
    """Of each column in half pixels and each side, `(320, 2, ...)`: the places of all bricks on the way up and back,
    BRICKS for none, and the column in half pixels to which it leads if it hits none."""
    columns = np.clip(np.arange(WIDTH * HALF), TURNS_AT_LEFT * HALF, TURNS_AT_RIGHT * HALF + 1)
    half_column, direction = (part.ravel() for part in np.meshgrid(columns, [LEFT_SIDE, RIGHT_SIDE], indexing="ij"))
    n = len(half_column)
    path = Path(
        known=np.ones(n, dtype=bool),
        row=np.full(n, MIDDLE_ROW),
        half_column=half_column,
        speed=np.full(n, FASTEST),
        direction=direction,
        down=np.zeros(n, dtype=bool),
    )
    frames = follow(path, np.zeros((n, BRICKS), dtype=bool)).frames
    back = half_columns_after(path, frames[:, None])[:, 0]
    return round_of(path).brick.reshape(WIDTH * HALF, 2, -1), back.reshape(WIDTH * HALF, 2)


@lru_cache(maxsize=2_048)
def _worth(bricks: bytes) -> np.ndarray:
    """Of a ball that comes back to the paddle in each column in half pixels, `(320,)`: A_ROUND to the power of the
    rounds after the next one until it hits a brick; 0 if it does not within ROUNDS."""
    places, back = ways()
    hits = np.append(np.frombuffer(bricks, dtype=bool), False)[places].any(axis=2)
    worth = hits.any(axis=1).astype(float)
    for _ in range(ROUNDS - 1):
        worth = np.where(hits, 1.0, A_ROUND * worth[back]).max(axis=1)
    return worth


def worth_of(back: Return, bricks: np.ndarray) -> np.ndarray:
    """What n foreseen flights are worth, `(n,)`: 1 if they hit a brick, A_ROUND if the one after it can, and so on with
    the best sides; 0 if no brick can be hit within ROUNDS, or nothing is foreseen. `bricks` is `(n, 6, 18)` bool."""
    worth = (back.known & (back.points > 0)).astype(float)
    left = bricks.sum(axis=(1, 2))
    for game in np.flatnonzero(back.known & (back.points == 0)).tolist():
        if left[game] > FEW_BRICKS:
            worth[game] = A_ROUND
        elif left[game] > 0:
            worth[game] = A_ROUND * _worth(bricks[game].tobytes())[back.column[game] * HALF]
    return worth
