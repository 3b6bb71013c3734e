"""Many games of Breakout at once, at the emulator's own speed.

ale-py's AtariVectorEnv plays the games on all cores, in C++; what the agents see is made of all of their screens at
once, in NumPy. Stable-Baselines3 sees a VecEnv of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from rlbreakout.config import BREAKOUT_IDS, Config, ObservationConfig
from rlbreakout.observation import FIRE, N_ACTIONS, NOOP, Observation, Observer, one_channel
from rlbreakout.screen import HEIGHT, WIDTH, find_ball

MOST_FRAMES = 108_000
"""Frames after which a game is truncated, as ale-py's ids have it."""
MONITOR_NAME = "fast"
"""Its games are written to `fast.monitor.csv`."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BreakoutVecEnv(VecEnv):
    """`n_envs` games as `config.env` says, for training; each shows what `config.observation` says, without the stack.

    It plays as the gymnasium environments of `make_vec_env` do, observation for observation, with these differences,
    because games that step together cannot step one by one:

    - a lost life that ends an episode is followed by the very screen at which it was lost (as LifeIsEpisode does);
    - `launch_ball: on_reset` replaces the first action of an episode by FIRE instead of making a step of its own;
    - the last observation of a game that is over is the one before it: ale-py keeps no later screen (of whole games, in
      the gymnasium environments, ConfiguredObservation does the same);
    - a game starts after 0 to `noop_max` frames of no action.

    `info["episode"]` of the last step of a game has its score in points (`r`), its length in frames (`l`, the frames of
    no action included) and the seconds since the start (`t`). Environment i is seeded with `seed + i`.
    `monitor_file` gets a line for each game. Raises UserError (from the config) for an id that draws its frame skip.
    """

    def __init__(
        self,
        config: Config,
        *,
        n_envs: int | None = None,
        seed: int | None = None,
        monitor_file: Path | None = None,
        append_to_monitor: bool = False,
    ) -> None:
        n = n_envs or config.env.n_envs
        self.config = config
        settings = config.env
        self._observer = Observer(config.observation, n)
        sticky = settings.repeat_action_probability
        self._games = AtariVectorEnv(
            "breakout",
            n,
            num_threads=min(n, cores()),
            max_num_frames_per_episode=MOST_FRAMES,
            repeat_action_probability=BREAKOUT_IDS[settings.id][1] if sticky is None else sticky,
            autoreset_mode=AutoresetMode.SAME_STEP,
            img_height=HEIGHT,
            img_width=WIDTH,
            grayscale=not Observer.needs_colour(config.observation),
            stack_num=1,
            frameskip=settings.frame_skip,
            maxpool=settings.max_pool and settings.frame_skip > 1,
            noop_max=settings.noop_max + 1 if settings.noop_max else 0,
            episodic_life=False,  # would start the game anew at every lost life
            reward_clipping=False,  # the score counts points
            use_fire_reset=False,
        )
        self.render_mode = "rgb_array"
        super().__init__(n, self._observer.space, gym.spaces.Discrete(N_ACTIONS))
        self.seed(config.seed if seed is None else seed)
        self._frames = np.zeros((n, HEIGHT, WIDTH), dtype=np.uint8)
        self._actions = np.zeros(n, dtype=np.int64)
        self._waiting = np.zeros(n, dtype=bool)
        """Games in which the ball has to be launched."""
        self._lives = np.zeros(n, dtype=int)
        self._scores = np.zeros(n)
        self._first_frame = np.zeros(n, dtype=int)
        """Of the game that is played, counted by the emulator over all games of an environment."""
        self._start = time.time()
        self._results = None
        if monitor_file is not None:
            header: dict[str, float | str] = {"t_start": self._start, "env_id": settings.id}
            self._results = ResultsWriter(str(monitor_file), header, override_existing=not append_to_monitor)

    def reset(self) -> Any:
        seeds = np.array([-1 if seed is None else seed for seed in self._seeds])
        frames, info = self._games.reset(seed=seeds)
        self._reset_seeds()
        self._frames = frames[:, 0]
        self._lives = info["lives"].copy()
        self._scores[:] = 0
        self._first_frame = info["frame_number"] - info["episode_frame_number"]
        self.reset_infos = [{"lives": int(lives)} for lives in self._lives]
        everyone = np.arange(self.num_envs)
        self._observer.forget(everyone)
        self._begin_episodes(everyone)
        self._last_seen = self._observer.look(self._frames, 0)
        return self._last_seen

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions)
        if self.config.env.launch_ball == "every_life":
            waiting = np.flatnonzero(self._waiting)
            if len(waiting):
                self._waiting[waiting] = ~find_ball(one_channel(self._frames[waiting])).seen
        self._games.send(np.where(self._waiting, FIRE, self._actions))
        if self.config.env.launch_ball == "on_reset":
            self._waiting[:] = False

    def step_wait(self) -> VecEnvStepReturn:
        frames, rewards, terminated, truncated, info = self._games.recv()
        game_over = terminated | truncated
        self._scores += rewards
        lost_life = (info["lives"] < self._lives) & ~game_over
        self._lives = info["lives"].copy()
        dones = game_over | lost_life if self.config.env.episodic_life else game_over
        infos: list[dict[str, Any]] = [{"lives": lives} for lives in self._lives.tolist()]
        self._frames = frames[:, 0]
        seen = self._observer.look(self._frames, self.config.env.frame_skip, self._actions)
        # Where a game is over, the emulator shows the next one already, and counts its frames of no action. Of the game
        # that is over, `final_obs` holds the screen before the last step (ale-py 0.12), so what was seen last stays.
        next_game = info["frame_number"] - info["episode_frame_number"]
        over = np.flatnonzero(game_over)
        _put(seen, over, self._last_seen, over)
        for game in over.tolist():
            infos[game]["episode"] = self._end_of_game(game, int(next_game[game]))
        ended = np.flatnonzero(dones)
        for game in ended.tolist():
            infos[game]["TimeLimit.truncated"] = bool(truncated[game] and not terminated[game])
            infos[game]["terminal_observation"] = _one(seen, game)
        self._waiting[lost_life] = self.config.env.launch_ball == "every_life"
        if len(ended):
            self._observer.forget(ended)
            self._begin_episodes(ended)
            _put(seen, ended, self._observer.look(self._frames[ended], 0, games=ended))
        self._last_seen = seen
        if self.config.env.clip_reward:
            rewards = np.sign(rewards)
        return seen, rewards.astype(np.float32), dones, infos

    def _begin_episodes(self, games: np.ndarray) -> None:
        self._waiting[games] = self.config.env.launch_ball != "never"

    def _end_of_game(self, game: int, next_game: int) -> dict[str, float]:
        episode = {
            "r": float(self._scores[game]),
            "l": next_game - int(self._first_frame[game]),
            "t": round(time.time() - self._start, 6),
        }
        self._scores[game], self._first_frame[game] = 0, next_game
        if self._results is not None:
            self._results.write_row(episode)
        return episode

    def close(self) -> None:
        if self._results is not None:
            self._results.close()
            self._results = None
        self._games.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The screens `(210, 160, 3)`; grey, where the agents need no colour."""
        return [frame if frame.ndim == 3 else frame[..., None].repeat(3, axis=2) for frame in self._frames]

    # What SB3 asks of the single environments, of which there are none.

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """`lives` and `scores` of each game; any other attribute is the same for all."""
        games = self._get_indices(indices)
        if attr_name in ("lives", "scores"):
            values = getattr(self, f"_{attr_name}")
            return [values[game].item() for game in games]
        if attr_name.startswith("_") or not hasattr(self, attr_name):
            raise AttributeError(f"{type(self).__name__} has no attribute {attr_name!r}")
        return [getattr(self, attr_name) for _ in games]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        raise NotImplementedError("the games are in C++; set what is wanted in the config")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        if method_name == "get_action_meanings":
            return [["NOOP", "FIRE", "RIGHT", "LEFT"] for _ in self._get_indices(indices)]
        raise AttributeError(f"{type(self).__name__} has no method {method_name!r} of single environments")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Monitor's work is done here: `info["episode"]` is the whole game."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]


