"""Whatever a config file or the command line says: it is taken, or refused in one line that names the key."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rlbreakout.cli import main
from rlbreakout.common.errors import UserError
from rlbreakout.common.yaml import to_yaml
from rlbreakout.config import Config, dump_config, flatten, load_config, parse_config
from tests.conftest import ROOT

KEYS = sorted(flatten(Config().model_dump()))
STUDY = ROOT / "configs" / "4.0_study_1.yaml"
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([2**31, 2**63, 10**30, -(10**30), 1e-300, 1e300]),
    st.floats(),
)
WORDS = st.sampled_from(
    ["", "lin_", "lin_3e-4", "exp_1e-3_0", "1e6", "nan", "inf", "null", "~", "yes", "fast", "image", "../x"]
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=20))
NAMES = st.one_of(WORDS, st.text(max_size=5), st.integers())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
REPRODUCIBLE = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def check(read: Any, keys: list[str]) -> None:
    """`read` returns a config that can be written and read again, or refuses it in one line that names a key."""
    try:
        config = read()
    except UserError as error:
        message = str(error)
        assert "\n" not in message and len(message) < 3_000
        assert any(key.split(".")[-1] in message for key in keys), message
    else:
        assert parse_config(config.model_dump()) == config


def nested(values: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in values.items():
        *parents, last = key.split(".")
        part = data
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return data


# The keys that a config may be refused for because another one was changed.
RELATED = (
    *("kind", "max_pool", "vec_env", "counters", "n_steps", "batch_size", "episodic_life", "start_training"),
    *("minimum", "frames_between", "algorithm", "remember_fraction", "n_step", "prioritised", "channels"),
)


@settings(max_examples=200, **REPRODUCIBLE)
@given(key=st.sampled_from(KEYS), value=VALUES)
@example(key="env.n_envs", value=True)
@example(key="ppo.learning_rate", value="lin_nan")
def test_any_value_of_any_key_of_a_config(key: str, value: Any) -> None:
    check(lambda: parse_config(nested({key: value})), [key, *RELATED])


@settings(max_examples=120, **REPRODUCIBLE)
@given(values=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=2, max_size=4))
def test_several_wrong_values_at_once(values: dict[str, Any]) -> None:
    check(lambda: parse_config(nested(values)), [*values, *RELATED])


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.one_of(st.sampled_from(KEYS), st.text(max_size=12)),
    text=st.one_of(VALUES.map(to_yaml), st.text(max_size=30)),
)
def test_anything_behind_set(tmp_path: Path, key: str, text: str) -> None:
    file = tmp_path / "config.yaml"
    if not file.exists():
        dump_config(Config(), file)
    check(lambda: load_config(file, [f"{key}={text}"]), [key, *RELATED, "--set", *key.split(".")])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.text(max_size=200), VALUES.map(to_yaml), st.binary(max_size=100)))
def test_anything_in_a_file(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    check(lambda: load_config(file), ["config.yaml"])


class Started(Exception):
    """The options were taken: from here on it would be work."""


def started(*_: Any, **__: Any) -> None:
    raise Started


HEAVY = (
    ("evaluation.evaluate", "_on_all_cores"),
    ("evaluation.video", "make_evaluation_env"),
    ("training.train", "train"),
    ("tuning.workers", "tune"),
    ("training.runs", "study_folder"),
)
"""Module and function with which a command's work begins."""
COMMANDS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "evaluate": (["evaluate", "random"], ("--games", "--seed")),
    "gif": (["gif", "random", "--out", "x.gif"], ("--seconds", "--seed", "--grid")),
    "tune": (["tune", str(STUDY)], ("--trials", "--workers", "--best")),
    "train": (["train", str(ROOT / "configs" / "2.3_zoo.yaml")], ("--set steps", "--set seed", "--set ppo.gamma")),
}


@pytest.mark.parametrize("name", COMMANDS)
@settings(max_examples=20, **REPRODUCIBLE)
@given(number=st.one_of(NUMBERS.map(str), WORDS, st.text(max_size=8)), which=st.integers(0, 2))
@example(number="1e308", which=0)
@example(number="3x0", which=2)
def test_every_number_of_the_command_line(name: str, number: str, which: int) -> None:
    arguments, options = COMMANDS[name]
    option = options[which % len(options)]
    given_option = [f"{option}={number}"] if not option.startswith("--set ") else ["--set", f"{option[6:]}={number}"]
    errors = io.StringIO()
    with contextlib.ExitStack() as stack:
        for module, function in HEAVY:
            stack.enter_context(mock.patch.object(importlib.import_module(f"rlbreakout.{module}"), function, started))
        stack.enter_context(contextlib.redirect_stderr(errors))
        stack.enter_context(mock.patch.object(sys, "argv", ["rlbreakout"]))
        try:
            main([*arguments, *given_option])
        except Started:
            return
        except SystemExit as end:
            assert end.code == 2
    message = errors.getvalue()
    assert len(message.splitlines()) == 1 and message.startswith(f"rlbreakout {name}: error: "), message
    assert option.split(".")[-1].split(" ")[-1].lstrip("-") in message, message
