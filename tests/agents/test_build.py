"""From a config to an algorithm of Stable-Baselines3, and the networks that it has."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.torch_layers import NatureCNN

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.networks import CNNS, MotionCNN, PaddedCNN, Places, Standardized
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env
from tests.conftest import twin_config


def build(config: Config):
    env = make_vec_env(config)
    try:
        return build_algorithm(config, env)
    finally:
        env.close()


def test_hyperparameters_of_the_config_reach_ppo() -> None:
    settings = ("ppo.gamma=0.5", "ppo.learning_rate=lin_1e-3", "ppo.clip_range=0.3", "ppo.ent_coef=0.25", "seed=9")
    model = build(twin_config(*settings, "network.net_arch=[8, 4]", "network.activation=relu"))
    assert (model.gamma, model.ent_coef, model.seed, model.n_steps) == (0.5, 0.25, 9, 16)
    assert [model.lr_schedule(left) for left in (1.0, 0.5)] == [1e-3, 5e-4]
    assert model.clip_range(0.5) == 0.3
    layers = [(type(part), getattr(part, "out_features", None)) for part in model.policy.mlp_extractor.policy_net]
    relu = (torch.nn.ReLU, None)
    assert layers == [(torch.nn.Linear, 8), relu, (torch.nn.Linear, 4), relu]


def test_small_networks_learn_on_the_cpu_even_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert build(twin_config()).device.type == "cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UserError, match=f"'{device}' is not available on this machine; allowed: auto, cpu"):
        build(twin_config(f"run.device={device}"))


@pytest.mark.parametrize("shape", [(3, 87, 72), (2, 210, 160)])
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


def test_pixels_are_standardized_with_the_statistics_of_the_first_batches_in_training() -> None:
    pixels, random = Standardized(4, 3, 2), torch.Generator().manual_seed(0)
    batches = torch.rand((Standardized.BATCHES, 5, 4, 3, 2), generator=random)
    pixels.eval()
    assert torch.equal(pixels(batches[0]), batches[0]), "nothing is known of the pixels yet"
    pixels.train()
    for batch in batches:
        pixels(batch)
    torch.testing.assert_close(pixels.mean, batches.mean(dim=(0, 1)))
    torch.testing.assert_close(pixels.variance, batches.var(dim=(0, 1), correction=0))
    known = pixels.mean.clone()
    standardized = pixels(batches[1] + 1)  # one batch too many
    assert torch.equal(pixels.mean, known)
    torch.testing.assert_close(standardized, (batches[1] + 1 - known) / pixels.variance.sqrt())


def test_a_pixel_that_is_hardly_ever_lit_is_divided_by_a_least_deviation() -> None:
    pixels = Standardized(4, 1, 1)
    pixels(torch.zeros(8, 4, 1, 1))
    seen = pixels.eval()(torch.ones(1, 4, 1, 1))
    torch.testing.assert_close(seen, torch.full_like(seen, 1 / Standardized.LEAST_DEVIATION))


def test_a_soft_argmax_says_in_which_column_a_ball_is() -> None:
    places = Places(channels=2, height=87, width=72)
    torch.nn.init.constant_(places.weights, 0.03)  # the mean of what it begins with
    columns = [3, 40, 70]
    pictures = torch.zeros(3, 2, 87, 72)
    for picture, column in zip(pictures, columns, strict=True):
        picture[1, 50:52, column] = 1 / Standardized.LEAST_DEVIATION
    found = places(pictures).reshape(3, 2, 2, Places.POINTS)  # picture, channel, column and logarithm, point
    torch.testing.assert_close(found[:, 0, 0], torch.zeros(3, Places.POINTS), atol=1e-6, rtol=0)  # nothing is there
    found_columns = (found[:, 1, 0] + 1) / 2 * 71
    assert (found_columns - torch.tensor(columns)[:, None]).abs().max() < 0.1
    assert (found[:, 1, 1] > found[:, 0, 1]).all()


def test_motion_is_what_appears_and_what_has_vanished_since_the_first_picture() -> None:
    network = MotionCNN(gym.spaces.Box(0, 255, (3, 87, 72), np.uint8)).eval()
    seen: list[torch.Tensor] = []
    network.standardized.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0][0]))
    pictures = torch.zeros(1, 3, 87, 72)
    pictures[0, :, 5, 5] = 1  # a brick
    for number, row in enumerate((10, 12, 14)):
        pictures[0, number, row, 30] = 1  # a ball
    assert network(pictures).shape == (1, network.features_dim)
    lit = [[tuple(place) for place in channel.nonzero().tolist()] for channel in seen[0]]
    assert lit == [[(12, 30)], [(14, 30)], [(10, 30)], [(5, 5), (14, 30)]]
