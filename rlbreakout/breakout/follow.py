"""The exact state of a game, inferred from its screens and the actions that were sent to it.

A screen shows neither the speed of the ball nor the place of the knob, and with sticky actions nobody knows which
action the emulator executed. A `Follower` keeps every state that the game can be in. After each step it plays all of
them by the rules, in every way that sticky actions and the frame skip allow, and drops those that would show another
screen. Usually one is left. It does not read the console's memory.

    follower = Follower(n=8)
    follower.begin(screens)                  # the first screens of 8 games
    follower.update(screens, actions)        # after each step: the new screens, and the actions that were sent
    follower.states["ball_x"]                # the most probable state of each game
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlbreakout.breakout import pick_up
from rlbreakout.breakout.pick_up import LIKELY_SKIP, MEMBER, MOST_FRAMES, OPENINGS, forget_ball
from rlbreakout.breakout.rules import N_ACTIONS, PIXEL, STATE, is_over, new_games, one_frame
from rlbreakout.breakout.seen import SEEN, fits_screen, paddle_fits, see, shapes_of
from rlbreakout.common.compiled import compiled
from rlbreakout.common.errors import UserError

MOST_STATES = 128
"""The number of possible states of a game that are kept, the most probable ones."""
MOST_GUESSES = 2_048
"""The number that are kept of a game that is picked up in the middle."""
_POOL = 4_096
_WORDS = MEMBER.itemsize // 8
_STATE_AT = MEMBER.itemsize - STATE.itemsize
"""The first byte of a MEMBER that belongs to its STATE."""
_KNOWN = np.dtype(
    [
        ("size", np.int64),  # number of possible states
        ("searching", np.bool_),  # the ball's flight is not known yet, only the paddle is followed
        ("screens", np.int64),  # screens since the search began
        ("picked_up", np.bool_),  # the game was picked up in the middle, and much about it is still unknown
        ("clock_unknown", np.bool_),  # the last two bits of the clock are unknown
        ("restarts", np.int64),
        ("sticky", np.float64),  # estimate of the repeat_action_probability
        ("repeated", np.float64),  # estimate of how often a screen is shown twice
        ("skips", np.float64, (MOST_FRAMES + 1,)),  # for each number of frames, how often it explained a step
        ("shape", np.uint64),  # SEEN's hash of the last screen
        ("lines", np.int64, (2,)),  # the ball on the last two screens; line -1 if it was not in the open
        ("columns", np.int64, (2,)),
    ]
)
"""What is known about a game besides its possible states."""
_REPEATS, _CHANCES = MOST_FRAMES + 1, MOST_FRAMES + 2
"""The end of a tally of what explained a step, after the weights of all numbers of frames: in how many frames the last
action was repeated, and in how many it could have been."""
_NOTHING, _PADDLE, _ALL = range(3)
"""What must agree with the screen."""

_key = np.zeros(1, dtype=MEMBER)
_key.view(np.uint8)[:] = 0xFF
_key["clock"] = 3
_key["shown_lives"] = _key["shown_score"] = _key["weight"] = 0
_KEY = _key.view(np.uint64)
"""The bits in which possible states can differ, as words: not the weight, what the score board shows, or more than the
last two bits of the clock."""


class Follower:
    """The states of n games, inferred from screens and actions.

    The follower learns the `repeat_action_probability` and the frame skip (1 to 6 frames, fixed or random) as it goes
    along. Colours do not matter, as long as the background is 0 and everything else is not. A screen may be shown again
    although the game went on.

    If a screen fits none of the possible states, the follower starts again from what it sees. It first finds the knob
    from the moves of the paddle, and then the speed of the ball, usually within 10 agent steps. It does the same when
    the first screen is not that of a new game. After that, several states remain possible until the ball has revealed
    what the screen hides, such as how often it has met the paddle.

    The clock is known only modulo 4 frames. Nothing depends on the rest of it, except that the game ends after 65,536
    frames.
    """

    def __init__(self, n: int = 1) -> None:
        """Follow `n` games. Raises UserError if n is below 1."""
        if n < 1:
            raise UserError(f"n is {n}; allowed: 1 or more games")
        self.n = n
        self.states = new_games(n)
        """`(n,)` of dtype STATE: the most probable state of each game, updated in place. During a search (`sizes` is 0)
        the ball has no speed; it is where the last screen shows it, or out of play if it was not in the open there."""
        self.executed = np.zeros(n, dtype=np.int64)
        """`(n,)` int64: the action that each game executed in its last frame, according to its most probable state."""
        self._known = np.zeros(n, dtype=_KNOWN)
        self._known["sticky"], self._known["repeated"] = 0.25, 0.02
        self._known["skips"][:, 1:] = 1 / MOST_FRAMES
        self._members = np.empty((n, MOST_GUESSES), dtype=MEMBER)
        pool = np.empty(_POOL, dtype=MEMBER)
        self._work = (
            np.zeros(1, dtype=SEEN),
            np.empty(2, dtype=MEMBER),
            pool,
            pool.view(np.uint64).reshape(_POOL, _WORDS),
            np.empty(2 * _POOL, dtype=np.int16),
            np.zeros(_CHANCES + 1),
        )
        """Memory for one game at a time: what its screen shows, two states that are being played, the pool of all
        results, the same pool as words, its hash table, and a tally of what explained the screen."""

    @property
    def sizes(self) -> np.ndarray:
        """`(n,)` int64: the number of states that each game can be in; 1: it is exact, 0: it is being searched for."""
        return np.where(self._known["searching"], 0, self._known["size"])

    @property
    def certain(self) -> np.ndarray:
        """`(n,)` bool: the state is the only possible one."""
        return self.sizes == 1

    @property
    def restarts(self) -> np.ndarray:
        """`(n,)` int64: how often no possible state was left and the follower started again."""
        return self._known["restarts"].copy()

    def possible(self, game: int) -> tuple[np.ndarray, np.ndarray]:
        """All states that game number `game` can be in, `(k,)` of dtype STATE, the most probable one first, and their
        probabilities, `(k,)` float64. k is `sizes[game]`."""
        members = self._members[game, : self.sizes[game]]
        data = np.ascontiguousarray(members).view(np.uint8).reshape(len(members), MEMBER.itemsize)
        states = np.ascontiguousarray(data[:, _STATE_AT:]).view(STATE).reshape(len(members))
        return states, members["weight"].copy()

    def begin(self, screens: np.ndarray, games: Sequence[int] | np.ndarray | None = None) -> None:
        """Begin to follow games from their first screens, at most 100 frames without an action after reset.

        screens: `(k, 210, 160)` or `(k, 210, 160, 3)` uint8. games: the numbers of the k games; None: all of them. A
        screen from the middle of a game works, too. Raises UserError for other shapes or numbers.
        """
        numbers = self._numbers(games)
        shapes = shapes_of(screens, len(numbers))
        _begin(shapes, numbers, self._known, self._members, self._bytes, self.executed, self._work)

    def update(
        self,
        screens: np.ndarray,
        sent: np.ndarray | Sequence[int] | Sequence[Sequence[int]],
        games: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        """Update games with their next screens.

        screens: `(k, 210, 160)` or `(k, 210, 160, 3)` uint8. sent: for each of the k games the action that was sent to
        it since its last screen (0 none, 1 fire, 2 right, 3 left), or several in order, each held for 1 to 6 frames.
        games: the numbers of the k games; None: all of them. Raises UserError for other shapes or numbers.
        """
        numbers = self._numbers(games)
        shapes = shapes_of(screens, len(numbers))
        actions, ends = _actions(sent, len(numbers))
        _update(shapes, actions, ends, numbers, self._known, self._members, self._bytes, self.executed, self._work)

    @property
    def _bytes(self) -> np.ndarray:
        return self.states.view(np.uint8).reshape(self.n, STATE.itemsize)

    def _numbers(self, games: Sequence[int] | np.ndarray | None) -> np.ndarray:
        if games is None:
            return np.arange(self.n)
        numbers = np.ascontiguousarray(games, dtype=np.int64).reshape(-1)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.n):
            raise UserError(f"games is {numbers.tolist()}; allowed: numbers from 0 to {self.n - 1}")
        return numbers


def _actions(sent: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All actions in one array, and for each game the index after its last one."""
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


