"""The two searches of the planner find what trying everything by hand finds."""

from itertools import product

import numpy as np
import pytest
import torch

from rlbreakout.agents.planner.belief import fill_chances
from rlbreakout.agents.planner.bounces import (
    DISCOUNT,
    SURE,
    bounce_games,
    estimate,
    features,
    meet,
    play_bounces,
    search,
    tree_memory,
    window,
)
from rlbreakout.agents.planner.network import ValueNetwork
from rlbreakout.agents.planner.reach import (
    ACTIONS,
    LEFT_OF_MIDDLE,
    LONGEST_WINDOW,
    MEETINGS,
    Chances,
    meeting,
    no_chances,
    reach,
    search_memory,
)
from rlbreakout.breakout.ahead import comes_down
from rlbreakout.breakout.rules import LEFT, NONE, RIGHT, STATE, new_games, one_frame, play
from rlbreakout.breakout.screen import MOST_POINTS, NARROW_PADDLE, WALL_POINTS, WIDE_PADDLE


@pytest.fixture(scope="module")
def downs() -> np.ndarray:
    """Games whose ball has come down, at any time, of both walls."""
    random = np.arange(1, 33, dtype=np.uint64)
    games, kept = bounce_games(32), []
    weights = ValueNetwork().weights()
    for _ in range(30):
        play_bounces(games, 20, weights, random, explore=0.3)
        kept.append(games.copy())
    played = np.concatenate(kept)
    assert (played["score"] > WALL_POINTS).any() and played["narrow"].any() and (played["hits"] == 16).any()
    return np.random.default_rng(0).permutation(played)


def trained_a_little() -> ValueNetwork:
    """Weights that are all in use."""
    network = ValueNetwork()
    generator = np.random.default_rng(0)
    for parameter in network.parameters():
        parameter.data += 0.1 * parameter.data.new_tensor(generator.standard_normal(tuple(parameter.shape)))
    return network


# Bounces


def test_a_meeting_is_what_the_rules_make_of_it(downs: np.ndarray) -> None:
    """A real frame with the paddle anywhere: the ball turns as it does for `meet`, or flies on."""
    met = set()
    for down, off in product(downs[:40], range(-24, 8)):
        game = down.copy()
        column, width = down["ball_x"] >> 8, NARROW_PADDLE if down["narrow"] else WIDE_PADDLE
        game["paddle"] = min(max(column + off, 8), 144)
        way = meeting(int(game["paddle"]), width, int(column))
        real = np.array([game], dtype=STATE)
        play(real, np.array([NONE]))
        assert bool(real["met"][0]) == (way >= 0)
        if way >= 0:
            met.add(way)
            told = down.copy()
            meet(told, way, np.zeros(2))
            _fly_home(real)
            for name in ("ball_x", "ball_y", "ball_vx", "ball_vy", "hits", "steep", "bricks", "score", "narrow"):
                assert np.array_equal(real[name][0], told[name]), (name, way)
    assert met == set(range(len(MEETINGS)))


def _fly_home(real: np.ndarray) -> None:
    """Play on with the paddle out of the way until the ball is down again, or the game is complete."""
    for _ in range(600):
        if comes_down(real[0]) or real["score"][0] >= MOST_POINTS:
            return
        real["paddle"] = 8 if real["ball_x"][0] >> 8 > 75 else 144
        one_frame(real[0], NONE)


