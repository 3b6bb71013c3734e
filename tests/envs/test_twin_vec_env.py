"""TwinVecEnv against gymnasium's environments of the emulator, SB3's contract, and what only it can do."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.monitor import Monitor

from rlbreakout.agents import build_algorithm
from rlbreakout.breakout.draw import draw_rgb
from rlbreakout.breakout.rules import FIRE, KNOB_START, LAST_FRAME, LEFT, NONE, PIXEL, RIGHT
from rlbreakout.common.errors import UserError
from rlbreakout.config import BLOCK_NAMES, Config, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.envs.starts import LATE_BRICKS, SAVE_EVERY
from rlbreakout.envs.twin_vec_env import STALLED_REWARD, TwinVecEnv
from rlbreakout.evaluation.plots import read_games
from tests.envs.twin_and_emulator import (
    LONG,
    compare,
    config,
    in_the_emulator,
    make_emulator_env,
    same,
    seed_like_the_twin,
)
from tests.players import Player

SMALL = {"kind": "image", "half": True, "frame_stack": 2}
BLOCKS = {"kind": "coordinates", "blocks": ["now", "arrival"], "frame_stack": 1}
AIMBOT = {"kind": "image", "half": True, "aimbot": True, "counters": True, "mode": "grey_1dim", "frame_stack": 3}
COORDINATES = {"kind": "coordinates", "blocks": [*BLOCK_NAMES], "frame_stack": 2}
BOTH = {"kind": "both", "mode": "3col", "trim": "whiten", "frame_stack": 1}
POINTS = {"episodic_life": False, "clip_reward": False}

CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"kind": "rgb", "frame_stack": 1}, {"noop_max": 30}),
    ({"kind": "warp", "frame_stack": 4}, {"id": "BreakoutNoFrameskip-v4", "launch_ball": "on_reset"}),
    (AIMBOT, {"max_pool": False, "noop_max": 5, "lost_life_reward": -0.5}),
    (AIMBOT, {"id": "Breakout-v4", "max_pool": False, "noop_max": 0}),
    (BOTH, {**POINTS, "max_pool": False, "frame_skip": 3, "lost_life_reward": -2}),
    (SMALL, {**POINTS, "launch_ball": "never", "noop_max": 0}),
    (SMALL, {"frame_skip": 1, "noop_max": 5}),
    (SMALL, {"frame_skip": 2, "max_pool": False, "launch_ball": "on_reset"}),
    (SMALL, {"frame_skip": 6, "launch_ball": "on_reset", "lost_life_reward": -1}),
    (SMALL, {"id": "Breakout-v4", "noop_max": 100}),
    (SMALL, {"id": "Breakout-v4", "launch_ball": "on_reset", **POINTS}),
    ({**SMALL, "frames_between": 4}, {"noop_max": 0, "frame_skip": 2}),
]


@pytest.mark.parametrize(("observation", "env"), CASES, ids=range(len(CASES)))
def test_it_plays_as_the_emulator_does(observation: dict, env: dict) -> None:
    lives_end_episodes = env.get("episodic_life", True)
    frames, random = (480, [1.0, 0.4]) if lives_end_episodes else (1_200, 1.0)
    result = compare(config(observation, **env), frames // env.get("frame_skip", 4), random=random, until_games=1)
    assert not result.differing, result.first
    assert result.episodes > 0


@pytest.mark.long
@pytest.mark.parametrize("settings", LONG.values(), ids=LONG)
def test_it_plays_long_games_as_the_emulator_does(settings: Config) -> None:
    result = compare(settings, 5_000, random=[0.02, 0.3])
    assert not result.differing, result.first
    assert result.scores


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("launch", ["every_life", "on_reset"])
def test_a_game_with_all_points_ends_as_in_the_emulator(pool: bool, launch: str, monkeypatch) -> None:
    for module in ("wrappers", "envs.twin_vec_env"):
        monkeypatch.setattr(f"rlbreakout.{module}.MOST_POINTS", 3)
    settings = config(SMALL, max_pool=pool, launch_ball=launch, lost_life_reward=-2, clip_reward=False)
    result = compare(settings, 300, random=0.0, until_games=2)
    assert not result.differing, result.first
    assert result.scores == (3, 3) and not result.truncated


@pytest.mark.parametrize(("observation", "env"), [CASES[1], CASES[2], CASES[5], CASES[9]], ids=range(4))
def test_evaluation_plays_as_in_the_emulator(observation: dict, env: dict) -> None:
    result = compare(config(observation, **env), 300, random=1.0, evaluation=True, until_games=1)
    assert not result.differing, result.first
    assert result.episodes == result.games > 0


def test_evaluation_ends_games_with_all_points_and_stalled_ones_as_in_the_emulator(monkeypatch) -> None:
    for module in ("wrappers", "envs.twin_vec_env"):
        monkeypatch.setattr(f"rlbreakout.{module}.MOST_POINTS", 3)
    for module in ("envs.make", "envs.twin_vec_env"):
        monkeypatch.setattr(f"rlbreakout.{module}.STALLED_AFTER", 70)
    result = compare(config(SMALL), 400, random=[0.0, 1.0], evaluation=True, until_games=6)
    assert not result.differing, result.first
    assert result.scores.count(3) > 0 and result.stalled == result.truncated > 0


def test_evaluation_of_another_id_plays_as_that_id() -> None:
    result = compare(config(SMALL, frame_skip=2), 120, random=1.0, evaluation=True, env_id="Breakout-v4")
    assert not result.differing, result.first


def test_seeds_set_anew_begin_the_games_that_the_emulator_begins() -> None:
    settings = config(SMALL, noop_max=100, **POINTS)
    twin, emulator = make_vec_env(settings, seed=1), make_vec_env(in_the_emulator(settings), seed=1)
    for seed in (7, 7, None, 8):
        if seed is not None:
            twin.seed(seed)
            seed_like_the_twin(emulator, seed)
        elif not same(twin.reset(), emulator.reset()):
            raise AssertionError("further games of the same seed")
        assert same(twin.reset(), emulator.reset())
        infos, others = (env.step(np.array([FIRE, LEFT]))[3] for env in (twin, emulator))
        for name in ("episode_frame_number", "frame_number"):
            assert [info[name] for info in infos] == [info[name] for info in others]
    twin.close()
    emulator.close()


# Sticky actions


def executed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What games did in a frame, as far as it made a difference."""
    launched = (before["ball_y"] < PIXEL) & (after["ball_y"] >= PIXEL)
    turned = np.sign(after["knob"].astype(int) - before["knob"])
    return np.select([launched, turned < 0, turned > 0], [FIRE, RIGHT, LEFT], NONE)