# Compiled. `seen` is what the screen shows; `known` and `members` belong to one game.


@compiled
def _begin(screens, games, known, members, states, executed, work):
    seen = work[0][0]
    for i in range(len(games)):
        game = games[i]
        this, possible = known[game], members[game]
        see(screens[i], seen)
        this.searching = this.picked_up = this.clock_unknown = False
        this.screens = this.size = 0
        for opening in range(len(OPENINGS)):
            if fits_screen(OPENINGS[opening], screens[i], seen):
                possible[this.size] = OPENINGS[opening]
                this.size += 1
        if this.size == 0:
            pick_up.search(this, possible, seen, work[1][0])
        _report(this, possible, seen, states[game], executed, game)


@compiled
def _update(screens, actions, ends, games, known, members, states, executed, work):
    first = 0
    for i in range(len(games)):
        game = games[i]
        if ends[i] > first:
            see(screens[i], work[0][0])
            _follow(actions[first : ends[i]], known[game], members[game], screens[i], work)
            _report(known[game], members[game], work[0][0], states[game], executed, game)
        first = ends[i]


@compiled
def _follow(actions, known, members, screen, work):
    """Update one game with one screen and the actions before it."""
    seen, played, pool, _, _, tally = work
    most = MOST_GUESSES if known.picked_up else MOST_STATES
    known.screens += 1
    if len(actions) > 1:
        known.lines[:] = -1  # the ball was not seen after each of them
    for action in actions[:-1]:
        n = _play_on(action, known, members, screen, _NOTHING, LIKELY_SKIP, work)
        known.size = _keep(members, pool, n, most)
    compare = _PADDLE if known.searching else _ALL
    action = actions[-1]
    n = _play_on(action, known, members, screen, compare, LIKELY_SKIP, work)
    if n == 0:
        n = _play_on(action, known, members, screen, compare, 0.0, work)
    if n > 0:
        _learn(known, seen[0], tally)
        known.size = _keep(members, pool, n, most)
        if known.searching:
            n = pick_up.find_flight(known, members, pool, screen, seen[0])
            if n > 0:
                known.size = _keep(members, pool, n, most)
                known.searching = False
    elif known.searching or not is_over(members[0]):
        if not known.searching:
            known.restarts += 1
        pick_up.search(known, members, seen[0], played[0])
    if known.clock_unknown and not known.searching and 4 * known.size <= MOST_STATES:
        pick_up.split_clock(known, members)
    if known.size <= 16 and not known.clock_unknown:
        known.picked_up = False


