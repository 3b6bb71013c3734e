"""The rules of the game, against the emulator."""

from __future__ import annotations

import numpy as np
import pytest

from rlbreakout.bench.exact import PLAYERS, compare, describe_exact, random_states
from rlbreakout.breakout import rules
from rlbreakout.breakout.emulator import from_ram, load_emulator
from rlbreakout.breakout.guard import CHUNK, Duel, turn_the_knob
from rlbreakout.breakout.rules import (
    FIRE,
    KNOB_LEAST,
    KNOB_MOST,
    KNOB_START,
    LAST_FRAME,
    LEFT,
    LIVES,
    N_ACTIONS,
    NONE,
    PIXEL,
    PIXEL_BITS,
    READINGS,
    RIGHT,
    STATE,
    new_games,
    play,
    reading_of,
)
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS
from rlbreakout.common.errors import UserError


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether all fields of all states are equal."""
    return left.dtype == right.dtype == STATE and left.tobytes() == right.tobytes()


def actions_of(n: int, action: int) -> np.ndarray:
    return np.full(n, action)


def seen_in(ram: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The emulator's state, once for each of `states`, which lend it what its memory does not hold."""
    seen = from_ram(np.tile(ram, (len(states), 1)), states["knob"])
    seen["shown_lives"], seen["shown_score"] = states["shown_lives"], states["shown_score"]
    return seen


def in_flight(n: int = 1, frames: int = 60) -> np.ndarray:
    """Games with a ball in play."""
    states = new_games(n)
    play(states, actions_of(n, FIRE), frames)
    return states


# The emulator plays the same game.


@pytest.mark.parametrize("player", ["random", "following", "random states"])
def test_every_frame_is_the_emulators(player: str) -> None:
    count = compare(6_000, seed=1, players=[player])
    assert count.differences == 0, count.first_difference
    assert count.frames == count.screens >= 6_000


@pytest.mark.long
def test_every_frame_of_many_games_is_the_emulators() -> None:
    count = compare(500_000, seed=3)
    assert count.differences == 0, count.first_difference


def test_a_whole_game_through_both_walls_is_the_emulators() -> None:
    duel = Duel(screens_every=4)
    PLAYERS["good"](duel, np.random.default_rng(1), 10**9)
    assert duel.count.differences == 0, duel.count.first_difference
    assert (duel.count.games, duel.count.first_walls, duel.count.perfect_games) == (1, 1, 1)
    assert duel.state["score"][0] == MOST_POINTS
    assert not duel.state["bricks"].any()


def test_the_knob_is_read_as_the_emulator_reads_it_at_all_101_places() -> None:
    duel = Duel()
    turn_the_knob(duel)
    assert duel.count.differences == 0, duel.count.first_difference
    assert duel.count.knob_values == len(READINGS) == 101


def test_the_knob_is_read_as_more_the_greater_its_resistance() -> None:
    readings = [reading_of(knob) for knob in range(KNOB_LEAST, KNOB_MOST + 1, 50)]
    assert readings == sorted(readings)
    assert set(readings) == set(READINGS.tolist())


@pytest.mark.parametrize("frame_skip", range(1, 7))
def test_an_agent_step_holds_its_action_for_frame_skip_frames(frame_skip: int) -> None:
    """From reset to the end of a game, with nothing taken over from the emulator in between."""
    ale, random = load_emulator(), np.random.default_rng(frame_skip)
    actions, states, steps = ale.getMinimalActionSet(), new_games(1), 0
    while not ale.game_over():
        action = int(random.integers(N_ACTIONS))
        before = states.copy()
        points = play(states, np.array([action]), frame_skip)
        assert points[0] == sum(ale.act(actions[action]) for _ in range(frame_skip))
        assert same(seen_in(ale.getRAM(), states), states), (before, states)
        steps += 1
    assert states["lives"][0] == 0
    assert steps > 50


def test_a_sticky_step_is_one_of_the_five_splits_of_its_frames() -> None:
    """ALE's own sticky actions, followed: k frames of the action before, then 4 - k of the new one."""
    ale, random = load_emulator(repeat_action_probability=0.5, seed=3), np.random.default_rng(3)
    actions, splits, seen = ale.getMinimalActionSet(), np.arange(5), set[int]()
    beginning = {(new_games(1).tobytes(), NONE)}
    known = beginning  # states that fit what was seen, and the action that was executed last
    for _ in range(700):
        action = int(random.integers(N_ACTIONS))
        for _ in range(4):
            ale.act(actions[action])
        fitting = {}
        for state, before in known:
            outcomes = np.frombuffer(state, dtype=STATE).repeat(5)
            play(outcomes, actions_of(5, before), splits)
            play(outcomes, actions_of(5, action), 4 - splits)
            emulators = seen_in(ale.getRAM(), outcomes)
            for k in splits.tolist():
                if same(emulators[k : k + 1], outcomes[k : k + 1]):
                    fitting[outcomes[k].tobytes(), before if k == 4 else action] = k
        assert 0 < len(fitting) < 40
        if len(fitting) == len(known) == 1:
            seen.update(fitting.values())
        known = set(fitting)
        if ale.game_over():
            ale.reset_game()
            known = beginning
    assert seen == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("action", range(N_ACTIONS))
