"""Config files: read, checked, written. What is wrong with one is said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rlbreakout.config.schema import Config
from rlbreakout.config.search import SEARCH_TYPES
from rlbreakout.config.text import read_yaml, to_yaml
from rlbreakout.errors import UserError
from rlbreakout.files import write_whole

PACKAGES_THAT_DECIDE_A_RUN = ("ale-py", "gymnasium", "numpy", "opencv-python-headless", "stable-baselines3", "torch")


def installed_versions() -> dict[str, str]:
    """Versions of the packages that decide what a run does, by distribution name."""
    return {name: metadata.version(name) for name in PACKAGES_THAT_DECIDE_A_RUN}


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a config file and apply `overrides`, each "key.subkey=value" with the value in YAML.

    Raises UserError if the file cannot be read, or a key or value is wrong.
    """
    path = Path(path)
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
    data.setdefault("name", path.stem)
    for override in overrides or []:
        _apply(data, override)
    return parse_config(data, source=str(path))


def parse_config(data: dict[str, Any], source: str = "config") -> Config:
    """Check `data` and return it as a Config. Raises UserError that starts with `source`."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error)}") from None


def dump_config(config: Config, path: Path) -> None:
    """Write every value of `config`, defaults too, so that a later default changes nothing."""
    write_whole(path, to_yaml(config.model_dump()))


def flat(data: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    """The values of nested `data` by their dotted names."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        values |= flat(value, f"{parent}{key}.") if isinstance(value, dict) else {parent + key: value}
    return values


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
