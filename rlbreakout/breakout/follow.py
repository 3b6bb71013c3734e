"""The exact state of a game, inferred from its screens and the actions that were sent to it.

A screen shows neither the speed of the ball nor the place of the knob, and with sticky actions nobody knows which
action the emulator executed. A `Follower` keeps every state that the game can be in. After each step it plays all of
them on by the rules, in every way that sticky actions and the frame skip allow, and drops those that would show
another screen. Usually one is left. It reads no memory of the console.

    follower = Follower(n=8)
    follower.begin(screens)                  # the first screens of 8 games
    follower.look(screens, actions)          # after each step: the new screens, and the actions that were sent
    follower.states["ball_x"]                # the most probable state of each game
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlbreakout.breakout.draw import (
    BLOCK_HEIGHT,
    BLOCK_WIDTH,
    DIGIT_HEIGHT,
    DIGIT_WIDTH,
    DIGITS_TOP,
    HUNDREDS,
    LAST_LINE_RIGHT,
    LIVES_DIGIT,
    ONES,
    TENS,
    draw,
)
from rlbreakout.breakout.rules import (
    FRAMES_TO_BUILD,
    KNOB_LEAST,
    KNOB_MOST,
    KNOB_START,
    KNOB_STEP,
    LAST_FRAME,
    MOST_HITS,
    MOST_READING,
    N_ACTIONS,
    NONE,
    PIXEL,
    PIXEL_BITS,
    SIDE_WALLS_END,
    SPEEDS,
    STATE,
    TWICE_DRAWN,
    UPPER_WALL_LINE,
    is_over,
    new_games,
    one_frame,
    play,
    reading_of,
    row_of_line,
    width_of,
)
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    BALL_WIDTH,
    BRICK_HEIGHT,
    BRICK_ROWS,
    BRICK_WIDTH,
    BRICKS_BOTTOM,
    BRICKS_IN_A_ROW,
    BRICKS_LEFT,
    BRICKS_TOP,
    GAME_LEFT,
    GAME_RIGHT,
    GAME_TOP,
    HEIGHT,
    PADDLE_HEIGHT,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WALL_POINTS,
    WIDTH,
)
from rlbreakout.compiled import compiled
from rlbreakout.errors import UserError

MOST_FRAMES = 6
"""The longest frame skip that is considered."""
MOST_NO_OPS = 100
"""A game's first screen may come after so many frames without an action."""
MOST_STATES = 128
"""How many possible states of a game are kept, the most probable ones."""
MOST_GUESSES = 2_048
"""The same, while a game is picked up in the middle."""
_FEW_STATES = 16
"""From so few states on, a game that was picked up is followed like any other."""
_POOL = 4_096
_LEAST_PROBABILITY = 1e-10

# What is learned about the environment, as it goes along.
_LIKELY_SKIP = 0.01
"""Less likely frame skips are tried only if the others explain nothing."""
_SKIP_MEMORY = 0.99
_RATE = 0.02
_STICKY_RANGE, _REPEATED_RANGE = (0.02, 0.7), (0.003, 0.3)

# A possible state: the last executed action, the probability, and all fields of a STATE, so that the rules can play it.
_MEMBER = np.dtype([("executed", np.int64), ("weight", np.float64), *STATE.descr])
_WORDS = _MEMBER.itemsize // 8
_STATE_AT = _MEMBER.itemsize - STATE.itemsize
"""Its first byte."""

# What is known about a game, beside its possible states.
_KNOWN = np.dtype(
    [
        ("size", np.int64),  # possible states
        ("searching", np.bool_),  # the ball's flight is not known yet, only the paddle is followed
        ("looks", np.int64),  # since the search began or ended
        ("picked_up", np.bool_),  # in the middle, and much about it is not known yet
        ("clock_unknown", np.bool_),  # its last two bits
        ("restarts", np.int64),
        ("sticky", np.float64),  # estimate of the repeat_action_probability
        ("repeated", np.float64),  # estimate of how often a screen is shown twice
        ("skips", np.float64, (MOST_FRAMES + 1,)),  # for each number of frames, how often it explained a step
        ("shape", np.uint64),  # of the last screen
        ("lines", np.int64, (2,)),  # of the ball on the last two screens, -1 if it was not in the open
        ("columns", np.int64, (2,)),
    ]
)

