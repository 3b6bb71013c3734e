"""The rules of Breakout: the state of a game, the four actions, and what one frame does.

This is the game as ale-py 0.12 plays it (mode 0, difficulty 0), reproduced frame by frame, oddities included. The rules
were found by experiment: change the console's memory and watch what follows. `rlbreakout bench --part twin` compares
them with the emulator.

    states = new_games(1_000)                            # 1,000 games just after reset
    points = play(states, actions, frames=4)             # each game holds its action for 4 frames
    states["score"], states["ball_x"], states["bricks"]  # what the games look like now

The ball's speed depends on how often it has met the paddle, and it flies steeply after a hit near the paddle's middle.
It breaks one brick at a time: before it can break another, it has to meet the paddle or the upper wall.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    BRICK_HEIGHT,
    BRICK_ROWS,
    BRICK_WIDTH,
    BRICKS_IN_A_ROW,
    BRICKS_LEFT,
    BRICKS_TOP,
    NARROW_PADDLE,
    PADDLE_HEIGHT,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WALL_POINTS,
    WIDE_PADDLE,
)
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

NONE, FIRE, RIGHT, LEFT = range(4)
"""The actions. FIRE launches the ball; RIGHT and LEFT turn the knob of the paddle controller."""
N_ACTIONS = 4

LIVES = 5
LAST_FRAME = 65_536
"""The clock has 16 bits. When it overflows, after 18 minutes, the console starts its demonstration and never returns,
so the game ends there."""
PIXEL, PIXEL_BITS = 256, 8
"""The console counts the ball's position in 1/256 pixels: `position >> PIXEL_BITS` is the pixel."""

# The knob. A press changes its resistance by a fixed amount, and the game measures the resistance by counting the
# screen lines that a capacitor takes to charge. The two ends are no whole number of presses away from the start, so the
# knob can rest at 101 resistances, each with a fixed reading. All of them were measured.
KNOB_START, KNOB_STEP = 408_823, 23_000
KNOB_LEAST, KNOB_MOST = 27_450, 790_196
# fmt: off
READINGS = np.array([
    0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 12, 16, 18, 18, 22, 24, 24, 26, 28, 30, 32, 34, 34, 38, 40, 40, 44, 46, 46, 48, 50,
    52, 54, 56, 58, 60, 62, 64, 66, 68, 68, 72, 74, 74, 76, 80, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100, 102, 104,
    106, 108, 108, 112, 114, 114, 116, 120, 120, 122, 126, 126, 128, 130, 132, 134, 136, 138, 140, 142, 144, 146, 148,
    150, 152, 154, 154, 158, 160, 160, 164, 166, 166, 168, 172, 172, 174, 178, 178, 180, 182, 184,
], dtype=np.int32)
# fmt: on
"""What the game reads at each resistance of the knob, from the least to the most."""
_LADDERS = [range(start % KNOB_STEP, KNOB_MOST + 1, KNOB_STEP) for start in (KNOB_LEAST, KNOB_START, KNOB_MOST)]
KNOBS = np.unique([knob for ladder in _LADDERS for knob in ladder if knob >= KNOB_LEAST])
"""The 101 resistances that the knob can have, in ohms: ladders of KNOB_STEP from the start and from either end."""
assert len(KNOBS) == len(READINGS)
MOST_READING = 188
"""The paddle's target is column `MOST_READING - reading`; it covers half of the distance in every frame."""

# The ball.
NO_BALL = 0
TWICE_DRAWN = 0x54
"""The line below the wall, which the screen shows twice."""
LAUNCH_LINE = 0x70
LAUNCH_COLUMNS = np.array([15, 79, 79, 143], dtype=np.int32)
LAUNCH_DIRECTIONS = np.array([1, -1, 1, -1], dtype=np.int32)
"""Where the ball appears, and which way it flies, depends on the last two bits of the clock."""
LOST_LINE = 0xD0
SPEEDS = np.array(
    [
        [[384, 256], [256, 384]],
        [[384, 512], [128, 512]],
        [[512, 256], [512, 256]],
        [[512, 512], [512, 512]],
        [[512, 864], [512, 864]],
    ],
    dtype=np.int32,
)
"""`[hits // 4, steep]`: columns and rows a frame, in 1/256 pixels. Every fourth hit changes the speed, up to the
twelfth; a brick of the upper three rows brings the fastest speed at once."""
MOST_HITS, HITS_AFTER_UPPER_ROWS = 12, 16

