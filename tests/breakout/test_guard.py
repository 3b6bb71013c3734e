"""Checking the twin against the ale-py that is installed."""

import warnings
from collections.abc import Iterator
from functools import partial

import ale_py
import numpy as np
import pytest

from rlbreakout.breakout import guard, rules
from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.guard import CHECKED_FRAMES, CHECKED_WITH, Duel, check_twin
from rlbreakout.breakout.rules import READINGS, new_games
from rlbreakout.common.errors import UserError


@pytest.fixture(autouse=True)
def not_checked_yet() -> Iterator[None]:
    check_twin.cache_clear()
    yield
    check_twin.cache_clear()


def test_the_installed_ale_py_was_checked_and_plays_the_twins_game() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = check_twin()
    assert check.ale_py == ale_py.__version__ and check.ale_py in CHECKED_WITH
    assert check.frames >= CHECKED_FRAMES and check.screens > 200
    assert (check.differences, check.first_difference, check.knob_values) == (0, "", len(READINGS))
    assert check.seconds > 0


def test_it_compares_the_same_frames_every_time() -> None:
    first = check_twin()
    check_twin.cache_clear()
    second = check_twin()
    assert first is not second
    first.seconds = second.seconds = 0
    assert first == second


def test_another_ale_py_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ale_py, "__version__", "9.9.9")
    with pytest.warns(UserWarning, match=r"checked with ale-py 0\.12\.1; this is ale-py 9\.9\.9") as warned:
        assert check_twin().ale_py == "9.9.9"
        assert check_twin().differences == 0
    assert len(warned) == 1


def fast_ball(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    points = rules.play(states, actions)
    states["ball_x"][states["hits"] == 4] += 1
    return points


def unread_knob(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    points = rules.play(states, actions)
    states["reading"][states["reading"] == READINGS[-1]] -= 1
    return points


def dark_ball(states: np.ndarray) -> np.ndarray:
    screens = draw(states)
    screens[:, 120:180] = 0
    return screens


def impossible(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    states["lives"] = 99
    return rules.play(states, actions)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"play": fast_ball}, "ball_x is"),
        ({"play": unread_knob}, "reading is 184, the twin's is 183"),
        ({"draw": dark_ball}, "pixels of the screen differ"),
        ({"play": impossible}, "lives is 99"),
    ],
)
def test_a_difference_is_an_error_that_says_what_to_do(wrong: dict, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "Duel", partial(Duel, **wrong))
    with pytest.raises(UserError) as error:
        check_twin()
    line = str(error.value)
    assert "\n" not in line
    assert f"ale-py {ale_py.__version__}" in line and "env.vec_env: dummy" in line and says in line


def test_a_duel_goes_on_where_a_state_was_set() -> None:
    duel, state = Duel(), new_games(1)[0]
    state["building"], state["score"], state["lives"] = 0, 321, 2
    duel.set_state(state)
    assert (duel.state["score"][0], duel.state["lives"][0]) == (321, 2)
    duel.play(np.ones(20, dtype=np.int64))
    assert duel.count.differences == 0, duel.count.first_difference
    assert (duel.count.frames, duel.count.games) == (20, 0)
    duel.reset()
    assert duel.state.tobytes() == new_games(1).tobytes()