# What is seen on a screen.
_SEEN = np.dtype(
    [
        ("bricks", np.uint8, (len(BRICK_ROWS), BRICKS_IN_A_ROW)),
        ("standing", np.int64),  # bricks
        ("lit", np.int64),  # pixels of the game area
        ("full", np.int64, (WIDTH + 1,)),  # columns left of this one that are lit in all rows of the paddle
        ("score", np.int64),  # -1 where it cannot be read
        ("lives", np.int64),
        ("shape", np.uint64),  # a hash of all of it
        ("ball_line", np.int64),  # of the console; -1 if the ball is not in the open
        ("ball_column", np.int64),
    ]
)

_GAME_BOTTOM = 196
"""The row below the lowest one that shows the ball."""
_BRICK_PIXELS = BRICK_HEIGHT * BRICK_WIDTH
_BRICK_POINTS = np.array([row.points for row in BRICK_ROWS])
_OPEN_TOP = 94
"""Below the wall of bricks, and below the line that is drawn twice."""

_REPEATS, _CHANCES = MOST_FRAMES + 1, MOST_FRAMES + 2
"""In a tally of what explained a step, behind the weights of all numbers of frames: in how many frames the last action
was repeated, and how many could have repeated it."""

_NOTHING, _PADDLE, _ALL = range(3)
"""What must be as it is on the screen."""


def _key() -> np.ndarray:
    """The bits by which two possible states differ, as words. The clock counts only to 4, and what the screen shows
    of score and lives not at all."""
    key = np.zeros(1, dtype=_MEMBER)
    key.view(np.uint8)[:] = 0xFF
    key["clock"] = 3
    key["shown_lives"] = key["shown_score"] = 0
    key["weight"] = 0
    return key.view(np.uint64)


_KEY = _key()


def _as_members(states: np.ndarray) -> np.ndarray:
    members = np.zeros(len(states), dtype=_MEMBER)
    for name in STATE.names or ():
        members[name] = states[name]
    members["executed"] = NONE
    return members


def _openings() -> np.ndarray:
    """What a new game can be at its first screen. After the wall is built only the clock's last two bits go on."""
    found = []
    for frames in range(FRAMES_TO_BUILD + 4):
        states = new_games(1)
        play(states, np.array([NONE]), frames)
        opening = _as_members(states)
        alike = 1 if frames < FRAMES_TO_BUILD else len(range(frames, MOST_NO_OPS + 1, 4))
        # Half of the games are taken to begin without a frame.
        opening["weight"] = 0.5 * alike / (MOST_NO_OPS + 1) + (0.5 if frames == 0 else 0.0)
        found.append(opening)
    return np.concatenate(found)


_OPENINGS = _openings()
_KNOBS = np.unique(
    [
        knob
        for start in (KNOB_START, KNOB_LEAST, KNOB_MOST)
        for knob in range(start - 50 * KNOB_STEP, start + 50 * KNOB_STEP, KNOB_STEP)
        if KNOB_LEAST <= knob <= KNOB_MOST
    ]
)
"""The 101 places of the knob."""


