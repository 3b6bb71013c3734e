"""The state inferred from screens, against what the emulator's memory says."""

import numpy as np
import pytest

from rlbreakout.breakout.draw import RGB, draw
from rlbreakout.breakout.emulator import from_ram, load_emulator, to_ram, write_ram
from rlbreakout.breakout.follow import Follower
from rlbreakout.breakout.rules import FIRE, KNOB_START, LEFT, NONE, PIXEL, RIGHT, STATE, new_games, play
from rlbreakout.common.errors import UserError

ALE_ACTIONS = (0, 1, 3, 4)
NOT_IN_RAM = ("knob", "shown_lives", "shown_score")


class Game:
    """A real game, played by one who knows only what the follower says."""

    def __init__(self, sticky: float = 0.25, skips: tuple[int, ...] = (4,), seed: int = 0) -> None:
        self.ale = load_emulator(repeat_action_probability=sticky, seed=seed)
        self.random = np.random.default_rng(seed)
        self.skips, self.aim, self.at_random = skips, 7, False

    def reset(self, no_ops: int = 0) -> None:
        self.ale.reset_game()
        self.at_random = bool(self.random.random() < 0.2)
        for _ in range(int(self.random.integers(no_ops + 1))):
            self.ale.act(0)

    def step(self, follower: Follower) -> int:
        """Play one step; returns the action that was sent."""
        state = follower.states[0]
        if self.random.random() < 0.02:
            self.aim = int(self.random.integers(-2, 15))
        off = (state["ball_x"] >> 8) - self.aim - state["paddle"]
        action = FIRE if state["ball_y"] < PIXEL else RIGHT if off > 3 else LEFT if off < -3 else NONE
        if self.at_random:
            action = int(self.random.integers(4))
        for _ in range(int(self.random.choice(self.skips))):
            self.ale.act(ALE_ACTIONS[action])
        return action

    @property
    def screen(self) -> np.ndarray:
        return self.ale.getScreen()[None]

    def is_among(self, states: np.ndarray) -> bool:
        """Whether the true state is one of these."""
        if self.ale.game_over():
            return bool((states["lives"] == 0).any())
        truth = from_ram(self.ale.getRAM(), KNOB_START)[0]
        alike = np.ones(len(states), dtype=bool)
        for name in STATE.names or ():
            if name == "clock":
                alike &= states[name] % 4 == truth[name] % 4
            elif name not in NOT_IN_RAM:
                same = states[name] == truth[name]
                alike &= same if same.ndim == 1 else same.all(axis=(1, 2))
        return bool(alike.any())


def follow(game: Game, steps: int, *, no_ops: int = 0, seen=lambda screen: screen) -> Follower:
    """Follow games for so many steps; the true state is always among the possible ones."""
    follower, over = Follower(), True
    for step in range(steps):
        if over:
            game.reset(no_ops)
            follower.begin(seen(game.screen))
        action = game.step(follower)
        follower.update(seen(game.screen), [action])
        assert game.is_among(follower.possible(0)[0]), f"step {step}"
        over = game.ale.game_over()
    return follower


@pytest.mark.parametrize("sticky", [0.0, 0.25, 0.5])
def test_the_true_state_is_always_among_the_possible_ones(sticky) -> None:
    follower = follow(Game(sticky, seed=1), 400)
    assert follower.restarts[0] == 0 and follower.certain[0] == (follower.sizes[0] == 1)


@pytest.mark.long
@pytest.mark.parametrize("skips", [(4,), (1,), (2, 3, 4)], ids=str)
def test_it_is_so_for_long(skips) -> None:
    assert follow(Game(0.25, skips, seed=13), 10_000, no_ops=100).restarts[0] == 0


@pytest.mark.parametrize("skips", [(1,), (2,), (3,), (5,), (6,), (2, 3, 4)], ids=str)
def test_the_frame_skip_need_not_be_known(skips) -> None:
    assert follow(Game(skips=skips, seed=2), 250).restarts[0] == 0


def test_a_game_may_begin_with_frames_that_nobody_announced() -> None:
    follow(Game(seed=3), 400, no_ops=100)


def test_most_steps_leave_one_possible_state() -> None:
    game, follower, certain = Game(seed=4), Follower(), 0
    game.reset()
    follower.begin(game.screen)
    for _ in range(300):
        action = game.step(follower)
        follower.update(game.screen, [action])
        states, probabilities = follower.possible(0)
        assert len(states) == follower.sizes[0] and probabilities.sum() == pytest.approx(1)
        assert states[0] == follower.states[0] and (np.diff(probabilities) <= 0).all()
        certain += follower.certain[0]
        if game.ale.game_over():
            game.reset()
            follower.begin(game.screen)
    assert certain > 200


def test_colours_do_not_matter() -> None:
    def inverted(screen: np.ndarray) -> np.ndarray:
        return np.where(screen > 0, 255 - screen, 0).astype(np.uint8)

    follow(Game(seed=5), 200, seen=inverted)
    follow(Game(seed=6), 200, seen=lambda screen: RGB[screen])


