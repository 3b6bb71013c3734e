"""The twin's screens, against the emulator's."""

import numpy as np
import pytest

from rlbreakout.bench.exact import compare, random_states
from rlbreakout.breakout import draw as drawing
from rlbreakout.breakout.draw import draw, draw_grey, draw_rgb
from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.breakout.guard import Duel
from rlbreakout.breakout.rules import FIRE, LAST_FRAME, NONE, new_games, play
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.errors import UserError


def test_grey_and_colour_screens_are_the_emulators() -> None:
    ale, random, states = load_emulator(), np.random.default_rng(0), new_games(1)
    actions = ale.getMinimalActionSet()
    shades: set[int] = set()
    for frame in range(1_200):
        action = int(random.integers(4))
        ale.act(actions[action])
        play(states, np.array([action]))
        if frame % 3 == 0:
            assert np.array_equal(draw(states)[0], ale.getScreen().reshape(HEIGHT, WIDTH))
            assert np.array_equal(draw_grey(states)[0], ale.getScreenGrayscale().reshape(HEIGHT, WIDTH))
            assert np.array_equal(draw_rgb(states)[0], ale.getScreenRGB())
            shades.update(np.unique(draw(states)).tolist())
        if ale.game_over():
            ale.reset_game()
            states = new_games(1)
    assert shades == set(drawing.COLOURS)


def test_after_a_reset_the_emulators_screen_is_drawn() -> None:
    ale = load_emulator()
    ale.reset_game()
    assert np.array_equal(draw(new_games(1))[0], ale.getScreen().reshape(HEIGHT, WIDTH))


def test_every_screen_of_random_states_is_the_emulators() -> None:
    count = compare(5_000, seed=2, players=["random states"])
    assert count.screens == count.frames
    assert count.differences == 0, count.first_difference


def test_the_screen_when_the_clock_runs_over_is_the_emulators() -> None:
    for score in (0, 7, 85, 123, 432, 864):
        duel = Duel()
        late = new_games(1)[0]
        late["clock"], late["building"], late["score"] = LAST_FRAME - 5, 0, score
        duel.set_state(late)
        duel.play(np.full(10, FIRE))
        assert duel.state["clock"][0] == LAST_FRAME
        assert duel.count.screens == 4
        assert duel.count.differences == 0, duel.count.first_difference


def test_a_wrong_pixel_is_found() -> None:
    """A rare one: how far the ball is seen in the lowest row."""

    def wrong(states: np.ndarray) -> np.ndarray:
        screens = draw(states)
        screens[:, 195, 8:152] = 0
        return screens

    count = compare(3_000, seed=1, draw=wrong, players=["random states"])
    assert 0 < count.differences < 0.05 * count.frames
    assert "pixels of the screen differ, the first at row 195" in count.first_difference


def test_states_that_are_not_contiguous_are_drawn() -> None:
    states = random_states(9, np.random.default_rng(0))
    assert np.array_equal(draw(states[::2]), draw(states)[::2])
    assert draw(states[:0]).shape == (0, HEIGHT, WIDTH)


def test_drawing_changes_no_state() -> None:
    states = random_states(9, np.random.default_rng(0))
    before = states.copy()
    draw(states), draw_grey(states), draw_rgb(states)
    assert states.tobytes() == before.tobytes()


@pytest.mark.parametrize("states", [np.zeros(3), new_games(2)[0], new_games(4).reshape(2, 2), None])
def test_what_is_no_array_of_states_is_an_error(states: np.ndarray) -> None:
    for drawn in (draw, draw_grey, draw_rgb):
        with pytest.raises(UserError, match="dtype STATE"):
            drawn(states)


def test_a_ball_at_any_place_is_drawn_inside_of_the_screen() -> None:
    """Nothing is written beyond the array: with NUMBA_BOUNDSCHECK=1 that is an error."""
    states = new_games(256)
    states["ball_y"] = np.arange(256) * 256
    for column in (-128, -49, 0, 7, 151, 159, 160, 255):
        states["ball_x"] = column * 256
        assert (draw(states)[:, 206:] == 0).all()
    play(states, np.full(256, NONE), 0)