# The walls, as the console's collision registers report them.
UPPER_WALL_LINE = 0x18
LEFT_WALL, RIGHT_WALL = 7, 151
"""A ball at or beyond one of these columns is turned back."""
SIDE_WALLS_END = 0xBA
"""On this line, the last of the side walls, only the blocks at their feet turn the ball."""
LEFT_FOOT, RIGHT_FOOT = (-1, 7), (159, 162)

# The paddle. The ball leaves towards the side of the half that it meets.
FLAT_FROM = 5
"""Columns from the middle from which on the ball leaves flat; nearer it leaves steep."""
OFF_CENTRE = 4
"""A ball that meets the very middle is moved back by this many columns, as if it had met the left half."""

# The wall of bricks. The console finds the brick from the ball's position, which is one line, and in the first row also
# one column, off from where the ball is drawn. So the ball can break the neighbour of the brick that it touches.
BRICK_LINE = 0x32
WALL_END = BRICK_LINE + BRICK_HEIGHT * len(BRICK_ROWS)
"""The line below which no brick can break."""
BRICK_POINTS = np.array([row.points for row in BRICK_ROWS], dtype=np.int32)
"""Points for a brick, by its row."""
FRAMES_TO_BUILD = 37
"""After reset. The second wall takes one frame."""

LIMITS = {
    "clock": (0, LAST_FRAME),
    "lives": (0, LIVES),
    "score": (0, 999),
    "shown_lives": (0, 9),
    "shown_score": (0, 999),
    "building": (0, FRAMES_TO_BUILD),
    "ball_x": (-128 * PIXEL, 255 * PIXEL),
    "ball_y": (0, 256 * PIXEL - 1),
    "ball_vx": (-16 * PIXEL, 16 * PIXEL),
    "ball_vy": (-16 * PIXEL, 16 * PIXEL),
    "hits": (0, HITS_AFTER_UPPER_ROWS),
    "paddle": (PADDLE_LEFTMOST, PADDLE_RIGHTMOST),
    "reading": (0, READINGS[-1]),
    "knob": (KNOB_LEAST, KNOB_MOST),
}
"""The numbers in a state, with the least and the most that `play` accepts."""
_LEAST, _MOST = np.array(list(LIMITS.values())).T.copy()
STATE = np.dtype(
    [(name, np.int32) for name in LIMITS]
    + [(name, np.bool_) for name in ("steep", "met", "broke", "narrow")]
    + [("bricks", np.uint8, (len(BRICK_ROWS), BRICKS_IN_A_ROW))]
)
"""The state of a game. An array of n games has this dtype and shape `(n,)`.

| field                  | unit                | meaning                                                               |
|------------------------|---------------------|-----------------------------------------------------------------------|
| clock                  | frames              | since reset; the game ends at LAST_FRAME                              |
| lives, score           | lives, points       | the game ends when no life is left                                    |
| shown_lives, _score    | lives, points       | what the screen shows, one frame late                                 |
| building               | frames              | until a new wall is built; till then the ball touches nothing         |
| ball_x                 | 1/256 column        | left edge of the ball on the screen                                   |
| ball_y                 | 1/256 line          | top edge of the ball, see `row_of_line`; below PIXEL, none is in play |
| ball_vx, ball_vy       | 1/256 pixel a frame | positive to the right, positive downwards                             |
| hits                   | 0 to 12, or 16      | how often the ball met the paddle; 16 after a brick of the upper rows |
| steep                  | bool                | the ball flies at the steep variant of its speed                      |
| met                    | bool                | it passes through the paddle until it meets a brick or the upper wall |
| broke                  | bool                | it breaks no brick until it meets the paddle or the upper wall        |
| narrow                 | bool                | the paddle is 12 columns wide, not 16                                 |
| paddle                 | column              | left edge of the paddle on the screen                                 |
| reading                | 0 to 184            | what the game last read from the knob; large is left                  |
| knob                   | ohms                | resistance of the knob in the emulator; large is left                 |
| bricks                 | (6, 18) uint8       | 1: the brick stands, 0: it is gone; rows from the top                 |
"""


