"""Where the paddle will come to rest, and whether it will meet the ball.

The joystick turns a knob, and the paddle follows it: every frame by half of what is left (measured on the emulator).
The screen shows where the paddle is; a player has to know where it goes on to, up to 11 pixels further. It follows from
the looks before and the actions, of which sticky ones begin some frames late.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rlbreakout.aimbot import HALF, LONGEST_STEP, Path, half_columns_after, rows_a_frame
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    PADDLE_HEIGHT,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WIDTH,
)

KNOB_A_FRAME = 5.6
"""Columns that the knob turns in a frame in which the joystick is held. Measured."""
KNOB_LEFTMOST, KNOB_RIGHTMOST = 5.0, 174.0
"""Columns between which it turns; beyond the paddle's own, more so on the right. Measured."""
SLOWNESS = 0.5
"""Part of the way to the knob that is left after a frame."""
LAG = 2 * KNOB_A_FRAME
"""Columns that a paddle which goes on and on is behind the knob."""
LATER = 0.2
"""Columns of mismatch that are accepted rather than to believe that an action came a frame later."""


ACTION_FRAMES = 4
"""For how long a player who looks ahead thinks of holding the joystick, as long as it has not done so yet; then for as
long as the last time."""
TURNS = (0, 1, -1)
"""What it may do: nothing, to the right, to the left."""
LAST_ACTIONS = 3
"""Before it meets a ball, of which it tries all."""
SETTLED = 8
"""Frames after which the paddle is where the knob is, but for less than a tenth of a column."""


class Reach(NamedTuple):
    """Of n games, what each of TURNS would lead to, held for as long as the action before, with nothing done after
    it."""

    known: np.ndarray
    """`(n,)` bool: whether the ball falls to the paddle."""
    left: np.ndarray
    """`(n, 3)` float, columns of the ball that are right of the paddle's left edge when they may meet; 0 or less: it is
    missed on that side."""
    right: np.ndarray
    """The same for the columns left of the paddle's right edge."""


class Aim(NamedTuple):
    """Of n games, what each of TURNS leaves possible: how well the ball can still be met with either half of the
    paddle. At its fastest it goes to the side of the half that it meets."""

    known: np.ndarray
    """`(n,)` bool: whether the ball falls to the paddle."""
    left: np.ndarray
    """`(n, 3)` float, by how many columns at best it is met with the left half; 0 or less: it cannot be."""
    right: np.ndarray
    """The same for the right half."""


