"""Looking ahead by playing the rules on: where the ball comes down, what each way to meet it leads to, and where the
paddle can be by then.

Nothing is guessed. The ball's way does not depend on the paddle until the two meet, and after that only on how far
from the paddle's middle they met: four ways cover it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.breakout.rules import (
    BRICK_ROWS,
    LEFT,
    NONE,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PIXEL,
    PIXEL_BITS,
    RIGHT,
    SPEEDS,
    STATE,
    bounce,
    fly,
    next_knob,
    next_paddle,
    reading_of,
    row_of_line,
    width_of,
)
from rlbreakout.breakout.screen import BALL_HEIGHT, BRICKS_IN_A_ROW, PADDLE_HEIGHT, PADDLE_TOP
from rlbreakout.common.compiled import compiled

LEFT_FLAT, LEFT_STEEP, RIGHT_STEEP, RIGHT_FLAT = range(4)
WAYS = ("left_flat", "left_steep", "right_steep", "right_flat")
"""The ways to meet the ball: with the left or the right half of the paddle, near its end or near its middle."""
_COLUMNS_LEFT = np.array([6, 2, -2, -6])
"""How many columns left of the paddle's middle the ball is met."""

LONGEST_FLIGHT = 600
"""Frames after which a ball counts as not coming down."""
DISCOUNT = 0.996
"""What a brick counts that breaks one frame later."""
FEW_BRICKS, BOUNCES_WITH_FEW = 40, 3
"""With fewer bricks than FEW_BRICKS the value of a side is that of BOUNCES_WITH_FEW bounces, otherwise of one."""
MOST_COLUMNS = 4
"""Columns inside of a half of the paddle beyond which more make no difference."""
EXACT_FRAMES = 8
"""Every stretch of turning the knob is tried when so few frames are left. With more of them the paddle can be anywhere
between the ends that it can reach."""

WAY = np.dtype(
    [
        ("breaks", np.bool_),
        ("frames_to_brick", np.int32),
        ("points", np.int32),
        ("returns", np.bool_),
        ("frames_to_return", np.int32),
        ("return_column", np.int32),
    ]
)
"""What follows from meeting the ball in one way, until it is back: whether it breaks a brick, after how many frames the
first, for how many points in all; whether, when and at which column it comes down again."""


@compiled
def comes_down(game: Any) -> bool:
    """Whether a ball is in play that falls and is level with the paddle, so that the paddle can meet it now."""
    row = row_of_line(game.ball_y >> PIXEL_BITS)
    return game.ball_y >= PIXEL and game.ball_vy > 0 and PADDLE_TOP - BALL_HEIGHT < row < PADDLE_TOP + PADDLE_HEIGHT


@compiled
def come_down(game: Any, flight: np.ndarray) -> int:
    """Play a game on without a paddle until its ball comes down, in place.

    Returns the number of frames, or -1 if no ball is in play, it is lost, or it does not come down within
    LONGEST_FLIGHT. `flight` is int64 `(3,)`: bricks that break on the way, the frames until the first of them (-1 if
    there is none), and their points.
    """
    flight[0], flight[1], flight[2] = 0, -1, 0
    if game.ball_y < PIXEL or row_of_line(game.ball_y >> PIXEL_BITS) >= PADDLE_TOP + PADDLE_HEIGHT:
        return -1
    for frame in range(LONGEST_FLIGHT):
        if comes_down(game):
            return frame
        points = fly(game)
        if points > 0:
            flight[0] += 1
            flight[2] += points
            if flight[1] < 0:
                flight[1] = frame
    return -1


@compiled
def meet(game: Any, way: int) -> None:
    """Let a ball that has come down meet the paddle in one of WAYS, in place. The paddle itself is not asked."""
    bounce(game, _COLUMNS_LEFT[way])


@compiled
def _meet_and_come_down(game: Any, way: int, flight: np.ndarray) -> int:
    """As `meet`, then `come_down`."""
    meet(game, way)
    if game.building == 0:
        return come_down(game, flight)
    # The second wall is built in the next frame. In this one the side walls still turn the ball.
    game.building = 0
    fly(game)
    game.building = 1
    frames = come_down(game, flight)
    if flight[1] >= 0:
        flight[1] += 1
    return frames + 1 if frames >= 0 else -1


