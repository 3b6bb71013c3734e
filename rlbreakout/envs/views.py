"""Views of games that configs need: held actions, dropped screens, seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlbreakout.breakout.rules import NONE
from rlbreakout.common.random import spawn_seeds
from rlbreakout.observation import WHITE, Observation


def take_game(observations: Observation, game: int) -> Any:
    """A copy of what one game shows, out of the observations of many."""
    if isinstance(observations, dict):
        return {name: part[game].copy() for name, part in observations.items()}
    return observations[game].copy()


def put_games(observations: Observation, games: np.ndarray, new: Observation) -> None:
    """Replace what `games`, an array of indices, show, in place."""
    if isinstance(observations, dict):
        assert isinstance(new, dict)
        for name, part in observations.items():
            part[games] = new[name]
    else:
        observations[games] = new


class HeldActions(VecEnvWrapper):
    """Hold each action for `pictures` x `steps_between` steps of `venv`, and show a stack of `pictures` pictures, taken
    every `steps_between` steps: `(height, width, channels x pictures)`, the newest last.

    A game that ends meanwhile makes no action until the others are done; its next stack is its newest picture,
    `pictures` times, as at the start. `terminal_observation` has its last picture as the newest of the stack.
    """

    def __init__(self, venv: VecEnv, pictures: int, steps_between: int) -> None:
        self.pictures, self.steps_between = pictures, steps_between
        space = venv.observation_space
        assert isinstance(space, gym.spaces.Box)
        self._channels = space.shape[-1]
        super().__init__(venv, gym.spaces.Box(0, 255, (*space.shape[:-1], self._channels * pictures), space.dtype.type))

    def reset(self) -> Any:
        frames = self.venv.reset()
        assert isinstance(frames, np.ndarray)
        self._stack = np.tile(frames, self.pictures)
        return self._stack.copy()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.array(actions)

    def step_wait(self) -> VecEnvStepReturn:
        rewards, over = np.zeros(self.num_envs, dtype=np.float32), np.zeros(self.num_envs, dtype=bool)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        frames: Any = None
        for step in range(1, self.pictures * self.steps_between + 1):
            self.venv.step_async(np.where(over, NONE, self._actions))
            frames, points, dones, now = self.venv.step_wait()
            rewards += np.where(over, 0, points)
            for game in np.flatnonzero(~over).tolist():
                infos[game] = now[game]
                if dones[game]:
                    infos[game]["terminal_observation"] = self._after(game, now[game]["terminal_observation"])
            over |= dones
            if step % self.steps_between == 0:
                self._stack = np.concatenate([self._stack[..., self._channels :], frames], axis=-1)
        self._stack[over] = np.tile(frames[over], self.pictures)
        return self._stack.copy(), rewards, over, infos

    def _after(self, game: int, picture: np.ndarray) -> np.ndarray:
        return np.concatenate([self._stack[game, ..., self._channels :], picture], axis=-1)


class EveryFrame(gym.Wrapper, RecordConstructorArgs):
    """Hold each action for `held` frames of a game that shows every frame, and keep all of them: what the emulator does
    with its own frame skip, seen by somebody who watches.

    Put it next to the emulator. It looks to the outside like an emulator with this frame skip.
    """

    def __init__(self, env: gym.Env, held: int) -> None:
        RecordConstructorArgs.__init__(self, held=held)
        gym.Wrapper.__init__(self, env)
        self.held = held
        self._games: list[tuple[list[np.ndarray], list[int]]] = [([], [])]

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        own = self.env.spec
        if own is None or self.held == 1:
            return own
        return replace(own, kwargs={**own.kwargs, "frameskip": self.held})

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._games.append(([], []))
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        points, (frames, sent) = 0.0, self._games[-1]
        sent.append(int(action))
        for _ in range(self.held):
            screen, reward, terminated, truncated, info = self.env.step(action)
            points += float(reward)
            frames.append(self.env.render())  # type: ignore[arg-type]
        return screen, points, terminated, truncated, info

    def take_frames(self) -> tuple[list[np.ndarray], list[int]]:
        """The screens since the last call, `(210, 160, 3)` uint8, one a frame, and the actions that were sent; of a
        game that has ended since then, and not of the next one."""
        frames, sent = self._games[0]
        self._games = [([], [])]
        return frames, sent


class StopAfterGames(gym.Wrapper, RecordConstructorArgs):
    """Play `games_left` games, then stop stepping the emulator and repeat one screen while the environments beside it
    finish theirs. None, until it is set: never stop.

    Put it outside of what ends games, and inside of Monitor.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self.games_left: int | None = None

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._first = self.env.reset(**kwargs)
        return self._first

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if self.games_left == 0:
            screen, info = self._first
            return screen, 0.0, False, False, info
        screen, reward, terminated, truncated, info = self.env.step(action)
        if self.games_left is not None and (terminated or truncated):
            self.games_left -= 1
        return screen, reward, terminated, truncated, info


class IndependentSeeds(gym.Wrapper, RecordConstructorArgs):
    """Seed an environment in a vector of them independently of the others and of other seeds (spawn_seeds).

    Stable-Baselines3 seeds the environment at `place` with seed + place, which would make the games of seed 1 almost
    the same as those of seed 0. `first` is the number of the environment at place 0, if there are other vectors.
    """

    def __init__(self, env: gym.Env, place: int, first: int = 0) -> None:
        RecordConstructorArgs.__init__(self, place=place, first=first)
        gym.Wrapper.__init__(self, env)
        self.place, self.first = place, first

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            (seed,) = spawn_seeds(seed - self.place, 1, self.first + self.place)
        return self.env.reset(seed=seed, options=options)


class DroppedScreens(gym.Wrapper, RecordConstructorArgs):
    """Show the previous screen again instead of a new one, with this probability: a camera that loses pictures.

    >>> env = DroppedScreens(gym.make("ALE/Breakout-v5"), 0.1)
    """

    def __init__(self, env: gym.Env, probability: float) -> None:
        RecordConstructorArgs.__init__(self, probability=probability)
        gym.Wrapper.__init__(self, env)
        self.probability = probability
        self._random = np.random.default_rng()

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        if kwargs.get("seed") is not None:
            self._random = np.random.default_rng(kwargs["seed"])
        self._shown, info = self.env.reset(**kwargs)
        return self._shown, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        screen, reward, terminated, truncated, info = self.env.step(action)
        if self._random.random() >= self.probability:
            self._shown = screen
        return self._shown, reward, terminated, truncated, info


def negative(screen: np.ndarray) -> np.ndarray:
    """The negative of all that is not black on a screen, grey `(210, 160)` or in colour `(210, 160, 3)` uint8."""
    lit = (screen != 0).any(axis=-1, keepdims=True) if screen.ndim == 3 else screen != 0
    return np.where(lit, np.maximum(WHITE - screen, 1), screen)