class PaddleTracker:
    """Follows the knobs of n games from look to look."""

    def __init__(self, n: int) -> None:
        self._known = np.zeros(n, dtype=bool)
        self._column, self._knob = np.zeros(n), np.zeros(n)
        self._turning = np.zeros(n, dtype=int)
        """-1, 0 or 1: what the joystick did last."""
        self._held = np.full(n, ACTION_FRAMES)
        """Frames for which it did."""

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices."""
        self._known[games] = False
        self._held[games] = ACTION_FRAMES

    def look(self, column: np.ndarray, elapsed: int | np.ndarray, turns: np.ndarray, games: np.ndarray) -> np.ndarray:
        """Take in the paddles' left columns `(n,)` (-1: not seen), `elapsed` frames after the look before, in which the
        joystick was held to the left (-1), the right (1) or not (0). Returns where they will come to rest, `(n,)`.

        Of all frames in which the action may have begun to count, and of the possibility that it never did, the one is
        taken that leads to where the paddle is.
        """
        each = np.arange(len(games))
        frames = np.minimum(np.broadcast_to(elapsed, len(games)), LONGEST_STEP)
        self._held[games] = np.where(frames > 0, frames, self._held[games])
        seen = column >= 0
        longest = int(frames.max(initial=0))
        late = np.arange(longest + 1)
        places = np.repeat(self._column[games][:, None], longest + 2, axis=1)
        knobs = np.repeat(self._knob[games][:, None], longest + 2, axis=1)
        for frame in range(longest):
            begun = np.where(frame < late, self._turning[games][:, None], turns[:, None])
            turned = np.concatenate([begun, np.zeros((len(games), 1), dtype=int)], axis=1)
            goes_on = (frame < frames)[:, None]
            moved, turned_knobs = _a_frame(places, knobs, turned)
            places, knobs = np.where(goes_on, moved, places), np.where(goes_on, turned_knobs, knobs)
        wrong = np.abs(places - column[:, None]) + LATER * np.arange(longest + 2)
        best = wrong.argmin(axis=1)
        known = self._known[games] & seen
        place, knob = places[each, best], knobs[each, best]
        # What the screen shows is right; the knob is as far from it as it was thought to be.
        self._column[games] = np.where(known, np.clip(place, column - 0.5, column + 0.5), column)
        self._knob[games] = np.where(known, knob + (self._column[games] - place), column)
        came = known & (best <= longest)
        began = np.where(best < frames, turns, self._turning[games])
        self._turning[games] = np.where(came, began, 0)
        self._known[games] = seen
        return np.clip(self._knob[games], PADDLE_LEFTMOST, PADDLE_RIGHTMOST)

    def place_after(self, frames: np.ndarray, turns: np.ndarray, games: np.ndarray) -> np.ndarray:
        """The left columns of the paddles `frames` from now, `(n,)`, if the joystick is held left (-1), right
        (1) or not (0) from now on."""
        return self._after(frames, turns[:, None], frames, games)[:, 0]

    def reach(
        self, path: Path, falls: np.ndarray, width: np.ndarray, games: np.ndarray, ahead: np.ndarray | int = 0
    ) -> Reach:
        """Whether the paddle will meet the ball that is on `path`, where it `falls`, `(n,)` bool. `width` is the
        paddle's, in columns; `path` begins `ahead` frames from now."""
        down = rows_a_frame(path)
        first = _frames_to_meet(path)
        last = np.floor(np.maximum(PADDLE_TOP + PADDLE_HEIGHT - 1 - path.row, 0) / down)
        frames = np.where(falls[:, None], np.stack([first, last], axis=1), 0).astype(int)
        ball = half_columns_after(path, frames) / HALF
        turns = np.broadcast_to(TURNS, (len(games), len(TURNS)))
        paddle = self._after(frames[:, 0] + ahead, turns, self._held[games], games)
        left = ball.max(axis=1)[:, None] + BALL_WIDTH - paddle
        right = paddle + width[:, None] - ball.min(axis=1)[:, None]
        return Reach(falls, np.where(falls[:, None], left, 0.0), np.where(falls[:, None], right, 0.0))

    def aim(
        self, path: Path, falls: np.ndarray, width: np.ndarray, games: np.ndarray, ahead: np.ndarray | int = 0
    ) -> Aim:
        """With which half of the paddle the ball that is on `path` can be met, where it `falls`, `(n,)` bool, and how
        well. `width` is the paddle's, in columns; `path` begins `ahead` frames from now.

        Each of TURNS now is tried with all LAST_ACTIONS actions before the ball is there, each as long as the last one:
        near the end they set the paddle finely, as it still glides then. In between it goes to where it comes nearest
        to the ball, straight or by one of the ends of the knob's way: its places are a few columns apart, and only an
        end sets them elsewhere.
        """
        left, right = (np.zeros((len(games), len(TURNS))) for _ in range(2))
        which = np.flatnonzero(falls)
        if len(which):
            ahead = np.broadcast_to(ahead, len(games))[which]
            middle = self._middles(path.take(which), width[which], games[which], ahead)
            half = width[which, None, None] / 2
            # Columns of the ball that the half covers, and by how much its middle is within that half.
            left[which] = np.minimum(half + BALL_WIDTH / 2 + middle, -middle).max(axis=2)
            right[which] = np.minimum(half + BALL_WIDTH / 2 - middle, middle).max(axis=2)
        return Aim(falls, left, right)

    def _middles(self, path: Path, width: np.ndarray, games: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """For each of TURNS now and each way to go on, `(n, 3, ways)`: how many columns the ball's middle is right of
        the paddle's when they meet; far away where there is no time for that way."""
        falling, held = _frames_to_meet(path).astype(int), self._held[games]
        frames = ahead + falling
        target = half_columns_after(path, falling[:, None]) / HALF + BALL_WIDTH / 2 - width[:, None] / 2
        places, knobs = self._column[games][:, None], self._knob[games][:, None]
        steps = -(-frames // held)
        places, knobs = _held_each_way(places, knobs, np.clip(frames, 0, held))
        # Meanwhile.
        free = np.maximum(steps - 1 - LAST_ACTIONS, 0)[:, None]
        stride = KNOB_A_FRAME * held[:, None]
        routes = [_go(places, knobs, target, stride, free, held[:, None])]
        for end in (KNOB_LEFTMOST, KNOB_RIGHTMOST):
            there = np.ceil(np.abs(knobs - end) / stride)
            at_end = np.full(knobs.shape, end)
            routes.append(_go(at_end, at_end, target, stride, free - there, held[:, None]))
        places, knobs, possible = (np.stack(part, axis=2).reshape(len(games), -1) for part in zip(*routes, strict=True))
        begin = np.maximum(steps - LAST_ACTIONS, 1) * held
        for _ in range(LAST_ACTIONS):
            places, knobs = _held_each_way(places, knobs, np.clip(frames - begin, 0, held))
            begin = begin + held
        middles = (target - places).reshape(len(games), len(TURNS) * len(routes), -1)
        return np.where(possible[:, :, None], middles, WIDTH).reshape(len(games), len(TURNS), -1)

    def _after(self, frames: np.ndarray, turns: np.ndarray, held: np.ndarray, games: np.ndarray) -> np.ndarray:
        """Where the paddles are after `frames`, `(n,)`, for each of `turns`, `(n, k)`, which last for `held` frames,
        `(n,)`: `(n, k)`."""
        places = np.repeat(self._column[games][:, None], turns.shape[1], axis=1)
        knobs = np.repeat(self._knob[games][:, None], turns.shape[1], axis=1)
        for frame in range(int(held.max(initial=0)) + SETTLED):
            moved, turned = _a_frame(places, knobs, turns)
            places = np.where((frame < frames)[:, None], moved, places)
            knobs = np.where((frame < held)[:, None], turned, knobs)
        return places


def _held_each_way(places: np.ndarray, knobs: np.ndarray, lasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where `(n, k)` paddles and knobs are when the joystick was held for `lasts` frames, `(n,)`, in each of TURNS:
    `(n, 3 x k)`."""
    turns = np.tile(TURNS, places.shape[1])
    places, knobs = np.repeat(places, len(TURNS), axis=1), np.repeat(knobs, len(TURNS), axis=1)
    for frame in range(int(lasts.max(initial=0))):
        goes_on = (frame < lasts)[:, None]
        moved, turned = _a_frame(places, knobs, turns)
        places, knobs = np.where(goes_on, moved, places), np.where(goes_on, turned, knobs)
    return places, knobs


def _go(
    places: np.ndarray, knobs: np.ndarray, target: np.ndarray, stride: np.ndarray, free: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where paddles and knobs are that went as near to `target` as whole actions bring them, in the `free` actions that
    they have, and whether there was time to begin with."""
    actions = np.clip(np.rint((target - knobs) / stride), -np.maximum(free, 0), np.maximum(free, 0))
    arrived = np.clip(knobs + actions * stride, KNOB_LEFTMOST, KNOB_RIGHTMOST)
    lag = np.where(actions == 0, knobs - places, np.sign(actions) * LAG)
    left_over = lag * SLOWNESS ** np.minimum(np.maximum(free - np.abs(actions), 0) * held, SETTLED)
    return (
        np.clip(arrived - left_over, PADDLE_LEFTMOST, PADDLE_RIGHTMOST),
        arrived,
        np.broadcast_to(free >= 0, arrived.shape),
    )


def _frames_to_meet(path: Path) -> np.ndarray:
    """Frames until the paddle may meet balls that fall, `(n,)`."""
    return np.ceil(np.maximum(PADDLE_TOP - BALL_HEIGHT + 1 - path.row, 0) / rows_a_frame(path))


def _a_frame(places: np.ndarray, knobs: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where paddles and knobs are a frame later."""
    moved = np.clip(knobs + SLOWNESS * (places - knobs), PADDLE_LEFTMOST, PADDLE_RIGHTMOST)
    return moved, np.clip(knobs + KNOB_A_FRAME * turns, KNOB_LEFTMOST, KNOB_RIGHTMOST)
