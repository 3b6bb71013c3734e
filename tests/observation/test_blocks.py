"""Coordinates in blocks: ranges, names, order, what they depend on, and what a config may ask for."""

import numpy as np
import pytest

from rlbreakout.breakout.draw import draw_rgb
from rlbreakout.breakout.rules import LAST_FRAME, new_games, play
from rlbreakout.breakout.screen import BRICK_ROWS, MOST_POINTS, WALL_POINTS
from rlbreakout.common.errors import UserError
from rlbreakout.config import BLOCK_NAMES, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.observation.blocks import Blocks, blocks_space, draw_blocks, entries_of
from tests.players import Player, depends_on_the_state_only

GAMES = 16
STEPS = 4_000


@pytest.fixture(scope="module")
def played() -> list[np.ndarray]:
    """The states `(GAMES,)` of whole games of random players and good ones, about every fourth frame."""
    states, random = new_games(GAMES), np.random.default_rng(0)
    player = Player(GAMES, random=np.tile([1.0, 0.1, 0.01, 0.01], GAMES // 4))
    kept = [states.copy()]
    for _ in range(STEPS):
        play(states, player.act(states), random.integers(3, 6))
        kept.append(states.copy())
        over = (states["lives"] == 0) | (states["clock"] >= LAST_FRAME) | (states["score"] >= MOST_POINTS)
        states[over] = new_games(1)
    together = np.concatenate(kept)
    assert (together["score"] > WALL_POINTS).any() and together["narrow"].any()  # they saw all of a game
    return kept


def some(played: list[np.ndarray], n: int, seed: int = 0) -> np.ndarray:
    """n states of any games and times, in any order."""
    return np.random.default_rng(seed).permutation(np.concatenate(played))[:n]


def test_every_entry_stays_in_its_range_over_whole_games(played: list[np.ndarray]) -> None:
    blocks = Blocks(BLOCK_NAMES, GAMES)
    low, high = np.full(len(blocks.entries), np.inf), np.full(len(blocks.entries), -np.inf)
    for states in played:
        values = blocks.compute(states)
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
    assert values.dtype == np.float32 and values.shape == (GAMES, len(blocks.entries)) and np.isfinite(high).all()
    for entry, least, most in zip(blocks.entries, low, high, strict=True):
        assert entry.low <= least and most <= entry.high, (entry, least, most)
        assert least < most, f"{entry} never changes"
    space = blocks_space(BLOCK_NAMES)
    assert np.array_equal(space.low, [entry.low for entry in blocks.entries])
    assert np.array_equal(space.high, [entry.high for entry in blocks.entries])


def test_entries_have_names_of_their_own_and_a_unit() -> None:
    for names in (["now", "arrival", "choices", "fresh_choices", "clock"], ["state"]):
        entries = Blocks(names, 1).entries
        assert entries == entries_of(names)
        assert len({entry.name for entry in entries}) == len(entries) and all(entry.unit for entry in entries)


@pytest.mark.parametrize("names", [["now"], ["clock", "now"], ["choices", "arrival", "now", "clock"]])
def test_blocks_stand_in_the_order_of_the_config(names: list[str], played: list[np.ndarray]) -> None:
    states = some(played, 200)
    single = [Blocks([name], 200) for name in names]
    together = Blocks(names, 200)
    assert together.entries == sum((block.entries for block in single), ())
    assert np.array_equal(together.compute(states), np.hstack([block.compute(states) for block in single]))
    config = parse_config(
        {
            "env": {"vec_env": "twin", "n_envs": 3, "max_pool": False},
            "observation": {"kind": "coordinates", "blocks": names, "frame_stack": 1},
        }
    )
    env = make_vec_env(config)
    assert env.observation_space == blocks_space(names)
    blocks = Blocks(names, 3)
    assert np.array_equal(env.reset(), blocks.compute(env.states))  # type: ignore[attr-defined]
    seen = env.step(np.ones(3, dtype=int))[0]
    assert np.array_equal(seen, blocks.compute(env.states))  # type: ignore[attr-defined]


class Memoryless(Blocks):
    """Blocks, without the entries that depend on what has been since the last point."""

    def compute(self, states: np.ndarray, games: np.ndarray | None = None) -> np.ndarray:
        values = super().compute(states, games)
        return values[:, [depends_on_the_state_only(entry.name) for entry in self.entries]]


def test_numbers_depend_on_the_states_only_but_for_what_has_been(played: list[np.ndarray]) -> None:
    old, further = Memoryless(BLOCK_NAMES, GAMES), some(played, 40 * GAMES, seed=1).reshape(40, GAMES)
    for states in played[2_000:2_200]:
        new = Memoryless(BLOCK_NAMES, GAMES).compute(states)
        assert np.array_equal(old.compute(states), new)
    for states in further:  # states of other games in the place of those before
        assert np.array_equal(old.compute(states), Memoryless(BLOCK_NAMES, GAMES).compute(states))
    order = np.random.default_rng(0).permutation(GAMES)
    assert np.array_equal(old.compute(states[order]), old.compute(states)[order])
    assert np.array_equal(old.compute(states[order], order), old.compute(states)[order])
    few = np.array([7, 2])
    assert np.array_equal(old.compute(states[few], few), old.compute(states)[few])


def test_states_that_do_not_lie_side_by_side_are_read_alike(played: list[np.ndarray]) -> None:
    states = some(played, 2 * GAMES)
    kept, blocks = states.copy(), Blocks(BLOCK_NAMES, GAMES)
    for part in (states[::2], states[::-2], states.reshape(GAMES, 2)[:, 0]):
        assert not part.flags.c_contiguous
        assert np.array_equal(blocks.compute(part), blocks.compute(part.copy()))
    assert np.array_equal(states, kept)


def test_computing_changes_no_state(played: list[np.ndarray]) -> None:
    states = some(played, 500)
    kept = states.tobytes()
    Blocks(BLOCK_NAMES, 500).compute(states)
    assert states.tobytes() == kept


@pytest.mark.parametrize(
    ("states", "games"),
    [
        (new_games(5), None),
        (new_games(2), None),
        (new_games(2), np.array([0, 3])),
        (new_games(2), np.array([-1, 0])),
        (new_games(2), np.array([0])),
        (np.zeros(3), None),
    ],
)
def test_states_of_games_that_are_not_there_are_refused(states: np.ndarray, games: np.ndarray | None) -> None:
    with pytest.raises(UserError, match="allowed: "):
        Blocks(["now", "arrival"], 3).compute(states, games)


def at(values: np.ndarray, blocks: Blocks, name: str) -> np.ndarray:
    return values[:, [entry.name for entry in blocks.entries].index(name)]


def test_entries_say_what_their_units_say() -> None:
    """A game made by hand, so that each number is known."""
    blocks, states = Blocks(["now", "arrival", "clock"], 1), new_games(1)
    states["clock"], states["building"], states["lives"] = 1_002, 0, 3
    states["ball_x"], states["ball_y"] = 40 * 256 + 128, 0x70 * 256
    states["ball_vx"], states["ball_vy"], states["hits"], states["met"] = -256, 512, 4, True
    states["paddle"], states["reading"], states["narrow"] = 60, 188 - 60, True
    states["bricks"][0, 2, 5] = 0
    values = blocks.compute(states)
    expected = {
        "ball_in_play": 1,
        "ball_row": 0x70 / 0xD0,
        "ball_column": 41.5 / 160,
        "ball_columns_a_frame": -0.5,
        "ball_rows_a_frame": 0.5,
        "ball_from_paddle_near": -1,
        "hits": 0.25,
        "can_meet_paddle": 0,
        "can_break_brick": 1,
        "paddle_column": 66 / 160,
        "paddle_rest_column": 66 / 160,
        "paddle_is_narrow": 1,
        "lives": 0.6,
        "arrival_known": 1,
        "arrival_frames": 0.33,  # from line 0x70 to 0xB2, two lines a frame
        "arrival_column": 8.5 / 160,  # 33 columns further left, of its middle
        "arrival_from_rest": (8.5 - 66) / 160,
        "arrival_from_rest_near": -1,
        "arrival_to_the_right": 0,
        "bricks_before": 0,
        "launch_3": 1,
        "launch_0": 0,
    }
    for name, value in expected.items():
        assert at(values, blocks, name)[0] == pytest.approx(value, abs=1e-6), name
    bricks = [entry.name for entry in blocks.entries if entry.name.startswith("brick_")]
    gone = [name for name in bricks if not at(values, blocks, name)[0]]
    assert len(bricks) == 108 and gone == [f"brick_{BRICK_ROWS[2].colour}_5"]


@pytest.mark.parametrize(
    ("observation", "env", "told"),
    [
        (
            {"blocks": ["now", "now"]},
            {},
            r"blocks is \['now', 'now'\]; allowed: each of now, arrival, choices, fresh_choices, clock, state",
        ),
        ({"blocks": ["now", "then"]}, {}, "'now', 'arrival', 'choices', 'fresh_choices', 'clock' or 'state'"),
        ({"blocks": []}, {}, "observation.blocks"),
        ({}, {"max_pool": True}, "env.max_pool is true; allowed: false"),
        (
            {},
            {"vec_env": "vector", "launch_ball": "never"},
            "observation.kind is 'coordinates' with env.vec_env vector",
        ),
    ],
    ids=["twice", "unknown", "none", "max_pool", "vector"],
)
def test_what_a_config_may_not_ask_for_is_told(observation: dict, env: dict, told: str) -> None:
    with pytest.raises(UserError, match=told) as raised:
        parse_config({"observation": {"kind": "coordinates", **observation}, "env": {"max_pool": False, **env}})
    assert "\n" not in str(raised.value)


def test_the_drawing_of_a_vector_shows_the_game_that_it_was_made_of(played: list[np.ndarray]) -> None:
    blocks = Blocks(["now", "arrival"], GAMES)
    for states in played[500::500]:
        screens = draw_rgb(states)
        for vector, screen in zip(blocks.compute(states), screens, strict=True):
            drawing = draw_blocks(blocks.entries, vector)
            # All that moves: bricks, ball and paddle. The mark is below, the score above.
            different = (drawing[32:196] != screen[32:196]).any(axis=2)
            assert drawing.shape == screen.shape and different.mean() < 0.001
            mark = (drawing[200:205] == (255, 255, 0)).all(axis=2).any()
            assert mark == bool(vector[[entry.name for entry in blocks.entries].index("arrival_known")])


def test_blocks_that_tell_nothing_are_drawn_as_an_empty_screen() -> None:
    drawing = draw_blocks(entries_of(["clock"]), np.eye(10, dtype=np.float32)[0])
    assert not drawing[57:93, 8:152].any()
