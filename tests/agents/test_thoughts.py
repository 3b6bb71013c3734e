"""What is shown of an agent's thoughts is what its own predict draws its actions from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from rlbreakout.agents import RandomPlayer
from rlbreakout.agents.thoughts import Mind
from rlbreakout.agents.value.agent import ValueAgent
from rlbreakout.envs import make_vec_env
from tests.conftest import dqn_config, twin_config

DRAWS = 3_000


@pytest.fixture(scope="module")
def games():
    return make_vec_env(twin_config("env.n_envs=1"))


def frequencies(player, seen) -> np.ndarray:
    """How often `predict` draws each action."""
    many = np.repeat(seen, DRAWS, axis=0)
    return np.bincount(player.predict(many, deterministic=False)[0], minlength=4) / DRAWS


@pytest.mark.parametrize("kind", [PPO, A2C])
def test_a_policys_probabilities_are_those_of_its_actions(kind, games) -> None:
    model = kind("MlpPolicy", games, seed=0)
    with torch.no_grad():
        model.policy.action_net.bias += torch.tensor([0.0, 1.0, -1.0, 0.5])
    seen = games.reset()
    thoughts = Mind(model).think(seen)
    np.testing.assert_allclose(thoughts.probabilities, frequencies(model, seen), atol=0.04)
    assert thoughts.choose(None) == model.predict(seen, deterministic=True)[0][0] == 1
    expected = model.policy.predict_values(torch.as_tensor(seen)).item()
    assert thoughts.value == pytest.approx(expected) and thoughts.q_values is None


@pytest.mark.parametrize("kind", [DQN, QRDQN])
def test_q_values_are_shown_and_their_best_action_is_taken(kind, games) -> None:
    model = kind("MlpPolicy", games, seed=0, buffer_size=10)
    model.exploration_rate = 0.2
    seen = games.reset()
    thoughts = Mind(model).think(seen)
    best = model.predict(seen, deterministic=True)[0][0]
    assert thoughts.choose(None) == best == thoughts.q_values.argmax()
    assert thoughts.value == thoughts.q_values.max()
    assert thoughts.probabilities[best] == pytest.approx(0.85) and thoughts.probabilities.sum() == pytest.approx(1)


def test_a_recurrent_policy_remembers_as_it_does_by_itself(games) -> None:
    model = RecurrentPPO("MlpLstmPolicy", games, seed=0, n_steps=8)
    with torch.no_grad():
        model.policy.action_net.weight *= 100  # or all actions are alike
    mind, seen, state, start = Mind(model), games.reset(), None, np.array([True])
    for _ in range(30):
        action, state = model.predict(seen, state=state, episode_start=start, deterministic=True)
        assert mind.think(seen).choose(None) == action[0]
        start = np.array([False])
        seen = games.step(action)[0]
    np.testing.assert_allclose(mind._memory.pi[0].numpy(), state[0], atol=1e-6)


def test_the_value_agent_and_the_random_player() -> None:
    config = dqn_config("env.n_envs=1")
    games = make_vec_env(config)
    agent = ValueAgent(config, games.observation_space, games.action_space, learns=False)
    seen = games.reset()
    thoughts = Mind(agent).think(seen)
    np.testing.assert_allclose(thoughts.q_values, agent.q_values(seen)[0])
    np.random.seed(0)
    np.testing.assert_allclose(thoughts.probabilities, frequencies(agent, seen), atol=0.01)
    assert Mind(RandomPlayer(4, 0)).think(seen).probabilities.tolist() == [0.25] * 4
    with pytest.raises(TypeError, match="nobody knows what a str thinks"):
        Mind("somebody")  # type: ignore[arg-type]