@pytest.mark.parametrize("ball", [True, False])
def test_the_game_ends_when_the_clock_runs_over(action: int, ball: bool) -> None:
    duel, late = Duel(), in_flight()[0]
    late["clock"], late["score"] = LAST_FRAME - 10, 123
    if not ball:
        late["ball_y"] = late["ball_vx"] = late["ball_vy"] = 0
    duel.set_state(late)
    duel.play(actions_of(CHUNK, action))
    assert duel.count.differences == 0, duel.count.first_difference
    assert duel.count.frames == 9  # the first of the ten is not compared
    assert (duel.state["clock"][0], duel.state["lives"][0], duel.state["ball_y"][0] < PIXEL) == (
        LAST_FRAME,
        LIVES,
        True,
    )
    after = duel.state.copy()
    assert play(after, actions_of(1, FIRE), 10)[0] == 0
    assert same(after, duel.state)


def test_no_wall_is_built_when_the_clock_has_run_over() -> None:
    """The ball meets the paddle in the frame before the last, and the score asks for the second wall."""
    duel, late = Duel(), in_flight()[0]
    late["clock"], late["score"], late["bricks"], late["building"] = LAST_FRAME - 3, WALL_POINTS, 0, 0
    late["ball_x"], late["ball_y"], late["ball_vy"] = (late["paddle"] + 6) * PIXEL, 0xB2 * PIXEL, PIXEL
    duel.set_state(late)
    duel.play(actions_of(CHUNK, NONE))
    assert duel.count.differences == 0, duel.count.first_difference
    assert (duel.count.frames, duel.state["building"][0], duel.state["bricks"].sum()) == (2, 1, 0)


# A comparison finds what is wrong.


