"""On the real emulator."""

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv

from rlbreakout.config import EnvConfig
from rlbreakout.envs import make_emulator
from rlbreakout.screen import BRICK_HEIGHT, BRICK_ROWS, BRICK_WIDTH, BRICKS_IN_A_ROW, BRICKS_LEFT
from rlbreakout.wrappers import FIRE, LaunchBall, StalledGame, ball_in_play

NOOP, RIGHT, LEFT = 0, 2, 3
BALL_X_RAM, PADDLE_X_RAM = 99, 72


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
        offset = ram[BALL_X_RAM] - ram[PADDLE_X_RAM] - 9 + aim
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
@pytest.mark.parametrize("wrapper", [LaunchBall, StalledGame])
def test_gymnasiums_own_checker_accepts_it(wrapper: type[gym.Wrapper]) -> None:
    check_env(wrapper(make_emulator(EnvConfig())), skip_render_check=True)


def test_an_environment_without_fire_is_refused() -> None:
    class NoFire(gym.Wrapper):
        def get_action_meanings(self) -> list[str]:
            return ["NOOP", "RIGHT"]

        @property
        def unwrapped(self) -> gym.Env:
            return self

    with pytest.raises(ValueError, match="needs FIRE"):
        LaunchBall(NoFire(breakout()))
