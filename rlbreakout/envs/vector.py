"""ale-py's own vector environment behind Stable-Baselines3's VecEnv: the real game, stepped by threads in C++."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from rlbreakout.breakout.rules import LAST_FRAME, N_ACTIONS
from rlbreakout.breakout.screen import MOST_POINTS
from rlbreakout.common.errors import UserError
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import BREAKOUT_IDS, Config

MONITOR_NAME = "vector"
"""Its games are written to `vector.monitor.csv`."""


class VectorVecEnv(VecEnv):
    """`n_envs` games in the emulator for training: emulation, warping and resets run in ale-py's C++ threads.

    Observations are `(n_envs, screen_size, screen_size, 1)` uint8, without the frame stack. Pixels and points are those
    of the gymnasium environments; the start of a game is ale-py's own: 0 to `noop_max - 1` frames of no action, the
    first of them (at least one) of FIRE with `launch_ball: on_reset`. A lost life that ends the episode does not touch
    the game: the next episode begins with the observation that ended the last one, and nobody presses FIRE.

    `info["episode"]` of the last step of a game has its score in points (`r`), its length in frames (`l`) and the
    seconds since the start (`t`); `monitor_file` gets a line for each game. Game i is seeded with
    `spawn_seeds(seed, n_envs)[i]`; the same seed gives the same games whatever the number of threads.
    """

    render_mode = None

    def __init__(
        self,
        config: Config,
        *,
        n_envs: int | None = None,
        seed: int | None = None,
        monitor_file: Path | None = None,
        append_to_monitor: bool = False,
    ) -> None:
        n, size = n_envs or config.env.n_envs, config.observation.screen_size
        self.config, settings = config, config.env
        sticky = settings.repeat_action_probability
        self._games = AtariVectorEnv(
            "breakout",
            n,
            repeat_action_probability=BREAKOUT_IDS[settings.id][1] if sticky is None else sticky,
            autoreset_mode=AutoresetMode.SAME_STEP,
            img_height=size,
            img_width=size,
            stack_num=1,
            frameskip=settings.frame_skip,
            maxpool=settings.max_pool,
            noop_max=settings.noop_max,
            # Its episodic_life starts a new game at every lost life, and scores must be whole games, unclipped.
            episodic_life=False,
            reward_clipping=False,
            use_fire_reset=settings.launch_ball == "on_reset",
        )
        self.scores = np.zeros(n, dtype=np.int64)
        """`(n_envs,)` points of the games that are being played."""
        super().__init__(n, gym.spaces.Box(0, 255, (size, size, 1), np.uint8), gym.spaces.Discrete(N_ACTIONS))
        self.seed(config.seed if seed is None else seed)
        self._start = time.time()
        self._results = None
        if monitor_file is not None:
            header: dict[str, float | str] = {"t_start": self._start, "env_id": settings.id}
            # SB3 would append to a file that does not exist without writing the names of its columns.
            append = append_to_monitor and monitor_file.with_name(f"{monitor_file.name}.{Monitor.EXT}").exists()
            self._results = ResultsWriter(str(monitor_file), header, override_existing=not append)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Give each game a seed of its own, which counts from the next reset; None: draw them. Returns the seeds."""
        chosen = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._seeds = [*spawn_seeds(chosen, self.num_envs)]
        return list(self._seeds)

    def reset(self) -> np.ndarray:
        screens, now = self._games.reset(seed=None if None in self._seeds else np.array(self._seeds))
        self._reset_seeds()
        self.scores[:] = 0
        self.lives, self._began = now["lives"], now["frame_number"] - now["episode_frame_number"]
        return self._channels_last(screens)

    def step_async(self, actions: np.ndarray) -> None:
        given = np.asarray(actions)
        n = self.num_envs
        if given.shape != (n,) or given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= N_ACTIONS:
            raise UserError(f"actions is {actions!r}; allowed: {n} whole numbers from 0 to {N_ACTIONS - 1}")
        self._games.send(given.astype(np.int64))

    def step_wait(self) -> VecEnvStepReturn:
        screens, points, terminated, truncated, now = self._games.recv()
        self.scores += points
        lives = np.where(terminated, 0, now["lives"])  # ale-py reports those of the next game
        lost_life = lives < self.lives
        ended = terminated | truncated
        last = np.where(ended[:, None, None, None], now.get("final_obs", screens), screens)

        # What CompleteGame ends elsewhere: no brick is left, or the console's clock has run over.
        complete = ~ended & (self.scores >= MOST_POINTS)
        late = ~(ended | complete) & (now["episode_frame_number"] >= LAST_FRAME)
        if (complete | late).any():
            screens, now = self._games.reset(options={"reset_mask": complete | late})
        over = ended | complete | late

        dones = over | lost_life if self.config.env.episodic_life else over
        rewards = (np.sign(points) if self.config.env.clip_reward else points).astype(np.float32)
        rewards += np.float32(self.config.env.lost_life_reward) * lost_life
        columns = zip(lives.tolist(), (truncated | late).tolist(), strict=True)
        infos: list[dict[str, Any]] = [{"lives": left, "TimeLimit.truncated": cut} for left, cut in columns]
        for game in np.flatnonzero(dones).tolist():
            infos[game]["terminal_observation"] = self._channels_last(last)[game]
        began = now["frame_number"] - now["episode_frame_number"]
        for game in np.flatnonzero(over).tolist():
            length = int(began[game] - self._began[game])
            report = {"r": float(self.scores[game]), "l": length, "t": round(time.time() - self._start, 6)}
            infos[game]["episode"] = report
            if self._results is not None:
                self._results.write_row(report)
        self.scores[over] = 0
        self.lives, self._began = now["lives"], began
        return self._channels_last(screens), rewards, dones, infos

    def _channels_last(self, screens: np.ndarray) -> np.ndarray:
        return screens.reshape(self.num_envs, *self.observation_space.shape)  # type: ignore[misc]

    def close(self) -> None:
        self._games.close()
        if self._results is not None:
            self._results.close()
            self._results = None

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """`lives` and `scores` of each game; any other attribute is the same for all."""
        games = list(self._get_indices(indices))
        if attr_name in ("lives", "scores"):
            return [getattr(self, attr_name)[game].item() for game in games]
        if attr_name.startswith("_") or not hasattr(self, attr_name):
            raise AttributeError(f"{type(self).__name__} has no attribute {attr_name!r}")
        return [getattr(self, attr_name) for _ in games]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        raise NotImplementedError("the games are played together; change the config instead")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        if method_name == "get_action_meanings":
            return [["NOOP", "FIRE", "RIGHT", "LEFT"] for _ in self._get_indices(indices)]
        raise AttributeError(f"{type(self).__name__} has no method {method_name!r} of single environments")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor, whose work is done here: `info["episode"]` is the whole game."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]