def test_with_sticky_actions_it_plays_as_the_emulator_plays_what_was_executed() -> None:
    settings = config(SMALL, frame_skip=1, launch_ball="never", repeat_action_probability=0.4)
    twin = make_vec_env(settings, seed=2)
    not_sticky = settings.env.model_copy(update={"repeat_action_probability": 0.0})
    emulator = make_emulator_env(in_the_emulator(settings.model_copy(update={"env": not_sticky})), seed=2)
    assert same(twin.reset(), emulator.reset())
    random, lost, differed = np.random.default_rng(0), 0, 0
    for _ in range(500):
        before = twin.unwrapped.states  # type: ignore[attr-defined]
        sent = random.integers(4, size=2)
        seen, rewards, dones, infos = twin.step(sent)
        done = executed(before, twin.unwrapped.states)  # type: ignore[attr-defined]
        differed += int((done != sent).sum())
        its_seen, its_rewards, its_dones, its_infos = emulator.step(done)
        assert (
            same(seen, its_seen) and rewards.tolist() == its_rewards.tolist() and dones.tolist() == its_dones.tolist()
        )
        assert [info["lives"] for info in infos] == [info["lives"] for info in its_infos]
        lost += dones.sum()
    assert lost >= 2 and differed > 300
    twin.close()
    emulator.close()


