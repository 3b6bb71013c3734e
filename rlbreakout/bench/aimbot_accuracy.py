"""How accurate the aimbot is, at every speed of the ball and with both widths of the paddle.

The true landing column comes from the twin: a copy of the game is played without a paddle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rlbreakout.breakout import rules
from rlbreakout.breakout.draw import draw_grey
from rlbreakout.breakout.rules import FIRE, NONE, PIXEL, PIXEL_BITS, row_of_line
from rlbreakout.breakout.screen import BALL_HEIGHT, BRICKS_BOTTOM, PADDLE_LEFTMOST, PADDLE_RIGHTMOST, PADDLE_TOP
from rlbreakout.observation.aimbot import Aimbot


@dataclass
class Accuracy:
    """Counts over agent steps, of the ball's descents between the bricks and the paddle.

    steps: agent steps in which the ball falls there. speeds: speeds of the ball in them, sideways and down, in 1/256
    pixels a frame. errors: the distance in columns between prediction and truth, for each of them with a prediction.
    narrow: predictions while the paddle is narrow. false_alarms: predictions while the ball does not fall there.
    """

    descents: int = 0
    steps: int = 0
    errors: list[int] = field(default_factory=list)
    false_alarms: int = 0
    speeds: set[tuple[int, int]] = field(default_factory=set)
    narrow: int = 0

    def within(self, columns: int) -> float:
        """Share of the predictions that are at most `columns` columns off."""
        return float(np.mean(np.array(self.errors) <= columns))

    @property
    def coverage(self) -> float:
        """Share of the agent steps with a falling ball that have a prediction."""
        return len(self.errors) / self.steps


def measure_accuracy(descents: int, frame_skip: int = 4, seed: int = 0) -> Accuracy:
    """Play until the ball has fallen to the paddle `descents` times, and compare the aimbot with the truth.

    The paddle meets every ball, each time with another part. So all speeds come up, and games last until the ball gets
    behind the bricks, where it makes the paddle narrow.
    """
    random, count, aimbot, games = np.random.default_rng(seed), Accuracy(), Aimbot(1), rules.new_games(1)
    game, part, falling, elapsed = games[0], 0, False, 0
    while count.descents < descents:
        aim = aimbot.watch(draw_grey(games), elapsed)
        was_falling, falling = falling, _falls(game)
        if falling:
            count.steps += 1
            count.speeds.add((abs(int(game["ball_vx"])), int(game["ball_vy"])))
            if aim.known[0]:
                count.errors.append(abs(int(aim.column[0]) - _landing_column(games)))
                count.narrow += bool(game["narrow"])
        else:
            count.false_alarms += bool(aim.known[0])
        count.descents += was_falling and not falling
        lives = int(game["lives"])
        for _ in range(frame_skip):
            if game["ball_vy"] < 0:
                part = int(random.integers(1, rules.width_of(game)))
            game["paddle"] = np.clip((game["ball_x"] >> PIXEL_BITS) - part + 1, PADDLE_LEFTMOST, PADDLE_RIGHTMOST)
            rules.play(games, np.array([NONE if game["ball_y"] >= PIXEL else FIRE]))
        elapsed = frame_skip
        if rules.is_over(game) or game["lives"] < lives:
            aimbot.forget(np.array([0]))
        if rules.is_over(game):
            games[:] = rules.new_games(1)
    return count


def _falls(game: np.void) -> bool:
    """Whether the ball falls below the bricks and above the paddle."""
    row = row_of_line(game["ball_y"] >> PIXEL_BITS)
    return bool(game["ball_vy"] > 0 and BRICKS_BOTTOM <= row <= PADDLE_TOP - BALL_HEIGHT)


def _landing_column(games: np.ndarray) -> int:
    """The column at which the falling ball of one game would cross the paddle's top row without a paddle."""
    copy = games.copy()
    while row_of_line(copy["ball_y"][0] >> PIXEL_BITS) < PADDLE_TOP:
        rules.fly(copy[0])
    return int(copy["ball_x"][0] >> PIXEL_BITS)
