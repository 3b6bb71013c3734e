"""VectorVecEnv against the gymnasium environments of the emulator, and what Stable-Baselines3 expects of it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.breakout.rules import FIRE, is_over, new_games, play
from rlbreakout.common.errors import UserError
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import Config, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.envs.vector import VectorVecEnv
from tests.twin_player import Player

EXACT = {"repeat_action_probability": 0.0, "noop_max": 0, "launch_ball": "never"}
"""Nothing is drawn, so that the same actions give the same game."""


def config(*, size: int = 36, stack: int = 1, **env: Any) -> Config:
    observation = {"kind": "warp", "screen_size": size, "frame_stack": stack}
    return parse_config({"observation": observation, "env": {"vec_env": "vector", "n_envs": 2, **EXACT, **env}})


def actions_of_a_player(steps: int, frame_skip: int = 4, random: float = 0.1) -> np.ndarray:
    """`(steps, 2)`: actions for two games, by a player who hits the ball and sometimes loses a life."""
    states, player = new_games(2), Player(2, random=np.array([random, 0.9]))
    actions = np.empty((steps, 2), dtype=np.int64)
    for step in range(steps):
        actions[step] = player.act(states)
        play(states, actions[step], frame_skip)
        for game in range(2):
            if is_over(states[game]):
                states[game] = new_games(1)[0]
    return actions


def lose(env: VecEnv, most: int = 400) -> tuple[Any, Any, Any, Any]:
    """Press FIRE until the first game is over. Returns that step."""
    env.reset()
    for _ in range(most):
        step = env.step(np.full(env.num_envs, FIRE))
        if "episode" in step[3][0]:
            return step
    raise AssertionError("no game ended")


CASES: list[dict[str, Any]] = [
    {"size": 84, "stack": 4, "episodic_life": True, "clip_reward": True, "lost_life_reward": -0.5},
    {"episodic_life": False, "clip_reward": False, "id": "BreakoutNoFrameskip-v4"},
    {"size": 210, "max_pool": False, "frame_skip": 3, "episodic_life": True, "clip_reward": False},
]


@pytest.mark.parametrize("case", CASES, ids=["clipped", "points", "frame_skip_3"])
def test_it_plays_as_the_gymnasium_environments_do(case: dict[str, Any]) -> None:
    env, reference = make_vec_env(config(**case)), make_vec_env(config(**case, vec_env="dummy"))
    assert env.observation_space == reference.observation_space and env.action_space == reference.action_space
    assert np.array_equal(env.reset(), reference.reset())
    games, lost_lives, scores = 0, 0, []
    for actions in actions_of_a_player(400, case.get("frame_skip", 4)):
        seen, rewards, dones, infos = env.step(actions)
        its_seen, its_rewards, its_dones, its_infos = reference.step(actions)
        assert np.array_equal(seen, its_seen) and seen.dtype == its_seen.dtype
        assert np.array_equal(rewards, its_rewards) and rewards.dtype == its_rewards.dtype
        assert np.array_equal(dones, its_dones)
        for game, (info, its_info) in enumerate(zip(infos, its_infos, strict=True)):
            assert info["lives"] == its_info["lives"]
            assert info["TimeLimit.truncated"] == its_info["TimeLimit.truncated"]
            assert ("episode" in info) == ("episode" in its_info)
            assert ("terminal_observation" in info) == dones[game]
            if "episode" in info:
                games += 1
                scores.append(info["episode"]["r"])
                assert info["episode"]["r"] == its_info["episode"]["r"]
                if case.get("max_pool", True):  # otherwise Monitor counts steps
                    assert info["episode"]["l"] == its_info["episode"]["l"]
            elif dones[game]:
                lost_lives += 1
                assert np.array_equal(info["terminal_observation"], its_info["terminal_observation"])
    assert games > 0 and max(scores) > 0
    assert (lost_lives > 0) == case["episodic_life"]
    env.close()
    reference.close()


def test_score_is_unclipped_and_of_the_whole_game() -> None:
    env = VectorVecEnv(config(episodic_life=True, clip_reward=True), n_envs=2)
    env.reset()
    clipped, scores = np.zeros(2), []
    for actions in actions_of_a_player(1_500, random=0.25):
        _, rewards, _, infos = env.step(actions)
        clipped += rewards
        for game, info in enumerate(infos):
            if "episode" in info:
                scores.append((info["episode"]["r"], clipped[game]))
                clipped[game] = 0
    assert all(score >= clip for score, clip in scores)
    assert any(score > clip > 5 for score, clip in scores), "no game reached bricks of 4 points"


@pytest.mark.parametrize("episodic", [True, False])
def test_next_game_begins_in_the_step_that_ends_one(episodic: bool) -> None:
    env = VectorVecEnv(config(episodic_life=episodic), n_envs=1)
    first = env.reset()
    seen, _, dones, infos = lose(env)
    assert dones[0] and infos[0]["lives"] == 0 and not infos[0]["TimeLimit.truncated"]
    assert np.array_equal(seen, first)
    assert infos[0]["terminal_observation"].shape == first.shape[1:]
    assert not np.array_equal(infos[0]["terminal_observation"], first[0])
    assert env.get_attr("lives") == [5] and env.get_attr("scores") == [0]


def test_games_without_bricks_or_time_left_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.envs.vector.LAST_FRAME", 150)
    env = VectorVecEnv(config(episodic_life=False), n_envs=1)
    first = env.reset()
    seen, _, dones, infos = lose(env)
    assert dones[0] and infos[0]["TimeLimit.truncated"] and infos[0]["lives"] > 0
    assert infos[0]["episode"]["l"] == 152
    assert np.array_equal(seen, first) and not np.array_equal(infos[0]["terminal_observation"], first[0])

    monkeypatch.undo()
    monkeypatch.setattr("rlbreakout.envs.vector.MOST_POINTS", 1)
    env = VectorVecEnv(config(episodic_life=False, lost_life_reward=-1), n_envs=2)
    first = env.reset()
    for actions in actions_of_a_player(100):
        seen, rewards, dones, infos = env.step(actions)
        if dones[0]:
            break
    assert infos[0]["episode"]["r"] == rewards[0] == 1 and not infos[0]["TimeLimit.truncated"]
    assert np.array_equal(seen[0], first[0]) and not np.array_equal(seen[1], first[1])


def test_every_game_is_a_line_of_the_monitor_file(tmp_path: Path) -> None:
    env = make_vec_env(config(), n_envs=1, monitor_dir=tmp_path)
    reported = [lose(env)[3][0]["episode"] for _ in range(2)]
    assert env.env_is_wrapped(Monitor) == [True]
    env.close()
    env.close()
    header, *lines = (tmp_path / "vector.monitor.csv").read_text().splitlines()
    assert header.startswith("#")
    rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    assert rows == reported


def played(env: VecEnv, steps: int = 40) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [env.reset(), *(env.step(np.full(env.num_envs, random.integers(4)))[0] for _ in range(steps))]


def test_seeds_decide_the_games() -> None:
    drawn = config(repeat_action_probability=0.25, noop_max=30, launch_ball="on_reset", episodic_life=False)
    env = VectorVecEnv(drawn, n_envs=2, seed=3)
    games, further = played(env), played(env)
    assert np.array_equal(games, played(VectorVecEnv(drawn, n_envs=2, seed=3)))
    assert not np.array_equal(games, further)
    assert not np.array_equal(games, played(VectorVecEnv(drawn, n_envs=2, seed=4)))
    assert not np.array_equal(np.array(games)[:, 0], np.array(games)[:, 1])
    assert np.array_equal(np.array(games)[:, :1], played(VectorVecEnv(drawn, n_envs=1, seed=3)))
    assert env.seed(3) == spawn_seeds(3, 2)
    assert np.array_equal(games, played(env))


def test_ppo_learns_on_it() -> None:
    env = make_vec_env(config(stack=2, episodic_life=True), n_envs=2, seed=0)
    model = PPO("CnnPolicy", env, n_steps=100, batch_size=200, n_epochs=1, device="cpu")
    model.learn(400)
    assert model.num_timesteps == 400
    assert model.ep_info_buffer and all(info["l"] > 400 for info in model.ep_info_buffer)
    env.close()


@pytest.mark.parametrize("actions", [[0], [0, 4], [0, -1], [0.5, 1.0]])
def test_wrong_actions_are_refused(actions: list[float]) -> None:
    env = VectorVecEnv(config(), n_envs=2)
    env.reset()
    with pytest.raises(UserError, match="actions is"):
        env.step(np.array(actions))
    assert env.step(np.array([0, 1], dtype=np.int32))[0].shape == (2, 36, 36, 1)
