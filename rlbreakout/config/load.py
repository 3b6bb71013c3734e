"""Config files: read, checked, written. What is wrong with one is said in one line."""

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
"""The configs that are shipped: in an installed package inside of it, in a checkout beside it."""

RENAMED = {
    "lesson": "run.lesson",
    "name": "run.name",
    "device": "run.device",
    "torch_threads": "run.threads",
    "versions": "run.versions",
    "checkpoint_every": "run.checkpoint_every",
    "gif_every": "run.gif_every",
}
"""Keys of version 0.1 that have another name now."""
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
    "env.stalled_after": "training games go on; evaluation ends them after 5,000 agent steps without a point",
    "value.reward_incentive": "leave it out",
    "value.memory_megabytes": "memory_size must fit into the memory that is free",
    "tuning.wait_for_storage": "run the same command again: the study goes on",
}
"""Keys of version 0.1 that are gone, and what to do instead."""

PACKAGES_THAT_DECIDE_A_RUN = ("ale-py", "gymnasium", "numpy", "opencv-python-headless", "stable-baselines3", "torch")


def installed_versions() -> dict[str, str]:
    """Versions of the packages that decide what a run does, by distribution name."""
    return {name: metadata.version(name) for name in PACKAGES_THAT_DECIDE_A_RUN}


def find_config(name: str | Path) -> Path:
    """The config file that `name` means: a path, or one that is shipped, such as "2.3_zoo" or "2.3_zoo.yaml".

    Raises UserError that lists those that are shipped if there is none.
    """
    path = Path(name)
    if path.exists() or path.name != str(name):
        return path
    shipped = CONFIGS / (path.name if path.suffix == ".yaml" else f"{path.name}.yaml")
    if not shipped.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
        raise UserError(f"config {path} does not exist; shipped with rlbreakout: {known}")
    return shipped


def load_config(name: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a config file (see find_config) and apply `overrides`, each "key.subkey=value" with the value in YAML.

    Without run.name the run is called after the file. Raises UserError if the file cannot be read, or a key or value is
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
        raise UserError(f"config {path} must hold keys and values, not a {type(data).__name__}")
    for override in overrides or []:
        _apply(data, override)
    if isinstance(run := data.setdefault("run", {}), dict):
        run.setdefault("name", path.stem)
    return parse_config(data, source=str(path))


def parse_config(data: dict[str, Any], source: str = "config") -> Config:
    """Check `data` and return it as a Config. Raises UserError that starts with `source`."""
    if (old := _old_key(data)) is not None:
        raise UserError(f"{source}: {old}")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error)}") from None


def dump_config(config: Config, path: Path) -> None:
    """Write every value of `config`, defaults too, so that a later default changes nothing."""
    write_atomically(path, to_yaml(config.model_dump()))


def flatten(data: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    """The values of nested `data` by their dotted names."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        values |= flatten(value, f"{parent}{key}.") if isinstance(value, dict) else {f"{parent}{key}": value}
    return values


def _old_key(data: dict[str, Any]) -> str | None:
    """What to do about the first key or value of version 0.1 in `data`; None if there is none."""
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
    """The first of pydantic's findings as "key: what is wrong; what is allowed"."""
    findings = error.errors()
    # A union reports each of its members; the first finding of a key says what that key needs.
    first = findings[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        message = _unknown_key(path)
    elif first["type"] == "value_error":
        message = f"{first['ctx']['error']!s}, not {first['input']!r}"
        if isinstance(first["ctx"]["error"], UserError):
            message = str(first["ctx"]["error"])
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
