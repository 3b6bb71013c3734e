"""The value-based agent: what it learns on a problem with a known answer, how it acts, what it refuses."""

import math
import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlbreakout.agents.save_load import load_agent, save_model
from rlbreakout.agents.value import ValueAgent
from rlbreakout.agents.value.replay import Batch, Game, GameMemory, TransitionMemory
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, load_config, parse_config

SCREEN = gym.spaces.Box(0, 255, (4, 4, 1), np.uint8)
TWO_ACTIONS = gym.spaces.Discrete(2)

# Two states, 0 and 1, shown as a black and a white picture. (reward, next state, or None at the end) of each action.
TOY = {0: {0: (0.0, 0), 1: (1.0, 1)}, 1: {0: (0.0, 0), 1: (2.0, None)}}
GAMMA = 0.8
# By hand: V(0) = 1 + 0.8 V(1), because leaving pays, and V(1) = 0.8 V(0), because coming back pays more than 2.
V0 = 1 / (1 - GAMMA**2)
ANSWER = np.array([[GAMMA * V0, V0], [GAMMA * V0, 2.0]])


def small_config(**value) -> Config:
    network = {"channels": [4], "kernels": [2], "strides": [2], "paddings": [0], "hidden": [16], "dueling": False}
    defaults = {
        "network": {**network, **value.pop("network", {})},
        "optimizer": {"learning_rate": 5e-3, "eps": 1e-8},
        "memory_size": 500,
        "start_training": 32,
        "gamma": GAMMA,
    }
    return parse_config(
        {
            "algorithm": "value",
            "steps": 4_000,
            "observation": {"kind": "image", "frame_stack": 1},
            "env": {"max_pool": False, "episodic_life": False},
            "value": {**defaults, **value},
        }
    )


def screen(state: int) -> np.ndarray:
    return np.full((1, 4, 4, 1), 255 * state, dtype=np.uint8)


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"double": True, "network": {"dueling": True}, "prioritised": True, "loss": "mse"},
    ],
)
def test_q_values_come_close_to_a_known_answer(variant) -> None:
    agent = ValueAgent(small_config(**variant), SCREEN, TWO_ACTIONS)
    assert isinstance(agent.memory, TransitionMemory)
    random, state = np.random.default_rng(0), 0
    for _ in range(500):
        action = int(random.integers(2))
        reward, after = TOY[state][action]
        ended = after is None
        agent.memory.add(
            np.moveaxis(screen(state), -1, 1),
            np.array([action]),
            np.array([reward]),
            np.array([ended]),
            np.array([False]),
        )
        state = 0 if ended else after
    for update in range(1_000):
        if update == 750:
            agent.policy.optimizer.param_groups[0]["lr"] = 5e-4
        agent.num_timesteps = update
        agent.learn()
        if update % 20 == 0:
            agent.reset_target()
    found = agent.q_values(np.concatenate([screen(0), screen(1)]))
    assert found == pytest.approx(ANSWER, rel=0.03)


def batch_of(rewards, ends) -> Batch:
    n = len(rewards)
    states = np.zeros((n, 1, 4, 4), dtype=np.uint8)
    states[1:] = 255
    return Batch(
        states,
        np.zeros(n, dtype=np.int64),
        np.array(rewards, dtype=np.float32),
        states[::-1].copy(),
        np.array(ends, dtype=np.float32),
        np.ones(n, dtype=np.float32),
        np.arange(n),
    )


def test_the_published_targets_are_normalised_returns_plus_the_target_networks_best_value() -> None:
    agent = ValueAgent(small_config(memory="games", targets="returns"), SCREEN, TWO_ACTIONS)
    batch = batch_of([1.0, 3.0], [0.0, 1.0])
    with torch.no_grad():
        promised = agent.target(torch.as_tensor(batch.next_states)).max(dim=1).values[0].item()
    assert agent.targets(batch).tolist() == pytest.approx([-1 + GAMMA * promised, 1.0], abs=1e-5)


