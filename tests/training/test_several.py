"""Trainings side by side, in processes of their own."""

from pathlib import Path

from rlbreakout.agents.save_load import trained_steps
from rlbreakout.config import load_config
from rlbreakout.training import train, train_several
from tests.conftest import twin_config


def test_trainings_run_side_by_side_and_a_finished_one_is_left_alone(tmp_path: Path) -> None:
    configs = {tmp_path / f"run_{seed}": twin_config(f"seed={seed}", "evaluation.every=0") for seed in (0, 1)}
    finished, new = configs
    train(configs[finished], finished, progress_bar=False)
    model = finished / "last" / "policy.safetensors"
    before = model.stat().st_mtime_ns
    assert sorted(train_several(configs, workers=2)) == [finished, new]
    assert model.stat().st_mtime_ns == before
    assert trained_steps(new / "last") == 256 and load_config(new / "config.yaml").seed == 1
