"""Models on disk: what is loaded is what was saved, and what is wrong with a folder is said in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from rlbreakout.agents import build_algorithm, load_agent, save_model
from rlbreakout.agents.save_load import find_model, restore, trained_steps
from rlbreakout.common.errors import UserError
from rlbreakout.envs import make_vec_env
from tests.conftest import twin_config


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of a trained run that a test may damage."""
    return Path(shutil.copytree(tiny_run, tmp_path / "copy"))


def built(*overrides: str):
    config = twin_config(*overrides)
    return build_algorithm(config, make_vec_env(config)), config


def test_a_saved_model_plays_and_learns_on_as_the_one_in_memory(tmp_path: Path) -> None:
    model, config = built()
    model.learn(64)
    save_model(model, tmp_path / "model", config)

    space = model.observation_space
    observations = np.random.default_rng(0).uniform(0, 1, size=(50, *space.shape)).astype(np.float32)
    player = load_agent(tmp_path / "model").player
    expected, _ = model.predict(observations, deterministic=True)
    assert (player.predict(observations, deterministic=True)[0] == expected).all()

    again, _ = built("seed=9")
    restore(again, tmp_path / "model")
    assert again.num_timesteps == trained_steps(tmp_path / "model") == 64
    for mine, theirs in zip(again.policy.parameters(), model.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        state, other = (m.policy.optimizer.state[p] for m, p in ((again, mine), (model, theirs)))
        assert state.keys() == other.keys() and all(torch.equal(state[key], other[key]) for key in state)


def test_a_model_is_safetensors_and_yaml_alone(tiny_run: Path) -> None:
    files = {path.name for path in (tiny_run / "last").iterdir()}
    assert files == {"policy.safetensors", "optimizer.safetensors", "model.yaml", "config.yaml"}
    assert load_file(tiny_run / "last" / "policy.safetensors")["action_net.weight"].shape == (4, 16)


def test_saving_replaces_the_old_model_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, config = built()
    save_model(model, tmp_path / "model", config)
    model.num_timesteps = 77

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr("rlbreakout.agents.save_load.dump_config", full_disk)
        with pytest.raises(OSError, match="no space"):
            save_model(model, tmp_path / "model", config)
    assert trained_steps(tmp_path / "model") == 0
    load_agent(tmp_path / "model")

    save_model(model, tmp_path / "model", config)
    assert trained_steps(tmp_path / "model") == 77
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_every_file_of_a_saved_model_is_synced_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, config = built()
    synced: set[str] = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.add(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", note)
    save_model(model, tmp_path / "model", config)
    files = {"policy.safetensors", "optimizer.safetensors", "model.yaml", "config.yaml"}
    assert {*files, "model.new", tmp_path.name} <= synced  # and the folders that list them


def test_a_run_folder_means_its_best_model_else_its_last(copy: Path) -> None:
    assert find_model(copy) == copy / "best"
    shutil.rmtree(copy / "best")
    assert find_model(copy) == copy / "last"
    shutil.rmtree(copy / "last")
    with pytest.raises(UserError, match="holds no model"):
        load_agent(copy)


def test_a_missing_model_is_named_with_what_is_allowed() -> None:
    message = r"'no/such' does not exist; allowed: a run folder, a model folder or 'random', 'champion'"
    with pytest.raises(UserError, match=message):
        load_agent("no/such")


@pytest.mark.parametrize(
    ("given", "says"),
    [(None, "has format 1, and this version reads format 2; rlbreakout 0.1 plays it"), (3, "newer rlbreakout plays")],
)
def test_a_model_of_another_version_is_refused(given: int | None, says: str, copy: Path) -> None:
    path = copy / "last" / "model.yaml"
    about = yaml.safe_load(path.read_text())
    del about["format"]
    path.write_text(yaml.safe_dump(about if given is None else {**about, "format": given}))
    with pytest.raises(UserError, match=says) as error:
        load_agent(copy / "last")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["policy.safetensors", "model.yaml"])
def test_a_truncated_file_is_named(copy: Path, file: str) -> None:
    path = copy / "last" / file
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match=file) as error:
        load_agent(copy / "last")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["policy.safetensors", "config.yaml"])
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / "last" / file).unlink()
    with pytest.raises(UserError, match=f"{file} does not exist"):
        load_agent(copy / "last")


def test_a_model_for_another_observation_names_both_shapes(copy: Path) -> None:
    path = copy / "last" / "config.yaml"
    path.write_text(path.read_text().replace("frame_stack: 1", "frame_stack: 2"))
    with pytest.raises(UserError, match=r"made for observations of shape \((\d+),\), the config gives \((\d+),\)"):
        load_agent(copy / "last")


def test_weights_of_another_shape_are_named(copy: Path, tmp_path: Path) -> None:
    model, config = built("network.net_arch=[8]")
    save_model(model, tmp_path / "other", config)
    shutil.copy(tmp_path / "other" / "policy.safetensors", copy / "last")
    with pytest.raises(UserError, match=r"mlp_extractor\.policy_net\.0\.weight has shape \(8, \d+\), \(16, \d+\) is"):
        load_agent(copy / "last")


def test_loading_an_agent_starts_no_emulator(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("an emulator was started")

    monkeypatch.setattr("ale_py.env.AtariEnv.__init__", start)
    monkeypatch.setattr("rlbreakout.breakout.emulator.load_emulator", start)
    assert load_agent(tiny_run).config.observation.kind == "coordinates"
