"""Gymnasium wrappers for one Breakout environment: playing whole games, and what the agent sees.

What Stable-Baselines3 already has (skipping frames, resizing) is used from there. What the agent sees is made by the
room `observation`, with a batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py import Action
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv
from stable_baselines3.common.env_util import unwrap_wrapper

from rlbreakout.breakout.follow import Follower
from rlbreakout.breakout.rules import FIRE, LAST_FRAME
from rlbreakout.breakout.screen import HEIGHT, MOST_POINTS, WIDTH, find_ball
from rlbreakout.common.errors import UserError
from rlbreakout.config import BREAKOUT_IDS, ObservationConfig
from rlbreakout.observation.aimbot import Aimbot
from rlbreakout.observation.observer import Observer, needs_colour
from rlbreakout.observation.pictures import (
    WHITE,
    halve,
    mono,
    one_channel,
    paint_counters,
    paint_mark,
    trim,
)

TWIN_ID = "rlbreakout/Breakout-twin-v5"
"""The twin as an environment, which `import rlbreakout.envs` registers."""

MEANINGS = ["NOOP", "FIRE", "RIGHT", "LEFT"]
"""The actions that the rules of the game know, in their order."""

STALLED_AFTER = 5_000
"""Agent steps in a row without a point after which a game counts as stalled."""


def ball_in_play(env: gym.Env) -> bool:
    """Whether a ball is seen between the upper wall and the paddle's line on the screen of `env`, a Breakout
    environment of ale-py or the twin, wrapped or not."""
    screen = env.unwrapped.ale.getScreenGrayscale()  # type: ignore[attr-defined]
    return bool(find_ball(screen[None]).seen[0])


class IdleFrames(gym.Wrapper, RecordConstructorArgs):
    """Begin each game with 1 to `noop_max` frames of no action, drawn anew.

    As Stable-Baselines3's NoopResetEnv, but also where a step of the emulator is longer than a frame. Whole steps of no
    action would change nothing, because the ball waits for FIRE. Single frames shift when the agent looks at it.
    """

    def __init__(self, env: gym.Env, noop_max: int) -> None:
        RecordConstructorArgs.__init__(self, noop_max=noop_max)
        gym.Wrapper.__init__(self, env)
        self.noop_max = noop_max

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        game: Any = self.unwrapped
        for _ in range(int(game.np_random.integers(1, self.noop_max + 1))):
            game.ale.act(Action.NOOP)
        shown = game.ale.getScreenRGB() if np.ndim(observation) == 3 else game.ale.getScreenGrayscale()
        frames = {
            "episode_frame_number": game.ale.getEpisodeFrameNumber(),
            "frame_number": game.ale.getFrameNumber(),
        }
        return shown, {**info, **frames}


class LaunchBall(gym.Wrapper, RecordConstructorArgs):
    """Press FIRE after reset and after every lost life until a ball is seen.

    The agent's action of that step is replaced, so a step stays a step. Put it outside of the wrapper that skips
    frames. It goes on pressing because a sticky action may swallow the first FIRE. While `by_itself` is False, whoever
    plays launches the ball.

    >>> env = LaunchBall(gym.make("ALE/Breakout-v5"))
    >>> _ = env.reset(seed=0)
    >>> _ = env.step(0)
    >>> ball_in_play(env)
    True
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        meanings = env.unwrapped.get_action_meanings()  # type: ignore[attr-defined]
        if meanings[FIRE] != "FIRE":
            raise ValueError(f"LaunchBall needs FIRE as action {FIRE}, the environment has {meanings}")
        self.by_itself = True
        self._waiting = True
        self._lives = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        self._waiting = True
        self._lives = lives(self.env)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._waiting = self._waiting and not ball_in_play(self.env)
        action = FIRE if self._waiting and self.by_itself else action
        observation, reward, terminated, truncated, info = self.env.step(action)
        lives_left = lives(self.env)
        self._waiting = self._waiting or lives_left < self._lives
        self._lives = lives_left
        return observation, reward, terminated, truncated, info


class StalledGame(gym.Wrapper, RecordConstructorArgs):
    """Truncate a game in which no point was scored for `patience` agent steps; `info["stalled"]` tells.

    Put it outside of the wrapper that skips frames and inside of Monitor, so that Monitor sees the end of the game.
    """

    def __init__(self, env: gym.Env, patience: int = STALLED_AFTER) -> None:
        RecordConstructorArgs.__init__(self, patience=patience)
        gym.Wrapper.__init__(self, env)
        self.patience = patience
        self._steps_without_points = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._steps_without_points = 0
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps_without_points = 0 if reward else self._steps_without_points + 1
        stalled = self._steps_without_points >= self.patience and not terminated
        return observation, reward, terminated, truncated or stalled, {**info, "stalled": stalled}