def test_n_steps_discount_the_later_state_with_the_power_of_gamma() -> None:
    agent = ValueAgent(small_config(n_step=3), SCREEN, TWO_ACTIONS)
    batch = batch_of([1.0, 1.0], [0.0, 0.0])
    with torch.no_grad():
        promised = agent.target(torch.as_tensor(batch.next_states)).max(dim=1).values
    assert agent.targets(batch).tolist() == pytest.approx((1 + GAMMA**3 * promised).tolist(), abs=1e-5)


def test_the_target_network_changes_only_when_it_is_copied() -> None:
    agent = ValueAgent(small_config(), SCREEN, TWO_ACTIONS)
    before = {name: weights.clone() for name, weights in agent.target.state_dict().items()}
    agent.learn_from(batch_of([5.0, 5.0], [1.0, 1.0]))
    assert all(torch.equal(weights, before[name]) for name, weights in agent.target.state_dict().items())
    assert not all(torch.equal(weights, before[name]) for name, weights in agent.policy.state_dict().items())
    agent.reset_target()
    for name, weights in agent.target.state_dict().items():
        assert torch.equal(weights, agent.policy.state_dict()[name])


def test_large_minibatches_learn_in_parts_what_they_would_learn_at_once(monkeypatch) -> None:
    weights = []
    for at_once in (256, 2):
        monkeypatch.setattr("rlbreakout.agents.value.agent.AT_ONCE", at_once)
        agent = ValueAgent(small_config(), SCREEN, TWO_ACTIONS)
        agent.learn_from(batch_of([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 0.0, 1.0, 0.0, 1.0]))
        weights.append(torch.cat([part.flatten() for part in agent.policy.state_dict().values()]))
    torch.testing.assert_close(weights[0], weights[1], atol=1e-6, rtol=1e-4)


def test_gradients_are_clamped_entry_by_entry() -> None:
    agent = ValueAgent(small_config(gradient_clamp=0.01, loss="mse"), SCREEN, TWO_ACTIONS)
    agent.learn_from(batch_of([100.0, 100.0], [1.0, 1.0]))
    largest = max(part.grad.abs().max().item() for part in agent.policy.parameters())
    assert largest == pytest.approx(0.01)


def test_epsilon_counts_agent_steps_or_training_calls() -> None:
    exploration = {"initial": 1.0, "minimum": 0.1, "decay_steps": 10}
    by_steps = ValueAgent(small_config(exploration=exploration), SCREEN, TWO_ACTIONS)
    by_steps.num_timesteps, by_steps.updates = 5, 10
    assert by_steps.epsilon == pytest.approx(0.55)
    calls = {**exploration, "decay_over": "training_calls"}
    by_calls = ValueAgent(small_config(exploration=calls), SCREEN, TWO_ACTIONS)
    by_calls.num_timesteps, by_calls.updates = 10, 5
    assert by_calls.epsilon == pytest.approx(0.55)


def test_it_acts_greedily_but_for_epsilon() -> None:
    agent = ValueAgent(small_config(), SCREEN, TWO_ACTIONS)
    many = np.repeat(screen(1), 2_000, axis=0)
    best = int(agent.q_values(screen(1)).argmax())
    assert (agent.act(many, 0.0) == best).all()
    assert (agent.act(many, 0.5) == best).mean() == pytest.approx(0.75, abs=0.05)
    assert (agent.predict(many, deterministic=True)[0] == best).all()
    np.random.seed(0)
    assert (agent.predict(many)[0] != best).mean() == pytest.approx(0.005, abs=0.005)
    np.random.seed(0)
    assert (agent.predict(many)[0] != best).any()


def test_a_loss_that_is_no_number_leaves_the_weights_alone() -> None:
    agent = ValueAgent(small_config(loss="mse"), SCREEN, TWO_ACTIONS)
    before = {name: weights.clone() for name, weights in agent.policy.state_dict().items()}
    learned, _ = agent.learn_from(batch_of([math.inf, 1.0], [1.0, 1.0]))
    assert math.isnan(learned.loss)
    assert all(torch.equal(weights, before[name]) for name, weights in agent.policy.state_dict().items())


