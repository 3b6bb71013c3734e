"""Is the twin still the game that the installed emulator plays?

    check_twin()    # half a second, once in a process; raises UserError if the twin and the emulator differ

The rules and the screens were compared with the ale-py versions in CHECKED_WITH over millions of frames
(`results/twin_exact.json`, measured by `rlbreakout.bench.exact`). Another version may play another game, or read the
knob of the paddle in another way. `Duel` plays both side by side and counts where they differ.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import ale_py
import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.emulator import RAM_SIZE, from_ram, load_emulator, to_ram, write_ram
from rlbreakout.breakout.rules import FIRE, LAST_FRAME, LEFT, NONE, PIXEL, PIXEL_BITS, RIGHT, STATE
from rlbreakout.breakout.screen import BALL_WIDTH, HEIGHT, MOST_POINTS, WALL_POINTS, WIDE_PADDLE, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

CHECKED_WITH = ("0.12.1",)
"""The versions of ale-py that the twin was compared with."""
CHECKED_FRAMES = 2_500
"""Frames that `check_twin` compares, at least."""
CHUNK = 256
"""Frames that are played before they are compared, all at once."""

Play = Callable[[np.ndarray, np.ndarray], np.ndarray]
Draw = Callable[[np.ndarray], np.ndarray]


@dataclass
class Comparison:
    """What was compared, and how much of it differed.

    ale_py: version of ale-py. frames: how often the whole state, and the points that were made, were compared. screens:
    how many of these frames were compared pixel by pixel, too. games: games played from reset to their end, those among
    them that broke the first wall (432 points), and both walls (864 points). knob_values: different resistances of the
    knob, of 101. differences: frames that differ. first_difference: where the first one is, and what differs.
    """

    ale_py: str = ""
    frames: int = 0
    screens: int = 0
    games: int = 0
    first_walls: int = 0
    perfect_games: int = 0
    knob_values: int = 0
    differences: int = 0
    first_difference: str = ""
    seconds: float = 0.0


class Duel:
    """The emulator and the twin, side by side.

    The emulator plays a chunk of frames; the twin plays each of them from the emulator's state before it. So a
    difference counts in the frame in which it arises, and without one the twin plays the very same game.

    play, draw: what to compare with the emulator instead of the twin's own. screens_every: compare every how many
    frames the screen, too; 0: never.
    """

    def __init__(self, play: Play = rules.play, draw: Draw = draw, screens_every: int = 1) -> None:
        self.count = Comparison(ale_py=ale_py.__version__)
        self.state = np.zeros(1, dtype=STATE)
        """The emulator's state now, `(1,)`."""
        self._play, self._draw, self._screens_every = play, draw, screens_every
        self._ale = load_emulator()
        self._actions = self._ale.getMinimalActionSet()
        self._rams = np.zeros((CHUNK + 1, RAM_SIZE), dtype=np.uint8)
        self._screens = np.zeros((CHUNK, HEIGHT, WIDTH), dtype=np.uint8)
        self._ram_of, self._screen_of = list(self._rams), list(self._screens)  # views, made once
        self._knobs: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Begin a new game."""
        self._ale.reset_game()
        self._from_reset = True
        self.state[:] = from_ram(self._ale.getRAM(), rules.KNOB_START)

    def set_state(self, state: np.ndarray) -> None:
        """Put a state (one element of dtype STATE) into the emulator's memory, and play one frame, which is not
        compared. The knob stays where it is.

        Collisions on the previous picture still take effect in the frame after the memory was changed. So one frame
        without a ball comes first, after which there are none.
        """
        self._from_reset = False
        knob = self.state["knob"][0]
        without_ball = state.copy()
        without_ball["ball_y"] = rules.NO_BALL
        for each in (without_ball, state):
            write_ram(self._ale, to_ram(each, self._ale.getRAM()))
            before = from_ram(self._ale.getRAM(), knob)
            self._ale.act(self._actions[NONE])
        self.state[:] = _in_order(before, from_ram(self._ale.getRAM(), knob))

    @property
    def over(self) -> bool:
        """Whether the game is over: the last life is lost, or the clock has overflowed."""
        return bool(self._ale.game_over() or rules.is_over(self.state[0]))

    def play(self, actions: np.ndarray) -> None:
        """Play at most CHUNK frames, fewer if the game ends, and compare them. `actions`: `(k,)`, one a frame."""
        score_before = int(self.state["score"][0])
        frames, points = self._act(actions)
        knobs = [int(self.state["knob"][0])]
        for action in actions[:frames].tolist():
            knobs.append(rules.next_knob(knobs[-1], action) if action in (RIGHT, LEFT) else knobs[-1])
        states = from_ram(self._rams[: frames + 1], np.array(knobs))
        states[0] = self.state[0]
        _in_order(states[:-1], states[1:])
        twins = states[:-1].copy()
        twin_points = self._play(twins, actions[:frames])
        differ = _differ(twins, states[1:]) | (twin_points != points)
        shown = slice(0, frames, self._screens_every) if self._screens_every else slice(0)
        differ[shown] |= _differ(self._draw(twins[shown]), self._screens[shown])
        if differ.any() and not self.count.first_difference:
            first = int(differ.argmax())
            what = self._describe(first, states[first + 1], twins[first], points[first], twin_points[first])
            before, action = states[first], ("none", "fire", "right", "left")[actions[first]]
            self.count.first_difference = (
                f"frame {before['clock'] + 1} of game {self.count.games + 1}, ball at line "
                f"{before['ball_y'] / PIXEL:.2f}, column {before['ball_x'] / PIXEL:.2f}, action {action}: {what}"
            )
        self.count.frames += frames
        self.count.screens += len(range(frames)[shown])
        self.count.differences += int(differ.sum())
        self._knobs.update(knobs)
        self.count.knob_values = len(self._knobs)
        self.state[:] = states[-1]
        if self._from_reset:
            score = int(self.state["score"][0])
            self.count.games += self.over
            self.count.first_walls += score_before < WALL_POINTS <= score
            self.count.perfect_games += score_before < MOST_POINTS <= score

    def _act(self, actions: np.ndarray) -> tuple[int, np.ndarray]:
        """Play in the emulator. Returns the number of frames, and the points of each."""
        ale, every = self._ale, self._screens_every
        ale.getRAM(self._ram_of[0])
        points = np.zeros(len(actions), dtype=np.int64)
        frames = 0
        for action in actions[: LAST_FRAME - int(self.state["clock"][0])].tolist():
            points[frames] = ale.act(self._actions[action])
            if every and frames % every == 0:
                ale.getScreen(self._screen_of[frames])
            frames += 1
            ale.getRAM(self._ram_of[frames])
            if ale.game_over():
                break
        return frames, points[:frames]

    def _describe(self, frame: int, emulator: np.ndarray, twin: np.ndarray, points: int, twin_points: int) -> str:
        """Describe in one line how the twin's state after a frame differs, or its points, or else its screen."""
        fields = [name for name in STATE.names or () if not np.array_equal(emulator[name], twin[name])]
        what = [f"{name} is {emulator[name].sum()}, the twin's is {twin[name].sum()}" for name in fields]
        if points != twin_points:
            what.append(f"the emulator scores {points} points, the twin {twin_points}")
        if not what:
            theirs, mine = self._screens[frame], self._draw(twin.reshape(1))[0]
            wrong = np.argwhere(mine != theirs)
            row, column = wrong[0]
            what.append(
                f"{len(wrong)} pixels of the screen differ, the first at row {row}, column {column}: "
                f"{theirs[row, column]}, the twin's is {mine[row, column]}"
            )
        return "; ".join(what)


