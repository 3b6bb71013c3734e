"""Breakout's screen: where things are, in pixels of the 210x160 picture, measured on the emulator."""

from __future__ import annotations

from typing import NamedTuple

HEIGHT, WIDTH = 210, 160


class BrickRow(NamedTuple):
    """A row of 18 bricks."""

    colour: str
    top: int
    """First of its BRICK_HEIGHT pixel rows, counted from the top of the screen."""
    points: int
    """What one brick of it is worth."""


BRICK_HEIGHT = 6
BRICK_WIDTH = 8
BRICKS_LEFT = 8
"""First pixel column of the bricks."""
BRICKS_IN_A_ROW = 18

BRICK_ROWS = (
    BrickRow("red", 57, 7),
    BrickRow("orange", 63, 7),
    BrickRow("ochre", 69, 4),
    BrickRow("yellow", 75, 4),
    BrickRow("green", 81, 1),
    BrickRow("blue", 87, 1),
)
"""From the top down. One wall is worth 18 x (7 + 7 + 4 + 4 + 1 + 1) = 432 points, and there are two walls."""
