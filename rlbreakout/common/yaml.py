"""Reads YAML from untrusted files: plain values only, and no more than a config can have."""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 1_000_000
"""The longest text that is read. A config has a few thousand characters."""


class _PlainLoader(yaml.SafeLoader):
    """A SafeLoader, which builds no objects, without aliases: a few lines of them can stand for a billion values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read_yaml(text: str) -> Any:
    """Read the values in `text`. Raises yaml.YAMLError for anything but plain values, or for too many of them."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text):,} characters; allowed: {MOST_CHARACTERS:,}")
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (RecursionError, ValueError) as error:  # nested too deeply; a date that does not exist
        raise yaml.YAMLError(str(error)) from None


def to_yaml(data: Any) -> str:
    """Write `data` as text for `read_yaml`."""
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False)
