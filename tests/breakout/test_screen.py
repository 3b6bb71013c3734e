"""What is found on the screen, against what the emulator's RAM says."""

import numpy as np
import pytest

from rlbreakout.bench.aimbot_accuracy import Game
from rlbreakout.breakout.emulator import BALL_Y
from rlbreakout.breakout.screen import (
    BALL_LEFTMOST,
    BALL_RIGHTMOST,
    BRICK_HEIGHT,
    BRICK_ROWS,
    BRICKS_BOTTOM,
    BRICKS_TOP,
    GAME_RIGHT,
    PADDLE_TOP,
    Finds,
    Found,
    find_ball,
    find_bricks,
    find_paddle,
    to_grey,
)
from rlbreakout.common.errors import UserError
from rlbreakout.observation import FIRE, LEFT, NOOP, RIGHT


@pytest.fixture(scope="module")
def played():
    """Frames of real games, in which the paddle follows the ball, and ball and paddle as the RAM has them."""
    game, random = Game(seed=1), np.random.default_rng(0)
    grey, colour, balls, paddles = [], [], [], []
    aim = 8
    for frame in range(16_000):
        ball, paddle = game.ball(), game.paddle()
        if frame % 200 == 0:
            aim = int(random.integers(0, 14))
        offset = ball[1] - paddle - aim if ball else 0
        game.act(FIRE if ball is None else RIGHT if offset > 2 else LEFT if offset < -2 else NOOP)
        if frame % 4 == 0:
            grey.append(game.ale.getScreenGrayscale())
            balls.append(game.ball() or (-1, -1))
            paddles.append(game.paddle())
        if frame % 400 == 0:
            colour.append((game.ale.getScreenRGB(), grey[-1]))
        if game.ale.game_over():
            game.ale.reset_game()
    return np.array(grey), colour, np.array(balls), np.array(paddles)


def test_grey_is_the_emulators_own_grey(played) -> None:
    for in_colour, grey in played[1]:
        assert np.array_equal(to_grey(in_colour[None])[0], grey)


def test_the_ball_is_where_the_emulator_has_it(played) -> None:
    frames, _, truth, _ = played
    ball = find_ball(frames)
    open_field = (truth[:, 0] >= BRICKS_BOTTOM) & (truth[:, 0] < PADDLE_TOP)
    hidden = (truth[:, 1] == BALL_LEFTMOST) | (truth[:, 1] == BALL_RIGHTMOST)
    assert open_field.sum() > 1_000 and (open_field & hidden).sum() > 5
    assert np.array_equal(ball.seen[open_field], ~hidden[open_field])
    shown = open_field & ~hidden
    assert np.array_equal(ball.column[shown], truth[shown, 1])
    exact = ball.row[shown] == truth[shown, 0]
    assert exact.mean() > 0.98 and np.abs(ball.row[shown] - truth[shown, 0]).max() <= 1


def test_the_ball_is_found_among_the_bricks_too(played) -> None:
    frames, _, truth, _ = played
    ball = find_ball(frames)
    among = (truth[:, 0] >= BRICKS_TOP) & (truth[:, 0] < BRICKS_BOTTOM) & (truth[:, 1] > 7) & (truth[:, 1] < 151)
    assert among.sum() > 50 and ball.seen[among].mean() > 0.9  # not where it covers nothing but whole bricks
    found = among & ball.seen
    assert np.array_equal(ball.column[found], truth[found, 1])
    assert np.abs(ball.row[found] - truth[found, 0]).max() <= 1


def test_without_a_ball_none_is_found(played) -> None:
    frames, _, truth, _ = played
    no_ball = (truth[:, 0] < 0) | (truth[:, 0] >= PADDLE_TOP)
    assert (truth[:, 0] < 0).any() and no_ball.sum() > 20 and not find_ball(frames[no_ball]).seen.any()


def test_the_paddle_is_where_the_emulator_has_it(played) -> None:
    frames, _, balls, truth = played
    paddle = find_paddle(frames)
    away = (balls[:, 0] < PADDLE_TOP - 4) | (balls[:, 0] > PADDLE_TOP + 8)
    assert paddle.seen.all() and np.array_equal(paddle.column[away], truth[away])
    width = (paddle.right - paddle.column)[away & (paddle.right < GAME_RIGHT)]
    assert set(width.tolist()) <= {16, 12}


def test_a_paddle_that_the_ball_falls_past_keeps_its_width() -> None:
    frame = np.zeros((1, 210, 160), dtype=np.uint8)
    frame[0, 189:193, 50:66] = 110
    frame[0, 189:193, 80:82] = 110  # the ball, as deep as the paddle
    paddle = find_paddle(frame)
    assert (paddle.column[0], paddle.right[0]) == (50, 66)


def test_bricks_vanish_one_by_one(played) -> None:
    bricks = find_bricks(played[0])
    assert bricks[0].all()
    assert 0 < bricks.sum(axis=(1, 2)).min() < 100
    frame = played[0][:1].copy()
    row = BRICK_ROWS[3]
    frame[0, row.top : row.top + BRICK_HEIGHT, 8 + 8 * 5 : 8 + 8 * 6] = 0
    missing = np.argwhere(~find_bricks(frame)[0])
    assert missing.tolist() == [[3, 5]]


def flat(found: Found) -> list[np.ndarray]:
    return [found.bricks, *found.ball, *found.paddle]


def test_on_screens_that_come_one_by_one_the_same_is_found(played) -> None:
    frames = played[0][::100]
    finds = Finds(len(frames) + 2)
    for game in reversed(range(len(frames))):
        finds.look(game, frames[game])
    together = Found.on(frames)
    for one_by_one, at_once in zip(flat(finds.of_first(len(frames))), flat(together), strict=True):
        assert np.array_equal(one_by_one, at_once) and len(at_once) == len(frames)
    finds.copy(np.array([7, 3]), np.array([len(frames), len(frames) + 1]))
    for copied, of in zip(flat(finds.of_first(len(frames) + 2)), flat(together), strict=True):
        assert np.array_equal(copied[-2:], of[[7, 3]])


def test_the_ram_addresses_are_those_of_this_game() -> None:
    game = Game(seed=0)
    assert game.ball() is None and game.ale.getRAM()[BALL_Y] == 0
    game.act(FIRE)
    assert game.ball() is not None


@pytest.mark.parametrize("find", [find_ball, find_bricks, find_paddle])
def test_frames_of_another_shape_or_kind_are_refused(find) -> None:
    for frames in (np.zeros((1, 209, 160), np.uint8), np.zeros((210, 160), np.uint8), np.zeros((1, 210, 160))):
        with pytest.raises(UserError, match=r"frames is .*; allowed: uint8 \(n, 210, 160\)"):
            find(frames)