@pytest.mark.parametrize("sticky", [0.0, 0.25, 0.6, 1.0])
def test_as_many_frames_repeat_the_action_before_as_the_config_says(sticky: float) -> None:
    settings = {"frame_skip": 1, "launch_ball": "never", "noop_max": 0, "n_envs": 50}
    env = twin(config(BLOCKS, **settings, repeat_action_probability=sticky))
    env.reset()
    before, repeats, chances = np.full(50, NONE), 0, 0
    for frame in range(200):
        sent, states = (RIGHT, LEFT)[frame % 2], env.states
        env.step(np.full(50, sent))
        done = executed(states, env.states)
        repeats += ((done == before) & (before != sent)).sum()
        chances += (before != sent).sum()
        before = done
    assert abs(repeats / chances - sticky) < 0.02 if 0 < sticky < 1 else repeats / chances == sticky


def test_ids_have_the_stickiness_that_ale_py_registers() -> None:
    knobs = []
    for name in ("ALE/Breakout-v5", "BreakoutNoFrameskip-v4"):
        usual = {"repeat_action_probability": None, "launch_ball": "never", "max_pool": False, "n_envs": 30}
        env = twin(config(BLOCKS, id=name, **usual))
        env.reset()
        for action in (LEFT, RIGHT) * 5:
            env.step(np.full(30, action))
        knobs.append(env.states["knob"])
    assert len(set(knobs[0].tolist())) > 5 and set(knobs[1].tolist()) == {KNOB_START}


# The end of a game


def twin(settings: Config, **how: Any) -> TwinVecEnv:
    return TwinVecEnv(settings, **how)


