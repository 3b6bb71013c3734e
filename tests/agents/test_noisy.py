"""An agent's own noise."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.noisy import FIRST_SPREAD, NoisyLinear, NoisyPolicy
from rlbreakout.agents.save_load import load_agent, save_model
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, load_config, parse_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.training.train import train
from tests.conftest import ROOT


def noisy_config() -> Config:
    few = {"env.n_envs": 4, "ppo.n_steps": 64, "ppo.batch_size": 64, "steps": 768, "evaluation.every": 0}
    return with_values(load_config(ROOT / "configs" / "3.4_emulator.yaml"), {**few, "network.noisy": True})


def test_the_mean_of_many_draws_is_the_layer_and_the_spread_is_the_papers() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Linear(16, 4)
    layer, values = NoisyLinear(plain), torch.randn(3, 16)
    assert torch.allclose(layer(values), plain(values))  # no noise was drawn yet
    outputs = []
    for _ in range(4_000):
        layer.draw()
        outputs.append(layer(values).detach())
    assert torch.allclose(torch.stack(outputs).mean(dim=0), plain(values), atol=0.06)
    # E f(x)^2 = E|x| = sqrt(2 / pi) for a standard normal x; the noise of a weight is the product of two of them.
    factor = np.sqrt(2 / np.pi)
    expected = (FIRST_SPREAD / 4) ** 2 * (values.square().sum(dim=1) * factor**2 + factor)
    assert torch.allclose(torch.stack(outputs).var(dim=0).mean(dim=1), expected.float(), rtol=0.1)
    layer.quiet = True
    assert torch.allclose(layer(values), plain(values))


def test_it_plays_without_noise_and_learns_with_it(tmp_path) -> None:
    config = noisy_config()
    env = make_vec_env(config)
    model = build_algorithm(config, env)
    observations = np.asarray(env.reset())
    policy = model.policy
    assert isinstance(policy, NoisyPolicy)

    def probabilities() -> torch.Tensor:
        return policy.get_distribution(torch.as_tensor(observations)).distribution.probs.detach()  # type: ignore[union-attr]

    first, played = probabilities(), policy.predict(observations, deterministic=True)[0]
    policy.action_net.draw()
    assert not torch.equal(probabilities(), first)
    assert np.array_equal(policy.predict(observations, deterministic=True)[0], played)
    save_model(model, tmp_path / "model", config)
    loaded = load_agent(tmp_path / "model").player
    assert np.array_equal(loaded.predict(observations, deterministic=True)[0], played)
    env.close()


def test_a_training_draws_it_before_every_rollout_and_learns_its_spread(tmp_path) -> None:
    run = train(noisy_config(), tmp_path / "run", progress_bar=False)
    spread = read_scalar(run, "train/noise_spread")
    assert spread.x.tolist() == [256, 512, 768] and len(set(spread.y.tolist())) == 3


def test_noise_without_its_layer_is_refused() -> None:
    with pytest.raises(
        (UserError, ValidationError), match=r"network\.noisy is true; allowed: false, or policy MlpPolicy"
    ):
        parse_config({"network": {"noisy": True}})
