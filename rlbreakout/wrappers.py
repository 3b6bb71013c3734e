"""Gymnasium wrappers for one Breakout environment: playing whole games, and what the agent sees.

What Stable-Baselines3 already has (skipping frames, resizing) is used from there. The pixels are those of
observation.py, called with a batch of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from ale_py import Action
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv

from rlbreakout.breakout.follow import Follower
from rlbreakout.breakout.rules import LAST_FRAME
from rlbreakout.breakout.screen import HEIGHT, MOST_POINTS, WIDTH, Found, find_ball
from rlbreakout.config import BREAKOUT_IDS, MONO_MODES, TRIM_MODES, ObservationConfig
from rlbreakout.errors import UserError
from rlbreakout.observation import (
    FIRE,
    WHITE,
    Knowledge,
    Observation,
    Observer,
    Watcher,
    check_mode,
    coordinates,
    coordinates_space,
    mono,
    one_channel,
    paint_counters,
    paint_mark,
    trim,
)
from rlbreakout.observation import half as max_pooled

TWIN_ID = "rlbreakout/Breakout-twin-v5"
"""The twin as an environment, which `import rlbreakout.envs` registers."""

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
    frames. It goes on pressing because a sticky action may swallow the first FIRE.

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
        self._waiting = True
        self._lives = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        self._waiting = True
        self._lives = lives(self.env)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self._waiting = self._waiting and not ball_in_play(self.env)
        observation, reward, terminated, truncated, info = self.env.step(FIRE if self._waiting else action)
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


class StopAfterGames(gym.Wrapper, RecordConstructorArgs):
    """Play `games_left` games, and then stand still: an environment that has played its share waits for those beside
    it, and the emulator is what takes time. None, until it is set: play on.

    Put it outside of what ends games, and inside of Monitor.
    """

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self.games_left: int | None = None

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self._shown = self.env.reset(**kwargs)
        return self._shown

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if self.games_left == 0:
            screen, info = self._shown
            return screen, 0.0, False, False, info
        screen, reward, terminated, truncated, info = self.env.step(action)
        if self.games_left is not None:
            self.games_left -= terminated or truncated
        return screen, reward, terminated, truncated, info


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


class DroppedScreens(gym.Wrapper, RecordConstructorArgs):
    """Show the screen before again instead of a new one, with this probability: a camera that loses pictures.

    >>> env = DroppedScreens(gym.make("ALE/Breakout-v5"), 0.1)

    Raises UserError for what is no probability.
    """

    def __init__(self, env: gym.Env, probability: float) -> None:
        RecordConstructorArgs.__init__(self, probability=probability)
        gym.Wrapper.__init__(self, env)
        if not 0 <= probability <= 1:
            raise UserError(f"probability is {probability}; allowed: 0 to 1")
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


class OtherColours(gym.ObservationWrapper, RecordConstructorArgs):
    """Show the negative of all that is not black, in colour or grey."""

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        self._in_colour = len(_picture_shape(env, "OtherColours")) == 3

    def observation(self, observation: np.ndarray) -> np.ndarray:
        lit = (observation != 0).any(axis=-1, keepdims=True) if self._in_colour else observation != 0
        return np.where(lit, np.maximum(WHITE - observation, 1), observation)


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
        check_mode(mode, MONO_MODES, "mono mode")
        shape = _picture_shape(env, "MonoObservation")
        if mode == "3col" and shape[2:] != (3,):
            raise UserError(f"MonoObservation mode '3col' needs a screen in colour, not of shape {shape}")
        aimbot = _inside(env, AimbotObservation)
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
        check_mode(mode, TRIM_MODES, "trim mode")
        self.mode, self.half = mode, half
        self._shape = _whole_screen(env, "TrimObservation")
        trimmed = self.observation(np.zeros(self._shape, dtype=np.uint8))
        self.observation_space = gym.spaces.Box(0, WHITE, trimmed.shape, np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        picture = trim(observation.reshape(1, HEIGHT, WIDTH, -1), self.mode)
        picture = max_pooled(picture) if self.half else picture.copy()
        return picture[0] if len(self._shape) == 3 else picture[0, :, :, 0]


class _Watching(gym.Wrapper):
    """Follows ball and paddle of one game; what a wrapper makes of it is for its subclass to say."""

    def __init__(self, env: gym.Env) -> None:
        gym.Wrapper.__init__(self, env)
        name = type(self).__name__
        self._shape = _whole_screen(env, name)
        pooling = _inside(env, MaxAndSkipEnv)
        if pooling is not None and pooling._skip > 1:
            raise UserError(
                f"{name} needs single frames, and MaxAndSkipEnv lays two over each other, which smears the ball; "
                "hold actions with gymnasium.make(..., frameskip=4) instead, or put it inside of MaxAndSkipEnv"
            )
        self._clock = _Clock(env)
        self._watcher = Watcher(1, ObservationConfig())
        self._last_action = np.array([-1])

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        self._watcher.forget(np.array([0]))
        self._last_action = np.array([-1])
        return self._show(observation, self._clock.start(info)), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._last_action = np.array([action])
        return self._show(observation, self._clock.elapsed(info)), reward, terminated, truncated, info

    def _show(self, observation: np.ndarray, elapsed: int) -> Any:
        frames = observation.reshape(1, HEIGHT, WIDTH, -1)
        known = self._watcher.look(Found.on(one_channel(frames)), elapsed)
        return self.observation(observation, known)

    def observation(self, observation: np.ndarray, known: Knowledge) -> Any:
        raise NotImplementedError


class AimbotObservation(_Watching, RecordConstructorArgs):
    """Paint where the falling ball will cross the paddle's line, as a white mark 6 pixels wide on rows 200 to 204.

    With `counters`, write what observation.COUNTERS names as the brightness of single pixels of row 196.
    Put it inside of what cuts or resizes the screen. Rendering shows the game as it is.

    >>> env = AimbotObservation(gym.make("ALE/Breakout-v5"))

    Raises UserError for what is no whole screen of Breakout, or two frames laid over each other.
    """

    def __init__(self, env: gym.Env, counters: bool = False) -> None:
        RecordConstructorArgs.__init__(self, counters=counters)
        _Watching.__init__(self, env)
        self.counters = counters

    def observation(self, observation: np.ndarray, known: Knowledge) -> np.ndarray:
        painted = observation.copy()
        picture = painted.reshape(1, HEIGHT, WIDTH, -1)
        paint_mark(picture, known.landing)
        if self.counters:
            paint_counters(picture, known.flight, known.landing, known.paddle_seen, known.paddle_column)
        return painted


class CoordinatesObservation(_Watching, RecordConstructorArgs):
    """Show what is known as numbers: float32 `(len(COORDINATES),)`; observation.COORDINATES names each and its unit.

    With `image`, show both: a Dict of the picture that comes in ("image") and the numbers ("coordinates"), for
    MultiInputPolicy.

    >>> env = CoordinatesObservation(gym.make("ALE/Breakout-v5"))

    Raises UserError for what is no whole screen of Breakout, or two frames laid over each other.
    """

    def __init__(self, env: gym.Env, image: bool = False) -> None:
        RecordConstructorArgs.__init__(self, image=image)
        _Watching.__init__(self, env)
        self.image = image
        numbers = coordinates_space()
        both = gym.spaces.Dict({"image": env.observation_space, "coordinates": numbers})
        self.observation_space = both if image else numbers

    def observation(self, observation: np.ndarray, known: Knowledge) -> Any:
        numbers = coordinates(known, self._last_action)[0]
        return {"image": observation, "coordinates": numbers} if self.image else numbers


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

    def take_sent(self) -> tuple[np.ndarray | None, list[int]]:
        """The first screen of a game that has begun since the last call, or None, and the actions sent since then."""
        first_screen, sent = self._first_screen, self._sent
        self._first_screen, self._sent = None, []
        return first_screen, sent


class ConfiguredObservation(gym.Wrapper, RecordConstructorArgs):
    """Show what an ObservationConfig says: the same that BreakoutVecEnv and TwinVecEnv show, for one environment.

    When a game is over, what was seen last stays: no ball is left to be seen. The others do the same. Blocks of
    coordinates need SentActions next to the emulator: the state of the game is followed from screens and actions.

    Raises UserError for what is no whole screen of Breakout in colour, and for blocks without SentActions.
    """

    def __init__(self, env: gym.Env, config: ObservationConfig) -> None:
        RecordConstructorArgs.__init__(self, config=config)
        gym.Wrapper.__init__(self, env)
        shape = _whole_screen(env, "ConfiguredObservation")
        self._observer = Observer(config, 1)
        if Observer.needs_colour(config) and shape != (HEIGHT, WIDTH, 3):
            raise UserError(f"this observation needs a screen in colour, not of shape {shape}")
        self._shape = (1, *shape)
        self._clock = _Clock(env)
        self.follower: Follower | None = None
        """Infers the state of the game where blocks need it."""
        self._noted = _inside(env, SentActions)
        if config.blocks is not None:
            if self._noted is None:
                raise UserError("observation.blocks need SentActions next to the emulator; it is missing")
            self.follower = Follower(1)
        self.observation_space = self._observer.space

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        frame, info = self.env.reset(**kwargs)
        self._observer.forget(np.array([0]))
        screen = frame.reshape(self._shape)
        self._last = _only(self._observer.look(screen, self._clock.start(info), states=self._follow(screen)))
        return self._last, info

    def _follow(self, screen: np.ndarray) -> np.ndarray | None:
        if self.follower is None:
            return None
        first_screen, sent = self._noted.take_sent()
        if first_screen is not None:
            self.follower.begin(first_screen.reshape(self._shape))
        if sent:
            self.follower.look(screen, [sent])
        return self.follower.states

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        frame, reward, terminated, truncated, info = self.env.step(action)
        elapsed = self._clock.elapsed(info)
        if not (truncated or (terminated and lives(self.env) == 0)):
            screen = frame.reshape(self._shape)
            states = self._follow(screen)
            self._last = _only(self._observer.look(screen, elapsed, np.array([action]), states=states))
        return self._last, reward, terminated, truncated, info


class _Clock:
    """Counts the frames between two looks, also where an id draws its own frame skip."""

    def __init__(self, env: gym.Env) -> None:
        spec = env.unwrapped.spec
        held = spec.kwargs.get("frameskip", 4) if spec is not None else 4
        self._usual = held if isinstance(held, int) else max(held) - 1
        self._game: Any = env.unwrapped
        self._now = 0

    def start(self, info: dict[str, Any]) -> int:
        # FireResetEnv steps, and forgets the info.
        self._now = info.get("episode_frame_number", self._game.ale.getEpisodeFrameNumber())
        return 0

    def elapsed(self, info: dict[str, Any]) -> int:
        before, self._now = self._now, info.get("episode_frame_number", self._now + self._usual)
        return self._now - before


def lives(env: gym.Env) -> int:
    """Lives that are left in `env`, an environment of ale-py, wrapped or not."""
    return int(env.unwrapped.ale.lives())  # type: ignore[attr-defined]


def _only(observation: Observation) -> Any:
    """A batch of one, without the batch."""
    if isinstance(observation, dict):
        return {name: part[0] for name, part in observation.items()}
    return observation[0]


def _inside(env: gym.Env, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    """The wrapper of this kind, or of one of these, that is nearest to the outside of `env`, or None."""
    return next((layer for layer in _layers(env) if isinstance(layer, kind)), None)


def _layers(env: gym.Env) -> Iterator[gym.Wrapper]:
    """The wrappers around `env`, from the outside in."""
    while isinstance(env, gym.Wrapper):
        yield env
        env = env.env


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
        numbers = _inside(env, (CoordinatesObservation, ConfiguredObservation))
        inner = "" if numbers is None else type(numbers).__name__
        first = f"; it must come before (inside of) {inner}" if inner not in ("", who) else ""
        raise UserError(f"{who} needs pictures, uint8 (height, width[, channels]), not {_shown(space)}{first}")
    if len(space.shape) == 3 and space.shape[2] not in (1, 3):
        raise UserError(
            f"{who} needs 1 or 3 channels, not a picture of shape {space.shape}; stack frames outside of it"
        )
    return space.shape


def _whole_screen(env: gym.Env, who: str) -> tuple[int, ...]:
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
