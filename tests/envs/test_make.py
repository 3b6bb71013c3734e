"""The environments of a config, on the real emulator."""

import numpy as np
import pytest
from stable_baselines3.common.atari_wrappers import AtariWrapper
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.env_util import make_vec_env as sb3_make_vec_env
from stable_baselines3.common.vec_env import VecFrameStack

from rlbreakout.breakout.rules import FIRE, NONE
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, EnvConfig, parse_config
from rlbreakout.envs import make_emulator, make_env, make_evaluation_env, make_vec_env, register
from rlbreakout.wrappers import IdleFrames
from tests.conftest import tiny_config

NOFRAMESKIP = "BreakoutNoFrameskip-v4"


def rollout(env, steps: int = 250) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[dict]]:
    """Observations, rewards, dones and finished games of the same random actions."""
    random = np.random.default_rng(0)
    observations, rewards, dones, games = [env.reset()], [], [], []
    for _ in range(steps):
        observation, reward, done, infos = env.step(random.integers(4, size=env.num_envs))
        observations.append(observation)
        rewards.append(reward)
        dones.append(done)
        games += [info["episode"] for info in infos if "episode" in info]
    env.close()
    return observations, rewards, dones, games


def test_the_zoos_config_makes_sb3s_atari_environment_step_for_step() -> None:
    register()
    ours = rollout(make_vec_env(tiny_config()))
    theirs = rollout(VecFrameStack(make_atari_env(NOFRAMESKIP, n_envs=2, seed=123), n_stack=4))
    for mine, sb3s in zip(ours[:3], theirs[:3], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, sb3s, strict=True))
    assert ours[3] and [(g["r"], g["l"]) for g in ours[3]] == [(g["r"], g["l"]) for g in theirs[3]]


def test_training_rewards_are_lives_and_clipped_but_the_episode_is_a_whole_game_in_points() -> None:
    env = make_vec_env(tiny_config("env.n_envs=1"))
    _, rewards, dones, games = rollout(env, 500)
    assert len(games) >= 1
    assert sum(int(done[0]) for done in dones) >= 5 * len(games)  # five lives a game
    assert {float(reward[0]) for reward in rewards} <= {0.0, 1.0}
    assert all(game["l"] > 400 for game in games)  # frames, as rl_zoo3 counts them


def test_evaluation_plays_whole_games_whatever_the_config_says_about_lives() -> None:
    env = make_evaluation_env(tiny_config(), n_envs=1, seed=0)
    _, rewards, dones, games = rollout(env, 500)
    assert len(games) == sum(int(done[0]) for done in dones) >= 1
    first = next(step for step, done in enumerate(dones) if done[0])
    assert games[0]["r"] == sum(float(reward[0]) for reward in rewards[: first + 1])
    assert games[0]["l"] == first + 1  # agent steps
    assert games[0]["stalled"] is False


@pytest.mark.parametrize("evaluation", [False, True])
@pytest.mark.parametrize("max_pool", [True, False])
def test_a_random_start_is_up_to_so_many_frames_not_steps(max_pool: bool, evaluation: bool) -> None:
    settings = {"id": NOFRAMESKIP, "max_pool": max_pool, "noop_max": 5, "episodic_life": False}
    env = make_env(parse_config({"env": settings}), evaluation=evaluation, seed=0)
    idle = [env.reset()[1]["episode_frame_number"] for _ in range(40)]
    assert set(idle) == set(range(1, 6))


def test_idle_frames_change_when_the_ball_is_seen_and_so_the_game() -> None:
    """Only their remainder counts: the ball waits for FIRE, and an action lasts for 4 frames."""
    env = IdleFrames(make_emulator(EnvConfig(id=NOFRAMESKIP, max_pool=False)), noop_max=8)
    env.reset(seed=0)
    games: dict[int, set[bytes]] = {}
    for _ in range(40):
        shown, info = env.reset()
        assert np.array_equal(shown, env.render())
        idle = info["episode_frame_number"]
        flight = b"".join(env.step(FIRE if step < 2 else NONE)[0].tobytes() for step in range(20))
        games.setdefault(idle % 4, set()).add(flight)
    assert set(games) == set(range(4)) and all(len(flights) == 1 for flights in games.values())
    assert len(set.union(*games.values())) == 4