class CompleteGame(gym.Wrapper, RecordConstructorArgs):
    """End a game that can bring nothing more.

    It is terminated when all MOST_POINTS points are scored: the ball goes on, and no brick comes any more. It is
    truncated at frame LAST_FRAME (65,536): the console's clock runs over, and it begins to demonstrate itself.

    Put it where rewards are points, inside of StalledGame.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._score = 0.0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._score = 0.0
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._score += float(reward)
        truncated = truncated or info.get("episode_frame_number", 0) >= LAST_FRAME
        return observation, reward, terminated or self._score >= MOST_POINTS, truncated, info


class LifeIsEpisode(gym.Wrapper, RecordConstructorArgs):
    """A lost life ends the episode; the next one begins at the very screen where the last one ended.

    As Stable-Baselines3's EpisodicLifeEnv, but without its step of no action at the start of an episode, which many
    environments that step together cannot make one by one. Put it inside of LaunchBall.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._lives = 0
        self._game_over = True
        self._last: tuple[Any, dict[str, Any]] | None = None

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        if self._game_over or self._last is None or kwargs.get("seed") is not None:
            observation, info = self.env.reset(**kwargs)
        else:
            observation, info = self._last
        self._lives = lives(self.env)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._game_over = terminated or truncated
        self._last = observation, info
        return observation, reward, terminated or lives(self.env) < self._lives, truncated, info


class LostLifeReward(gym.Wrapper, RecordConstructorArgs):
    """Add `lost_life_reward` to the reward of a step in which a life is lost.

    Put it outside of what clips rewards, and of Monitor, whose score is the game's.

    >>> env = LostLifeReward(ClipRewardEnv(gym.make("ALE/Breakout-v5")), -1.0)
    """

    def __init__(self, env: gym.Env, lost_life_reward: float) -> None:
        RecordConstructorArgs.__init__(self, lost_life_reward=lost_life_reward)
        gym.Wrapper.__init__(self, env)
        self.lost_life_reward = lost_life_reward
        self._lives = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        self._lives = lives(self.env)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        before, self._lives = self._lives, lives(self.env)
        if self._lives < before:
            reward = float(reward) + self.lost_life_reward
        return observation, reward, terminated, truncated, info


