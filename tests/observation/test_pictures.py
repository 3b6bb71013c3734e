"""Pictures for agents, pixel by pixel, made from screens of the emulator."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.atari_wrappers import WarpFrame

from rlbreakout.breakout.screen import find_ball, find_paddle
from rlbreakout.common.errors import UserError
from rlbreakout.config import MONO_MODES, TRIM_MODES
from rlbreakout.observation.aimbot import Aim
from rlbreakout.observation.pictures import (
    COUNTER_COLUMNS,
    COUNTERS_ROW,
    halve,
    image_shape,
    mono,
    one_channel,
    paint_counters,
    paint_mark,
    trim,
    warp,
)
from tests.breakout.real_game import RealGame

AREA = slice(None), slice(32, 206), slice(8, 152)
"""The game area of whole screens."""


@pytest.fixture(scope="module")
def screens() -> np.ndarray:
    """`(2, 210, 160, 3)`, with a ball in the open."""
    game, shown = RealGame(), []
    for _ in range(2):
        game.act(game.follow(8), frames=40)
        shown.append(game.rgb[0])
    assert find_ball(one_channel(np.stack(shown))).seen.all()
    return np.stack(shown)


def test_mono_modes(screens: np.ndarray) -> None:
    pictures = {mode: mono(screens, mode) for mode in MONO_MODES}
    channels = {"3col": 3, "grey_3dim": 3, "grey_1dim": 1, "mono_3dim": 3, "mono_1dim": 1}
    assert {mode: picture.shape for mode, picture in pictures.items()} == {
        mode: (2, 210, 160, n) for mode, n in channels.items()
    }
    assert np.array_equal(pictures["3col"], screens)
    lit = screens.any(axis=3)
    assert np.array_equal(pictures["mono_1dim"][..., 0], np.where(lit, 255, 0))
    assert np.array_equal(pictures["grey_1dim"][..., 0] != 0, lit)
    for three, one in (("grey_3dim", "grey_1dim"), ("mono_3dim", "mono_1dim")):
        assert np.array_equal(pictures[three], pictures[one].repeat(3, axis=3))


def test_grey_screens_give_the_same_pictures_as_coloured_ones(screens: np.ndarray) -> None:
    grey = mono(screens, "grey_1dim")
    for mode in MONO_MODES[1:]:
        assert np.array_equal(mono(grey, mode), mono(screens, mode))
        assert np.array_equal(mono(grey[..., 0], mode), mono(screens, mode))


def test_trim_modes_keep_the_game_area_pixel_by_pixel(screens: np.ndarray) -> None:
    assert np.array_equal(trim(screens, "keep"), screens)
    assert np.array_equal(trim(screens, "trim"), screens[AREA])
    for mode, outside in (("blacken", 0), ("whiten", 255)):
        framed = trim(screens, mode)
        assert framed.shape == screens.shape and np.array_equal(framed[AREA], screens[AREA])
        framed[AREA] = outside
        assert (framed == outside).all()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("trim_mode", TRIM_MODES)
@pytest.mark.parametrize("mode", MONO_MODES)
def test_the_shape_is_known_before(mode: str, trim_mode: str, half: bool, screens: np.ndarray) -> None:
    picture = trim(mono(screens, mode), trim_mode)
    picture = halve(picture) if half else picture
    assert picture.shape[1:] == image_shape(mode, trim_mode, half)


def test_halving_never_loses_the_ball() -> None:
    for row in range(4):
        for column in range(2):
            picture = np.zeros((1, 12, 8, 1), dtype=np.uint8)
            picture[0, 4 + row : 8 + row, 2 + column : 4 + column] = 110
            small = halve(picture)
            assert small.shape == (1, 6, 4, 1) and small.max() == 110
            assert 2 <= (small > 0).sum() <= 6


@pytest.mark.parametrize(("function", "what"), [(mono, "mono"), (trim, "trim")])
def test_an_unknown_mode_is_refused_and_the_known_ones_are_listed(function, what: str, screens: np.ndarray) -> None:
    allowed = ", ".join(MONO_MODES if function is mono else TRIM_MODES)
    with pytest.raises(UserError, match=f"{what} mode 'pink' is not known; allowed: {allowed}"):
        function(screens, "pink")


def test_colours_cannot_come_from_a_grey_screen(screens: np.ndarray) -> None:
    with pytest.raises(UserError, match="3col"):
        mono(screens[..., 0], "3col")


@pytest.mark.parametrize("size", [84, 36])
def test_warped_frames_are_those_of_stable_baselines3(size: int, screens: np.ndarray) -> None:
    class Screens(gym.Env):
        observation_space = gym.spaces.Box(0, 255, (210, 160, 3), np.uint8)

    sb3s = WarpFrame(Screens(), size, size)
    assert np.array_equal(warp(screens, size), np.stack([sb3s.observation(screen) for screen in screens]))


def aim_at(screens: np.ndarray, known: list[bool], column: list[int], frames: list[int]) -> Aim:
    shown = one_channel(screens)
    return Aim(np.array(known), np.array(column), np.array(frames), find_ball(shown), find_paddle(shown))


def test_the_mark_stands_where_the_ball_comes_down(screens: np.ndarray) -> None:
    picture = screens.copy()
    paint_mark(picture, aim_at(screens, [True, False], [70, 0], [33, 0]))
    changed = np.argwhere((picture != screens).any(axis=3))
    assert set(changed[:, 0]) == {0}
    assert set(changed[:, 1]) == set(range(200, 205))
    # The ball is 2 columns wide, and its middle is the middle of the 6 columns of the mark.
    assert set(changed[:, 2]) == set(range(68, 74)) and (picture[0, 200:205, 68:74] == 255).all()


def test_a_mark_at_the_wall_is_cut_off(screens: np.ndarray) -> None:
    picture = np.zeros_like(screens)
    paint_mark(picture, aim_at(screens, [True, True], [0, 159], [1, 1]))
    assert [np.flatnonzero(one[200, :, 0]).tolist() for one in picture] == [[0, 1, 2, 3], [157, 158, 159]]


def test_counters_are_the_numbers_as_brightness(screens: np.ndarray) -> None:
    aim = aim_at(screens, [True, False], [70, 0], [33, 0])
    picture = np.zeros_like(screens)
    paint_counters(picture, aim)
    for game in range(2):
        shown = picture[game, COUNTERS_ROW, list(COUNTER_COLUMNS), 0].tolist()
        assert shown == [part[game] for part in (aim.frames, aim.column, aim.ball.row, aim.ball.column)] + [
            aim.paddle.column[game]
        ]
    picture[:, COUNTERS_ROW, list(COUNTER_COLUMNS)] = 0
    assert not picture.any()


def test_what_is_not_seen_is_counted_as_0() -> None:
    black = np.zeros((1, 210, 160, 1), dtype=np.uint8)
    picture = black.copy()
    paint_counters(picture, aim_at(black, [False], [0], [0]))
    assert not picture.any()
