"""Games on the emulator itself: how they start, and what sticky actions make of an action."""

from collections import Counter

import ale_py
import numpy as np
import pytest

from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.games import MOST_STARTS_KEPT, Games
from rlbreakout.observation import FIRE, LEFT, NOOP, RIGHT
from rlbreakout.starts import Save
from tests.test_vec_env import config


def screen(of: ale_py.ALEInterface) -> np.ndarray:
    shown = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    of.getScreen(shown)
    return shown


@pytest.mark.parametrize("frames", [0, 1, 7, 30, MOST_STARTS_KEPT, MOST_STARTS_KEPT + 20])
def test_a_game_that_starts_in_a_kept_state_is_the_one_that_the_emulator_starts(frames: int) -> None:
    games, real, random = Games(config(), 2), load_emulator(), np.random.default_rng(frames)
    games.reset([0, 1])
    for _ in range(40):  # it was in the middle of a game
        games.step(np.array([RIGHT, FIRE]))
    mine = games._emulators[1]
    games._start(mine, frames)
    games._start(mine, frames)
    real.reset_game()
    actions = real.getMinimalActionSet()
    for _ in range(frames):
        real.act(actions[NOOP])
    assert mine.getEpisodeFrameNumber() == real.getEpisodeFrameNumber() == frames
    for action in random.integers(4, size=1_500).tolist():
        assert mine.act(actions[action]) == real.act(actions[action])
        assert np.array_equal(mine.getRAM(), real.getRAM()) and np.array_equal(screen(mine), screen(real))
        assert (mine.lives(), mine.game_over()) == (real.lives(), real.game_over())


ORDERS = (RIGHT, LEFT, LEFT, FIRE, RIGHT)


def where_the_paddle_gets(sticky: float, games: int) -> Counter:
    """The emulator's memory after ORDERS, each held for 4 frames, in as many games, under its own sticky actions."""
    real, ends = load_emulator(repeat_action_probability=sticky, seed=3), Counter[bytes]()
    actions = real.getMinimalActionSet()
    for _ in range(games):
        real.reset_game()
        for order in ORDERS:
            for _ in range(4):
                real.act(actions[order])
        ends[real.getRAM().tobytes()] += 1
    return ends


@pytest.mark.parametrize("sticky", [0.25, 0.5])
def test_sticky_actions_are_those_of_the_emulator(sticky: float) -> None:
    n = 500
    theirs = where_the_paddle_gets(sticky, n)
    games, mine = Games(config(repeat_action_probability=sticky, launch_ball="never"), 1), Counter[bytes]()
    for seed in range(n):
        games.reset([seed])
        for order in ORDERS:
            games.step(np.array([order]))
        mine[games._emulators[0].getRAM().tobytes()] += 1
    assert len(theirs) > 20
    # Two samples of one distribution: what is common in both differs by no more than chance.
    common = [end for end, count in (theirs + mine).items() if count >= 20]
    assert len(common) >= 5
    for end in common:
        expected = (theirs[end] + mine[end]) / 2
        assert abs(mine[end] - expected) < 4 * np.sqrt(expected / 2) + 1


def test_nothing_sticks_where_the_probability_is_0_and_everything_where_it_is_1() -> None:
    for sticky, executed in ((0.0, [RIGHT] * 4), (1.0, [NOOP] * 4)):
        games = Games(config(repeat_action_probability=sticky), 1)
        games.reset([0])
        assert games._executed(0, RIGHT, 4) == executed


def test_a_game_that_begins_in_a_saved_state_goes_on_with_the_action_of_that_state() -> None:
    games = Games(config(repeat_action_probability=1.0), 1)
    games.reset([0])
    save = Save(games._emulators[0].cloneState(), 12.0, LEFT)
    games.starts.config = games.starts.config.model_copy(update={"late": 1.0})
    games.starts.saves["late"] = [save]
    games._begin(0)
    assert games._executed(0, RIGHT, 3) == [LEFT] * 3
    games._held[0] = RIGHT
    games.starts.saves["late"] = []
    games._begin(0)
    assert games._executed(0, RIGHT, 3) == [NOOP] * 3


def test_a_step_of_one_frame_shows_that_frame_alone() -> None:
    pictures = {"kind": "image", "trim": "keep", "frame_stack": 1}
    games = Games(config(pictures, frame_skip=1, longest_frame_skip=2, max_pool=True), 3)
    games.reset([0, 1, 2])
    alike = 0
    for _ in range(100):
        seen = games.step(np.array([RIGHT, LEFT, FIRE])).observation
        assert isinstance(seen, np.ndarray)
        alike += sum(
            np.array_equal(shown[..., 0] > 0, screen(at) > 0) for shown, at in zip(seen, games._emulators, strict=True)
        )
    assert alike > 120  # half of the steps; of two frames the brighter pixels are shown
