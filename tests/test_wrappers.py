"""On the real emulator."""

import re
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv, WarpFrame
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from rlbreakout.breakout.emulator import BALL_X, PADDLE
from rlbreakout.breakout.screen import BRICK_HEIGHT, BRICK_ROWS, BRICK_WIDTH, BRICKS_IN_A_ROW, BRICKS_LEFT
from rlbreakout.common.errors import UserError
from rlbreakout.config import EnvConfig, ObservationConfig
from rlbreakout.envs import make_emulator, register
from rlbreakout.observation import FIRE, LEFT, NOOP, RIGHT
from rlbreakout.wrappers import (
    AimbotObservation,
    ConfiguredObservation,
    CoordinatesObservation,
    DroppedScreens,
    IdleFrames,
    LaunchBall,
    LifeIsEpisode,
    LostLifeReward,
    MonoObservation,
    OtherColours,
    StalledGame,
    TrimObservation,
    ball_in_play,
)


def breakout(env_id: str = "BreakoutNoFrameskip-v4", **settings: float) -> gym.Env:
    return MaxAndSkipEnv(make_emulator(EnvConfig(id=env_id, **settings)), skip=4)


def test_the_ball_is_launched_after_reset_and_every_lost_life() -> None:
    env = LaunchBall(breakout())
    env.reset(seed=0)
    lives_with_a_ball = set()
    terminated = False
    while not terminated:
        *_, terminated, _, info = env.step(NOOP)
        if ball_in_play(env):
            lives_with_a_ball.add(info["lives"])
    assert lives_with_a_ball == {5, 4, 3, 2, 1}


def test_without_it_an_agent_that_does_not_fire_waits_for_ever() -> None:
    env = breakout()
    env.reset(seed=0)
    for _ in range(500):
        *_, terminated, truncated, info = env.step(NOOP)
        assert not (terminated or truncated) and not ball_in_play(env) and info["lives"] == 5


def test_it_goes_on_pressing_when_sticky_actions_swallow_the_first_fire() -> None:
    env = LaunchBall(make_emulator(EnvConfig(id="ALE/Breakout-v5", repeat_action_probability=0.9), render_mode=None))
    needed = []
    for seed in range(5):
        env.reset(seed=seed)
        steps = 0
        while not ball_in_play(env):
            env.step(NOOP)
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
        _, _, terminated, truncated, info = env.step(NOOP)
        assert not terminated and truncated == info["stalled"] == (step == 30)
    env.reset()
    assert not env.step(NOOP)[3]


def test_a_point_starts_the_count_of_stalled_steps_anew() -> None:
    class PointOnStep20(gym.Wrapper):
        steps = 0

        def step(self, action):
            self.steps += 1
            observation, _, *rest = self.env.step(action)
            return observation, float(self.steps == 20), *rest

    env = StalledGame(PointOnStep20(breakout()), patience=30)
    env.reset(seed=0)
    stalled_at = next(step for step in range(1, 100) if env.step(NOOP)[3])
    assert stalled_at == 20 + 30


def test_every_brick_pays_by_its_row() -> None:
    """A paddle that follows the ball, frame by frame, until it has hit every row."""
    env = LaunchBall(make_emulator(EnvConfig(id="BreakoutNoFrameskip-v4", frame_skip=1)))
    env.reset(seed=1)
    ale = env.unwrapped.ale
    bricks = slice(BRICKS_LEFT, BRICKS_LEFT + BRICKS_IN_A_ROW * BRICK_WIDTH)
    paid: dict[str, set[float]] = {row.colour: set() for row in BRICK_ROWS}
    before = ale.getScreenRGB()
    for frame in range(20_000):
        ram = ale.getRAM().astype(int)
        aim = 6 if frame // 1000 % 2 else -6  # now left, now right of the middle of the paddle, to hit other bricks
        offset = ram[BALL_X] - ram[PADDLE] - 9 + aim
        reward = env.step(RIGHT if offset > 2 else LEFT if offset < -2 else NOOP)[1]
        after = ale.getScreenRGB()
        changed = (before != after).any(axis=-1)[:, bricks]
        hit = [
            r.colour for r in BRICK_ROWS if changed[r.top : r.top + BRICK_HEIGHT].sum() >= BRICK_HEIGHT * BRICK_WIDTH
        ]
        if reward and len(hit) == 1:
            paid[hit[0]].add(float(reward))
        if all(paid.values()):
            break
        before = after
        if ale.game_over():
            env.reset()
    assert paid == {row.colour: {row.points} for row in BRICK_ROWS}
    assert sum(row.points for row in BRICK_ROWS) * BRICKS_IN_A_ROW == 432


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.parametrize("wrapper", [LaunchBall, StalledGame, OtherColours, partial(IdleFrames, noop_max=3)])
def test_gymnasiums_own_checker_accepts_it(wrapper: type[gym.Wrapper]) -> None:
    check_env(wrapper(make_emulator(EnvConfig())), skip_render_check=True)


def test_a_lost_life_costs_what_it_should_and_a_point_brings_what_it_did() -> None:
    env, plain = LostLifeReward(LaunchBall(breakout()), -3.0), LaunchBall(breakout())
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


