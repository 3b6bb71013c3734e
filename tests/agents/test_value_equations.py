"""Q-learning's equations against values computed by hand."""

import numpy as np
import pytest
import torch

from rlbreakout.agents.value import equations


def test_the_returns_of_a_short_game():
    # From the end: 4, then 0 + 0.5 * 4, then 1 + 0.5 * 2.
    assert equations.returns(np.array([1.0, 0.0, 4.0]), 0.5).tolist() == [2.0, 2.0, 4.0]


def test_the_returns_of_a_lost_game_are_punished_after_its_last_step():
    # 1 + 0.5 * -10 = -4, then 2 + 0.5 * -4 = 0.
    assert equations.returns(np.array([2.0, 1.0]), 0.5, last=-10.0).tolist() == [0.0, -4.0]


def test_normalised_returns_have_mean_0_and_deviation_1():
    values = equations.normalised(torch.tensor([1.0, 3.0]))
    assert values.tolist() == pytest.approx([-1.0, 1.0])


def test_the_q_target_with_and_without_termination():
    rewards, next_values = torch.tensor([1.0, 1.0]), torch.tensor([10.0, 10.0])
    target = equations.q_target(rewards, 0.9, next_values, torch.tensor([0.0, 1.0]))
    assert target.tolist() == pytest.approx([10.0, 1.0])


def test_dqn_takes_the_best_value_of_the_target_network_and_double_dqn_that_of_the_networks_choice():
    q_next = torch.tensor([[1.0, 5.0, 2.0], [0.0, -1.0, -2.0]])
    target_next = torch.tensor([[7.0, 3.0, 9.0], [4.0, 8.0, 6.0]])
    assert equations.best_value(target_next).tolist() == [9.0, 8.0]
    assert equations.double_value(q_next, target_next).tolist() == [3.0, 4.0]


def test_dueling_keeps_the_mean_of_the_advantages_out_of_the_value():
    q = equations.dueling(torch.tensor([[10.0]]), torch.tensor([[1.0, 2.0, 6.0]]))
    assert q.tolist() == [[8.0, 9.0, 13.0]]


def test_the_return_of_three_steps_and_of_three_steps_with_an_end_between():
    rewards = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    ends = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    values, ended = equations.n_step_return(rewards, ends, 0.5)
    assert values.tolist() == [3.0, 2.0]  # 1 + 0.5 * 2 + 0.25 * 4; the 4 belongs to the next game
    assert ended.tolist() == [0.0, 1.0]


def test_epsilon_falls_along_a_line_and_stays():
    assert [equations.epsilon(steps, 1.0, 0.1, 9) for steps in (0, 1, 5, 9, 100)] == pytest.approx(
        [1.0, 0.9, 0.5, 0.1, 0.1]
    )


def test_priorities_and_their_correction():
    priorities = equations.priority(np.array([0.0, -4.0, 9.0]), 0.5)
    assert priorities == pytest.approx([0.001, 2.0, 3.0], rel=1e-3)
    # N P = 2, 1/2 of three; with beta 1 the weights are 1/2 and 2, divided by the largest.
    weights = equations.importance_weight(np.array([2 / 3, 1 / 6]), 3, 1.0)
    assert weights.tolist() == pytest.approx([0.25, 1.0])
    assert equations.importance_weight(np.array([2 / 3, 1 / 6]), 3, 0.5).tolist() == pytest.approx([0.5, 1.0])