class VecObservation(VecEnvWrapper):
    """Show what an ObservationConfig says, of all games of `venv` at once: of each what ConfiguredObservation shows.

    `venv` has one game of ale-py in each of its environments, and shows whole screens. One look at ten screens takes
    hardly longer than a look at one.
    """

    def __init__(self, venv: VecEnv, config: ObservationConfig) -> None:
        self._observer = Observer(config, venv.num_envs)
        super().__init__(venv, observation_space=self._observer.space)

    def reset(self) -> Any:
        frames = self.venv.reset()
        assert isinstance(frames, np.ndarray)
        self._now = _frame_numbers(self.venv.reset_infos)
        self._observer.forget(np.arange(self.num_envs))
        self._last_seen = self._observer.look(frames, 0)
        return self._last_seen

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        frames, rewards, dones, infos = self.venv.step_wait()
        assert isinstance(frames, np.ndarray)
        now = _frame_numbers(infos)
        seen = self._observer.look(frames, now - self._now, self._actions)
        # Of a game that is over, what was seen last stays; its screen is that of the next one already.
        over = np.flatnonzero(dones)
        if len(over):
            for game in over.tolist():
                infos[game]["terminal_observation"] = _one(self._last_seen, game)
            now[over] = _frame_numbers([self.venv.reset_infos[game] for game in over])
            self._observer.forget(over)
            _put(seen, over, self._observer.look(frames[over], 0, games=over))
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


def _one(observation: Observation, game: int) -> Any:
    if isinstance(observation, dict):
        return {name: part[game].copy() for name, part in observation.items()}
    return observation[game].copy()


def _put(
    observation: Observation, games: np.ndarray, new: Observation, which: np.ndarray | slice = slice(None)
) -> None:
    """Replace the observations of some games by those of `new`, in place."""
    if isinstance(observation, dict) and isinstance(new, dict):
        for name, part in observation.items():
            part[games] = new[name][which]
    elif isinstance(observation, np.ndarray) and isinstance(new, np.ndarray):
        observation[games] = new[which]
