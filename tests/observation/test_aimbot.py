"""The aimbot: flights painted by hand, and its predictions in games of the emulator."""

import numpy as np
import pytest

from rlbreakout.bench.aimbot_accuracy import measure_accuracy
from rlbreakout.breakout.rules import PADDLE_TOP, fly
from rlbreakout.breakout.screen import BALL_HEIGHT, BALL_WIDTH, BRICKS_BOTTOM, HEIGHT, PADDLE_HEIGHT, WIDTH
from rlbreakout.observation.aimbot import SPEEDS, Aim, Aimbot
from tests.breakout.real_game import RealGame, ball_of

PADDLE = 100
"""Column of the painted paddle."""


def screen(row: int, column: int) -> np.ndarray:
    """`(210, 160)` with side walls, a paddle and, if `row` is not negative, a ball."""
    frame = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    frame[17:196, :8] = frame[17:196, 152:] = 142
    frame[PADDLE_TOP : PADDLE_TOP + PADDLE_HEIGHT, PADDLE : PADDLE + 16] = 110
    if row >= 0:
        frame[row : row + BALL_HEIGHT, column : column + BALL_WIDTH] = 110
    return frame


def watch(aimbot: Aimbot, *places: tuple[int, int], elapsed: int = 4, games: np.ndarray | None = None) -> Aim:
    """Show each place of the ball, `elapsed` frames apart, in `games`; returns what is known then."""
    n = 1 if games is None else len(games)
    for place in places:
        aim = aimbot.watch(np.repeat(screen(*place)[None], n, axis=0), elapsed, games)
    return aim


def test_two_screens_tell_where_and_when_the_ball_comes_down() -> None:
    aimbot = Aimbot(1)
    assert not watch(aimbot, (100, 30)).known[0]
    aim = watch(aimbot, (104, 34))
    assert (aim.known[0], aim.frames[0], aim.column[0]) == (True, PADDLE_TOP - 104, 34 + PADDLE_TOP - 104)
    assert (aim.ball.row[0], aim.ball.column[0], aim.paddle.column[0]) == (104, 34, PADDLE)


def test_a_wall_between_two_screens_does_not_spoil_it() -> None:
    # 1 column a frame to the left: the columns in between are 8, 7 (where it turns) and 8.
    aim = watch(Aimbot(1), (100, 13), (104, 9), (108, 9))
    assert (aim.known[0], aim.column[0]) == (True, 9 + PADDLE_TOP - 108)


def test_a_wall_on_the_way_down_turns_the_ball() -> None:
    aim = watch(Aimbot(1), (140, 140), (144, 144))
    # It turns at column 151, after 7 of 45 frames.
    assert (aim.frames[0], aim.column[0]) == (45, 151 - (45 - 7))


@pytest.mark.parametrize("direction", [1, -1], ids=["right", "left"])
@pytest.mark.parametrize(("columns", "rows"), SPEEDS)
def test_every_speed_is_recognized(columns: float, rows: float, direction: int) -> None:
    start, top = 80 - 40 * direction, 150.0
    places = [(int(top + rows * frame), int(start + direction * columns * frame)) for frame in (0, 4, 8)]
    aim = watch(Aimbot(1), *places)
    frames = int(np.ceil((PADDLE_TOP - places[-1][0]) / rows))
    assert (aim.known[0], aim.frames[0]) == (True, frames)
    assert abs(aim.column[0] - (places[-1][1] + direction * columns * frames)) <= 1


NO_PREDICTION = {
    "no ball": [(-1, -1), (-1, -1)],
    "it was hidden": [(100, 30), (-1, -1), (108, 38)],
    "it rises": [(104, 34), (100, 38)],
    "it jumped": [(100, 30), (104, 90)],
    "it is among the bricks": [(70, 30), (74, 34)],
    "the paddle touches it": [(182, 101), (186, 105)],
    "it is below": [(186, 20), (190, 24)],
}


@pytest.mark.parametrize("places", NO_PREDICTION.values(), ids=NO_PREDICTION)
def test_nothing_is_predicted_where_nothing_is_known(places: list[tuple[int, int]]) -> None:
    aim = watch(Aimbot(1), *places)
    assert (aim.known[0], aim.frames[0], aim.column[0]) == (False, 0, 0)


def test_games_are_followed_and_forgotten_one_by_one() -> None:
    aimbot, both = Aimbot(2), np.arange(2)
    assert watch(aimbot, (100, 30), (104, 34), games=both).known.all()
    aimbot.forget(np.array([0]))
    assert watch(aimbot, (108, 38), games=both).known.tolist() == [False, True]
    assert watch(aimbot, (112, 42), games=np.array([0])).known.tolist() == [True]


def test_each_game_has_its_own_number_of_elapsed_frames() -> None:
    aimbot = Aimbot(2)
    aimbot.watch(np.stack([screen(100, 30), screen(100, 30)]), 0)
    aim = aimbot.watch(np.stack([screen(104, 34), screen(102, 32)]), np.array([4, 2]))
    assert aim.known.all() and aim.frames.tolist() == [PADDLE_TOP - 104, PADDLE_TOP - 102]


@pytest.mark.parametrize("frame_skip", [3, 4])
def test_predictions_are_accurate_at_every_speed(frame_skip: int) -> None:
    accuracy = measure_accuracy(descents=120, frame_skip=frame_skip, seed=3)
    assert accuracy.steps > 800 and len(accuracy.speeds) >= 7 and accuracy.narrow > 100
    assert accuracy.coverage >= 0.9
    assert accuracy.within(2) >= 0.99


@pytest.mark.parametrize("steps", [2_500, pytest.param(20_000, marks=pytest.mark.long)])
def test_predictions_are_accurate_in_the_emulator(steps: int) -> None:
    game, aimbot, random = RealGame(), Aimbot(1), np.random.default_rng(0)
    falling, predicted, off, part = 0, 0, [], 8
    lives = 5
    for step in range(steps):
        aim = aimbot.watch(game.grey, 4 if step else 0)
        state = game.state
        ball = ball_of(state)
        if ball and state["ball_vy"][0] > 0 and BRICKS_BOTTOM <= ball[0] <= PADDLE_TOP - BALL_HEIGHT:
            falling, predicted = falling + 1, predicted + bool(aim.known[0])
            if aim.known[0]:
                off.append(abs(int(aim.column[0]) - landing_column(state)))
        if step % 15 == 0:
            part = int(random.integers(15))
        game.act(game.follow(part), frames=4)
        if game.reset_if_over() or game.ale.lives() < lives:
            aimbot.forget(np.array([0]))
        lives = game.ale.lives()
    assert falling > 500
    assert predicted / falling >= 0.9
    assert np.mean(np.array(off) <= 2) >= 0.95
    assert np.mean(np.array(off) <= 3) >= 0.99  # after a wall it can be a half column off, which adds up


def landing_column(state: np.ndarray) -> int:
    """Where the ball of a game crosses the paddle's line if no paddle is in its way."""
    state = state.copy()
    while (ball := ball_of(state)) and ball[0] < PADDLE_TOP:
        fly(state[0])
    return ball[1] if ball else -1
