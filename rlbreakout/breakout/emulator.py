"""Everything that knows ale-py's emulator: loading the game, and reading and writing its state in the memory."""

from __future__ import annotations

from typing import Any

import ale_py
import numpy as np
from ale_py.roms import get_rom_path

from rlbreakout.breakout.rules import PIXEL, STATE
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_IN_A_ROW

RAM_SIZE = 128

# Indices into `ale.getRAM()`; the console's own addresses are 0x80 higher. Found by changing one byte at a time. Those
# of ball, paddle, bricks and score are also in Anand et al. 2019, https://arxiv.org/abs/1906.08226.
BRICKS, N_BRICK_BYTES = 0x00, 36
LIVES = 0x39
READING, PADDLE = 0x46, 0x48
SCORE_HIGH, SCORE_LOW = 0x4C, 0x4D
CLOCK_LOW, CLOCK_HIGH = 0x5A, 0x5B
BUILDING = 0x5E
NARROW = 0x61
BALL_X, BALL_Y, BALL_VY, BALL_VX = 0x63, 0x65, 0x67, 0x69
"""Each is a byte of whole pixels, followed by one of 1/256 pixels."""
HITS, STEEP = 0x6B, 0x6D

BALL_COLUMN, PADDLE_COLUMN = 49, 47
"""The console's columns of ball and paddle, minus those of the screen."""
NARROW_FLAG, MET_FLAG, BROKE_FLAG = 0x80, 0x40, 0x80


def load_emulator(
    *, repeat_action_probability: float = 0.0, seed: int | None = None, max_frames: int | None = None
) -> ale_py.ALEInterface:
    """Load Breakout into an emulator, just after reset, that prints no messages.

    seed: seed of its sticky actions, below 2^31. max_frames: the length of a game in frames; None: no limit.
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
    """`(6, 18, 2)`: the indices of each brick's two bits among the bits of the first 36 bytes, least bit first.

    Six stripes of the screen, from right to left, have a byte for each row, rows from the bottom; a bit is four pixels.
    The bits run from right to left where the console draws a byte backwards.
    """
    first_column = (128, 96, 80, 48, 16, 8)  # of each stripe
    used = (range(6), range(7, -1, -1), range(4, 8), range(8), range(7, -1, -1), range(6, 8))
    bits = np.empty((len(BRICK_ROWS), BRICKS_IN_A_ROW, 2), dtype=np.int64)
    for stripe, (left, order) in enumerate(zip(first_column, used, strict=True)):
        for number, bit in enumerate(order):
            brick, half = divmod(left + 4 * number - 8, 8)
            for row in range(len(BRICK_ROWS)):
                byte = len(BRICK_ROWS) * stripe + len(BRICK_ROWS) - 1 - row
                bits[row, brick, half // 4] = 8 * byte + bit
    return bits


_BRICK_BITS = _brick_bits()


def from_ram(ram: np.ndarray, knob: int | np.ndarray) -> np.ndarray:
    """Read the states of games, `(1,)` or `(n,)` of dtype STATE, from the console's memory.

    ram: `(128,)` uint8, or `(n, 128)` for n games. knob: its resistance in ohms, one number or `(n,)`.

    The memory does not hold everything. Count the knob from KNOB_START at reset with `rules.next_knob`. The score and
    the lives that the screen shows lag one frame behind; here they are the current ones. A clock that has overflowed is
    back at 0.
    """
    rams = np.array(ram, dtype=np.uint8, ndmin=2)
    byte = rams.T.astype(np.int32)  # byte[address] is (n,)

    def word(address: int) -> np.ndarray:
        return byte[address] << 8 | byte[address + 1]

    def decimal(address: int) -> np.ndarray:
        return (byte[address] >> 4) * 10 + (byte[address] & 15)

    states = np.zeros(len(rams), dtype=STATE)
    states["knob"] = knob
    bits = np.unpackbits(rams[:, :N_BRICK_BYTES], axis=1, bitorder="little")
    states["bricks"] = bits[:, _BRICK_BITS].all(axis=-1)
    states["clock"] = byte[CLOCK_HIGH] << 8 | byte[CLOCK_LOW]
    states["lives"] = states["shown_lives"] = byte[LIVES]
    states["score"] = states["shown_score"] = 100 * decimal(SCORE_HIGH) + decimal(SCORE_LOW)
    states["building"] = np.where(byte[BUILDING] & 0x80, (byte[BUILDING] & 0x3F) + 1, 0)
    states["ball_x"], states["ball_y"] = word(BALL_X) - BALL_COLUMN * PIXEL, word(BALL_Y)
    states["ball_vx"] = -word(BALL_VX).astype(np.int16)  # the console's is positive to the left
    states["ball_vy"] = word(BALL_VY).astype(np.int16)
    states["hits"] = byte[HITS] & 0x3F
    states["met"], states["broke"] = byte[HITS] & MET_FLAG != 0, byte[HITS] & BROKE_FLAG != 0
    states["steep"], states["narrow"] = byte[STEEP] != 0, byte[NARROW] & NARROW_FLAG != 0
    states["paddle"], states["reading"] = byte[PADDLE] - PADDLE_COLUMN, byte[READING]
    return states


def to_ram(state: Any, ram: np.ndarray) -> np.ndarray:
    """A copy of the console's memory `ram`, `(128,)` uint8, that holds `state`, one element of dtype STATE."""
    new = ram.copy()
    bits = np.unpackbits(new[:N_BRICK_BYTES], bitorder="little")
    bits[_BRICK_BITS] = state["bricks"][..., None]
    new[:N_BRICK_BYTES] = np.packbits(bits, bitorder="little")
    new[CLOCK_HIGH], new[CLOCK_LOW] = divmod(int(state["clock"]) % 65_536, 256)
    new[LIVES] = state["lives"]
    hundreds, rest = divmod(int(state["score"]), 100)
    new[SCORE_HIGH], new[SCORE_LOW] = hundreds, rest // 10 * 16 + rest % 10
    building = int(state["building"])
    new[BUILDING] = 0xC0 | (building - 1) if building else 0
    for address, value in (
        (BALL_X, state["ball_x"] + BALL_COLUMN * PIXEL),
        (BALL_Y, state["ball_y"]),
        (BALL_VX, -state["ball_vx"]),
        (BALL_VY, state["ball_vy"]),
    ):
        new[address], new[address + 1] = divmod(int(value) % 65_536, 256)
    new[HITS] = state["hits"] + MET_FLAG * bool(state["met"]) + BROKE_FLAG * bool(state["broke"])
    new[STEEP] = 2 * bool(state["steep"])
    new[NARROW] = new[NARROW] & ~np.uint8(NARROW_FLAG) | NARROW_FLAG * bool(state["narrow"])
    new[PADDLE] = state["paddle"] + PADDLE_COLUMN
    new[READING] = state["reading"]
    return new


def write_ram(ale: ale_py.ALEInterface, ram: np.ndarray) -> None:
    """Write 128 bytes into the console's memory.

    Collisions on the previous picture still take effect in the next frame; the frame after that is the first one that
    follows from `ram` alone.
    """
    for address in np.flatnonzero(ale.getRAM() != ram).tolist():
        ale.setRAM(address, int(ram[address]))
