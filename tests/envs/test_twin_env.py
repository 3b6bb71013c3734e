"""The twin's environments against ale-py's, step by step."""

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.atari_wrappers import AtariWrapper, NoopResetEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

import rlbreakout
from rlbreakout.breakout.rules import FIRE, KNOB_START, LAST_FRAME, LEFT, NONE, RIGHT
from rlbreakout.common.errors import UserError
from rlbreakout.envs import TWIN_ID, register
from rlbreakout.wrappers import (
    AimbotObservation,
    CoordinatesObservation,
    IdleFrames,
    LaunchBall,
    MonoObservation,
    SentActions,
    TrimObservation,
    ball_in_play,
)
from tests.conftest import ROOT

ALE_ID = "ALE/Breakout-v5"
register()


def both(wrap: Callable[[gym.Env], gym.Env] = lambda env: env, **settings: Any) -> tuple[gym.Env, gym.Env]:
    """The emulator and the twin, without sticky actions."""
    settings = {"repeat_action_probability": 0.0, **settings}
    return wrap(gym.make(ALE_ID, **settings)), wrap(gym.make(TWIN_ID, **settings))


def same(one: Any, other: Any) -> bool:
    """Observations, infos and so on are equal, and of equal types."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, np.ndarray) and one.dtype == object:
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def count_ends_of_equal_games(emulator: gym.Env, twin: gym.Env, steps: int, seed: int = 5) -> int:
    """Play the same random actions in both and compare all that they return."""
    random, ends = np.random.default_rng(seed), 0
    assert all(same(*parts) for parts in zip(emulator.reset(seed=seed), twin.reset(seed=seed), strict=True))
    for _ in range(steps):
        action = random.integers(4)
        expected, got = emulator.step(action), twin.step(action)
        assert all(same(*parts) for parts in zip(expected, got, strict=True))
        if expected[2] or expected[3]:
            ends += 1
            assert all(same(*parts) for parts in zip(emulator.reset(), twin.reset(), strict=True))
    return ends


@pytest.mark.parametrize("obs_type", ["rgb", "grayscale"])
@pytest.mark.parametrize("frameskip", [1, 4, (2, 5)])
def test_every_step_is_the_emulators(frameskip: int | tuple[int, int], obs_type: str) -> None:
    noop_reset = NoopResetEnv if frameskip == 1 else lambda env: IdleFrames(env, noop_max=30)
    emulator, twin = both(noop_reset, frameskip=frameskip, obs_type=obs_type)
    longest = frameskip if isinstance(frameskip, int) else max(frameskip)
    assert count_ends_of_equal_games(emulator, twin, 1_500 // longest) >= 1


def test_a_limit_of_frames_truncates_and_stops_as_in_the_emulator() -> None:
    emulator, twin = both(frameskip=7, max_num_frames_per_episode=500)
    assert count_ends_of_equal_games(emulator, twin, 300) > 3
    for env in (emulator.unwrapped, twin.unwrapped):
        env.reset(seed=0)
        frames = [env.step(NONE)[4]["episode_frame_number"] for _ in range(75)]
        assert frames[-1] == 500 and env.ale.game_truncated()
        assert env.ale.game_over() and not env.ale.game_over(with_truncation=False)


def test_spaces_and_all_that_is_said_about_the_game_are_the_emulators() -> None:
    emulator, twin = both(render_mode="rgb_array")
    assert (emulator.observation_space, emulator.action_space) == (twin.observation_space, twin.action_space)
    assert emulator.metadata["render_fps"] == twin.metadata["render_fps"]
    real, ours = emulator.unwrapped, twin.unwrapped
    assert real.get_action_meanings() == ours.get_action_meanings()
    assert real.get_keys_to_action() == ours.get_keys_to_action()
    assert real.ale.getMinimalActionSet() == ours.ale.getMinimalActionSet()
    for env in (emulator, twin):
        env.reset(seed=1)
        for action in (FIRE, RIGHT, RIGHT, LEFT, LEFT):
            env.step(action)
        env.unwrapped.ale.act(env.unwrapped.ale.getMinimalActionSet()[RIGHT])
    assert same(emulator.render(), twin.render())
    for name in ("getScreen", "getScreenGrayscale", "getScreenRGB", "lives", "getFrameNumber", "game_truncated"):
        assert same(getattr(real.ale, name)(), getattr(ours.ale, name)())
    assert real.np_random.integers(1_000_000) == ours.np_random.integers(1_000_000)
    assert gym.spec(ALE_ID).kwargs == gym.spec(TWIN_ID).kwargs


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.parametrize("settings", [{}, {"obs_type": "grayscale", "frameskip": (2, 5)}])
def test_both_checkers_accept_it(settings: dict[str, Any]) -> None:
    check_env(gym.make(TWIN_ID, render_mode="rgb_array", **settings).unwrapped)
    if not settings:  # SB3's asks for channels
        sb3_check_env(gym.make(TWIN_ID), warn=True)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: TrimObservation(MonoObservation(env, "mono_1dim"), "trim", half=True),
        lambda env: AimbotObservation(env, counters=True),
        lambda env: CoordinatesObservation(SentActions(env)),
        LaunchBall,
    ],
)
def test_the_wrappers_of_lesson_3_show_the_same_on_both(wrap: Callable[[gym.Env], gym.Env]) -> None:
    assert count_ends_of_equal_games(*both(wrap), 250) >= 1


def test_the_ball_is_launched_in_every_life_and_sticky_actions_may_delay_it() -> None:
    env = LaunchBall(gym.make(TWIN_ID, repeat_action_probability=0.9))
    env.reset(seed=0)
    lives_with_a_ball, waited, terminated = set(), 0, False
    while not terminated:
        *_, terminated, _, info = env.step(NONE)
        if ball_in_play(env):
            lives_with_a_ball.add(info["lives"])
        else:
            waited += 1
    assert lives_with_a_ball == {5, 4, 3, 2, 1} and waited > 10


def test_each_frame_repeats_the_action_before_with_the_wanted_probability() -> None:
    env = gym.make(TWIN_ID, repeat_action_probability=0.3).unwrapped
    env.reset(seed=0)
    *_, right, left = env.ale.getMinimalActionSet()
    while env.states["knob"][0] == KNOB_START:
        env.ale.act(right)
    moving_right = env.clone_state()  # without the random numbers, which go on
    delays = []
    for _ in range(2_000):
        env.restore_state(moving_right)
        knob, delay = env.states["knob"][0], 0
        while env.ale.act(left) or env.states["knob"][0] < knob:
            knob, delay = env.states["knob"][0], delay + 1
        delays.append(delay)
    shares = np.bincount(delays, minlength=3)[:3] / len(delays)
    assert np.allclose(shares, [0.7, 0.3 * 0.7, 0.3**2 * 0.7], atol=0.03)


def test_a_seed_means_the_same_sticky_game_and_another_seed_another() -> None:
    def play(seed: int) -> list[bytes]:
        env = gym.make(TWIN_ID, repeat_action_probability=0.5, obs_type="grayscale")
        env.reset(seed=seed)
        return [env.step((FIRE, LEFT, RIGHT)[step % 3])[0].tobytes() for step in range(100)]

    assert play(1) == play(1) != play(2)


def test_a_saved_game_goes_on_as_it_did() -> None:
    env = gym.make(TWIN_ID, obs_type="grayscale").unwrapped
    env.reset(seed=4)
    for action in (FIRE, LEFT, LEFT):
        env.step(action)
    saved = env.clone_state(include_rng=True)
    first = [env.step(RIGHT) for _ in range(30)]
    env.restore_state(saved)
    assert all(same(old[0], env.step(RIGHT)[0]) for old in first)


def test_rl_zoo3s_environments_play_the_same_games_in_the_twin(tmp_path: Path) -> None:
    """Under random actions; results/twin_zoo.json is of a training."""

    def zoo(env_id: str) -> VecFrameStack:
        games = make_vec_env(
            lambda: gym.make(env_id, frameskip=1, repeat_action_probability=0.0),
            n_envs=2,
            seed=123,
            monitor_dir=str(tmp_path / env_id.replace("/", " ")),
            wrapper_class=AtariWrapper,
            vec_env_cls=DummyVecEnv,
        )
        return VecFrameStack(games, 4)

    emulator, twin = zoo("BreakoutNoFrameskip-v4"), zoo(TWIN_ID)
    random, games = np.random.default_rng(0), 0
    assert same(emulator.reset(), twin.reset())
    while games < 2:
        actions = random.integers(4, size=2)
        real, ours = emulator.step(actions), twin.step(actions)
        assert all(same(*parts) for parts in zip(real[:3], ours[:3], strict=True))
        for info, other in zip(real[3], ours[3], strict=True):
            assert ("episode" in info) == ("episode" in other)
            if "episode" in info:
                games += 1
                assert [info["episode"][key] for key in "rl"] == [other["episode"][key] for key in "rl"]


def test_the_kept_training_of_rl_zoo3_is_what_it_says() -> None:
    data = json.loads((ROOT / "results" / "twin_zoo.json").read_text(encoding="utf-8"))
    assert data["same"] and all(env["emulator"] == env["twin"] for env in data["environments"])
    assert data["games"] == sum(len(env["twin"]["scores"]) for env in data["environments"]) > 100


def test_a_game_is_truncated_when_the_consoles_clock_runs_over() -> None:
    """As CompleteGame truncates those of the emulator."""
    env = gym.make(TWIN_ID, frameskip=3)
    env.reset(seed=0)
    play, nothing = env.unwrapped.ale.act, env.unwrapped.ale.getMinimalActionSet()[NONE]
    for _ in range(LAST_FRAME - 4):
        play(nothing)
    assert [env.step(NONE)[2:4] for _ in range(2)] == [(False, False), (False, True)]
    assert env.unwrapped.ale.getEpisodeFrameNumber() == LAST_FRAME and env.unwrapped.ale.lives() == 5


def test_it_can_be_pickled() -> None:
    env = pickle.loads(pickle.dumps(gym.make(TWIN_ID, frameskip=2).unwrapped))
    assert env.reset(seed=0)[0].shape == (210, 160, 3) and env.step(NONE)[4]["frame_number"] == 2


def test_its_id_can_name_the_module_that_registers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that did not import rlbreakout.envs."""
    monkeypatch.delitem(sys.modules, "rlbreakout.envs")
    monkeypatch.delattr(rlbreakout, "envs")  # which is put back afterwards
    monkeypatch.delitem(gym.registry, TWIN_ID)
    with pytest.raises(gym.error.UnregisteredEnv):
        gym.make(TWIN_ID)
    assert gym.make(f"rlbreakout.envs:{TWIN_ID}").reset()[0].shape == (210, 160, 3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"obs_type": "ram"}, r"obs_type is 'ram'; allowed: 'rgb' or 'grayscale'"),
        ({"frameskip": 0}, r"frameskip is 0; allowed: 1 or more, or a tuple"),
        ({"frameskip": (4, 4)}, r"frameskip is \(4, 4\); allowed"),
        ({"frameskip": 2.5}, r"frameskip is 2\.5; allowed"),
        ({"repeat_action_probability": 1.5}, r"repeat_action_probability is 1\.5; allowed: 0 to 1"),
        ({"repeat_action_probability": float("nan")}, r"repeat_action_probability is nan; allowed: 0 to 1"),
        ({"full_action_space": True}, r"full_action_space is True; allowed: False"),
        ({"continuous": True}, r"continuous is True; allowed: False"),
        ({"sound_obs": True}, r"sound_obs is True; allowed: False"),
        ({"mode": 4}, r"mode is 4; allowed: None or 0"),
        ({"difficulty": 1}, r"difficulty is 1; allowed: None or 0"),
        ({"game": "pong"}, r"game is 'pong'; allowed: 'breakout'"),
        ({"max_num_frames_per_episode": -1}, r"max_num_frames_per_episode is -1; allowed: None, or 0 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as raised:
        gym.make(TWIN_ID, **settings)
    assert "\n" not in str(raised.value)


def test_wrong_actions_are_refused_in_one_line() -> None:
    env = gym.make(TWIN_ID).unwrapped
    env.reset()
    for action in (4, -1, 1.5, None, np.array([1, 2])):
        with pytest.raises(UserError, match=r"action is .*; allowed: 0 none, 1 fire, 2 right, 3 left"):
            env.step(action)
    with pytest.raises(UserError, match=r"allowed: NOOP, FIRE, RIGHT, LEFT, of strength 1"):
        env.ale.act(7)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_gymnasium_plays_many_of_it_at_once(mode: AutoresetMode) -> None:
    envs = gym.make_vec(TWIN_ID, num_envs=2, repeat_action_probability=0.0, vector_kwargs={"autoreset_mode": mode})
    screens, _ = envs.reset(seed=0)
    assert screens.shape == (2, 210, 160, 3) and screens.dtype == np.uint8
    ended = np.zeros(2, dtype=bool)
    while not ended.any():
        screens, _, ended, _, info = envs.step(np.array([FIRE, NONE]))
    lives = info["lives"].tolist()
    if mode == AutoresetMode.SAME_STEP:
        assert lives == [5, 5] and info["final_info"]["lives"][0] == 0
    else:
        assert lives == [0, 5] and envs.step(np.array([NONE, NONE]))[4]["lives"].tolist() == [5, 5]
    envs.close()
