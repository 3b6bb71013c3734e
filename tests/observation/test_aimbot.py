"""The aimbot: its rules on paths made by hand, and its predictions on real games."""

import numpy as np
import pytest

from rlbreakout.bench.aimbot_accuracy import play
from rlbreakout.breakout.screen import PADDLE_TOP, Ball
from rlbreakout.observation.aimbot import SPEEDS, BallTracker


def look(tracker: BallTracker, row: int, column: int, frames: int = 4):
    seen = np.array([row >= 0])
    return tracker.look(Ball(seen, np.array([row]), np.array([column])), frames)


def test_two_looks_tell_the_flight_and_where_it_ends() -> None:
    tracker = BallTracker(1)
    assert not look(tracker, 100, 60).known[0] and not tracker.landing().known[0]
    flight = look(tracker, 104, 64)
    assert (flight.rows_a_frame[0], flight.columns_a_frame[0]) == (1.0, 1.0)
    landing = tracker.landing()
    assert (landing.frames[0], landing.column[0]) == (PADDLE_TOP - 104, 64 + PADDLE_TOP - 104)


def test_a_wall_between_two_looks_does_not_spoil_it() -> None:
    tracker = BallTracker(1)
    look(tracker, 100, 13)
    look(tracker, 104, 9)  # 1 column a frame to the left; columns are 9, 8, 7 (turns), 8, 9
    flight = look(tracker, 108, 9)
    assert (flight.rows_a_frame[0], flight.columns_a_frame[0]) == (1.0, 1.0)
    assert tracker.landing().column[0] == 9 + PADDLE_TOP - 108


def test_a_ball_behind_the_wall_is_followed() -> None:
    tracker = BallTracker(1)
    look(tracker, 100, 22)
    look(tracker, 104, 14)
    flight = look(tracker, -1, -1)  # at column 6, where the wall hides it
    assert (flight.seen[0], flight.row[0], flight.column[0]) == (True, 108, 6)
    assert look(tracker, 112, 14).columns_a_frame[0] == 2.0


def test_a_rising_ball_has_no_landing_until_a_brick_sends_it_back() -> None:
    tracker = BallTracker(1)
    look(tracker, 104, 40)
    look(tracker, 100, 44)
    assert not tracker.landing().known[0]
    flight = look(tracker, 98, 48)  # should be at 96, and is lower: it has turned
    assert flight.rows_a_frame[0] == 1.0 and tracker.landing().known[0]


def test_every_speed_is_told_apart_from_both_directions() -> None:
    for columns, rows in SPEEDS:
        for direction in (1, -1):
            tracker = BallTracker(1)
            for frame in (0, 4, 8):
                flight = look(tracker, int(100 + rows * frame), int(80 + direction * columns * frame))
            told = flight.columns_a_frame[0], flight.rows_a_frame[0]
            assert told == (direction * columns, rows)


def test_games_are_told_apart_and_forgotten_one_by_one() -> None:
    tracker = BallTracker(2)
    for row in (100, 104):
        tracker.look(Ball(np.ones(2, dtype=bool), np.array([row, row]), np.array([row - 50, row - 30])), 4)
    assert tracker.landing().known.all()
    tracker.forget(np.array([0]))
    assert tracker.landing().known.tolist() == [False, True]
    one = tracker.look(Ball(np.array([True]), np.array([108]), np.array([78])), 4, np.array([1]))
    assert one.known[0] and tracker.landing().known.tolist() == [False, True]


@pytest.mark.parametrize("frame_skip", [4, 3])
def test_predictions_are_right_on_real_games(frame_skip: int) -> None:
    accuracy = play(descents=60, frame_skip=frame_skip, seed=3)
    assert accuracy.steps > 300
    assert accuracy.coverage >= 0.90
    assert accuracy.within(2) >= 0.97 and accuracy.within(4) >= 0.99
    assert np.mean(np.abs(accuracy.frame_errors) <= 1) > 0.97
    assert sum(count > 0 for count in accuracy.speeds.values()) >= 5


def test_the_games_that_it_is_measured_on_have_both_widths_of_the_paddle() -> None:
    accuracy = play(descents=250, seed=0)
    assert accuracy.narrow > 20 and all(accuracy.speeds.values())
    assert accuracy.within(2) >= 0.97 and accuracy.within(4) >= 0.99
