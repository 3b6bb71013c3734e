"""Looking ahead by playing the rules: where the ball comes down, what each way to meet it leads to, and where the
paddle can be by then.

Nothing is guessed. The ball's path does not depend on the paddle until the two meet, and after that only on how far
from the paddle's middle they met, which four ways cover.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.rules import LEFT, NONE, PIXEL, PIXEL_BITS, RIGHT, STATE, next_knob, next_paddle, reading_of
from rlbreakout.breakout.screen import BALL_HEIGHT, PADDLE_HEIGHT, PADDLE_LEFTMOST, PADDLE_RIGHTMOST, PADDLE_TOP
from rlbreakout.common.compiled import compiled

LEFT_FLAT, LEFT_STEEP, RIGHT_STEEP, RIGHT_FLAT = range(4)
WAYS = ("left_flat", "left_steep", "right_steep", "right_flat")
"""The ways to meet the ball: with the left or the right half of the paddle, near its end or near its middle."""
_COLUMNS_LEFT = np.array([6, 2, -2, -6])
"""For each way, how many columns left of the paddle's middle it meets the ball."""

LONGEST_FLIGHT = 600
"""Frames after which a ball counts as not coming down."""
DISCOUNT = 0.996
"""Discount of a brick for every frame until it breaks."""
FEW_BRICKS, BOUNCES_WITH_FEW = 40, 3
"""With fewer than FEW_BRICKS bricks, a side is valued over BOUNCES_WITH_FEW bounces, otherwise over one."""
MOST_COLUMNS = 4
"""The largest margin: being further inside a half of the paddle than this makes no difference."""
EXACT_FRAMES = 8
"""With at most this many frames left, every stretch of turning the knob is tried. With more, the paddle is assumed to
reach every column between the leftmost and the rightmost one that it can reach."""
EXACT_STEPS = 4
"""The same for stretches of whole agent steps."""
ACTIONS_TRIED = np.array([NONE, RIGHT, LEFT])
HELD = 4
"""Frames for which each of ACTIONS_TRIED is held, and of an agent step."""

WAY = np.dtype(
    [
        ("breaks", np.bool_),
        ("frames_to_brick", np.int32),
        ("points", np.int32),
        ("returns", np.bool_),
        ("frames_to_return", np.int32),
        ("return_column", np.int32),
        ("been_there", np.int32),
    ]
)
"""What follows from meeting the ball in one way, until it is back: whether it breaks bricks, the frames until the first
one, and the points for all; whether, after how many frames and at which column it comes down again, and how often it
has come down just like that since the last point."""
NOVELTY = 0.2
"""Bricks that a way to meet the ball is worth which breaks none: without it an agent would go round for ever."""
MOST_VISITS = 64
"""Balls that came down since the last point which are remembered."""


@compiled
def comes_down(game: Any) -> bool:
    """Whether a falling ball is level with the paddle, so that the two can meet now."""
    row = rules.row_of_line(game.ball_y >> PIXEL_BITS)
    return game.ball_y >= PIXEL and game.ball_vy > 0 and PADDLE_TOP - BALL_HEIGHT < row < PADDLE_TOP + PADDLE_HEIGHT


@compiled
def come_down(game: Any, flight: np.ndarray) -> int:
    """Play a game without a paddle until its ball comes down, in place.

    Returns the number of frames, or -1 if no ball is in play, it is lost, or it does not come down within
    LONGEST_FLIGHT. Fills in `flight`, int64 `(3,)`: the number of bricks that break on the way, the frames until the
    first of them (-1 if none does), and their points.
    """
    flight[0], flight[1], flight[2] = 0, -1, 0
    if game.ball_y < PIXEL or rules.row_of_line(game.ball_y >> PIXEL_BITS) >= PADDLE_TOP + PADDLE_HEIGHT:
        return -1
    for frame in range(LONGEST_FLIGHT):
        if comes_down(game):
            return frame
        points = rules.fly(game)
        if points > 0:
            flight[0] += 1
            flight[2] += points
            if flight[1] < 0:
                flight[1] = frame
    return -1


@compiled
def flight_path(game: Any, path: np.ndarray) -> int:
    """Play a game without a paddle until its ball comes down, in place, and note where the ball is.

    Fills in `path`, int32 `(k, 2)`: column and row of the ball's upper left pixel, now and after each frame. Returns
    how many there are, at most k; 0 if no ball is in play, or it is lost.
    """
    for frame in range(len(path)):
        row = rules.row_of_line(game.ball_y >> PIXEL_BITS)
        if game.ball_y < PIXEL or row >= PADDLE_TOP + PADDLE_HEIGHT:
            return frame
        path[frame, 0], path[frame, 1] = game.ball_x >> PIXEL_BITS, row
        if comes_down(game):
            return frame + 1
        rules.fly(game)
    return len(path)


