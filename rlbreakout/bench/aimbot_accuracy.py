"""How right the aimbot is, on real games at every speed of the ball and with both widths of the paddle.

The truth is where the emulator lets the ball cross the paddle's line: cloned, and stepped frame by frame with the
paddle held at the far side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rlbreakout.breakout.emulator import BALL_COLUMN, BALL_X, BALL_Y, PADDLE, PADDLE_COLUMN, load_emulator
from rlbreakout.breakout.screen import (
    BRICKS_BOTTOM,
    GAME_RIGHT,
    NARROW_PADDLE,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WIDE_PADDLE,
    Ball,
    Paddle,
    find_ball,
    find_paddle,
)
from rlbreakout.observation import FIRE, LEFT, NOOP, RIGHT
from rlbreakout.observation.aimbot import SPEEDS, BallTracker, Flight, Landing

BALL_ROW = 9
"""What the ball's row on the screen is ahead of its line in the console's memory, below the bricks."""

FRAMES_UNTIL_LANDING = 200
CLOSE_ENOUGH = 2
"""Columns from its target at which the paddle stays where it is."""
LATE = 8
"""Frames before the ball lands, at which the paddle must be there."""


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

    def add(self, landing: Landing, flight: Flight, paddle: Paddle, *, column: int, frames: int) -> None:
        """Count a step of which the truth is known: the ball will land at `column`, in `frames`."""
        self.steps += 1
        if not landing.known[0]:
            return
        self.predicted += 1
        self.errors.append(abs(int(landing.column[0]) - column))
        self.frame_errors.append(int(landing.frames[0]) - frames)
        self.speeds[abs(float(flight.columns_a_frame[0])), abs(float(flight.rows_a_frame[0]))] += 1
        self.narrow += int(paddle.right[0] < GAME_RIGHT and paddle.right[0] - paddle.column[0] < WIDE_PADDLE)

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
        self.ale = load_emulator(seed=seed)
        self.actions = self.ale.getMinimalActionSet()

    def act(self, action: int) -> None:
        self.ale.act(self.actions[action])

    def ball(self) -> tuple[int, int] | None:
        """Row and column of the ball, or None while there is none."""
        ram = self.ale.getRAM()
        row, column = int(ram[BALL_Y]), int(ram[BALL_X])
        return (row + BALL_ROW, column - BALL_COLUMN) if row else None

    def paddle(self) -> int:
        """Column of the paddle's left edge."""
        return int(self.ale.getRAM()[PADDLE]) - PADDLE_COLUMN

    def ball_falls(self) -> bool:
        """Whether the ball is between the bricks and the paddle's line, and moves downwards in the next frame."""
        before = self.ball()
        if before is None or not BRICKS_BOTTOM <= before[0] < PADDLE_TOP:
            return False
        state = self.ale.cloneState()
        self.act(NOOP)
        after = self.ball()
        self.ale.restoreState(state)
        return after is not None and after[0] > before[0]

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

    def put_paddle(self, column: int) -> None:
        """Move the paddle without a joystick."""
        self.ale.setRAM(PADDLE, int(np.clip(column, PADDLE_LEFTMOST, PADDLE_RIGHTMOST)) + PADDLE_COLUMN)

    def _fall(self, paddle: int) -> tuple[int, int] | None:
        before = self.ball()
        for frame in range(1, FRAMES_UNTIL_LANDING):
            self.put_paddle(paddle)
            self.act(NOOP)
            ball = self.ball()
            if ball is None or before is None or ball[0] < before[0]:
                return None
            if ball[0] >= PADDLE_TOP:
                return frame, ball[1]
            before = ball
        return None


def play(descents: int, frame_skip: int = 4, seed: int = 0) -> Accuracy:
    """Play games until the ball has fallen to the paddle `descents` times, and compare the aimbot with the truth.

    The paddle goes where the aimbot says, and meets the ball with another part of itself every time, so that all speeds
    come up; where it would be late it is put there, so that games last until the ball gets behind the bricks, where it
    makes the paddle narrow.
    """
    game, player, count = Game(seed), _Player(seed), Accuracy(frame_skip)
    tracker, only = BallTracker(1), np.array([0])
    lives, falling, now = game.ale.lives(), False, 0
    truth: tuple[int, int] | None = None
    """Frame and column of the landing."""
    while count.descents < descents:
        frame = game.ale.getScreenGrayscale()[None]
        ball, paddle = find_ball(frame), find_paddle(frame)
        flight, landing = tracker.look(ball, frame_skip), tracker.landing(paddle=paddle)
        before, falling = falling, game.ball_falls()
        if falling and not before:  # from here on only the side walls touch it: one truth for the descent
            found = game.landing()
            truth = (now + found[0], found[1]) if found else None
        if falling and truth is not None:
            count.add(landing, flight, paddle, column=truth[1], frames=truth[0] - now)
        elif landing.known[0]:
            count.false_alarms += 1
        count.descents += before and not falling
        action = player.action(game, ball, landing, begins=not before)
        late = landing.known[0] and landing.frames[0] < LATE
        for _ in range(frame_skip):
            if late:
                game.put_paddle(player.target)
            game.act(action)
        now += frame_skip
        if game.ale.game_over():
            game.ale.reset_game()
        if game.ale.lives() != lives:
            lives = game.ale.lives()
            tracker.forget(only)
    return count


class _Player:
    """Brings the paddle to where the ball comes down."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._aim = WIDE_PADDLE // 2
        self.target = 0
        """Column at which the paddle should be."""

    def action(self, game: Game, ball: Ball, landing: Landing, begins: bool) -> int:
        """FIRE, RIGHT, LEFT or NOOP. `begins`: whether a new descent does."""
        if game.ball() is None:
            return FIRE
        if landing.known[0]:
            if begins:  # another part of the paddle, because that decides the angle and the speed
                self._aim = int(self._random.integers(0, NARROW_PADDLE - 2))
            self.target = int(landing.column[0]) - self._aim
        elif ball.seen[0]:
            self.target = int(ball.column[0]) - WIDE_PADDLE // 2
        offset = self.target - game.paddle()
        return RIGHT if offset > CLOSE_ENOUGH else LEFT if offset < -CLOSE_ENOUGH else NOOP
