"""The twin as gymnasium environments: one game that can take the place of ALE/Breakout-v5, and many games at once.

    import gymnasium
    import rlbreakout.envs

    env = gymnasium.make("rlbreakout/Breakout-twin-v5")
    envs = gymnasium.make_vec("rlbreakout/Breakout-twin-v5", num_envs=64, vectorization_mode="vector_entry_point")

Without sticky actions both show what ale-py shows, screen for screen. With them, which actions are repeated is drawn
from other random numbers, with the same probability. A process that did not import `rlbreakout.envs`, such as one that
a SubprocVecEnv starts, finds the environment as "rlbreakout.envs:rlbreakout/Breakout-twin-v5".
"""

from __future__ import annotations

import operator
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py import Action
from ale_py.env import AtariEnv
from gymnasium.utils import EzPickle
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.rules import N_ACTIONS
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.errors import UserError
from rlbreakout.envs.twin_games import SHAPES, Games, check_seeds, check_settings

ACTIONS = [Action.NOOP, Action.FIRE, Action.RIGHT, Action.LEFT]
"""ale-py's names of the game's actions 0 to 3."""
_NUMBERS = {key: number for number, action in enumerate(ACTIONS) for key in (action, action.value)}
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}


class TwinAtariEnv(AtariEnv):
    """One game of Breakout, played in the twin; gymnasium.make("rlbreakout/Breakout-twin-v5").

    It is ale-py's own environment with the twin in place of the emulator: the same spaces, `info` and seeding, so that
    wrappers draw the same numbers. `env.unwrapped.ale` is a TwinInterface. A game also ends, truncated, at frame
    65,536, where the console's clock runs over. (CompleteGame does the same to the emulator.)

    obs_type: "rgb", `(210, 160, 3)` uint8, or "grayscale", `(210, 160)`. frameskip: frames that an action is held, or
    a pair of which the second is excluded, to draw from. repeat_action_probability: with which each frame repeats the
    action of the frame before. max_num_frames_per_episode: frames after which a game is truncated; None: 65,536.
    render_mode: None or "rgb_array"; for "human", gymnasium.make opens a window of its own.
    The other arguments are ale-py's, and allow what the twin can do: the default.

    Raises UserError for a value that is not allowed.
    """

    metadata = METADATA
    ale: Any
    """A TwinInterface."""

    def __init__(
        self,
        game: str = "breakout",
        mode: int | None = None,
        difficulty: int | None = None,
        obs_type: str = "rgb",
        frameskip: tuple[int, int] | int = 4,
        repeat_action_probability: float = 0.25,
        full_action_space: bool = False,
        continuous: bool = False,
        continuous_action_threshold: float = 0.5,
        max_num_frames_per_episode: int | None = None,
        render_mode: str | None = None,
        sound_obs: bool = False,
    ) -> None:
        settings = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        check_settings(settings)
        EzPickle.__init__(self, **settings)
        self.ale = TwinInterface(float(repeat_action_probability), max_num_frames_per_episode)
        self.render_mode = render_mode
        self.sound_obs = self.continuous = False
        self._game, self._game_mode, self._game_difficulty = game, mode, difficulty
        self._frameskip: Any = frameskip
        self._obs_type: Any = obs_type
        self._action_set = self.ale.getMinimalActionSet()
        self.action_space = gym.spaces.Discrete(N_ACTIONS)
        self.observation_space = gym.spaces.Box(0, 255, SHAPES[obs_type], np.uint8)
        self.seed_game()
        self.load_game()

    @property
    def states(self) -> np.ndarray:
        """The state of the game, `(1,)` of dtype rlbreakout.breakout.rules.STATE; what is written there is played."""
        return self.ale.states

    def load_game(self) -> None:
        """Begin anew with the seed that was set last."""
        self.ale.restart()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, Any]:
        """Hold an action: 0 none, 1 fire, 2 right, 3 left. Raises UserError for another."""
        try:
            number = operator.index(action)
        except TypeError:
            number = -1
        if not 0 <= number < N_ACTIONS:
            raise UserError(f"action is {action!r}; allowed: 0 none, 1 fire, 2 right, 3 left")
        return super().step(number)


