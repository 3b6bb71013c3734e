import shutil
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from stable_baselines3.common.torch_layers import NatureCNN

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.networks import CNNS, PaddedCNN
from rlbreakout.agents.save_load import load_agent, restore, save_model
from rlbreakout.common.errors import UserError
from rlbreakout.envs import make_vec_env
from tests.conftest import tiny_config


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of a trained run that a test may damage."""
    return Path(shutil.copytree(tiny_run, tmp_path / "copy"))


def test_a_saved_model_plays_and_learns_on_as_the_one_in_memory(tmp_path: Path) -> None:
    config = tiny_config()
    model = build_algorithm(config, make_vec_env(config))
    model.learn(128)
    save_model(model, tmp_path / "model", config)

    observations = make_vec_env(config, seed=9).reset()
    player = load_agent(tmp_path / "model").player
    expected, _ = model.predict(observations, deterministic=True)
    assert (player.predict(observations, deterministic=True)[0] == expected).all()

    again = build_algorithm(config, make_vec_env(config))
    restore(again, tmp_path / "model")
    assert again.num_timesteps == 128
    for mine, theirs in zip(again.policy.parameters(), model.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        state, other = (m.policy.optimizer.state[p] for m, p in ((again, mine), (model, theirs)))
        assert state.keys() == other.keys() and all(torch.equal(state[key], other[key]) for key in state)


def test_a_model_is_safetensors_and_yaml_alone(tiny_run: Path) -> None:
    files = {path.name for path in (tiny_run / "last").iterdir()}
    assert files == {"policy.safetensors", "optimizer.safetensors", "model.yaml", "config.yaml"}
    assert load_file(tiny_run / "last" / "policy.safetensors")["action_net.weight"].shape == (4, 512)


def test_saving_replaces_the_old_model_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    model = build_algorithm(config, make_vec_env(config))
    save_model(model, tmp_path / "model", config)
    model.num_timesteps = 77

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr("rlbreakout.agents.save_load.dump_config", full_disk)
        with pytest.raises(OSError, match="no space"):
            save_model(model, tmp_path / "model", config)
    assert yaml.safe_load((tmp_path / "model" / "model.yaml").read_text())["steps"] == 0
    load_agent(tmp_path / "model")

    save_model(model, tmp_path / "model", config)
    assert yaml.safe_load((tmp_path / "model" / "model.yaml").read_text())["steps"] == 77
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_run_folder_means_its_best_model_else_its_last(copy: Path) -> None:
    assert load_agent(copy).name == str(copy)
    shutil.rmtree(copy / "best")
    load_agent(copy)
    shutil.rmtree(copy / "last")
    with pytest.raises(UserError, match="holds no model"):
        load_agent(copy)


def test_a_missing_model_is_named_with_what_is_allowed() -> None:
    with pytest.raises(UserError, match=r"'no/such' does not exist; allowed: a run folder, a model folder or 'random'"):
        load_agent("no/such")


@pytest.mark.parametrize("file", ["policy.safetensors", "model.yaml", "config.yaml"])
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
    path.write_text(path.read_text().replace("frame_stack: 4", "frame_stack: 2"))
    with pytest.raises(UserError, match=r"\(4, 84, 84\), the environment gives \(2, 84, 84\)"):
        load_agent(copy / "last")


def test_weights_of_another_shape_are_named(copy: Path, tmp_path: Path) -> None:
    config = tiny_config("observation.screen_size=64")
    save_model(build_algorithm(config, make_vec_env(config)), tmp_path / "other", config)
    shutil.copy(tmp_path / "other" / "policy.safetensors", copy / "last")
    with pytest.raises(UserError, match=r"features_extractor\.linear\.0\.weight has shape"):
        load_agent(copy / "last")


@pytest.mark.parametrize("shape", [(3, 87, 72), (1, 174, 144), (2, 210, 160)])
def test_the_padded_convolutions_leave_out_no_pixel(shape: tuple[int, int, int]) -> None:
    space = gym.spaces.Box(0, 255, shape, np.uint8)
    seen = {}
    for name, network in (("sb3", NatureCNN(space)), *((name, PaddedCNN(space, name)) for name in CNNS)):
        picture = torch.rand(1, *shape, requires_grad=True)
        network(picture).sum().backward()
        assert picture.grad is not None
        seen[name] = (picture.grad[0] != 0).any(dim=0).numpy()
    assert not seen["sb3"][-1].any(), "SB3's sees all of it too: it needs no padding"
    for name in CNNS:
        assert seen[name].any(axis=0).all() and seen[name].any(axis=1).all(), name


def test_where_nothing_is_padded_the_convolutions_are_sb3s() -> None:
    space = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    ours, sb3s = PaddedCNN(space, "nature"), NatureCNN(space)
    ours.load_state_dict(sb3s.state_dict())
    picture = torch.rand(2, 4, 84, 84)
    assert torch.equal(ours(picture), sb3s(picture))
