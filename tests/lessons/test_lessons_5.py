"""Lesson 5, and what it leaves."""

from typing import Any

from PIL import Image

from rlbreakout.config import load_config
from tests.conftest import ROOT
from tests.lesson_runs import assert_a_trained_run, assert_moves, facts, run_lesson, saved_at


def test_5_1_plays_remembers_and_learns(lesson) -> None:
    folder, output = lesson("5.1_value_agent")
    # -10 after the end of a game of six steps: 0.95 x -10 in its last one.
    assert "rewards 0 1 0 0 1 0 -> returns -5.59 -5.88 -7.24 -7.62 -8.02 -9.50" in output
    summary = facts(folder)
    assert summary["updates"] >= 1 and 0 < summary["remembered"] <= summary["training_games"]
    assert abs(sum(summary["choices"].values()) - 1) < 1e-6
    assert (folder / "agent.gif").exists() and (folder / "curve.png").exists()


def test_5_1_has_the_published_settings() -> None:
    config = load_config(ROOT / "configs" / "5.1_value_agent.yaml")
    env, seen, value = config.env, config.observation, config.value
    assert (env.id, env.frame_skip, env.repeat_action_probability) == ("ALE/Breakout-v5", 1, 0)
    assert (seen.mode, seen.trim, seen.half, seen.frame_stack, seen.frames_between) == ("grey_1dim", "keep", True, 4, 4)
    network = value.network
    assert (network.channels, network.kernels, network.strides) == ([32, 64, 64], [8, 4, 3], [4, 2, 1])
    assert (network.hidden, value.optimizer.name) == ([128], "adam")
    assert (value.optimizer.learning_rate, value.optimizer.eps) == (6.25e-5, 1.5e-4)
    assert (value.discount, value.gamma, value.gradient_clamp, value.punishment) == (0.95, 0.99, 1, -10)
    assert (value.batch_size, value.train_every, value.start_training) == (32, 4, 250)
    assert (value.exploration.initial, value.exploration.minimum) == (1.0, 0.01)
    assert (value.memory, value.memory_size, value.games_a_point, value.target_reset) == ("games", 250, 1000, 2000)
    assert config.frames_a_step == 16


def test_5_2_gives_every_variant_the_same_frames(lesson) -> None:
    folder, output = lesson("5.2_what_went_wrong")
    variants = ("published", "transitions", "all")
    configs = {name: load_config(folder / name / "config.yaml") for name in variants}
    frames = {name: config.steps * config.frames_a_step for name, config in configs.items()}
    assert frames == dict.fromkeys(variants, 4096)
    assert [configs[name].value.memory for name in variants] == ["games", "transitions", "transitions"]
    assert_a_trained_run(folder / "all")
    assert set(facts(folder)["results"]) == set(variants) and all(name in output for name in variants)


def test_5_3_shows_q_values_beside_the_game_and_continues_where_it_was(lesson) -> None:
    folder, _ = lesson("5.3_dqn")
    assert_a_trained_run(folder)
    assert_moves(folder / "q_values.gif")
    with Image.open(folder / "q_values.gif") as gif:
        assert gif.size == (2 * (160 + 174 + 150), 2 * 210)  # screen, the agent's view as tall, four bars
    trained = saved_at(folder)
    run_lesson("5.3_dqn", folder)
    assert saved_at(folder) == trained and [path.name for path in folder.parent.iterdir()] == ["5.3_dqn"]


def test_5_4_trains_four_algorithms_on_the_same_screens(lesson) -> None:
    folder, output = lesson("5.4_on_policy_off_policy")
    results: dict[str, Any] = facts(folder)["results"]
    assert list(results) == ["ours", "dqn", "qrdqn", "ppo"]
    assert all(result["minutes"] > 0 and result["games"] == 1 for result in results.values())
    seen = {load_config(folder / name / "config.yaml").observation.model_dump_json() for name in results}
    assert len(seen) == 1
    assert (folder / "steps.png").exists() and (folder / "minutes.png").exists()
    done = {name: (folder / name / "agent.gif").stat().st_mtime_ns for name in results}
    run_lesson("5.4_on_policy_off_policy", folder)
    assert {name: (folder / name / "agent.gif").stat().st_mtime_ns for name in results} == done
    assert "on-policy: SB3's PPO" in output