@pytest.mark.parametrize(
    ("env", "evaluation", "length", "frames"),
    [
        ({"max_pool": False, "launch_ball": "never"}, False, 1_093, 65_580),  # the emulator holds an action to its end
        ({"launch_ball": "never"}, False, LAST_FRAME, LAST_FRAME),
        ({"max_pool": False, "launch_ball": "never", "noop_max": 1}, False, 1_093, 65_581),
        ({"repeat_action_probability": 1.0}, True, 1_093, 65_580),  # the ball is never launched
    ],
)
def test_a_game_ends_when_the_clock_runs_over(env: dict, evaluation: bool, length: int, frames: int) -> None:
    # With these numbers of frames it ends in the emulator, too, which takes minutes.
    games = twin(config(SMALL, frame_skip=60, **{"noop_max": 0, **env}), evaluation=evaluation)
    games.reset()
    for _ in range(LAST_FRAME // 60):
        _, _, dones, infos = games.step(np.zeros(2, dtype=int))
        assert not dones.any()
    last, _, dones, infos = games.step(np.zeros(2, dtype=int))
    for info in infos:
        assert info["TimeLimit.truncated"] and info["lives"] == 5 and info["episode_frame_number"] == frames
        assert info["episode"]["r"] == 0 and info["episode"]["l"] == length and not info["episode"].get("stalled")
        assert info["terminal_observation"].shape == last[0].shape
    assert dones.all() and (games.states["clock"] == env.get("noop_max", 0)).all() and games.scores.tolist() == [0, 0]
    _, _, dones, infos = games.step(np.zeros(2, dtype=int))
    assert not dones.any() and not infos[0]["TimeLimit.truncated"]


@pytest.mark.parametrize("launch_ball", ["never", "every_life"])
def test_each_step_of_a_stalled_training_game_costs(launch_ball: str) -> None:
    """Where no ball is ever launched. Where balls are launched and lost, each lost life begins a new count."""
    games = twin(config(SMALL, launch_ball=launch_ball, stalled_after=100, noop_max=0), seed=0)
    games.reset()
    seen = [games.step(np.full(2, NONE)) for _ in range(150)]
    costs = np.array([rewards[0] < 0 for _, rewards, _, _ in seen])
    if launch_ball == "never":
        assert np.flatnonzero(costs).tolist() == list(range(99, 150))
        assert not any(dones.any() for _, _, dones, _ in seen)
        assert seen[-1][1].tolist() == [np.float32(STALLED_REWARD)] * 2
    else:
        assert min(infos[0]["lives"] for _, _, _, infos in seen) < 4 and not costs.any()


def test_a_lost_game_begins_anew_with_a_new_wall_and_all_lives() -> None:
    games = twin(config(SMALL, **POINTS), seed=5)
    games.reset()
    random, ends = np.random.default_rng(0), 0
    while ends < 4:
        before = games.states
        _, rewards, dones, infos = games.step(random.integers(4, size=2))
        for game in np.flatnonzero(dones).tolist():
            ends += 1
            assert infos[game]["lives"] == 0 and not infos[game]["TimeLimit.truncated"]
            assert infos[game]["episode"]["r"] == before["score"][game] + rewards[game]
            state = games.states[game]
            assert state["lives"] == 5 and state["score"] == 0 and state["bricks"].all()
            assert 1 <= state["clock"] <= 30 and state["knob"] == KNOB_START


# SB3's contract


def test_the_rest_of_sb3s_contract() -> None:
    env = twin(config(SMALL))
    env.reset()
    assert env.get_attr("lives") == [5, 5] and env.get_attr("lives", [1]) == [5] and env.get_attr("scores") == [0, 0]
    assert [state["lives"][0] for state in env.get_attr("states")] == [5, 5]
    assert env.get_attr("render_mode") == ["rgb_array", "rgb_array"]
    for hidden in ("nothing", "_states"):
        with pytest.raises(AttributeError, match=f"no attribute '{hidden}'"):
            env.get_attr(hidden)
    with pytest.raises(NotImplementedError):
        env.set_attr("lives", 3)
    assert env.env_method("get_action_meanings", indices=0) == [["NOOP", "FIRE", "RIGHT", "LEFT"]]
    with pytest.raises(AttributeError, match="no method 'jump'"):
        env.env_method("jump")
    assert env.env_is_wrapped(Monitor) == [True, True]
    assert env.env_is_wrapped(gym.wrappers.RecordVideo, [0]) == [False]
    assert np.array_equal(np.stack(env.get_images()), draw_rgb(env.states))  # type: ignore[arg-type]
    assert env.observation_space == make_vec_env(config({**SMALL, "frame_stack": 1}, vec_env="dummy")).observation_space
    env.close()
    env.close()  # twice does no harm


@pytest.mark.parametrize("actions", [[1], [1, 4], [-1, 0], [0.5, 1.0], [[1, 1]], [1, 1, 1]])
def test_actions_that_are_none_are_refused(actions: list) -> None:
    env = twin(config(SMALL))
    env.reset()
    with pytest.raises(UserError, match="allowed: 2 whole numbers from 0 to 3"):
        env.step(np.array(actions))


def test_states_are_a_copy() -> None:
    env = twin(config(SMALL))
    env.reset()
    env.states["lives"] = 1
    env.get_attr("states")[0]["lives"] = 1
    assert env.lives.tolist() == [5, 5]


@pytest.mark.parametrize("observation", [SMALL, BLOCKS, {"kind": "rgb"}], ids=["image", "blocks", "rgb"])
def test_what_was_observed_stays_as_it_was(observation: dict) -> None:
    env = twin(config(observation, max_pool=False), seed=0)
    shown = [env.reset()]
    copies, ends = [shown[0].copy()], 0
    random = np.random.default_rng(0)
    for _ in range(120):
        seen, rewards, dones, infos = env.step(random.integers(4, size=2))
        shown += [seen, rewards, dones]
        copies += [seen.copy(), rewards.copy(), dones.copy()]
        for game in np.flatnonzero(dones).tolist():
            ends += 1
            shown.append(infos[game]["terminal_observation"])
            copies.append(shown[-1].copy())
    assert ends and all(same(part, copy) for part, copy in zip(shown, copies, strict=True))


def play(env: Any, steps: int, n: int | None = None, seed: int = 0) -> tuple[list, list[dict]]:
    """What the first n games show, with the actions of as many, and the games that ended."""
    n = n or env.num_envs
    told, ends = [env.reset()[:n].tolist()], []
    draws = [np.random.default_rng([seed, game]) for game in range(env.num_envs)]
    for _ in range(steps):
        seen, rewards, dones, infos = env.step(np.array([draw.integers(4) for draw in draws]))
        told.append((seen[:n].tolist(), rewards[:n].tolist(), dones[:n].tolist()))
        ends += [info["episode"] for info in infos if "episode" in info]
    return told, ends


VARIED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"id": "ALE/Breakout-v5", "repeat_action_probability": None}, {}),
    ({"longest_frame_skip": 7, "launch_ball": "on_reset", "frame_skip": 3}, {}),
    ({"repeat_action_probability": 0.3}, {"share": 0.5, "dropped_screens": 0.3, "other_colours": True}),
]


