"""What the agent sees, made from whole screens: mono, trim, aimbot, coordinates, composed from a config.

Everything here works on a batch of frames `(n, 210, 160[, 3])` uint8 of n games, and is written once: the gymnasium
wrappers call it with one game, the vector environment with all of its games.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import gymnasium as gym
import numpy as np

from rlbreakout.aimbot import LONGEST_STEP, BallTracker, Flight, Landing
from rlbreakout.bounces import Return, aims, returns
from rlbreakout.breakout.screen import (
    BALL_WIDTH,
    BRICK_ROWS,
    BRICKS,
    BRICKS_BOTTOM,
    BRICKS_IN_A_ROW,
    GAME_BOTTOM,
    GAME_LEFT,
    GAME_RIGHT,
    GAME_TOP,
    HEIGHT,
    NARROW_PADDLE,
    PADDLE_TOP,
    WIDE_PADDLE,
    WIDTH,
    Ball,
    Found,
    Paddle,
    find_ball,
    to_grey,
)
from rlbreakout.compiled import compiled
from rlbreakout.config import MONO_MODES, TRIM_MODES, ObservationConfig
from rlbreakout.errors import UserError
from rlbreakout.foresight import ThroughTracker, below_bricks, foresee, landing_of, place_after
from rlbreakout.observation.blocks import Blocks
from rlbreakout.paddle import Aim, PaddleTracker, Reach
from rlbreakout.rounds import A_ROUND, worth_of

WHITE = 255
NOOP, FIRE, RIGHT, LEFT = range(4)
"""Breakout's actions; FIRE launches the ball."""
N_ACTIONS = 4
NO_ACTION = -1
"""What was done before the first look at an episode."""

MARK_TOP, MARK_BOTTOM = 200, 205
"""Rows of the aimbot's mark: the first, and the one after the last."""
MARK_WIDTH = 6
"""Columns of the aimbot's mark. Its middle is the middle of the ball that will land."""

COUNTERS_ROW = 196
"""Where the counters are written as single pixels, between the paddle and the mark."""
COUNTERS = ("time to impact", "predicted column", "ball's row", "ball's column", "paddle's column")
COUNTER_COLUMNS = tuple(range(GAME_LEFT, GAME_LEFT + 4 * len(COUNTERS), 4))
"""The pixel of each counter. Its brightness is the number: frames, or pixels; 0 where it is not known."""


class Coordinate(NamedTuple):
    """An entry of the coordinates."""

    name: str
    unit: str
    """What a value of 1 means."""
    low: float
    high: float


MOST_ROWS_A_FRAME, MOST_COLUMNS_A_FRAME = 4.0, 2.0
PADDLE_COLUMNS_A_FRAME = 8.0
"""What the paddle's speed is measured in; it is clipped there."""
FRAMES_TO_LAND = 100.0
NEAR = 16.0
"""Columns that the entries called `..._near` are measured in; they are clipped there, to show what is close finely."""
ACTION_NAMES = ("none", "fire", "right", "left")

COORDINATES: tuple[Coordinate, ...] = (
    Coordinate("ball_seen", "it is seen", 0, 1),
    Coordinate("ball_row", f"{PADDLE_TOP - GAME_TOP} rows below the upper wall", 0, 1),
    Coordinate("ball_column", f"{WIDTH} columns", 0, 1),
    Coordinate("ball_flight_known", "its velocity is known", 0, 1),
    Coordinate("ball_rows_a_frame", f"{MOST_ROWS_A_FRAME:g} rows a frame, downwards", -1, 1),
    Coordinate("ball_columns_a_frame", f"{MOST_COLUMNS_A_FRAME:g} columns a frame, to the right", -1, 1),
    Coordinate("ball_from_paddle_near", f"{NEAR:g} columns from the paddle's middle, to the right", -1, 1),
    Coordinate("landing_known", "it is known", 0, 1),
    Coordinate("landing_column", f"{WIDTH} columns", 0, 1),
    Coordinate("landing_frames", f"{FRAMES_TO_LAND:g} frames until then", 0, 1),
    Coordinate("landing_from_paddle", f"{WIDTH} columns from the paddle's middle, to the right", -1, 1),
    Coordinate("landing_from_paddle_near", f"{NEAR:g} columns from the paddle's middle, to the right", -1, 1),
    Coordinate("paddle_column", f"{WIDTH} columns, of its middle", 0, 1),
    Coordinate("paddle_is_wide", f"{WIDE_PADDLE} columns wide, not {NARROW_PADDLE}", 0, 1),
    Coordinate("paddle_columns_a_frame", f"{PADDLE_COLUMNS_A_FRAME:g} columns a frame, to the right", -1, 1),
    *(Coordinate(f"last_action_{name}", "it was the agent's last action", 0, 1) for name in ACTION_NAMES),
    *(
        Coordinate(f"brick_{row.colour}_{brick}", "it is there", 0, 1)
        for row in BRICK_ROWS
        for brick in range(BRICKS_IN_A_ROW)
    ),
)
"""The entries of the coordinates, in their order. What is not known is 0."""

