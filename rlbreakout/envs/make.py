"""From a config to environments, for training and for evaluation.

The order of the wrappers, from the emulator outwards:

|                                | training              | evaluation             |
|--------------------------------|-----------------------|------------------------|
| the emulator                   | gymnasium.make        | gymnasium.make         |
| random start, frame skip       | outside of Monitor    | inside of Monitor      |
| lost life ends the episode     | as the config says    | never                  |
| launching the ball             | as the config says    | after every lost life  |
| a game of 864 points ends      | yes                   | yes                    |
| stalled games are truncated    | no                    | yes                    |
| what the agent sees            | as the config says    | as the config says     |
| clipped reward                 | as the config says    | never                  |

Monitor stands where the reward is still in points and the end is still the end of the game, so that `info["episode"]`
is the score and the length of a whole game. In training that is next to the emulator (a length in frames), where
rl_zoo3 has it too; in evaluation it is outside of the frame skip (a length in agent steps).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import ale_py
import gymnasium as gym
from stable_baselines3.common.atari_wrappers import (
    ClipRewardEnv,
    EpisodicLifeEnv,
    FireResetEnv,
    MaxAndSkipEnv,
    NoopResetEnv,
)
from stable_baselines3.common.env_util import make_vec_env as sb3_make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack

from rlbreakout.config import BREAKOUT_IDS, Config, EnvConfig, check_env_id
from rlbreakout.envs import vector
from rlbreakout.envs.twin_vec_env import MONITOR_NAME, TwinVecEnv
from rlbreakout.envs.views import (
    DroppedScreens,
    EveryFrame,
    HeldActions,
    IndependentSeeds,
    StopAfterGames,
    negative,
)
from rlbreakout.observation import needs_colour
from rlbreakout.wrappers import (
    STALLED_AFTER,
    CompleteGame,
    ConfiguredObservation,
    IdleFrames,
    LaunchBall,
    LifeIsEpisode,
    LostLifeReward,
    SentActions,
    StalledGame,
)


def register() -> None:
    """Make ale-py's environments known to gymnasium, and its emulator quiet."""
    gym.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


def make_emulator(
    config: EnvConfig, env_id: str | None = None, *, grey: bool = False, every_frame: bool = False
) -> gym.Env:
    """The bare game. An id that draws its own frame skip keeps it; any other shows every frame, unless max_pool is
    off: then ale-py holds the action for frame_skip frames by itself and shows the last one.

    `grey` shows screens `(210, 160)` instead of ones in colour; with `every_frame` the game is the same, and EveryFrame
    keeps all its frames. Raises UserError if `env_id` is not Breakout.
    """
    register()
    env_id = check_env_id(env_id or config.id)
    settings: dict[str, Any] = {"obs_type": "grayscale"} if grey else {}
    held = 1 if config.max_pool or not isinstance(BREAKOUT_IDS[env_id][0], int) else config.frame_skip
    if isinstance(BREAKOUT_IDS[env_id][0], int):
        settings["frameskip"] = 1 if every_frame else held
    if config.repeat_action_probability is not None:
        settings["repeat_action_probability"] = config.repeat_action_probability
    env = gym.make(env_id, render_mode="rgb_array", disable_env_checker=True, **settings)
    return EveryFrame(env, held) if every_frame else env


def _random_start(env: gym.Env, config: EnvConfig) -> gym.Env:
    assert env.spec is not None
    if not config.noop_max:
        return env
    # SB3's where it will do: Monitor counts its steps, as in rl_zoo3.
    a_frame_a_step = env.spec.kwargs["frameskip"] == 1
    return (NoopResetEnv if a_frame_a_step else IdleFrames)(env, noop_max=config.noop_max)


def _hold_actions(env: gym.Env, config: EnvConfig) -> gym.Env:
    assert env.spec is not None
    own = env.spec.kwargs["frameskip"]
    return MaxAndSkipEnv(env, skip=config.frame_skip) if own == 1 and config.frame_skip > 1 else env


def training_game(env: gym.Env, config: EnvConfig) -> gym.Env:
    """What training puts around the monitored emulator; with `launch_ball: on_reset` the parts of SB3's AtariWrapper,
    in order, otherwise ours that make no steps of their own."""
    env = _hold_actions(_random_start(env, config), config)
    if config.episodic_life:
        env = EpisodicLifeEnv(env) if config.launch_ball == "on_reset" else LifeIsEpisode(env)
    if config.launch_ball == "on_reset":
        env = FireResetEnv(env)
    elif config.launch_ball == "every_life":
        env = LaunchBall(env)
    return env


def evaluation_game(env: gym.Env, config: EnvConfig, steps_held: int = 1) -> gym.Env:
    """What evaluation puts between emulator and Monitor: whole games, the ball launched, complete and stalled games
    ended.

    steps_held: how many of these steps one agent step takes; the limit for stalled games counts agent steps.
    """
    game = CompleteGame(LaunchBall(_hold_actions(_random_start(env, config), config)))
    return StalledGame(game, patience=STALLED_AFTER * steps_held)