def _in_order(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Fill in what the memory does not hold, in states one frame after those of `before`: the lives and the score that
    the screen shows, and a clock that has overflowed."""
    after["shown_lives"], after["shown_score"] = before["lives"], before["score"]
    after["clock"][(before["clock"] == LAST_FRAME - 1) & (after["clock"] == 0) & (after["lives"] > 0)] = LAST_FRAME
    return after


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`(n,)` bool: whether the bytes of n things differ, compared as 8-byte words."""
    n, size = len(one), one.nbytes // max(8 * len(one), 1)
    words = [np.ascontiguousarray(each).reshape(-1).view(np.uint64).reshape(n, size) for each in (one, other)]
    return (words[0] != words[1]).any(axis=1)


def turn_the_knob(duel: Duel) -> None:
    """Turn the knob to all 101 places where it can rest: from its start to one end and back to the other, both ways,
    because each end has places of its own on the way from it."""
    whole_way = -(-(rules.KNOB_MOST - rules.KNOB_LEAST) // rules.KNOB_STEP)
    for first, then in ((RIGHT, LEFT), (LEFT, RIGHT)):
        duel.reset()
        duel.play(np.array([first] * whole_way + [then] * whole_way))
    duel.reset()


def play_following(duel: Duel, random: np.random.Generator, most: int) -> None:
    """Play a game, until `most` frames have been compared, that brings the paddle under the ball, sometimes badly."""
    duel.reset()
    part, actions = np.zeros(1), np.zeros(CHUNK, dtype=np.int64)
    while not duel.over and duel.count.frames < most:
        _follow_ball(duel.state.copy()[0], random.random(CHUNK), part, actions)
        duel.play(actions)


@compiled
def _follow_ball(game: Any, draws: np.ndarray, part: np.ndarray, actions: np.ndarray) -> None:
    """Play `game` ahead in place, and write the actions into `actions`, `(k,)`.

    draws: `(k,)` random numbers from 0 to 1. part: `(1,)`, where the paddle is to meet the ball, in columns from its
    middle; drawn again for each time.
    """
    for frame in range(len(actions)):
        action = NONE
        if rules.is_over(game):
            actions[frame:] = NONE
            return
        if game.ball_y < PIXEL:
            action = FIRE
        else:
            middle = game.paddle + rules.width_of(game) // 2 - BALL_WIDTH // 2
            off = (game.ball_x >> PIXEL_BITS) - part[0] - middle
            if off > BALL_WIDTH:
                action = RIGHT
            elif off < -BALL_WIDTH:
                action = LEFT
        had_met = game.met
        rules.one_frame(game, action)
        if action == FIRE or (game.met and not had_met):
            part[0] = (2 * draws[frame] - 1) * 0.6 * WIDE_PADDLE
        actions[frame] = action


@cache
def check_twin() -> Comparison:
    """Compare the twin with the emulator for half a second, always in the same way: all places of the knob, and games
    of a player that follows the ball. A process does so once.

    Warns if this ale-py is not in CHECKED_WITH. Raises UserError if anything differs.
    """
    version = ale_py.__version__
    if version not in CHECKED_WITH:
        warnings.warn(
            f"the twin of Breakout was checked with ale-py {', '.join(CHECKED_WITH)}; this is ale-py {version}. "
            "A short check follows; `rlbreakout bench --part twin` runs a longer one",
            stacklevel=2,
        )
    start, random = time.perf_counter(), np.random.default_rng(0)
    duel = Duel(screens_every=10)
    try:
        turn_the_knob(duel)
        while duel.count.frames < CHECKED_FRAMES and not duel.count.differences:
            play_following(duel, random, CHECKED_FRAMES)
        difference = duel.count.first_difference
    except UserError as error:  # the emulator is in a state that the twin's rules do not allow
        difference = str(error)
    duel.count.seconds = time.perf_counter() - start
    if difference:
        raise UserError(
            f"ale-py {version} plays another Breakout than the twin, which was checked with ale-py "
            f"{', '.join(CHECKED_WITH)} ({difference}); install that version, or set `env.vec_env: dummy` to train on "
            "the emulator"
        )
    return duel.count