BOUNCES: tuple[Coordinate, ...] = tuple(
    Coordinate(f"{which}_{name}", unit, 0, 1)
    for which in ("return", "to_left", "to_right")
    for name, unit in (
        ("known", "what follows is known"),
        ("hits_from_below", "it hits a brick on its way up"),
        ("hits_from_above", "it hits a brick after it has turned at the upper wall"),
        ("points", f"{BRICK_ROWS[0].points} points, of that brick"),
        ("column", f"{WIDTH} columns, where it comes back"),
        ("frames", f"{FRAMES_TO_LAND:g} frames until then"),
    )
)
"""What `bounces` adds to them: what a rising ball will do (return), and what the paddle could make a falling one do by
sending it to the left or to the right (bounces.py)."""

ROUNDS: tuple[Coordinate, ...] = tuple(
    Coordinate(f"{which}_worth", f"it hits a brick; {A_ROUND:g}: the flight after it can, and so on", 0, 1)
    for which in ("return", "to_left", "to_right")
)
"""What `rounds` adds to them (rounds.py)."""

MARGIN = 8.0
"""Columns that the margins of the reach are measured in; they are clipped there."""
REACHED_BY = ("nothing", "right", "left")


def _reached(prefix: str = "") -> tuple[Coordinate, ...]:
    return tuple(
        Coordinate(f"{prefix}{action}_{name}", unit, low, 1)
        for action in REACHED_BY
        for name, unit, low in (
            ("meets", "the paddle will meet the ball after this action and nothing else", 0),
            ("left_margin", f"{MARGIN:g} columns of the ball right of the paddle's left edge", -1),
            ("right_margin", f"{MARGIN:g} columns of the ball left of the paddle's right edge", -1),
        )
    )


REACH: tuple[Coordinate, ...] = (
    Coordinate("paddle_rest_column", f"{WIDTH} columns, of its middle, where it will come to rest", 0, 1),
    Coordinate("reach_known", "what follows is known", 0, 1),
    *_reached(),
)
"""What `reach` adds to the coordinates (paddle.py)."""

FORESIGHT: tuple[Coordinate, ...] = (
    Coordinate("foreseen_known", "what follows is known", 0, 1),
    Coordinate("foreseen_column", f"{WIDTH} columns, where the ball comes to the paddle at last", 0, 1),
    Coordinate("foreseen_frames", f"{FRAMES_TO_LAND:g} frames until then", 0, 1),
    Coordinate("foreseen_from_rest", f"{WIDTH} columns from where the paddle's middle comes to rest", -1, 1),
    Coordinate("foreseen_from_rest_near", f"{NEAR:g} columns from where the paddle's middle comes to rest", -1, 1),
    *_reached("foreseen_"),
)
"""What `foresight` adds to them: the same as `reach` for balls that are still on their way (foresight.py)."""

HALVES = 4.0
"""Columns by which a half of the paddle may meet the ball; what is more is clipped there."""

AIM: tuple[Coordinate, ...] = (
    Coordinate("aim_known", "what follows is known", 0, 1),
    *(
        Coordinate(f"aim_{action}_{name}", unit, low, 1)
        for action in REACHED_BY
        for name, unit, low in (
            ("left_half", f"{HALVES:g} columns by which the paddle's left half can still meet the ball", -1),
            ("right_half", f"{HALVES:g} columns by which its right half can", -1),
            ("hits", "it can send it to a side where it hits a brick; with rounds: what that is worth", 0),
        )
    ),
)
"""What `aim` adds to them: what is still possible after each of the three things that the paddle can do now
(paddle.py)."""

CLOCK_FRAMES = (250.0, 2_500.0)
"""Frames that the clock's entries are measured in: a few rounds of the ball, and many."""
CLOCK: tuple[Coordinate, ...] = tuple(
    Coordinate(f"quiet_{name}", f"{frames:,g} frames since a brick was hit last, in the life that is played", 0, 1)
    for name, frames in zip(("short", "long"), CLOCK_FRAMES, strict=True)
)
"""What `clock` adds to them."""


def coordinates_of(config: ObservationConfig) -> tuple[Coordinate, ...]:
    """The entries of the vector that `config` lets the agent see, in their order."""
    further = (
        (config.bounces, BOUNCES),
        (config.rounds, ROUNDS),
        (config.reach, REACH),
        (config.foresight, FORESIGHT),
        (config.aim, AIM),
        (config.clock, CLOCK),
    )
    return (*COORDINATES, *(entry for wanted, entries in further if wanted for entry in entries))