def test_a_rare_difference_is_found() -> None:
    """On the lowest line of the side walls."""

    def wrong(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        lowest = states["ball_y"] >> PIXEL_BITS == rules.SIDE_WALLS_END
        points = play(states, actions)
        states["ball_vx"][lowest] += 1
        return points

    count = compare(3_000, seed=1, play=wrong, screens_every=0, players=["random states"])
    assert 0 < count.differences < 0.05 * count.frames
    assert "ball at line 186" in count.first_difference and "ball_vx is" in count.first_difference


FIELDS = ("lives", "shown_score", "building", "ball_x", "ball_vy", "hits", "knob", "met", "bricks")


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_field_is_found_and_named(field: str) -> None:
    def wrong(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        points = play(states, actions)
        later = states["clock"] == 50
        states[field][later] = 1 - states[field][later]
        return points

    count = compare(300, play=wrong, screens_every=0, players=["following"])
    assert count.differences == 3  # two games that turn the knob, and one of the player
    assert count.first_difference.startswith("frame 50 of game 1") and f"{field} is" in count.first_difference


def test_wrong_points_are_found() -> None:
    def wrong(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.minimum(play(states, actions), 1)

    count = compare(2_000, play=wrong, screens_every=0, players=["random states"])
    assert count.differences > 0
    assert "points, the twin 1" in count.first_difference


def test_what_was_compared_is_described() -> None:
    count = compare(1_000, screens_every=4, players=["random"])
    rows = {name: value for name, _, value in describe_exact(count)}
    assert rows["twin: frames compared with the emulator, whole state"] == count.frames >= 1_000
    assert rows["twin: such frames compared pixel by pixel"] == count.screens < count.frames / 3
    assert rows["twin: frames that differ"] == 0


# How it is called.


def test_new_games_are_the_emulators_after_a_reset() -> None:
    assert same(new_games(1), from_ram(load_emulator().getRAM(), KNOB_START))
    assert same(new_games(3), new_games(1).repeat(3))
    assert len(new_games(0)) == 0 and len(play(new_games(0), np.zeros(0, dtype=int))) == 0


def test_games_do_not_depend_on_each_other() -> None:
    random = np.random.default_rng(0)
    together = random_states(50, random)
    alone = [together[n : n + 1].copy() for n in range(50)]
    actions, frames = random.integers(N_ACTIONS, size=50), random.integers(7, size=50)
    points = play(together, actions, frames)
    for n, states in enumerate(alone):
        assert play(states, actions[n : n + 1], int(frames[n]))[0] == points[n]
        assert same(states, together[n : n + 1])


def test_points_are_those_of_all_frames() -> None:
    states = in_flight()
    states["ball_y"], states["ball_vy"] = 0x60 * PIXEL, -2 * PIXEL
    points = play(states, actions_of(1, NONE), 40)
    assert points.shape == (1,) and points.dtype == np.int64
    assert points[0] == states["score"][0] == 1


def test_frames_can_differ_between_games() -> None:
    states = in_flight(4)
    play(states, actions_of(4, RIGHT), np.array([0, 1, 2, 5], dtype=np.int8))
    for n, frames in enumerate((0, 1, 2, 5)):
        expected = in_flight()
        play(expected, actions_of(1, RIGHT), frames)
        assert same(states[n : n + 1], expected)


def test_a_finished_game_stays_as_it_is() -> None:
    states = in_flight(2)
    states["lives"][0], states["ball_y"][0] = 0, 0
    states["clock"][1] = LAST_FRAME
    before = states.copy()
    for action in range(N_ACTIONS):
        assert play(states, actions_of(2, action), 9).tolist() == [0, 0]
    assert same(states, before)


def test_a_game_ends_in_the_middle_of_a_step() -> None:
    states = in_flight()
    states["lives"], states["ball_y"] = 1, (rules.LOST_LINE - 1) * PIXEL
    other = states.copy()
    play(states, actions_of(1, NONE), 6)
    play(other, actions_of(1, NONE), 600)
    assert states["lives"][0] == 0
    assert same(states, other)


def test_states_that_are_not_contiguous_are_changed_in_place() -> None:
    all_games = in_flight(6)
    every_other, expected = all_games[::2], in_flight(3)
    play(every_other, actions_of(3, LEFT), 5)
    play(expected, actions_of(3, LEFT), 5)
    assert same(all_games[::2].copy(), expected)
    assert same(all_games[1::2].copy(), in_flight(3))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_actions_of_any_whole_number_type_do(dtype: type) -> None:
    states, expected = in_flight(4), in_flight(4)
    play(states, np.arange(4, dtype=dtype), 3)
    play(expected, np.repeat(np.arange(4), 2)[::2], 3)
    assert same(states, expected)


@pytest.mark.parametrize(
    ("actions", "frames", "says"),
    [
        (np.array([0, 1, 4]), 1, "actions[2] is 4; allowed: 0 none, 1 fire, 2 right, 3 left"),
        (np.array([0, -1, 0]), 1, "actions[1] is -1"),
        (np.array([0.0, 1.0, 2.0]), 1, "actions is float64 (3,)"),
        (np.array([0, 1]), 1, "actions is int64 (2,)"),
        (np.array([[0], [1], [2]]), 1, "actions is int64 (3, 1)"),
        (1, 1, "actions is int64 ()"),
        (np.array([0, 1, 2]), -1, "frames[0] is -1"),
        (np.array([0, 1, 2]), np.array([1, 2, 100_000]), "frames[2] is 100000"),
        (np.array([0, 1, 2]), 1.5, "frames is float64 ()"),
        (np.array([0, 1, 2]), np.array([1, 2]), "frames is int64 (2,)"),
    ],
)
def test_wrong_actions_and_frames_change_nothing(actions: np.ndarray, frames: int, says: str) -> None:
    states = in_flight(3)
    with pytest.raises(UserError) as error:
        play(states, actions, frames)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert same(states, in_flight(3))


@pytest.mark.parametrize("states", [np.zeros(3), new_games(4).reshape(2, 2), [1, 2], new_games(1)[0]])
def test_what_is_no_array_of_states_is_an_error(states: np.ndarray) -> None:
    with pytest.raises(UserError, match="an array \\(n,\\) of dtype STATE"):
        play(states, np.zeros(2, dtype=int))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("clock", -1), ("clock", LAST_FRAME + 1), ("lives", 6), ("lives", 0), ("score", -1), ("score", 1_000)),
        *(("building", 38), ("ball_x", -200 * PIXEL), ("ball_y", -1), ("ball_y", 256 * PIXEL), ("ball_vx", 5_000)),
        *(("ball_vy", -5_000), ("hits", 17), ("hits", -1), ("paddle", 7), ("paddle", 145), ("reading", 185)),
        *(("knob", 0), ("knob", 10**6)),
    ],
)
def test_a_state_that_no_game_can_have_changes_nothing(field: str, value: int) -> None:
    states = in_flight(3)
    states[field][1] = value
    before = states.copy()
    with pytest.raises(UserError) as error:
        play(states, actions_of(3, NONE))
    assert "states[1] is no state of a game" in str(error.value)
    assert "allowed" in str(error.value) and "\n" not in str(error.value)
    assert same(states, before)
