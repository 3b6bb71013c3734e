"""YAML from files that may come from strangers: plain values only, of a size that a config can have."""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 1_000_000
"""Of a YAML file. A config has a few thousand."""


class _PlainLoader(yaml.SafeLoader):
    """Builds no objects, as SafeLoader, and follows no aliases: a few lines of them can stand for a billion values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read_yaml(text: str) -> Any:
    """The values in `text`. Raises yaml.YAMLError for anything but plain values, or too many of them."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text):,} characters; allowed: {MOST_CHARACTERS:,}")
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (RecursionError, ValueError) as error:  # nested too deeply; a date that there is not
        raise yaml.YAMLError(str(error)) from None


def to_yaml(data: Any) -> str:
    """`data` as `read_yaml` reads it."""
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False)
