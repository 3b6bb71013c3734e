"""ale-py's own vector environment behind Stable-Baselines3's VecEnv: the real game, stepped by threads in C++."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlbreakout.breakout.rules import FIRE, LAST_FRAME
from rlbreakout.breakout.screen import MOST_POINTS
from rlbreakout.config import BREAKOUT_IDS, Config
from rlbreakout.envs.together import GamesTogether

MONITOR_NAME = "vector"
"""Its games are written to `vector.monitor.csv`."""


class VectorVecEnv(GamesTogether):
    """`n_envs` games in the emulator for training: emulation, warping and resets run in ale-py's C++ threads.

    Observations are `(n_envs, screen_size, screen_size, 1)` uint8, without the frame stack. Pixels and points are those
    of the gymnasium environments; the start of a game is ale-py's own: 0 to `noop_max - 1` frames of no action, the
    first of them (at least one) of FIRE with `launch_ball: on_reset`. A lost life that ends the episode does not touch
    the game: the next episode begins with the observation that ended the last one; with `on_reset` its first action is
    replaced by FIRE.

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
        self.scores, self.lives = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self._lost_life = np.zeros(n, dtype=bool)
        """Games in which a life was lost in the last step."""
        super().__init__(
            gym.spaces.Box(0, 255, (size, size, 1), np.uint8),
            n,
            config.seed if seed is None else seed,
            played_in=settings.id,
            monitor_file=monitor_file,
        )

    def reset(self) -> np.ndarray:
        screens, now = self._games.reset(seed=None if None in self._seeds else np.array(self._seeds))
        self._reset_seeds()
        self.scores[:] = 0
        self.lives, self._began = now["lives"], now["frame_number"] - now["episode_frame_number"]
        return self._channels_last(screens)

    def step_wait(self) -> VecEnvStepReturn:
        if self.config.env.launch_ball == "on_reset" and self.config.env.episodic_life:
            self._actions[self._lost_life] = FIRE  # the C++ code fires at the start of a game only
        screens, points, terminated, truncated, now = self._games.step(self._actions)
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
            infos[game]["episode"] = report = self._report(self.scores[game], began[game] - self._began[game])
            self._write_report(report)
        self.scores[over], self._lost_life = 0, lost_life & ~over
        self.lives, self._began = now["lives"], began
        return self._channels_last(screens), rewards, dones, infos

    def _channels_last(self, screens: np.ndarray) -> np.ndarray:
        return screens.reshape(self.num_envs, *(self.observation_space.shape or ()))

    def close(self) -> None:
        self._games.close()
        super().close()
