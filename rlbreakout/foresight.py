"""Where a ball will come to the paddle at last, from wherever it is now, through all bricks that it hits on its way.

bounces.py looks at the next brick alone. Here the ball is followed on, from brick to brick, as long as it takes. A
player who knows earlier where to be has more time to be there: with actions of 4 frames, some of which come late, the
paddle's place is a matter of trying, and every agent step is another try.
"""

from __future__ import annotations

import numpy as np

from rlbreakout.aimbot import HALF, Landing, Path, half_columns_after, rows_a_frame, turned_after
from rlbreakout.bounces import MEETS_PADDLE, first_of, in_the_way, way_of
from rlbreakout.breakout.screen import BRICKS, BRICKS_BOTTOM, PADDLE_TOP, Ball

MOST_HITS = 12
"""So many bricks a ball is followed through."""


class ThroughTracker:
    """Of n games: whether their balls fly through bricks. After a hit they do, until the paddle or the upper wall."""

    def __init__(self, n: int) -> None:
        self._through, self._down = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self._left = np.full(n, -1)

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices."""
        self._through[games], self._left[games] = False, -1

    def now(self, games: np.ndarray) -> np.ndarray:
        """What the last look told, `(n,)` bool."""
        return self._through[games]

    def look(self, path: Path, bricks: np.ndarray, games: np.ndarray) -> np.ndarray:
        """Take in on which paths the balls are now and which bricks are left, `(n, 6, 18)` bool. Returns `(n,)`."""
        left = bricks.sum(axis=(1, 2))
        hit = left < self._left[games]
        # Without a hit only the paddle and the upper wall turn it.
        turned = path.known & (path.down != self._down[games])
        from_the_paddle = path.known & ~path.down & (path.row >= BRICKS_BOTTOM)
        self._through[games] = hit | (self._through[games] & ~turned & ~from_the_paddle)
        self._left[games] = left
        self._down[games] = np.where(path.known, path.down, self._down[games])
        return self.now(games)


def _hits(path: Path, bricks: np.ndarray, through: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The Round of balls, and in which of its frames they meet a brick, `(n, frames)` bool."""
    climb, brick = way_of(path)
    frame = np.arange(1, brick.shape[1] + 1)
    free = through[:, None] & ((frame <= climb[:, None]) | path.down[:, None])
    return climb, brick, in_the_way(bricks, brick) & ~free


def foresee(path: Path, bricks: np.ndarray, through: np.ndarray) -> tuple[Path, np.ndarray]:
    """The last part of each ball's way, on which it falls to the paddle and hits nothing any more, and in how many
    frames from now that part begins, `(n,)` int.

    `bricks` is `(n, 6, 18)` bool, `through` `(n,)` bool: whether the ball flies through them until it has met the
    paddle or the upper wall. Not known where `path` is not, and where it hits more than MOST_HITS.
    """
    n = len(path.row)
    now = Path(*(np.array(part) for part in path._replace(row=path.row.astype(float))))
    ahead, arrived, through = np.zeros(n, dtype=int), np.zeros(n, dtype=bool), through.copy()
    left = bricks.reshape(n, BRICKS).copy()
    for _ in range(MOST_HITS + 1):
        games = np.flatnonzero(path.known & ~arrived)
        if not len(games):
            break
        part = now.take(games)
        climb, brick, hit = _hits(part, left[games], through[games])
        hits, first = first_of(hit)
        frames = np.where(hits, first, climb)
        from_above = hits & (frames > climb)
        rows = rows_a_frame(part)
        now.row[games] = part.row - np.minimum(frames, climb) * rows + np.maximum(frames - climb, 0) * rows
        now.half_column[games] = half_columns_after(part, frames[:, None])[:, 0]
        now.direction[games] = turned_after(part, frames[:, None])[:, 0]
        now.down[games] = ~from_above
        left[games[hits], brick[hits, first[hits] - 1]] = False
        ahead[games] += frames
        arrived[games] = ~from_above
        through[games] = True  # up to the upper wall; of the others it does not matter any more
    return now._replace(known=arrived), ahead


def below_bricks(last: Path) -> Path:
    """The last part of the way from where the balls are below all bricks."""
    rows = rows_a_frame(last)
    frames = np.ceil(np.maximum(BRICKS_BOTTOM - last.row, 0) / rows).astype(int)
    return last._replace(
        row=last.row + frames * rows,
        half_column=half_columns_after(last, frames[:, None])[:, 0],
        direction=turned_after(last, frames[:, None])[:, 0],
    )


def place_after(path: Path, bricks: np.ndarray, through: np.ndarray, frames: np.ndarray) -> Ball:
    """Where balls will be, `frames` `(n,)` from now, if they do not meet the paddle; not seen if they do, or if their
    `path` is not known. `bricks` and `through` as in `foresee`. At most one hit is reckoned with."""
    rows, (climb, _, hit) = rows_a_frame(path), _hits(path, bricks, through)
    hits, first = first_of(hit)
    turned = np.where(hits & (first <= frames), first, frames)
    row = path.row - np.minimum(turned, climb) * rows + np.maximum(turned - climb, 0) * rows
    row += np.where(turned <= climb, 1, -1) * (frames - turned) * rows
    seen = path.known & (row < MEETS_PADDLE)
    column = half_columns_after(path, frames[:, None])[:, 0] // HALF
    return Ball(seen, np.where(seen, np.floor(row).astype(int), -1), np.where(seen, column, -1))


def landing_of(last: Path, ahead: np.ndarray) -> Landing:
    """Where and when balls cross the paddle's line whose `last` part of the way begins `ahead` frames from now."""
    frames = np.ceil(np.maximum(PADDLE_TOP - last.row, 0) / rows_a_frame(last)).astype(int)
    column = half_columns_after(last, frames[:, None])[:, 0] // HALF
    return Landing(last.known, np.where(last.known, column, -1), np.where(last.known, ahead + frames, -1))
