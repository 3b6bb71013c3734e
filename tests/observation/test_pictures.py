"""What the agent sees, pixel by pixel and number by number, on real screens."""

import numpy as np
import pytest

from rlbreakout.bench.aimbot_accuracy import Game
from rlbreakout.breakout.screen import WIDTH
from rlbreakout.common.errors import UserError
from rlbreakout.config import MONO_MODES, TRIM_MODES, EnvConfig, ObservationConfig
from rlbreakout.envs import make_emulator
from rlbreakout.observation import (
    CLOCK,
    COORDINATES,
    COUNTER_COLUMNS,
    COUNTERS_ROW,
    FIRE,
    LEFT,
    MARK_BOTTOM,
    MARK_TOP,
    NOOP,
    RIGHT,
    Observer,
    coordinates_of,
    draw_coordinates,
    half,
    mono,
    trim,
)

NAMES = [coordinate.name for coordinate in COORDINATES]


class Screens:
    """A game in which the paddle stays where it is, looked at every 4 frames."""

    def __init__(self, seed: int = 0) -> None:
        self.game = Game(seed)

    def step(self, action: int = NOOP) -> np.ndarray:
        for _ in range(4):
            self.game.act(FIRE if self.game.ball() is None else action)
        return self.game.ale.getScreenRGB()[None]


@pytest.fixture
def screen() -> np.ndarray:
    """`(1, 210, 160, 3)`, with a ball in the open."""
    screens = Screens()
    return [screens.step() for _ in range(8)][-1]


def test_mono_modes(screen: np.ndarray) -> None:
    pictures = {mode: mono(screen, mode) for mode in MONO_MODES}
    assert {mode: picture.shape for mode, picture in pictures.items()} == {
        "3col": (1, 210, 160, 3),
        "grey_3dim": (1, 210, 160, 3),
        "grey_1dim": (1, 210, 160, 1),
        "mono_3dim": (1, 210, 160, 3),
        "mono_1dim": (1, 210, 160, 1),
    }
    assert np.array_equal(pictures["3col"], screen)
    lit = screen.any(axis=3)
    assert np.array_equal(pictures["mono_1dim"][..., 0], np.where(lit, 255, 0))
    assert np.array_equal(pictures["grey_1dim"][..., 0] != 0, lit)
    for three, one in (("grey_3dim", "grey_1dim"), ("mono_3dim", "mono_1dim")):
        assert np.array_equal(pictures[three], pictures[one].repeat(3, axis=3))


def test_trim_modes_keep_the_game_area_pixel_by_pixel(screen: np.ndarray) -> None:
    area = screen[:, 32:206, 8:152]
    assert np.array_equal(trim(screen, "keep"), screen)
    assert np.array_equal(trim(screen, "trim"), area)
    for mode, outside in (("blacken", 0), ("whiten", 255)):
        framed = trim(screen, mode)
        assert framed.shape == screen.shape and np.array_equal(framed[:, 32:206, 8:152], area)
        framed[:, 32:206, 8:152] = outside
        assert (framed == outside).all()


def test_half_never_loses_the_ball() -> None:
    for row in range(4):
        for column in range(2):
            picture = np.zeros((1, 12, 8, 1), dtype=np.uint8)
            picture[0, 4 + row : 8 + row, 2 + column : 4 + column] = 110
            small = half(picture)
            assert small.shape == (1, 6, 4, 1) and small.max() == 110
            assert 2 <= (small > 0).sum() <= 6


@pytest.mark.parametrize(("function", "what"), [(mono, "mono"), (trim, "trim")])
def test_an_unknown_mode_is_refused_and_the_known_ones_are_listed(function, what: str, screen: np.ndarray) -> None:
    allowed = ", ".join(MONO_MODES if function is mono else TRIM_MODES)
    with pytest.raises(UserError, match=f"{what} mode 'pink' is not known; allowed: {allowed}"):
        function(screen, "pink")


def test_colours_cannot_come_from_a_grey_screen(screen: np.ndarray) -> None:
    with pytest.raises(UserError, match="3col"):
        mono(screen[..., 0], "3col")


