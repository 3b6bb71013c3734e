"""The emulator: how it is loaded, and the state of a game from and into its memory."""

import numpy as np
import pytest

from rlbreakout.bench.exact import random_states
from rlbreakout.breakout.emulator import RAM_SIZE, from_ram, load_emulator, to_ram, write_ram
from rlbreakout.breakout.rules import FIRE, KNOB_START, LEFT, STATE, new_games


def test_it_is_quiet_and_just_after_reset(capfd: pytest.CaptureFixture[str]) -> None:
    ale = load_emulator()
    assert (ale.lives(), ale.game_over(), ale.getEpisodeFrameNumber()) == (5, False, 0)
    assert ale.getRAM().shape == (RAM_SIZE,)
    assert capfd.readouterr() == ("", "")


def ends_of_games(seed: int) -> list[bytes]:
    """The memory after 8 frames of LEFT under sticky actions, in six games."""
    ale, ends = load_emulator(repeat_action_probability=0.5, seed=seed), []
    actions = ale.getMinimalActionSet()
    for _ in range(6):
        ale.reset_game()
        for _ in range(8):
            ale.act(actions[LEFT])
        ends.append(ale.getRAM().tobytes())
    return ends


def test_its_sticky_actions_depend_on_the_seed() -> None:
    assert len(set(ends_of_games(1))) > 1
    assert ends_of_games(1) == ends_of_games(1) != ends_of_games(2)


def test_nothing_sticks_unless_it_is_asked_for() -> None:
    ale = load_emulator()
    paddles = []
    for action in (LEFT, FIRE, FIRE):
        ale.act(ale.getMinimalActionSet()[action])
        paddles.append(int(from_ram(ale.getRAM(), 0)["reading"][0]))
    assert paddles[0] > new_games(1)["reading"][0]
    assert paddles[0] == paddles[1] == paddles[2]


def test_it_ends_a_game_after_max_frames() -> None:
    ale, frames = load_emulator(max_frames=100), 0
    while not ale.game_over():
        ale.act(0)
        frames += 1
    assert frames == 100


def test_what_was_written_is_read() -> None:
    ram = load_emulator().getRAM()
    states = random_states(500, np.random.default_rng(0))
    states["shown_lives"], states["shown_score"] = states["lives"], states["score"]
    rams = np.stack([to_ram(state, ram) for state in states])
    assert from_ram(rams, states["knob"]).tobytes() == states.tobytes()
    again = np.stack([to_ram(state, other) for state, other in zip(states, rams, strict=True)])
    assert np.array_equal(again, rams)


def test_many_memories_are_read_as_one_by_one() -> None:
    ale, random = load_emulator(), np.random.default_rng(0)
    rams, knobs = [], np.arange(200) + KNOB_START
    for action in random.integers(4, size=200).tolist():
        ale.act(ale.getMinimalActionSet()[action])
        rams.append(ale.getRAM())
    states = from_ram(np.stack(rams), knobs)
    assert states.dtype == STATE and states.shape == (200,)
    for ram, knob, state in zip(rams, knobs.tolist(), states, strict=True):
        assert from_ram(ram, knob).tobytes() == state.tobytes()
    assert np.array_equal(from_ram(np.stack(rams)[::2], 5)["ball_x"], states["ball_x"][::2])


def test_writing_changes_only_the_memory_that_it_was_given() -> None:
    ale = load_emulator()
    before = ale.getRAM()
    state = random_states(1, np.random.default_rng(0))[0]
    new = to_ram(state, before)
    assert np.array_equal(before, ale.getRAM())
    write_ram(ale, new)
    assert np.array_equal(ale.getRAM(), new)