_AT = {coordinate.name: index for index, coordinate in enumerate(COORDINATES)}
_ENTRIES = len(COORDINATES)
_BALL_SEEN, _BALL_ROW, _BALL_COLUMN = _AT["ball_seen"], _AT["ball_row"], _AT["ball_column"]
_BALL_FLIGHT_KNOWN = _AT["ball_flight_known"]
_BALL_ROWS_A_FRAME, _BALL_COLUMNS_A_FRAME = _AT["ball_rows_a_frame"], _AT["ball_columns_a_frame"]
_BALL_FROM_PADDLE_NEAR = _AT["ball_from_paddle_near"]
_LANDING_KNOWN, _LANDING_COLUMN, _LANDING_FRAMES = _AT["landing_known"], _AT["landing_column"], _AT["landing_frames"]
_LANDING_FROM_PADDLE, _LANDING_FROM_PADDLE_NEAR = _AT["landing_from_paddle"], _AT["landing_from_paddle_near"]
_PADDLE_COLUMN, _PADDLE_IS_WIDE = _AT["paddle_column"], _AT["paddle_is_wide"]
_PADDLE_COLUMNS_A_FRAME = _AT["paddle_columns_a_frame"]
_LAST_ACTION, _BRICKS = _AT["last_action_none"], _AT["brick_red_0"]


# Pictures


def mono(frames: np.ndarray, mode: str) -> np.ndarray:
    """`(n, h, w, channels)` uint8 from frames in colour `(n, h, w, 3)` or grey `(n, h, w[, 1])`.

    | mode      | channels | pixels                                             |
    |-----------|----------|----------------------------------------------------|
    | 3col      | 3        | as they are                                        |
    | grey_3dim | 3        | the emulator's grey, three times                   |
    | grey_1dim | 1        | the emulator's grey                                |
    | mono_3dim | 3        | 255 where the screen is not black, 0 elsewhere     |
    | mono_1dim | 1        | the same, once                                     |

    Raises UserError for another mode, or for 3col from grey frames.
    """
    check_mode(mode, MONO_MODES, "mono mode")
    in_colour = frames.ndim == 4 and frames.shape[-1] == 3
    if mode == "3col":
        if not in_colour:
            raise UserError(f"mono mode '3col' needs frames in colour, not of shape {frames.shape}")
        return frames.copy()
    colour, _, dimensions = mode.partition("_")
    grey = to_grey(frames) if in_colour else frames.reshape(frames.shape[:3])
    # Multiplied, because that is several times faster than np.where.
    picture = (grey != 0).view(np.uint8) * np.uint8(WHITE) if colour == "mono" else grey.copy()
    return picture[..., None].repeat(3, axis=3) if dimensions == "3dim" else picture[..., None]


def one_channel(frames: np.ndarray) -> np.ndarray:
    """Frames `(n, 210, 160)` from `(n, 210, 160[, channels])` for who looks for what is lit: any channel shows it."""
    return np.ascontiguousarray(frames[..., 0]) if frames.ndim == 4 else frames


def trim(pictures: np.ndarray, mode: str) -> np.ndarray:
    """Only the game area of whole screens `(n, 210, 160, channels)`, pixel by pixel.

    | mode    | what                                            | shape                  |
    |---------|-------------------------------------------------|------------------------|
    | keep    | everything                                      | (n, 210, 160, channels)|
    | trim    | the game area, rows 32 to 205, columns 8 to 151 | (n, 174, 144, channels)|
    | blacken | everything else becomes black                   | (n, 210, 160, channels)|
    | whiten  | everything else becomes white                   | (n, 210, 160, channels)|

    Raises UserError for another mode.
    """
    check_mode(mode, TRIM_MODES, "trim mode")
    area = slice(None), slice(GAME_TOP, GAME_BOTTOM), slice(GAME_LEFT, GAME_RIGHT)
    if mode == "keep":
        return pictures
    if mode == "trim":
        return pictures[area]
    framed = np.full_like(pictures, WHITE if mode == "whiten" else 0)
    framed[area] = pictures[area]
    return framed


def half(pictures: np.ndarray) -> np.ndarray:
    """Half as high and half as wide: the brightest of every 2x2 pixels, so that the ball, 2x4 pixels, never fades."""
    above = np.maximum(pictures[:, ::2, ::2], pictures[:, ::2, 1::2])
    below = np.maximum(pictures[:, 1::2, ::2], pictures[:, 1::2, 1::2])
    return np.maximum(above, below)


def paint_mark(pictures: np.ndarray, landing: Landing) -> None:
    """Paint where the ball will cross the paddle's line into whole screens `(n, 210, 160, channels)`, in place."""
    for n in np.flatnonzero(landing.known):
        left = int(landing.column[n]) + BALL_WIDTH // 2 - MARK_WIDTH // 2
        pictures[n, MARK_TOP:MARK_BOTTOM, max(left, 0) : left + MARK_WIDTH] = WHITE


