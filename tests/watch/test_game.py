"""A watched game is the game that is evaluated, with all its frames, and somebody else may take the joystick."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rlbreakout.agents import Agent, RandomPlayer, load_agent
from rlbreakout.breakout.rules import FIRE, LEFT, NONE, RIGHT
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, with_values
from rlbreakout.envs import make_evaluation_env
from rlbreakout.evaluation.video import agent_views
from rlbreakout.watch import WatchedGame

V5, V4, FRAME_BY_FRAME = "ALE/Breakout-v5", "Breakout-v4", "BreakoutNoFrameskip-v4"


@pytest.fixture(scope="module")
def champion() -> Agent:
    return load_agent("champion-policy")


def random_agent(**settings: object) -> Agent:
    values = {key.replace("__", "."): value for key, value in settings.items()}
    return Agent(RandomPlayer(4, 0), with_values(Config(), values), "random")


@pytest.mark.parametrize(
    ("settings", "env_id", "frames"),
    [
        ({"env__id": V5, "env__max_pool": False, "observation__kind": "rgb"}, V5, 4),
        ({"env__id": FRAME_BY_FRAME}, FRAME_BY_FRAME, 4),
        ({"env__id": V4, "observation__kind": "rgb", "observation__frame_stack": 1}, V4, 1),
    ],
)
def test_a_game_is_the_one_that_is_evaluated(settings, env_id: str, frames: int) -> None:
    agent = random_agent(**settings)
    game = WatchedGame(agent, seed=3)
    env = make_evaluation_env(agent.config, n_envs=1, seed=3)
    seen, score, over = env.reset(), 0, False
    (screen,) = env.get_images()
    np.testing.assert_array_equal(game.step.frames, [screen])
    while not over:
        assert not game.step.over
        np.testing.assert_array_equal(game.step.seen, agent_views(seen, agent.config)[0])
        before = game.step
        step = game.play()
        seen, rewards, dones, infos = env.step(np.array([step.action]))
        score, over = score + rewards[0], bool(dones[0])
        assert step.score == score and step.steps == before.steps + 1
        if not over:
            (screen,) = env.get_images()
            assert step.lives == infos[0]["lives"] and len(step.frames) == frames
            np.testing.assert_array_equal(step.frames[-1], screen)
    assert step.over and step.lives == 0 and not step.stalled
    assert game.play(RIGHT) is step
    env.close()
    game.close()


def test_the_same_seed_is_the_same_game(champion: Agent) -> None:
    games = [WatchedGame(champion, seed=seed) for seed in (1, 1, 2)]
    steps = [[game.play() for _ in range(60)] for game in games]
    actions = [[step.action for step in played] for played in steps]
    assert actions[0] == actions[1] != actions[2]
    greedy = WatchedGame(champion, seed=1)
    greedy.greedy = True
    assert all(greedy.step.thoughts.probabilities.argmax() == greedy.play().action for _ in range(30))


def test_the_path_of_the_ball_is_where_it_flies(champion: Agent) -> None:
    game = WatchedGame(champion, seed=0, sticky=0.0)
    followed = 0
    for _ in range(150):
        path = game.step.path
        frames = game.play().frames
        if len(path) < 6 or not game.step.path:
            continue
        # A step is four frames, and afterwards the ball is at the fifth place of the path.
        assert game.step.path[0] == path[4]
        x, y = path[4]
        if y > 100:  # below the bricks, where nothing else is
            assert frames[-1][y, x].any()
            followed += 1
    assert followed > 30


@pytest.mark.parametrize(
    "settings",
    [
        {},  # SB3's wrappers: a step of the emulator is a frame
        {"observation__frames_between": 4, "env__max_pool": False, "observation__kind": "rgb"},
    ],
)
def test_the_ball_is_followed_however_long_an_agent_step_is(settings) -> None:
    game = WatchedGame(random_agent(**settings), seed=0)
    known = [bool(game.play().path) for _ in range(40)]
    assert sum(known) > 10


def test_a_human_launches_the_ball_and_moves_the_paddle() -> None:
    game = WatchedGame(random_agent(), sticky=0.0, human=True)
    for _ in range(20):
        assert game.play(NONE).path == []
    paddles = {}
    for action in (RIGHT, LEFT):
        for _ in range(15):
            screen = game.play(action).frames[-1]
        paddles[action] = np.flatnonzero(screen[190, 8:152, 0])[0]
    assert paddles[RIGHT] > paddles[LEFT] + 60
    game.play(FIRE)
    assert game.play(NONE).path
    game.human = False
    lives = game.step.lives
    while game.step.lives == lives and not game.step.over:
        game.play(NONE)
    assert any(game.play(NONE).path for _ in range(5)), "the agent's ball is launched by the rules of evaluation"


def test_the_last_seconds_are_kept_for_a_gif() -> None:
    game = WatchedGame(random_agent())
    for _ in range(320):
        if game.play().over:
            break
    recording = game.recording()
    assert len(recording.pictures) == min(game.step.steps + 1, 300) and recording.pictures_per_second == 15
    np.testing.assert_array_equal(recording.pictures[-1], game.step.frames[-1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sticky": 1.5}, "sticky probability is 1.5; allowed: 0 to 1"),
        ({"seed": -1}, "seed"),
        ({"env_id": "ALE/Pong-v5"}, "ALE/Pong-v5"),
    ],
)
def test_what_is_not_allowed_is_said(settings, message: str) -> None:
    with pytest.raises(UserError, match=message):
        WatchedGame(random_agent(), **settings)


def test_a_newer_version_goes_on_with_the_game(champion: Agent) -> None:
    game = WatchedGame(champion)
    for _ in range(10):
        game.play()
    other = replace(champion, player=RandomPlayer(4, 0), name="newer")
    game.replace_player(other)
    step = game.play()
    assert step.steps == 11 and step.thoughts.probabilities.tolist() == [0.25] * 4 and game.agent is other
