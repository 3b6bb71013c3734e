"""Where the paddle comes to rest and whether it meets the ball, against the emulator."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from rlbreakout.breakout.emulator import BALL_X, BALL_Y, load_emulator
from rlbreakout.breakout.screen import WIDE_PADDLE, WIDTH, find_paddle
from rlbreakout.config import ObservationConfig
from rlbreakout.observation import (
    COORDINATES,
    FIRE,
    HALVES,
    LEFT,
    MOST_ROWS_A_FRAME,
    NOOP,
    REACH,
    RIGHT,
    Observer,
    coordinates_of,
)

CONFIG = ObservationConfig(kind="coordinates", reach=True, frame_stack=1)
AT = {entry.name: index for index, entry in enumerate(coordinates_of(CONFIG))}


class Play:
    """A game that is looked at every `frame_skip` frames."""

    def __init__(self, repeat_action_probability: float, frame_skip: int = 4) -> None:
        self.frame_skip = frame_skip
        self.ale = load_emulator(repeat_action_probability=repeat_action_probability, seed=3)
        self.actions = self.ale.getMinimalActionSet()
        self.observer = Observer(CONFIG, 1)
        self.look(NOOP, 0)

    def screen(self) -> np.ndarray:
        return self.ale.getScreenGrayscale()[None]

    def look(self, action: int, elapsed: int | None = None) -> None:
        elapsed = self.frame_skip if elapsed is None else elapsed
        self.seen = self.observer.look(self.screen(), elapsed, np.array([action]))[0]  # type: ignore[index]

    def act(self, action: int, frames: int | None = None) -> None:
        for _ in range(self.frame_skip if frames is None else frames):
            self.ale.act(self.actions[action])

    def told(self, name: str) -> float:
        return float(self.seen[AT[name]])

    def paddle(self) -> float:
        """Column of its middle."""
        return float(find_paddle(self.screen()).column[0]) + WIDE_PADDLE / 2

    def meets(self, action: int) -> bool | None:
        """Whether the ball rises again if `action` is held for a step and nothing is done after it."""
        state, held = self.ale.cloneState(), action
        try:
            before = int(self.ale.getRAM()[BALL_Y])
            for frame in range(100):
                self.act(held if frame < self.frame_skip else NOOP, frames=1)
                row = int(self.ale.getRAM()[BALL_Y])
                if row == 0:
                    return False
                if row < before:
                    return True
                before = row
            return None
        finally:
            self.ale.restoreState(state)


@pytest.mark.parametrize("repeat_action_probability", [0.0, 0.25])
def test_the_paddle_comes_to_rest_where_it_was_told(repeat_action_probability: float) -> None:
    game, random, wrong, naive = Play(repeat_action_probability), np.random.default_rng(0), [], []
    for _ in range(60):
        for _ in range(int(random.integers(1, 5))):
            action = RIGHT if game.paddle() < 50 else LEFT if game.paddle() > 120 else int(random.choice([LEFT, RIGHT]))
            game.act(action)
            game.look(action)
        told, now = game.told("paddle_rest_column") * 160, game.paddle()
        for _ in range(3):
            game.act(NOOP)
            game.look(NOOP)
        wrong.append(abs(game.paddle() - told))
        naive.append(abs(game.paddle() - now))
    # The first frame of no action may be a sticky one, which turns the knob once more.
    assert np.mean(np.array(wrong) <= 2) > (0.95 if repeat_action_probability == 0 else 0.65)
    assert np.mean(wrong) < np.mean(naive) / 3


@pytest.mark.parametrize("frame_skip", [3, 4, 5])
def test_it_is_told_rightly_whether_the_paddle_will_meet_the_ball(frame_skip: int) -> None:
    game, random, right, met = Play(0.0, frame_skip), np.random.default_rng(1), [], []
    while len(right) < 250:
        if game.ale.game_over():
            game.ale.reset_game()
            game.observer.forget(np.array([0]))
        if game.told("reach_known") and game.told("ball_row") < 0.95:
            for action, name in ((NOOP, "nothing"), (RIGHT, "right"), (LEFT, "left")):
                if (truth := game.meets(action)) is not None:
                    right.append(truth == bool(game.told(f"{name}_meets")))
                    met.append(truth)
        wanted = game.told("landing_from_paddle") * 160 + float(random.uniform(-12, 12))
        action = RIGHT if wanted > 12 else LEFT if wanted < -12 else NOOP
        action = FIRE if not game.told("ball_seen") else action
        game.act(action)
        game.look(action)
    assert 0.1 < np.mean(met) < 0.9
    assert np.mean(right) > 0.93, np.mean(right)


def test_it_is_told_rightly_to_which_sides_the_ball_can_still_be_sent() -> None:
    config = ObservationConfig(kind="coordinates", reach=True, bounces=True, aim=True, frame_stack=1)
    at = {entry.name: index for index, entry in enumerate(coordinates_of(config))}
    game, observer, random = Play(0.0), Observer(config, 1), np.random.default_rng(5)
    told: list[float] = []
    true: list[bool] = []
    while len(told) < 120:
        action = FIRE if not game.told("ball_seen") else NOOP
        wanted = game.told("landing_from_paddle") * 160 + float(random.uniform(-6, 6))
        if game.told("landing_known"):
            action = RIGHT if wanted > 12 else LEFT if wanted < -12 else NOOP
        game.act(action)
        game.look(action)
        if game.ale.game_over():
            game.ale.reset_game()
            game.observer.forget(np.array([0]))
            observer.forget(np.array([0]))
        seen = observer.look(game.screen(), 4, np.array([action]))[0]  # type: ignore[index]
        fastest = seen[at["to_left_known"]] and seen[at["aim_known"]]
        at_a_wall = not 20 <= seen[at["landing_column"]] * 160 <= 135  # which turns it at once
        if not fastest or at_a_wall or not 3 <= seen[at["landing_frames"]] * 100 <= 16:
            continue
        for action, name in ((NOOP, "nothing"), (RIGHT, "right"), (LEFT, "left")):
            sides = sides_reached(game, action)
            for side in ("left", "right"):
                told.append(float(seen[at[f"aim_{name}_{side}_half"]]) * HALVES)
                true.append(side in sides)
    margin, possible = np.array(told), np.array(true)
    clear = np.abs(margin) >= 2
    assert clear.mean() > 0.6 and 0.1 < possible.mean() < 0.9
    right = (margin > 0) == possible
    assert right[clear].mean() > 0.95, right[clear].mean()
    assert right.mean() > 0.88, right.mean()


def test_who_follows_the_aim_sends_a_ball_that_is_still_on_its_way_to_the_side_that_is_wanted() -> None:
    config = ObservationConfig(kind="coordinates", bounces=True, foresight=True, aim=True, frame_stack=1)
    names = [entry.name for entry in coordinates_of(config)]
    game, observer, random = Play(0.0), Observer(config, 1), np.random.default_rng(5)
    possible: list[bool] = []
    reached: list[bool] = []
    wanted, action, fell, lives = "", FIRE, False, 5
    places: list[float] = []  # where the ball was foreseen to come down
    for _ in range(4_000):
        game.act(action)
        if game.ale.game_over():
            game.ale.reset_game()
            observer.forget(np.array([0]))
        looked = observer.look(game.screen(), 4, np.array([action]))[0]  # type: ignore[index]
        seen = dict(zip(names, looked.tolist(), strict=True))
        lost, lives = game.ale.lives() < lives, game.ale.lives()
        rises, falls = seen["ball_rows_a_frame"] < 0, seen["ball_rows_a_frame"] > 0
        if wanted and ((fell and rises) or lost):
            if np.ptp(places) <= 2:
                reached.append(rises and (seen["ball_columns_a_frame"] < 0) == (wanted == "left"))
            wanted = ""
        fell = falls or (fell and not rises and not lost)
        aimed, place = seen["aim_known"] == 1, seen["foreseen_column"] * WIDTH
        margins = {
            side: [seen[f"aim_{name}_{side}_half"] * HALVES for name in ("nothing", "right", "left")]
            for side in ("left", "right")
        }
        fastest = seen["ball_rows_a_frame"] * MOST_ROWS_A_FRAME == -3.375
        at_a_wall = not 25 <= place <= 130  # which turns it at once
        if fastest and not wanted and not at_a_wall and aimed and seen["foreseen_frames"] > 0.5:
            side = ("left", "right")[int(random.integers(2))]
            possible.append(max(margins[side]) >= 2)
            wanted, places = side if possible[-1] else "", []
        if aimed and seen["foreseen_frames"] > 0:
            places.append(place)
        either = [max(pair) for pair in zip(*margins.values(), strict=True)]
        best = int(np.argmax(margins[wanted] if wanted else either))
        action = (NOOP, RIGHT, LEFT)[best] if aimed else NOOP if seen["ball_seen"] else FIRE
    assert len(reached) > 20
    assert np.mean(possible) > 0.7, np.mean(possible)
    assert np.mean(reached) > 0.8, np.mean(reached)


def sides_reached(game: Play, action: int) -> set[str]:
    """Where a falling ball goes to after `action` and all ways to go on."""
    state, reached = game.ale.cloneState(), set[str]()
    for further in product((NOOP, RIGHT, LEFT), repeat=3):
        game.ale.restoreState(state)
        row, rising, column = int(game.ale.getRAM()[BALL_Y]), False, 0
        for frame in range(60):
            game.act((action, *further, *[NOOP] * 12)[frame // 4], frames=1)
            now = int(game.ale.getRAM()[BALL_Y])
            moved = int(game.ale.getRAM()[BALL_X]) - column
            if now == 0:
                break
            if rising:
                reached.add("right" if moved > 0 else "left")
                break
            rising, row, column = now < row, now, int(game.ale.getRAM()[BALL_X])
    game.ale.restoreState(state)
    return reached


def test_the_entries_are_there_only_if_they_are_asked_for() -> None:
    plain = ObservationConfig(kind="coordinates", frame_stack=1)
    assert coordinates_of(plain) == COORDINATES and coordinates_of(CONFIG) == (*COORDINATES, *REACH)
    frames = np.zeros((2, 210, 160), dtype=np.uint8)
    for config in (plain, CONFIG, CONFIG.model_copy(update={"bounces": True})):
        observer = Observer(config, 2)
        seen = observer.look(frames, 0)
        assert isinstance(seen, np.ndarray) and seen.dtype == np.float32
        assert seen.shape == (2, len(coordinates_of(config))) and observer.space.contains(seen[0])


def test_of_a_ball_that_falls_to_the_paddle_foresight_tells_what_reach_does() -> None:
    config = ObservationConfig(kind="coordinates", reach=True, foresight=True, frame_stack=1)
    at = {entry.name: index for index, entry in enumerate(coordinates_of(config))}
    game, observer, random = Play(0.25), Observer(config, 1), np.random.default_rng(1)
    both = only_foreseen = 0
    for step in range(600):
        action = FIRE if step % 20 == 0 else int(random.choice([NOOP, LEFT, RIGHT]))
        game.act(action)
        seen = observer.look(game.screen(), 4, np.array([action]))[0]  # type: ignore[index]
        if game.ale.game_over():
            game.ale.reset_game()
            observer.forget(np.array([0]))
        if not seen[at["reach_known"]]:
            only_foreseen += int(seen[at["foreseen_known"]])
            continue
        both += 1
        assert seen[at["foreseen_known"]] == 1
        assert seen[at["foreseen_frames"]] == seen[at["landing_frames"]]
        for name in (name for name in at if name.endswith(("_meets", "_margin")) and not name.startswith("foreseen")):
            assert seen[at[name]] == seen[at[f"foreseen_{name}"]], name
    assert both > 100 and only_foreseen > 50