def paint_counters(
    pictures: np.ndarray, flight: Flight, landing: Landing, paddle_seen: np.ndarray, paddle_column: np.ndarray
) -> None:
    """Write COUNTERS as single pixels into whole screens `(n, 210, 160, channels)`, in place."""
    numbers = (
        np.where(landing.known, landing.frames, 0),
        np.where(landing.known, landing.column, 0),
        np.where(flight.seen, flight.row, 0),
        np.where(flight.seen, flight.column, 0),
        np.where(paddle_seen, paddle_column, 0),
    )
    for column, number in zip(COUNTER_COLUMNS, numbers, strict=True):
        pictures[:, COUNTERS_ROW, column] = np.clip(number, 0, WHITE)[:, None]


def warp(frames: np.ndarray, size: int) -> np.ndarray:
    """Frames in colour as Stable-Baselines3's WarpFrame shows them, grey and resized: `(n, size, size, 1)`."""
    pictures = np.empty((len(frames), size, size, 1), dtype=np.uint8)
    for frame, picture in zip(frames, pictures, strict=True):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        picture[..., 0] = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    return pictures


def check_mode(mode: str, allowed: tuple[str, ...], what: str) -> None:
    """Raise UserError that lists what is allowed, unless `mode` is."""
    if mode not in allowed:
        raise UserError(f"{what} {mode!r} is not known; allowed: {', '.join(allowed)}")


# What is known about the game


class Knowledge(NamedTuple):
    """What a look at n screens tells, with what was seen before. Arrays `(n, ...)`."""

    flight: Flight
    landing: Landing
    bricks: np.ndarray
    paddle_seen: np.ndarray
    paddle_column: np.ndarray
    """Of its left pixels."""
    paddle_width: np.ndarray
    paddle_columns_a_frame: np.ndarray
    bounces: tuple[Return, ...]
    """Of the rising balls, and of the falling ones to the left and to the right; nothing if that was not asked for."""
    worths: tuple[np.ndarray, ...]
    """What these flights are worth, if that was asked for."""
    rest: np.ndarray
    """Of the paddles' left pixels, where they will come to rest."""
    reach: Reach | None
    foreseen: tuple[Landing, Reach] | None
    """Where the balls come to the paddle at last, and whether it will be there; None if that was not asked for."""
    aim: tuple[Aim, np.ndarray, np.ndarray] | None
    """With which half of the paddle the ball can be met, and what it is worth to send it to the left and to the right;
    None if that was not asked for."""
    quiet: np.ndarray | None
    """Frames since a brick was hit last; None if that was not asked for."""


