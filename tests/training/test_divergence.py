"""A training whose weights are no longer numbers ends in one line, and leaves a model that plays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from rlbreakout.agents.save_load import load_agent
from rlbreakout.common.errors import UserError
from tests.conftest import TWIN, TWIN_CONFIG, rlbreakout, sets


@pytest.mark.parametrize("learning_rate", ["1e5", "1e20", "1e38"])
def test_a_training_that_diverges_ends_in_one_line_and_keeps_the_last_good_model(
    learning_rate: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    overrides = [*TWIN, "steps=4096", "run.checkpoint_every=64", f"ppo.learning_rate={learning_rate}"]
    done = rlbreakout("train", TWIN_CONFIG, *sets(*overrides), "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert "the weights of the network are no longer finite numbers at agent step" in line
    assert f"the last good checkpoint is {tmp_path / 'run' / 'last'}. Try a smaller ppo.learning_rate" in line
    assert "Traceback" not in done.stderr + capfd.readouterr().err
    weights = load_file(tmp_path / "run" / "last" / "policy.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    load_agent(tmp_path / "run" / "last")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_whose_weights_are_not_finite_is_refused(tiny_run: Path, tmp_path: Path, value: float) -> None:
    model = Path(shutil.copytree(tiny_run / "last", tmp_path / "model"))
    weights = load_file(model / "policy.safetensors")
    name = next(name for name in weights if name.endswith("weight"))
    weights[name].view(-1)[3] = value
    save_file(weights, model / "policy.safetensors")
    with pytest.raises(UserError, match=f"{name} has weights that are NaN or infinite: it has diverged"):
        load_agent(model)