def test_dropped_screens_are_those_before_as_often_as_wanted_and_the_same_for_a_seed() -> None:
    def play() -> tuple[list[bool], float]:
        env, dropped = DroppedScreens(breakout(), 0.3), []
        shown, _ = env.reset(seed=5)
        for number in range(300):
            before = shown
            shown, _, terminated, *_ = env.step(FIRE if number % 40 == 0 else RIGHT)
            dropped.append(shown is before)
            if terminated:
                shown, _ = env.reset()
        return dropped, float(np.mean(dropped))

    (one, share), (other, _) = play(), play()
    assert one == other and 0.2 < share < 0.4
    with pytest.raises(UserError, match=r"probability is 1\.5; allowed: 0 to 1"):
        DroppedScreens(breakout(), 1.5)


@pytest.mark.parametrize("grey", [True, False])
def test_other_colours_keep_black_black_and_change_all_else(grey: bool) -> None:
    plain = make_emulator(EnvConfig(id="BreakoutNoFrameskip-v4"), grey=grey)
    env = OtherColours(make_emulator(EnvConfig(id="BreakoutNoFrameskip-v4"), grey=grey))
    screen, changed = plain.reset(seed=0)[0], env.reset(seed=0)[0]
    lit = screen != 0 if grey else (screen != 0).any(axis=-1)
    assert changed.dtype == np.uint8 and (changed[~lit] == 0).all()
    assert (changed[lit] != screen[lit]).any(axis=None if grey else -1).all()
    assert ((changed if grey else changed.any(axis=-1))[lit] != 0).all()


def test_an_environment_without_fire_is_refused() -> None:
    class NoFire(gym.Wrapper):
        def get_action_meanings(self) -> list[str]:
            return ["NOOP", "RIGHT"]

        @property
        def unwrapped(self) -> gym.Env:
            return self

    with pytest.raises(ValueError, match="needs FIRE"):
        LaunchBall(NoFire(breakout()))


# What the agent sees


def screen_env(**settings: Any) -> gym.Env:
    return make_emulator(EnvConfig(max_pool=False, **settings))


VIEWS = {
    "mono": lambda env: MonoObservation(env, "mono_1dim"),
    "grey": lambda env: MonoObservation(env, "grey_3dim"),
    "trim": lambda env: TrimObservation(env, "trim"),
    "whiten, half": lambda env: TrimObservation(env, "whiten", half=True),
    "aimbot": AimbotObservation,
    "counters": lambda env: AimbotObservation(env, counters=True),
    "coordinates": CoordinatesObservation,
    "both": lambda env: CoordinatesObservation(MonoObservation(env, "mono_1dim"), image=True),
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
    env = LifeIsEpisode(LaunchBall(screen_env(id="BreakoutNoFrameskip-v4")))
    env.reset(seed=0)
    games, ends = 0, []
    for _ in range(2_000):
        observation, _, terminated, _, info = env.step(0)
        if terminated:
            ends.append(info["lives"])
            again, _ = env.reset()
            if info["lives"]:
                assert np.array_equal(observation, again)
            else:
                games += 1
                assert env.unwrapped.ale.lives() == 5
    assert games >= 2 and ends[:5] == [4, 3, 2, 1, 0]


MISTAKES = {
    "mono mode 'pink' is not known; allowed: 3col, grey_3dim, grey_1dim, mono_3dim, mono_1dim":
        lambda env: MonoObservation(env, "pink"),
    "trim mode 'cut' is not known; allowed: keep, trim, blacken, whiten": lambda env: TrimObservation(env, "cut"),
    "AimbotObservation needs whole screens of 210x160 pixels, not 174x144; it must come before":
        lambda env: AimbotObservation(TrimObservation(env, "trim")),
    "TrimObservation needs whole screens of 210x160 pixels, not 84x84; it must come before":
        lambda env: TrimObservation(WarpFrame(env)),
    "CoordinatesObservation needs single frames, and MaxAndSkipEnv lays two over each other":
        lambda env: CoordinatesObservation(MaxAndSkipEnv(env)),
    "MonoObservation mode 'mono_1dim' must come before AimbotObservation with counters":
        lambda env: MonoObservation(AimbotObservation(env, counters=True), "mono_1dim"),
    "MonoObservation mode '3col' needs a screen in colour":
        lambda env: MonoObservation(MonoObservation(env, "grey_1dim"), "3col"),
    "AimbotObservation needs pictures, uint8 (height, width[, channels]), not Box of float32 (127,); "
    "it must come before (inside of) CoordinatesObservation":
        lambda env: AimbotObservation(CoordinatesObservation(env)),
    "TrimObservation needs pictures, uint8 (height, width[, channels]), not Dict of coordinates, image; "
    "it must come before (inside of) CoordinatesObservation":
        lambda env: TrimObservation(CoordinatesObservation(env, image=True)),
    "MonoObservation needs pictures, uint8 (height, width[, channels]), not Box of float32 (127,); "
    "it must come before (inside of) ConfiguredObservation":
        lambda env: MonoObservation(ConfiguredObservation(env, ObservationConfig(kind="coordinates"))),
    "CoordinatesObservation needs pictures, uint8 (height, width[, channels]), not Box of float32 (127,)":
        lambda env: CoordinatesObservation(CoordinatesObservation(env)),
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


@pytest.mark.parametrize("wrapper", [TrimObservation, AimbotObservation, CoordinatesObservation])
def test_another_game_is_refused(wrapper: type[gym.Wrapper]) -> None:
    register()
    pong = gym.make("PongNoFrameskip-v4")
    with pytest.raises(
        UserError,
        match=f"{wrapper.__name__} knows Breakout's screen only, not that of PongNoFrameskip-v4; allowed: ALE",
    ):
        wrapper(pong)