def test_the_mark_is_where_the_ball_comes_down_and_the_screen_is_left_alone() -> None:
    screens = Screens()
    observer = Observer(ObservationConfig(kind="image", mode="3col", trim="keep", aimbot=True), 1)
    marked: list[tuple[int, tuple[int, int] | None]] = []
    for _ in range(60):
        frame = screens.step(LEFT)
        before = frame.copy()
        picture = observer.look(frame, 4)
        assert isinstance(picture, np.ndarray) and np.array_equal(frame, before)
        changed = np.argwhere((picture != frame).any(axis=3)[0])
        if len(changed):
            rows, columns = changed[:, 0], changed[:, 1]
            assert (rows.min(), rows.max()) == (MARK_TOP, MARK_BOTTOM - 1) == (200, 204)
            assert columns.max() - columns.min() == 5 and (picture[0, rows, columns] == 255).all()
            marked.append((columns.min() + 2, screens.game.ball()))
    assert len(marked) > 10
    # Its middle is the ball's, when the ball gets there: it moves at most 2 columns a row, and no wall is near.
    close = [(column, ball) for column, ball in marked if ball is not None and ball[0] >= 180]
    assert close and all(abs(column - ball[1]) <= 2 * (189 - ball[0]) + 2 for column, ball in close)


def test_counters_are_the_numbers_as_brightness() -> None:
    screens = Screens()
    config = ObservationConfig(kind="image", mode="mono_1dim", trim="keep", aimbot=True, counters=True)
    observer, seen = Observer(config, 1), 0
    for _ in range(40):
        picture = observer.look(screens.step(), 4)
        assert isinstance(picture, np.ndarray)
        frames, column, row, ball_column, paddle = picture[0, COUNTERS_ROW, list(COUNTER_COLUMNS), 0].tolist()
        ball = screens.game.ball()
        assert paddle == screens.game.paddle()
        if frames and ball:
            assert (row, ball_column) == ball and 8 <= column < 152 and frames <= 97
            seen += 1
    assert seen > 10


def test_coordinates_keep_to_their_ranges_and_say_what_is_there() -> None:
    screens, random = Screens(seed=2), np.random.default_rng(0)
    observer = Observer(ObservationConfig(kind="coordinates", frame_stack=1), 1)
    vectors = []
    for _ in range(1_500):
        action = int(random.choice([NOOP, RIGHT, LEFT]))
        vector = observer.look(screens.step(action), 4, np.array([action]))
        assert isinstance(vector, np.ndarray)
        vectors.append(vector[0])
        value = dict(zip(NAMES, vector[0], strict=True))
        ball = screens.game.ball()
        if value["ball_seen"] and ball:
            assert value["ball_column"] * 160 == pytest.approx(ball[1], abs=0.01)
            assert value["ball_row"] * 157 + 32 == pytest.approx(ball[0], abs=1.01)
        assert [value[f"last_action_{name}"] for name in ("none", "fire", "right", "left")] == [
            float(action == a) for a in range(4)
        ]
        if screens.game.ale.game_over():
            screens.game.ale.reset_game()
            observer.forget(np.array([0]))
    everything = np.array(vectors)
    low, high = (np.array([getattr(c, side) for c in COORDINATES]) for side in ("low", "high"))
    assert everything.dtype == np.float32 and (everything >= low).all() and (everything <= high).all()
    # Every entry that is no brick takes at least two values in a game, so none is a constant by mistake.
    constant = [name for name, column in zip(NAMES, everything.T, strict=True) if len(set(column)) < 2]
    assert [name for name in constant if not name.startswith("brick")] in ([], ["paddle_is_wide"], ["last_action_fire"],
        ["paddle_is_wide", "last_action_fire"])  # fmt: skip
    moving = everything[:, NAMES.index("paddle_columns_a_frame")]
    assert moving.min() < 0 < moving.max()


def test_the_drawing_of_coordinates_shows_ball_paddle_and_bricks() -> None:
    screens = Screens()
    observer = Observer(ObservationConfig(kind="coordinates", frame_stack=1), 1)
    frames = [screens.step() for _ in range(8)]
    for frame in frames:
        vector = observer.look(frame, 4)
    assert isinstance(vector, np.ndarray)
    drawing, screen = draw_coordinates(vector[0]), frames[-1][0]
    assert drawing.shape == screen.shape
    ball = screens.game.ball()
    assert ball is not None and (drawing[ball[0], ball[1]] == 255).all()
    paddle = np.flatnonzero((screen[190, 8:152] != 0).any(axis=1)) + 8
    assert (drawing[190, paddle] == (200, 72, 72)).all()
    assert ((drawing[57:93, 8:152] == 120).all(axis=2).sum()) == 108 * 35


