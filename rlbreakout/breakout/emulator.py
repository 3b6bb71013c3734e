"""The only place that knows ale-py's emulator: loading the game, its memory, and the state of a game in it."""

from __future__ import annotations

from typing import Any

import ale_py
import numpy as np
from ale_py.roms import get_rom_path

from rlbreakout.breakout.rules import HITS_AFTER_UPPER_ROWS, PIXEL, STATE, new_games, reading_of
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_IN_A_ROW

RAM_SIZE = 128

# Index into `ale.getRAM()`; 0x80 more is the console's own address. Found by changing one byte at a time. The places of
# ball, paddle, bricks and score are also in Anand et al. 2019, https://arxiv.org/abs/1906.08226.
BRICKS, N_BRICK_BYTES = 0x00, 36
LIVES = 0x39
READING, PADDLE = 0x46, 0x48
SCORE_HIGH, SCORE_LOW = 0x4C, 0x4D
CLOCK_LOW, CLOCK_HIGH = 0x5A, 0x5B
BUILDING = 0x5E
NARROW = 0x61
BALL_X, BALL_Y, BALL_VY, BALL_VX = 0x63, 0x65, 0x67, 0x69
"""Each is a byte of whole pixels and one of 1/256 pixels."""
HITS, STEEP = 0x6B, 0x6D

BALL_COLUMN, PADDLE_COLUMN = 49, 47
"""What the console's columns of ball and paddle are ahead of the screen's."""
BUILDING_FLAGS, FRAMES_MASK = 0xC0, 0x3F
NARROW_FLAG, STEEP_FLAG = 0x80, 0x02
HITS_MASK, MET_FLAG, BROKE_FLAG = 0x3F, 0x40, 0x80


def load_emulator(
    *, repeat_action_probability: float = 0.0, seed: int | None = None, max_frames: int | None = None
) -> ale_py.ALEInterface:
    """The emulator with Breakout in it, just after reset, and quiet.

    seed: of its sticky actions, below 2^31. max_frames: after which it ends a game; None: never.
    """
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setFloat("repeat_action_probability", repeat_action_probability)
    if seed is not None:
        ale.setInt("random_seed", seed)
    ale.setInt("max_num_frames_per_episode", max_frames or 0)
    rom = get_rom_path("breakout")
    assert rom is not None, "ale-py ships the game"
    ale.loadROM(rom)
    return ale


