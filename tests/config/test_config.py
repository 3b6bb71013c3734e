from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import yaml

from rlbreakout.common.errors import UserError
from rlbreakout.config import BREAKOUT_IDS, Config, dump_config, load_config, parse_config
from rlbreakout.envs import register
from tests.conftest import ROOT, ZOO_CONFIG

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
    ({"env": {"vec_env": "threads"}}, "env.vec_env", "'dummy', 'subproc', 'fast' or 'twin'"),
    ({"env": {"repeat_action_probability": 1.5}}, "env.repeat_action_probability", "less than or equal to 1"),
    ({"observation": {"kind": "sonar"}}, "observation.kind", "'rgb', 'warp', 'image'"),
    ({"observation": {"mode": "pink"}}, "observation.mode", "'3col', 'grey_3dim', 'grey_1dim'"),
    ({"observation": {"trim": "cut"}}, "observation.trim", "'keep', 'trim', 'blacken' or 'whiten'"),
    ({"observation": {"kind": "image", "counters": True}}, "counters", "only with aimbot: true"),
    ({"observation": {"kind": "coordinates"}}, "policy CnnPolicy cannot take", "allowed: MlpPolicy"),
    ({"observation": {"kind": "both"}, "policy": "MlpPolicy"}, "policy MlpPolicy", "allowed: MultiInputPolicy"),
    ({"observation": {"kind": "image"}, "policy": "MlpPolicy"}, "policy MlpPolicy", "allowed: CnnPolicy"),
    ({"observation": {"kind": "image", "aimbot": True}}, "env.max_pool", "allowed: false with an aimbot"),
    ({"network": {"net_arch": []}}, "network.net_arch", "at least 1"),
    ({"network": {"cnn": "resnet"}}, "network.cnn", "'nature' or 'nips'"),
    ({"env": {"id": "Breakout-v4", "vec_env": "fast"}}, "env.vec_env fast", "BreakoutNoFrameskip-v4"),
    ({"ppo": {"learning_rate": "cos_1"}}, "ppo.learning_rate", "lin_START"),
    ({"ppo": {"gamma": float("nan")}}, "ppo.gamma", "finite"),
    ({"ppo": {"n_steps": 1}, "env": {"n_envs": 1}}, "ppo.n_steps", "2 or more"),
    ({"ppo": {"batch_size": 1}}, "ppo.batch_size", "2 or more"),
    ({"env": 3}, "env", "dictionary"),
    ({"name": "../../elsewhere"}, "name", "pattern"),
]


@pytest.mark.parametrize(("data", "named", "allowed"), WRONG)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed_in_one_line(
    data: dict[str, Any], named: str, allowed: str
) -> None:
    with pytest.raises(UserError) as error:
        parse_config(data, source="my.yaml")
    message = str(error.value)
    assert message.startswith("my.yaml: ") and named in message and allowed in message and "\n" not in message


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
    with pytest.raises(UserError):
        load_config(ZOO_CONFIG, [override])


@pytest.mark.parametrize("text", ["a: [", "- 1", "\t"])
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml"):
        load_config(path)


def test_every_value_survives_writing_and_reading(tmp_path: Path) -> None:
    config = load_config(ZOO_CONFIG)
    dump_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert set(yaml.safe_load((tmp_path / "config.yaml").read_text())) == set(Config.model_fields)


def test_every_config_of_the_project_is_valid_and_named_after_its_file() -> None:
    paths = sorted((ROOT / "configs").glob("*.yaml"))
    assert paths
    for path in paths:
        assert load_config(path).name == path.stem


def test_a_key_with_a_line_break_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text('"0\\n0": 1\n')
    with pytest.raises(UserError, match=r"'0\\n0': unknown key") as error:
        load_config(tmp_path / "config.yaml")
    assert "\n" not in str(error.value)


def test_who_looks_further_ahead_has_to_look_ahead() -> None:
    with pytest.raises(UserError, match="rounds is true; allowed: only with bounces: true"):
        parse_config({"policy": "MlpPolicy", "observation": {"kind": "coordinates", "rounds": True}})
    with pytest.raises(UserError, match="aim is true; allowed: only with bounces: true"):
        parse_config({"policy": "MlpPolicy", "observation": {"kind": "coordinates", "aim": True}})