@compiled
def ways_differ(game: Any) -> bool:
    """Whether it matters how far from the middle the ball is met, or only with which half: at higher speeds there is no
    steep variant."""
    hits = game.hits if game.hits >= 12 else game.hits + 1
    return SPEEDS[hits // 4, 0, 0] != SPEEDS[hits // 4, 1, 0] or SPEEDS[hits // 4, 0, 1] != SPEEDS[hits // 4, 1, 1]


@compiled
def bricks_left(game: Any) -> int:
    """How many bricks stand."""
    left = 0
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            left += game.bricks[row, brick]
    return left


@compiled
def try_ways(down: Any, scratch: np.ndarray, ways: np.ndarray, worth: np.ndarray) -> None:
    """What each of WAYS leads to, for a game whose ball has come down.

    Fills `ways`, `(4,)` of dtype WAY, and `worth`, float64 `(2,)`: what it is worth to send the ball to the left and to
    the right, in bricks, with the best way at every bounce. The bricks of a flight are discounted by DISCOUNT for each
    frame before the first of them. `scratch` is any contiguous `(4,)` of dtype STATE; it is written over.
    """
    flight = np.empty(3, dtype=np.int64)
    depth = BOUNCES_WITH_FEW if bricks_left(down) < FEW_BRICKS else 1
    best = np.zeros((BOUNCES_WITH_FEW, 2))  # at each bounce: the value of the left and of the right side
    tried = np.zeros(BOUNCES_WITH_FEW, dtype=np.int64)  # how many ways
    value = np.zeros(BOUNCES_WITH_FEW)  # of the way that is tried, without the bounces after it
    took = np.zeros(BOUNCES_WITH_FEW, dtype=np.int64)  # frames until it is back
    scratch[0] = down
    bounce_number = 0
    while bounce_number >= 0:  # through the tree of choices, depth first
        now = bounce_number
        if tried[now] == len(WAYS):
            bounce_number -= 1
            if now > 0:
                later = DISCOUNT ** took[now - 1] * max(best[now, 0], best[now, 1])
                side = (tried[now - 1] - 1) // 2
                best[now - 1, side] = max(best[now - 1, side], value[now - 1] + later)
            continue
        way = tried[now]
        tried[now] += 1
        if way in (LEFT_STEEP, RIGHT_STEEP) and not ways_differ(scratch[now]):
            continue
        scratch[now + 1] = scratch[now]
        took[now] = _meet_and_come_down(scratch[now + 1], way, flight)
        value[now] = DISCOUNT ** flight[1] * flight[0] if flight[0] > 0 else 0.0
        if now == 0:
            ways[way].breaks = flight[0] > 0
            ways[way].frames_to_brick = max(flight[1], 0)
            ways[way].points = flight[2]
            ways[way].returns = took[now] >= 0
            ways[way].frames_to_return = max(took[now], 0)
            ways[way].return_column = scratch[1].ball_x >> PIXEL_BITS
        if took[now] >= 0 and now + 1 < depth:
            bounce_number += 1
            tried[bounce_number], best[bounce_number] = 0, 0
        best[now, way // 2] = max(best[now, way // 2], value[now])
    if not ways_differ(down):
        ways[LEFT_STEEP], ways[RIGHT_STEEP] = ways[LEFT_FLAT], ways[RIGHT_FLAT]
    worth[:] = best[0]


# The paddle.


@compiled
def paddle_after(paddle: int, reading: int, knob: int, action: int, held: int, frames: int) -> int:
    """The paddle's column after so many frames, if `action` is held for the first `held` of them and nothing is done
    after that."""
    for frame in range(frames):
        paddle = next_paddle(paddle, reading)
        if frame < held and action in (RIGHT, LEFT):
            knob = next_knob(knob, action)
            reading = reading_of(knob)
        elif frame >= held + 10:  # it has come to rest
            break
    return paddle


@compiled
def rest(game: Any) -> int:
    """The column at which the paddle comes to rest if the knob is left alone."""
    return paddle_after(game.paddle, game.reading, game.knob, 0, 0, 12)


@compiled
def margins(game: Any, action: int, held: int, frames: int, column: int, width: int, best: np.ndarray) -> None:
    """By how many columns the left and the right half of the paddle can still meet a ball.

    The ball comes down in `frames` frames, at `column`, to a paddle of `width` columns. `action` is held for the first
    `held` frames; after that the best stretch of one direction follows, early or late. Fills `best`, float64 `(2,)`: at
    most MOST_COLUMNS; 0 or less is how far the half misses the ball. With the very middle, which moves the ball aside,
    it meets with neither: both are 0.
    """
    paddle, reading, knob = game.paddle, game.reading, game.knob
    for _ in range(min(held, frames)):
        paddle = next_paddle(paddle, reading)
        if action in (RIGHT, LEFT):
            knob = next_knob(knob, action)
            reading = reading_of(knob)
    left = frames - min(held, frames)
    best[:] = -np.inf
    if left > EXACT_FRAMES:
        most_right = paddle_after(paddle, reading, knob, RIGHT, left, left)
        most_left = paddle_after(paddle, reading, knob, LEFT, left, left)
        for half in range(2):
            place = min(max(_best_place(column, width, half), most_left), most_right)
            best[half] = _columns_inside(place, column, width, half)
        return
    for direction in (RIGHT, LEFT):
        for stretch in range(left + 1):
            early = paddle_after(paddle, reading, knob, direction, stretch, left)
            late = _paddle_after_late(paddle, reading, knob, direction, stretch, left)
            for half in range(2):
                inside = max(_columns_inside(early, column, width, half), _columns_inside(late, column, width, half))
                best[half] = max(best[half], inside)


@compiled
def _paddle_after_late(paddle: int, reading: int, knob: int, action: int, stretch: int, frames: int) -> int:
    """As paddle_after, with the stretch at the end."""
    for frame in range(frames):
        paddle = next_paddle(paddle, reading)
        if frame >= frames - stretch:
            knob = next_knob(knob, action)
            reading = reading_of(knob)
    return paddle


@compiled
def _best_place(column: int, width: int, half: int) -> int:
    """The paddle's column at which this half (0 left, 1 right) meets a ball at `column` in its middle."""
    middle = width // 4 if half == 0 else -(width + 2) // 4
    place = column + 2 - width // 2 + middle
    return min(max(place, PADDLE_LEFTMOST), PADDLE_RIGHTMOST)


@compiled
def _columns_inside(paddle: int, column: int, width: int, half: int) -> int:
    """How far inside of a half of the paddle a ball is, at most MOST_COLUMNS; 0 or less outside of it."""
    left_of_middle = paddle + width // 2 - 2 - column
    if half == 0:
        return min(left_of_middle, width // 2 - left_of_middle, MOST_COLUMNS)
    return min(-left_of_middle, width // 2 + 2 + left_of_middle, MOST_COLUMNS)


# All of it, for many games.


class Outlook(NamedTuple):
    """What lies ahead of n games. `look_ahead` fills it."""

    frames: np.ndarray
    """`(n,)` int64, frames until the ball comes down; -1 if that is not known, or no ball is in play."""
    down: np.ndarray
    """`(n,)` of dtype STATE, the game when the ball has come down, as if there were no paddle."""
    flight: np.ndarray
    """`(n, 3)` int64: bricks that break before, frames until the first of them (-1: none does), and their points."""
    ways: np.ndarray
    """`(n, 4)` of dtype WAY, what each of WAYS leads to."""
    worth: np.ndarray
    """`(n, 2)` float64, what it is worth to send the ball to the left and to the right, in discounted bricks."""
    margins: np.ndarray
    """`(n, 3, 2)` float64: if the agent step that begins now is no action, RIGHT or LEFT, by how many columns the left
    and the right half of the paddle can still meet the ball."""
    scratch: np.ndarray
    """`(4,)` of dtype STATE, to work in."""


ACTIONS_TRIED = np.array([NONE, RIGHT, LEFT])
HELD = 4
"""Frames for which they are held."""


def outlook(n: int) -> Outlook:
    """An Outlook on n games, empty. It remembers what the ways lead to as long as the ball is on the same flight."""
    return Outlook(
        frames=np.full(n, -1),
        down=np.zeros(n, dtype=STATE),
        flight=np.zeros((n, 3), dtype=np.int64),
        ways=np.zeros((n, len(WAYS)), dtype=WAY),
        worth=np.zeros((n, 2)),
        margins=np.zeros((n, len(ACTIONS_TRIED), 2)),
        scratch=np.zeros(BOUNCES_WITH_FEW + 1, dtype=STATE),
    )


@compiled
def look_ahead(states: np.ndarray, games: np.ndarray, ahead: Outlook) -> None:
    """Fill `ahead` at the indices `games` with what lies ahead of the `(k,)` states of these games."""
    work = np.empty(1, dtype=STATE)
    for number in range(len(games)):
        game, i = states[number], games[number]
        work[0] = game
        ahead.frames[i] = come_down(work[0], ahead.flight[i])
        if ahead.frames[i] < 0:
            continue
        known = _same_future(work[0], ahead.down[i])
        ahead.down[i] = work[0]
        if not known:
            try_ways(work[0], ahead.scratch, ahead.ways[i], ahead.worth[i])
        column, width = work[0].ball_x >> PIXEL_BITS, width_of(work[0])
        for action in range(len(ACTIONS_TRIED)):
            margins(game, ACTIONS_TRIED[action], HELD, ahead.frames[i], column, width, ahead.margins[i, action])


@compiled
def _same_future(one: Any, other: Any) -> bool:
    """Whether the ball and the bricks of two games that have come down are the same."""
    if (
        one.ball_x != other.ball_x
        or one.ball_y != other.ball_y
        or one.ball_vx != other.ball_vx
        or one.ball_vy != other.ball_vy
        or one.score != other.score
        or one.hits != other.hits
        or one.steep != other.steep
        or one.building != other.building
    ):
        return False
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            if one.bricks[row, brick] != other.bricks[row, brick]:
                return False
    return True
