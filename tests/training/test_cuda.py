"""Trainings on a GPU: both kinds of agent, with pictures. Skipped where PyTorch finds none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rlbreakout.agents import load_agent
from rlbreakout.agents.save_load import trained_steps
from rlbreakout.config import Config, load_config
from rlbreakout.evaluation import evaluate
from rlbreakout.training import train
from tests.conftest import ROOT, TWIN, dqn_config

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use")


def small(algorithm: str, steps: int, device: str = "cuda") -> Config:
    overrides = [f"steps={steps}", f"run.device={device}"]
    if algorithm == "ppo":
        return load_config(ROOT / "configs" / "7.5_pixels.yaml", [*TWIN, "evaluation.env=twin", *overrides])
    return dqn_config(*overrides)


@pytest.mark.parametrize("algorithm", ["ppo", "value"])
def test_a_training_on_the_gpu_is_resumed_there_and_plays_on_the_cpu(algorithm: str, tmp_path: Path) -> None:
    torch.cuda.reset_peak_memory_stats()
    folder = train(small(algorithm, 512), tmp_path / "run", progress_bar=False)
    assert torch.cuda.max_memory_allocated() > 100_000, "nothing was on the GPU"
    before = (folder / "last" / "policy.safetensors").read_bytes()
    assert train(small(algorithm, 1024), folder, resume=True, progress_bar=False) == folder
    assert (folder / "last" / "policy.safetensors").read_bytes() != before
    assert evaluate(load_agent(folder / "last"), env="twin", games=2).games == 2


@pytest.mark.parametrize("algorithm", ["ppo", "value"])
def test_a_run_of_the_gpu_is_resumed_on_the_cpu(algorithm: str, tmp_path: Path) -> None:
    folder = train(small(algorithm, 512), tmp_path / "run", progress_bar=False)
    assert train(small(algorithm, 1024, "cpu"), folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") >= 1024
