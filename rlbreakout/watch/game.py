"""One game in the emulator, step by step, and what goes on in the head of the agent that plays it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rlbreakout.agents.players import Agent
from rlbreakout.agents.thoughts import Mind, Thoughts
from rlbreakout.breakout.ahead import LONGEST_FLIGHT, flight_path
from rlbreakout.breakout.follow import Follower
from rlbreakout.breakout.rules import LIVES
from rlbreakout.common.errors import UserError
from rlbreakout.config import check_env_id, check_seed, with_values
from rlbreakout.envs import make_evaluation_env
from rlbreakout.evaluation.video import Recording, agent_views, pictures_per_second

KEPT_SECONDS = 20
"""Of game time, for a gif."""


@dataclass(frozen=True)
class Step:
    """What is shown of an agent step."""

    frames: list[np.ndarray]
    """Its screens, one a frame, `(210, 160, 3)` uint8; before the first step the screen that the game begins with."""
    seen: np.ndarray
    """What the agent sees before its next action, `(210, width, 3)` uint8."""
    thoughts: Thoughts
    """About this."""
    path: list[tuple[int, int]]
    """Columns and rows of the ball from here until it comes down to the paddle; empty if nobody knows."""
    action: int | None
    """The action that led here; None before the first one."""
    score: int
    lives: int
    steps: int
    """Agent steps so far."""
    over: bool
    stalled: bool = False
    """It is over because no point was scored for a long time."""


class WatchedGame:
    """One whole game of `agent` by the rules of evaluation, in which somebody else may take the joystick.

    env_id: where it plays (default: where the agent was trained). sticky: the repeat_action_probability (default: the
    environment's own). The same seed, with the same actions, is the same game. Raises UserError for a seed, an id or a
    probability that is not allowed.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        seed: int = 0,
        env_id: str | None = None,
        sticky: float | None = None,
        human: bool = False,
    ) -> None:
        self.env_id, self.seed, self.sticky = check_env_id(env_id or agent.config.env.id), check_seed(seed), sticky
        config = agent.config
        if sticky is not None:
            if not 0 <= sticky <= 1:
                raise UserError(f"the sticky probability is {sticky:g}; allowed: 0 to 1")
            config = with_values(config, {"env.repeat_action_probability": sticky})
        self.agent, self._config = agent, config
        self.greedy = False
        self.steps_per_second = pictures_per_second(config, self.env_id)
        self._mind, self._random = Mind(agent.player), np.random.default_rng(seed)
        self._follower, self._places = Follower(1), np.zeros((LONGEST_FLIGHT, 2), dtype=np.int32)
        self._kept: deque[np.ndarray] = deque(maxlen=round(KEPT_SECONDS * self.steps_per_second))
        self._env = make_evaluation_env(config, n_envs=1, seed=seed, env_id=self.env_id, every_frame=True)
        self.human = human
        self._observations: Any = self._env.reset()
        self._env.env_method("take_frames")  # of the random start, if it is made of steps
        self._score, self._lives, self._steps = 0, LIVES, 0
        (screen,) = self._env.get_images()
        assert screen is not None
        self._follower.begin(screen[None])
        self.step = self._show([screen], None)
        """The latest Step."""

    @property
    def human(self) -> bool:
        """Somebody else plays, and launches the ball."""
        return self._human

    @human.setter
    def human(self, human: bool) -> None:
        self._human = human
        self._env.env_method("set_wrapper_attr", "by_itself", not human)

    def replace_player(self, agent: Agent) -> None:
        """Let a newer version of the player, which sees the same, go on with the game."""
        self.agent, self._mind = agent, Mind(agent.player)

    def play(self, action: int | None = None) -> Step:
        """Play one agent step: with `action`, or with the agent's own. A game that is over stays as it is."""
        if self.step.over:
            return self.step
        if action is None:
            action = self.step.thoughts.choose(None if self.greedy else self._random)
        self._observations, rewards, dones, infos = self._env.step(np.array([action]))
        ((frames, sent),) = self._env.env_method("take_frames")
        held = len(frames) // len(sent)
        for number, each in enumerate(sent, 1):
            self._follower.update(frames[number * held - 1][None], [each])
        self._score, self._steps = self._score + int(rewards[0]), self._steps + 1
        if dones[0]:  # its last observation is already the first one of the next game
            self._kept.append(frames[-1])
            self.step = replace(
                self.step,
                frames=frames,
                path=[],
                action=action,
                score=self._score,
                lives=0,
                steps=self._steps,
                over=True,
                stalled=bool(infos[0]["episode"]["stalled"]),
            )
        else:
            self._lives = infos[0]["lives"]
            self.step = self._show(frames, action)
        return self.step

    def recording(self) -> Recording:
        """The last KEPT_SECONDS of the game."""
        return Recording(list(self._kept), self.steps_per_second, [float(self._score)])

    def close(self) -> None:
        """End the emulator."""
        self._env.close()

    def _show(self, frames: list[np.ndarray], action: int | None) -> Step:
        (seen,) = agent_views(self._observations, self._config)
        self._kept.append(frames[-1])
        return Step(
            frames=frames,
            seen=seen,
            thoughts=self._mind.think(self._observations, action),
            path=self._path(),
            action=action,
            score=self._score,
            lives=self._lives,
            steps=self._steps,
            over=False,
        )

    def _path(self) -> list[tuple[int, int]]:
        state = self._follower.states[:1].copy()
        if not self._follower.sizes[0] or not state["ball_vy"][0]:
            return []
        length = flight_path(state[0], self._places)
        return [(int(x), int(y)) for x, y in self._places[:length]]
