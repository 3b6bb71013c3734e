"""Reads, checks and writes config files. An error in one is described in one line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rlbreakout.common.errors import UserError
from rlbreakout.common.files import write_atomically
from rlbreakout.common.yaml import read_yaml, to_yaml
from rlbreakout.config.schema import Config
from rlbreakout.config.search import SEARCH_TYPES

CONFIGS = next(folder for n in (1, 2) if (folder := Path(__file__).parents[n] / "configs").is_dir())
"""The folder of shipped configs: inside an installed package, beside it in a checkout."""

# The keys of version 0.1 that have another name now, and those that are gone, with what to do instead.
RENAMED = {key: f"run.{key}" for key in ("lesson", "name", "device", "versions", "checkpoint_every", "gif_every")}
RENAMED["torch_threads"] = "run.threads"
GONE = {
    "policy": "it follows from observation.kind",
    **dict.fromkeys(
        (f"observation.{name}" for name in ("bounces", "rounds", "reach", "foresight", "aim", "clock")),
        "observation.blocks says what coordinates hold",
    ),
    **dict.fromkeys(
        (f"randomize.{end}" for end in ("least_sticky", "most_sticky", "shortest_frame_skip", "longest_frame_skip")),
        "randomize.share alone decides",
    ),
    **dict.fromkeys((f"starts.{name}" for name in ("late_bricks", "failure_steps", "saves")), "leave it out"),
    "network.noisy": "leave it out",
    "value.reward_incentive": "leave it out",
    "value.memory_megabytes": "memory_size must fit into the memory that is free",
    "tuning.wait_for_storage": "run the same command again: the study goes on",
}


def installed_versions() -> dict[str, str]:
    """Versions of the packages that affect the result of a run, by distribution name."""
    names = ("ale-py", "gymnasium", "numpy", "opencv-python-headless", "stable-baselines3", "torch")
    return {name: metadata.version(name) for name in names}


def find_config(name: str | Path) -> Path:
    """Find a config file: a path, or the name of a shipped one, such as "2.3_zoo" or "2.3_zoo.yaml".

    Raises UserError that lists the shipped configs if there is none.
    """
    path = Path(name)
    if path.is_file() or path.name != str(name):  # a folder may well have the name of a config: its run
        return path
    shipped = CONFIGS / (path.name if path.suffix == ".yaml" else f"{path.name}.yaml")
    if not shipped.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
        raise UserError(f"config {path} does not exist; shipped with rlbreakout: {known}")
    return shipped


def load_config(name: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a config file (see find_config) and apply `overrides`, each "key.subkey=value" with the value in YAML.

    Without run.name the run has the name of the file. Raises UserError if the file cannot be read, or a key or value is
    wrong.
    """
    path = find_config(name)
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"config {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"config {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"config {path} is no valid YAML: {' '.join(str(error).split())}") from None
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise UserError(f"config {path} holds a {type(data).__name__}; allowed: keys and values")
    for override in overrides or []:
        _apply(data, override)
    if isinstance(run := data.setdefault("run", {}), dict):
        run.setdefault("name", path.stem)
    return parse_config(data, source=str(path))


def parse_config(data: dict[str, Any], source: str = "config") -> Config:
    """Check `data` and return it as a Config. Raises UserError, with a message that starts with `source`."""
    if (old := _old_key(data)) is not None:
        raise UserError(f"{source}: {old}")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error)}") from None


def dump_config(config: Config, path: Path) -> None:
    """Write every value of `config`, even the defaults, so that later changes of defaults do not matter."""
    write_atomically(path, to_yaml(config.model_dump()))


def flatten(data: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    """Flatten nested `data` into values by dotted keys."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        values |= flatten(value, f"{parent}{key}.") if isinstance(value, dict) else {f"{parent}{key}": value}
    return values


def _old_key(data: dict[str, Any]) -> str | None:
    """What to do about the first key or value of version 0.1 in `data`, or None if there is none."""
    given = {key: value for key, value in data.items() if not isinstance(value, dict)} | flatten(data)
    for key, value in given.items():
        if key in RENAMED:
            return f"{key} is now called {RENAMED[key]}"
        if key in GONE:
            return f"{key} is no longer a key: {GONE[key]}"
        if key == "env.vec_env" and value == "fast":
            return "env.vec_env 'fast' is now called 'twin'"
    return None


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r}: KEY=VALUE is needed, such as --set ppo.n_steps=128")
    try:
        value = read_yaml(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override!r}: the value is no valid YAML") from None
    *parents, last = key.strip().split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise UserError(f"--set {override!r}: {parent!r} has no keys below it")
    data[last] = value


def _one_line(error: ValidationError) -> str:
    """Describe pydantic's first finding as "key: what is wrong; what is allowed"."""
    findings = error.errors()
    first = findings[0]  # a union reports each of its members; the first one is enough
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        message = _unknown_key(path)
    elif first["type"] == "value_error":
        cause = first["ctx"]["error"]
        message = str(cause) if isinstance(cause, UserError) else f"{cause!s}, not {first['input']!r}"
    else:
        allowed = first["msg"].replace("Input should be", "allowed:", 1)
        message = f"{first['input']!r} is not allowed; {allowed}"
    parts = [part for part in path if part not in ("str", *SEARCH_TYPES)]
    names = ".".join(part if part.isprintable() else repr(part) for part in parts)
    others = len({tuple(finding["loc"][:2]) for finding in findings}) - 1
    more = f" (and {others} more)" if others else ""
    return f"{names}: {message}{more}" if names else f"{message}{more}"


def _unknown_key(path: list[str]) -> str:
    model: type[BaseModel] = Config
    for part in path[:-1]:
        if part in model.model_fields:
            annotation: Any = model.model_fields[part].annotation
            types = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)]
            model = types[0] if types else model
        else:  # a key of the search space, and then its type
            model = SEARCH_TYPES.get(part, model)
    allowed = list(model.model_fields)
    close = difflib.get_close_matches(path[-1], allowed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key; {hint}allowed: {', '.join(allowed)}"
