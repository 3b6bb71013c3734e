"""Looking one bounce ahead, and to the end of a flight, against what the emulator then does."""

from __future__ import annotations

import numpy as np
import pytest

from rlbreakout.aimbot import HALF, BallTracker, Landing, Path
from rlbreakout.bench.aimbot import FIRE, Game, _Player
from rlbreakout.bounces import FASTEST, MEETS_PADDLE, Return, aims, follow, returns
from rlbreakout.breakout.emulator import BRICKS, N_BRICK_BYTES
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_BOTTOM, BRICKS_IN_A_ROW, find_ball, find_bricks, find_paddle
from rlbreakout.foresight import MOST_HITS, ThroughTracker, foresee, landing_of
from rlbreakout.rounds import A_ROUND, MIDDLE_ROW, ROUNDS, ways, worth_of

FRAME_SKIP = 4
LATE = 10
"""Frames before the ball lands, from which on the paddle is put where it should be."""
GAME = np.array([0])


Foreseen = tuple[int, Return, Return, Return, Landing]
"""In which frame, and what `returns`, `aims` and `foresee` told."""


class Flown:
    """What happened frame by frame: the ball's row and column, -1 without a ball, and the bricks."""

    def __init__(self) -> None:
        self.row, self.column, self.bricks = list[int](), list[int](), list[np.ndarray]()

    def after(self, frame: int) -> tuple[str, int, int] | None:
        """How the ball that rises in `frame` came back: the brick it hit (`below`, `above` or `none`), its points, and
        where its top was at row MEETS_PADDLE or below. None if that was not seen."""
        kind, points = "none", 0
        for now in range(frame + 1, len(self.row)):
            if self.row[now] < 0:
                return None
            gone = np.flatnonzero(self.bricks[now - 1] & ~self.bricks[now])
            if len(gone) and kind == "none":
                kind = "below" if self.row[now] > self.row[now - 1] else "above"
                points = BRICK_ROWS[gone[0] // BRICKS_IN_A_ROW].points
            if self.row[now] >= MEETS_PADDLE and self.row[now] > self.row[now - 1]:
                return kind, points, self.column[now]
        return None


@pytest.fixture(scope="module")
def played() -> tuple[Flown, list[Foreseen]]:
    """A long life, in which the ball becomes fast, and what was foreseen at every look. In its last part most bricks
    are taken away."""
    game, player, tracker, through, flown = Game(5), _Player(5), BallTracker(1), ThroughTracker(1), Flown()
    foreseen, falling = list[Foreseen](), False
    while len(flown.row) < 14_000:
        if len(flown.row) > 10_000:
            for address in range(BRICKS, BRICKS + N_BRICK_BYTES):
                if address % 5:
                    game.ale.setRAM(address, 0)
        screen = game.ale.getScreenGrayscale()[None]
        ball, paddle, bricks = find_ball(screen), find_paddle(screen), find_bricks(screen)
        if game.ball() is None:
            tracker.forget(GAME)
            through.forget(GAME)
        tracker.look(ball, FRAME_SKIP)
        landing = tracker.landing(paddle=paddle)
        path = tracker.path()
        at_last = landing_of(*foresee(path, bricks, through.look(path, bricks, GAME)))
        foreseen.append((len(flown.row) - 1, returns(path, bricks), *aims(path, bricks), at_last))
        action = player.action(game, ball, landing, begins=bool(landing.known[0]) and not falling)
        falling = bool(landing.known[0])
        for _ in range(FRAME_SKIP):
            if falling and landing.frames[0] < LATE:
                game.put_paddle(player.target)
            game.act(FIRE if game.ball() is None else action)
            row, column = game.ball() or (-1, -1)
            flown.row.append(row)
            flown.column.append(column)
            flown.bricks.append(find_bricks(game.ale.getScreenGrayscale()[None])[0].ravel())
        if game.ale.game_over():
            game.ale.reset_game()
            tracker.forget(GAME)
    return flown, foreseen


def kind(back: Return) -> tuple[str, int]:
    return "below" if back.from_below[0] else "above" if back.from_above[0] else "none", int(back.points[0])


def test_it_is_foreseen_what_a_rising_ball_will_do(played: tuple) -> None:
    flown, foreseen = played
    right, near = [], []
    for frame, back, *_ in foreseen:
        if back.known[0] and flown.row[frame] >= BRICKS_BOTTOM and (truth := flown.after(frame)) is not None:
            right.append(kind(back) == truth[:2])
            if right[-1] and back.column[0] >= 0:
                near.append(abs(back.column[0] - truth[2]) <= 8)
    assert len(right) > 500 and np.mean(right) > 0.9, (len(right), np.mean(right))
    assert np.mean(near) > 0.9, np.mean(near)


def test_it_is_foreseen_what_the_paddle_will_make_of_a_fast_ball(played: tuple) -> None:
    flown, foreseen = played
    right, sides = [], []
    for frame, _, *both, _ in foreseen:
        if not both[0].known[0]:
            continue
        met = next((now for now in range(frame, len(flown.row) - 5) if flown.row[now + 1] < flown.row[now]), None)
        if met is None or min(flown.row[frame : met + 5]) < 0 or flown.row[met] < MEETS_PADDLE:
            continue
        side = int(flown.column[met + 3] > flown.column[met])
        if (truth := flown.after(met)) is not None:
            right.append(kind(both[side]) == truth[:2])
            sides.append(side)
    assert len(right) > 100 and 0 < sum(sides) < len(sides)
    assert np.mean(right) > 0.85, (len(right), np.mean(right))


def test_a_round_without_a_brick_leads_where_it_was_foreseen(played: tuple) -> None:
    flown, _ = played
    near = []
    for met in range(1, len(flown.row) - 5):
        rows = flown.row[met + 3] - flown.row[met + 1]
        if flown.row[met] < MEETS_PADDLE or flown.row[met + 1] > flown.row[met] or not -8 < rows < -5:
            continue  # it does not meet the paddle now, or does not rise at its fastest
        side = int(flown.column[met + 3] > flown.column[met])
        if (truth := flown.after(met)) is not None and truth[0] == "none":
            near.append(abs(ways()[1][flown.column[met] * 2, side] / 2 - truth[2]) <= 8)
    assert len(near) >= 8 and np.mean(near) > 0.85, (len(near), np.mean(near))


def test_a_flight_is_worth_what_the_best_sides_make_of_it() -> None:
    random = np.random.default_rng(0)

    def best(column: int, bricks: np.ndarray, rounds: int) -> float:
        """All ways, one after the other."""
        worth = []
        for side in (0, 1):
            path = Path(*(np.array([value]) for value in (True, MIDDLE_ROW, column, FASTEST, side, False)))
            if follow(path, bricks).points[0]:
                return 1.0
            if rounds > 1:
                worth.append(A_ROUND * best(int(ways()[1][column, side]), bricks, rounds - 1))
        return max(worth, default=0.0)

    seen = []
    for _ in range(25):
        bricks = np.zeros((1, 108), dtype=bool)
        bricks[0, random.choice(108, int(random.integers(1, 3)), replace=False)] = True
        bricks = bricks.reshape(1, 6, 18)
        path = Path(*(np.array([value]) for value in (True, 150, int(random.integers(20, 300)), FASTEST, 1, False)))
        back = returns(path, bricks)
        expected = 1.0 if back.points[0] else A_ROUND * best(int(back.column[0]) * 2, bricks, ROUNDS)
        assert worth_of(back, bricks).tolist() == [expected]
        seen.append(expected)
    assert len(set(seen)) > 3
    many = np.ones((1, 6, 18), dtype=bool)
    many[0, :, 8] = False
    free = Return(*(np.array([value]) for value in (True, False, False, 0, 80, 50)))
    assert worth_of(free, many).tolist() == [A_ROUND] and worth_of(free, many & False).tolist() == [0]
    assert worth_of(free._replace(known=np.array([False])), many).tolist() == [0]


def test_a_ball_comes_back_from_the_upper_wall_if_no_brick_is_left_and_from_the_lowest_row_if_all_are() -> None:
    path = Path(*(np.array([value]) for value in (True, 188, 2 * 80, FASTEST, 1, False)))
    free = follow(path, np.zeros((1, 6, 18), dtype=bool))
    assert not free.from_below[0] and not free.from_above[0] and free.points[0] == 0
    assert free.frames[0] == 46 + 47 and 8 <= free.column[0] < 152
    wall = follow(path, np.ones((1, 6, 18), dtype=bool))
    assert wall.from_below[0] and wall.points[0] == 1 and wall.frames[0] < free.frames[0]
    upper = np.zeros((1, 6, 18), dtype=bool)
    upper[0, 0] = True
    lid = follow(path, upper)
    assert lid.from_below[0] and lid.points[0] == 7 and wall.frames[0] < lid.frames[0] < free.frames[0]


def test_it_is_foreseen_where_a_ball_comes_to_the_paddle_at_last(played: tuple) -> None:
    flown, foreseen = played
    right: dict[str, list[bool]] = {"rises": [], "falls among the bricks": [], "hits several": []}
    for frame, back, _, _, landing in foreseen:
        if not landing.known[0] or (flown.row[frame] >= BRICKS_BOTTOM and not back.known[0]):
            continue
        rows = flown.row[frame : frame + 400]
        end = next(
            (n for n, row in enumerate(rows) if row < 0 or (row >= MEETS_PADDLE and row > rows[n - 1] > 0)), None
        )
        if not end or rows[end] < 0:
            continue
        hits = sum((flown.bricks[now - 1] & ~flown.bricks[now]).any() for now in range(frame + 1, frame + end))
        kind = "hits several" if hits > 1 else "rises" if back.known[0] else "falls among the bricks"
        # MEETS_PADDLE is reached a frame or two before the paddle's line is crossed.
        on_time = abs(landing.frames[0] - end) <= 4
        right[kind].append(on_time and abs(landing.column[0] - flown.column[frame + end]) <= 6)
    told = {kind: (len(cases), float(np.mean(cases))) for kind, cases in right.items()}
    assert told["rises"][0] > 1_000 and told["rises"][1] > 0.9, told
    assert told["falls among the bricks"][0] > 100 and told["falls among the bricks"][1] > 0.9, told
    assert told["hits several"][0] > 50 and told["hits several"][1] > 0.3, told


def a_ball(row: float, column: int, *, side: int, down: bool) -> Path:
    """At its fastest."""
    return Path(*(np.array([value]) for value in (True, row, column * HALF, FASTEST, side, down)))


def a_lid(*bricks: int) -> np.ndarray:
    """Only some bricks of the lowest row."""
    wall = np.zeros((1, 6, 18), dtype=bool)
    wall[0, 5, list(bricks)] = True
    return wall


def test_a_ball_that_has_hit_a_brick_flies_through_the_others() -> None:
    path, yes, no = a_ball(60, 60, side=1, down=True), np.array([True]), np.array([False])
    wall = a_lid(*range(18))
    last, ahead = foresee(path, wall, yes)
    assert last.known[0] and ahead[0] == 0 and last.row[0] == 60
    last, ahead = foresee(path, wall, no)  # it comes back from the wall, turns at the top, and meets the next brick
    assert not last.known[0] or ahead[0] > 40
    free, _ = foresee(path, wall & False, no)
    assert free.known[0] and free.row[0] == 60


def test_a_ball_is_followed_from_brick_to_brick() -> None:
    path, no = a_ball(60, 60, side=1, down=True), np.array([False])

    def frames(*bricks: int) -> int:
        return int(landing_of(*foresee(path, a_lid(*bricks), no)).frames[0])

    bricks = range(18)
    hit = [brick for brick in bricks if frames(brick) > frames()]
    assert hit in ([first, first + 1] for first in bricks)  # it falls past the edge between two
    once = frames(hit[0])
    again = [brick for brick in bricks if brick not in hit and frames(hit[0], brick) > once]
    assert 1 <= len(again) <= 2
    assert frames(hit[0], again[0]) - once == pytest.approx(once - frames(), abs=4)
    closed = np.ones((1, 6, 18), dtype=bool)
    assert not foresee(path, closed, no)[0].known[0], f"it hits more than {MOST_HITS} bricks"


def test_whether_a_ball_flies_through_is_told_by_the_bricks_and_its_turns() -> None:
    tracker, wall = ThroughTracker(2), np.ones((2, 6, 18), dtype=bool)
    both = np.arange(2)

    def balls(row: int, *, down: bool) -> Path:
        return Path(*(np.repeat(part, 2) for part in a_ball(row, 60, side=1, down=down)))

    assert tracker.look(balls(120, down=False), wall, both).tolist() == [False, False]
    wall[0, 5, 3] = False  # the first has hit a brick, the second has not
    assert tracker.look(balls(100, down=True), wall, both).tolist() == [True, False]
    assert tracker.look(balls(150, down=True), wall, both).tolist() == [True, False]
    assert tracker.look(balls(180, down=False), wall, both).tolist() == [False, False]  # the paddle
    wall[1, 5, 3] = False
    assert tracker.look(balls(80, down=False), wall, both).tolist() == [False, True]
    assert tracker.look(balls(40, down=True), wall, both).tolist() == [False, False]  # the upper wall
    wall[:, 5, 4] = False
    assert tracker.look(balls(60, down=False), wall, both).tolist() == [True, True]
    tracker.forget(np.array([1]))
    wall[1, 5, 5] = False  # a new wall or game may have fewer bricks: no hit
    assert tracker.look(balls(60, down=False), wall, both).tolist() == [True, False]


def test_nothing_is_foreseen_of_balls_that_are_not_there() -> None:
    path, bricks = BallTracker(3).path(), np.ones((3, 6, 18), dtype=bool)
    for back in (returns(path, bricks), *aims(path, bricks)):
        assert not back.known.any() and (back.column == -1).all() and (back.points == 0).all()
    landing = landing_of(*foresee(path, bricks, np.zeros(3, dtype=bool)))
    assert not landing.known.any() and (landing.column == -1).all() and (landing.frames == -1).all()