class TwinInterface:
    """One game of the twin, with those methods of ale-py's ALEInterface that environments and wrappers use.

    repeat_action_probability: with which a frame repeats the action of the frame before. max_frames: after which a game
    is truncated, if that is before 65,536; None or 0: it is not.
    """

    def __init__(self, repeat_action_probability: float = 0.25, max_frames: int | None = None) -> None:
        self._games = Games(1, repeat_action_probability, max_frames)
        self._settings: dict[str, Any] = {
            "repeat_action_probability": repeat_action_probability,
            "max_num_frames_per_episode": max_frames or 0,
            "random_seed": 0,
        }
        self._action, self._one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)

    @property
    def states(self) -> np.ndarray:
        """`(1,)` of dtype rlbreakout.breakout.rules.STATE."""
        return self._games.states

    def restart(self) -> None:
        """Begin a game, and the counts of frames and the draws of sticky actions anew, as ALEInterface.loadROM does."""
        self._games.seed(0, self.getInt("random_seed"))
        self._games.reset(np.array([True]))

    def reset_game(self) -> None:
        """Begin a game."""
        self._games.reset(np.array([True]))

    def act(self, action: Action | int, paddle_strength: float = 1.0) -> int:
        """Play one frame and return its points. Raises UserError for an action that Breakout does not know."""
        number = _NUMBERS.get(action)
        if number is None or paddle_strength != 1:
            names = ", ".join(known.name for known in ACTIONS)
            raise UserError(f"action is {action!r} of strength {paddle_strength}; allowed: {names}, of strength 1")
        self._action[0] = number
        return int(self._games.hold(self._action, self._one)[0])

    def lives(self) -> int:
        """Lives that are left."""
        return int(self.states["lives"][0])

    def game_over(self, *, with_truncation: bool = True) -> bool:
        """Whether the last life is lost, or the game was truncated."""
        return bool(self._games.terminated()[0]) or (with_truncation and self.game_truncated())

    def game_truncated(self) -> bool:
        """Whether the game has reached the last of its frames."""
        return bool(self._games.truncated()[0])

    def getEpisodeFrameNumber(self) -> int:
        """Frames of this game."""
        return int(self._games.frames[0])

    def getFrameNumber(self) -> int:
        """Frames of all games since the seed was set."""
        return int(self._games.frames[0] + self._games.frames_before[0])

    def getScreen(self) -> np.ndarray:
        """`(210, 160)` uint8, the emulator's colour numbers."""
        return draw(self.states)[0]

    def getScreenGrayscale(self) -> np.ndarray:
        """`(210, 160)` uint8."""
        return self._games.pictures("grayscale")[0]

    def getScreenRGB(self) -> np.ndarray:
        """`(210, 160, 3)` uint8."""
        return self._games.pictures("rgb")[0]

    def getScreenDims(self) -> tuple[int, int]:
        """Rows and columns."""
        return HEIGHT, WIDTH

    def getMinimalActionSet(self) -> list[Action]:
        """The four actions, in the environment's order."""
        return list(ACTIONS)

    getLegalActionSet = getMinimalActionSet

    def getAvailableModes(self) -> list[int]:
        """The game's modes that the twin plays."""
        return [0]

    getAvailableDifficulties = getAvailableModes

    def getFloat(self, key: str) -> float:
        """`repeat_action_probability`."""
        return float(self._settings[key])

    def getInt(self, key: str) -> int:
        """`random_seed` or `max_num_frames_per_episode`."""
        return int(self._settings[key])

    def setInt(self, key: str, value: int) -> None:
        """Set `random_seed`, which counts from the next restart. Raises UserError for another key."""
        if key != "random_seed":
            raise UserError(f"key is {key!r}; allowed: 'random_seed'")
        self._settings[key] = int(value)

    def cloneState(self, *, include_rng: bool = False) -> tuple[np.ndarray | None, ...]:
        """The game as it is, for `restoreState`; with `include_rng` also which of the next actions will be repeated."""
        games = self._games
        parts = (games.states, games.executed, games.frames, games.frames_before)
        return (*(part.copy() for part in parts), games.random.copy() if include_rng else None)

    def restoreState(self, state: tuple[np.ndarray | None, ...]) -> None:
        """Go back to what `cloneState` returned."""
        games = self._games
        parts = (games.states, games.executed, games.frames, games.frames_before, games.random)
        for part, saved in zip(parts, state, strict=True):
            if saved is not None:
                part[...] = saved


