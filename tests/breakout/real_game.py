"""A game in the emulator of which a test knows the truth."""

from __future__ import annotations

import numpy as np

from rlbreakout.breakout.emulator import from_ram, load_emulator
from rlbreakout.breakout.rules import FIRE, KNOB_START, LEFT, NONE, PIXEL, PIXEL_BITS, RIGHT
from rlbreakout.breakout.screen import BALL_WIDTH

LINE_TO_ROW = 9
"""What the ball's row on the screen is ahead of its line in the console's picture, below the bricks."""
CLOSE = 3
"""Columns from its target at which the paddle stays."""


class RealGame:
    """Breakout in the emulator, without sticky actions."""

    def __init__(self) -> None:
        self.ale = load_emulator()
        self._actions = self.ale.getMinimalActionSet()

    def act(self, action: int, frames: int = 1) -> None:
        for _ in range(frames):
            self.ale.act(self._actions[action])

    def reset_if_over(self) -> bool:
        """Begin the next game if this one is over; returns whether it was."""
        over = self.ale.game_over()
        if over:
            self.ale.reset_game()
        return over

    @property
    def state(self) -> np.ndarray:
        """`(1,)` of dtype STATE, out of the console's memory, which does not hold the knob."""
        return from_ram(self.ale.getRAM(), KNOB_START)

    @property
    def ball(self) -> tuple[int, int] | None:
        """Row and column of the ball, or None while none is in play."""
        return ball_of(self.state)

    @property
    def grey(self) -> np.ndarray:
        """The screen, `(1, 210, 160)` uint8."""
        return self.ale.getScreenGrayscale()[None]

    @property
    def rgb(self) -> np.ndarray:
        """The screen, `(1, 210, 160, 3)` uint8."""
        return self.ale.getScreenRGB()[None]

    def follow(self, part: int) -> int:
        """The action that meets the ball with this column of the paddle; FIRE while none is in play."""
        state = self.state
        if state["ball_y"][0] < PIXEL:
            return FIRE
        off = int(state["ball_x"][0] >> PIXEL_BITS) + BALL_WIDTH // 2 - part - int(state["paddle"][0])
        return RIGHT if off > CLOSE else LEFT if off < -CLOSE else NONE


def ball_of(state: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the ball of a game, `(1,)` of dtype STATE; None while none is in play."""
    if state["ball_y"][0] < PIXEL:
        return None
    return int(state["ball_y"][0] >> PIXEL_BITS) + LINE_TO_ROW, int(state["ball_x"][0] >> PIXEL_BITS)
