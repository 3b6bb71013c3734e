"""From a config to observations, and their spaces without an environment."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from rlbreakout.breakout.draw import draw_grey, draw_rgb
from rlbreakout.breakout.rules import FIRE, new_games, play
from rlbreakout.config import Config, ObservationConfig, parse_config
from rlbreakout.envs import make_evaluation_env, make_vec_env
from rlbreakout.observation import Observer, needs_colour, observation_space
from rlbreakout.observation.blocks import Blocks
from rlbreakout.observation.observer import single_space

KINDS: dict[str, dict[str, Any]] = {
    "rgb": {"kind": "rgb", "frame_stack": 1},
    "warp": {"kind": "warp", "frame_stack": 4},
    "warp 36": {"kind": "warp", "screen_size": 36, "frame_stack": 2},
    "image": {"kind": "image", "frame_stack": 3},
    "half, 3col": {"kind": "image", "mode": "3col", "half": True, "frame_stack": 2},
    "whiten, aimbot": {"kind": "image", "trim": "whiten", "aimbot": True, "counters": True, "frame_stack": 1},
    "between": {"kind": "image", "mode": "grey_3dim", "half": True, "frame_stack": 4, "frames_between": 8},
    "coordinates": {"kind": "coordinates", "blocks": ["now", "clock"], "frame_stack": 2},
    "coordinates, all": {"kind": "coordinates", "blocks": ["clock", "choices", "now", "arrival"], "frame_stack": 1},
    "both": {"kind": "both", "half": True, "aimbot": True, "frame_stack": 2},
    "both, 1": {"kind": "both", "mode": "3col", "trim": "keep", "frame_stack": 1},
}


def config(observation: dict[str, Any], **env: Any) -> Config:
    return parse_config({"observation": observation, "env": {"n_envs": 2, "max_pool": False, **env}})


@pytest.mark.parametrize("observation", KINDS.values(), ids=KINDS)
def test_the_space_is_what_every_environment_shows(observation: dict[str, Any]) -> None:
    space = observation_space(config(observation))
    players = ["dummy", "twin", *(["vector"] if observation["kind"] == "warp" else [])]
    envs = [make_vec_env(config(observation, vec_env=player, launch_ball="never")) for player in players]
    envs += [make_evaluation_env(config(observation), n_envs=2, seed=0, twin=twin) for twin in (False, True)]
    for env in envs:
        assert env.observation_space == space
        shown: Any = env.reset()
        first = {name: part[0] for name, part in shown.items()} if isinstance(shown, dict) else shown[0]
        assert space.contains(first)
        env.close()


def test_a_stack_lengthens_the_last_axis() -> None:
    space = observation_space(config({"kind": "both", "half": True, "blocks": ["clock"], "frame_stack": 3}))
    assert isinstance(space, gym.spaces.Dict)
    assert [(name, part.shape) for name, part in space.items()] == [("coordinates", (30,)), ("image", (87, 72, 3))]


def test_colour_is_needed_only_where_it_is_shown() -> None:
    def needed(**observation: Any) -> bool:
        return needs_colour(ObservationConfig(**observation))

    assert needed(kind="rgb") and needed(kind="warp")
    assert needed(kind="image", mode="3col") and needed(kind="both", mode="3col")
    assert not needed(kind="image", mode="grey_3dim") and not needed(kind="both", mode="mono_1dim")
    assert not needed(kind="coordinates", mode="3col")


@pytest.fixture
def flying() -> list[np.ndarray]:
    """The states `(3,)` of games with a falling ball, every 4 frames."""
    states, shown = new_games(3), []
    for game in range(3):
        play(states[game : game + 1], np.array([FIRE]), 6 + game)
    for _ in range(8):
        play(states, np.zeros(3, dtype=int), 4)
        shown.append(states.copy())
    return shown


@pytest.mark.parametrize("observation", KINDS.values(), ids=KINDS)
def test_games_observed_together_look_as_when_observed_alone(
    observation: dict[str, Any], flying: list[np.ndarray]
) -> None:
    seen = ObservationConfig(**observation)
    draw, space = draw_rgb if needs_colour(seen) else draw_grey, single_space(seen)
    together, alone = Observer(seen, 3), [Observer(seen, 1) for _ in range(3)]
    for number, states in enumerate(flying):
        elapsed = 4 if number else 0
        screens = draw(states)
        before = screens.copy()
        order = np.array([2, 0, 1])
        shown = together.observe(screens[order], elapsed, order, states[order])
        assert np.array_equal(screens, before)
        for place, game in enumerate(order.tolist()):
            part = slice(game, game + 1)
            one = alone[game].observe(screens[part], elapsed, states=states[part])
            for mine, its in zip(parts(shown), parts(one), strict=True):
                assert np.array_equal(mine[place], its[0])
        first = {name: part[0] for name, part in shown.items()} if isinstance(shown, dict) else shown[0]
        assert space.contains(first)


def parts(observation: Any) -> list[np.ndarray]:
    return list(observation.values()) if isinstance(observation, dict) else [observation]


def test_forgotten_games_have_no_mark_until_the_next_screen(flying: list[np.ndarray]) -> None:
    observer = Observer(ObservationConfig(kind="image", trim="keep", aimbot=True), 3)

    def marked(states: np.ndarray, elapsed: int) -> list[bool]:
        picture: Any = observer.observe(draw_grey(states), elapsed)
        return picture[:, 200:205, 8:152].any(axis=(1, 2, 3)).tolist()

    assert marked(flying[0], 0) == [False] * 3
    assert marked(flying[1], 4) == [True] * 3
    observer.forget(np.array([0, 2]))
    assert marked(flying[2], 4) == [False, True, False]
    assert marked(flying[3], 4) == [True] * 3


def test_coordinates_are_those_of_the_blocks(flying: list[np.ndarray]) -> None:
    names = ["arrival", "now"]
    observer = Observer(ObservationConfig(kind="coordinates", blocks=names), 3)
    for states in flying:
        shown = observer.observe(None, 4, states=states)
        assert np.array_equal(shown, Blocks(names, 3).compute(states))
