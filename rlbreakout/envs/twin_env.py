"""The twin as a gymnasium environment that can take the place of ALE/Breakout-v5.

    import gymnasium
    import rlbreakout.envs

    env = gymnasium.make("rlbreakout/Breakout-twin-v5")

Without sticky actions it shows what ale-py shows, screen for screen. With them, the repeated actions are drawn from
other random numbers, with the same probability. A process that has not imported `rlbreakout.envs`, such as one that a
SubprocVecEnv starts, finds the environment as "rlbreakout.envs:rlbreakout/Breakout-twin-v5".
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from ale_py import Action
from ale_py.env import AtariEnv
from gymnasium.utils import EzPickle

from rlbreakout.breakout.draw import draw, draw_grey, draw_rgb
from rlbreakout.breakout.rules import LAST_FRAME, N_ACTIONS, NONE, is_over, new_games
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.errors import UserError
from rlbreakout.envs.twin_games import sticky_frame

ACTIONS = [Action.NOOP, Action.FIRE, Action.RIGHT, Action.LEFT]
"""ale-py's names of the game's actions 0 to 3."""
_NUMBERS = {key: number for number, action in enumerate(ACTIONS) for key in (action, action.value)}
_METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}
_SHAPES = {"rgb": (HEIGHT, WIDTH, 3), "grayscale": (HEIGHT, WIDTH)}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "game": ("breakout",),
    "mode": (None, 0),
    "difficulty": (None, 0),
    "obs_type": tuple(_SHAPES),
    "full_action_space": (False,),
    "continuous": (False,),
    "render_mode": (None, "rgb_array"),
    "sound_obs": (False,),
}
"""Arguments of ale-py's environment, and the values that the twin supports."""


class TwinAtariEnv(AtariEnv):
    """One game of Breakout, played in the twin: `gymnasium.make("rlbreakout/Breakout-twin-v5")`.

    This is ale-py's own environment with the twin in place of the emulator: the same spaces, `info` and seeding, so
    wrappers draw the same numbers. `env.unwrapped.ale` is a TwinInterface. A game is also truncated at frame 65,536,
    where the console's clock overflows. (CompleteGame does the same to the emulator.)

    obs_type: "rgb", `(210, 160, 3)` uint8, or "grayscale", `(210, 160)`. frameskip: frames for which an action is held,
    or a range to draw from, its upper end excluded. repeat_action_probability: the probability that a frame repeats the
    action of the previous frame. max_num_frames_per_episode: frames after which a game is truncated; None: 65,536.
    render_mode: None or "rgb_array"; for "human", gymnasium.make opens a window itself. The other arguments are
    ale-py's; only their defaults are allowed.

    Raises UserError for a value that is not allowed.
    """

    metadata = _METADATA
    ale: Any

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
        _check_settings(settings)
        EzPickle.__init__(self, **settings)
        self.ale = TwinInterface(float(repeat_action_probability), max_num_frames_per_episode)
        self.render_mode = render_mode
        self.sound_obs = self.continuous = False
        self._frameskip: Any = frameskip
        self._obs_type: Any = obs_type
        self._action_set = self.ale.getMinimalActionSet()
        self.action_space = gym.spaces.Discrete(N_ACTIONS)
        self.observation_space = gym.spaces.Box(0, 255, _SHAPES[obs_type], np.uint8)
        self.seed_game()
        self.load_game()

    @property
    def states(self) -> np.ndarray:
        """The state of the game, `(1,)` of dtype rlbreakout.breakout.rules.STATE. Write into it to change the game."""
        return self.ale.states

    def load_game(self) -> None:
        """Start over with the seed that was set last."""
        self.ale.restart()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, Any]:
        """Hold an action: 0 none, 1 fire, 2 right, 3 left. Raises UserError for any other."""
        if action not in self.action_space:
            raise UserError(f"action is {action!r}; allowed: 0 none, 1 fire, 2 right, 3 left")
        return super().step(int(action))


def _check_settings(settings: dict[str, Any]) -> None:
    def refuse(name: str, allowed: str) -> None:
        raise UserError(f"{name} is {settings[name]!r}; allowed: {allowed}")

    for name, choices in _CHOICES.items():
        if settings[name] not in choices:
            refuse(name, " or ".join(map(repr, choices)))
    skip, sticky = settings["frameskip"], settings["repeat_action_probability"]
    low, high = skip if isinstance(skip, tuple) and len(skip) == 2 else (skip, 2**31)
    if not (type(low) is type(high) is int and 1 <= low < high):
        refuse("frameskip", "1 or more, or a tuple (low, high) with 1 <= low < high")
    if not (isinstance(sticky, (int, float)) and 0 <= sticky <= 1):
        refuse("repeat_action_probability", "0 to 1")
    most = settings["max_num_frames_per_episode"]
    if most is not None and not (type(most) is int and most >= 0):
        refuse("max_num_frames_per_episode", "None, or 0 or more")


