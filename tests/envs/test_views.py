"""BreakoutVecEnv against gymnasium's environments, and SB3's contract."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from rlbreakout.game_processes import WATCHED, GameProcess
from rlbreakout.games import Games
from stable_baselines3.common.monitor import Monitor

from rlbreakout.agents.save_load import trained_steps
from rlbreakout.breakout.screen import MOST_POINTS
from rlbreakout.common.errors import GamesLost, UserError
from rlbreakout.config import OBSERVATION_KINDS, Config, RandomizeConfig, load_config, parse_config
from rlbreakout.envs import make_env, make_vec_env
from rlbreakout.envs.views import BreakoutVecEnv
from rlbreakout.evaluation.plots import read_games, read_monitor_file
from rlbreakout.observation import COORDINATES, NOOP
from rlbreakout.training.train import train
from tests.conftest import ONE_THREAD, ROOT


def config(observation: dict[str, Any] | None = None, **env: Any) -> Config:
    """A fast environment without anything random in it, unless `env` asks for it."""
    observation = observation or {"kind": "coordinates", "frame_stack": 1}
    settings = {"id": "BreakoutNoFrameskip-v4", "noop_max": 0, "max_pool": False, "n_envs": 3, "vec_env": "fast", **env}
    return parse_config({"policy": OBSERVATION_KINDS[observation["kind"]], "observation": observation, "env": settings})


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)
    return np.array_equal(one, other) and one.dtype == other.dtype


CASES: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({"kind": "coordinates", "frame_stack": 1}, {}, 2_000),
    ({"kind": "image", "half": True, "aimbot": True, "counters": True, "frame_stack": 3}, {}, 600),
    (
        {"kind": "both", "mode": "3col", "trim": "whiten", "aimbot": True, "frame_stack": 2},
        {"episodic_life": False, "clip_reward": False},
        250,
    ),
    ({"kind": "coordinates", "frame_stack": 2}, {"frame_skip": 2}, 400),
    (
        {
            "kind": "coordinates",
            "bounces": True,
            "rounds": True,
            "reach": True,
            "foresight": True,
            "aim": True,
            "clock": True,
            "frame_stack": 1,
        },
        {"lost_life_reward": -0.5},
        400,
    ),
    ({"kind": "both", "bounces": True}, {"lost_life_reward": -2, "episodic_life": False, "clip_reward": False}, 250),
    ({"kind": "rgb", "frame_stack": 1}, {"launch_ball": "never"}, 250),
    ({"kind": "warp", "frame_stack": 4}, {"max_pool": True}, 250),
    ({"kind": "image", "mode": "grey_3dim", "trim": "keep"}, {"frame_skip": 3, "max_pool": True}, 300),
]


@pytest.mark.parametrize(("observation", "env", "steps"), CASES, ids=lambda value: str(value)[:60])
def test_it_plays_as_gymnasiums_environments_do(observation: dict, env: dict, steps: int) -> None:
    fast = make_vec_env(config(observation, **env), seed=3)
    one_by_one = make_vec_env(config(observation, **env, vec_env="dummy"), seed=3)
    assert fast.observation_space == one_by_one.observation_space and fast.action_space == one_by_one.action_space
    random, ends, games = np.random.default_rng(0), 0, 0
    assert same(fast.reset(), one_by_one.reset())
    for _ in range(steps):
        actions = random.integers(4, size=3)
        mine, rewards, dones, infos = fast.step(actions)
        theirs, their_rewards, their_dones, their_infos = one_by_one.step(actions)
        assert same(mine, theirs)
        assert np.array_equal(rewards, their_rewards) and np.array_equal(dones, their_dones)
        for info, other in zip(infos, their_infos, strict=True):
            assert ("terminal_observation" in info) == ("terminal_observation" in other)
            if "terminal_observation" in info:
                ends += 1
                assert same(info["terminal_observation"], other["terminal_observation"])
                assert info["TimeLimit.truncated"] == other["TimeLimit.truncated"]
            assert ("episode" in info) == ("episode" in other)
            if "episode" in info:
                games += 1
                assert info["episode"]["r"] == other["episode"]["r"]
    assert games >= 3 and (ends > 3 * games) == (env.get("episodic_life", True))
    fast.close()
    one_by_one.close()


@pytest.mark.parametrize(
    ("observation", "env"),
    [
        ({"kind": "coordinates"}, {"id": "ALE/Breakout-v5", "noop_max": 30}),
        ({"kind": "both", "aimbot": True, "counters": True}, {"id": "Breakout-v4", "vec_env": "dummy"}),
        ({"kind": "image", "mode": "3col"}, {}),
        ({"kind": "warp"}, {"max_pool": True}),
    ],
)
def test_evaluation_shows_all_games_at_once_what_the_wrapper_shows_of_each(observation: dict, env: dict) -> None:
    settings = config({**observation, "frame_stack": 1}, **env)
    together = make_vec_env(settings, evaluation=True, seed=7)
    alone = [make_env(settings, evaluation=True) for _ in range(3)]
    assert together.observation_space == alone[0].observation_space
    shown, random, ends = together.reset(), np.random.default_rng(0), 0
    one_by_one = [env.reset(seed=7 + number)[0] for number, env in enumerate(alone)]
    assert all(same(_of(shown, number), one) for number, one in enumerate(one_by_one))
    for _ in range(500):
        actions = random.integers(4, size=3)
        shown, rewards, dones, infos = together.step(actions)
        for number, game in enumerate(alone):
            one, reward, terminated, truncated, _ = game.step(actions[number])
            assert rewards[number] == reward and dones[number] == (terminated or truncated)
            if dones[number]:
                ends += 1
                assert same(infos[number]["terminal_observation"], one)
                one, _ = game.reset()
            assert same(_of(shown, number), one)
    assert ends >= 3
    for env in (together, *alone):
        env.close()


def _of(observation: Any, number: int) -> Any:
    """The observation of one game."""
    if isinstance(observation, dict):
        return {name: part[number] for name, part in observation.items()}
    return observation[number]


def play(env: Any, steps: int, seed: int = 0) -> tuple[list, list[dict]]:
    """Rewards and ends of random actions, and the games that ended."""
    random = np.random.default_rng(seed)
    env.reset()
    told, games = [], []
    for _ in range(steps):
        _, rewards, dones, infos = env.step(random.integers(4, size=env.num_envs))
        told.append((rewards.tolist(), dones.tolist()))
        games += [info["episode"] for info in infos if "episode" in info]
    return told, games


def test_a_game_is_reported_with_its_whole_score_and_length_whatever_the_agent_is_told(tmp_path: Path) -> None:
    whole = config(episodic_life=False, clip_reward=False, n_envs=2)
    env = BreakoutVecEnv(whole, seed=1)
    random, sums, lengths, checked = np.random.default_rng(0), np.zeros(2), np.zeros(2), 0
    env.reset()
    for _ in range(500):
        _, rewards, dones, infos = env.step(random.integers(4, size=2))
        sums += rewards
        lengths += 1
        for game in np.flatnonzero(dones):
            episode = infos[game]["episode"]
            assert episode["r"] == sums[game]
            assert 4 * (lengths[game] - 1) < episode["l"] <= 4 * lengths[game]  # frames; the last step may be cut short
            sums[game] = lengths[game] = 0
            checked += 1
    env.close()
    assert checked >= 4
    # The same games, told life by life and clipped.
    told = BreakoutVecEnv(config(n_envs=2), seed=1, monitor_file=tmp_path / "fast")
    rewards, games = play(told, 500)
    told.close()
    assert {reward for step, _ in rewards for reward in step} <= {0.0, 1.0}
    assert sum(sum(dones) for _, dones in rewards) >= 5 * len(games) > 0
    assert read_games(tmp_path).scores.tolist() == [game["r"] for game in games]


def test_the_same_seed_plays_the_same_games_with_sticky_actions_and_random_starts() -> None:
    def games(seed: int) -> list:
        env = make_vec_env(config(id="ALE/Breakout-v5", noop_max=30), seed=seed)
        told = play(env, 300)[0]
        env.close()
        return told

    assert games(5) == games(5) != games(6)


@pytest.mark.parametrize("kind", ["coordinates", "both"])
def test_games_are_the_same_in_one_process_and_in_many(kind: str, tmp_path: Path) -> None:
    settings = config({"kind": kind}, id="ALE/Breakout-v5", noop_max=30, n_envs=5)
    alone, together = (
        BreakoutVecEnv(settings, seed=4, processes=processes, monitor_file=tmp_path / str(processes))
        for processes in (1, 3)
    )
    assert (alone.processes, together.processes) == (1, 3)
    assert same(alone.reset(), together.reset()) and alone.reset_infos == together.reset_infos
    random, games = np.random.default_rng(0), 0
    for _ in range(300):
        actions = random.integers(4, size=5)
        one, other = alone.step(actions), together.step(actions)
        assert same(one[0], other[0]) and np.array_equal(one[1], other[1]) and np.array_equal(one[2], other[2])
        for info, their_info in zip(one[3], other[3], strict=True):
            assert info.keys() == their_info.keys() and info["lives"] == their_info["lives"]
            if "terminal_observation" in info:
                assert same(info["terminal_observation"], their_info["terminal_observation"])
            if "episode" in info:
                games += 1
                assert [info["episode"][key] for key in "rl"] == [their_info["episode"][key] for key in "rl"]
    assert games >= 3
    for name in ("lives", "scores"):
        assert alone.get_attr(name) == together.get_attr(name)
    assert np.array_equal(alone.get_images(), together.get_images())
    alone.close()
    together.close()
    assert len(read_monitor_file(tmp_path / "1.monitor.csv").scores) == games


def test_what_was_observed_stays_as_it_was() -> None:
    env = BreakoutVecEnv(config(n_envs=2), seed=0, processes=2)
    first = env.reset()
    kept = first.copy()
    shown = [part for _ in range(20) for part in env.step(np.array([1, 1]))[:3]]
    copies = [part.copy() for part in shown]
    env.step(np.array([2, 2]))
    assert np.array_equal(first, kept)
    assert all(np.array_equal(part, copy) for part, copy in zip(shown, copies, strict=True))
    assert not np.array_equal(shown[9], shown[-3])
    env.close()


def test_a_process_sleeps_when_it_is_asked_for_nothing_and_wakes_for_the_next_step() -> None:
    alone, together = (BreakoutVecEnv(config(n_envs=4), seed=0, processes=processes) for processes in (1, 2))
    alone.reset()
    together.reset()
    for pause in (0, WATCHED / 2, WATCHED * 3, 1):
        other = psutil.Process(together.process_ids[0])
        before = sum(other.cpu_times()[:2])
        time.sleep(pause)
        assert sum(other.cpu_times()[:2]) - before < 0.1
        assert same(alone.step(np.ones(4, dtype=int))[0], together.step(np.ones(4, dtype=int))[0])
    alone.close()
    together.close()


def test_a_process_that_plays_games_and_is_gone_is_told_of() -> None:
    env = BreakoutVecEnv(config(n_envs=3), seed=0, processes=3)
    env.reset()
    psutil.Process(env.process_ids[1]).kill()
    with pytest.raises(GamesLost, match="a process that plays games ended with status -9"):
        env.step(np.array([0, 0, 0]))
    env.close()


def test_a_training_that_loses_its_games_saves_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, steps = GameProcess.end_step, []

    def killed(self: GameProcess) -> Any:
        steps.append(1)
        if len(steps) == 50:
            psutil.Process(self.id).kill()
        return step(self)

    monkeypatch.setattr(GameProcess, "end_step", killed)
    monkeypatch.setattr("rlbreakout.envs.views.cores", lambda: 2)
    settings = ["env.n_envs=8", "steps=10000", "ppo.n_steps=128", "ppo.batch_size=256", "evaluation.every=0"]
    with pytest.raises(GamesLost) as error:
        train(load_config(ROOT / "configs" / "3.4_emulator.yaml", settings), tmp_path / "run", progress_bar=False)
    told = r"ended with status -9, so training stopped after (\d+) agent steps; the last good checkpoint is "
    found = re.search(told, str(error.value))
    assert found, str(error.value)
    assert trained_steps(tmp_path / "run" / "last") == int(found[1]) in (392, 400)  # its last answer may have come


def test_the_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "play.py"  # without an `if __name__ == "__main__"`
    script.write_text(
        "import os, signal, numpy as np\n"
        "from tests.test_vec_env import config\n"
        "from rlbreakout.envs.views import BreakoutVecEnv\n"
        "env = BreakoutVecEnv(config(n_envs=3), processes=3)\n"
        "env.reset()\n"
        "env.step(np.zeros(3, dtype=int))\n"
        "print(*env.process_ids, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**ONE_THREAD, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    ids = [int(number) for number in done.stdout.split()]
    assert len(ids) == 2 and done.returncode == -9, done.stderr
    _, alive = psutil.wait_procs([psutil.Process(one) for one in ids if psutil.pid_exists(one)], timeout=60)
    assert not alive


def test_sticky_actions_change_the_game() -> None:
    played = []
    for sticky in (0.0, 0.9):
        env = make_vec_env(config(repeat_action_probability=sticky), seed=0)
        played.append(play(env, 200)[0])
        env.close()
    assert played[0] != played[1]


def test_seeds_are_one_for_each_game_and_can_be_set_anew() -> None:
    env = make_vec_env(config(id="ALE/Breakout-v5", noop_max=30, n_envs=2), seed=7)
    told = play(env, 150)[0]
    env.seed(7)
    assert play(env, 150)[0] == told
    env.seed(8)
    other = play(env, 150)[0]
    # Game 1 of seed 7 and game 0 of seed 8 are the same game under the same actions, but these actions differ.
    assert other != told
    env.close()


def test_the_ball_is_launched_as_the_config_says() -> None:
    def balls_seen(launch: str) -> list[bool]:
        env = make_vec_env(config(launch_ball=launch, n_envs=1))
        env.reset()
        seen = [bool(env.step(np.array([0]))[0][0, 0]) for _ in range(200)]
        env.close()
        return seen

    assert not any(balls_seen("never"))
    assert any(balls_seen("every_life")[:4]) and any(balls_seen("every_life")[120:])
    assert any(balls_seen("on_reset")[:4])


def test_the_rest_of_sb3s_contract() -> None:
    env = BreakoutVecEnv(config(n_envs=2))
    env.reset()
    assert env.get_attr("lives") == [5, 5] and env.get_attr("lives", [1]) == [5]
    assert env.get_attr("render_mode") == ["rgb_array", "rgb_array"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        env.get_attr("nothing")
    with pytest.raises(NotImplementedError):
        env.set_attr("lives", 3)
    assert env.env_method("get_action_meanings", indices=0) == [["NOOP", "FIRE", "RIGHT", "LEFT"]]
    assert env.env_is_wrapped(Monitor) == [True, True]
    assert [image.shape for image in env.get_images() if image is not None] == [(210, 160, 3)] * 2
    env.close()
    env.close()  # twice does no harm


def test_a_training_on_it_leaves_what_any_training_leaves(tmp_path: Path) -> None:
    small = parse_config(
        {
            "steps": 256,
            "env": {"vec_env": "fast", "n_envs": 4, "max_pool": False},
            "observation": {"kind": "both", "half": True, "frame_stack": 2},
            "policy": "MultiInputPolicy",
            "network": {"cnn": "nips", "net_arch": [16], "activation": "relu"},
            "ppo": {"n_steps": 32, "batch_size": 64, "n_epochs": 1},
            "evaluation": {"every": 256, "games": 1},
        }
    )
    run = train(small, tmp_path / "run", progress_bar=False)
    left = {path.name for path in run.iterdir()}
    assert {"config.yaml", "evaluations.csv", "last", "best", "agent.gif", "fast.monitor.csv"} <= left
    more = small.model_copy(update={"steps": 384})
    assert train(more, run, resume=True, progress_bar=False) == run


def test_an_id_that_draws_its_frame_skip_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"env.vec_env fast cannot draw a frame skip as env.id Breakout-v4 does; allowed: "
    ):
        config(id="Breakout-v4")


# Actions that are held for a whole stack of pictures


def held_config(**observation: Any) -> Config:
    return config(
        {"kind": "image", "half": True, **observation},
        id="ALE/Breakout-v5",
        n_envs=2,
        frame_skip=2,
        episodic_life=False,
    )


def test_held_actions_show_pictures_from_within_the_step() -> None:
    held = make_vec_env(held_config(frame_stack=3, frames_between=4), seed=3)
    single = make_vec_env(held_config(frame_stack=1), seed=3)
    assert held.observation_space.shape == (87, 72, 3)
    first = single.reset()
    np.testing.assert_array_equal(held.reset(), np.tile(first, 3))
    random = np.random.default_rng(0)
    for _ in range(30):  # too few for a game to end
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
        seen, rewards, dones, infos = held.step(np.array([2, 2]))
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


def test_a_held_step_counts_as_one_towards_a_stalled_game(monkeypatch) -> None:
    monkeypatch.setattr("rlbreakout.envs.make.STALLED_AFTER", 3)
    env = make_vec_env(held_config(frame_stack=3, frames_between=4), evaluation=True, n_envs=1, seed=0)
    env.reset()
    done, steps = False, 0
    while not done:
        _, _, (done,), (info,) = env.step(np.array([0]))
        steps += 1
    env.close()
    assert info["stalled"] and steps == 3


def test_drawn_frame_skips_are_all_drawn_and_the_ball_is_followed_through_them() -> None:
    env = make_vec_env(config(frame_skip=2, longest_frame_skip=5), seed=1)
    assert isinstance(env, BreakoutVecEnv)
    env.reset()
    names, length = [coordinate.name for coordinate in COORDINATES], 0
    known, seen, lengths = 0, 0, list[int]()
    for _ in range(300):
        observations, _, _, infos = env.step(np.zeros(3, dtype=int))
        length += 1
        if "episode" in infos[0]:
            lengths.append(infos[0]["episode"]["l"] / length)
            length = 0
        known += observations[:, names.index("ball_flight_known")].sum()
        seen += observations[:, names.index("ball_seen")].sum()
    env.close()
    assert lengths and all(3 < frames_a_step < 4 for frames_a_step in lengths)
    assert known / seen > 0.9


@pytest.mark.parametrize(
    "env", [{"frame_skip": 4, "longest_frame_skip": 3}, {"longest_frame_skip": 6, "vec_env": "dummy"}]
)
def test_drawn_frame_skips_are_refused_where_they_mean_nothing(env: dict) -> None:
    with pytest.raises(UserError, match=r"env\.longest_frame_skip is .; allowed: env\.frame_skip, which is 4, or more"):
        config(**env)


def test_a_game_with_all_points_is_over_in_training_too_and_costs_no_life() -> None:
    games = Games(config(lost_life_reward=-5, episodic_life=False), 2)
    games.reset([0, 1])
    for _ in range(3):
        games.step(np.array([NOOP, NOOP]))
    games.scores[0] = MOST_POINTS
    step = games.step(np.array([NOOP, NOOP]))
    assert step.dones.tolist() == [True, False] and step.rewards[0] == 0
    assert step.ends[0]["episode"] == {"r": 864, "l": 16} and not step.ends[0]["TimeLimit.truncated"]
    assert games.scores[0] == 0 and games.lives[0] == 5


def test_a_stalled_game_is_over_in_training_as_if_its_last_life_were_lost() -> None:
    games = Games(config(lost_life_reward=-5, episodic_life=False, stalled_after=7, launch_ball="never"), 2)
    games.reset([0, 1])
    steps = [games.step(np.array([NOOP, NOOP])) for _ in range(14)]
    assert [number for number, step in enumerate(steps, 1) if step.dones.all()] == [7, 14]
    assert [step.rewards.tolist() for step in steps] == [[-5, -5] if step.dones.all() else [0, 0] for step in steps]
    assert steps[6].ends[1]["episode"]["r"] == 0 and not steps[6].ends[1]["TimeLimit.truncated"]
    assert games.lives.tolist() == [5, 5]


def test_a_game_stalls_only_after_so_many_steps_without_a_point() -> None:
    patience, n = 120, 8
    games = Games(config(episodic_life=False, clip_reward=False, stalled_after=patience), n)
    games.reset(list(range(n)))
    random = np.random.default_rng(0)
    quiet, length = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    quiet_at_ends, lengths = list[int](), list[int]()
    for _ in range(600):
        step = games.step(random.integers(4, size=n))
        quiet, length = np.where(step.rewards > 0, 0, quiet + 1), length + 1
        assert step.dones[quiet >= patience].all()
        quiet_at_ends += quiet[step.dones].tolist()
        lengths += length[step.dones].tolist()
        quiet[step.dones] = length[step.dones] = 0
    assert max(quiet_at_ends) == patience > min(quiet_at_ends)
    assert max(lengths) > patience


@pytest.mark.parametrize("driver", ["dummy", "subproc"])
def test_ending_stalled_games_is_refused_where_nobody_does_it(driver: str) -> None:
    with pytest.raises(UserError, match=rf"env\.stalled_after is 7 with env\.vec_env {driver}; allowed: null, or"):
        config(stalled_after=7, vec_env=driver)


def test_gymnasiums_training_games_end_with_all_points_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.wrappers.MOST_POINTS", 1)
    env = make_vec_env(config(vec_env="dummy", n_envs=1, episodic_life=False, clip_reward=False), seed=0)
    env.reset()
    random = np.random.default_rng(0)
    for _ in range(3_000):
        _, rewards, dones, infos = env.step(random.integers(4, size=1))
        if rewards[0]:
            break
    assert dones[0] and infos[0]["episode"]["r"] == rewards[0] > 0 and not infos[0]["TimeLimit.truncated"]


def randomized(**values: Any) -> Config:
    return config().model_copy(update={"randomize": RandomizeConfig(**values)})


def test_a_randomized_game_is_the_one_with_the_other_values() -> None:
    other = {"least_sticky": 0.5, "most_sticky": 0.5, "shortest_frame_skip": 5, "longest_frame_skip": 5}
    envs = [
        make_vec_env(settings, seed=2)
        for settings in (randomized(share=1, **other), config(repeat_action_probability=0.5, frame_skip=5), config())
    ]
    seen, random, equal = [env.reset() for env in envs], np.random.default_rng(0), [0, 0]
    for _ in range(300):
        actions = random.integers(4, size=3)
        seen = [env.step(actions)[0] for env in envs]
        equal = [count + same(seen[0], screen) for count, screen in zip(equal, seen[1:], strict=True)]
    for env in envs:
        env.close()
    assert equal[0] == 300 and equal[1] < 30


def test_a_share_of_the_games_is_randomized_and_holds_actions_as_long_as_was_drawn_for_the_game() -> None:
    games = Games(randomized(share=0.5), 40)
    games.reset(list(range(40)))
    skips: list[dict[int, int]] = [{} for _ in range(40)]
    begun = np.zeros(40, dtype=int)
    for step in range(1, 500):
        for game, end in games.step(np.zeros(40, dtype=int)).ends.items():
            if "episode" in end:
                skip = -(-end["episode"]["l"] // (step - begun[game]))
                skips[game][skip] = skips[game].get(skip, 0) + 1
                begun[game] = step
    assert all(skips) and set().union(*skips) == {3, 4, 5}
    as_configured = [game for game in skips if set(game) == {4}]
    assert 10 <= len(as_configured) <= 30  # 20 of 40, and few of the others that drew 4 each time


@pytest.mark.parametrize(
    ("env", "values", "told"),
    [
        ({"vec_env": "dummy"}, {"share": 0.5}, "randomize.share is 0.5 with env.vec_env dummy; allowed: 0, or"),
        ({"longest_frame_skip": 6}, {"share": 0.5}, "env.longest_frame_skip is 6 with randomize.share 0.5; allowed:"),
        (
            {},
            {"least_sticky": 0.6},
            "randomize.least_sticky is 0.6; allowed: up to randomize.most_sticky, which is",
        ),
        ({}, {"longest_frame_skip": 2}, "randomize.shortest_frame_skip is 3; allowed: up to randomize.longest_frame"),
    ],
)
def test_other_values_are_refused_where_they_mean_nothing(env: dict, values: dict, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        parse_config({**config(**env).model_dump(), "randomize": values})
