"""What the value-based agent remembers, against what the environment showed."""

import numpy as np
import psutil
import pytest

from rlbreakout.agents.value.agent import channels_first
from rlbreakout.agents.value.replay import Game, GameMemory, NothingToLearnYet, TransitionMemory, game_values
from rlbreakout.agents.value.sum_tree import SumTree
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, EnvConfig, ObservationConfig
from rlbreakout.envs import make_vec_env

HALF_TRIMMED = (1, 87, 72)
FALSE = np.zeros(1, dtype=bool)


def picture(number):
    return np.full((1, 1, 1, 1), number, dtype=np.uint8)


def remember(memory, numbers, *, terminated=(), truncated=(), rewards=None):
    """Pictures that show their number, one step each."""
    for number in numbers:
        memory.add(
            picture(number),
            np.array([number % 4]),
            np.array([float(number) if rewards is None else rewards]),
            np.array([number in terminated]),
            np.array([number in truncated]),
        )


def drawn(memory, times=400):
    """{newest picture of the state: (state, next state, reward, end)} of many draws."""
    found = {}
    for _ in range(times // 20):
        batch = memory.sample(20)
        for state, after, reward, end in zip(batch.states, batch.next_states, batch.rewards, batch.ends, strict=True):
            found[int(state[-1, 0, 0])] = (state.ravel().tolist(), after.ravel().tolist(), float(reward), float(end))
    return found


def test_a_memory_takes_what_it_says_and_is_refused_where_there_is_less(monkeypatch):
    memory = TransitionMemory(100_000, 8, HALF_TRIMMED, stack=4)
    taken = sum(part.nbytes for part in vars(memory).values() if isinstance(part, np.ndarray))
    assert memory.rows * memory.n_envs == 100_000 and taken == pytest.approx(628e6, rel=0.01)
    free = psutil.virtual_memory()._replace(available=627_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(UserError, match=r"100,000 transitions take 628 MB, and 627 MB are free"):
        TransitionMemory(100_000, 8, HALF_TRIMMED)


@pytest.mark.parametrize("prioritised", [False, True])
def test_stacks_do_not_reach_into_the_episode_before(prioritised):
    memory = TransitionMemory(50, 1, (1, 1, 1), stack=3, prioritised=prioritised)
    remember(memory, range(1, 9), terminated={4})
    found = drawn(memory)
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]  # what follows 8 is not known yet
    assert found[1][0] == [0, 0, 1]
    assert found[3] == ([1, 2, 3], [2, 3, 4], 3.0, 0.0)
    assert found[4][0] == [2, 3, 4] and found[4][3] == 1.0
    assert found[5][0] == [0, 0, 5] and found[6][0] == [0, 5, 6]


@pytest.mark.parametrize("prioritised", [False, True])
def test_after_the_wrap_around_only_whole_stacks_are_drawn(prioritised):
    memory = TransitionMemory(10, 1, (1, 1, 1), stack=3, prioritised=prioritised)
    remember(memory, range(1, 26))
    found = drawn(memory)
    assert sorted(found) == [18, 19, 20, 21, 22, 23, 24]  # 16 and 17 have lost a part of their stacks
    assert all(state == [number - 2, number - 1, number] for number, (state, *_) in found.items())
    assert all(after[-1] == number + 1 for number, (_, after, *_) in found.items())


@pytest.mark.parametrize("prioritised", [False, True])
def test_n_steps_sum_up_to_the_end_of_the_game_and_no_further(prioritised):
    memory = TransitionMemory(50, 1, (1, 1, 1), n_step=3, gamma=0.5, prioritised=prioritised)
    remember(memory, range(1, 10), terminated={5}, rewards=1.0)
    found = drawn(memory)
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert found[1] == ([1], [4], 1.75, 0.0)
    assert [found[number][2:] for number in (3, 4, 5)] == [(1.75, 1.0), (1.5, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize("prioritised", [False, True])
def test_what_followed_a_truncation_is_not_learned_from(prioritised):
    memory = TransitionMemory(50, 1, (1, 1, 1), n_step=2, prioritised=prioritised)
    remember(memory, range(1, 10), truncated={4}, terminated={6})
    # 3 and 4 lead to a state that was not kept; 5 and 6 end; of 8 and 9 the next state is not there yet.
    assert sorted(drawn(memory)) == [1, 2, 5, 6, 7]


def test_a_step_is_learned_from_when_its_return_is_known():
    memory = TransitionMemory(20, 1, (1, 1, 1))
    for number in range(1, 5):
        memory.add(picture(number), np.array([0]), np.array([7.0]), FALSE, FALSE, ready=False)
    with pytest.raises(NothingToLearnYet):
        memory.sample(1)
    memory.complete(0, np.array([30.0, 40.0]))
    assert {number: values[2] for number, values in drawn(memory).items()} == {3: 30.0}


def test_prioritised_replay_draws_in_proportion_to_the_error_and_corrects_for_it():
    memory = TransitionMemory(40, 1, (1, 1, 1), prioritised=True, priority_exponent=0.5)
    remember(memory, range(1, 22))
    batch = memory.sample(1)
    assert batch.weights.tolist() == [1.0]
    places = np.arange(20)
    errors = np.full(20, 1.0)
    errors[4] = 16.0  # priority 4, among 19 of 1
    memory.update_priorities(places, errors)
    batches = [memory.sample(23, importance_exponent=1.0) for _ in range(200)]
    share = np.mean([batch.places == 4 for batch in batches])
    assert share == pytest.approx(4 / 23, abs=0.01)
    batch = next(b for b in batches if 4 in b.places and 5 in b.places)
    weights = dict(zip(batch.places.tolist(), batch.weights.tolist(), strict=True))
    assert weights[4] / weights[5] == pytest.approx(0.25, rel=1e-4)


def test_the_sum_tree_finds_what_the_running_sum_finds():
    tree = SumTree(13)
    priorities = np.array([0, 3, 0, 1, 2, 0, 0, 5, 1, 0, 0, 4, 0], dtype=float)
    tree.set(np.arange(13), priorities)
    assert tree.total == 16.0
    shares = np.arange(0, 16, 0.25)
    assert tree.find(shares).tolist() == np.searchsorted(np.cumsum(priorities), shares, side="right").tolist()
    tree.set(np.array([7, 7, 11]), np.array([0.0, 0.0, 1.0]))
    assert tree.total == 8.0 and tree.get(np.array([7, 11])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "observation",
    [
        ObservationConfig(kind="image", half=True, frame_stack=4),
        ObservationConfig(kind="image", half=True, mode="grey_1dim", trim="keep", frame_stack=4, frames_between=4),
    ],
)
def test_a_sampled_stack_is_the_one_that_the_environment_showed(observation):
    """Through lost lives, ends of games and a wrap-around."""
    env_config = EnvConfig(n_envs=3, vec_env="twin", max_pool=False, noop_max=5)
    if observation.frames_between:
        env_config.frame_skip = 1
    config = Config(env=env_config, observation=observation)
    env = make_vec_env(config)
    stack = 1 if observation.frames_between else 4
    memory = TransitionMemory(600, 3, (4 // stack, *env.observation_space.shape[:2]), stack=stack)
    random, shown, ended = np.random.default_rng(0), [], 0
    observations = env.reset()
    for _ in range(300):
        actions = random.integers(4, size=3)
        shown.append(channels_first(observations).copy())
        newest = channels_first(observations[..., -(4 // stack) :])
        observations, rewards, dones, infos = env.step(actions)
        ended += sum("episode" in info for info in infos)
        memory.add(newest, actions, rewards, dones, np.zeros(3, dtype=bool))
    env.close()
    assert ended >= 1 and memory.rows == 200
    for step in range(100 + stack - 1, 300):
        rows = np.full(3, step % memory.rows)
        np.testing.assert_array_equal(memory.states(rows, np.arange(3)), shown[step])


# Whole games


def game(numbers, *, score=1.0, rewards=None, truncated=False, use_returns=True, discount=0.95, punishment=0.0):
    pictures = np.array(numbers, dtype=np.uint8).reshape(-1, 1, 1, 1)
    rewards = np.zeros(len(numbers)) if rewards is None else np.array(rewards)
    settings = {"use_returns": use_returns, "discount": discount, "punishment": punishment}
    values = game_values(rewards, truncated=truncated, **settings)
    return Game(pictures, np.zeros(len(numbers), dtype=int), values, score)


def test_a_minibatch_of_games_is_all_of_their_steps_in_order():
    memory = GameMemory(10, stack=2)
    memory.add(game([1, 2, 3], rewards=[0, 0, 4], discount=0.5, punishment=-2.0))
    batch = memory.sample(5)
    assert batch.states.reshape(3, 2).tolist() == [[0, 1], [1, 2], [2, 3]]
    assert batch.next_states.reshape(3, 2).tolist()[:2] == [[1, 2], [2, 3]]
    assert batch.ends.tolist() == [0.0, 0.0, 1.0]
    assert batch.rewards.tolist() == [0.75, 1.5, 3.0]  # 4 + 0.5 * -2 at the end


def test_rewards_instead_of_returns_and_no_punishment_for_a_game_that_was_cut_off():
    memory = GameMemory(10)
    memory.add(game([1, 2], rewards=[1, 4], punishment=-2.0, use_returns=False))
    assert memory.sample(1).rewards.tolist() == [1.0, 2.0]
    memory = GameMemory(10)
    memory.add(game([1, 2], rewards=[1, 4], truncated=True, punishment=-2.0, use_returns=False))
    assert memory.sample(1).rewards.tolist() == [1.0, 4.0]


def test_only_games_with_enough_reward_are_remembered_and_a_share_of_the_others():
    memory = GameMemory(1_000, minimum_reward=2.0, remember_fraction=0.25)
    kept = sum(memory.add(game([1], score=2.0)) for _ in range(400))
    assert 60 < kept < 140
    assert all(memory.add(game([1], score=3.0)) for _ in range(50))


def test_a_rising_minimum_freezes_the_memory():
    memory = GameMemory(1_000, games_a_point=100, remember_fraction=0.0)
    kept = [number for number in range(1_000) if memory.add(game([1], score=3.0), number)]
    assert kept == list(range(300))  # from game 300 on a score of 3 is not enough


def test_the_oldest_games_are_forgotten_by_number_and_by_bytes(monkeypatch):
    memory = GameMemory(2)
    for number in (1, 2, 3):
        memory.add(game([number]))
    assert sorted(memory.sample(5).states.ravel().tolist()) == [2, 3]
    monkeypatch.setattr("rlbreakout.agents.value.replay.MOST_MEGABYTES", 1)
    memory = GameMemory(100)
    large = np.zeros((50, 1, 100, 100), dtype=np.uint8)
    for _ in range(5):
        memory.add(Game(large, np.zeros(50, dtype=int), np.zeros(50), 1.0))
    assert len(memory) == 2  # of half a megabyte each
    with pytest.raises(NothingToLearnYet):
        GameMemory(3).sample(1)
