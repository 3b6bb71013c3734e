"""Trainings of tests leave out what takes longest and is tested elsewhere."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not compare twin and emulator before a training, and leave an empty film of its best model."""
    module = importlib.import_module("rlbreakout.training.train")  # the module, not its function
    monkeypatch.setattr(module, "check_twin", lambda: None)
    monkeypatch.setattr(module, "record_best", lambda folder: (folder / "agent.gif").touch())