def _game(config: Config, evaluation: bool, env_id: str | None, *, every_frame: bool = False) -> gym.Env:
    """What Monitor watches."""
    grey = not needs_colour(config.observation)
    env = make_emulator(config.env, env_id, grey=grey, every_frame=every_frame)
    if config.observation.has_coordinates:
        env = SentActions(env)
    if not evaluation:
        return CompleteGame(env)
    env = evaluation_game(env, config.env, config.frames_a_step // config.env.frame_skip)
    if config.evaluation.dropped_screens:
        env = DroppedScreens(env, config.evaluation.dropped_screens)
    if config.evaluation.other_colours:
        env = gym.wrappers.TransformObservation(env, negative, None)
    return StopAfterGames(env)


def _view(env: gym.Env, config: Config, evaluation: bool) -> gym.Env:
    """What stands between Monitor and the agent, but for the frame stack, which `make_vec_env` adds."""
    if evaluation:
        return ConfiguredObservation(env, config.observation)
    env = ConfiguredObservation(training_game(env, config.env), config.observation)
    if config.env.clip_reward:
        env = ClipRewardEnv(env)
    return LostLifeReward(env, config.env.lost_life_reward) if config.env.lost_life_reward else env


def make_env(
    config: Config, *, evaluation: bool = False, env_id: str | None = None, seed: int | None = None
) -> gym.Env:
    """One environment, monitored, without frame stack, seeded with `seed`. Raises UserError for a wrong id."""
    env = _view(_monitored(config, evaluation, env_id), config, evaluation)
    if seed is not None:
        env.reset(seed=seed)
        env.action_space.seed(seed)
    return env


def _monitored(config: Config, evaluation: bool, env_id: str | None, *, every_frame: bool = False) -> Monitor:
    """What `_game` makes with the same arguments, in a Monitor."""
    game = _game(config, evaluation, env_id, every_frame=every_frame)
    return Monitor(game, info_keywords=("stalled",) if evaluation else ())


def make_vec_env(
    config: Config,
    *,
    n_envs: int | None = None,
    seed: int | None = None,
    monitor_dir: Path | None = None,
) -> VecEnv:
    """The games that a training plays, as one of SB3's vector environments, with the config's frame stack.

    Pictures are channels last, `(n_envs, height, width, channels x frame_stack)`, uint8; coordinates are float32
    `(n_envs, entries x frame_stack)`; both are a dict of them.
    n_envs, seed: by default the config's. `monitor_dir` gets new files `*.monitor.csv` with the score of every game.
    dummy and subproc seed environment i with seed + i, as SB3 and rl_zoo3 do; vector and twin with `spawn_seeds`.
    """
    n_envs, seed = n_envs or config.env.n_envs, config.seed if seed is None else seed
    many = {"vector": (vector.VectorVecEnv, vector.MONITOR_NAME), "twin": (TwinVecEnv, MONITOR_NAME)}
    if config.env.vec_env in many:
        made_by, name = many[config.env.vec_env]
        file = None if monitor_dir is None else monitor_dir / name
        games: VecEnv = made_by(config, n_envs=n_envs, seed=seed, monitor_file=file)
    else:
        games = sb3_make_vec_env(
            partial(_game, config, evaluation=False, env_id=None),
            n_envs=n_envs,
            seed=seed,
            monitor_dir=None if monitor_dir is None else str(monitor_dir),
            wrapper_class=partial(_view, config=config, evaluation=False),
            vec_env_cls=SubprocVecEnv if config.env.vec_env == "subproc" else DummyVecEnv,
        )
    return _stacked(games, config)


def make_evaluation_env(
    config: Config,
    *,
    n_envs: int,
    seed: int,
    env_id: str | None = None,
    twin: bool = False,
    first: int = 0,
    every_frame: bool = False,
) -> VecEnv:
    """Whole games by the rules of evaluation, as one of SB3's vector environments, with the config's frame stack.

    They are played in gymnasium's environments of the emulator whatever `env.vec_env` says, so that a seed means the
    same games for every agent; with `twin` they are played in the twin. `env_id`: by default the config's. `first`: the
    number of the first game; the same numbers of the same seed are the same games, whoever else plays beside them.
    `every_frame`: the emulator's environments have `take_frames` (EveryFrame).
    """
    if twin:
        return _stacked(
            TwinVecEnv(config, n_envs=n_envs, seed=seed, evaluation=True, env_id=env_id, first=first), config
        )

    def make(place: int) -> gym.Env:
        game = _view(_monitored(config, True, env_id, every_frame=every_frame), config, evaluation=True)
        return IndependentSeeds(game, place, first)

    env = DummyVecEnv([partial(make, place) for place in range(n_envs)])
    env.seed(seed)
    return _stacked(env, config)


def _stacked(env: VecEnv, config: Config) -> VecEnv:
    between = config.observation.frames_between
    if between is not None:
        return HeldActions(env, config.observation.frame_stack, between // config.env.frame_skip)
    return VecFrameStack(env, config.observation.frame_stack) if config.observation.frame_stack > 1 else env