def test_a_kernel_that_does_not_fit_is_named_with_its_layer_and_the_sizes() -> None:
    network = {"channels": [4, 4], "kernels": [2, 3], "strides": [2, 1], "paddings": [0, 0]}
    with pytest.raises(
        UserError, match=r"convolution 2 has a kernel of 3x3 and gets pictures of 2x2; allowed: .*at most 2"
    ):
        ValueAgent(small_config(network=network), SCREEN, TWO_ACTIONS)
    padded = {**network, "paddings": [0, 1]}
    assert ValueAgent(small_config(network=padded), SCREEN, TWO_ACTIONS).q_values(screen(0)).shape == (1, 2)


def test_games_are_learned_from_whole() -> None:
    agent = ValueAgent(small_config(memory="games", targets="returns", punishment=-10.0), SCREEN, TWO_ACTIONS)
    assert isinstance(agent.memory, GameMemory)
    pictures = np.zeros((3, 1, 4, 4), dtype=np.uint8)
    agent.memory.add(Game(pictures, np.array([0, 1, 0]), np.array([0.0, 1.0, 0.0]), 1.0))
    assert math.isfinite(agent.learn().loss) and agent.updates == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value.network.kernels": [8, 4]}, "channels has 3, kernels has 2, .*allowed: "),
        (
            {"value.exploration.minimum": 1.0, "value.exploration.initial": 0.5},
            "minimum is 1; allowed: at most initial",
        ),
        ({"value.n_step": 3, "value.memory": "games"}, "n_step is 3 with memory games; allowed: 1, or memory: trans"),
        ({"value.prioritised": True, "value.targets": "returns"}, "prioritised is True with targets returns"),
        ({"value.remember_fraction": 0.5}, "remember_fraction and minimum_reward are for memory: games"),
        ({"value.start_training": 10}, "start_training is 10; allowed: at least batch_size, which is 32"),
        ({"value.punishment": -1, "env.episodic_life": True}, "env.episodic_life is true; allowed: false with"),
        ({"observation.kind": "coordinates"}, "algorithm value cannot take .*'coordinates'"),
        ({"observation.frames_between": 3}, "frames_between is 3; allowed: a multiple of env.frame_skip, which is 4"),
        ({"value.gamma": 1.5}, "value.gamma: 1.5 is not allowed"),
        ({"value.gama": 0.5}, "value.gama: unknown key; did you mean 'gamma'"),
        ({"value.network.kernel": [3]}, "value.network.kernel: unknown key; did you mean 'kernels'"),
    ],
)
def test_bad_settings_are_refused_in_one_line(changes, message, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(
        "{algorithm: value, observation: {kind: image}, env: {max_pool: false, episodic_life: false}}", encoding="utf-8"
    )
    with pytest.raises(UserError) as error:
        load_config(file, [f"{key}={value}" for key, value in changes.items()])
    assert re.search(message, str(error.value)) and "\n" not in str(error.value)


def test_a_saved_agent_plays_as_before_and_another_network_is_refused(tmp_path: Path) -> None:
    config = load_config("5.3_dqn", ["value.network.hidden=[24]", "value.memory_size=1000"])
    space = gym.spaces.Box(0, 255, (87, 72, 4), np.uint8)
    agent = ValueAgent(config, space, gym.spaces.Discrete(4), learns=False)
    save_model(agent, tmp_path / "model", config, counters={"games": 3})
    seen = np.random.default_rng(0).integers(256, size=(5, 87, 72, 4), dtype=np.uint8)
    again = load_agent(tmp_path / "model").player
    assert isinstance(again, ValueAgent)
    np.testing.assert_array_equal(again.q_values(seen), agent.q_values(seen))
    text = (tmp_path / "model" / "config.yaml").read_text().replace("- 24", "- 32")
    (tmp_path / "model" / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"hidden.0.weight has shape \(24, .*\), \(32, .*\) is needed"):
        load_agent(tmp_path / "model")
