"""Looking ahead agrees with what happens when the game is really played."""

from typing import Any

import numpy as np
import pytest

from rlbreakout.breakout.ahead import (
    ACTIONS_TRIED,
    BOUNCES_WITH_FEW,
    DISCOUNT,
    EXACT_FRAMES,
    EXACT_STEPS,
    FEW_BRICKS,
    HELD,
    LONGEST_FLIGHT,
    MOST_COLUMNS,
    NOVELTY,
    WAYS,
    Outlook,
    frames_without_points,
    look_ahead,
    outlook,
    rest,
)
from rlbreakout.breakout.rules import (
    KNOB_START,
    LAST_FRAME,
    LEFT,
    NONE,
    PIXEL,
    PIXEL_BITS,
    RIGHT,
    new_games,
    next_knob,
    next_paddle,
    one_frame,
    play,
    reading_of,
    row_of_line,
)
from rlbreakout.breakout.screen import (
    BALL_HEIGHT,
    MOST_POINTS,
    PADDLE_HEIGHT,
    PADDLE_LEFTMOST,
    PADDLE_RIGHTMOST,
    PADDLE_TOP,
    WALL_POINTS,
)
from rlbreakout.common.compiled import compiled
from tests.players import Player

SLOW_ENOUGH = LAST_FRAME - 4 * LONGEST_FLIGHT
"""The clock does not run over while a test plays on."""