def test_forgetting_a_game_forgets_its_last_action_and_the_path_of_its_ball() -> None:
    screens = Screens()
    observer = Observer(ObservationConfig(kind="coordinates", frame_stack=1), 1)
    for _ in range(8):
        frame = screens.step()
        vector = observer.look(frame, 4, np.array([RIGHT]))
    flight, right = NAMES.index("ball_flight_known"), NAMES.index("last_action_right")
    assert isinstance(vector, np.ndarray) and vector[0, flight] == vector[0, right] == 1
    observer.forget(np.array([0]))
    again = observer.look(frame, 0)
    assert isinstance(again, np.ndarray) and again[0, flight] == again[0, right] == 0


def test_the_clock_counts_from_the_last_brick_that_was_hit() -> None:
    config = ObservationConfig(kind="coordinates", clock=True, frame_stack=1)
    assert coordinates_of(config) == (*COORDINATES, *CLOCK)
    screens, observer, counted, hits = Screens(seed=3), Observer(config, 1), 0, 0
    bricks, action, most = -1, NOOP, 0  # nothing was seen yet
    for _ in range(900):
        vector = observer.look(screens.step(action), 4)
        assert isinstance(vector, np.ndarray)
        value = dict(zip([entry.name for entry in coordinates_of(config)], vector[0], strict=True))
        left = int(sum(value[name] for name in value if name.startswith("brick_")))
        counted = counted + 4 if left == bricks and value["ball_seen"] else 0
        most = max(most, counted)
        off = value["landing_from_paddle"]
        action = RIGHT if off > 0.02 else LEFT if off < -0.02 else NOOP
        hits += left < bricks
        bricks = left
        assert value["quiet_short"] * 250 == pytest.approx(min(counted, 250), abs=0.01)
        assert value["quiet_long"] * 2_500 == pytest.approx(min(counted, 2_500), abs=0.01)
        if screens.game.ale.game_over():
            screens.game.ale.reset_game()
            observer.forget(np.array([0]))
            bricks = -1
    assert hits > 5 and most > 100


def test_a_screen_that_is_shown_twice_does_not_lose_the_ball() -> None:
    config = ObservationConfig(kind="coordinates", reach=True, foresight=True, frame_stack=1)
    at = {entry.name: index for index, entry in enumerate(coordinates_of(config))}
    env, random = make_emulator(EnvConfig(id="ALE/Breakout-v5")), np.random.default_rng(0)
    all_seen, some_lost = Observer(config, 1), Observer(config, 1)
    shown, _ = env.reset(seed=0)
    known: list[bool] = []
    near: list[bool] = []
    paddle: list[float] = []
    for step in range(1_500):
        action = FIRE if step % 20 == 0 else int(random.choice([NOOP, LEFT, RIGHT]))
        for _ in range(4):
            screen, _, over, _, _ = env.step(action)
        lost = bool(random.random() < 0.1)
        shown = shown if lost else screen
        done = np.array([action])
        true = all_seen.look(screen[None], 4, done)[0]  # type: ignore[index]
        told = some_lost.look(shown[None], 4, done)[0]  # type: ignore[index]
        if true[at["landing_known"]]:
            known.append(bool(told[at["landing_known"]]))
            if known[-1]:
                near.append(abs(true[at["landing_column"]] - told[at["landing_column"]]) * WIDTH <= 2)
            paddle.append(abs(true[at["paddle_rest_column"]] - told[at["paddle_rest_column"]]) * WIDTH)
        if over:
            shown, _ = env.reset()
            for observer in (all_seen, some_lost):
                observer.forget(np.array([0]))
    env.close()
    assert len(known) > 300 and np.mean(known) > 0.9 and np.mean(near) > 0.97, (np.mean(known), np.mean(near))
    assert np.mean(np.array(paddle) < 6) > 0.9, np.mean(np.array(paddle) < 6)
