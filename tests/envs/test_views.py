"""What stands between many games and the agent: the games of an evaluation, held actions, seeds, disturbances."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from rlbreakout.breakout.rules import FIRE, NONE, RIGHT
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import Config, EnvConfig, parse_config
from rlbreakout.envs import TWIN_ID, make_emulator, make_env, make_evaluation_env, make_vec_env
from rlbreakout.envs.views import DroppedScreens, IndependentSeeds, StopAfterGames, negative
from rlbreakout.wrappers import ball_in_play
from tests.envs.twin_and_emulator import same


def config(observation: dict[str, Any], **env: Any) -> Config:
    """Without sticky actions and idle frames, unless `env` asks for them."""
    settings = {"id": "BreakoutNoFrameskip-v4", "noop_max": 0, "max_pool": False, "n_envs": 2, **env}
    return parse_config({"observation": observation, "env": settings})


def game_of(observations: Any, game: int) -> Any:
    if isinstance(observations, dict):
        return {name: part[game] for name, part in observations.items()}
    return observations[game]


@pytest.mark.parametrize(
    ("observation", "env"),
    [
        ({"kind": "coordinates", "blocks": ["now", "arrival"]}, {"id": "ALE/Breakout-v5", "noop_max": 30}),
        ({"kind": "both", "aimbot": True, "counters": True, "half": True, "blocks": ["now"]}, {"id": "Breakout-v4"}),
        ({"kind": "warp"}, {"max_pool": True}),
    ],
    ids=["coordinates", "both", "warp"],
)
def test_games_of_an_evaluation_are_those_of_single_environments(observation: dict, env: dict) -> None:
    settings = config({**observation, "frame_stack": 1}, **env)
    together = make_evaluation_env(settings, n_envs=2, seed=7)
    alone = [make_env(settings, evaluation=True) for _ in range(2)]
    assert together.observation_space == alone[0].observation_space
    shown, random, ends = together.reset(), np.random.default_rng(0), 0
    for number, (game, seed) in enumerate(zip(alone, spawn_seeds(7, 2), strict=True)):
        assert same(game_of(shown, number), game.reset(seed=seed)[0])
    while ends < 2:
        actions = random.choice([NONE, FIRE, RIGHT], size=2)  # without LEFT games end soon
        shown, rewards, dones, infos = together.step(actions)
        for number, game in enumerate(alone):
            one, reward, terminated, truncated, _ = game.step(actions[number])
            assert rewards[number] == reward and dones[number] == (terminated or truncated)
            if dones[number]:
                ends += 1
                assert same(infos[number]["terminal_observation"], one)
                one, _ = game.reset()
            assert same(game_of(shown, number), one)
    for one_env in (together, *alone):
        one_env.close()


# Actions that are held for a whole stack of pictures


def held_config(**observation: Any) -> Config:
    whole_games = {"episodic_life": False, "clip_reward": False}
    return config({"kind": "image", "half": True, **observation}, vec_env="twin", frame_skip=2, **whole_games)


def test_held_actions_show_pictures_from_within_the_step() -> None:
    held = make_vec_env(held_config(frame_stack=3, frames_between=4), seed=3)
    single = make_vec_env(held_config(frame_stack=1), seed=3)
    assert held.observation_space.shape == (87, 72, 3)
    np.testing.assert_array_equal(held.reset(), np.tile(single.reset(), 3))
    random = np.random.default_rng(0)
    for _ in range(20):  # too few for a game to end
        actions = random.integers(4, size=2)
        seen, rewards, _, infos = held.step(actions)
        pictures, points = [], np.zeros(2)
        for number in range(1, 7):  # 3 pictures, 4 frames apart, 2 frames a step
            picture, reward, dones, single_infos = single.step(actions)
            assert not dones.any()
            points += reward
            if number % 2 == 0:
                pictures.append(picture)
        np.testing.assert_array_equal(seen, np.concatenate(pictures, axis=-1))
        assert rewards.tolist() == points.tolist()
        assert [info["lives"] for info in infos] == [info["lives"] for info in single_infos]
    held.close()
    single.close()


def test_a_game_that_ends_while_an_action_is_held_begins_anew_with_its_first_picture() -> None:
    held = make_vec_env(held_config(frame_stack=3, frames_between=4), seed=3)
    before = held.reset()
    scores, ended = np.zeros(2), []
    while len(ended) < 2:
        seen, rewards, dones, infos = held.step(np.array([RIGHT, RIGHT]))
        scores += rewards
        for game in np.flatnonzero(dones).tolist():
            last = infos[game]["terminal_observation"]
            assert last.shape == (87, 72, 3)
            np.testing.assert_array_equal(last[..., 0], before[game, ..., 1])
            assert infos[game]["episode"]["r"] == scores[game]
            assert (seen[game] == seen[game, ..., :1]).all()  # three times the same
            ended.append(game)
            scores[game] = 0
        before = seen
    held.close()


@pytest.mark.parametrize("twin", [False, True], ids=["emulator", "twin"])
def test_a_held_step_counts_as_one_towards_a_stalled_game(twin: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("make", "twin_vec_env"):
        monkeypatch.setattr(f"rlbreakout.envs.{module}.STALLED_AFTER", 3)
    env = make_evaluation_env(held_config(frame_stack=3, frames_between=4), n_envs=1, seed=0, twin=twin)
    env.reset()
    done, steps = False, 0
    while not done:
        _, _, (done,), (info,) = env.step(np.array([NONE]))
        steps += 1
    env.close()
    assert info["episode"]["stalled"] and steps == 3


# Shares of games, and their seeds


def screens(**settings: Any) -> gym.Env:
    """Grey ones, of the twin, which starts faster than the emulator."""
    settings = {"repeat_action_probability": 0.0, **settings}
    return gym.make(TWIN_ID, obs_type="grayscale", disable_env_checker=True, **settings)


def test_an_environment_that_has_played_its_share_stands_still() -> None:
    env = StopAfterGames(screens(frameskip=6))
    first, _ = env.reset(seed=0)
    env.games_left = 1
    ended = False
    while not ended:
        _, _, ended, _, _ = env.step(FIRE)
    assert env.games_left == 0
    again, _ = env.reset()
    assert np.array_equal(again, first)
    for _ in range(10):
        shown, reward, terminated, truncated, info = env.step(FIRE)
        assert np.array_equal(shown, first) and (reward, terminated, truncated) == (0, False, False)
        assert info["lives"] == 5
    assert not ball_in_play(env)


def sticky_flights(seed: int, first: int = 0, n: int = 3) -> list[bytes]:
    """What n games with sticky actions show after the same actions."""
    env: VecEnv = DummyVecEnv(
        [
            lambda place=place: IndependentSeeds(screens(repeat_action_probability=0.5), place, first)
            for place in range(n)
        ]
    )
    env.seed(seed)
    env.reset()
    for step in range(12):
        shown = env.step(np.full(n, (RIGHT, 3)[step % 2]))[0]
    env.close()
    return [screen.tobytes() for screen in shown]  # type: ignore[union-attr]


def test_games_have_seeds_of_their_own_whichever_vector_they_are_in() -> None:
    games = sticky_flights(seed=5, n=5)
    assert len(set(games)) > 2
    assert sticky_flights(seed=5, n=2) + sticky_flights(seed=5, first=2) == games
    assert sticky_flights(seed=6, n=4) != games[1:]


# Screens that are not what they should be


def test_dropped_screens_are_those_before_as_often_as_wanted_and_the_same_for_a_seed() -> None:
    def dropped() -> list[bool]:
        env, repeated = DroppedScreens(screens(), 0.3), []
        shown, _ = env.reset(seed=5)
        for number in range(300):
            before = shown
            shown, _, terminated, *_ = env.step(FIRE if number % 40 == 0 else RIGHT)
            repeated.append(shown is before)
            if terminated:
                shown, _ = env.reset()
        return repeated

    one = dropped()
    assert one == dropped() and 0.2 < np.mean(one) < 0.4


@pytest.mark.parametrize("grey", [True, False], ids=["grey", "colour"])
def test_other_colours_keep_black_black_and_change_all_else(grey: bool) -> None:
    screen = make_emulator(EnvConfig(id="BreakoutNoFrameskip-v4"), grey=grey).reset(seed=0)[0]
    changed = negative(screen)
    lit = screen != 0 if grey else (screen != 0).any(axis=-1)
    assert changed.dtype == np.uint8 and (changed[~lit] == 0).all()
    assert (changed[lit] != screen[lit]).any(axis=None if grey else -1).all()
    assert ((changed if grey else changed.any(axis=-1))[lit] != 0).all()