def _flights() -> np.ndarray:
    """`(n, 4)`: how a ball can fly; columns and rows in 1/256 pixels a frame, its hits, and whether it is steep."""
    found = [(PIXEL, PIXEL, 0, steep) for steep in (0, 1)]
    for hits in (*range(1, MOST_HITS + 1), 16):
        for steep in (0, 1):
            across, along = SPEEDS[hits // 4, steep] * PIXEL
            found.append((int(across), int(along), hits, steep))
    return np.array(found, dtype=np.int64)


_FLIGHTS = _flights()
_FRACTIONS_X, _FRACTIONS_Y = np.arange(0, PIXEL, 128), np.arange(0, PIXEL, 32)
"""Those that the speeds can lead to."""


def _digit_patterns() -> np.ndarray:
    """`(10,)`: the 15 blocks of each digit as bits."""
    states = new_games(10)
    states["shown_lives"] = np.arange(10)
    rows = DIGITS_TOP + BLOCK_HEIGHT * np.arange(DIGIT_HEIGHT)[:, None]
    blocks = draw(states)[:, rows, LIVES_DIGIT + BLOCK_WIDTH * np.arange(DIGIT_WIDTH)] > 0
    return (blocks.reshape(10, -1) << np.arange(DIGIT_HEIGHT * DIGIT_WIDTH)).sum(axis=1)


_DIGIT_PATTERNS = _digit_patterns()


class Follower:
    """The states of n games, inferred from screens and actions.

    You need not tell it the `repeat_action_probability` or the frame skip (1 to 6 frames, fixed or random): it learns
    both. Colours do not matter, as long as the background is 0 and everything else is not. It copes with a screen that
    is shown again although the game went on.

    If a screen fits none of the possible states, the follower starts again from what it sees. It first finds the knob
    from the moves of the paddle, and then the speed of the ball, usually within 10 agent steps. It does the same when
    the first screen is not that of a new game. After that, several states remain possible until the ball has shown
    what the screen hides, such as how often it has met the paddle.

    The clock is known only up to a multiple of 4 frames. Nothing else depends on the rest of it, except that the game
    ends after 65,536 frames.
    """

    def __init__(self, n: int = 1) -> None:
        """n: how many games. Raises UserError if it is below 1."""
        if n < 1:
            raise UserError(f"n is {n}; allowed: 1 or more games")
        self.n = n
        self.states = new_games(n)
        """`(n,)` of dtype STATE: the most probable state of each game, updated in place. While its size is 0, the ball
        has no speed; it is where the last screen shows it, or not in play if it was not in the open there."""
        self.executed = np.zeros(n, dtype=np.int64)
        """`(n,)` int64: the action that each game executed in its last frame, according to its most probable state."""
        self._known = np.zeros(n, dtype=_KNOWN)
        self._known["sticky"], self._known["repeated"] = 0.25, 0.02
        self._known["skips"][:, 1:] = 1 / MOST_FRAMES
        self._members = np.empty((n, MOST_GUESSES), dtype=_MEMBER)
        pool = np.empty(_POOL, dtype=_MEMBER)
        self._work = (
            np.zeros(1, dtype=_SEEN),
            np.empty(2, dtype=_MEMBER),
            pool,
            pool.view(np.uint64).reshape(_POOL, _WORDS),
            np.empty(2 * _POOL, dtype=np.int16),
            np.zeros(_CHANCES + 1),
        )
        """Memory for one game at a time: what its screen shows, two states that are being played on, the pool of all
        results, the same pool as words, its hash table, and a tally of what explained the screen."""

    @property
    def sizes(self) -> np.ndarray:
        """`(n,)` int64: how many states each game can be in; 1: its state is exact, 0: it is being searched for."""
        return np.where(self._known["searching"], 0, self._known["size"])

    @property
    def certain(self) -> np.ndarray:
        """`(n,)` bool: the state is the only possible one."""
        return self.sizes == 1

    @property
    def restarts(self) -> np.ndarray:
        """`(n,)` int64: how often no possible state was left, since the follower was made."""
        return self._known["restarts"].copy()

    def possible(self, game: int) -> tuple[np.ndarray, np.ndarray]:
        """All states that game number `game` can be in, `(k,)` of dtype STATE, the most probable first, and their
        probabilities, `(k,)` float64. k is `sizes[game]`."""
        members = self._members[game, : self.sizes[game]]
        data = np.ascontiguousarray(members).view(np.uint8).reshape(len(members), _MEMBER.itemsize)
        states = np.ascontiguousarray(data[:, _STATE_AT:]).view(STATE).reshape(len(members))
        return states, members["weight"].copy()

    def begin(self, screens: np.ndarray, games: Sequence[int] | np.ndarray | None = None) -> None:
        """New games have begun, and these are their first screens, after reset and up to 100 frames without an action.

        screens: `(k, 210, 160)` or `(k, 210, 160, 3)` uint8. games: the numbers of the k games; None: all of them.
        A screen from the middle of a game is allowed, too. Raises UserError for other shapes or numbers.
        """
        numbers = self._numbers(games)
        shapes = _shapes(screens, len(numbers))
        _begin(shapes, numbers, self._known, self._members, self._view(self.states), self.executed, self._work)

    def look(
        self,
        screens: np.ndarray,
        sent: np.ndarray | Sequence[int] | Sequence[Sequence[int]],
        games: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        """Take in the next screens of games.

        screens: `(k, 210, 160)` or `(k, 210, 160, 3)` uint8. sent: for each of the k games the action that was sent to
        it since its last screen (0 none, 1 fire, 2 right, 3 left), or all of them in order, each held for 1 to 6
        frames. games: the numbers of the k games; None: all of them. Raises UserError for other shapes or numbers.
        """
        numbers = self._numbers(games)
        shapes = _shapes(screens, len(numbers))
        actions, ends = _actions(sent, len(numbers))
        states = self._view(self.states)
        _look(shapes, actions, ends, numbers, self._known, self._members, states, self.executed, self._work)

    def _view(self, states: np.ndarray) -> np.ndarray:
        return states.view(np.uint8).reshape(self.n, STATE.itemsize)

    def _numbers(self, games: Sequence[int] | np.ndarray | None) -> np.ndarray:
        if games is None:
            return np.arange(self.n)
        numbers = np.ascontiguousarray(games, dtype=np.int64).reshape(-1)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.n):
            raise UserError(f"games is {numbers.tolist()}; allowed: numbers from 0 to {self.n - 1}")
        return numbers


def _shapes(screens: np.ndarray, k: int) -> np.ndarray:
    """`(k, 210, 160)` uint8 in which all that is lit is above 0."""
    screens = np.asarray(screens)
    if screens.dtype != np.uint8 or screens.shape not in ((k, HEIGHT, WIDTH), (k, HEIGHT, WIDTH, 3)):
        raise UserError(
            f"screens is {screens.dtype} {screens.shape}; allowed: uint8 ({k}, 210, 160) or ({k}, 210, 160, 3)"
        )
    if screens.ndim == 4:
        shapes = np.empty(screens.shape[:3], dtype=np.uint8)
        _join_colours(np.ascontiguousarray(screens).reshape(-1), shapes.reshape(-1))
        return shapes
    return np.ascontiguousarray(screens)


def _actions(sent: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All actions in a row, and for each game where its own end."""
    if len(sent) != k:
        raise UserError(f"sent has {len(sent)} entries; allowed: {k}, one for each game")
    if all(isinstance(action, (int, np.integer)) for action in sent):
        together, ends = np.asarray(sent), np.arange(1, k + 1)
    else:
        lists = [np.atleast_1d(np.asarray(actions)) for actions in sent]
        together, ends = np.concatenate(lists), np.cumsum([len(actions) for actions in lists])
    if len(together) and (together.dtype.kind not in "iu" or together.min() < 0 or together.max() >= N_ACTIONS):
        raise UserError(f"sent is {together.tolist()}; allowed: 0 none, 1 fire, 2 right, 3 left")
    return together.astype(np.int64), ends.astype(np.int64)


# What follows is compiled. `seen`: what is on the screen. `known` and `members`: of one game.


@compiled
def _begin(screens, games, known, members, states, executed, work):
    seen = work[0][0]
    for i in range(len(games)):
        game = games[i]
        this, possible = known[game], members[game]
        _see(screens[i], seen)
        this.searching = this.picked_up = this.clock_unknown = False
        this.looks = this.size = 0
        for opening in range(len(_OPENINGS)):
            if _fits(_OPENINGS[opening], screens[i], seen):
                possible[this.size] = _OPENINGS[opening]
                this.size += 1
        if this.size == 0:
            _search(this, possible, seen, work[1][0])
        _report(this, possible, seen, states[game], executed, game)


@compiled
def _look(screens, actions, ends, games, known, members, states, executed, work):
    first = 0
    for i in range(len(games)):
        game = games[i]
        if ends[i] > first:
            _see(screens[i], work[0][0])
            _follow(actions[first : ends[i]], known[game], members[game], screens[i], work)
            _report(known[game], members[game], work[0][0], states[game], executed, game)
        first = ends[i]


@compiled
def _follow(actions, known, members, screen, work):
    """One game, by one screen and all actions before it."""
    seen, played, pool, _, _, tally = work
    most = MOST_GUESSES if known.picked_up else MOST_STATES
    known.looks += 1
    if len(actions) > 1:
        known.lines[:] = -1  # the ball was not seen after each of them
    for action in actions[:-1]:
        n = _play_on(action, known, members, screen, _NOTHING, _LIKELY_SKIP, work)
        known.size = _keep(members, pool, n, most)
    compare = _PADDLE if known.searching else _ALL
    action = actions[-1]
    n = _play_on(action, known, members, screen, compare, _LIKELY_SKIP, work)
    if n == 0:
        n = _play_on(action, known, members, screen, compare, 0.0, work)
    if n > 0:
        _learn(known, seen[0], tally)
        known.size = _keep(members, pool, n, most)
        if known.searching:
            _find_flight(known, members, pool, screen, seen[0])
    elif known.searching or not is_over(members[0]):
        if not known.searching:
            known.restarts += 1
        _search(known, members, seen[0], played[0])
    if known.clock_unknown and not known.searching and 4 * known.size <= MOST_STATES:
        _split_clock(known, members)
    if known.size <= _FEW_STATES and not known.clock_unknown:
        known.picked_up = False


@compiled
def _play_on(action, known, members, screen, compare, least, work):
    """Play all members on for one action, into the pool; returns how many possible states there are now.

    The emulator first repeats the last executed action for some frames, maybe none, then it executes the one that was
    sent. All numbers of frames at least as likely as `least` are tried.
    """
    seen, stuck, switched = work[0][0], work[1][0:1], work[1][1:2]
    slots, tally = work[4], work[5]
    slots[:] = -1
    tally[:] = 0
    total, longest = known.skips.sum(), 0
    for frames in range(1, MOST_FRAMES + 1):
        if known.skips[frames] > least * total:
            longest = frames
    seen_twice = known.repeated if compare != _NOTHING and seen.shape == known.shape else 0.0
    n = 0
    for member in range(known.size):
        stuck[0] = members[member]
        probability = members[member].weight
        same = members[member].executed == action
        for repeats in range(longest + 1):
            if repeats > 0:
                if not is_over(stuck[0]):
                    one_frame(stuck[0], stuck[0].executed)
                skip = known.skips[repeats] / total
                if skip > least:
                    counted = 0 if same else repeats
                    weight = probability * skip
                    n = _offer(stuck[0], weight, repeats, counted, counted, n, screen, compare, seen_twice, work)
            if same:
                continue
            switched[0] = stuck[0]
            switched[0].executed = action
            for frames in range(repeats + 1, longest + 1):
                if not is_over(switched[0]):
                    one_frame(switched[0], action)
                skip = known.skips[frames] / total
                if skip > least:
                    weight = probability * skip * (1 - known.sticky)
                    n = _offer(switched[0], weight, frames, repeats, repeats + 1, n, screen, compare, seen_twice, work)
            probability *= known.sticky
    return n


@compiled
def _offer(game, weight, frames, repeats, chances, n, screen, compare, seen_twice, work):
    """Add a state to the pool if it explains the screen, and what led to it to the tally; returns the pool's new size.

    `seen_twice`: how probable it is that the screen is an old one and shows nothing of the state."""
    seen, tally = work[0][0], work[5]
    if compare != _NOTHING:
        fits = _paddle_fits(game, seen) if compare == _PADDLE else _fits(game, screen, seen)
        if not fits:
            weight *= seen_twice
    if weight == 0:
        return n
    tally[frames] += weight
    tally[_REPEATS] += repeats * weight
    tally[_CHANCES] += chances * weight
    return _add(game, weight, n, compare, work)


@compiled
def _add(game, weight, n, compare, work):
    """Add a state to the pool of n, or its weight to that of the same state; returns how many there are now."""
    _, _, pool, words, slots, _ = work
    if n == len(pool):
        return n
    pool[n] = game
    pool[n].weight = weight
    if compare == _PADDLE:
        _forget_ball(pool[n])
    hashed = np.uint64(0)
    for word in range(_WORDS):
        hashed = (hashed ^ (words[n, word] & _KEY[word])) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    slot = np.int64(hashed & np.uint64(len(slots) - 1))
    while slots[slot] >= 0:
        other = slots[slot]
        same = True
        for word in range(_WORDS):
            if (words[n, word] ^ words[other, word]) & _KEY[word]:
                same = False
                break
        if same:
            pool[other].weight += weight
            return n
        slot = (slot + 1) % len(slots)
    slots[slot] = n
    return n + 1


@compiled
def _keep(members, pool, n, most):
    """Keep the most probable of n states in the pool; returns how many."""
    if n == 1:
        members[0] = pool[0]
        members[0].weight = 1.0
        return 1
    weights = np.empty(n)
    for i in range(n):
        weights[i] = -pool[i].weight
    order = np.argsort(weights)
    size, total = 0, 0.0
    for i in order[:most]:
        if weights[i] > _LEAST_PROBABILITY * weights[order[0]]:
            break
        members[size] = pool[i]
        total -= weights[i]
        size += 1
    for i in range(size):
        members[i].weight /= total
    return size


@compiled
def _learn(known, seen, tally):
    """What explained this step tells about the frame skip, sticky actions, and screens that are shown twice."""
    total = 0.0
    for frames in range(1, MOST_FRAMES + 1):
        total += tally[frames]
    for frames in range(1, MOST_FRAMES + 1):
        known.skips[frames] = _SKIP_MEMORY * known.skips[frames] + tally[frames] / total
    known.sticky += _RATE * (tally[_REPEATS] - known.sticky * tally[_CHANCES]) / total
    known.sticky = min(max(known.sticky, _STICKY_RANGE[0]), _STICKY_RANGE[1])
    repeated = min(known.repeated / total, 1.0) if seen.shape == known.shape else 0.0
    known.repeated += _RATE * (repeated - known.repeated)
    known.repeated = min(max(known.repeated, _REPEATED_RANGE[0]), _REPEATED_RANGE[1])


# Screens.


@compiled
def _join_colours(channels, shapes):
    """Red, green and blue of each pixel into one number that is above 0 if one of them is."""
    for pixel in range(len(shapes)):
        shapes[pixel] = channels[3 * pixel] | channels[3 * pixel + 1] | channels[3 * pixel + 2]


_ONES = np.uint64(0x0101010101010101)
_LOW_BITS, _HIGH_BIT = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(7)
_BYTE, _LAST_BYTE = np.uint64(0xFF), np.uint64(56)
_PRIME = np.uint64(0x100000001B3)


@compiled
def _see(screen, seen):
    """Take in a screen, `(210, 160)`."""
    words = screen.view(np.uint64)
    shape, lit, in_the_open, first_row, first_column = np.uint64(0), np.uint64(0), np.uint64(0), -1, -1
    for row in range(GAME_TOP, _GAME_BOTTOM):
        is_open = row < BRICKS_TOP or BRICKS_BOTTOM <= row < PADDLE_TOP or row >= PADDLE_TOP + PADDLE_HEIGHT
        for word in range(GAME_LEFT // 8, GAME_RIGHT // 8):
            pixels = words[row, word]
            if pixels:
                # One bit for each pixel that is not 0.
                bits = ((((pixels & _LOW_BITS) + _LOW_BITS) | pixels) >> _HIGH_BIT) & _ONES
                shape = (shape ^ bits) * _PRIME
                shape = (shape ^ np.uint64(row * WIDTH + word)) * _PRIME
                count = (bits * _ONES) >> _LAST_BYTE
                lit += count
                if is_open:
                    in_the_open += count
                    if first_row < 0:
                        first_row, first_column = row, 8 * word
                        while not bits & _BYTE:
                            bits >>= np.uint64(8)
                            first_column += 1
    whole = in_the_open == np.uint64(BALL_WIDTH * BALL_HEIGHT)
    in_place = first_row + BALL_HEIGHT <= BRICKS_TOP or _OPEN_TOP <= first_row <= PADDLE_TOP - BALL_HEIGHT
    seen.ball_line, seen.ball_column = -1, first_column
    if whole and in_place:
        seen.ball_line = _line_of_row(first_row)
    seen.lit = np.int64(lit)
    seen.standing = 0
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            y, x = BRICKS_TOP + BRICK_HEIGHT * row, BRICKS_LEFT + BRICK_WIDTH * brick
            # The ball cannot reach from one end of a brick to the other.
            stands = screen[y, x] != 0 and screen[y, x + BRICK_WIDTH - 1] != 0
            seen.bricks[row, brick] = stands
            seen.standing += stands
    full = 0
    for column in range(GAME_LEFT, GAME_RIGHT):
        seen.full[column] = full
        all_rows = True
        for row in range(PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT):
            all_rows &= screen[row, column] != 0
        full += all_rows
    seen.full[GAME_RIGHT] = full
    seen.lives = _read_digit(screen, LIVES_DIGIT)
    hundreds, tens, ones = _read_digit(screen, HUNDREDS), _read_digit(screen, TENS), _read_digit(screen, ONES)
    seen.score = 100 * hundreds + 10 * tens + ones if min(hundreds, tens, ones) >= 0 else -1
    seen.shape = (shape ^ np.uint64(seen.score + 1)) * _PRIME ^ np.uint64(seen.lives + 1)


@compiled
def _line_of_row(row):
    """The line of the console's picture at a row of the screen, of which one is drawn twice."""
    return row - row_of_line(0) if row <= row_of_line(TWICE_DRAWN) else row - row_of_line(TWICE_DRAWN) - 1 + TWICE_DRAWN


@compiled
def _read_digit(screen, left):
    """-1 if there is none."""
    pattern = 0
    for row in range(DIGIT_HEIGHT):
        for column in range(DIGIT_WIDTH):
            if screen[DIGITS_TOP + BLOCK_HEIGHT * row, left + BLOCK_WIDTH * column]:
                pattern |= 1 << (DIGIT_WIDTH * row + column)
    for digit in range(len(_DIGIT_PATTERNS)):
        if pattern == _DIGIT_PATTERNS[digit]:
            return digit
    return -1


@compiled
def _fits(game, screen, seen):
    """Whether this state shows this screen: all that it draws is lit, and nothing else is."""
    paddle, end = game.paddle, min(game.paddle + width_of(game), GAME_RIGHT)
    if seen.full[end] - seen.full[paddle] != end - paddle:
        return False
    # As `draw` has it.
    left, line, free = game.ball_x >> PIXEL_BITS, game.ball_y >> PIXEL_BITS, 0
    for drawn in range(max(line, UPPER_WALL_LINE), min(line + BALL_HEIGHT, SIDE_WALLS_END + 1)):
        first = row_of_line(drawn)
        right = LAST_LINE_RIGHT[line % 2] if drawn == SIDE_WALLS_END else GAME_RIGHT
        for row in range(first, first + (2 if drawn == TWICE_DRAWN else 1)):
            for column in range(max(left, GAME_LEFT), min(left + BALL_WIDTH, right)):
                if not screen[row, column]:
                    return False
                if BRICKS_TOP <= row < BRICKS_BOTTOM:
                    brick = seen.bricks[(row - BRICKS_TOP) // BRICK_HEIGHT, (column - BRICKS_LEFT) // BRICK_WIDTH]
                    free += not brick
                elif not (PADDLE_TOP <= row < PADDLE_TOP + PADDLE_HEIGHT and paddle <= column < end):
                    free += 1
    if seen.lit != _BRICK_PIXELS * seen.standing + PADDLE_HEIGHT * (end - paddle) + free:
        return False
    if game.clock < LAST_FRAME:
        if seen.lives >= 0 and seen.lives != game.shown_lives:
            return False
        if seen.score >= 0 and seen.score != game.shown_score % 1000:
            return False
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            if game.bricks[row, brick] != seen.bricks[row, brick]:
                return False
    return True


@compiled
def _paddle_fits(game, seen):
    """Whether the paddle is where it is seen. The ball may light a few columns beside it."""
    paddle, end = game.paddle, min(game.paddle + width_of(game), GAME_RIGHT)
    beside = seen.full[GAME_RIGHT] - (end - paddle)
    ball_is_low = seen.lit - _BRICK_PIXELS * seen.standing != PADDLE_HEIGHT * seen.full[GAME_RIGHT] and (
        seen.ball_line < 0
    )
    return seen.full[end] - seen.full[paddle] == end - paddle and 0 <= beside <= (BALL_WIDTH if ball_is_low else 0)


# Picking up a game in the middle: first the knob is found by the paddle's moves, then the ball's flight.

_LEAST_LOOKS, _MANY_LOOKS = 3, 16
_MOST_PADDLES = 16


@compiled
def _search(known, members, seen, guess):
    """Start again: the paddle is where it is seen, and the knob anywhere."""
    known.searching = known.picked_up = known.clock_unknown = True
    known.looks = known.size = 0
    known.lines[:] = -1
    members[0] = _OPENINGS[0]  # to be reported if there is no paddle
    _take_from_screen(members[0], seen)
    _take_from_screen(guess, seen)
    for paddle in range(PADDLE_LEFTMOST, PADDLE_RIGHTMOST + 1):
        for narrow in (False, True):
            guess.paddle, guess.narrow = paddle, narrow
            if not _paddle_fits(guess, seen):
                continue
            for knob in _KNOBS:
                for executed in range(N_ACTIONS):
                    if known.size == len(members):
                        return
                    guess.knob, guess.reading, guess.executed = knob, reading_of(knob), executed
                    # Most of the time the paddle is near the place to which the knob sends it.
                    guess.weight = 1 / (1 + abs(MOST_READING - guess.reading - paddle))
                    members[known.size] = guess
                    known.size += 1


@compiled
def _take_from_screen(game, seen):
    """Bricks, lives and score. The screen shows the score one frame late: the last brick may be missing in it."""
    game.clock = game.building = 0
    points = 0
    for row in range(len(BRICK_ROWS)):
        for brick in range(BRICKS_IN_A_ROW):
            game.bricks[row, brick] = seen.bricks[row, brick]
            points += (1 - seen.bricks[row, brick]) * _BRICK_POINTS[row]
    score = seen.score if seen.score >= 0 else points
    late = (points - score) % WALL_POINTS
    game.score = score + (late if late <= _BRICK_POINTS.max() else 0)
    game.lives = max(seen.lives, 1)
    game.shown_score, game.shown_lives = score, game.lives
    _forget_ball(game)


@compiled
def _forget_ball(game):
    game.ball_x = game.ball_y = game.ball_vx = game.ball_vy = game.hits = 0
    game.steep = game.met = game.broke = False


@compiled
def _find_flight(known, members, pool, screen, seen):
    """End the search if the ball was in the open on the last three screens: take all flights that lead there.

    Two screens do if that does not happen for long, because the ball is above the bricks. It may have bounced between
    them, and then the search begins again."""
    earliest = 1 if known.looks < _MANY_LOOKS else 0
    if known.looks < _LEAST_LOOKS or min(seen.ball_line, known.lines[0], known.lines[earliest]) < 0:
        return
    total, n = known.skips.sum(), 0
    for flight in _FLIGHTS:
        vx = flight[0] if seen.ball_column > known.columns[earliest] else -flight[0]
        vy = flight[1] if seen.ball_line > known.lines[earliest] else -flight[1]
        if flight[2] == 0 and vy < 0:
            continue  # the ball is launched downwards
        for x in seen.ball_column * PIXEL + _FRACTIONS_X:
            for y in seen.ball_line * PIXEL + _FRACTIONS_Y:
                probability = 0.0
                for last in range(1, MOST_FRAMES + 1):
                    if not _was_at(x - last * vx, y - last * vy, known, 0):
                        continue
                    if earliest == 0:
                        probability += known.skips[last] / total
                        continue
                    for first in range(1, MOST_FRAMES + 1):
                        if _was_at(x - (first + last) * vx, y - (first + last) * vy, known, 1):
                            probability += known.skips[first] / total * known.skips[last] / total
                if probability > _LIKELY_SKIP ** (1 + earliest):
                    for member in range(min(known.size, _MOST_PADDLES)):
                        n = _add_flight(members[member], x, y, vx, vy, flight, probability, pool, n, screen, seen)
    if n > 0:
        known.size = _keep(members, pool, n, MOST_GUESSES)
        known.searching = False


@compiled
def _was_at(x, y, known, screen):
    """Whether the ball was seen there on the last screen (0) or on the one before (1)."""
    return x >> PIXEL_BITS == known.columns[screen] and y >> PIXEL_BITS == known.lines[screen]


@compiled
def _add_flight(paddle, x, y, vx, vy, flight, probability, pool, n, screen, seen):
    """The game with this paddle and this ball, which last met the paddle or a wall, or broke a brick."""
    for broke in (False, True):
        if n == len(pool) or (broke and flight[2] == 0):
            break
        pool[n] = paddle
        game = pool[n]
        _take_from_screen(game, seen)
        game.ball_x, game.ball_y, game.ball_vx, game.ball_vy = x, y, vx, vy
        game.hits, game.steep = flight[2], flight[3] == 1
        game.broke, game.met = broke, vy < 0 and not broke
        game.weight *= probability
        if _fits(game, screen, seen):
            n += 1
    return n


@compiled
def _split_clock(known, members):
    """Where the next ball is launched depends on the last two bits of the clock: have all four."""
    size = known.size
    for member in range(size):
        members[member].weight /= 4
        for frames in range(1, 4):
            members[frames * size + member] = members[member]
            members[frames * size + member].clock += frames
    known.size, known.clock_unknown = 4 * size, False


@compiled
def _report(known, members, seen, state, executed, game):
    """The most probable state, as bytes. While it is searched for it has the ball that is seen."""
    best = members[0]
    if known.searching and seen.ball_line >= 0:
        best.ball_x, best.ball_y = seen.ball_column * PIXEL, seen.ball_line * PIXEL
    data = members[0:1].view(np.uint8)
    for byte in range(len(state)):
        state[byte] = data[_STATE_AT + byte]
    if known.searching:
        _forget_ball(best)
    executed[game] = best.executed
    known.shape = seen.shape
    known.lines[1], known.columns[1] = known.lines[0], known.columns[0]
    known.lines[0], known.columns[0] = seen.ball_line, seen.ball_column
