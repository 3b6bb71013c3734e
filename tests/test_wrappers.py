"""The gymnasium wrappers, on the emulator."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv, WarpFrame
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from rlbreakout.breakout.emulator import from_ram
from rlbreakout.breakout.rules import FIRE, KNOB_START, LAST_FRAME, LEFT, NONE, PIXEL, RIGHT
from rlbreakout.breakout.screen import BRICK_ROWS, BRICKS_IN_A_ROW
from rlbreakout.common.errors import UserError
from rlbreakout.config import EnvConfig, ObservationConfig
from rlbreakout.envs import TWIN_ID, make_emulator, register
from rlbreakout.observation.blocks import Blocks
from rlbreakout.wrappers import (
    AimbotObservation,
    CompleteGame,
    ConfiguredObservation,
    CoordinatesObservation,
    IdleFrames,
    LaunchBall,
    LifeIsEpisode,
    LostLifeReward,
    MonoObservation,
    SentActions,
    StalledGame,
    TrimObservation,
    ball_in_play,
)
from tests.emulator import change_game


def breakout(env_id: str = "BreakoutNoFrameskip-v4", **settings: float) -> gym.Env:
    return MaxAndSkipEnv(make_emulator(EnvConfig(id=env_id, **settings)), skip=4)


def screen_env(**settings: Any) -> gym.Env:
    """The twin, which shows what the emulator shows and starts a hundred times faster."""
    return gym.make(TWIN_ID, render_mode="rgb_array", disable_env_checker=True, **settings)


def test_the_ball_is_launched_after_reset_and_every_lost_life() -> None:
    env = LaunchBall(breakout())
    env.reset(seed=0)
    lives_with_a_ball = set()
    terminated = False
    while not terminated:
        *_, terminated, _, info = env.step(NONE)
        if ball_in_play(env):
            lives_with_a_ball.add(info["lives"])
    assert lives_with_a_ball == {5, 4, 3, 2, 1}


def test_without_it_an_agent_that_does_not_fire_waits_for_ever() -> None:
    env = breakout()
    env.reset(seed=0)
    for _ in range(100):
        *_, terminated, truncated, info = env.step(NONE)
        assert not (terminated or truncated) and not ball_in_play(env) and info["lives"] == 5


def test_it_goes_on_pressing_when_sticky_actions_swallow_the_first_fire() -> None:
    env = LaunchBall(make_emulator(EnvConfig(id="ALE/Breakout-v5", repeat_action_probability=0.9)))
    needed = []
    for seed in range(5):
        env.reset(seed=seed)
        steps = 0
        while not ball_in_play(env):
            env.step(NONE)
            steps += 1
            assert steps < 500
        needed.append(steps)
    assert max(needed) > 1  # or this test would not show what it says


def test_actions_reach_the_game_while_the_ball_is_in_play() -> None:
    class Spy(gym.Wrapper):
        actions: list[int]

        def step(self, action):
            self.actions.append(action)
            return self.env.step(action)

    spy = Spy(breakout())
    spy.actions = []
    env = LaunchBall(spy)
    env.reset(seed=0)
    for action in (RIGHT, RIGHT, LEFT, RIGHT):
        env.step(action)
    assert spy.actions == [FIRE, RIGHT, LEFT, RIGHT]


def test_a_game_without_points_is_truncated_and_called_stalled() -> None:
    env = StalledGame(breakout(), patience=30)
    env.reset(seed=0)
    for step in range(1, 31):
        _, _, terminated, truncated, info = env.step(NONE)
        assert not terminated and truncated == info["stalled"] == (step == 30)
    env.reset()
    assert not env.step(NONE)[3]


def test_a_point_starts_the_count_of_stalled_steps_anew() -> None:
    class PointOnStep20(gym.Wrapper):
        steps = 0

        def step(self, action):
            self.steps += 1
            observation, _, *rest = self.env.step(action)
            return observation, float(self.steps == 20), *rest

    env = StalledGame(PointOnStep20(breakout()), patience=30)
    env.reset(seed=0)
    stalled_at = next(step for step in range(1, 100) if env.step(NONE)[3])
    assert stalled_at == 20 + 30


def row_of_bricks(env: gym.Env, number: int) -> None:
    """Begin a game with this row of bricks only, and a ball that rises into it."""
    env.reset(seed=0)
    for _ in range(50):  # until the wall is built
        env.step(NONE)
    bricks = np.zeros((1, len(BRICK_ROWS), BRICKS_IN_A_ROW), dtype=np.uint8)
    bricks[0, number] = 1
    change_game(env, bricks=bricks, ball_x=80 * PIXEL, ball_y=150 * PIXEL, ball_vx=PIXEL, ball_vy=-2 * PIXEL)


def single_frames() -> gym.Env:
    return make_emulator(EnvConfig(id="BreakoutNoFrameskip-v4", frame_skip=1))


@pytest.mark.parametrize("number", range(len(BRICK_ROWS)), ids=[row.colour for row in BRICK_ROWS])
def test_every_brick_pays_by_its_row(number: int) -> None:
    env, paid = single_frames(), 0.0
    row_of_bricks(env, number)
    while not paid:
        paid = float(env.step(NONE)[1])
    left = from_ram(env.unwrapped.ale.getRAM(), KNOB_START)["bricks"]  # type: ignore[attr-defined]
    assert paid == BRICK_ROWS[number].points and left[0, number].sum() == BRICKS_IN_A_ROW - 1


def test_a_game_with_all_points_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.wrappers.MOST_POINTS", 7)
    env, points, steps = CompleteGame(single_frames()), 0.0, 0
    row_of_bricks(env, 0)
    ended = False
    while not ended:
        _, reward, ended, truncated, _ = env.step(NONE)
        points, steps = points + float(reward), steps + 1
        assert ended == (points == 7) and not truncated
    row_of_bricks(env, 0)
    assert not env.step(NONE)[2]  # the points of the game before do not count


def test_a_game_is_truncated_when_the_consoles_clock_runs_over() -> None:
    class Later(gym.Wrapper):
        """Says that so many frames more were played."""

        def step(self, action):
            *step, info = self.env.step(action)
            return *step, {**info, "episode_frame_number": info["episode_frame_number"] + LAST_FRAME - 10}

    env = CompleteGame(Later(single_frames()))
    env.reset(seed=0)
    assert [env.step(NONE)[2:4] for _ in range(10)] == [(False, False)] * 9 + [(False, True)]


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.parametrize("wrapper", [LaunchBall, StalledGame, CompleteGame, partial(IdleFrames, noop_max=3)])
def test_gymnasiums_own_checker_accepts_it(wrapper: type[gym.Wrapper]) -> None:
    check_env(wrapper(screen_env()), skip_render_check=True)


def test_a_lost_life_costs_what_it_should_and_a_point_brings_what_it_did() -> None:
    env, plain = LostLifeReward(LaunchBall(screen_env()), -3.0), LaunchBall(screen_env())
    for one in (env, plain):
        one.reset(seed=0)
    lives, lost, terminated = 5, 0, False
    random = np.random.default_rng(0)
    while not terminated:
        action = int(random.integers(4))
        _, reward, terminated, _, info = env.step(action)
        _, points, *_ = plain.step(action)
        assert reward == points - (3 if info["lives"] < lives else 0)
        lost, lives = lost + (info["lives"] < lives), info["lives"]
    assert lost == 5


def test_an_environment_without_fire_is_refused() -> None:
    class NoFire(gym.Wrapper):
        def get_action_meanings(self) -> list[str]:
            return ["NONE", "RIGHT"]

        @property
        def unwrapped(self) -> gym.Env:
            return self

    with pytest.raises(ValueError, match="needs FIRE"):
        LaunchBall(NoFire(breakout()))


# What the agent sees


def configured(env: gym.Env, **observation: Any) -> gym.Env:
    return ConfiguredObservation(SentActions(env), ObservationConfig(**observation))


VIEWS: dict[str, Callable[[gym.Env], gym.Env]] = {
    "mono": lambda env: MonoObservation(env, "mono_1dim"),
    "grey": lambda env: MonoObservation(env, "grey_3dim"),
    "trim": lambda env: TrimObservation(env, "trim"),
    "whiten, half": lambda env: TrimObservation(env, "whiten", half=True),
    "aimbot": AimbotObservation,
    "counters": lambda env: AimbotObservation(env, counters=True),
    "coordinates": lambda env: CoordinatesObservation(SentActions(env)),
    "both": lambda env: configured(env, kind="both", half=True, aimbot=True),
    "trim(aimbot(mono))": lambda env: TrimObservation(AimbotObservation(MonoObservation(env)), half=True),
    "mono(trim(aimbot))": lambda env: MonoObservation(TrimObservation(AimbotObservation(env)), "mono_3dim"),
    "aimbot(blacken)": lambda env: AimbotObservation(TrimObservation(env, "blacken"), counters=True),
    "life": LifeIsEpisode,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_both_checkers_accept_it(view: Any) -> None:
    check_env(view(screen_env()), skip_render_check=True)
    sb3_check_env(view(screen_env()), skip_render_check=True)


@pytest.mark.parametrize("view", [view for name, view in VIEWS.items() if name != "life"], ids=[*VIEWS][:-1])
def test_the_observation_never_changes_what_rendering_shows(view: Any) -> None:
    plain, viewed = LaunchBall(screen_env()), view(LaunchBall(screen_env()))
    for env in (plain, viewed):
        env.reset(seed=1)
    for step in range(60):
        plain.step(step % 4)
        viewed.step(step % 4)
        assert np.array_equal(plain.render(), viewed.render())


def test_the_order_of_wrappers_changes_nothing_where_it_need_not() -> None:
    one = AimbotObservation(MonoObservation(LaunchBall(screen_env())))
    other = MonoObservation(AimbotObservation(LaunchBall(screen_env())))
    for env in (one, other):
        env.reset(seed=1)
    marked = 0
    for _ in range(80):
        mine, theirs = one.step(0)[0], other.step(0)[0]
        assert np.array_equal(mine, theirs)
        marked += bool(mine[200:205, 8:152].any())
    assert marked > 10


def test_a_lost_life_ends_the_episode_and_the_next_begins_at_the_same_screen() -> None:
    env = LifeIsEpisode(LaunchBall(screen_env()))
    env.reset(seed=0)
    games, ends = 0, []
    for _ in range(400):
        observation, _, terminated, _, info = env.step(0)
        if terminated:
            ends.append(info["lives"])
            again, _ = env.reset()
            if info["lives"]:
                assert np.array_equal(observation, again)
            else:
                games += 1
                assert env.unwrapped.ale.lives() == 5
    assert games >= 1 and ends[:5] == [4, 3, 2, 1, 0]


MISTAKES = {
    "mono mode 'pink' is not known; allowed: 3col, grey_3dim, grey_1dim, mono_3dim, mono_1dim":
        lambda env: MonoObservation(env, "pink"),
    "trim mode 'cut' is not known; allowed: keep, trim, blacken, whiten": lambda env: TrimObservation(env, "cut"),
    "AimbotObservation needs whole screens of 210x160 pixels, not 174x144; it must come before":
        lambda env: AimbotObservation(TrimObservation(env, "trim")),
    "TrimObservation needs whole screens of 210x160 pixels, not 84x84; it must come before":
        lambda env: TrimObservation(WarpFrame(env)),
    "CoordinatesObservation needs single frames, and MaxAndSkipEnv lays two over each other":
        lambda env: CoordinatesObservation(MaxAndSkipEnv(SentActions(env))),
    "AimbotObservation needs single frames, and MaxAndSkipEnv lays two over each other":
        lambda env: AimbotObservation(MaxAndSkipEnv(env)),
    "CoordinatesObservation needs SentActions next to the emulator for coordinates; it is missing":
        CoordinatesObservation,
    "ConfiguredObservation needs SentActions next to the emulator for coordinates; it is missing":
        lambda env: ConfiguredObservation(env, ObservationConfig(kind="both")),
    "ConfiguredObservation needs a screen in colour here, not of shape (210, 160, 1)":
        lambda env: configured(MonoObservation(env), kind="rgb"),
    "MonoObservation mode 'mono_1dim' must come before AimbotObservation with counters":
        lambda env: MonoObservation(AimbotObservation(env, counters=True), "mono_1dim"),
    "MonoObservation mode '3col' needs a screen in colour":
        lambda env: MonoObservation(MonoObservation(env, "grey_1dim"), "3col"),
    "AimbotObservation needs pictures, uint8 (height, width[, channels]), not Box of float32 (10,); "
    "it must come before (inside of) CoordinatesObservation":
        lambda env: AimbotObservation(CoordinatesObservation(SentActions(env), blocks=["clock"])),
    "TrimObservation needs pictures, uint8 (height, width[, channels]), not Dict of coordinates, image; "
    "it must come before (inside of) ConfiguredObservation":
        lambda env: TrimObservation(configured(env, kind="both")),
    "CoordinatesObservation needs pictures, uint8 (height, width[, channels]), not Box of float32 (10,)":
        lambda env: CoordinatesObservation(CoordinatesObservation(SentActions(env), blocks=["clock"])),
    "stack frames outside of it": lambda env: MonoObservation(
        gym.wrappers.TransformObservation(
            env, lambda screen: np.concatenate([screen, screen], 2), gym.spaces.Box(0, 255, (210, 160, 6), np.uint8)
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "mistake"), MISTAKES.items(), ids=[text[:40] for text in MISTAKES])
def test_a_mistake_is_told_at_construction(message: str, mistake: Any) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as told:
        mistake(screen_env())
    assert "\n" not in str(told.value)


def test_a_configured_observation_keeps_the_last_one_when_the_game_is_over() -> None:
    env = configured(screen_env(frameskip=6), kind="coordinates", blocks=["now"])
    shown, _ = env.reset(seed=0)
    terminated = False
    while not terminated:
        before = shown
        shown, _, terminated, _, _ = env.step(FIRE)
    assert shown is before and env.reset()[0][12] == 1  # lives


def test_coordinates_are_those_of_the_game_although_they_are_inferred_from_screens() -> None:
    blocks = ["now", "arrival"]
    env = CoordinatesObservation(LaunchBall(SentActions(make_emulator(EnvConfig(max_pool=False)))), blocks)
    shown, _ = env.reset(seed=0)
    random, truth, compared = np.random.default_rng(0), Blocks(blocks, 1), 0
    for _ in range(150):
        shown, _, terminated, *_ = env.step(int(random.integers(4)))
        if terminated:
            env.reset()
        elif env.follower.certain[0]:
            state = from_ram(env.unwrapped.ale.getRAM(), KNOB_START)  # type: ignore[attr-defined]
            compared += 1
            np.testing.assert_array_equal(shown, truth.compute(state)[0])
    assert compared > 50


def test_the_actions_that_were_sent_are_taken_once_and_those_of_other_wrappers_too() -> None:
    spy = SentActions(breakout())
    env = LaunchBall(spy)
    first, _ = env.reset(seed=0)
    env.step(NONE)
    env.step(RIGHT)
    screen, sent = spy.take()
    assert screen is first and sent == [FIRE, RIGHT]
    assert spy.take() == (None, [])
    env.step(LEFT)
    assert spy.take() == (None, [LEFT])


@pytest.mark.parametrize(
    "wrapper", [TrimObservation, AimbotObservation, lambda env: CoordinatesObservation(SentActions(env))]
)
def test_another_game_is_refused(wrapper: Callable[[gym.Env], gym.Env]) -> None:
    register()
    pong = gym.make("PongNoFrameskip-v4")
    with pytest.raises(UserError, match="knows Breakout's screen only, not that of PongNoFrameskip-v4; allowed: ALE"):
        wrapper(pong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"full_action_space": True}, "knows the actions NOOP, FIRE, RIGHT, LEFT, not NOOP, FIRE, UP"),
        ({"mode": 12}, "knows mode 0 of the game, not 12"),
        ({"difficulty": 1}, "knows difficulty 0 of the game, not 1"),
    ],
)
@pytest.mark.parametrize("wrap", [AimbotObservation, lambda env: CoordinatesObservation(SentActions(env))])
def test_a_game_with_other_actions_or_rules_is_refused(settings, message: str, wrap) -> None:
    env = gym.make("ALE/Breakout-v5", **settings)
    with pytest.raises(UserError, match=message):
        wrap(env)
    env.close()
