"""The agent that is watched, and with `--newest` its newest version."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from rlbreakout.agents.players import Agent
from rlbreakout.agents.save_load import has_model, load_agent, trained_steps
from rlbreakout.common.errors import UserError

SECONDS = 1.0
"""Between two looks at the folder."""


class Newest:
    """The agent `name`; with `newest`, of the run folder `name` the last model that its training has saved.

    Raises UserError as `load_agent` does, and with `newest` for what is no run folder with a last model.
    """

    def __init__(self, name: str, *, newest: bool = False, seed: int = 0, trust: bool = False) -> None:
        self._folder = Path(name) / "last" if newest else None
        if self._folder is not None and not has_model(self._folder):
            raise UserError(f"{name} has no last/ with a model; --newest is for the run folder of a training")
        self._trained, self._looked_at = self._steps(), time.monotonic()
        self.agent: Agent = load_agent(self._folder or name, seed=seed, trust=trust)
        """The newest version."""

    @property
    def about(self) -> str | None:
        """Which version it is; None if there is only one."""
        return None if self._trained is None else f"after {self._trained:,} agent steps"

    def look(self) -> Agent:
        """The newest version, loaded if it is new. One that is being saved, or is damaged, waits for the next look."""
        if self._folder is not None and time.monotonic() - self._looked_at >= SECONDS:
            self._looked_at = time.monotonic()
            with suppress(UserError):
                if (trained := self._steps()) != self._trained:
                    self.agent, self._trained = load_agent(self._folder), trained
        return self.agent

    def _steps(self) -> int | None:
        return None if self._folder is None else trained_steps(self._folder)
