"""Many games of Breakout at once, at the emulator's own speed.

The games are played on all cores, and what the agents see is made there, of many screens at once.
Stable-Baselines3 sees a VecEnv of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from rlbreakout.breakout.follow import Follower
from rlbreakout.config import Config, ObservationConfig
from rlbreakout.game_processes import GameProcess
from rlbreakout.games import Games, Step, one, put
from rlbreakout.observation import N_ACTIONS, NOOP, Observation, Observer

MONITOR_NAME = "fast"
"""Its games are written to `fast.monitor.csv`."""
GAMES_A_PROCESS = 4
"""Fewer games are not worth a process."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BreakoutVecEnv(VecEnv):
    """`n_envs` games as `config.env` says, for training; each shows what `config.observation` says, without the stack.

    They are played on all cores, by this process and as many others as are needed for that, if there are at least
    GAMES_A_PROCESS games for each. `processes` is how many in all. It changes nothing but the time that it takes.

    It plays as the gymnasium environments of `make_vec_env` do, observation for observation, with these differences,
    because games that step together cannot step one by one:

    - a lost life that ends an episode is followed by the very screen at which it was lost (as LifeIsEpisode does);
    - `launch_ball: on_reset` replaces the first action of an episode by FIRE instead of making a step of its own;
    - the last observation of a game that is over is the one before it (of whole games, in the gymnasium environments,
      ConfiguredObservation does the same);
    - a game starts after 0 to `noop_max` frames of no action.

    `info["episode"]` of the last step of a game has its score in points (`r`), its length in frames (`l`, the frames of
    no action included) and the seconds since the start (`t`). Environment i is seeded with `seed + i`.
    `monitor_file` gets a line for each game. Raises UserError (from the config) for an id that draws its frame skip,
    GamesLost if a process that plays games is gone.
    """

    def __init__(
        self,
        config: Config,
        *,
        n_envs: int | None = None,
        seed: int | None = None,
        monitor_file: Path | None = None,
        append_to_monitor: bool = False,
        processes: int | None = None,
    ) -> None:
        n = n_envs or config.env.n_envs
        self.config = config
        self.processes = max(1, min(n, processes or min(cores(), n // GAMES_A_PROCESS)))
        bounds = np.linspace(0, n, self.processes + 1).astype(int)
        self._slices = [slice(first, last) for first, last in pairwise(bounds.tolist())]
        sizes = [part.stop - part.start for part in self._slices]
        space = Observer(config.observation, 1).space
        others: list[GameProcess] = []
        try:
            for size in sizes[1:]:
                others.append(GameProcess(config, size, space))
            self._parts: list[GameProcess | _Here] = [_Here(config, sizes[0]), *others]
            for other in others:  # all of them start meanwhile
                other.ready()
        except BaseException:
            for other in others:
                other.close()
            raise
        # This process plays its part when the others have begun.
        self._backwards = list(zip(self._parts, self._slices, strict=True))[::-1]
        self.render_mode = "rgb_array"
        super().__init__(n, space, gym.spaces.Discrete(N_ACTIONS))
        self.seed(config.seed if seed is None else seed)
        self._start = time.time()
        self._results = None
        if monitor_file is not None:
            header: dict[str, float | str] = {"t_start": self._start, "env_id": config.env.id}
            self._results = ResultsWriter(str(monitor_file), header, override_existing=not append_to_monitor)

    def reset(self) -> Any:
        for part, games in self._backwards:
            part.begin_reset(self._seeds[games])
        self._reset_seeds()
        seen, lives = zip(*(part.end_reset() for part in self._parts), strict=True)
        self.reset_infos = [{"lives": count} for count in np.concatenate(lives).tolist()]
        return _joined(seen)

    def step_async(self, actions: np.ndarray) -> None:
        actions = np.asarray(actions)
        for part, games in self._backwards:
            part.begin_step(actions[games])

    def step_wait(self) -> VecEnvStepReturn:
        steps: list[Step] = []
        infos: list[dict[str, Any]] = []
        for part, games in zip(self._parts, self._slices, strict=True):
            step = part.end_step()
            steps.append(step)
            infos += [{"lives": lives} for lives in step.lives.tolist()]
            for number, end in sorted(step.ends.items()):
                infos[games.start + number].update(end)
                if "episode" in end:
                    end["episode"]["t"] = round(time.time() - self._start, 6)
                    if self._results is not None:
                        self._results.write_row(end["episode"])
        return (
            _joined([step.observation for step in steps]),
            np.concatenate([step.rewards for step in steps]),
            np.concatenate([step.dones for step in steps]),
            infos,
        )

    def close(self) -> None:
        if self._results is not None:
            self._results.close()
            self._results = None
        for part in self._parts:
            part.close()

    @property
    def process_ids(self) -> list[int]:
        """Of the other processes that play."""
        return [part.id for part in self._parts if isinstance(part, GameProcess)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The screens `(210, 160, 3)`."""
        return [picture for part in self._parts for picture in part.get("pictures")]

    # What SB3 asks of the single environments, of which there are none.

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """`lives` and `scores` of each game; any other attribute is the same for all."""
        games = self._get_indices(indices)
        if attr_name in ("lives", "scores"):
            values = np.concatenate([part.get(attr_name) for part in self._parts])
            return [values[game].item() for game in games]
        if attr_name.startswith("_") or not hasattr(self, attr_name):
            raise AttributeError(f"{type(self).__name__} has no attribute {attr_name!r}")
        return [getattr(self, attr_name) for _ in games]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        raise NotImplementedError("the games are played together; set what is wanted in the config")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        if method_name == "get_action_meanings":
            return [["NOOP", "FIRE", "RIGHT", "LEFT"] for _ in self._get_indices(indices)]
        raise AttributeError(f"{type(self).__name__} has no method {method_name!r} of single environments")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Monitor's work is done here: `info["episode"]` is the whole game."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]


class _Here:
    """Games in this process, asked as a GameProcess is."""

    def __init__(self, config: Config, n: int) -> None:
        self._games = Games(config, n)

    def begin_reset(self, seeds: list[int | None]) -> None:
        self._seen = self._games.reset(seeds)

    def end_reset(self) -> tuple[Observation, np.ndarray]:
        return self._seen, self._games.lives

    def begin_step(self, actions: np.ndarray) -> None:
        self._step = self._games.step(actions)

    def end_step(self) -> Step:
        return self._step

    def get(self, name: str) -> Any:
        return getattr(self._games, name)

    def close(self) -> None:
        pass


def _joined(parts: Sequence[Observation]) -> Any:
    """One observation of all games, which nobody else changes."""
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)  # type: ignore[arg-type]


class VecObservation(VecEnvWrapper):
    """Show what an ObservationConfig says, of all games of `venv` at once: of each what ConfiguredObservation shows.

    `venv` has one game of ale-py in each of its environments, and shows whole screens. One look at ten screens takes
    hardly longer than a look at one.
    """

    def __init__(self, venv: VecEnv, config: ObservationConfig) -> None:
        self._observer = Observer(config, venv.num_envs)
        self._follower = None if config.blocks is None else Follower(venv.num_envs)
        super().__init__(venv, observation_space=self._observer.space)

    def reset(self) -> Any:
        frames = self.venv.reset()
        assert isinstance(frames, np.ndarray)
        self._now = _frame_numbers(self.venv.reset_infos)
        everyone = np.arange(self.num_envs)
        self._observer.forget(everyone)
        self._last_seen = self._observer.look(frames, 0, states=self._follow(frames, everyone))
        return self._last_seen

    def _follow(self, frames: np.ndarray, games: np.ndarray) -> np.ndarray | None:
        """The states of `games`, of which `frames` are the screens; None where nothing needs them."""
        if self._follower is None:
            return None
        noted = self.venv.env_method("take_sent", indices=games.tolist())
        begun = [number for number, (first_screen, _) in enumerate(noted) if first_screen is not None]
        if begun:
            self._follower.begin(np.stack([noted[number][0] for number in begun]), games[begun])
        played = [number for number, (_, sent) in enumerate(noted) if sent]
        if played:
            self._follower.look(frames[played], [noted[number][1] for number in played], games[played])
        return self._follower.states[games]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        frames, rewards, dones, infos = self.venv.step_wait()
        assert isinstance(frames, np.ndarray)
        now = _frame_numbers(infos)
        # Of a game that is over, what was seen last stays; its screen is that of the next one already.
        over = np.flatnonzero(dones)
        states = self._follow(frames, np.arange(self.num_envs))
        seen = self._observer.look(frames, now - self._now, self._actions, states=states)
        if len(over):
            for game in over.tolist():
                infos[game]["terminal_observation"] = one(self._last_seen, game)
            now[over] = _frame_numbers([self.venv.reset_infos[game] for game in over])
            self._observer.forget(over)
            put(
                seen,
                over,
                self._observer.look(frames[over], 0, games=over, states=None if states is None else states[over]),
            )
        self._now, self._last_seen = now, seen
        return seen, rewards, dones, infos


class HeldActions(VecEnvWrapper):
    """Hold each action for `pictures` x `steps_between` steps of `venv`, and show a stack of as many pictures, taken
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
            self.venv.step_async(np.where(over, NOOP, self._actions))
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


def _frame_numbers(infos: Sequence[dict[str, Any]]) -> np.ndarray:
    """Frames of the emulator since each game began."""
    return np.array([info["episode_frame_number"] for info in infos])