def _brick_bits() -> np.ndarray:
    """`(6, 18)`: for each brick the numbers of its two bits among the bits of the first 36 bytes, least bit first.

    Six stripes of the screen, from right to left, have a byte for each row, rows from the bottom; a bit is four pixels.
    Where the console draws a byte backwards its bits run from right to left.
    """
    first_column = (128, 96, 80, 48, 16, 8)  # of each stripe
    used = (range(0, 6), range(7, -1, -1), range(4, 8), range(0, 8), range(7, -1, -1), range(6, 8))
    bits = np.empty((len(BRICK_ROWS), BRICKS_IN_A_ROW, 2), dtype=np.int64)
    for stripe, (left, order) in enumerate(zip(first_column, used, strict=True)):
        for number, bit in enumerate(order):
            brick, half = divmod(left + 4 * number - 8, 8)
            for row in range(len(BRICK_ROWS)):
                byte = len(BRICK_ROWS) * stripe + len(BRICK_ROWS) - 1 - row
                bits[row, brick, half // 4] = 8 * byte + bit
    return bits


_BRICK_BITS = _brick_bits()


def from_ram(ram: np.ndarray, knob: int) -> np.ndarray:
    """The state of one game `(1,)` of dtype STATE, from the console's 128 bytes and the resistance of the knob.

    The knob is no part of the console's memory: count it from reset (`turned`). What the screen shows of score and
    lives, one frame late, is not there either: it is taken for what they are now.
    """
    value = ram.astype(np.int64)
    states = new_games(1)
    state = states[0]
    bits = np.unpackbits(np.ascontiguousarray(ram[:N_BRICK_BYTES]), bitorder="little")
    state["bricks"] = bits[_BRICK_BITS].all(axis=2)
    state["clock"] = value[CLOCK_HIGH] << 8 | value[CLOCK_LOW]
    state["lives"] = state["shown_lives"] = value[LIVES]
    state["score"] = _decimal(value[SCORE_HIGH]) * 100 + _decimal(value[SCORE_LOW])
    state["shown_score"] = state["score"]
    building = value[BUILDING]
    state["building"] = (building & FRAMES_MASK) + 1 if building & BUILDING_FLAGS & 0x80 else 0
    state["ball_x"] = value[BALL_X] * PIXEL + value[BALL_X + 1] - BALL_COLUMN * PIXEL
    state["ball_y"] = value[BALL_Y] * PIXEL + value[BALL_Y + 1]
    state["ball_vx"] = -_signed(value[BALL_VX] * PIXEL + value[BALL_VX + 1])  # the console's is positive to the left
    state["ball_vy"] = _signed(value[BALL_VY] * PIXEL + value[BALL_VY + 1])
    state["hits"] = value[HITS] & HITS_MASK
    state["met"], state["broke"] = value[HITS] & MET_FLAG, value[HITS] & BROKE_FLAG
    state["steep"] = value[STEEP] != 0
    state["narrow"] = value[NARROW] & NARROW_FLAG
    state["paddle"] = value[PADDLE] - PADDLE_COLUMN
    state["reading"] = value[READING]
    state["knob"] = knob
    return states


def to_ram(state: Any, ram: np.ndarray) -> np.ndarray:
    """The console's 128 bytes with `state` (one element of dtype STATE) in them; the rest is as in `ram`."""
    new = ram.copy()
    bits = np.unpackbits(new[:N_BRICK_BYTES], bitorder="little")
    bits[_BRICK_BITS] = state["bricks"][..., None]
    new[:N_BRICK_BYTES] = np.packbits(bits, bitorder="little")
    new[CLOCK_HIGH], new[CLOCK_LOW] = divmod(int(state["clock"]), 256)
    new[LIVES] = state["lives"]
    hundreds, rest = divmod(int(state["score"]), 100)
    new[SCORE_HIGH], new[SCORE_LOW] = hundreds, rest // 10 * 16 + rest % 10
    building = int(state["building"])
    new[BUILDING] = BUILDING_FLAGS | (building - 1) if building else 0
    for address, value in (
        (BALL_X, state["ball_x"] + BALL_COLUMN * PIXEL),
        (BALL_Y, state["ball_y"]),
        (BALL_VX, -state["ball_vx"]),
        (BALL_VY, state["ball_vy"]),
    ):
        new[address], new[address + 1] = divmod(int(value) % 65_536, 256)
    new[HITS] = state["hits"] + MET_FLAG * bool(state["met"]) + BROKE_FLAG * bool(state["broke"])
    new[STEEP] = STEEP_FLAG * bool(state["steep"])
    new[NARROW] = new[NARROW] & ~np.uint8(NARROW_FLAG) | NARROW_FLAG * bool(state["narrow"])
    new[PADDLE] = state["paddle"] + PADDLE_COLUMN
    new[READING] = state["reading"]
    return new


def write_ram(ale: ale_py.ALEInterface, ram: np.ndarray) -> None:
    """Put 128 bytes into the console's memory.

    What touched in the picture before still has its effect in the next frame; the frame after that is the first that
    follows from `ram` alone.
    """
    for address in np.flatnonzero(ale.getRAM() != ram).tolist():
        ale.setRAM(address, int(ram[address]))


def _decimal(byte: int) -> int:
    """Two digits of four bits each."""
    return (byte >> 4) * 10 + (byte & 15)


def _signed(value: int) -> int:
    return value - 65_536 if value >= 32_768 else value