class TwinInterface:
    """One game of the twin, with the methods of ale-py's ALEInterface that environments and wrappers use.

    repeat_action_probability: the probability that a frame repeats the action of the previous frame. max_frames: frames
    after which a game is truncated, at most 65,536; None or 0: 65,536.
    """

    def __init__(self, repeat_action_probability: float = 0.25, max_frames: int | None = None) -> None:
        self.states = new_games(1)
        """The state of the game, `(1,)` of dtype rlbreakout.breakout.rules.STATE."""
        self._sticky, self._seed = repeat_action_probability, 0
        self._most_frames = min(max_frames or LAST_FRAME, LAST_FRAME)
        self._executed, self._random = np.full(1, NONE, dtype=np.int64), np.zeros(1, dtype=np.uint64)
        self._counts = np.zeros(2, dtype=np.int64)  # frames of this game, and of those before it

    def restart(self) -> None:
        """Begin a game, and restart the frame counts and the draws of sticky actions, like ALEInterface.loadROM."""
        self._random[0] = np.uint64(self._seed % 2**32)
        self._counts[:] = 0
        self.reset_game()

    def reset_game(self) -> None:
        """Begin a game."""
        self.states[:] = new_games(1)
        self._executed[0] = NONE
        self._counts[:] = 0, self._counts.sum()

    def act(self, action: Action | int, paddle_strength: float = 1.0) -> int:
        """Play one frame and return its points. Raises UserError for an action that Breakout does not know."""
        number = _NUMBERS.get(action)
        if number is None or paddle_strength != 1:
            names = ", ".join(known.name for known in ACTIONS)
            raise UserError(f"action is {action!r} of strength {paddle_strength}; allowed: {names}, of strength 1")
        if is_over(self.states[0]) or self.game_truncated():
            return 0
        self._counts[0] += 1
        return int(sticky_frame(self.states, 0, number, self._executed, self._random, self._sticky))

    def lives(self) -> int:
        """Lives that are left."""
        return int(self.states["lives"][0])

    def game_over(self, *, with_truncation: bool = True) -> bool:
        """Whether the last life is lost, or the game is truncated."""
        return self.lives() == 0 or (with_truncation and self.game_truncated())

    def game_truncated(self) -> bool:
        """Whether the game has reached its last frame."""
        return bool(self._counts[0] >= self._most_frames)

    def getEpisodeFrameNumber(self) -> int:
        """Frames of this game."""
        return int(self._counts[0])

    def getFrameNumber(self) -> int:
        """Frames of all games since the seed was set."""
        return int(self._counts.sum())

    def getScreen(self) -> np.ndarray:
        """The screen in the emulator's colour numbers, `(210, 160)` uint8."""
        return draw(self.states)[0]

    def getScreenGrayscale(self) -> np.ndarray:
        """The screen in grey, `(210, 160)` uint8."""
        return draw_grey(self.states)[0]

    def getScreenRGB(self) -> np.ndarray:
        """The screen in colour, `(210, 160, 3)` uint8."""
        return draw_rgb(self.states)[0]

    def getMinimalActionSet(self) -> list[Action]:
        """The four actions, in the environment's order."""
        return list(ACTIONS)

    def setInt(self, key: str, value: int) -> None:
        """Set `random_seed`, which takes effect at the next restart. Raises UserError for another key."""
        if key != "random_seed":
            raise UserError(f"key is {key!r}; allowed: 'random_seed'")
        self._seed = int(value)

    def cloneState(self, *, include_rng: bool = False) -> tuple[np.ndarray | None, ...]:
        """The game as it is, for `restoreState`; with `include_rng` also which of the next actions will be repeated."""
        parts = (self.states.copy(), self._executed.copy(), self._counts.copy())
        return (*parts, self._random.copy() if include_rng else None)

    def restoreState(self, state: tuple[np.ndarray | None, ...]) -> None:
        """Go back to what `cloneState` returned."""
        parts = (self.states, self._executed, self._counts, self._random)
        for part, saved in zip(parts, state, strict=True):
            if saved is not None:
                part[...] = saved