class TwinVectorEnv(VectorEnv):
    """Many games of the twin, played and drawn by compiled code in one call.

    `gymnasium.make_vec("rlbreakout/Breakout-twin-v5", num_envs=..., vectorization_mode="vector_entry_point")`. Game i
    plays, with the seed s + i, as TwinAtariEnv does with that seed; the other arguments are those of TwinAtariEnv.
    Observations are whole screens: `(num_envs, 210, 160, 3)` uint8, with obs_type "grayscale" `(num_envs, 210, 160)`.
    Rewards are points, `(num_envs,)` float64. `info` is what gymnasium's SyncVectorEnv makes of the games' own.

    autoreset_mode, as in https://farama.org/Vector-Autoreset-Mode: with NEXT_STEP the step after the end of a game
    begins another, whatever its action. With SAME_STEP the step that ends a game also begins the next one;
    `info["final_obs"]` and `info["final_info"]` have the last of the game that ended. With DISABLED, games that are
    over stay as they are until `reset(options={"reset_mask": ...})`, `(num_envs,)` bool, begins them anew.
    copy: if False, each call returns the same array with new screens in it, which saves time.

    Raises UserError for a value that is not allowed.
    """

    def __init__(
        self,
        num_envs: int = 1,
        game: str = "breakout",
        mode: int | None = None,
        difficulty: int | None = None,
        obs_type: str = "rgb",
        frameskip: tuple[int, int] | int = 4,
        repeat_action_probability: float = 0.25,
        full_action_space: bool = False,
        continuous: bool = False,
        continuous_action_threshold: float = 0.5,
        max_num_frames_per_episode: int | None = None,
        render_mode: str | None = None,
        sound_obs: bool = False,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
    ) -> None:
        check_settings({name: value for name, value in locals().items() if name not in ("self", "__class__")})
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**METADATA, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.copy = copy
        self.single_action_space = gym.spaces.Discrete(N_ACTIONS)
        self.single_observation_space = gym.spaces.Box(0, 255, SHAPES[obs_type], np.uint8)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._obs_type, self._frameskip = obs_type, frameskip
        self._games = Games(num_envs, float(repeat_action_probability), max_num_frames_per_episode)
        self._over = np.zeros(num_envs, dtype=bool)
        self._shown = np.empty(self.observation_space.shape or (), dtype=np.uint8)
        self._generators = [np.random.default_rng()] * num_envs
        for number, seed in enumerate(np.random.SeedSequence().generate_state(num_envs).tolist()):
            self._seed(number, seed)

    @property
    def states(self) -> np.ndarray:
        """The states of the games, `(num_envs,)` of dtype rlbreakout.breakout.rules.STATE; what is written there is
        played."""
        return self._games.states

    def reset(
        self, *, seed: int | Any | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all games, or those of `options["reset_mask"]`, `(num_envs,)` bool.

        seed: game i is seeded with seed + i, or with the i-th of `num_envs` seeds; None: random numbers go on.
        Raises UserError for seeds or a mask of another shape.
        """
        begin = self._mask(options)
        info: dict[str, Any] = {}
        if seed is not None:
            info["seeds"] = np.full(self.num_envs, None, dtype=object)
            seeds = check_seeds(seed, self.num_envs)
            for number in np.flatnonzero(begin).tolist():
                info["seeds"][number] = self._seed(number, seeds[number])
            info["_seeds"] = begin.copy()
        self._games.reset(begin)
        self._over &= ~begin
        return self._pictures(), {**self._info(begin), **info}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Hold an action in each game: `(num_envs,)` whole numbers, 0 none, 1 fire, 2 right, 3 left.

        Returns observations, rewards, terminations, truncations and info, each of all games. Raises UserError for
        other actions.
        """
        held = np.ascontiguousarray(actions, dtype=np.int64) if np.asarray(actions).dtype.kind in "iu" else None
        if held is None or held.shape != (self.num_envs,) or not ((held >= 0) & (held < N_ACTIONS)).all():
            shown = " ".join(repr(actions).split())[:100]
            raise UserError(f"actions are {shown}; allowed: ({self.num_envs},) of 0 none, 1 fire, 2 right, 3 left")
        begin = self._over & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        self._games.reset(begin)
        rewards = self._games.hold(held, self._frames(~begin)).astype(np.float64)
        terminated, truncated = self._games.terminated(), self._games.truncated()
        self._over = terminated | truncated
        info: dict[str, Any] = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self._over.any():
            info = self._final(self._over)
            self._games.reset(self._over)
        return self._pictures(), rewards, terminated, truncated, {**info, **self._info(np.ones(self.num_envs, bool))}

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The screen of each game, `(210, 160, 3)` uint8; None without render_mode."""
        return None if self.render_mode is None else tuple(self._games.pictures("rgb"))

    def _seed(self, number: int, seed: int) -> tuple[np.uint32, np.uint32]:
        """As AtariEnv.seed_game."""
        np_seed, ale_seed = np.random.SeedSequence(seed).generate_state(n_words=2)
        if not isinstance(self._frameskip, int):
            self._generators[number] = np_random(int(np_seed))[0]
        self._games.seed(number, int(ale_seed))
        return np_seed, ale_seed

    def _frames(self, stepped: np.ndarray) -> np.ndarray:
        """For how many frames each game holds its action; none where `stepped` is False."""
        frames = np.zeros(self.num_envs, dtype=np.int64)
        if isinstance(self._frameskip, int):
            frames[stepped] = self._frameskip
        else:
            for number in np.flatnonzero(stepped).tolist():
                frames[number] = self._generators[number].integers(*self._frameskip)
        return frames

    def _mask(self, options: dict[str, Any] | None) -> np.ndarray:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, dtype=bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise UserError(f"reset_mask is {mask!r}; allowed: an array ({self.num_envs},) of bool")
        return mask

    def _pictures(self) -> np.ndarray:
        return self._games.pictures(self._obs_type, None if self.copy else self._shown)

    def _info(self, known: np.ndarray) -> dict[str, np.ndarray]:
        """Of the games that `known` marks; 0 in the others."""
        games = self._games
        numbers = {
            "lives": games.states["lives"].astype(np.int64),
            "episode_frame_number": games.frames,
            "frame_number": games.frames + games.frames_before,
        }
        info: dict[str, np.ndarray] = {}
        for name, values in numbers.items():
            info[name], info[f"_{name}"] = np.where(known, values, 0), known.copy()
        return info

    def _final(self, ended: np.ndarray) -> dict[str, Any]:
        final = np.full(self.num_envs, None, dtype=object)
        for number in np.flatnonzero(ended).tolist():
            final[number] = self._games.pictures(self._obs_type, only=number)[0]
        info = {"final_obs": final, "final_info": self._info(ended)}
        return {**info, "_final_obs": ended.copy(), "_final_info": ended.copy()}