class Watcher:
    """Follows ball and paddle of n games from look to look; looks ahead and counts as the config says."""

    def __init__(self, n: int, config: ObservationConfig) -> None:
        self.n = n
        self._bounces, self._rounds, self._clock = config.bounces, config.rounds, config.clock
        self._paddles = PaddleTracker(n) if config.reach or config.foresight or config.aim else None
        self._reach, self._aim = config.reach, config.aim
        self._through = ThroughTracker(n) if config.foresight else None
        self._quiet, self._bricks_left = np.zeros(n, dtype=int), np.full(n, -1)
        self._tracker = BallTracker(n)
        self._paddle_column = np.full(n, -1)
        self._paddle_width = np.full(n, WIDE_PADDLE)
        self._shown = np.full((n, 3), -1)
        """Row and column of the ball and column of the paddle on the last screen."""
        self.ball_seen = np.zeros(n, dtype=bool)
        """Whether the ball was on the last screen."""

    def forget(self, games: np.ndarray) -> None:
        """Start anew in `games`, an array of indices."""
        self._tracker.forget(games)
        self._paddle_column[games] = -1
        self._paddle_width[games] = WIDE_PADDLE
        self._bricks_left[games] = -1
        if self._paddles is not None:
            self._paddles.forget(games)
        if self._through is not None:
            self._through.forget(games)

    def go_on_as(self, games: np.ndarray, others: np.ndarray) -> None:
        """What was seen in `others`, from now on that counts as what was in `games`; arrays of indices."""
        for remembered in (self, self._tracker, self._paddles, self._through):
            for part in vars(remembered).values() if remembered is not None else ():
                if isinstance(part, np.ndarray):  # all of them are `(n, ...)`
                    part[games] = part[others]

    def look(
        self,
        found: Found,
        elapsed: int | np.ndarray,
        games: np.ndarray | None = None,
        actions: np.ndarray | None = None,
    ) -> Knowledge:
        """Take in what is on n screens, `elapsed` frames of the emulator after the look before.

        `games` are the indices of the games that they show, by default all; `actions` is what was done meanwhile.
        """
        games = np.arange(self.n) if games is None else games
        elapsed = np.full(len(games), elapsed)
        bricks, ball, paddle = found
        done = np.full(len(games), NOOP) if actions is None else actions
        turns = (done == RIGHT).astype(int) - (done == LEFT)
        self.ball_seen[games] = ball.seen
        ball, paddle = self._instead_of_a_lost_screen(ball, paddle, bricks, elapsed, turns, games)
        flight = self._tracker.look(ball, elapsed, games)
        seen, column, _ = paddle
        width, moved = _look_at_paddles(paddle, elapsed, games, self._paddle_column, self._paddle_width)
        landing = self._tracker.landing(games, paddle)
        if self._bounces or self._paddles is not None:  # nothing else needs it
            path = self._tracker.path(games)
        bounces = (returns(path, bricks), *aims(path, bricks)) if self._bounces else ()
        worths = tuple(worth_of(back, bricks) for back in bounces) if self._rounds else ()
        rest, reach, foreseen, aim = column, None, None, None
        if self._paddles is not None:
            rest = self._paddles.look(column, elapsed, turns, games)
            if self._reach:
                reach = self._paddles.reach(path, landing.known & seen, width, games)
            last, ahead = path._replace(known=landing.known), np.zeros(len(games), dtype=int)
            if self._through is not None:
                last, ahead = foresee(path, bricks, self._through.look(path, bricks, games))
                # The paddle touches it already, or it is too low.
                last = last._replace(known=last.known & ~(path.down & (path.row >= BRICKS_BOTTOM) & ~landing.known))
                foreseen = landing_of(last, ahead), self._paddles.reach(last, last.known & seen, width, games, ahead)
            if self._aim:
                sides = aims(below_bricks(last), bricks)
                left, right = (
                    worth_of(side, bricks) if self._rounds else side.from_below | side.from_above for side in sides
                )
                aim = self._paddles.aim(last, last.known & seen, width, games, ahead), left, right
        quiet = self._count(bricks, flight.seen, elapsed, games) if self._clock else None
        return Knowledge(
            flight, landing, bricks, seen, column, width, moved, bounces, worths, rest, reach, foreseen, aim, quiet
        )

    def _instead_of_a_lost_screen(
        self, ball: Ball, paddle: Paddle, bricks: np.ndarray, elapsed: np.ndarray, turns: np.ndarray, games: np.ndarray
    ) -> tuple[Ball, Paddle]:
        """A ball that flies is never where it was before: then the screen is the one before, shown again. Returns where
        ball and paddle will be by now, in such games, and what is seen in all others."""
        again = _shown_again(self._shown, ball, paddle.column, self._tracker.known, elapsed, games)
        if not len(again):
            return ball, paddle
        frames = np.minimum(elapsed[again], LONGEST_STEP)
        through = np.zeros(len(again), dtype=bool) if self._through is None else self._through.now(games[again])
        ball = Ball(*(part.copy() for part in ball))
        now_at = place_after(self._tracker.path(games[again]), bricks[again], through, frames)
        for part, now in zip(ball, now_at, strict=True):
            part[again] = now
        if self._paddles is not None:
            again = again[paddle.seen[again]]
            frames = np.minimum(elapsed[again], LONGEST_STEP)
            column, width = paddle.column.copy(), paddle.right - paddle.column
            column[again] = np.rint(self._paddles.place_after(frames, turns[again], games[again])).astype(int)
            paddle = Paddle(paddle.seen, column, np.minimum(column + width, GAME_RIGHT))
        return ball, paddle

    def _count(
        self, bricks: np.ndarray, ball_seen: np.ndarray, elapsed: int | np.ndarray, games: np.ndarray
    ) -> np.ndarray:
        """Frames since a brick was hit, or a ball launched, `(n,)`."""
        left = bricks.sum(axis=(1, 2))
        same = ball_seen & (left == self._bricks_left[games])
        self._quiet[games] = np.where(same, self._quiet[games] + elapsed, 0)
        self._bricks_left[games] = left
        return self._quiet[games]


@compiled
def _shown_again(
    shown: np.ndarray, ball: Ball, paddle_column: np.ndarray, known: np.ndarray, elapsed: np.ndarray, games: np.ndarray
) -> np.ndarray:
    """In which games a ball whose flight is known is where it was; puts what is shown now into `shown`."""
    again = np.zeros(len(games), dtype=np.bool_)
    for i in range(len(games)):
        before, now = shown[games[i]], (ball.row[i], ball.column[i], paddle_column[i])
        same = before[0] == now[0] and before[1] == now[1] and before[2] == now[2]
        again[i] = same and known[games[i]] and ball.seen[i] and elapsed[i] > 0
        before[0], before[1], before[2] = now
    return np.flatnonzero(again)