@compiled
def _play_on(action, known, members, screen, compare, least, work):
    """Play all members for one action, into the pool; returns the number of possible states in it.

    The emulator first repeats the last executed action for some frames, maybe none, then it executes the one that was
    sent. All numbers of frames that are more likely than `least` are tried.
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

    seen_twice: the probability that the screen is an old one and shows nothing of the state.
    """
    seen, tally = work[0][0], work[5]
    if compare != _NOTHING:
        fits = paddle_fits(game, seen) if compare == _PADDLE else fits_screen(game, screen, seen)
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
    """Add a state to the pool of n, or its weight to that of an equal state; returns the pool's new size."""
    _, _, pool, words, slots, _ = work
    if n == len(pool):
        return n
    pool[n] = game
    pool[n].weight = weight
    if compare == _PADDLE:
        forget_ball(pool[n])
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
    """Keep the most probable of the n states in the pool, at most `most`; returns how many."""
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
        if weights[i] > 1e-10 * weights[order[0]]:  # weights are negative
            break
        members[size] = pool[i]
        total -= weights[i]
        size += 1
    for i in range(size):
        members[i].weight /= total
    return size


@compiled
def _learn(known, seen, tally):
    """Learn from what explained this step about the frame skip, sticky actions, and screens that are shown twice."""
    total = 0.0
    for frames in range(1, MOST_FRAMES + 1):
        total += tally[frames]
    for frames in range(1, MOST_FRAMES + 1):
        known.skips[frames] = 0.99 * known.skips[frames] + tally[frames] / total
    known.sticky += 0.02 * (tally[_REPEATS] - known.sticky * tally[_CHANCES]) / total
    known.sticky = min(max(known.sticky, 0.02), 0.7)
    repeated = min(known.repeated / total, 1.0) if seen.shape == known.shape else 0.0
    known.repeated += 0.02 * (repeated - known.repeated)
    known.repeated = min(max(known.repeated, 0.003), 0.3)


@compiled
def _report(known, members, seen, state, executed, game):
    """Copy out the most probable state, as bytes. During a search it has the ball that is seen."""
    best = members[0]
    if known.searching and seen.ball_line >= 0:
        best.ball_x, best.ball_y = seen.ball_column * PIXEL, seen.ball_line * PIXEL
    data = members[0:1].view(np.uint8)
    for byte in range(len(state)):
        state[byte] = data[_STATE_AT + byte]
    if known.searching:
        forget_ball(best)
    executed[game] = best.executed
    known.shape = seen.shape
    known.lines[1], known.columns[1] = known.lines[0], known.columns[0]
    known.lines[0], known.columns[0] = seen.ball_line, seen.ball_column