def varied(env: dict[str, Any], randomize: dict[str, Any], **more: Any) -> Config:
    data = config(BLOCKS, **{"max_pool": False, **env, **more}).model_dump()
    return parse_config({**data, "randomize": randomize})


@pytest.mark.parametrize(("env", "randomize"), VARIED)
def test_a_seed_means_the_same_games_however_many_are_played_beside_them(env: dict, randomize: dict) -> None:
    few, many = (play(twin(varied(env, randomize, n_envs=n), seed=4), 250, n=3)[0] for n in (3, 11))
    assert few == many
    other = play(twin(varied(env, randomize, n_envs=3), seed=40), 250)[0]
    assert few != other


@pytest.mark.parametrize(("env", "randomize"), VARIED)
def test_a_seed_that_is_set_anew_plays_its_games_again(env: dict, randomize: dict) -> None:
    games = twin(varied(env, randomize, n_envs=6), seed=1)
    first = play(games, 150)[0]
    games.seed(2)
    second = play(games, 150)[0]
    games.seed(1)
    assert first == play(games, 150)[0] != second
    assert second == play(twin(varied(env, randomize, n_envs=6), seed=2), 150)[0]


def test_finished_games_are_written_to_a_monitor_file(tmp_path: Path) -> None:
    env = make_vec_env(config(BLOCKS, max_pool=False), seed=1, monitor_dir=tmp_path)
    ends = play(env, 300)[1]
    env.close()
    games = read_games(tmp_path)
    assert games.scores.tolist() == [end["r"] for end in ends] and len(ends) >= 2
    assert games.lengths.tolist() == [end["l"] for end in ends]
    assert [path.name for path in tmp_path.iterdir()] == ["twin.monitor.csv"]


def test_ppo_learns_the_same_byte_for_byte_from_the_same_seed() -> None:
    # With as many threads of torch: more of them add the same numbers up in another order.
    data = config({**BLOCKS, "blocks": list(BLOCK_NAMES)}, max_pool=False, n_envs=8, lost_life_reward=-1).model_dump()
    ppo, network = {"n_steps": 32, "batch_size": 64, "n_epochs": 1}, {"net_arch": [16]}

    def learned(seed: int, updates: int) -> dict[str, bytes]:
        settings = parse_config({**data, "seed": seed, "ppo": ppo, "network": network})
        model = build_algorithm(settings, make_vec_env(settings))
        model.learn(updates * 8 * 32)
        return {name: part.numpy().tobytes() for name, part in model.policy.state_dict().items()}

    once = learned(5, 2)
    assert once == learned(5, 2)
    for other in (learned(5, 1), learned(6, 2)):
        assert all(part != once[name] for name, part in other.items())


# What only many games together have


def test_games_begin_so_many_steps_before_a_life_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, n = 20, 6
    monkeypatch.setattr("rlbreakout.envs.starts.FAILURE_STEPS", steps)
    data = config(BLOCKS, max_pool=False, n_envs=n, noop_max=0, **POINTS).model_dump()
    env = twin(parse_config({**data, "starts": {"failure": 0.8}}), seed=3)
    env.reset()
    random, history, allowed, begun, kinds = np.random.default_rng(0), [env.states], set[bytes](), 0, list[str]()
    for _ in range(1_500):
        before = env.lives
        _, _, dones, infos = env.step(random.integers(4, size=n))
        lost = dones | (env.lives < before)
        for game in np.flatnonzero(lost).tolist():
            back = range(steps, steps + SAVE_EVERY + 1)
            allowed |= {history[-many][game].tobytes() for many in back if many <= len(history)}
        for game in np.flatnonzero(dones).tolist():
            begun += env.states[game]["clock"] > 0
            assert env.states[game]["clock"] == 0 or env.states[game].tobytes() in allowed
            kinds.append(infos[game]["start"])
            report = infos[game]["episode" if kinds[-1] == "fresh" else "part_of_a_game"]
            assert ("episode" in infos[game]) == (kinds[-1] == "fresh") and report["l"] > 0
        history.append(env.states)
    assert begun > 20 and 0.6 < kinds.count("failure") / len(kinds) < 0.95 and set(kinds) == {"failure", "fresh"}


