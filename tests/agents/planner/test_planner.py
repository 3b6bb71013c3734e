"""The planner as a player: what it believes, what it remembers, how it plays, and its model on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rlbreakout.agents import Agent, load_agent, save_model
from rlbreakout.agents.planner import Planner, ValueNetwork
from rlbreakout.agents.planner.belief import first_belief, learn
from rlbreakout.agents.thoughts import Mind
from rlbreakout.breakout.rules import FIRE, N_ACTIONS, STATE, new_games, play
from rlbreakout.breakout.screen import MOST_POINTS
from rlbreakout.common.errors import UserError
from rlbreakout.config import CONFIGS, Config, load_config, with_values
from rlbreakout.envs import make_evaluation_env
from rlbreakout.envs.twin_games import NEVER, hold_actions
from rlbreakout.evaluation import evaluate
from rlbreakout.observation.blocks import Blocks, draw_blocks, entries_of
from rlbreakout.observation.blocks.state import to_states
from rlbreakout.training import train
from tests.players import Player as Mixed


@pytest.fixture(scope="module")
def champion() -> Agent:
    return load_agent("champion")


# What it sees


def played(n: int = 12, steps: int = 500) -> np.ndarray:
    states, player, kept = new_games(n), Mixed(n, random=0.05), []
    for _ in range(steps):
        play(states, player.act(states), 4)
        kept.append(states.copy())
    return np.concatenate(kept)


def test_a_state_comes_back_from_the_block_as_it_was() -> None:
    states = played()
    values = Blocks(["state"], len(states)).compute(states)
    assert values.dtype == np.float32 and values.shape == (len(states), 126)
    assert np.array_equal(to_states(values), states)


def test_what_it_sees_is_drawn_as_the_screen() -> None:
    from rlbreakout.breakout.draw import draw_rgb

    states = played(4, 200)[-4:]
    vector = Blocks(["state"], 4).compute(states)[2]
    assert np.array_equal(draw_blocks(entries_of(["state"]), vector), draw_rgb(states)[2])


# What it believes


@pytest.mark.parametrize(("sticky", "skips"), [(0.25, [4]), (0.0, [4]), (0.5, [5]), (0.0, [2, 3, 4]), (0.25, [2])])
def test_it_finds_out_how_sticky_the_actions_are_and_how_long_a_step_is(sticky: float, skips: list[int]) -> None:
    random = np.random.default_rng(1)
    states, player, belief = new_games(1), Mixed(1, random=0.1), first_belief(1)
    executed, seeds = np.zeros(1, dtype=np.int64), np.array([7], dtype=np.uint64)
    work, copies = np.zeros(2, dtype=STATE), np.zeros(1, dtype=STATE)
    right = steps = 0
    for _ in range(1_500):
        if states["lives"][0] == 0:
            break
        action = player.act(states)
        belief.before[:], belief.action[:] = states, action
        points, frames, held = (
            np.zeros(1, dtype=np.int64),
            np.zeros(1, dtype=np.int64),
            np.array([random.choice(skips)]),
        )
        hold_actions(
            states, np.arange(1), action, held, executed, np.array([sticky]), seeds, False, NEVER, copies, copies,
            points, frames,
        )  # fmt: skip
        learn(belief, 0, states[0], work)
        steps, right = steps + 1, right + (belief.executed[0] == executed[0])
    assert steps > 300 and right / steps > 0.97
    found = belief.frames[0] / belief.frames[0].sum()
    assert set(np.flatnonzero(found > 0.02)) == set(skips)
    assert belief.repeats[0] / belief.chances[0] == pytest.approx(sticky, abs=0.08)


# How it plays


@pytest.mark.parametrize("env_id", ["ALE/Breakout-v5", "BreakoutNoFrameskip-v4", "Breakout-v4"])
def test_it_clears_both_walls_in_the_twin(champion: Agent, env_id: str) -> None:
    assert evaluate(champion, env="twin", env_id=env_id, games=1, seed=5).scores == [MOST_POINTS]


def test_without_anything_learned_it_plays_well_too() -> None:
    agent = Agent(Planner(ValueNetwork()), load_config(CONFIGS / "7.4_champion.yaml"), "untrained")
    assert evaluate(agent, env="twin", games=2, seed=5, greedy=True).mean > 400


def test_it_plays_the_real_game(champion: Agent) -> None:
    """A hundred steps with an emulator: no ball is lost, which a random player loses in 30."""
    env = make_evaluation_env(champion.config, n_envs=2, seed=3)
    observations, memory, starts = env.reset(), None, np.ones(2, dtype=bool)
    for _ in range(400):
        actions, memory = champion.player.predict(observations, memory, starts)
        observations, _, starts, infos = env.step(actions)
    env.close()
    assert [info["lives"] for info in infos] == [5, 5]
    assert (to_states(observations)["score"] > 10).all()
    assert memory.belief.frames.argmax(axis=1).tolist() == [4, 4]


def test_each_game_has_a_memory_of_its_own(champion: Agent) -> None:
    """Games side by side are played as they are alone."""
    config = with_values(champion.config, {"env.repeat_action_probability": 0.25})
    together = make_evaluation_env(config, n_envs=3, seed=0, twin=True)
    observations, memory, starts = together.reset(), None, np.ones(3, dtype=bool)
    seen = []
    for _ in range(150):
        actions, memory = champion.player.predict(observations, memory, starts, deterministic=True)
        seen.append((observations[1], actions[1]))
        observations, _, starts, _ = together.step(actions)
    memory = None
    for step, (alone, action) in enumerate(seen):
        chosen, memory = champion.player.predict(alone[None], memory, np.array([step == 0]), deterministic=True)
        assert chosen[0] == action


def test_a_game_that_begins_again_is_a_game_of_its_own(champion: Agent) -> None:
    states = Blocks(["state"], 1).compute(new_games(1))
    _, memory = champion.player.predict(states)
    memory.belief.frames[0] = [0, 0, 9, 0, 0, 0, 0]
    _, memory = champion.player.predict(states, memory, np.array([True]))
    assert memory.belief.frames[0].argmax() == 4 and memory.belief.executed[0] == 0


def test_it_launches_the_ball_and_is_the_same_for_the_same_seed(champion: Agent) -> None:
    waiting = Blocks(["state"], 2).compute(new_games(2))
    for greedy in (False, True):
        assert champion.player.predict(waiting, deterministic=greedy)[0].tolist() == [FIRE, FIRE]

    def played(seed: int) -> list[list[int]]:
        assert hasattr(champion.player, "reseed")
        champion.player.reseed(seed)
        env = make_evaluation_env(champion.config, n_envs=2, seed=1, twin=True)
        observations, memory, starts, chosen = env.reset(), None, np.ones(2, dtype=bool), []
        for _ in range(150):
            actions, memory = champion.player.predict(observations, memory, starts)
            chosen.append(actions.tolist())
            observations, _, starts, _ = env.step(actions)
        return chosen

    assert played(1) == played(1) != played(2)


def test_its_thoughts_are_what_it_plays(champion: Agent) -> None:
    states = np.concatenate([played(1, 60)])
    mind, memory = Mind(champion.player), None
    action = None
    for state in Blocks(["state"], len(states)).compute(states):
        thoughts = mind.think(state[None], action)
        chosen, memory = champion.player.predict(state[None], memory, deterministic=True)
        action = int(chosen[0])
        assert thoughts.q_values is not None and thoughts.value == pytest.approx(thoughts.q_values.max())
        assert thoughts.choose(None) == action and thoughts.probabilities.sum() == pytest.approx(1)
        assert thoughts.probabilities.shape == (N_ACTIONS,)


# On disk


def test_a_model_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    network = ValueNetwork()
    torch.nn.init.normal_(network.last.weight)
    config = load_config(CONFIGS / "7.4_champion.yaml")
    folder = save_model(Planner(network), tmp_path / "planner", config, steps=7)
    assert sorted(file.name for file in folder.iterdir()) == ["config.yaml", "model.yaml", "policy.safetensors"]
    loaded = load_agent(folder)
    assert isinstance(loaded.player, Planner) and loaded.config == config
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.player.policy.state_dict()[name])
    (folder / "policy.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged or cut off"):
        load_agent(folder)


def test_only_what_a_planner_sees_is_allowed_and_train_says_who_trains_it() -> None:
    config = load_config(CONFIGS / "7.4_champion.yaml")
    with pytest.raises(
        ValueError, match=r"planner cannot take observation.kind .*allowed: coordinates, \[state\] and 1"
    ):
        with_values(config, {"observation.blocks": ["now"]})
    with pytest.raises(ValueError, match="planner cannot take"):
        Config.model_validate({"algorithm": "planner"})
    with pytest.raises(UserError, match=r"allowed: ppo or value\. Lesson 7.4"):
        train(config)


def test_it_plays_in_other_games_than_its_own(champion: Agent) -> None:
    other = replace(champion, config=with_values(champion.config, {"env.frame_skip": 2, "env.noop_max": 0}))
    assert evaluate(other, env="twin", games=1, seed=2).mean > 400


def test_long_steps_are_planned_far_enough_ahead(champion: Agent) -> None:
    """In this game of steps of 6 frames, a search over the joystick of only 32 frames loses all lives at 475 points."""
    other = replace(champion, config=with_values(champion.config, {"env.frame_skip": 6, "env.noop_max": 0}))
    assert evaluate(other, env="twin", games=1, seed=4).scores == [MOST_POINTS]