@pytest.mark.parametrize(
    ("env_id", "frames"),
    [(NOFRAMESKIP, {4}), ("ALE/Breakout-v5", {4}), ("Breakout-v4", {2, 3, 4})],
)
@pytest.mark.parametrize("max_pool", [True, False])
def test_an_action_is_held_for_frame_skip_frames_or_for_what_the_id_draws(
    env_id: str, frames: set[int], max_pool: bool
) -> None:
    env = make_env(parse_config({"env": {"max_pool": max_pool}}), evaluation=True, env_id=env_id, seed=0)
    _, info = env.reset()
    before, held = info["frame_number"], set()
    for _ in range(60):
        *_, info = env.step(0)
        held.add(info["frame_number"] - before)
        before = info["frame_number"]
    assert held == frames
    env.close()


@pytest.mark.parametrize(("env_id", "sticky"), [(NOFRAMESKIP, 0.0), ("ALE/Breakout-v5", 0.25)])
def test_sticky_actions_are_those_of_the_id_unless_the_config_sets_them(env_id: str, sticky: float) -> None:
    def probability(env) -> float:
        return env.unwrapped.ale.getFloat("repeat_action_probability")

    assert probability(make_env(Config(), env_id=env_id)) == pytest.approx(sticky)
    assert probability(make_env(parse_config({"env": {"repeat_action_probability": 0.5}}), env_id=env_id)) == 0.5


def test_the_same_seed_gives_the_same_games_and_another_seed_others() -> None:
    def shown(seed: int) -> list[bytes]:
        env = make_evaluation_env(tiny_config("env.id=ALE/Breakout-v5"), n_envs=1, seed=seed)
        return [screens.tobytes() for screens in rollout(env, 40)[0]]

    assert shown(3) == shown(3) != shown(4)


def test_the_screen_as_it_is() -> None:
    env = make_vec_env(parse_config({"observation": {"kind": "rgb", "frame_stack": 2}}), n_envs=2)
    assert env.reset().shape == (2, 210, 160, 6)
    assert np.array_equal(env.reset()[1, :, :, 3:], env.get_images()[1])
    env.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("evaluation", [True, False])
@pytest.mark.parametrize("kind", ["rgb", "warp"])
def test_sb3s_own_checker_accepts_it(evaluation: bool, kind: str) -> None:
    check_env(make_env(parse_config({"observation": {"kind": kind}}), evaluation=evaluation), skip_render_check=True)


def test_another_game_is_refused() -> None:
    with pytest.raises(UserError, match=r"'ALE/Pong-v5' is not Breakout; allowed: ALE/Breakout-v5"):
        make_env(Config(), env_id="ALE/Pong-v5")


def test_atari_wrapper_is_the_sum_of_the_parts_that_lesson_2_3_writes_out() -> None:
    # The lesson's list and SB3's composite must not drift apart with a new version of SB3.
    register()
    sb3s = sb3_make_vec_env(NOFRAMESKIP, n_envs=1, seed=5, wrapper_class=AtariWrapper)
    ours = make_vec_env(tiny_config("observation.frame_stack=1"), n_envs=1, seed=5)
    for a, b in zip(rollout(ours, 80)[0], rollout(sb3s, 80)[0], strict=True):
        assert np.array_equal(a, b)


def test_the_number_of_a_game_decides_which_game_it_is_not_who_plays_beside_it() -> None:
    def games(n_envs: int, first: int, twin: bool) -> list[list[bytes]]:
        """What each game shows, under the same actions for all."""
        settings = tiny_config("env.id=ALE/Breakout-v5", "observation.frame_stack=1", "observation.screen_size=36")
        env = make_evaluation_env(settings, n_envs=n_envs, seed=4, first=first, twin=twin)
        shown = [env.reset()] + [env.step(np.full(n_envs, 2 + step % 2))[0] for step in range(12)]
        env.close()
        return [[screens[game].tobytes() for screens in shown] for game in range(n_envs)]

    for twin in (False, True):
        first, second = games(2, 0, twin)
        assert [first, second] == games(1, 0, twin) + games(1, 1, twin) and first != second