@compiled
def _meet_and_come_down(game: Any, way: int, flight: np.ndarray) -> int:
    """Let a ball that has come down meet the paddle in one of WAYS, wherever the paddle is, then `come_down`."""
    rules.bounce(game, _COLUMNS_LEFT[way])
    if game.building == 0:
        return come_down(game, flight)
    # The second wall is built in the next frame. In this one the side walls still turn the ball.
    game.building = 0
    rules.fly(game)
    game.building = 1
    frames = come_down(game, flight)
    if flight[1] >= 0:
        flight[1] += 1
    return frames + 1 if frames >= 0 else -1


@compiled
def ways_differ(game: Any) -> bool:
    """Whether it matters how far from the middle the ball is met. The higher speeds have no steep variant."""
    hits = game.hits if game.hits >= 12 else game.hits + 1
    flat, steep = rules.SPEEDS[hits // 4]
    return flat[0] != steep[0] or flat[1] != steep[1]


@compiled
def try_ways(
    down: Any, scratch: np.ndarray, ways: np.ndarray, worth: np.ndarray, fresh_worth: np.ndarray, visits: np.ndarray
) -> None:
    """Find out what each of WAYS leads to, for a game whose ball has come down.

    Fills in `ways`, `(4,)` of dtype WAY, and `worth`, float64 `(2,)`: the value of sending the ball to the left and to
    the right, in bricks, with the best way at every bounce. The bricks of a flight are discounted by DISCOUNT for each
    frame until the first of them breaks. `fresh_worth`, float64 `(2,)`, becomes the same, but a way that breaks no
    brick is worth NOVELTY, and half as much for each time that the ball has come down as it would since the last point,
    which `visits` tells (see `visit`). `scratch`, a contiguous `(4,)` of dtype STATE, is overwritten.
    """
    flight = np.empty(3, dtype=np.int64)
    depth = BOUNCES_WITH_FEW if down.bricks.sum() < FEW_BRICKS else 1
    # At each bounce:
    best = np.zeros((BOUNCES_WITH_FEW, 2))  # value of the left and of the right side
    tried = np.zeros(BOUNCES_WITH_FEW, dtype=np.int64)  # number of ways tried
    value = np.zeros(BOUNCES_WITH_FEW)  # value of the current way, without later bounces
    took = np.zeros(BOUNCES_WITH_FEW, dtype=np.int64)  # frames until the ball is back
    scratch[0] = down
    now, fresh, again = 0, 0.0, 0  # the last two belong to the first bounce
    fresh_worth[:] = 0
    while now >= 0:  # through the tree of choices, depth first
        if tried[now] == len(WAYS):
            now -= 1
            if now >= 0:
                later = DISCOUNT ** took[now] * max(best[now + 1, 0], best[now + 1, 1])
                side = (tried[now] - 1) // 2
                best[now, side] = max(best[now, side], value[now] + later)
                if now == 0:
                    fresh_worth[side] = max(fresh_worth[side], _half(fresh + later, again))
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
            again = times_visited(scratch[1], visits) if took[0] >= 0 and flight[0] == 0 else 0
            ways[way].been_there = again
            fresh = value[0] if flight[0] > 0 else NOVELTY
            fresh_worth[way // 2] = max(fresh_worth[way // 2], _half(fresh, again))
        best[now, way // 2] = max(best[now, way // 2], value[now])
        if took[now] >= 0 and now + 1 < depth:
            now += 1
            tried[now], best[now] = 0, 0
    if not ways_differ(down):
        ways[LEFT_STEEP], ways[RIGHT_STEEP] = ways[LEFT_FLAT], ways[RIGHT_FLAT]
    worth[:] = best[0]


@compiled
def _half(value: float, times: int) -> float:
    """`value`, halved `times` times."""
    return value * 0.5 ** min(times, 10)


@compiled
def paddle_after(paddle: int, reading: int, knob: int, action: int, start: int, end: int, frames: int) -> int:
    """The paddle's column after `frames` frames, if `action` is held in frames `start` to `end` - 1, and none else."""
    for frame in range(frames):
        paddle = next_paddle(paddle, reading)
        if start <= frame < end and action in (RIGHT, LEFT):
            knob = next_knob(knob, action)
            reading = reading_of(knob)
        elif frame >= end + 10:  # it has come to rest
            break
    return paddle


@compiled
def rest(game: Any) -> int:
    """The column at which the paddle comes to rest if the knob is left alone."""
    return paddle_after(game.paddle, game.reading, game.knob, NONE, 0, 0, 12)


@compiled
def margins(
    game: Any, action: int, held: int, frames: int, column: int, width: int, stretch: int, exact: int, best: np.ndarray
) -> None:
    """Compute how far inside the left and the right half of the paddle a ball can still be met.

    The ball comes down in `frames` frames, at `column`, to a paddle of `width` columns. `action` is held for the first
    `held` frames; after that the knob is turned in one direction for the best multiple of `stretch` frames, early or
    late. With more than `exact` frames left, the paddle can be anywhere between the leftmost and the rightmost column
    that it can reach. Fills in `best`, float64 `(2,)`, in columns: at most MOST_COLUMNS; if 0 or less, how far the half
    misses the ball. The very middle, which moves the ball aside, belongs to neither half: both are 0.
    """
    paddle, reading, knob = game.paddle, game.reading, game.knob
    for _ in range(min(held, frames)):
        paddle = next_paddle(paddle, reading)
        if action in (RIGHT, LEFT):
            knob = next_knob(knob, action)
            reading = reading_of(knob)
    left = frames - min(held, frames)
    best[:] = -np.inf
    if left > exact:
        most_right = paddle_after(paddle, reading, knob, RIGHT, 0, left, left)
        most_left = paddle_after(paddle, reading, knob, LEFT, 0, left, left)
        for half in range(2):
            place = min(max(_best_place(column, width, half), most_left), most_right)
            best[half] = _columns_inside(place, column, width, half)
        return
    for direction in (RIGHT, LEFT):
        for turned in range(0, left + 1, stretch):
            early = paddle_after(paddle, reading, knob, direction, 0, turned, left)
            late = paddle_after(paddle, reading, knob, direction, left - turned, left, left)
            for half in range(2):
                inside = max(_columns_inside(early, column, width, half), _columns_inside(late, column, width, half))
                best[half] = max(best[half], inside)


@compiled
def _best_place(column: int, width: int, half: int) -> int:
    """The paddle's column at which the middle of this half (0 left, 1 right) meets a ball at `column`."""
    middle = width // 4 if half == 0 else -(width + 2) // 4
    place = column + 2 - width // 2 + middle
    return min(max(place, PADDLE_LEFTMOST), PADDLE_RIGHTMOST)


@compiled
def _columns_inside(paddle: int, column: int, width: int, half: int) -> int:
    """How far a ball is inside a half of the paddle, in columns, at most MOST_COLUMNS; 0 or less outside."""
    left_of_middle = paddle + width // 2 - 2 - column
    if half == 0:
        return min(left_of_middle, width // 2 - left_of_middle, MOST_COLUMNS)
    return min(-left_of_middle, width // 2 + 2 + left_of_middle, MOST_COLUMNS)


class Outlook(NamedTuple):
    """What lies ahead of n games; `outlook` makes an empty one, `look_ahead` fills it in.

    frames: `(n,)` int64, frames until the ball comes down; -1 if that is unknown or no ball is in play.
    down: `(n,)` of dtype STATE, the game when the ball has come down, as if there were no paddle.
    flight: `(n, 3)` int64, the bricks that break before, the frames until the first (-1: none does), and their points.
    ways: `(n, 4)` of dtype WAY, what each of WAYS leads to.
    worth: `(n, 2)` float64, the value of sending the ball to the left and to the right, in discounted bricks.
    fresh_worth: `(n, 2)` float64, the same, where it counts whether the ball has been there (see `try_ways`).
    margins: `(n, 3, 2)` float64, for each of ACTIONS_TRIED, if the agent step that begins now holds it: how far inside
        the left and the right half of the paddle the ball can still be met, in columns, if the knob can then be turned
        for any number of frames (see `margins`).
    step_margins: `(n, 3, 2)` float64, the same, if it is turned for whole agent steps.
    last_point: `(n, 3)` int64, the score, the lives and the clock when a score or a number of lives was last new (see
        `frames_without_points`).
    visits: `(n, 65, 4)` int64, where the ball came down since the last point (see `visit`).
    scratch: `(4,)` of dtype STATE, working memory.
    in_frames, in_steps: `(1,)` bool, whether `margins` and `step_margins` are worked out.
    """

    frames: np.ndarray
    down: np.ndarray
    flight: np.ndarray
    ways: np.ndarray
    worth: np.ndarray
    fresh_worth: np.ndarray
    margins: np.ndarray
    step_margins: np.ndarray
    last_point: np.ndarray
    visits: np.ndarray
    scratch: np.ndarray
    in_frames: np.ndarray
    in_steps: np.ndarray


def outlook(n: int, *, in_frames: bool = True, in_steps: bool = True) -> Outlook:
    """An empty Outlook on n games. It remembers what the ways lead to while the ball is on the same flight, and where
    the ball came down since the last point."""
    return Outlook(
        frames=np.full(n, -1),
        down=np.zeros(n, dtype=STATE),
        flight=np.zeros((n, 3), dtype=np.int64),
        ways=np.zeros((n, len(WAYS)), dtype=WAY),
        worth=np.zeros((n, 2)),
        fresh_worth=np.zeros((n, 2)),
        margins=np.zeros((n, len(ACTIONS_TRIED), 2)),
        step_margins=np.zeros((n, len(ACTIONS_TRIED), 2)),
        last_point=np.full((n, 3), -1),
        visits=no_visits(n),
        scratch=np.zeros(BOUNCES_WITH_FEW + 1, dtype=STATE),
        in_frames=np.array([in_frames]),
        in_steps=np.array([in_steps]),
    )


@compiled
def look_ahead(states: np.ndarray, games: np.ndarray, ahead: Outlook) -> None:
    """Fill in `ahead`, at the indices `games`, for the `(k,)` states of these games."""
    work = np.empty(1, dtype=STATE)
    for number in range(len(games)):
        game, i = states[number], games[number]
        work[0] = game
        ahead.frames[i] = come_down(work[0], ahead.flight[i])
        if ahead.frames[i] < 0:
            continue
        known = same_future(work[0], ahead.down[i])
        ahead.down[i] = work[0]
        if not known:
            visit(work[0], ahead.visits[i])
            try_ways(work[0], ahead.scratch, ahead.ways[i], ahead.worth[i], ahead.fresh_worth[i], ahead.visits[i])
        column, width = work[0].ball_x >> PIXEL_BITS, rules.width_of(work[0])
        for a in range(len(ACTIONS_TRIED)):
            action, left = ACTIONS_TRIED[a], ahead.frames[i]
            if ahead.in_frames[0]:
                margins(game, action, HELD, left, column, width, 1, EXACT_FRAMES, ahead.margins[i, a])
            if ahead.in_steps[0]:
                margins(game, action, HELD, left, column, width, HELD, HELD * EXACT_STEPS, ahead.step_margins[i, a])


def no_visits(n: int) -> np.ndarray:
    """`(n, 65, 4)` int64: for each of n games the balls that came down since its last point, none so far. Row 0 has
    their number and the score, each other row one ball's place and speed."""
    return np.zeros((n, MOST_VISITS + 1, 4), dtype=np.int64)


@compiled
def visit(down: Any, visits: np.ndarray) -> None:
    """Remember how the ball of a game comes down; what was before its last point is forgotten. `visits`: `(65, 4)`."""
    if visits[0, 1] != down.score:
        visits[0, 0], visits[0, 1] = 0, down.score
    at = visits[1 + visits[0, 0] % MOST_VISITS]
    at[0], at[1], at[2], at[3] = down.ball_x, down.ball_y, down.ball_vx, down.ball_vy
    visits[0, 0] += 1


@compiled
def times_visited(down: Any, visits: np.ndarray) -> int:
    """How often the ball came down just like that since the last point."""
    times = 0
    for number in range(1, min(visits[0, 0], MOST_VISITS) + 1):
        at = visits[number]
        if at[0] == down.ball_x and at[1] == down.ball_y and at[2] == down.ball_vx and at[3] == down.ball_vy:
            times += 1
    return times


@compiled
def frames_without_points(game: Any, i: int, ahead: Outlook) -> int:
    """Frames since the score or the lives of a game last changed, as far as it was looked at in this game; `i` is its
    index."""
    last = ahead.last_point[i]
    if game.score != last[0] or game.lives != last[1] or game.clock < last[2]:
        last[0], last[1], last[2] = game.score, game.lives, game.clock
    return game.clock - last[2]


@compiled
def same_future(one: Any, other: Any) -> bool:
    """Whether the ball and the bricks of two games whose ball has come down are the same."""
    return (
        one.ball_x == other.ball_x
        and one.ball_y == other.ball_y
        and one.ball_vx == other.ball_vx
        and one.ball_vy == other.ball_vy
        and one.score == other.score
        and one.hits == other.hits
        and one.steep == other.steep
        and one.building == other.building
        and np.array_equal(one.bricks, other.bricks)
    )