def test_games_begin_with_few_bricks_and_at_the_second_wall(tmp_path: Path) -> None:
    n = 20
    data = config(BLOCKS, max_pool=False, n_envs=n, **POINTS).model_dump()
    starts = {"late": 0.5, "second_wall": 0.5}
    env = twin(parse_config({**data, "starts": starts}), seed=3, monitor_file=tmp_path / "twin")
    env.reset()
    player, late, second, whole, parts = Player(n, random=0.03), 0, 0, 0, 0
    before = env.scores
    for _ in range(3_500):
        _, rewards, dones, infos = env.step(player.act(env.states))
        for game in np.flatnonzero(dones).tolist():
            start = infos[game]["start"]
            whole, parts = whole + (start == "fresh"), parts + (start != "fresh")
            score, state = before[game] + rewards[game], env.states[game]
            if start == "fresh":
                assert infos[game]["episode"]["r"] == score
            else:
                assert 0 <= infos[game]["part_of_a_game"]["r"] < score
            if state["score"] > 0:
                assert state["ball_y"] >= PIXEL
                if state["score"] >= 432 and state["score"] % 432 < 100:
                    second += 1
                else:
                    late += 1
                    assert 0 < state["bricks"].sum() <= LATE_BRICKS
        before = env.scores
    env.close()
    assert late > 0 < second and len(read_games(tmp_path).scores) == whole > 0 < parts


