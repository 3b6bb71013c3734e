"""How right the aimbot is, on real games at every speed of the ball and with both widths of the paddle.

The truth is where the emulator lets the ball cross the paddle's line: cloned, and stepped frame by frame with the
paddle held at the far side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ale_py
import numpy as np
from ale_py.roms import get_rom_path

from rlbreakout.aimbot import SPEEDS, BallTracker, Landing
from rlbreakout.screen import (
    BRICKS_BOTTOM,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WIDE_PADDLE,
    find_ball,
    find_paddle,
)

BALL_COLUMN_RAM, BALL_ROW_RAM, PADDLE_RAM = 99, 101, 72
"""RAM addresses of the game (Anand et al. 2019, https://arxiv.org/abs/1906.08226)."""
BALL_COLUMN_OFFSET, BALL_ROW_OFFSET, PADDLE_OFFSET = -49, 9, -47
"""What to add to the RAM's values to get pixels of the screen, measured; a row of 0 is no ball."""

NOOP, FIRE, RIGHT, LEFT = range(4)
FRAMES_UNTIL_LANDING = 200
STEPS_BETWEEN_AIMS = 20


@dataclass
class Accuracy:
    """Counts over agent steps in which the ball falls between the bricks and the paddle's line."""

    frame_skip: int
    descents: int = 0
    steps: int = 0
    """Agent steps in which the ball falls there."""
    predicted: int = 0
    errors: list[int] = field(default_factory=list)
    """Columns between the prediction and the truth, of each step that predicts and has a truth."""
    frame_errors: list[int] = field(default_factory=list)
    """Frames between the predicted time to impact and the true one."""
    false_alarms: int = 0
    """Agent steps that predict while the ball does not fall there."""
    speeds: dict[tuple[float, float], int] = field(default_factory=lambda: dict.fromkeys(SPEEDS, 0))
    """Steps that predict, by the speed of the ball."""
    narrow: int = 0
    """Steps that predict while the paddle is narrow."""

    def within(self, columns: int) -> float:
        """Share of the predictions that are at most so many columns off."""
        return float(np.mean(np.array(self.errors) <= columns))

    @property
    def coverage(self) -> float:
        """Share of the steps in which the ball falls that have a prediction."""
        return self.predicted / self.steps


class Game:
    """Breakout's emulator without sticky actions, and what only its RAM knows."""

    def __init__(self, seed: int) -> None:
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", 0.0)
        self.ale.setInt("random_seed", seed)
        rom = get_rom_path("breakout")
        assert rom is not None
        self.ale.loadROM(rom)
        self.actions = self.ale.getMinimalActionSet()

    def act(self, action: int) -> None:
        self.ale.act(self.actions[action])

    def ball(self) -> tuple[int, int] | None:
        """Row and column of the ball, or None while there is none."""
        ram = self.ale.getRAM()
        row, column = int(ram[BALL_ROW_RAM]), int(ram[BALL_COLUMN_RAM])
        return (row + BALL_ROW_OFFSET, column + BALL_COLUMN_OFFSET) if row else None

    def landing(self) -> tuple[int, int] | None:
        """Frames until the ball's top is at PADDLE_TOP or below, and its column then; None if a paddle is in its way
        already. The game goes on as if this had not been asked."""
        state = self.ale.cloneState()
        try:
            for aside in (PADDLE_LEFTMOST, PADDLE_RIGHTMOST):
                self.ale.restoreState(state)
                landing = self._fall(aside)
                if landing is not None:
                    return landing
            return None
        finally:
            self.ale.restoreState(state)

    def _fall(self, paddle: int) -> tuple[int, int] | None:
        before = self.ball()
        for frame in range(1, FRAMES_UNTIL_LANDING):
            self.ale.setRAM(PADDLE_RAM, paddle - PADDLE_OFFSET)
            self.act(NOOP)
            ball = self.ball()
            if ball is None or before is None or ball[0] < before[0]:
                return None
            if ball[0] >= PADDLE_TOP:
                return frame, ball[1]
            before = ball
        return None


def play(descents: int, frame_skip: int = 4, seed: int = 0, predict: Callable[..., Landing] | None = None) -> Accuracy:
    """Play games until the ball has fallen to the paddle `descents` times, and compare the aimbot with the truth.

    The paddle goes where the aimbot says, and meets the ball with another part of itself every time, so that all speeds
    come up. `predict(frame, frames)` replaces the aimbot, for comparison.
    """
    game, random = Game(seed), np.random.default_rng(seed)
    tracker, count = BallTracker(1), Accuracy(frame_skip)
    lives, falling, aim, target = game.ale.lives(), False, 0, 80
    truth: tuple[int, int] | None = None
    frame_now = truth_at = 0
    while count.descents < descents:
        frame = game.ale.getScreenGrayscale()[None]
        ball = find_ball(frame)
        flight = tracker.look(ball, frame_skip)
        landing = tracker.landing() if predict is None else predict(ball, frame_skip)
        before, falling = falling, False
        place = game.ball()
        if place is not None and BRICKS_BOTTOM <= place[0] < PADDLE_TOP and _falls(game):
            falling = True
            if not before:  # from here on only the side walls touch it: one truth for the descent
                truth = game.landing()
                truth_at = frame_now + truth[0] if truth else 0
            if truth is not None:
                count.steps += 1
                if landing.known[0]:
                    count.predicted += 1
                    count.errors.append(abs(int(landing.column[0]) - truth[1]))
                    count.frame_errors.append(int(landing.frames[0]) - (truth_at - frame_now))
                    if flight.known[0]:
                        speed = abs(float(flight.columns_a_frame[0])), abs(float(flight.rows_a_frame[0]))
                        count.speeds[speed] += 1
                    paddle = find_paddle(frame)
                    count.narrow += int(paddle.right[0] - paddle.column[0] < WIDE_PADDLE and paddle.right[0] < 152)
        elif landing.known[0]:
            count.false_alarms += 1
        count.descents += before and not falling
        if landing.known[0]:
            if not before:
                aim = int(random.integers(-1, 14))
            target = int(landing.column[0]) - aim
        elif ball.seen[0]:
            target = int(ball.column[0]) - 8
        paddle_column = int(game.ale.getRAM()[PADDLE_RAM]) + PADDLE_OFFSET
        offset = target - paddle_column
        action = FIRE if place is None else RIGHT if offset > 2 else LEFT if offset < -2 else NOOP
        for _ in range(frame_skip):
            game.act(action)
        frame_now += frame_skip
        if game.ale.lives() != lives:
            lives = game.ale.lives()
            tracker.forget(np.array([0]))
        if game.ale.game_over():
            game.ale.reset_game()
            lives = game.ale.lives()
            tracker.forget(np.array([0]))
    return count


def _falls(game: Game) -> bool:
    """Whether the ball moves downwards in the next frame, the paddle out of its way or not."""
    state, before = game.ale.cloneState(), game.ball()
    game.act(NOOP)
    after = game.ball()
    game.ale.restoreState(state)
    return before is not None and after is not None and after[0] > before[0]