def new_games(n: int) -> np.ndarray:
    """`n` games just after reset: `(n,)` of dtype STATE. Every reset gives the same state."""
    states = np.zeros(n, dtype=STATE)
    states["lives"] = states["shown_lives"] = LIVES
    states["building"] = FRAMES_TO_BUILD
    states["bricks"] = 1
    states["ball_x"] = -49 * PIXEL  # column 0 of the console
    states["paddle"] = 99
    states["knob"], states["reading"] = KNOB_START, reading_of(KNOB_START)
    return states


def play(states: np.ndarray, actions: np.ndarray, frames: int | np.ndarray = 1) -> np.ndarray:
    """Play every game on, in place, and return the points that it made, `(n,)` int64.

    states: `(n,)` of dtype STATE. actions: `(n,)` integers, 0 none, 1 fire, 2 right, 3 left, as the console executes
    them; sticky actions are up to the caller. frames: how long the action is held, one integer or `(n,)`. A finished
    game stays as it is and makes no points.

    Raises UserError for another dtype or shape, an action outside of 0..3, or a state that no game can have.
    """
    whole = check_states(states)
    n = len(whole)
    held, for_frames = _integers(actions, "actions", [(n,)]), _integers(frames, "frames", [(), (n,)])
    points = np.zeros(n, dtype=np.int64)
    wrong = _play(whole, whole.view(np.int32).reshape(n, STATE.itemsize // 4), held, for_frames, points)
    if wrong >= 0:
        raise UserError(_describe_wrong(whole, held, for_frames, wrong))
    if whole is not states:
        states[...] = whole
    return points


def check_states(states: np.ndarray) -> np.ndarray:
    """Return `states`, or a contiguous copy, if it is an `(n,)` array of dtype STATE. Raises UserError otherwise."""
    if not isinstance(states, np.ndarray) or states.dtype != STATE or states.ndim != 1:
        what = f"{states.dtype} {states.shape}" if isinstance(states, np.ndarray) else type(states).__name__
        raise UserError(f"states is {what}; allowed: an array (n,) of dtype STATE, such as new_games(n)")
    return np.ascontiguousarray(states)


def _integers(values: Any, name: str, shapes: list[tuple[int, ...]]) -> np.ndarray:
    """`values` as `(n,)` int64, where `(n,)` is the last of the allowed `shapes`."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.shape not in shapes:
        allowed = " or ".join(map(str, shapes))
        raise UserError(f"{name} is {array.dtype} {array.shape}; allowed: integers of shape {allowed}")
    # Always a copy: Numba would compile `_play` again for a read-only array, such as a broadcast one.
    return np.array(np.broadcast_to(array, shapes[-1]), dtype=np.int64, order="C")


def _describe_wrong(states: np.ndarray, actions: np.ndarray, frames: np.ndarray, game: int) -> str:
    """Say what `_play` found wrong with game number `game`."""
    if not 0 <= actions[game] < N_ACTIONS:
        return f"actions[{game}] is {actions[game]}; allowed: 0 none, 1 fire, 2 right, 3 left"
    if not 0 <= frames[game] <= LAST_FRAME:
        return f"frames[{game}] is {frames[game]}; allowed: 0 to {LAST_FRAME}"
    why = "no life is left, but a ball is in play; allowed: ball_y below 256"
    for name, (least, most) in LIMITS.items():
        if not least <= states[name][game] <= most:
            why = f"{name} is {states[name][game]}; allowed: {least} to {most}"
            break
    return f"states[{game}] is no state of a game: {why}"


@compiled
def _play(states: np.ndarray, numbers: np.ndarray, actions: np.ndarray, frames: np.ndarray, points: np.ndarray) -> int:
    """Play all games and fill in `points`. If one of them cannot be played, return its index and play none; else -1.

    numbers: `states` as `(n, 42)` int32, the fields of LIMITS first.
    """
    for game in range(len(states)):
        possible = 0 <= actions[game] < N_ACTIONS and 0 <= frames[game] <= LAST_FRAME
        for field in range(len(_LEAST)):
            possible &= _LEAST[field] <= numbers[game, field] <= _MOST[field]
        if not possible or (states[game].lives == 0 and states[game].ball_y >= PIXEL):
            return game
    for game in range(len(states)):
        points[game] = hold(states[game], actions[game], frames[game])
    return -1


# One game. `game` is one element of an array of states and is changed in place.


@compiled
def hold(game: Any, action: int, frames: int) -> int:
    """Hold one action for `frames` frames, or to the end of the game. Returns the points."""
    points = 0
    for _ in range(frames):
        if is_over(game):
            break
        points += one_frame(game, action)
    return points


@compiled
def is_over(game: Any) -> bool:
    """Whether the last life is lost, or the clock has overflowed."""
    return game.lives == 0 or game.clock >= LAST_FRAME


@compiled
def one_frame(game: Any, action: int) -> int:
    """Play one frame and return its points."""
    points = 0
    game.shown_lives, game.shown_score = game.lives, game.score  # drawn before the game moves on
    game.clock += 1
    if game.clock == LAST_FRAME:
        _lose_ball(game)
    elif game.ball_y < PIXEL:
        if action == FIRE:
            _launch(game)
    elif game.ball_y >= LOST_LINE * PIXEL:
        game.lives -= 1
        _lose_ball(game)
        if game.lives == 0:
            game.clock = 0  # the console resets it when the game is over
    # Collisions on the previous picture take effect.
    if game.building > 0 and game.clock < LAST_FRAME:
        game.building -= 1
        game.bricks[:] = 1
    elif game.ball_y >= PIXEL:
        _meet_paddle(game)
        points = _meet_walls(game)
    # Then everything moves. The paddle follows the knob as it was read one frame ago.
    game.paddle = next_paddle(game.paddle, game.reading)
    game.ball_x += game.ball_vx
    game.ball_y += game.ball_vy
    if action in (RIGHT, LEFT):
        game.knob = next_knob(game.knob, action)
        game.reading = reading_of(game.knob)
    return points


@compiled
def fly(game: Any) -> int:
    """Play one frame of a ball in play as if there were no paddle. Returns its points."""
    points = 0
    if game.building > 0:
        game.building -= 1
        game.bricks[:] = 1
    else:
        points = _meet_walls(game)
    game.ball_x += game.ball_vx
    game.ball_y += game.ball_vy
    return points


@compiled
def _launch(game: Any) -> None:
    """Let the ball appear below the wall, falling. It keeps the fractions of a pixel of the previous ball."""
    place = game.clock & 3
    game.ball_x = LAUNCH_COLUMNS[place] * PIXEL + game.ball_x % PIXEL
    game.ball_y = LAUNCH_LINE * PIXEL + game.ball_y % PIXEL
    game.ball_vx, game.ball_vy = LAUNCH_DIRECTIONS[place] * PIXEL, PIXEL


@compiled
def _lose_ball(game: Any) -> None:
    """Take the ball out of play. The next one starts with its column, its fractions of a pixel and its `steep`."""
    game.ball_y = NO_BALL + game.ball_y % PIXEL
    game.ball_vx = game.ball_vy = 0
    game.hits = 0
    game.met = game.broke = game.narrow = False


@compiled
def _meet_paddle(game: Any) -> None:
    row = row_of_line(game.ball_y >> PIXEL_BITS)
    if game.met or not PADDLE_TOP - BALL_HEIGHT < row < PADDLE_TOP + PADDLE_HEIGHT:
        return
    column, width = game.ball_x >> PIXEL_BITS, width_of(game)
    if game.paddle - BALL_WIDTH < column < game.paddle + width:
        bounce(game, (game.paddle + width // 2) - (column + BALL_WIDTH // 2) - 1)


@compiled
def bounce(game: Any, left_of_middle: int) -> None:
    """Send the ball up from the paddle. `left_of_middle`: columns between the paddle's middle and the point to its left
    where the ball meets it; negative on the right half."""
    if left_of_middle == 0:
        game.ball_x += OFF_CENTRE * PIXEL if game.ball_vx < 0 else -OFF_CENTRE * PIXEL
        left_of_middle = 1
    game.steep = abs(left_of_middle) < FLAT_FROM
    if game.hits < MOST_HITS:
        game.hits += 1
    game.met, game.broke = True, False
    _turn_back(game)
    if (game.ball_vx < 0) != (left_of_middle > 0):
        game.ball_vx = -game.ball_vx
    if game.score == WALL_POINTS:
        game.building = 1


@compiled
def _meet_walls(game: Any) -> int:
    """Collide with the upper wall, the bricks and the side walls; return the points."""
    if game.ball_y >> PIXEL_BITS <= UPPER_WALL_LINE:
        game.narrow = True
        game.met = game.broke = False
        game.ball_vy = -game.ball_vy
    points = _meet_bricks(game)
    _meet_side_walls(game)
    return points


@compiled
def _meet_bricks(game: Any) -> int:
    if game.broke or game.ball_y >= WALL_END * PIXEL:
        return 0
    line, column = game.ball_y >> PIXEL_BITS, game.ball_x >> PIXEL_BITS
    if not _touches_a_brick(game.bricks, row_of_line(line), column):
        return 0
    row = max(line - BRICK_LINE, 0) // BRICK_HEIGHT
    shift = 1 if row == 0 else 0
    brick = min(max((column - BRICKS_LEFT - shift) // BRICK_WIDTH, 0), BRICKS_IN_A_ROW - 1)
    if not game.bricks[row, brick]:
        return 0
    game.bricks[row, brick] = 0
    game.met, game.broke = False, True
    if row < 3:  # red, orange or ochre
        game.hits, game.steep = HITS_AFTER_UPPER_ROWS, False
    _turn_back(game)
    game.score += BRICK_POINTS[row]
    return BRICK_POINTS[row]


@compiled
def _touches_a_brick(bricks: np.ndarray, top: int, left: int) -> bool:
    """Whether a ball drawn at this row and column of the screen overlaps a brick."""
    for row in range(len(BRICK_ROWS)):
        first = BRICKS_TOP + BRICK_HEIGHT * row
        if first - BALL_HEIGHT < top < first + BRICK_HEIGHT:
            for column in (left, left + BALL_WIDTH - 1):
                brick = (column - BRICKS_LEFT) // BRICK_WIDTH
                if 0 <= brick < BRICKS_IN_A_ROW and bricks[row, brick]:
                    return True
    return False


@compiled
def _turn_back(game: Any) -> None:
    """Reverse the vertical direction, at the speed that belongs to the hits."""
    across, along = SPEEDS[game.hits // 4, 1 if game.steep else 0]
    game.ball_vx = -across if game.ball_vx < 0 else across
    game.ball_vy = along if game.ball_vy < 0 else -along


@compiled
def _meet_side_walls(game: Any) -> None:
    line, column = game.ball_y >> PIXEL_BITS, game.ball_x >> PIXEL_BITS
    if line < SIDE_WALLS_END:
        left, right = column <= LEFT_WALL, column >= RIGHT_WALL
    elif line == SIDE_WALLS_END:
        left = LEFT_FOOT[0] <= column <= LEFT_FOOT[1]
        right = RIGHT_FOOT[0] <= column <= RIGHT_FOOT[1]
    else:
        return
    if (left and game.ball_vx < 0) or (right and game.ball_vx > 0):
        game.ball_vx = -game.ball_vx


@compiled
def next_paddle(paddle: int, reading: int) -> int:
    """The paddle's column one frame later: half of the way to where the knob was read one frame ago."""
    return min(max((paddle + MOST_READING - reading) >> 1, PADDLE_LEFTMOST), PADDLE_RIGHTMOST)


@compiled
def next_knob(knob: int, action: int) -> int:
    """The knob's resistance after one frame of RIGHT or LEFT, in ohms."""
    return max(knob - KNOB_STEP, KNOB_LEAST) if action == RIGHT else min(knob + KNOB_STEP, KNOB_MOST)


@compiled
def reading_of(knob: int) -> int:
    """What the game reads at one of the 101 resistances that the knob can have."""
    return READINGS[knob_number(knob)]


@compiled
def knob_number(knob: int) -> int:
    """The number of a resistance that the knob can have, 0 to 100, from the least: its index in READINGS.

    They lie on three ladders of KNOB_STEP, one from the start and one from either end, so each span of KNOB_STEP has
    three.
    """
    span, rest = knob // KNOB_STEP, knob % KNOB_STEP
    ladder = (1 if rest > KNOB_LEAST % KNOB_STEP else 0) + (1 if rest > KNOB_MOST % KNOB_STEP else 0)
    return min(max(3 * (span - KNOB_LEAST // KNOB_STEP) + ladder, 0), len(READINGS) - 1)


@compiled
def width_of(game: Any) -> int:
    """Width of the paddle, in columns."""
    return NARROW_PADDLE if game.narrow else WIDE_PADDLE


@compiled
def row_of_line(line: int) -> int:
    """The row of the screen on which a line of the console's picture is first drawn."""
    return line + 8 if line <= TWICE_DRAWN else line + 9