@pytest.fixture
def randomizes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what randomized games draw from: `sticky` and `frame_skips`."""

    def draw_from(**values: tuple[float, ...]) -> None:
        for name, drawn in values.items():
            monkeypatch.setattr(f"rlbreakout.envs.twin_vec_env.RANDOM_{name.upper()}", drawn)

    return draw_from


def test_a_randomized_game_is_the_one_with_the_other_values(randomizes: Callable[..., None]) -> None:
    randomizes(sticky=(0.5,), frame_skips=(5,))
    same_env = {"max_pool": False, "n_envs": 3}
    envs = [
        twin(settings, seed=2)
        for settings in (
            varied({}, {"share": 1}, **same_env),
            varied({"repeat_action_probability": 0.5, "frame_skip": 5}, {}, **same_env),
            varied({}, {}, **same_env),
        )
    ]
    one, two, usual = (play(env, 200)[0] for env in envs)
    assert one == two != usual


def frames_of_steps(env: Any, steps: int) -> list[list[int]]:
    """For each game, how many frames each step had, without those in which an episode ended."""
    env.reset()
    played: list[list[int]] = [[] for _ in range(env.num_envs)]
    before = None
    for _ in range(steps):
        _, _, dones, infos = env.step(np.zeros(env.num_envs, dtype=int))
        now = [info["episode_frame_number"] for info in infos]
        for game in range(env.num_envs):
            if before is not None and not dones[game] and before[game] is not None:
                played[game].append(now[game] - before[game])
        before = [None if done else number for done, number in zip(dones, now, strict=True)]
    return played


def test_drawn_frame_skips_are_all_drawn_alike_but_not_in_evaluation() -> None:
    settings = varied({"frame_skip": 2, "longest_frame_skip": 5}, {}, n_envs=8)
    drawn = np.concatenate(frames_of_steps(twin(settings, seed=1), 200))
    shares = [np.mean(drawn == frames) for frames in (2, 3, 4, 5)]
    assert sum(shares) == 1 and min(shares) > 0.2
    assert set(np.concatenate(frames_of_steps(twin(settings, evaluation=True), 30))) == {2}


def test_a_share_of_the_games_is_randomized_and_draws_how_long_it_holds_actions_for_each_game() -> None:
    played = frames_of_steps(twin(varied({}, {"share": 0.5}, n_envs=60), seed=1), 700)
    skips = [set(frames) for frames in played]
    assert set().union(*skips) == {3, 4, 5}
    assert 18 <= sum(skip == {4} for skip in skips) <= 42
    changes = [sum(one != other for one, other in pairwise(game)) for game in played]
    assert max(changes) < 20  # drawn once a game, not in every step


def test_half_of_the_randomized_games_are_not_sticky_and_half_are(randomizes: Callable[..., None]) -> None:
    randomizes(frame_skips=(1,))
    env = twin(varied({"launch_ball": "never", "noop_max": 0}, {"share": 1.0}, n_envs=60))
    env.reset()
    exact = np.ones(60, dtype=bool)
    for frame in range(40):
        before, sent = env.states, (RIGHT, LEFT)[frame % 2]
        env.step(np.full(60, sent))
        exact &= executed(before, env.states) == sent
    assert 18 <= exact.sum() <= 42


@pytest.mark.parametrize("observation", [{"kind": "image", "frame_stack": 1}, BLOCKS], ids=["image", "blocks"])
def test_dropped_screens_show_again_what_was_seen_before(observation: dict, randomizes: Callable[..., None]) -> None:
    randomizes(frame_skips=(4,))

    def seen(dropped: float) -> list:
        data = config(observation, max_pool=False).model_dump()
        env = twin(parse_config({**data, "randomize": {"share": 1, "dropped_screens": dropped}}), seed=1)
        shown, random = [(env.reset(), np.ones(2, dtype=bool))], np.random.default_rng(0)
        for _ in range(250):
            screens, _, dones, _ = env.step(random.integers(1, 4, size=2))
            shown.append((screens, dones))
        return shown

    lossy, whole, dropped, moved = seen(0.4), seen(0.0), 0, 0
    for step in range(1, len(whole)):
        for game in range(2):
            now, before, real = lossy[step][0][game], lossy[step - 1][0][game], whole[step][0][game]
            assert lossy[step][1][game] == whole[step][1][game]
            if lossy[step][1][game]:
                assert same(now, real)  # an episode begins with what is really there
            elif not same(real, whole[step - 1][0][game]):
                moved += 1
                dropped += not same(now, real)
                assert same(now, real) or same(now, before)
    assert moved > 250 and 0.3 < dropped / moved < 0.45


@pytest.mark.parametrize("observation", [{"kind": "rgb"}, {"kind": "image", "mode": "grey_1dim"}], ids=["rgb", "grey"])
def test_other_colours_show_half_of_the_randomized_games_as_their_negative(
    observation: dict, randomizes: Callable[..., None]
) -> None:
    randomizes(sticky=(0.0,), frame_skips=(4,))

    def seen(other: bool) -> np.ndarray:
        data = config({**observation, "frame_stack": 1}, n_envs=30, max_pool=False, noop_max=0).model_dump()
        env = twin(parse_config({**data, "randomize": {"share": 1, "other_colours": other}}))
        env.reset()
        return [env.step(np.ones(30, dtype=int))[0] for _ in range(10)][-1]

    usual, other = seen(False).astype(int), seen(True).astype(int)
    lit = (usual > 0).any(axis=-1, keepdims=True)
    negative = np.where(lit, np.maximum(255 - usual, 1), usual)
    is_usual, is_negative = ((other == which).all(axis=(1, 2, 3)) for which in (usual, negative))
    assert (is_usual ^ is_negative).all() and 8 <= is_negative.sum() <= 22


def test_evaluation_is_never_randomized_and_begins_at_the_start() -> None:
    settings = varied({}, {"share": 1.0, "dropped_screens": 0.5}, n_envs=3)
    plain = varied({}, {}, n_envs=3)
    one, two = (play(twin(each, seed=1, evaluation=True), 200) for each in (settings, plain))
    assert one[0] == two[0] and one[1]


def test_evaluation_drops_screens_and_changes_colours_if_told_so() -> None:
    data = config({"kind": "rgb", "frame_stack": 1}, noop_max=0).model_dump()
    evaluations = ({"dropped_screens": 1.0}, {"other_colours": True}, {})
    envs = [twin(parse_config({**data, "evaluation": told}), evaluation=True) for told in evaluations]
    first = [env.reset() for env in envs]
    last = [[env.step(np.ones(2, dtype=int))[0] for _ in range(8)][-1] for env in envs]
    assert same(first[0], last[0]) and not same(first[2], last[2])
    lit = last[2].any(axis=-1)
    assert (last[1][lit] == np.maximum(255 - last[2][lit], 1)).all() and not last[1][~lit].any()