def test_bricks_are_discounted_by_the_frames_until_they_break(downs: np.ndarray) -> None:
    outcome, several = np.zeros(2), 0
    for down in downs[:60]:
        game, real = down.copy(), np.array([down], dtype=STATE)
        frames = meet(game, 0, outcome)
        column, width = int(down["ball_x"]) >> 8, NARROW_PADDLE if down["narrow"] else WIDE_PADDLE
        real["paddle"] = column + 2 + int(min(LEFT_OF_MIDDLE[0], width // 2 - 1)) - width // 2
        expected, bricks = 0.0, 0
        for frame in range(frames if frames >= 0 else 600):
            before = int(real["score"][0])
            one_frame(real[0], NONE)
            if real["score"][0] > before:
                expected, bricks = expected + DISCOUNT**frame, bricks + 1
            real["paddle"] = 8 if real["ball_x"][0] >> 8 > 75 else 144
        assert outcome[0] == pytest.approx(expected) and outcome[1] == real["score"][0] - down["score"]
        several += bricks > 1
    assert several > 0


def _by_hand(down: np.void, depth: int, network: ValueNetwork) -> np.ndarray:
    worth, outcome = np.zeros(len(MEETINGS)), np.zeros(2)
    weights, work = network.weights(), tree_memory().work
    for way in range(len(MEETINGS)):
        after = down.copy()
        frames = meet(after, way, outcome)
        worth[way] = outcome[0]
        if frames >= 0:
            if depth == 1:
                later = estimate(weights, after, work)
            else:
                next_worth = _by_hand(after, depth - 1, network)
                later = SURE * next_worth.max() + (1 - SURE) * next_worth.mean()
            worth[way] += DISCOUNT**frames * later
    return worth


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_search_is_the_recursion_written_out(downs: np.ndarray, depth: int) -> None:
    network, tree, worth = trained_a_little(), tree_memory(), np.zeros(len(MEETINGS))
    late = downs[np.argsort(downs["score"])[-4:]]  # where games end
    for down in (*downs[:12], *late):
        search(down, depth, network.weights(), tree, worth)
        np.testing.assert_allclose(worth, _by_hand(down.copy(), depth, network), rtol=1e-6)


def test_compiled_and_torch_estimates_agree(downs: np.ndarray) -> None:
    network, work = trained_a_little(), tree_memory().work
    seen = np.zeros((50, network.first.in_features), dtype=np.float32)
    for down, row in zip(downs[:50], seen, strict=True):
        features(down, row)
    compiled = [estimate(network.weights(), down, work) for down in downs[:50]]
    np.testing.assert_allclose(compiled, network(torch.from_numpy(seen)).detach(), atol=1e-4)
    assert np.std(compiled) > 0.01 and len(np.unique(seen, axis=0)) == 50


# The joystick


def _chances(skips: dict[int, float], sticky: float) -> tuple[Chances, int]:
    shares = np.zeros(7)
    for frames, share in skips.items():
        shares[frames] = share
    chance = no_chances()
    return chance, fill_chances(shares, sticky, chance)


def _value(game: np.ndarray, executed: int, frames: int, task: tuple, chance: Chances, outcomes: int) -> float:
    """What the best action is worth, by playing every action and every outcome with the real rules."""
    return max(_values(game, executed, frames, task, chance, outcomes))


def _values(game, executed, frames, task, chance, outcomes) -> list[float]:  # type: ignore[no-untyped-def]
    columns, width, worth, miss = task
    result = []
    for action in ACTIONS:
        total = 0.0
        for i in range(outcomes):
            state, now, left, value = game.copy(), executed, frames, None
            for turn in range(chance.frames[i]):
                if left <= 0:
                    if -left >= len(columns):
                        value = miss
                        break
                    way = meeting(int(state["paddle"][0]), width, int(columns[-left]))
                    if way >= 0:
                        value = worth[-left, way]
                        break
                if turn >= chance.repeats[i]:
                    now = int(action)
                play(state, np.array([now]))
                left -= 1
            if value is None:
                value = miss if -left >= len(columns) else _value(state, now, left, task, chance, outcomes)
            total += chance.weights[i] * value
        result.append(total)
    return result


@pytest.mark.parametrize(
    ("skips", "sticky", "frames"),
    [({4: 1.0}, 0.25, 5), ({4: 1.0}, 0.0, 11), ({2: 0.5, 3: 0.5}, 0.0, 4), ({3: 1.0}, 0.5, 3)],
)
def test_each_action_is_worth_what_expectimax_by_hand_says(skips: dict[int, float], sticky: float, frames: int) -> None:
    random = np.random.default_rng(0)
    chance, outcomes = _chances(skips, sticky)
    memory, values, differ = search_memory(), np.zeros(len(ACTIONS)), 0
    for _ in range(12):
        game = new_games(1)
        play(game, np.array([RIGHT if random.random() < 0.5 else LEFT]), int(random.integers(1, 25)))
        play(game, np.array([random.integers(4)]), int(random.integers(4)))
        executed = int(random.choice(ACTIONS))
        columns = int(game["paddle"][0]) + random.integers(-25, 40) + np.arange(3)
        task = columns, 16, random.random((3, len(MEETINGS))), -2.0
        reach(game[0], executed, frames, columns, 16, task[2], task[3], chance, outcomes, memory, values)
        expected = _values(game, executed, frames, task, chance, outcomes)
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)
        differ += len(set(np.round(expected, 6))) > 1
    assert differ > 3


def test_the_outcomes_of_a_step_add_up_to_one() -> None:
    chance, outcomes = _chances({4: 1.0}, 0.25)
    told = {(int(f), int(r)): w for f, r, w in zip(*(part[:outcomes] for part in chance), strict=True)}
    assert sum(told.values()) == pytest.approx(1) and len(told) == 5
    assert told[4, 0] == pytest.approx(0.75) and told[4, 4] == pytest.approx(0.25**4)
    chance, outcomes = _chances({2: 1 / 3, 3: 1 / 3, 4: 1 / 3}, 0.0)
    assert sorted(chance.frames[:outcomes]) == [2, 3, 4] and not chance.repeats[:outcomes].any()


def test_a_window_is_as_long_as_the_ball_is_level_with_the_paddle(downs: np.ndarray) -> None:
    windows = np.zeros(LONGEST_WINDOW, dtype=STATE)
    lengths = {window(down, windows) for down in downs[:300]}
    assert min(lengths) >= 1 and max(lengths) <= LONGEST_WINDOW
    slow = bounce_games(1)[0]  # a row a frame
    assert window(slow, windows) > 4
    assert (np.diff(windows["ball_y"][: window(slow, windows)]) == slow["ball_vy"]).all()
