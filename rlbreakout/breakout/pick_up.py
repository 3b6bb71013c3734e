"""The states that a game can be in when only its first screen is known: a new game, or one picked up in the middle.

A new game is in one of a few states, OPENINGS. In the middle of a game, `search` starts from every place of the knob
that fits the paddle, and the paddle's moves rule out most of them. Then `find_flight` finds how the ball can fly, from
where it was on the last screens.

In the compiled functions, `members` are the possible states of one game, `known` is what a Follower knows about it
besides, and `pool` is memory for more states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.rules import BRICK_POINTS, MOST_READING, N_ACTIONS, NONE, PIXEL, PIXEL_BITS, STATE
from rlbreakout.breakout.screen import PADDLE_LEFTMOST, PADDLE_RIGHTMOST, WALL_POINTS
from rlbreakout.breakout.seen import fits_screen, paddle_fits
from rlbreakout.common.compiled import compiled

MOST_FRAMES = 6
"""The longest frame skip that is considered."""
MOST_NO_OPS = 100
"""The longest time without an action before the first screen of a game, in frames."""
LIKELY_SKIP = 0.01
"""Less likely frame skips are tried only if the others explain nothing."""

MEMBER = np.dtype([("executed", np.int64), ("weight", np.float64), *STATE.descr])
"""A possible state: the last executed action, the probability, and the fields of a STATE, so that it can be played."""


def _openings() -> np.ndarray:
    """The states at the first screen of a new game. Once the wall is built, only the clock's last two bits differ."""
    openings = np.zeros(rules.FRAMES_TO_BUILD + 4, dtype=MEMBER)
    states, frames = rules.new_games(len(openings)), np.arange(len(openings))
    rules.play(states, np.full(len(openings), NONE), frames)
    for name in STATE.names or ():
        openings[name] = states[name]
    alike = np.where(frames < rules.FRAMES_TO_BUILD, 1, (MOST_NO_OPS - frames) // 4 + 1)
    openings["weight"] = 0.5 * alike / (MOST_NO_OPS + 1)
    openings["weight"][0] += 0.5  # half of the games are assumed to begin right after reset
    return openings


OPENINGS = _openings()
"""`(k,)` of dtype MEMBER: the possible states at the first screen of a new game."""
_FLIGHTS = np.array(
    [(PIXEL, PIXEL, 0, steep) for steep in (0, 1)]
    + [
        (*rules.SPEEDS[hits // 4, steep], hits, steep)
        for hits in (*range(1, rules.MOST_HITS + 1), 16)
        for steep in (0, 1)
    ],
    dtype=np.int64,
)
"""`(n, 4)`: how a ball can fly: columns and rows a frame in 1/256 pixels, its hits, and whether it is steep."""
_FRACTIONS_X, _FRACTIONS_Y = np.arange(0, PIXEL, 128), np.arange(0, PIXEL, 32)
"""The fractions of a pixel that these speeds can lead to."""


@compiled
def search(known: Any, members: np.ndarray, seen: Any, guess: Any) -> None:
    """Start again, into `members`, from the paddle that is seen and every place of the knob. `guess` is overwritten."""
    known.searching = known.picked_up = known.clock_unknown = True
    known.screens = known.size = 0
    known.lines[:] = -1
    members[0] = OPENINGS[0]  # reported if no paddle is seen
    _take_from_screen(members[0], seen)
    _take_from_screen(guess, seen)
    for paddle in range(PADDLE_LEFTMOST, PADDLE_RIGHTMOST + 1):
        for narrow in (False, True):
            guess.paddle, guess.narrow = paddle, narrow
            if not paddle_fits(guess, seen):
                continue
            for knob in rules.KNOBS:
                for executed in range(N_ACTIONS):
                    if known.size == len(members):
                        return
                    guess.knob, guess.reading, guess.executed = knob, rules.reading_of(knob), executed
                    # Usually the paddle is near the place to which the knob sends it.
                    guess.weight = 1 / (1 + abs(MOST_READING - guess.reading - paddle))
                    members[known.size] = guess
                    known.size += 1


@compiled
def _take_from_screen(game, seen):
    """Take over bricks, lives and score. The screen shows the score one frame late, perhaps without the last brick."""
    game.clock = game.building = 0
    points = 0
    for row in range(len(BRICK_POINTS)):
        points += BRICK_POINTS[row] * (len(seen.bricks[row]) - np.int64(seen.bricks[row].sum()))
    game.bricks[:] = seen.bricks
    score = seen.score if seen.score >= 0 else points
    late = (points - score) % WALL_POINTS
    game.score = score + (late if late <= BRICK_POINTS.max() else 0)
    game.lives = max(seen.lives, 1)
    game.shown_score, game.shown_lives = score, game.lives
    forget_ball(game)


@compiled
def forget_ball(game: Any) -> None:
    """Take the ball out of play, as if it had met nothing yet."""
    game.ball_x = game.ball_y = game.ball_vx = game.ball_vy = game.hits = 0
    game.steep = game.met = game.broke = False


@compiled
def find_flight(known: Any, members: np.ndarray, pool: np.ndarray, screen: np.ndarray, seen: Any) -> int:
    """If the ball was in the open on the last three screens, combine the members with all flights that lead there, in
    the pool. Returns the number of these states; the search is over if there are any.

    After 16 screens without success, because the ball is above the bricks, two screens are enough. If the ball bounced
    between them, the search begins again.
    """
    earliest = 1 if known.screens < 16 else 0
    if known.screens < 3 or min(seen.ball_line, known.lines[0], known.lines[earliest]) < 0:
        return 0
    total, n = known.skips.sum(), 0
    for flight in _FLIGHTS:
        vx = flight[0] if seen.ball_column > known.columns[earliest] else -flight[0]
        vy = flight[1] if seen.ball_line > known.lines[earliest] else -flight[1]
        if flight[2] == 0 and vy < 0:
            continue  # the ball is launched downwards
        for x in seen.ball_column * PIXEL + _FRACTIONS_X:
            for y in seen.ball_line * PIXEL + _FRACTIONS_Y:
                probability = 0.0
                for last in range(1, MOST_FRAMES + 1):
                    if not _was_at(x - last * vx, y - last * vy, known, 0):
                        continue
                    if earliest == 0:
                        probability += known.skips[last] / total
                        continue
                    for first in range(1, MOST_FRAMES + 1):
                        if _was_at(x - (first + last) * vx, y - (first + last) * vy, known, 1):
                            probability += known.skips[first] / total * known.skips[last] / total
                if probability > LIKELY_SKIP ** (1 + earliest):
                    for member in range(min(known.size, 16)):  # the most probable ones
                        n = _add_flight(members[member], x, y, vx, vy, flight, probability, pool, n, screen, seen)
    return n


@compiled
def _was_at(x, y, known, screen):
    """Whether the ball was seen at x, y (in 1/256 pixels) on the last screen (0) or on the one before (1)."""
    return x >> PIXEL_BITS == known.columns[screen] and y >> PIXEL_BITS == known.lines[screen]


@compiled
def _add_flight(paddle, x, y, vx, vy, flight, probability, pool, n, screen, seen):
    """Add the game with this paddle and this ball, which last met the paddle or a wall, or broke a brick."""
    for broke in (False, True):
        if n == len(pool) or (broke and flight[2] == 0):
            break
        pool[n] = paddle
        game = pool[n]
        _take_from_screen(game, seen)
        game.ball_x, game.ball_y, game.ball_vx, game.ball_vy = x, y, vx, vy
        game.hits, game.steep = flight[2], flight[3] == 1
        game.broke, game.met = broke, vy < 0 and not broke
        game.weight *= probability
        if fits_screen(game, screen, seen):
            n += 1
    return n


@compiled
def split_clock(known: Any, members: np.ndarray) -> None:
    """Have a copy of each member for each value of the clock's last two bits, which decide where a ball is launched."""
    size = known.size
    for member in range(size):
        members[member].weight /= 4
        for frames in range(1, 4):
            members[frames * size + member] = members[member]
            members[frames * size + member].clock += frames
    known.size, known.clock_unknown = 4 * size, False
