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
from pathlib import Path

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.ahead import ACTIONS_TRIED, HELD, Outlook, look_ahead, outlook, rest
from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.guard import CHUNK, Comparison, Draw, Duel, Play, play_following, turn_the_knob
from rlbreakout.breakout.rules import FIRE, LAST_FRAME, N_ACTIONS, NONE, PIXEL, PIXEL_BITS
from rlbreakout.breakout.screen import MOST_POINTS, PADDLE_LEFTMOST, PADDLE_RIGHTMOST, WALL_POINTS

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
    compare with the emulator instead of the twin's own. screens_every: frames from one
    compared screen to the next. report: called with the counts every 100,000 frames.
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
    """Play a game, until `most` frames have been compared, that usually breaks both walls. After that it goes on for a
    while, or in one of ten games until the clock overflows."""
    duel.reset()
    longest, without_points = LAST_FRAME if random.random() < 0.1 else 1_000, 0
    lookout, actions = outlook(1), np.zeros(CHUNK, dtype=np.int64)
    while not duel.over and duel.count.frames < most:
        states = duel.state.copy()
        for start in range(0, CHUNK, HELD):
            if states["ball_y"][0] < PIXEL:
                action = FIRE
            elif states["score"][0] == MOST_POINTS and without_points > longest:
                action = NONE  # lose the ball
            else:
                action = int(random.integers(N_ACTIONS)) if random.random() < 0.02 else _best_action(states, lookout)
            actions[start : start + HELD] = action
            without_points += HELD
            if rules.play(states, actions[start : start + 1], HELD)[0] > 0:
                without_points = 0
        duel.play(actions)


def _best_action(states: np.ndarray, lookout: Outlook) -> int:
    """The action after which the ball of one game can still be sent to the better side, with the larger margin."""
    look_ahead(states, np.zeros(1, dtype=np.int64), lookout)
    if lookout.frames[0] < 0:
        return NONE
    margins, column = lookout.margins[0], (lookout.down["ball_x"][0] >> PIXEL_BITS)
    side = np.sign(column - rules.width_of(states[0]) // 2 - rest(states[0]))
    values = (lookout.worth[0] * np.clip(margins / 2, 0, 1) + 1e-3 * margins).max(axis=1)
    return int(ACTIONS_TRIED[np.argmax(values + 1e-6 * side * np.array([0, 1, -1]))])


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
    "following": play_following,
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
    left, right, end = rules.LEFT_WALL, rules.RIGHT_WALL, rules.SIDE_WALLS_END
    line = random.integers(rules.UPPER_WALL_LINE - 4, rules.LOST_LINE + 4, n)
    near_the_paddle = random.integers(end - 16, end + 6, n)
    line = np.where(random.random(n) < 0.4, near_the_paddle, line)
    column = random.integers(left, right, n)
    at_a_wall = random.choice([*range(left - 2, left + 4), *range(right - 4, right + 4)], n)
    column = np.where(random.random(n) < 0.4, at_a_wall, column)
    at_a_foot = random.random(n) < 0.1
    line = np.where(at_a_foot, random.integers(end - 4, end + 1, n), line)
    column = np.where(at_a_foot, at_a_wall, column)
    beyond = random.choice([*range(left - 17, left), *range(right, right + 15)], n)
    column = np.where((line > end + 4) & (random.random(n) < 0.3), beyond, column)
    states["ball_y"] = line * PIXEL + random.integers(PIXEL, size=n)
    states["ball_x"] = column * PIXEL + random.integers(PIXEL, size=n)
    states["ball_y"][random.random(n) < 0.05] %= PIXEL  # no ball is in play
    speeds = random.choice(rules.SPEEDS.reshape(-1, 2), n)
    states["ball_vx"], states["ball_vy"] = (speeds * random.choice([-1, 1], (n, 2))).T
    states["ball_vy"] = np.where(at_a_foot | (line >= end), abs(states["ball_vy"]), states["ball_vy"])
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
