"""Configs: what is refused and how, where they are found, and that nothing is lost in writing and reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import yaml

from rlbreakout.common.errors import UserError
from rlbreakout.config import BREAKOUT_IDS, CONFIGS, Config, dump_config, load_config, parse_config
from rlbreakout.config.load import GONE, RENAMED
from rlbreakout.config.schema import POLICIES
from rlbreakout.envs import register
from tests.conftest import ROOT, ZOO_CONFIG

COORDINATES = {"kind": "coordinates"}
SINGLE_FRAMES = {"max_pool": False}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"stpes": 5}, "stpes", "did you mean 'steps'?"),
    ({"env": {"frame_skp": 4}}, "env.frame_skp", "did you mean 'frame_skip'?"),
    ({"ppo": {"momentum": 1}}, "ppo.momentum", "allowed: learning_rate, n_steps"),
    ({"steps": 0}, "steps", "greater than or equal to 1"),
    ({"steps": -1}, "steps", "greater than or equal to 1"),
    ({"steps": "many"}, "steps", "a whole number is needed"),
    ({"steps": 1.5}, "steps", "a whole number is needed"),
    ({"steps": float("inf")}, "steps", "a whole number is needed"),
    ({"env": {"id": "ALE/Pong-v5"}}, "ALE/Pong-v5", "allowed: ALE/Breakout-v5"),
    ({"evaluation": {"env_id": "CartPole-v1"}}, "CartPole-v1", "allowed: ALE/Breakout-v5"),
    ({"env": {"vec_env": "threads"}}, "env.vec_env", "'dummy', 'subproc', 'vector' or 'twin'"),
    ({"env": {"repeat_action_probability": 1.5}}, "env.repeat_action_probability", "less than or equal to 1"),
    ({"observation": {"kind": "sonar"}}, "observation.kind", "'rgb', 'warp', 'image'"),
    ({"observation": {"mode": "pink"}}, "observation.mode", "'3col', 'grey_3dim', 'grey_1dim'"),
    ({"observation": {"trim": "cut"}}, "observation.trim", "'keep', 'trim', 'blacken' or 'whiten'"),
    (
        {"observation": {"blocks": ["now", "then"]}},
        "observation.blocks",
        "'now', 'arrival', 'choices', 'fresh_choices', 'clock' or 'state'",
    ),
    (
        {"observation": {"blocks": ["now", "now"]}},
        "blocks",
        "allowed: each of now, arrival, choices, fresh_choices, clock, state once",
    ),
    ({"observation": {"kind": "image", "counters": True}}, "counters", "only with aimbot: true"),
    ({"observation": COORDINATES}, "env.max_pool", "allowed: false with an aimbot or coordinates"),
    ({"observation": {"kind": "image", "aimbot": True}}, "env.max_pool", "allowed: false with an aimbot"),
    ({"observation": {"kind": "both", "frames_between": 4}, "env": SINGLE_FRAMES}, "frames_between", "rgb, warp or"),
    ({"network": {"net_arch": []}}, "network.net_arch", "at least 1"),
    ({"network": {"cnn": "resnet"}}, "network.cnn", "'nature', 'nips' or 'motion'"),
    ({"network": {"cnn": "motion"}, "observation": {"frame_stack": 1}}, "network.cnn", "a frame_stack of 2 or more"),
    ({"network": {"cnn": "motion"}, "observation": {"kind": "rgb"}}, "network.cnn", "pictures of one channel"),
    ({"ppo": {"learning_rate": "cos_1"}}, "ppo.learning_rate", "lin_START"),
    ({"ppo": {"gamma": float("nan")}}, "ppo.gamma", "finite"),
    ({"ppo": {"n_steps": 1}, "env": {"n_envs": 1}}, "ppo.n_steps", "2 or more"),
    ({"ppo": {"batch_size": 1}}, "ppo.batch_size", "2 or more"),
    ({"starts": {"late": 0.6, "failure": 0.6}}, "starts", "allowed: at most 1"),
    ({"env": 3}, "env", "dictionary"),
    ({"run": {"name": "../../elsewhere"}}, "run.name", "pattern"),
]
# What not every env.vec_env can play: who is asked, for what, and the key that is named.
PLAYED: list[tuple[str, dict[str, Any], str]] = [
    ("dummy", {"env": {"longest_frame_skip": 5}}, "env.longest_frame_skip is 5"),
    ("dummy", {"randomize": {"share": 0.5}}, "randomize.share is 0.5"),
    ("subproc", {"starts": {"late": 0.5}}, "starts.late is 0.5"),
    ("vector", {"env": {"id": "Breakout-v4"}}, "env.id is 'Breakout-v4'"),
    ("vector", {"env": {"launch_ball": "every_life"}}, "env.launch_ball is 'every_life'"),
    ("vector", {"observation": {"kind": "rgb"}}, "observation.kind is 'rgb'"),
]


def refusal(data: dict[str, Any]) -> str:
    """The one line that says why `data` is no config."""
    with pytest.raises(UserError) as error:
        parse_config(data, source="my.yaml")
    message = str(error.value)
    assert message.startswith("my.yaml: ") and "\n" not in message
    return message


def nested(key: str, value: Any) -> dict[str, Any]:
    *parents, last = key.split(".")
    data = {last: value}
    for parent in reversed(parents):
        data = {parent: data}
    return data


@pytest.mark.parametrize(("data", "named", "allowed"), WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(data: dict[str, Any], named: str, allowed: str) -> None:
    message = refusal(data)
    assert named in message and allowed in message


@pytest.mark.parametrize(("vec_env", "data", "says"), PLAYED)
def test_what_an_environment_cannot_play_is_refused(vec_env: str, data: dict[str, Any], says: str) -> None:
    env = {"launch_ball": "never", **data.get("env", {})}
    message = refusal({**data, "env": {**env, "vec_env": vec_env}})
    assert f"{says} with env.vec_env {vec_env}; allowed: " in message and "or env.vec_env " in message
    parse_config({**data, "env": {**env, "vec_env": "twin"}})  # which plays all of it


@pytest.mark.parametrize("key", [*RENAMED, *GONE])
def test_an_old_key_is_answered_with_what_to_write_instead(key: str) -> None:
    message = refusal(nested(key, 1))
    if key in RENAMED:
        assert message == f"my.yaml: {key} is now called {RENAMED[key]}"
        assert all(part in str(Config.model_json_schema()) for part in RENAMED[key].split("."))
    else:
        assert message == f"my.yaml: {key} is no longer a key: {GONE[key]}"


def test_the_old_fast_environment_is_answered_with_the_twin() -> None:
    assert refusal({"env": {"vec_env": "fast"}}) == "my.yaml: env.vec_env 'fast' is now called 'twin'"


@pytest.mark.parametrize("kind", POLICIES)
def test_the_policy_follows_from_what_is_observed(kind: str) -> None:
    config = parse_config({"observation": {"kind": kind}, "env": SINGLE_FRAMES})
    expected = {"coordinates": "MlpPolicy", "both": "MultiInputPolicy"}.get(kind, "CnnPolicy")
    assert config.policy == expected


def test_the_ids_are_those_that_ale_py_registers_for_breakout() -> None:
    register()
    registered = {
        name: (spec.kwargs["frameskip"], spec.kwargs["repeat_action_probability"])
        for name, spec in gym.registry.items()
        if spec.namespace != "rlbreakout"
        and spec.kwargs.get("game") == "breakout"
        and spec.kwargs.get("obs_type", "rgb") == "rgb"
    }
    assert registered == BREAKOUT_IDS


def test_scientific_notation_is_a_number_of_steps() -> None:
    assert parse_config({"steps": "1e6"}).steps == parse_config({"steps": 1e6}).steps == 1_000_000


def test_overrides_reach_nested_keys() -> None:
    config = load_config(ZOO_CONFIG, ["ppo.n_steps=64", "env.repeat_action_probability=0.25", "steps=1e4"])
    assert (config.ppo.n_steps, config.env.repeat_action_probability, config.steps) == (64, 0.25, 10_000)


@pytest.mark.parametrize("override", ["steps", "=3", "steps.x=3", "ppo=[", "ppo.n_step=4"])
def test_a_wrong_override_is_refused(override: str) -> None:
    with pytest.raises(UserError, match=r"--set|ppo\.n_step: unknown key; did you mean 'n_steps'"):
        load_config(ZOO_CONFIG, [override])


@pytest.mark.parametrize("text", ["a: [", "- 1", "\t", '"0\\n0": 1'])
def test_a_file_that_is_no_config_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml") as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_a_shipped_config_is_found_by_its_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("2.3_zoo") == load_config("2.3_zoo.yaml") == load_config(ZOO_CONFIG)
    (tmp_path / "2.3_zoo").mkdir()  # such as the folder of its run
    assert load_config("2.3_zoo") == load_config(ZOO_CONFIG)
    (tmp_path / "2.3_zoo").rmdir()
    (tmp_path / "2.3_zoo").write_text("steps: 5\n")
    assert load_config("2.3_zoo").steps == 5  # one's own comes first
    with pytest.raises(UserError, match=r"config zoo does not exist; shipped with rlbreakout: 2\.3_zoo, 3\.3"):
        load_config("zoo")
    with pytest.raises(UserError, match=r"\.\./2\.3_zoo does not exist"):
        load_config("../2.3_zoo")  # a path, not a name


def test_every_value_survives_writing_and_reading(tmp_path: Path) -> None:
    config = load_config(ZOO_CONFIG)
    dump_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert set(yaml.safe_load((tmp_path / "config.yaml").read_text())) == set(Config.model_fields)


def test_a_run_is_called_after_its_file_unless_it_has_a_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("steps: 5\n")
    assert load_config(tmp_path / "mine.yaml").run.name == "mine"
    assert load_config(tmp_path / "mine.yaml", ["run.name=other"]).run.name == "other"


def test_every_shipped_config_is_valid_and_named_after_its_file() -> None:
    paths = sorted(CONFIGS.glob("*.yaml"))
    assert paths and CONFIGS == ROOT / "configs"
    for path in paths:
        assert load_config(path).run.name == path.stem
