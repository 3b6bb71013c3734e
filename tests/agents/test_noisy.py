"""An agent's own noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rlbreakout.agents import build_algorithm, load_agent, save_model
from rlbreakout.agents.noisy import FIRST_SPREAD, NoisyLinear, NoisyPolicy
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.training import learn
from tests.conftest import twin_config

NOISY = ("network.noisy=true", "evaluation.every=0", "run.checkpoint_every=0", "steps=192")


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


def test_it_plays_without_noise_and_learns_with_it(tmp_path: Path) -> None:
    config = twin_config(*NOISY)
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


def test_a_training_draws_it_before_every_rollout_and_learns_its_spread(tmp_path: Path) -> None:
    config = twin_config(*NOISY)
    learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, progress_bar=False)
    spread = read_scalar(tmp_path, "train/noise_spread")
    assert spread.x.tolist() == [64, 128, 192] and len(set(spread.y.tolist())) == 3
