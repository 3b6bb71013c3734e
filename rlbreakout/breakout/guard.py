"""Is the twin still the game that the installed emulator plays?

    check_twin()    # half a second; raises UserError if the twin and the emulator differ

The rules and the screens were compared with the ale-py versions in CHECKED_WITH over millions of frames
(`results/twin_exact.json`, measured by `rlbreakout.bench.exact`). Another version may play another game, or read the
knob of the paddle in another way. `Duel` plays both side by side and counts where they differ.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ale_py
import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.emulator import RAM_SIZE, from_ram, load_emulator, to_ram, write_ram
from rlbreakout.breakout.rules import (
    FIRE,
    KNOB_LEAST,
    KNOB_MOST,
    KNOB_START,
    KNOB_STEP,
    LAST_FRAME,
    LEFT,
    NO_BALL,
    NONE,
    PIXEL,
    PIXEL_BITS,
    RIGHT,
    STATE,
    is_over,
    next_knob,
    one_frame,
    width_of,
)
from rlbreakout.breakout.screen import BALL_WIDTH, HEIGHT, MOST_POINTS, WALL_POINTS, WIDE_PADDLE, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

CHECKED_WITH = ("0.12.1",)
"""The versions of ale-py that the twin was compared with."""

CHUNK = 256
"""Frames that are played before they are compared, all at once."""
CHECKED_FRAMES, SCREENS_EVERY = 2_500, 10
"""What `check_twin` compares: so many frames of a game, and the screen of every tenth."""

ACTION_NAMES = ("none", "fire", "right", "left")

Play = Callable[[np.ndarray, np.ndarray], np.ndarray]
Draw = Callable[[np.ndarray], np.ndarray]


@dataclass
class Comparison:
    """What was compared, and how much of it differed."""

    ale_py: str = ""
    """Version of ale-py."""
    frames: int = 0
    """Frames after which every field of the state, and the points that were made, were compared."""
    screens: int = 0
    """Frames of which all 210 x 160 pixels were compared, too."""
    games: int = 0
    """Games that were played from reset to their end."""
    first_walls: int = 0
    """Games that broke the whole first wall, 432 points."""
    perfect_games: int = 0
    """Games that broke both walls, 864 points."""
    knob_values: int = 0
    """Different resistances of the knob that were met, of 101."""
    differences: int = 0
    """Frames that differ."""
    first_difference: str = ""
    """Where the first of them is, and what differs."""
    seconds: float = 0.0

    @property
    def frames_a_second(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0


class Duel:
    """The emulator and the twin, side by side.

    The emulator plays a chunk of frames; the twin plays each of them on from the emulator's state before it. So a
    difference counts in the frame in which it arises, and where there is none the twin plays the very same game.

    play, draw: what to compare with the emulator, if not the twin's own. screens_every: how often a screen is compared,
    in frames; 0 is never.
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
        self.state[:] = from_ram(self._ale.getRAM(), KNOB_START)

    def set_state(self, state: np.ndarray) -> None:
        """Put a state (one element of dtype STATE) into the emulator's memory, and play one frame on, which is not
        compared. The knob stays where it is.

        What touched in the picture before still has its effect in a frame after the memory was changed. So one frame
        without a ball comes first, after which nothing has touched.
        """
        self._from_reset = False
        knob = self.state["knob"][0]
        without_ball = state.copy()
        without_ball["ball_y"] = NO_BALL
        for each in (without_ball, state):
            write_ram(self._ale, to_ram(each, self._ale.getRAM()))
            before = from_ram(self._ale.getRAM(), knob)
            self._ale.act(self._actions[NONE])
        self.state[:] = _in_order(before, from_ram(self._ale.getRAM(), knob))

    @property
    def over(self) -> bool:
        """Whether the game is over: the last life is lost, or the clock has run over."""
        return bool(self._ale.game_over() or self.state["lives"][0] == 0 or self.state["clock"][0] >= LAST_FRAME)

    def play(self, actions: np.ndarray) -> None:
        """Play at most CHUNK frames, fewer if the game ends, and compare them. `actions` is `(k,)`, one a frame."""
        score_before = int(self.state["score"][0])
        frames, points = self._act(actions)
        knobs = np.empty(frames + 1, dtype=np.int64)
        _turn(int(self.state["knob"][0]), actions, knobs)
        states = from_ram(self._rams[: frames + 1], knobs)
        states[0] = self.state[0]
        _in_order(states[:-1], states[1:])
        twins = states[:-1].copy()
        twin_points = self._play(twins, actions[:frames])
        differ = (_bytes_of(twins) != _bytes_of(states[1:])).any(axis=1) | (twin_points != points)
        shown = slice(0, frames, self._screens_every) if self._screens_every else slice(0)
        seen = np.arange(frames)[shown]
        wrong_screens = (_words_of(self._draw(twins[shown])) != _words_of(self._screens[shown])).any(axis=1)
        if not self.count.first_difference and (differ.any() or wrong_screens.any()):
            self._describe(states, actions, points, twins, twin_points, differ, seen[wrong_screens])
        differ[seen[wrong_screens]] = True
        self.count.frames += frames
        self.count.screens += len(seen)
        self.count.differences += int(differ.sum())
        self._knobs.update(knobs.tolist())
        self.count.knob_values = len(self._knobs)
        self.state[:] = states[-1]
        if self._from_reset:
            score = int(self.state["score"][0])
            self.count.games += self.over
            self.count.first_walls += score_before < WALL_POINTS <= score
            self.count.perfect_games += score_before < MOST_POINTS <= score

    def _act(self, actions: np.ndarray) -> tuple[int, np.ndarray]:
        """Play in the emulator. Returns how many frames, and the points of each."""
        ale, every = self._ale, self._screens_every
        self._ale.getRAM(self._ram_of[0])
        points = np.zeros(len(actions), dtype=np.int64)
        frames = 0
        left = LAST_FRAME - int(self.state["clock"][0])
        for action in actions[:left].tolist():
            points[frames] = ale.act(self._actions[action])
            if every and frames % every == 0:
                ale.getScreen(self._screen_of[frames])
            frames += 1
            ale.getRAM(self._ram_of[frames])
            if ale.game_over():
                break
        return frames, points[:frames]

    def _describe(
        self,
        states: np.ndarray,
        actions: np.ndarray,
        points: np.ndarray,
        twins: np.ndarray,
        twin_points: np.ndarray,
        differ: np.ndarray,
        wrong_screens: np.ndarray,
    ) -> None:
        """Describe the first difference of a chunk in one line."""
        frame = min([*np.flatnonzero(differ)[:1].tolist(), *wrong_screens[:1].tolist()])
        before, emulator, twin = states[frame], states[frame + 1], twins[frame]
        if differ[frame]:
            fields = [name for name in STATE.names or () if not np.array_equal(emulator[name], twin[name])]
            what = [f"{name} is {_value(emulator, name)}, the twin's is {_value(twin, name)}" for name in fields]
            if points[frame] != twin_points[frame]:
                what.append(f"it makes {points[frame]} points, the twin {twin_points[frame]}")
        else:
            mine, theirs = self._draw(twins[frame : frame + 1])[0], self._screens[frame]
            pixels = np.argwhere(mine != theirs)
            row, column = pixels[0]
            what = [
                f"{len(pixels)} pixels of the screen differ, the first at row {row}, column {column}: "
                f"{theirs[row, column]}, the twin's is {mine[row, column]}"
            ]
        ball = f"ball at line {before['ball_y'] / PIXEL:.2f}, column {before['ball_x'] / PIXEL:.2f}"
        self.count.first_difference = (
            f"frame {before['clock'] + 1} of game {self.count.games + 1}, {ball}, "
            f"action {ACTION_NAMES[actions[frame]]}: {'; '.join(what)}"
        )


