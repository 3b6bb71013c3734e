"""How exact the twin is: compared with the emulator frame by frame, every field of the state and every pixel.

    python -m rlbreakout.bench.exact 20_000_000 --json results/twin_exact.json

Rare events come once in tens of thousands of frames, so there are many kinds of games: three players, one of which
breaks both walls, and random states that are put into the console's memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.ahead import WAYS, come_down, meet, paddle_after
from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.guard import CHUNK, Comparison, Draw, Duel, Play, follow_ball, play_game, turn_the_knob
from rlbreakout.breakout.rules import (
    FIRE,
    LAST_FRAME,
    LEFT,
    LEFT_WALL,
    N_ACTIONS,
    NONE,
    PIXEL,
    PIXEL_BITS,
    RIGHT,
    RIGHT_WALL,
    SIDE_WALLS_END,
    STATE,
)
from rlbreakout.breakout.screen import BALL_WIDTH, MOST_POINTS, PADDLE_LEFTMOST, PADDLE_RIGHTMOST, WALL_POINTS
from rlbreakout.common.compiled import compiled

FRAMES_OF_A_RANDOM_STATE = 24


def compare(
    frames: int,
    seed: int = 0,
    *,
    play: Play = rules.play,
    draw: Draw = draw,
    screens_every: int = 1,
    players: Iterable[str] | None = None,
    report: Callable[[Comparison], None] | None = None,
) -> Comparison:
    """Play at least `frames` frames in the emulator, and count those in which the twin differs.

    players: names from PLAYERS, all of them by default; each plays the same share of the frames. play, draw: what to
    compare with the emulator instead of the twin's own. screens_every: compare the screen of every so many frames.
    report: called with the counts every 100,000 frames.
    """
    start, random = time.perf_counter(), np.random.default_rng(seed)
    duel = Duel(play, draw, screens_every)
    turn_the_knob(duel)
    played = dict.fromkeys(PLAYERS if players is None else players, 0)
    reported = 0
    while duel.count.frames < frames:
        player = min(played, key=lambda name: played[name])
        before = duel.count.frames
        PLAYERS[player](duel, random, frames)
        played[player] += duel.count.frames - before
        duel.count.seconds = time.perf_counter() - start
        if report is not None and duel.count.frames >= reported + 100_000:
            reported = duel.count.frames
            report(duel.count)
    return duel.count


def describe_exact(count: Comparison) -> list[tuple[str, str, float]]:
    """Name, unit and value of what was compared."""
    return [
        ("twin: frames compared with the emulator, whole state", "frames", count.frames),
        ("twin: such frames compared pixel by pixel", "frames", count.screens),
        ("twin: frames that differ", "frames", count.differences),
        ("twin: whole games among them", "games", count.games),
        ("twin: games that broke the first wall", "games", count.first_walls),
        ("twin: games that broke both walls", "games", count.perfect_games),
        ("twin: speed of the comparison", "frames/s", count.frames / count.seconds if count.seconds else 0.0),
    ]


def play_at_random(duel: Duel, random: np.random.Generator, most: int) -> None:
    """Play a game of random actions, each held for a random time, until `most` frames have been compared."""
    duel.reset()
    longest = int(random.integers(1, 40))
    while not duel.over and duel.count.frames < most:
        actions = random.integers(N_ACTIONS, size=CHUNK).repeat(random.integers(1, longest + 1, CHUNK))
        duel.play(actions[:CHUNK])


def play_well(duel: Duel, random: np.random.Generator, most: int) -> None:
    """Play a game of a player that looks ahead and usually breaks both walls. It goes on for a while after that, and in
    one of ten games until the clock overflows."""
    longest = LAST_FRAME if random.random() < 0.1 else 1_000
    play_game(
        duel, random, most, lambda game, draws, memory, actions: look_ahead(game, draws, memory, actions, longest)
    )


def play_random_states(duel: Duel, random: np.random.Generator, most: int) -> None:
    """Play short stretches from random states, whether or not a game could get there."""
    duel.reset()
    for state in random_states(100, random):
        if duel.over:
            duel.reset()
        duel.set_state(state)
        if duel.over:
            continue
        actions = random.integers(N_ACTIONS, size=FRAMES_OF_A_RANDOM_STATE).repeat(random.integers(1, 8))
        duel.play(actions[:FRAMES_OF_A_RANDOM_STATE])
        if duel.count.frames >= most:
            break


PLAYERS: dict[str, Callable[[Duel, np.random.Generator, int], None]] = {
    "random": play_at_random,
    "following": partial(play_game, plan=follow_ball),
    "good": play_well,
    "random states": play_random_states,
}


def random_states(n: int, random: np.random.Generator) -> np.ndarray:
    """Draw `(n,)` states of dtype STATE: any wall of bricks, any ball, speed and paddle.

    Rare places come often: the lines of the paddle and of the side walls' feet, the columns at the side walls, and the
    last frames of the clock. The ball is where it can get: beyond a side wall only below it. No wall is being built,
    because bricks that come one by one belong to a reset.
    """
    states = rules.new_games(n)
    soon_over = LAST_FRAME - random.integers(3, FRAMES_OF_A_RANDOM_STATE, n)
    states["clock"] = np.where(random.random(n) < 0.05, soon_over, random.integers(1, LAST_FRAME - 100, n))
    states["lives"] = random.integers(1, rules.LIVES + 1, n)
    special = np.array([0, WALL_POINTS - 1, WALL_POINTS, MOST_POINTS - 7, MOST_POINTS])
    states["score"] = np.where(
        random.random(n) < 0.7, random.integers(0, MOST_POINTS + 1, n), random.choice(special, n)
    )
    states["building"] = 0
    share = random.choice([0.0, 0.1, 0.5, 0.9, 1.0], n)
    states["bricks"] = random.random((n, 6, 18)) < share[:, None, None]
    line = random.integers(rules.UPPER_WALL_LINE - 4, rules.LOST_LINE + 4, n)
    near_the_paddle = random.integers(SIDE_WALLS_END - 16, SIDE_WALLS_END + 6, n)
    line = np.where(random.random(n) < 0.4, near_the_paddle, line)
    column = random.integers(LEFT_WALL, RIGHT_WALL, n)
    at_a_wall = random.choice([*range(LEFT_WALL - 2, LEFT_WALL + 4), *range(RIGHT_WALL - 4, RIGHT_WALL + 4)], n)
    column = np.where(random.random(n) < 0.4, at_a_wall, column)
    at_a_foot = random.random(n) < 0.1
    line = np.where(at_a_foot, random.integers(SIDE_WALLS_END - 4, SIDE_WALLS_END + 1, n), line)
    column = np.where(at_a_foot, at_a_wall, column)
    beyond = random.choice([*range(LEFT_WALL - 17, LEFT_WALL), *range(RIGHT_WALL, RIGHT_WALL + 15)], n)
    column = np.where((line > SIDE_WALLS_END + 4) & (random.random(n) < 0.3), beyond, column)
    states["ball_y"] = line * PIXEL + random.integers(PIXEL, size=n)
    states["ball_x"] = column * PIXEL + random.integers(PIXEL, size=n)
    states["ball_y"][random.random(n) < 0.05] %= PIXEL  # no ball is in play
    speeds = random.choice(rules.SPEEDS.reshape(-1, 2), n)
    states["ball_vx"], states["ball_vy"] = (speeds * random.choice([-1, 1], (n, 2))).T
    states["ball_vy"] = np.where(at_a_foot | (line >= SIDE_WALLS_END), abs(states["ball_vy"]), states["ball_vy"])
    still = states["ball_y"] < PIXEL
    states["ball_vx"][still] = states["ball_vy"][still] = 0
    states["hits"] = random.choice([*range(rules.MOST_HITS + 1), rules.HITS_AFTER_UPPER_ROWS], n)
    for flag in ("steep", "met", "broke", "narrow"):
        states[flag] = random.random(n) < 0.5
    states["met"] &= random.random(n) < 0.5
    states["paddle"] = random.integers(PADDLE_LEFTMOST, PADDLE_RIGHTMOST + 1, n)
    below = np.clip(column + random.integers(-18, 4, n), PADDLE_LEFTMOST, PADDLE_RIGHTMOST)
    states["paddle"] = np.where(random.random(n) < 0.5, below, states["paddle"])
    states["reading"] = random.choice(rules.READINGS, n)
    return states


# The good player knows where the ball comes down and where the paddle can rest, tries each such place on a copy of the
# game, and takes the one that breaks most bricks over the next bounces.

MOST_PRESSES = 35
LATER = 0.9
"""Discount of a brick that breaks one bounce later."""
TARGET, VX, VY, WITHOUT_POINTS = range(4)
"""Indices into the player's memory: where the knob should be, the ball's velocity when that was decided, and the frames
since the last point."""


@compiled
def look_ahead(game: Any, draws: np.ndarray, memory: np.ndarray, actions: np.ndarray, longest: int) -> None:
    """Plan `actions` as `follow_ball` does. With both walls gone, lose the ball on purpose `longest` frames after the
    last point."""
    scratch = np.empty(4, dtype=STATE)
    for frame in range(len(actions)):
        if rules.is_over(game):
            actions[frame:] = NONE
            return
        action = NONE
        memory[WITHOUT_POINTS] += 1
        if game.ball_y < PIXEL:
            action = FIRE
        elif game.score < MOST_POINTS or memory[WITHOUT_POINTS] < longest:
            if memory[VX] != game.ball_vx or memory[VY] != game.ball_vy:
                memory[VX], memory[VY] = game.ball_vx, game.ball_vy
                surprise = 5.0 if memory[WITHOUT_POINTS] > 1_500 else 0.01  # try something else when stalled
                memory[TARGET] = _best_knob(game, scratch, draws[frame], surprise)
            if game.knob < memory[TARGET]:
                action = LEFT
            elif game.knob > memory[TARGET]:
                action = RIGHT
        if rules.one_frame(game, action) > 0:
            memory[WITHOUT_POINTS] = 0
        actions[frame] = action


@compiled
def _best_knob(game: Any, scratch: np.ndarray, draw: float, surprise: float) -> int:
    """Where the knob should rest when the ball comes down. `draw`, from 0 to 1, decides between places that differ by
    less than `surprise` bricks. `scratch`, `(4,)` of dtype STATE, is overwritten."""
    flight = np.empty(3, dtype=np.int64)
    scratch[0] = game
    frames = come_down(scratch[0], flight)
    column, width = scratch[0].ball_x >> PIXEL_BITS, rules.width_of(scratch[0])
    best, best_value = game.knob, -100.0
    for direction in (LEFT, RIGHT):
        knob = game.knob
        for presses in range(MOST_PRESSES):
            rest = paddle_after(game.paddle, rules.reading_of(knob), knob, NONE, 0, MOST_PRESSES)
            left_of_middle = rest + width // 2 - column - BALL_WIDTH
            if abs(left_of_middle) < width // 2:
                scratch[1] = scratch[0]
                rules.bounce(scratch[1], left_of_middle)
                value = _bricks_in_two_bounces(scratch, flight) + surprise * (draw * (2 * presses + direction) % 1)
                value -= max(abs(left_of_middle) - width // 2 + 2, 0)  # near its end the paddle may miss the ball
                value -= 10 * (presses > frames - 5)  # the paddle has no time to come to rest
                if value > best_value:
                    best, best_value = knob, value
            knob = rules.next_knob(knob, direction)
    return best


@compiled
def _bricks_in_two_bounces(scratch: np.ndarray, flight: np.ndarray) -> float:
    """Bricks that break until the ball of `scratch[1]` comes down, and in the best bounce after that, or the best two
    if one breaks none. `come_down` fills in `flight`."""
    come_down(scratch[1], flight)
    value, best = float(flight[0]), 0.0
    for way in range(len(WAYS)):
        scratch[2] = scratch[1]
        meet(scratch[2], way)
        come_down(scratch[2], flight)
        then = float(flight[0])
        if then == 0:
            for other in range(len(WAYS)):
                scratch[3] = scratch[2]
                meet(scratch[3], other)
                come_down(scratch[3], flight)
                then = max(then, LATER * flight[0])
        best = max(best, then)
    return value + LATER * best


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the twin with the emulator, frame by frame.")
    parser.add_argument("frames", type=int, help="how many frames to compare")
    parser.add_argument("--seed", type=int, default=0, help="seed of the games")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts to this file, and update it")
    options = parser.parse_args()

    def report(count: Comparison) -> None:
        done = f"{count.frames:,} frames, {count.differences:,} differ, {count.seconds:,.0f} s"
        print(done, file=sys.stderr, flush=True)
        if options.json is not None:
            command = "python -m rlbreakout.bench.exact " + " ".join(sys.argv[1:])
            options.json.write_text(json.dumps({"command": command, **asdict(count)}, indent=1) + "\n")

    count = compare(options.frames, options.seed, report=report)
    report(count)
    for name, unit, value in describe_exact(count):
        print(f"{name}: {value:,.0f} {unit}")
    if count.differences:
        sys.exit(f"the first difference: {count.first_difference}")


if __name__ == "__main__":
    main()
