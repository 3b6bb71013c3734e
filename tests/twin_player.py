"""The player that looks ahead."""

from tests.players import Player

__all__ = ["Player"]