def _in_order(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Complete what the memory does not hold, in states that follow those `before` by one frame: the lives and the
    score that the screen shows, and the clock that has run over."""
    after["shown_lives"], after["shown_score"] = before["lives"], before["score"]
    after["clock"][(before["clock"] == LAST_FRAME - 1) & (after["clock"] == 0) & (after["lives"] > 0)] = LAST_FRAME
    return after


def _bytes_of(states: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(states).view(np.uint8).reshape(len(states), STATE.itemsize)


def _words_of(screens: np.ndarray) -> np.ndarray:
    """Eight pixels each."""
    return np.ascontiguousarray(screens).reshape(len(screens), HEIGHT * WIDTH).view(np.uint64)


def _value(state: Any, name: str) -> str:
    return f"{state[name].sum()} standing" if name == "bricks" else str(state[name])


@compiled
def _turn(knob: int, actions: np.ndarray, knobs: np.ndarray) -> None:
    """The knob's resistance before the first frame, and after each of them."""
    knobs[0] = knob
    for frame in range(len(knobs) - 1):
        if actions[frame] == RIGHT or actions[frame] == LEFT:
            knob = next_knob(knob, actions[frame])
        knobs[frame + 1] = knob


def turn_the_knob(duel: Duel) -> None:
    """Turn the knob to all 101 places where it can rest: twice from its start to one end, and from there to the other.
    Each end has places of its own on the way from it."""
    whole_way = -(-(KNOB_MOST - KNOB_LEAST) // KNOB_STEP)
    for first, then in ((RIGHT, LEFT), (LEFT, RIGHT)):
        duel.reset()
        duel.play(np.array([first] * whole_way + [then] * whole_way))
    duel.reset()


@compiled
def follow_ball(game: Any, draws: np.ndarray, memory: np.ndarray, actions: np.ndarray) -> None:
    """Play `game` on in place, bringing the paddle under the ball, and write what was done into `actions`, `(k,)`.

    It meets the ball with another part of the paddle each time and sometimes misses it. `draws`: `(k,)` random numbers
    from 0 to 1. `memory`: float64; at 0 it keeps which part, in columns from the paddle's middle.
    """
    for frame in range(len(actions)):
        action = NONE
        if is_over(game):
            actions[frame:] = NONE
            return
        if game.ball_y < PIXEL:
            action = FIRE
        else:
            middle = game.paddle + width_of(game) // 2 - BALL_WIDTH // 2
            off = (game.ball_x >> PIXEL_BITS) - memory[0] - middle
            if off > BALL_WIDTH:
                action = RIGHT
            elif off < -BALL_WIDTH:
                action = LEFT
        had_met = game.met
        one_frame(game, action)
        if action == FIRE or (game.met and not had_met):
            memory[0] = (2 * draws[frame] - 1) * 0.6 * WIDE_PADDLE
        actions[frame] = action


_warned = False


def check_twin() -> Comparison:
    """Compare the twin with the emulator over half a second of play, always the same: all places of the knob, and a
    game of a player that follows the ball.

    Warns, once in a program, if this ale-py is none of CHECKED_WITH. Raises UserError if anything differs.
    """
    global _warned
    version = ale_py.__version__
    if version not in CHECKED_WITH and not _warned:
        _warned = True
        warnings.warn(
            f"the twin of Breakout was checked with ale-py {', '.join(CHECKED_WITH)}; this is ale-py {version}. "
            "A short check follows; `rlbreakout bench` runs a longer one",
            stacklevel=2,
        )
    start = time.perf_counter()
    duel = Duel(screens_every=SCREENS_EVERY)
    try:
        _play_a_while(duel)
        difference = duel.count.first_difference
    except UserError as impossible:  # the emulator is in a state that the twin's rules do not allow
        difference = str(impossible)
    duel.count.seconds = time.perf_counter() - start
    if difference:
        raise UserError(
            f"ale-py {version} plays another Breakout than the twin, which was checked with ale-py "
            f"{', '.join(CHECKED_WITH)} ({difference}); install that version, or set `env.vec_env: dummy` to train on "
            "the emulator"
        )
    return duel.count


def _play_a_while(duel: Duel) -> None:
    """All places of the knob, then CHECKED_FRAMES of games, or until a difference is found."""
    turn_the_knob(duel)
    random, memory, actions = np.random.default_rng(0), np.zeros(1), np.zeros(CHUNK, dtype=np.int64)
    while duel.count.frames < CHECKED_FRAMES and not duel.count.differences:
        follow_ball(duel.state.copy()[0], random.random(CHUNK), memory, actions)
        duel.play(actions)
        if duel.over:
            duel.reset()