@pytest.fixture(scope="module")
def games() -> np.ndarray:
    """6,000 states with a ball in play, at any time of whole games of random and good players."""
    n = 24
    states, random = new_games(n), np.random.default_rng(0)
    player, kept = Player(n, random=np.tile([1.0, 0.1, 0.01, 0.01], n // 4)), []
    for _ in range(7_000):
        play(states, player.act(states), random.integers(4, 6))
        kept.append(states[random.random(n) < 0.1])
        over = (states["lives"] == 0) | (states["clock"] >= SLOW_ENOUGH) | (states["score"] >= MOST_POINTS)
        states[over] = new_games(1)
    played = np.concatenate(kept)
    played = random.permutation(played[(played["ball_y"] >= PIXEL) & (played["clock"] < SLOW_ENOUGH)])[:6_000]
    assert len(played) == 6_000 and (played["score"] > WALL_POINTS).sum() > 50
    return played


def look(states: np.ndarray) -> Outlook:
    ahead = outlook(len(states))
    look_ahead(states, np.arange(len(states)), ahead)
    return ahead


def is_down(states: np.ndarray) -> np.ndarray:
    """Whether the ball falls beside the paddle's rows."""
    rows = np.array([row_of_line(line) for line in (states["ball_y"] >> PIXEL_BITS).tolist()], dtype=int)
    level = (rows > PADDLE_TOP - BALL_HEIGHT) & (rows < PADDLE_TOP + PADDLE_HEIGHT)
    return (states["ball_y"] >= PIXEL) & (states["ball_vy"] > 0) & level


@compiled
def _play_with_paddles(states: np.ndarray, paddles: np.ndarray) -> None:
    for number in range(len(states)):
        states[number].paddle = paddles[number]
        one_frame(states[number], 0)


def play_away(states: np.ndarray) -> None:
    """A frame with each paddle far from the ball, in place."""
    away = np.where(states["ball_x"] >> PIXEL_BITS > 75, PADDLE_LEFTMOST, PADDLE_RIGHTMOST)
    _play_with_paddles(states, away)


class Fall:
    """What really happens until balls come down to paddles that are held away."""

    def __init__(self, states: np.ndarray) -> None:
        n = len(states)
        self.frames, self.first_brick = np.full(n, -1), np.full(n, -1)
        self.bricks, self.points = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
        self.down, going = states.copy(), np.arange(n)
        for frame in range(LONGEST_FLIGHT):
            landed = is_down(self.down[going])
            self.frames[going[landed]] = frame
            going = going[~landed & (self.down[going]["ball_y"] >= PIXEL)]
            before, playing = self.down[going], self.down[going]
            play_away(playing)
            self.down[going] = playing
            points = playing["score"] - before["score"]
            self.points[going] += points
            self.bricks[going] += points > 0
            self.first_brick[going] = np.where(
                (points > 0) & (self.first_brick[going] < 0), frame, self.first_brick[going]
            )


def test_where_and_when_the_ball_comes_down_is_where_and_when_it_does(games: np.ndarray) -> None:
    ahead, real = look(games), Fall(games)
    assert np.array_equal(ahead.frames, real.frames)
    known = ahead.frames >= 0
    assert 0.8 < known.mean() < 1
    for name in ("ball_x", "ball_y", "ball_vx", "ball_vy", "hits", "score", "bricks", "narrow"):
        assert np.array_equal(ahead.down[name][known], real.down[name][known]), name
    told = np.stack([real.bricks, real.first_brick, real.points], axis=1)
    assert np.array_equal(ahead.flight[known], told[known]) and (real.bricks[known] > 1).any()


PARTS = {"left_flat": (5, 7), "left_steep": (1, 4), "right_steep": (-4, -1), "right_flat": (-7, -5)}
"""Columns left of its middle at which a paddle of either width meets the ball in each of WAYS."""


def bounced(down: np.ndarray, way: str, random: np.random.Generator) -> np.ndarray:
    """The states one frame after the ball has met the paddle in this way."""
    half = np.where(down["narrow"], 6, 8)
    low, high = PARTS[way]
    off = np.minimum(random.integers(low, high, size=len(down), endpoint=True), half - 1)
    after = down.copy()
    _play_with_paddles(after, (down["ball_x"] >> PIXEL_BITS) + 2 - half + off)
    assert after["met"].all() and ((after["ball_vx"] < 0) == (off > 0)).mean() > 0.7  # but for side walls
    return after


def check_ways(down: np.ndarray, seed: int = 0) -> np.ndarray:
    """Compare what each way leads to with playing it. Returns `(n, 4)`: bricks, discounted by the frames until the
    first of them."""
    ahead, random, worth = look(down), np.random.default_rng(seed), np.zeros((len(down), len(WAYS)))
    for number, way in enumerate(WAYS):
        real, told = Fall(bounced(down, way, random)), ahead.ways[:, number]
        assert np.array_equal(told["breaks"], real.bricks > 0), way
        assert np.array_equal(told["points"], real.points), way
        first = np.where(real.bricks > 0, real.first_brick + 1, 0)  # the frame of the bounce counts
        assert np.array_equal(told["frames_to_brick"], first), way
        assert np.array_equal(told["returns"], real.frames >= 0), way
        back = real.frames >= 0
        assert np.array_equal(told["frames_to_return"][back], real.frames[back] + 1), way
        assert np.array_equal(told["return_column"][back], (real.down["ball_x"] >> PIXEL_BITS)[back]), way
        again = back & came_back(down, real)
        assert np.array_equal(told["been_there"], again), way
        worth[:, number] = np.where(real.bricks > 0, DISCOUNT**first * real.bricks, 0)
    return worth


def came_back(down: np.ndarray, real: Fall) -> np.ndarray:
    """Whether the ball is just where it was, and no brick broke."""
    same = np.all([down[name] == real.down[name] for name in ("ball_x", "ball_y", "ball_vx", "ball_vy")], axis=0)
    return same & (real.bricks == 0)


def balls_that_are_down(games: np.ndarray) -> np.ndarray:
    real = Fall(games)
    return real.down[real.frames >= 0]


def test_what_each_way_to_meet_the_ball_leads_to_is_what_happens(games: np.ndarray) -> None:
    down = balls_that_are_down(games)[:700]
    worth = check_ways(down)
    many = down["bricks"].sum(axis=(1, 2)) >= FEW_BRICKS
    assert 0.2 < many.mean() < 0.95
    sides = np.stack([worth[:, :2].max(axis=1), worth[:, 2:].max(axis=1)], axis=1)
    np.testing.assert_allclose(look(down).worth[many], sides[many], rtol=1e-12)
    assert sides[many].max() > 1
    fresh, again = np.where(worth > 0, worth, NOVELTY), look(down).ways["been_there"]
    fresh *= 0.5**again
    sides = np.stack([fresh[:, :2].max(axis=1), fresh[:, 2:].max(axis=1)], axis=1)
    np.testing.assert_allclose(look(down).fresh_worth[many], sides[many], rtol=1e-12)


def test_so_it_is_where_the_second_wall_comes(games: np.ndarray) -> None:
    down = balls_that_are_down(games)
    down = down[down["score"] < WALL_POINTS][:400].copy()
    down["score"], down["bricks"] = WALL_POINTS, 0
    worth = check_ways(down)
    assert (worth > 0).mean() > 0.9


def test_with_few_bricks_the_worth_is_the_best_of_three_bounces(games: np.ndarray) -> None:
    down = balls_that_are_down(games)
    down = down[down["bricks"].sum(axis=(1, 2)) < FEW_BRICKS][:8]

    def best(states: np.ndarray, bounces: int, nothing: float = 0.0) -> np.ndarray:
        """`(n, 4)`: what each way is worth; `nothing`, where no brick breaks at once."""
        worth, random = np.zeros((len(states), len(WAYS))), np.random.default_rng(0)
        for number, way in enumerate(WAYS):
            real = Fall(bounced(states, way, random))
            bricks = DISCOUNT ** (real.first_brick + 1.0) * real.bricks
            worth[:, number] = np.where(real.bricks > 0, bricks, nothing)
            back = real.frames >= 0
            if bounces > 1:
                later = best(real.down[back], bounces - 1).max(axis=1)
                worth[back, number] += DISCOUNT ** (real.frames[back] + 1.0) * later
            if nothing:
                worth[:, number] *= 0.5 ** came_back(states, real)
        return worth

    for nothing, told in ((0.0, look(down).worth), (NOVELTY, look(down).fresh_worth)):
        worth = best(down, BOUNCES_WITH_FEW, nothing)
        sides = np.stack([worth[:, :2].max(axis=1), worth[:, 2:].max(axis=1)], axis=1)
        assert len(down) == 8 and sides.max() > 1
        np.testing.assert_allclose(told, sides, rtol=1e-12)


# The paddle


def test_the_paddle_comes_to_rest_where_it_is_said(games: np.ndarray) -> None:
    states = games[games["lives"] > 1]
    told = [rest(state) for state in states]
    play(states, np.zeros(len(states), dtype=int), 12)
    assert np.array_equal(told, states["paddle"])
    play(states, np.zeros(len(states), dtype=int), 1)
    assert np.array_equal(told, states["paddle"])


def _knobs() -> np.ndarray:
    """All resistances of the knob, sorted."""
    found, new = set[int](), {KNOB_START}
    while new:
        found |= new
        new = {int(next_knob(knob, action)) for knob in new for action in (LEFT, RIGHT)} - found
    return np.array(sorted(found))


KNOBS = _knobs()
READ = np.array([reading_of(knob) for knob in KNOBS])
TURNED = np.array([[np.searchsorted(KNOBS, next_knob(knob, way)) for knob in KNOBS] for way in (RIGHT, LEFT)])


@compiled
def _reachable(
    paddle: int, knob: int, action: int, held: int, frames: int, step: int, read: np.ndarray, turned: np.ndarray
) -> np.ndarray:
    """`(160,)` bool: where the paddle can be after `frames` frames. `action` (0 none, 1 right, 2 left) is held for the
    first `held` of them, then anything is done, for `step` frames each. `knob` is an index."""
    now = np.zeros((160, len(read)), dtype=np.bool_)
    now[paddle, knob] = True
    frame = 0
    while frame < frames:
        length = min(step if frame >= held else held - frame, frames - frame)
        then = np.zeros((160, len(read)), dtype=np.bool_)
        for place in range(160):
            for index in range(len(read)):
                if now[place, index]:
                    for choice in range(3):
                        if frame >= held or choice == action:
                            moved, number = place, index
                            for _ in range(length):
                                moved = next_paddle(moved, read[number])
                                number = number if choice == 0 else turned[choice - 1, number]
                            then[moved, number] = True
        now, frame = then, frame + length
    places = np.zeros(160, dtype=np.bool_)
    for place in range(160):
        places[place] = now[place].any()
    return places


def meets(down: Any) -> np.ndarray:
    """`(2, 160)` bool: whether a paddle at each column would meet this ball with its left or its right half. With the
    very middle, which moves the ball, it meets with neither."""
    states, middle = np.repeat(np.array([down]), 160), 75
    moved = middle - (down["ball_x"] >> PIXEL_BITS)  # away from the side walls
    states["ball_x"] += moved * PIXEL
    before = states["ball_x"].copy()
    _play_with_paddles(states, np.arange(160) + moved)
    flew = states["ball_x"] - before == states["ball_vx"]
    left = states["ball_vx"] < 0
    return np.stack([states["met"] & left & flew, states["met"] & ~left & flew])


def left_over(frames: int) -> bool:
    """Whether the ball comes down within an agent step: a stretch that is made late then begins in one, too."""
    return frames % HELD != 0


@pytest.mark.parametrize(("exact", "n"), [(True, 300), (False, 50)], ids=["near", "far"])
@pytest.mark.parametrize("step", [1, HELD])
def test_a_half_can_meet_the_ball_if_some_actions_do_it(games: np.ndarray, step: int, exact: bool, n: int) -> None:
    """All sequences of actions are tried, each held for `step` frames. If any of them does it, then the one stretch
    that the margins are made of does; of whole agent steps in three of four cases."""
    ahead = look(games)
    furthest = EXACT_FRAMES if step == 1 else HELD * EXACT_STEPS
    near = (ahead.frames >= 0) & (ahead.frames <= furthest + HELD)
    chosen = np.flatnonzero(near if exact else (ahead.frames >= 0) & ~near)[:n]
    margins = ahead.margins if step == 1 else ahead.step_margins
    can, cannot, missed = 0, 0, 0
    for game in chosen:
        state, frames, possible = games[game], int(ahead.frames[game]), meets(ahead.down[game])
        knob = int(np.searchsorted(KNOBS, state["knob"]))
        for choice in range(len(ACTIONS_TRIED)):
            places = _reachable(int(state["paddle"]), knob, choice, HELD, frames, step if exact else 1, READ, TURNED)
            for half, margin in enumerate(margins[game, choice]):
                possibly = (places & possible[half]).any()
                assert margin < 1 or possibly or (step > 1 and left_over(frames)), (state, choice, half, margin)
                assert margin <= MOST_COLUMNS
                can, cannot = can + (margin >= 1), cannot + (margin < 1)
                missed += possibly and margin < 1
    assert len(chosen) == n and can > n and cannot > n // 4
    assert missed <= (0.25 * (can + missed) if exact and step > 1 else 0), (missed, can, cannot)
    assert ACTIONS_TRIED.tolist() == [NONE, RIGHT, LEFT]


@pytest.mark.parametrize("column", [40, 75, 120])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_margin_says_by_how_many_columns_a_half_meets_the_ball(column: int, narrow: bool) -> None:
    """The ball is there after one frame, so the paddle is where it rests."""
    width = 12 if narrow else 16
    state = new_games(1)
    state["building"], state["narrow"] = 0, narrow
    state["ball_x"], state["ball_y"], state["ball_vx"], state["ball_vy"] = column * PIXEL, 0xB0 * PIXEL, 0, PIXEL
    for paddle in range(column - 20, column + 6):
        state["paddle"], state["reading"] = paddle, 188 - paddle
        one = look(state)
        assert one.frames[0] == 1
        left, right = one.margins[0, 0]
        halves = meets(one.down[0])
        for margin, places in ((left, halves[0]), (right, halves[1])):
            nearest = min(abs(paddle - place) for place in np.flatnonzero(~places if places[paddle] else places))
            assert margin == (min(nearest, MOST_COLUMNS) if places[paddle] else 1 - nearest), (paddle, width)


def test_what_is_remembered_of_a_flight_changes_nothing(games: np.ndarray) -> None:
    n = 40
    states, player, kept = new_games(n), Player(n, random=0.02), outlook(n)
    for step in range(300):
        play(states, player.act(states), 4)
        look_ahead(states, np.arange(n), kept)
        new = look(states)
        known = new.frames >= 0
        for name in ("frames", "down", "worth", "margins", "step_margins"):
            assert np.array_equal(getattr(kept, name)[known], getattr(new, name)[known]), (step, name)
        for name in ("breaks", "frames_to_brick", "points", "returns", "return_column"):
            assert np.array_equal(kept.ways[name][known], new.ways[name][known]), (step, name)


def test_where_the_ball_has_been_since_the_last_point_is_remembered() -> None:
    """A ball that is sent to the left again and again goes round: the way back is worth ever less, until a point."""
    game, kept = new_games(1), outlook(1)
    game["building"], game["bricks"], game["score"] = 0, 0, 100
    game["bricks"][0, 5, 0] = 1
    game["ball_x"], game["ball_y"], game["ball_vx"], game["ball_vy"] = 75 * PIXEL, 0xB0 * PIXEL, 512, 512
    been, worth = [], []
    for _ in range(60):
        look_ahead(game, np.zeros(1, dtype=int), kept)
        assert kept.frames[0] >= 0
        been.append(int(kept.ways["been_there"][0, 0]))
        worth.append(float(kept.fresh_worth[0].min()))
        fall = Fall(bounced(kept.down, "left_flat", np.random.default_rng(0)))
        if fall.points[0]:
            break
        game = fall.down
    assert max(been) >= 3 and been.index(1) < been.index(2) < been.index(3) and min(worth) < NOVELTY / 4
    assert kept.visits[0, 0, 0] == len(been)
    game["score"] += 1
    look_ahead(game, np.zeros(1, dtype=int), kept)
    assert kept.visits[0, 0, 0] == 1 and not kept.ways["been_there"][0].any()


def test_frames_without_points_begin_anew_with_a_point_and_with_a_lost_life() -> None:
    game, kept, frames = new_games(1), outlook(1), []
    for changed in ({}, {"score": 1}, {}, {"lives": 4}, {}):
        game["clock"] += 7
        for name, value in changed.items():
            game[name] = value
        frames.append(frames_without_points(game[0], 0, kept))
    assert frames == [0, 0, 7, 0, 7]
