"""Trainings of these tests leave out what takes longest and is tested elsewhere."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an empty film of the best model."""
    module = importlib.import_module("rlbreakout.training.train")  # the module, not its function
    monkeypatch.setattr(module, "record_best", lambda folder: (folder / "agent.gif").touch())