class MonoObservation(gym.ObservationWrapper, RecordConstructorArgs):
    """Show fewer colours: `3col` (as they are), `grey_3dim`, `grey_1dim`, `mono_3dim` or `mono_1dim` (black and white).

    >>> env = MonoObservation(gym.make("ALE/Breakout-v5"), mode="mono_1dim")
    >>> env.observation_space.shape
    (210, 160, 1)

    Raises UserError for another mode, for what is no picture, and outside of an AimbotObservation with counters, if
    the mode would blot them out.
    """

    def __init__(self, env: gym.Env, mode: str = "mono_1dim") -> None:
        RecordConstructorArgs.__init__(self, mode=mode)
        gym.ObservationWrapper.__init__(self, env)
        shape = _picture_shape(env, "MonoObservation")
        if mode == "3col" and shape[2:] != (3,):
            raise UserError(f"MonoObservation mode '3col' needs a screen in colour, not of shape {shape}")
        aimbot: Any = unwrap_wrapper(env, AimbotObservation)
        if mode.startswith("mono") and aimbot is not None and aimbot.counters:
            raise UserError(
                f"MonoObservation mode {mode!r} must come before AimbotObservation with counters, whose numbers are "
                "brightness; allowed outside of it: 3col, grey_3dim, grey_1dim"
            )
        self.mode = mode
        channels = mono(np.zeros((1, 1, 1, 3), np.uint8), mode).shape[-1]
        self.observation_space = gym.spaces.Box(0, WHITE, (*shape[:2], channels), np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return mono(observation[None], self.mode)[0]


class TrimObservation(gym.ObservationWrapper, RecordConstructorArgs):
    """Show the game area only: `keep` (everything), `trim` (cut the rest off), `blacken` or `whiten` the rest.

    Pixels are kept one to one; with `half` the picture is max-pooled by 2, which keeps the ball whole.

    >>> env = TrimObservation(gym.make("ALE/Breakout-v5"), mode="trim")
    >>> env.observation_space.shape
    (174, 144, 3)

    Raises UserError for another mode, and for what is no whole screen.
    """

    def __init__(self, env: gym.Env, mode: str = "trim", half: bool = False) -> None:
        RecordConstructorArgs.__init__(self, mode=mode, half=half)
        gym.ObservationWrapper.__init__(self, env)
        self.mode, self.half = mode, half
        self._shape = _check_whole_screens(env, "TrimObservation")
        trimmed = self.observation(np.zeros(self._shape, dtype=np.uint8))
        self.observation_space = gym.spaces.Box(0, WHITE, trimmed.shape, np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        picture = trim(observation.reshape(1, HEIGHT, WIDTH, -1), self.mode)
        picture = halve(picture) if self.half else picture.copy()
        return picture[0] if len(self._shape) == 3 else picture[0, :, :, 0]


class AimbotObservation(gym.Wrapper, RecordConstructorArgs):
    """Paint where the falling ball will cross the paddle's line, as a white mark 6 pixels wide on rows 200 to 204.

    With `counters`, write the numbers of observation.pictures.COUNTERS as the brightness of single pixels of row 196.
    Put it inside of what cuts or resizes the screen. Rendering shows the game as it is.

    >>> env = AimbotObservation(gym.make("ALE/Breakout-v5"))

    Raises UserError for anything but whole screens of Breakout, and for two frames laid over each other.
    """

    def __init__(self, env: gym.Env, counters: bool = False) -> None:
        RecordConstructorArgs.__init__(self, counters=counters)
        gym.Wrapper.__init__(self, env)
        self.counters = counters
        _check_single_frames(env, "AimbotObservation")
        _check_whole_screens(env, "AimbotObservation")
        _check_game(env, "AimbotObservation")
        self._clock, self._aimbot = _Clock(env), Aimbot(1)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        screen, info = self.env.reset(**kwargs)
        self._aimbot.forget(np.array([0]))
        return self._paint(screen), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        screen, reward, terminated, truncated, info = self.env.step(action)
        return self._paint(screen), reward, terminated, truncated, info

    def _paint(self, screen: np.ndarray) -> np.ndarray:
        painted = screen.copy()
        picture = painted.reshape(1, HEIGHT, WIDTH, -1)
        aim = self._aimbot.watch(one_channel(picture), self._clock.elapsed())
        paint_mark(picture, aim)
        if self.counters:
            paint_counters(picture, aim)
        return painted


class SentActions(gym.Wrapper, RecordConstructorArgs):
    """Note every action that is sent to the emulator, also those that other wrappers send or replace, and the first
    screen of each game: it is what follows the state of the game (breakout.follow.Follower) from screens.

    Put it next to the emulator.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._first_screen: np.ndarray | None = None
        self._sent: list[int] = []

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        screen, info = self.env.reset(**kwargs)
        self._first_screen, self._sent = screen, []
        return screen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._sent.append(int(action))
        return self.env.step(action)

    def take(self) -> tuple[np.ndarray | None, list[int]]:
        """The first screen of a game that has begun since the last call, or None, and the actions sent since then."""
        first_screen, sent = self._first_screen, self._sent
        self._first_screen, self._sent = None, []
        return first_screen, sent


class ConfiguredObservation(gym.Wrapper, RecordConstructorArgs):
    """Show what an ObservationConfig says, but for the frame stack: what TwinVecEnv shows, for one environment.

    When a game is over, the last observation stays. Coordinates need SentActions next to the emulator: the state of the
    game is inferred from the screens and the actions.

    Raises UserError for anything but whole screens of Breakout, for grey ones where colour is needed, for two frames
    laid over each other, and for coordinates without SentActions.
    """

    def __init__(self, env: gym.Env, config: ObservationConfig) -> None:
        RecordConstructorArgs.__init__(self, config=config)
        gym.Wrapper.__init__(self, env)
        name = type(self).__name__
        shape = _check_whole_screens(env, name)
        if needs_colour(config) and shape != (HEIGHT, WIDTH, 3):
            raise UserError(f"{name} needs a screen in colour here, not of shape {shape}")
        if config.has_aimbot or config.has_coordinates:
            _check_single_frames(env, name)
            _check_game(env, name)
        self._sent: Any = unwrap_wrapper(env, SentActions)
        if config.has_coordinates and self._sent is None:
            raise UserError(f"{name} needs SentActions next to the emulator for coordinates; it is missing")
        self.follower = Follower(1) if config.has_coordinates else None
        """Infers the state of the game, if coordinates are shown."""
        self._shape, self._clock, self._observer = (1, *shape), _Clock(env), Observer(config, 1)
        self.observation_space = self._observer.space

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        screen, info = self.env.reset(**kwargs)
        self._observer.forget(np.array([0]))
        self._observe(screen)
        return self._last, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        screen, reward, terminated, truncated, info = self.env.step(action)
        if not (truncated or (terminated and lives(self.env) == 0)):
            self._observe(screen)
        return self._last, reward, terminated, truncated, info

    def _observe(self, screen: np.ndarray) -> None:
        screens, states = screen.reshape(self._shape), None
        if self.follower is not None:
            first_screen, sent = self._sent.take()
            if first_screen is not None:
                self.follower.begin(first_screen.reshape(self._shape))
            if sent:
                self.follower.update(screens, [sent])
            states = self.follower.states
        seen = self._observer.observe(screens, self._clock.elapsed(), states=states)
        self._last: Any = {name: part[0] for name, part in seen.items()} if isinstance(seen, dict) else seen[0]


class CoordinatesObservation(ConfiguredObservation):
    """Show what is known as numbers instead of a screen: float32 `(k,)`, the entries of the named blocks
    (observation.blocks.entries_of names each and its unit). Put SentActions next to the emulator.

    >>> env = CoordinatesObservation(SentActions(gym.make("ALE/Breakout-v5")), blocks=["now", "arrival"])
    """

    def __init__(self, env: gym.Env, blocks: Sequence[str] = ("now", "arrival", "choices")) -> None:
        RecordConstructorArgs.__init__(self, blocks=blocks)  # the first one counts
        ConfiguredObservation.__init__(
            self, env, ObservationConfig.model_validate({"kind": "coordinates", "blocks": list(blocks)})
        )


class _Clock:
    """Counts the frames between two observations, also where an id draws its own frame skip."""

    def __init__(self, env: gym.Env) -> None:
        self._game: Any = env.unwrapped
        self._now = 0

    def elapsed(self) -> int:
        """Frames since the last call; after a reset it means nothing."""
        before, self._now = self._now, self._game.ale.getEpisodeFrameNumber()
        return self._now - before


def lives(env: gym.Env) -> int:
    """Lives that are left in `env`, an environment of ale-py, wrapped or not."""
    return int(env.unwrapped.ale.lives())  # type: ignore[attr-defined]


def _shown(space: gym.Space) -> str:
    """A space in a few words on one line: a Box of numbers writes out every bound of its own."""
    if isinstance(space, gym.spaces.Box):
        return f"Box of {space.dtype} {space.shape}"
    if isinstance(space, gym.spaces.Dict):
        return f"Dict of {', '.join(space)}"
    return type(space).__name__


def _picture_shape(env: gym.Env, who: str) -> tuple[int, ...]:
    space = env.observation_space
    if not isinstance(space, gym.spaces.Box) or space.dtype != np.uint8 or len(space.shape) not in (2, 3):
        numbers = unwrap_wrapper(env, ConfiguredObservation)
        inner = "" if numbers is None else type(numbers).__name__
        first = f"; it must come before (inside of) {inner}" if inner not in ("", who) else ""
        raise UserError(f"{who} needs pictures, uint8 (height, width[, channels]), not {_shown(space)}{first}")
    if len(space.shape) == 3 and space.shape[2] not in (1, 3):
        raise UserError(
            f"{who} needs 1 or 3 channels, not a picture of shape {space.shape}; stack frames outside of it"
        )
    return space.shape


def _check_single_frames(env: gym.Env, who: str) -> None:
    """Raise UserError if SB3's MaxAndSkipEnv lays two frames over each other inside of `env`."""
    if unwrap_wrapper(env, MaxAndSkipEnv) is not None:
        raise UserError(
            f"{who} needs single frames, and MaxAndSkipEnv lays two over each other, which smears the ball; "
            "hold actions with gymnasium.make(..., frameskip=4) instead, or put it inside of MaxAndSkipEnv"
        )


def _check_game(env: gym.Env, who: str) -> None:
    """Raise UserError if `env` plays the game with other actions, or in a mode or difficulty whose rules differ."""
    meanings = env.unwrapped.get_action_meanings()  # type: ignore[attr-defined]
    if meanings != MEANINGS:
        raise UserError(
            f"{who} knows the actions {', '.join(MEANINGS)}, not {', '.join(meanings)}; make the environment without "
            "full_action_space"
        )
    settings = {} if env.unwrapped.spec is None else env.unwrapped.spec.kwargs
    for key in ("mode", "difficulty"):
        if settings.get(key):
            raise UserError(f"{who} knows {key} 0 of the game, not {settings[key]}")


def _check_whole_screens(env: gym.Env, who: str) -> tuple[int, ...]:
    """The shape of the screen that `env` shows. Raises UserError if it is not Breakout's whole screen."""
    shape = _picture_shape(env, who)
    if shape[:2] != (HEIGHT, WIDTH):
        raise UserError(
            f"{who} needs whole screens of {HEIGHT}x{WIDTH} pixels, not {shape[0]}x{shape[1]}; "
            "it must come before (inside of) whatever cuts or resizes them"
        )
    spec = env.unwrapped.spec
    known = (*BREAKOUT_IDS, TWIN_ID)
    if spec is not None and spec.id not in known:
        raise UserError(f"{who} knows Breakout's screen only, not that of {spec.id}; allowed: {', '.join(known)}")
    return shape