def test_a_screen_that_is_shown_twice_does_no_harm() -> None:
    game, follower = Game(seed=7), Follower()
    game.reset()
    follower.begin(game.screen)
    shown, fresh = game.screen, 0
    for step in range(400):
        action = game.step(follower)
        is_fresh = game.random.random() > 0.1
        shown = game.screen if is_fresh else shown
        follower.update(shown, [action])
        assert not is_fresh or game.is_among(follower.possible(0)[0]), f"step {step}"
        fresh += is_fresh
        if game.ale.game_over():
            game.reset()
            follower.begin(game.screen)
            shown = game.screen
    assert 320 < fresh < 390 and follower.restarts[0] == 0


def test_several_actions_may_have_been_sent_since_the_last_screen() -> None:
    game, follower = Game(seed=8), Follower()
    game.reset()
    follower.begin(game.screen)
    for _ in range(200):
        actions = [game.step(follower) for _ in range(int(game.random.integers(1, 4)))]
        follower.update(game.screen, [actions])
        assert game.is_among(follower.possible(0)[0])
        if game.ale.game_over():
            game.reset()
            follower.begin(game.screen)


def test_a_game_is_picked_up_in_the_middle() -> None:
    """Of 10 moments with several speeds of the ball and walls, at most one is not known exactly after 200 steps."""
    games, random = new_games(10), np.random.default_rng(9)
    aims = random.integers(0, 14, (20, 10))
    for frame in range(4_000):
        off = (games["ball_x"] >> 8) - aims[frame // 200] - games["paddle"]
        actions = np.where(games["ball_y"] < PIXEL, FIRE, np.where(off > 2, RIGHT, np.where(off < -2, LEFT, NONE)))
        play(games, actions)
        games[games["lives"] == 0] = new_games(1)
    games["lives"] = 5  # so that none ends before it is found
    found = 0
    for number, state in enumerate(games):
        game = Game((0.0, 0.25, 0.5)[number % 3], seed=number)
        game.ale.reset_game()
        for _ in range(60):
            game.ale.act(0)
        write_ram(game.ale, to_ram(state, game.ale.getRAM()))
        for _ in range(10):
            game.ale.act(0)
        follower = Follower()
        follower.begin(game.screen)
        assert follower.sizes[0] == 0
        for _ in range(200):
            action = game.step(follower)
            follower.update(game.screen, [action])
            if game.is_among(follower.possible(0)[0]):
                found += 1
                break
    assert found >= 9


def test_screens_that_fit_nothing_start_it_again() -> None:
    game, other = Game(seed=10), Game(seed=11)
    follower = Follower()
    for one in (game, other):
        one.reset()
        one.at_random = False
        follower.begin(one.screen)
        for _ in range(100):
            action = one.step(follower)
            follower.update(one.screen, [action])
    follower.begin(other.screen)
    before = follower.restarts[0]
    for _ in range(40):
        action = game.step(follower)
        follower.update(game.screen, [action])
        if game.is_among(follower.possible(0)[0]):
            break
    assert follower.restarts[0] in (before, before + 1) and game.is_among(follower.possible(0)[0])


def test_looking_on_after_the_end_does_no_harm() -> None:
    game, follower = Game(seed=12), Follower()
    game.reset()
    follower.begin(game.screen)
    while not game.ale.game_over():
        game.at_random = True
        action = game.step(follower)
        follower.update(game.screen, [action])
    for _ in range(10):
        follower.update(game.screen, [FIRE])
        follower.update(np.zeros((1, 210, 160), dtype=np.uint8), [LEFT])
    assert follower.states["lives"] == 0


def test_games_are_followed_independently() -> None:
    states, follower = new_games(3), Follower(3)
    follower.begin(draw(states))
    for _ in range(20):
        play(states, np.array([FIRE, LEFT, RIGHT]), 4)
        follower.update(draw(states[1:]), [LEFT, RIGHT], games=[1, 2])
        follower.update(draw(states[:1]), np.array([FIRE]), games=[0])
        for name in ("ball_x", "ball_y", "paddle", "reading"):
            assert np.array_equal(follower.states[name], states[name])
    assert follower.executed.tolist() == [FIRE, LEFT, RIGHT]
    follower.begin(draw(new_games(1)), games=[1])
    assert follower.states["paddle"].tolist()[0::2] == states["paddle"].tolist()[0::2]
    assert follower.states["paddle"][1] == new_games(1)["paddle"][0]


def test_wrong_input_is_named() -> None:
    follower, screens = Follower(2), draw(new_games(2))
    with pytest.raises(UserError, match="n is 0; allowed"):
        Follower(0)
    with pytest.raises(UserError, match="screens is uint8 \\(1, 210, 160\\); allowed"):
        follower.begin(screens[:1])
    with pytest.raises(UserError, match="games is \\[2\\]; allowed"):
        follower.begin(screens[:1], games=[2])
    follower.begin(screens)
    with pytest.raises(UserError, match="sent is \\[0, 4\\]; allowed"):
        follower.update(screens, [0, 4])
    with pytest.raises(UserError, match="sent has 1 entries; allowed: 2"):
        follower.update(screens, [0])
