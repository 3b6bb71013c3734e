"""What is found on screens of the emulator, against the emulator's memory."""

import numpy as np
import pytest

from rlbreakout.breakout.rules import width_of
from rlbreakout.breakout.screen import (
    BALL_WIDTH,
    BRICKS_BOTTOM,
    BRICKS_TOP,
    GAME_LEFT,
    GAME_RIGHT,
    HEIGHT,
    PADDLE_HEIGHT,
    PADDLE_TOP,
    WIDTH,
    find_ball,
    find_paddle,
    to_grey,
)
from rlbreakout.common.errors import UserError
from tests.breakout.real_game import RealGame, ball_of

NO_BALL = (-1, -1)


@pytest.fixture(scope="module")
def played() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every third frame of games in which the paddle follows the ball: the screens `(n, 210, 160)`, rows and columns
    of the ball `(n, 2)`, and the states `(n,)`."""
    game, random = RealGame(), np.random.default_rng(2)
    screens, balls, states, part = [], [], [], 8
    for frame in range(6_000):
        if frame % 60 == 0:
            part = int(random.integers(15))
        if frame % 3 == 0:
            states.append(game.state)
            balls.append(ball_of(states[-1]) or NO_BALL)
            screens.append(game.grey[0])
        game.act(game.follow(part))
        game.reset_if_over()
    return np.array(screens), np.array(balls), np.concatenate(states)


def test_grey_is_the_emulators_own_grey() -> None:
    game = RealGame()
    for _ in range(20):
        game.act(game.follow(8), frames=10)
        assert np.array_equal(to_grey(game.rgb), game.grey)


def test_the_ball_is_where_the_emulator_has_it(played) -> None:
    screens, truth, _ = played
    ball = find_ball(screens)
    in_the_open = (truth[:, 0] >= BRICKS_BOTTOM) & (truth[:, 0] < PADDLE_TOP)
    hidden = (truth[:, 1] == GAME_LEFT - BALL_WIDTH) | (truth[:, 1] == GAME_RIGHT)
    assert in_the_open.sum() > 1_000 and (in_the_open & hidden).sum() > 5
    assert np.array_equal(ball.seen[in_the_open], ~hidden[in_the_open])
    shown = in_the_open & ~hidden
    assert np.array_equal(ball.column[shown], truth[shown, 1])
    off = np.abs(ball.row[shown] - truth[shown, 0])
    assert (off == 0).mean() > 0.98 and off.max() <= 1


def test_the_ball_is_found_among_the_bricks(played) -> None:
    screens, truth, _ = played
    ball = find_ball(screens)
    among = (truth[:, 0] >= BRICKS_TOP) & (truth[:, 0] < BRICKS_BOTTOM) & (truth[:, 1] > 7) & (truth[:, 1] < 151)
    assert among.sum() > 50 and ball.seen[among].mean() > 0.85  # not where it covers nothing but whole bricks
    found = among & ball.seen
    assert np.array_equal(ball.column[found], truth[found, 1])
    assert np.abs(ball.row[found] - truth[found, 0]).max() <= 1


def test_no_ball_is_found_where_none_is(played) -> None:
    screens, truth, _ = played
    none = (truth[:, 0] < 0) | (truth[:, 0] >= PADDLE_TOP)
    assert (truth[:, 0] < 0).any() and none.sum() > 10 and not find_ball(screens[none]).seen.any()


def test_the_paddle_is_where_the_emulator_has_it(played) -> None:
    screens, balls, states = played
    paddle = find_paddle(screens)
    away = (balls[:, 0] < PADDLE_TOP - 4) | (balls[:, 0] > PADDLE_TOP + 8)
    assert paddle.seen.all() and np.array_equal(paddle.column[away], states["paddle"][away])
    whole = away & (paddle.right < GAME_RIGHT)
    widths = [width_of(state) for state in states[whole]]
    assert np.array_equal((paddle.right - paddle.column)[whole], widths)


def test_a_paddle_that_the_ball_falls_past_keeps_its_width() -> None:
    screen = np.zeros((1, HEIGHT, WIDTH), dtype=np.uint8)
    rows = slice(PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT)
    screen[0, rows, 50:66] = 110
    screen[0, rows, 80:82] = 110  # the ball
    paddle = find_paddle(screen)
    assert (paddle.column[0], paddle.right[0]) == (50, 66)


@pytest.mark.parametrize("find", [find_ball, find_paddle])
def test_frames_of_another_shape_or_dtype_are_refused(find) -> None:
    for frames in (np.zeros((1, 209, 160), np.uint8), np.zeros((210, 160), np.uint8), np.zeros((1, 210, 160))):
        with pytest.raises(UserError, match=r"frames is .*; allowed: uint8 \(n, 210, 160\)"):
            find(frames)
