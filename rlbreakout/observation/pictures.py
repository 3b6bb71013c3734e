"""Pictures for agents, made from whole screens: fewer colours, a smaller area, the aimbot's mark, SB3's warped frame.

Every function takes a batch `(n, 210, 160[, channels])` uint8 and leaves its input alone, unless it says otherwise.
"""

from __future__ import annotations

import cv2
import numpy as np

from rlbreakout.breakout.screen import (
    BALL_WIDTH,
    GAME_BOTTOM,
    GAME_LEFT,
    GAME_RIGHT,
    GAME_TOP,
    HEIGHT,
    WIDTH,
    to_grey,
)
from rlbreakout.common.errors import UserError
from rlbreakout.config import MONO_MODES, TRIM_MODES
from rlbreakout.observation.aimbot import Aim

WHITE = 255
MARK_TOP, MARK_BOTTOM = 200, 205
"""First row of the aimbot's mark, and the row after its last."""
MARK_WIDTH = 6
"""Columns of the aimbot's mark. Its middle is the middle of the ball that will land."""
COUNTERS_ROW = 196
"""Row of the counters, between the paddle and the mark."""
COUNTERS = ("time to impact", "predicted column", "ball's row", "ball's column", "paddle's column")
COUNTER_COLUMNS = tuple(range(GAME_LEFT, GAME_LEFT + 4 * len(COUNTERS), 4))
"""The pixel of each counter. Its brightness is the number: frames, or pixels; 0 where it is not known."""


def mono(frames: np.ndarray, mode: str) -> np.ndarray:
    """`(n, h, w, channels)` uint8 from frames in colour `(n, h, w, 3)` or grey `(n, h, w[, 1])`.

    | mode      | channels | pixels                                             |
    |-----------|----------|----------------------------------------------------|
    | 3col      | 3        | as they are                                        |
    | grey_3dim | 3        | the emulator's grey, three times                   |
    | grey_1dim | 1        | the emulator's grey                                |
    | mono_3dim | 3        | 255 where the screen is not black, 0 elsewhere     |
    | mono_1dim | 1        | the same, once                                     |

    Raises UserError for another mode, or for 3col from grey frames.
    """
    check_mode(mode, MONO_MODES, "mono mode")
    in_colour = frames.ndim == 4 and frames.shape[-1] == 3
    if mode == "3col":
        if not in_colour:
            raise UserError(f"mono mode '3col' needs frames in colour, not of shape {frames.shape}")
        return frames.copy()
    colour, _, dimensions = mode.partition("_")
    grey = to_grey(frames) if in_colour else frames.reshape(frames.shape[:3])
    # Multiplied, because that is several times faster than np.where.
    picture = (grey != 0).view(np.uint8) * np.uint8(WHITE) if colour == "mono" else grey.copy()
    return picture[..., None].repeat(3, axis=3) if dimensions == "3dim" else picture[..., None]


def one_channel(frames: np.ndarray) -> np.ndarray:
    """One channel of frames `(n, 210, 160[, channels])`, `(n, 210, 160)`: any of them shows what is lit."""
    return np.ascontiguousarray(frames[..., 0]) if frames.ndim == 4 else frames


def trim(pictures: np.ndarray, mode: str) -> np.ndarray:
    """Only the game area of whole screens `(n, 210, 160, channels)`, pixel by pixel.

    | mode    | what                                            | shape                  |
    |---------|-------------------------------------------------|------------------------|
    | keep    | everything                                      | (n, 210, 160, channels)|
    | trim    | the game area, rows 32 to 205, columns 8 to 151 | (n, 174, 144, channels)|
    | blacken | everything else becomes black                   | (n, 210, 160, channels)|
    | whiten  | everything else becomes white                   | (n, 210, 160, channels)|

    Raises UserError for another mode.
    """
    check_mode(mode, TRIM_MODES, "trim mode")
    area = slice(None), slice(GAME_TOP, GAME_BOTTOM), slice(GAME_LEFT, GAME_RIGHT)
    if mode == "keep":
        return pictures
    if mode == "trim":
        return pictures[area]
    framed = np.full_like(pictures, WHITE if mode == "whiten" else 0)
    framed[area] = pictures[area]
    return framed


def halve(pictures: np.ndarray) -> np.ndarray:
    """Half as high and half as wide: the brightest of every 2x2 pixels, so that the ball, 2x4 pixels, never fades."""
    above = np.maximum(pictures[:, ::2, ::2], pictures[:, ::2, 1::2])
    below = np.maximum(pictures[:, 1::2, ::2], pictures[:, 1::2, 1::2])
    return np.maximum(above, below)


def paint_mark(pictures: np.ndarray, aim: Aim) -> None:
    """Paint where the ball will cross the paddle's line into whole screens `(n, 210, 160, channels)`, in place."""
    for n in np.flatnonzero(aim.known):
        left = int(aim.column[n]) + BALL_WIDTH // 2 - MARK_WIDTH // 2
        pictures[n, MARK_TOP:MARK_BOTTOM, max(left, 0) : left + MARK_WIDTH] = WHITE


def paint_counters(pictures: np.ndarray, aim: Aim) -> None:
    """Write COUNTERS as single pixels into whole screens `(n, 210, 160, channels)`, in place."""
    numbers = (aim.frames, aim.column, aim.ball.row, aim.ball.column, aim.paddle.column)
    for column, number in zip(COUNTER_COLUMNS, numbers, strict=True):
        pictures[:, COUNTERS_ROW, column] = np.clip(number, 0, WHITE)[:, None]


def warp(frames: np.ndarray, size: int) -> np.ndarray:
    """Frames in colour as Stable-Baselines3's WarpFrame shows them, grey and resized: `(n, size, size, 1)`."""
    pictures = np.empty((len(frames), size, size, 1), dtype=np.uint8)
    for frame, picture in zip(frames, pictures, strict=True):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        picture[..., 0] = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    return pictures


def check_mode(mode: str, allowed: tuple[str, ...], what: str) -> None:
    """Raise UserError that lists what is allowed, unless `mode` is."""
    if mode not in allowed:
        raise UserError(f"{what} {mode!r} is not known; allowed: {', '.join(allowed)}")


def image_shape(mode: str, trim_mode: str, at_half: bool) -> tuple[int, int, int]:
    """Height, width and channels of the pictures."""
    shape = trim(np.empty((1, HEIGHT, WIDTH, 1), dtype=np.uint8), trim_mode).shape
    height, width = (shape[1] // 2, shape[2] // 2) if at_half else (shape[1], shape[2])
    return height, width, 3 if mode == "3col" or mode.endswith("3dim") else 1