@compiled
def _look_at_paddles(
    paddle: Paddle, elapsed: np.ndarray, games: np.ndarray, columns: np.ndarray, widths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Their widths and their columns a frame; puts columns and widths into those of all games."""
    now, moved = np.empty(len(games), dtype=np.int64), np.zeros(len(games))
    for i in range(len(games)):
        game, width = games[i], paddle.right[i] - paddle.column[i]
        # Where it slides behind the right wall its width does not show.
        if not paddle.seen[i] or paddle.right[i] >= GAME_RIGHT:
            width = widths[game]
        now[i] = WIDE_PADDLE if width > NARROW_PADDLE else NARROW_PADDLE
        if paddle.seen[i] and columns[game] >= 0:
            moved[i] = (paddle.column[i] - columns[game]) / max(elapsed[i], 1)
        columns[game], widths[game] = paddle.column[i], now[i]
    return now, moved


def coordinates(known: Knowledge, last_actions: np.ndarray) -> np.ndarray:
    """The vectors `(n, len(COORDINATES))` float32, longer by what else was asked for (`coordinates_of`).
    `last_actions` is `(n,)`, NO_ACTION where there was none."""
    vectors = _coordinates(
        known.flight,
        known.landing,
        known.bricks,
        known.paddle_seen,
        known.paddle_column,
        known.paddle_width,
        known.paddle_columns_a_frame,
        last_actions,
    )
    further = [
        *_bounces(known.bounces),
        *known.worths,
        *(_reach(known, known.reach) if known.reach is not None else ()),
        *(_foresight(known, *known.foreseen) if known.foreseen is not None else ()),
        *(_aim(*known.aim) if known.aim is not None else ()),
        *([np.minimum(known.quiet / frames, 1) for frames in CLOCK_FRAMES] if known.quiet is not None else ()),
    ]
    if not further:
        return vectors
    return np.concatenate([vectors, np.stack(further, axis=1)], axis=1, dtype=np.float32)


def _bounces(bounces: tuple[Return, ...]) -> list[np.ndarray]:
    """The entries of BOUNCES."""
    entries: list[np.ndarray] = []
    for bounce in bounces:
        ends = bounce.column >= 0
        entries += [
            bounce.known,
            bounce.from_below,
            bounce.from_above,
            bounce.points / BRICK_ROWS[0].points,
            np.where(ends, bounce.column / WIDTH, 0),
            np.where(ends, np.minimum(bounce.frames / FRAMES_TO_LAND, 1), 0),
        ]
    return entries


def _reach(known: Knowledge, reach: Reach) -> list[np.ndarray]:
    """The entries of REACH."""
    rest = np.where(known.paddle_seen, (known.rest + known.paddle_width / 2) / WIDTH, 0)
    return [rest, reach.known, *_met(reach)]


def _met(reach: Reach) -> list[np.ndarray]:
    """The entries about each of REACHED_BY."""
    entries: list[np.ndarray] = []
    for action in range(len(REACHED_BY)):
        left, right = reach.left[:, action], reach.right[:, action]
        entries += [(left > 0) & (right > 0), np.clip(left / MARGIN, -1, 1), np.clip(right / MARGIN, -1, 1)]
    return entries


def _foresight(known: Knowledge, landing: Landing, reach: Reach) -> list[np.ndarray]:
    """The entries of FORESIGHT."""
    offset = landing.column + BALL_WIDTH / 2 - known.rest - known.paddle_width / 2
    offset = np.where(reach.known, offset, 0)
    return [
        landing.known,
        np.where(landing.known, landing.column / WIDTH, 0),
        np.where(landing.known, np.minimum(landing.frames / FRAMES_TO_LAND, 1), 0),
        offset / WIDTH,
        np.clip(offset / NEAR, -1, 1),
        *_met(reach),
    ]


def _aim(aim: Aim, *worths: np.ndarray) -> list[np.ndarray]:
    """The entries of AIM."""
    entries: list[np.ndarray] = [aim.known]
    for action in range(len(REACHED_BY)):
        halves = aim.left[:, action], aim.right[:, action]
        entries += [np.clip(half / HALVES, -1, 1) for half in halves]
        # Met by less than two columns it may well go elsewhere.
        hits = [worth * np.clip(half / 2, 0, 1) for worth, half in zip(worths, halves, strict=True)]
        entries.append(np.maximum(*hits))
    return entries


@compiled
def _coordinates(
    flight: Flight,
    landing: Landing,
    bricks: np.ndarray,
    paddle_seen: np.ndarray,
    paddle_column: np.ndarray,
    paddle_width: np.ndarray,
    paddle_columns_a_frame: np.ndarray,
    last_actions: np.ndarray,
) -> np.ndarray:
    """The entries of COORDINATES, `(n, len(COORDINATES))` float32."""
    vectors = np.zeros((len(bricks), _ENTRIES), dtype=np.float32)
    for n in range(len(bricks)):
        vector, middle = vectors[n], paddle_column[n] + paddle_width[n] / 2
        if flight.seen[n]:
            vector[_BALL_SEEN] = 1
            vector[_BALL_ROW] = _within(0, (flight.row[n] - GAME_TOP) / (PADDLE_TOP - GAME_TOP))
            vector[_BALL_COLUMN] = _within(0, flight.column[n] / WIDTH)
            if paddle_seen[n]:
                offset = flight.column[n] + BALL_WIDTH / 2 - middle
                vector[_BALL_FROM_PADDLE_NEAR] = _within(-1, offset / NEAR)
        vector[_BALL_FLIGHT_KNOWN] = flight.known[n]
        vector[_BALL_ROWS_A_FRAME] = _within(-1, flight.rows_a_frame[n] / MOST_ROWS_A_FRAME)
        vector[_BALL_COLUMNS_A_FRAME] = _within(-1, flight.columns_a_frame[n] / MOST_COLUMNS_A_FRAME)
        if landing.known[n]:
            vector[_LANDING_KNOWN] = 1
            vector[_LANDING_COLUMN] = _within(0, landing.column[n] / WIDTH)
            vector[_LANDING_FRAMES] = _within(0, landing.frames[n] / FRAMES_TO_LAND)
            if paddle_seen[n]:
                offset = landing.column[n] + BALL_WIDTH / 2 - middle
                vector[_LANDING_FROM_PADDLE] = _within(-1, offset / WIDTH)
                vector[_LANDING_FROM_PADDLE_NEAR] = _within(-1, offset / NEAR)
        if paddle_seen[n]:
            vector[_PADDLE_COLUMN] = _within(0, middle / WIDTH)
        vector[_PADDLE_IS_WIDE] = paddle_width[n] == WIDE_PADDLE
        vector[_PADDLE_COLUMNS_A_FRAME] = _within(-1, paddle_columns_a_frame[n] / PADDLE_COLUMNS_A_FRAME)
        if last_actions[n] != NO_ACTION:
            vector[_LAST_ACTION + last_actions[n]] = 1
        for row in range(len(bricks[n])):
            for brick in range(BRICKS_IN_A_ROW):
                vector[_BRICKS + BRICKS_IN_A_ROW * row + brick] = bricks[n, row, brick]
    return vectors


@compiled
def _within(low: float, value: float) -> float:
    return min(max(value, low), 1)


def coordinates_space(config: ObservationConfig | None = None) -> gym.spaces.Box:
    """Of the vector that `config` lets the agent see; by default of COORDINATES."""
    entries = COORDINATES if config is None else coordinates_of(config)
    low, high = (np.array([getattr(entry, end) for entry in entries], dtype=np.float32) for end in ("low", "high"))
    return gym.spaces.Box(low, high, dtype=np.float32)


def image_shape(mode: str, trim_mode: str, at_half: bool) -> tuple[int, int, int]:
    """Height, width and channels of the pictures."""
    shape = trim(np.empty((1, HEIGHT, WIDTH, 1), dtype=np.uint8), trim_mode).shape
    height, width = (shape[1] // 2, shape[2] // 2) if at_half else (shape[1], shape[2])
    return height, width, 3 if mode == "3col" or mode.endswith("3dim") else 1


# All of it, as a config says

Observation = np.ndarray | dict[str, np.ndarray]


class Observer:
    """Turns the screens of n games into what the config lets the agent see. It remembers what was seen before.

    `space` is one game's observation space: a Box of pictures or of coordinates, or for `both` a Dict of them.
    """

    def __init__(self, config: ObservationConfig, n: int) -> None:
        self.config, self.n = config, n
        self._watcher = Watcher(n, config) if config.needs_flight else None
        self._blocks = None if config.blocks is None else Blocks(config.blocks, n)
        self._last_actions = np.full(n, NO_ACTION)
        self.space = self._space()

    @staticmethod
    def needs_colour(config: ObservationConfig) -> bool:
        """Whether the frames must be in colour; grey ones are enough for the rest."""
        return config.kind in ("rgb", "warp") or (config.kind in ("image", "both") and config.mode == "3col")

    @staticmethod
    def needs_grey(config: ObservationConfig) -> bool:
        """Whether it matters how bright a pixel is. Else frames of the emulator's colour numbers will do, which it need
        not turn into grey first: black is 0 in both."""
        return config.kind in ("image", "both") and config.mode.startswith("grey")

    def _space(self) -> gym.Space:
        config = self.config
        numbers = coordinates_space(config) if self._blocks is None else self._blocks.space
        if config.kind == "coordinates":
            return numbers
        if config.kind == "rgb":
            shape: tuple[int, int, int] = (HEIGHT, WIDTH, 3)
        elif config.kind == "warp":
            shape = (config.screen_size, config.screen_size, 1)
        else:
            shape = image_shape(config.mode, config.trim, config.half)
        image = gym.spaces.Box(0, WHITE, shape, np.uint8)
        if config.kind == "both":
            return gym.spaces.Dict({"image": image, "coordinates": numbers})
        return image

    def forget(self, games: np.ndarray) -> None:
        """A new game or life begins in `games`, an array of indices: what was seen and done before does not count."""
        if self._watcher is not None:
            self._watcher.forget(games)
        self._last_actions[games] = NO_ACTION

    def go_on_as(self, games: np.ndarray, others: np.ndarray) -> None:
        """What was seen and done in `others`, from now on that counts as what was in `games`; arrays of indices."""
        if self._watcher is not None:
            self._watcher.go_on_as(games, others)
        self._last_actions[games] = self._last_actions[others]

    def ball_seen(self, frames: np.ndarray, games: np.ndarray) -> np.ndarray:
        """Whether the ball is on the screens of `games` that were looked at last, `(n,)`. `frames` is what was looked
        at, of all games."""
        if self._watcher is not None:
            return self._watcher.ball_seen[games]
        return find_ball(one_channel(frames[games])).seen

    def look(
        self,
        frames: np.ndarray | Found | None,
        elapsed: int | np.ndarray,
        actions: np.ndarray | None = None,
        games: np.ndarray | None = None,
        states: np.ndarray | None = None,
    ) -> Observation:
        """What the agents of `games` (by default all) see of `frames`, uint8 `(n, 210, 160[, 3])`; of coordinates, what
        was found on them will do. Blocks are made from the `states` of the games; then coordinates need no frames.

        `elapsed` is how many frames of the emulator passed since the look before, `actions` what was done meanwhile
        (NO_ACTION: nothing, an episode begins). The frames are not changed.
        """
        games = np.arange(self.n) if games is None else games
        if actions is not None:
            self._last_actions[games] = actions
        known = None
        if self._watcher is not None:
            assert frames is not None
            found = frames if isinstance(frames, Found) else Found.on(one_channel(frames))
            known = self._watcher.look(found, elapsed, games, actions)
        if self.config.kind == "coordinates":
            return self._numbers(known, games, states)
        assert isinstance(frames, np.ndarray), "a picture is made of screens"
        picture = self._picture(frames, known)
        if self.config.kind == "both":
            return {"image": picture, "coordinates": self._numbers(known, games, states)}
        return picture

    def _numbers(self, known: Knowledge | None, games: np.ndarray, states: np.ndarray | None) -> np.ndarray:
        if self._blocks is not None:
            assert states is not None, "blocks are made of states"
            return self._blocks.look(states, games)
        assert known is not None
        return coordinates(known, self._last_actions[games])

    def _picture(self, frames: np.ndarray, known: Knowledge | None) -> np.ndarray:
        config = self.config
        if config.kind == "rgb":
            return frames.copy()
        if config.kind == "warp":
            return warp(frames, config.screen_size)
        picture = mono(frames, config.mode)
        if config.aimbot:
            assert known is not None
            paint_mark(picture, known.landing)
        if config.counters:
            assert known is not None
            paint_counters(picture, known.flight, known.landing, known.paddle_seen, known.paddle_column)
        picture = trim(picture, config.trim)
        return half(picture) if config.half else picture


def draw_coordinates(vector: np.ndarray) -> np.ndarray:
    """A picture `(210, 160, 3)` uint8 of what a vector of coordinates tells, for people to look at."""
    values = dict(zip(_AT, vector, strict=False))
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture[:GAME_TOP] = picture[:, :GAME_LEFT] = picture[:, GAME_RIGHT:] = 60
    bricks = vector[_AT["brick_red_0"] : _AT["brick_red_0"] + BRICKS]
    for index in np.flatnonzero(bricks > 0.5):
        row, brick = divmod(int(index), BRICKS_IN_A_ROW)
        top, left = BRICK_ROWS[row].top, GAME_LEFT + 8 * brick
        picture[top : top + 5, left : left + 7] = 120
    width = WIDE_PADDLE if values["paddle_is_wide"] > 0.5 else NARROW_PADDLE
    left = max(0, round(float(values["paddle_column"]) * WIDTH - width / 2))
    picture[PADDLE_TOP : PADDLE_TOP + 4, left : left + width] = (200, 72, 72)
    if values["ball_seen"] > 0.5:
        top = GAME_TOP + round(float(values["ball_row"]) * (PADDLE_TOP - GAME_TOP))
        left = round(float(values["ball_column"]) * WIDTH)
        picture[top : top + 4, left : left + 2] = (255, 255, 255)
    if values["landing_known"] > 0.5:
        left = round(float(values["landing_column"]) * WIDTH)
        picture[MARK_TOP:MARK_BOTTOM, max(left - 2, 0) : left + 4] = (255, 255, 0)
    return picture
