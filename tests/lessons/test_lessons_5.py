"""Lesson 5, run as a learner runs it, and what it leaves."""

import json
from typing import Any

import pytest
from PIL import Image

from rlbreakout.config import ValueConfig, load_config
from tests.conftest import ROOT, SCRIPTS, run_command
from tests.lesson_runs import TRAIN, assert_a_trained_run, assert_moves


def test_5_1_trains_the_published_agent_and_explains_every_parameter(lesson) -> None:
    folder, output = lesson("5.1_value_agent", *TRAIN["5.1_value_agent"])
    for name, field in ValueConfig.model_fields.items():
        if not hasattr(field.default_factory, "model_fields"):
            assert f"value.{name}: " in output and " ".join(str(field.description).split()) in output
    # -10 after the end of a game of six steps: 0.95 x -10 at its last one.
    rows = [line.split() for line in output.splitlines()]
    assert ["0", "-9.50", "-1.66"] in rows and ["0", "-5.59", "1.31"] in rows
    assert_a_trained_run(folder, tag="time/fps")
    columns = "steps,games,score,epsilon,loss,q,updates,steps_per_second\n"
    assert (folder / "metrics.csv").read_text().startswith(columns)
    summary = json.loads((folder / "lesson.json").read_text())
    assert len(summary["scores"]) == 2 and summary["sticky"]["games"] == 2
    assert sum(summary["actions"].values()) > 10


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
    assert (value.memory, value.memory_size, value.target_reset) == ("games", 250, 2000)
    assert config.frames_a_step == 16


def test_5_2_gives_every_variant_the_same_frames_and_goes_on_where_it_was(lesson) -> None:
    folder, output = lesson("5.2_what_went_wrong", *TRAIN["5.2_what_went_wrong"])
    variants = ("published", "transitions", "all")
    configs = {name: load_config(folder / name / "config.yaml") for name in variants}
    assert {name: config.steps * config.frames_a_step for name, config in configs.items()} == dict.fromkeys(
        variants, 4096
    )
    assert [configs[name].value.memory for name in variants] == ["games", "transitions", "transitions"]
    assert_a_trained_run(folder / "all", tag="time/fps")
    written = (folder / "published" / "last" / "policy.safetensors").stat().st_mtime_ns
    again = run_command(SCRIPTS["5.2_what_went_wrong"], "--run-dir", folder, *TRAIN["5.2_what_went_wrong"])
    assert again.returncode == 0, again.stderr
    assert (folder / "published" / "last" / "policy.safetensors").stat().st_mtime_ns == written
    assert set(json.loads((folder / "lesson.json").read_text())["results"]) == set(variants)
    assert all(name in output for name in variants)


def test_5_3_shows_q_values_beside_the_game(lesson) -> None:
    folder, _ = lesson("5.3_dqn", *TRAIN["5.3_dqn"])
    assert_a_trained_run(folder)
    assert_moves(folder / "q_values.gif")
    with Image.open(folder / "q_values.gif") as gif:
        assert gif.size == (2 * (160 + 174 + 150), 2 * 210)  # screen, the agent's view as tall, four bars
    # Run again, it takes what it has trained.
    again = run_command(SCRIPTS["5.3_dqn"], "--run-dir", folder, *TRAIN["5.3_dqn"])
    assert again.returncode == 0, again.stderr
    assert [path.name for path in folder.parent.iterdir()] == ["5.3_dqn"]


def test_5_4_trains_four_algorithms_on_the_same_screens(lesson) -> None:
    folder, output = lesson("5.4_on_policy_off_policy", *TRAIN["5.4_on_policy_off_policy"])
    results: dict[str, Any] = json.loads((folder / "lesson.json").read_text())["results"]
    assert list(results) == ["ours", "dqn", "qrdqn", "ppo"]
    assert all(facts["minutes"] > 0 and facts["games"] == 1 for facts in results.values())
    seen = {load_config(folder / name / "config.yaml").observation.model_dump_json() for name in results}
    assert len(seen) == 1
    assert (folder / "steps.png").exists() and (folder / "minutes.png").exists()
    done = {name: (folder / name / "agent.gif").stat().st_mtime_ns for name in results}
    again = run_command(SCRIPTS["5.4_on_policy_off_policy"], "--run-dir", folder, *TRAIN["5.4_on_policy_off_policy"])
    assert again.returncode == 0, again.stderr
    assert {name: (folder / name / "agent.gif").stat().st_mtime_ns for name in results} == done
    assert "on-policy: SB3's PPO" in output


@pytest.mark.parametrize(
    ("name", "option"), [("5.2_what_went_wrong", "--variants"), ("5.4_on_policy_off_policy", "--algorithms")]
)
def test_what_does_not_exist_is_named_with_what_does(name: str, option: str, tmp_path) -> None:
    done = run_command(SCRIPTS[name], option, "sonar", "--run-dir", tmp_path / "run")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    (line,) = done.stderr.strip().splitlines()
    assert f"{option} sonar: allowed: " in line
