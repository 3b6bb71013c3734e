"""What a config may say, key by key."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from rlbreakout.breakout.screen import BRICKS
from rlbreakout.config.fields import (
    BREAKOUT_IDS,
    NAME,
    Count,
    CountOrZero,
    Fraction,
    Nodes,
    Part,
    ScheduleNotation,
    Seed,
    check_env_id,
    whole_number,
)
from rlbreakout.config.search import NOT_SEARCHABLE, SEARCHABLE, TuningConfig
from rlbreakout.config.value import ValueConfig
from rlbreakout.errors import UserError
from rlbreakout.schedules import parse_schedule

COMBINATIONS_TRIED = 256
"""Of the other searched values, before a value counts as never allowed."""

OBSERVATION_KINDS: dict[str, str] = {
    "rgb": "CnnPolicy",
    "warp": "CnnPolicy",
    "image": "CnnPolicy",
    "coordinates": "MlpPolicy",
    "both": "MultiInputPolicy",
}
"""What the agent may see, and the policy that takes it."""
MANY_AT_ONCE = ("fast", "twin")
"""Values of env.vec_env that play all games together, with settings that single environments do not have."""
START_KINDS = ("late", "failure", "second_wall")
"""Of saved states from which training games begin."""
BlockName = Literal["now", "arrival", "choices", "clock"]
BLOCK_NAMES: tuple[str, ...] = get_args(BlockName)
"""The blocks of coordinates: each is the file of its name in observation/blocks/."""
MonoMode = Literal["3col", "grey_3dim", "grey_1dim", "mono_3dim", "mono_1dim"]
MONO_MODES: tuple[str, ...] = get_args(MonoMode)
TrimMode = Literal["keep", "trim", "blacken", "whiten"]
TRIM_MODES: tuple[str, ...] = get_args(TrimMode)


class StartsConfig(Part):
    """Where training games begin: a share of them from states that were saved in earlier games, the rest at the start.

    Evaluation always begins at the start.
    """

    late: Fraction = 0.0
    """Share of games that begin where no more than `late_bricks` bricks were left."""
    late_bricks: Annotated[Count, Field(le=BRICKS - 1)] = 30
    failure: Fraction = 0.0
    """Share of games that begin `failure_steps` agent steps before a life was lost."""
    failure_steps: Annotated[Count, Field(le=1_000)] = 40
    second_wall: Fraction = 0.0
    """Share of games that begin where the second wall had just come."""
    saves: Annotated[Count, Field(le=10_000)] = 100
    """States of each kind that each process keeps. Once there are as many, a new one takes the place of any."""

    @property
    def shares(self) -> dict[str, float]:
        """Of each kind of saved states."""
        return {kind: getattr(self, kind) for kind in START_KINDS}

    @model_validator(mode="after")
    def _shares_are_parts_of_one(self) -> StartsConfig:
        if sum(self.shares.values()) > 1:
            raise UserError(f"starts: {' + '.join(START_KINDS)} is more than 1; allowed: at most 1, all of the games")
        return self


class RandomizeConfig(Part):
    """Domain randomization (Tobin et al. 2017, https://arxiv.org/abs/1703.06907): a share of the training games is
    played with other values than `env` says. Evaluation never is."""

    share: Fraction = 0.0
    """Of the games side by side."""
    least_sticky: Fraction = 0.0
    """`repeat_action_probability` of one half of them, drawn once for each: without any, an agent has to find out of
    an endless round by itself."""
    most_sticky: Fraction = 0.5
    """... and of the other half."""
    shortest_frame_skip: Annotated[Count, Field(le=16)] = 3
    """Fewest frames that such a game holds an action, drawn anew when it begins."""
    longest_frame_skip: Annotated[Count, Field(le=16)] = 5
    """Most frames."""
    dropped_screens: Fraction = 0.0
    """Probability that such a game shows the agent the screen before instead of a new one. Needs env.vec_env twin."""
    other_colours: bool = False
    """Show every other such game as the negative of all that is not black. Needs env.vec_env twin."""

    @model_validator(mode="after")
    def _least_is_not_above_most(self) -> RandomizeConfig:
        for least, most in (("least_sticky", "most_sticky"), ("shortest_frame_skip", "longest_frame_skip")):
            low, high = getattr(self, least), getattr(self, most)
            if low > high:
                raise UserError(f"randomize.{least} is {low}; allowed: up to randomize.{most}, which is {high}")
        return self


class EnvConfig(Part):
    """The game that the agent is trained on."""

    id: str = "ALE/Breakout-v5"
    """One of BREAKOUT_IDS."""
    n_envs: Annotated[Count, Field(le=4_096)] = 8
    """Games that run side by side."""
    vec_env: Literal["dummy", "subproc", "fast", "twin"] = "dummy"
    """In training. dummy: one after the other in this process; subproc: each in a process of its own; fast:
    shared out to a process a core (BreakoutVecEnv); twin: in the exact model of the game, thousands of times faster
    than the emulator (TwinVecEnv)."""
    frame_skip: Count = 4
    """Frames an action is held. An id that draws its own frame skip (Breakout-v4, -v0) keeps that instead."""
    longest_frame_skip: Annotated[Count, Field(le=16)] | None = None
    """In training an action is held for frame_skip to so many frames, drawn anew each time. None: for frame_skip. Needs
    vec_env fast or twin. Evaluation holds it for frame_skip."""
    max_pool: bool = True
    """Show the agent the brighter of the last two frames of a step, pixel by pixel, instead of the last frame."""
    repeat_action_probability: Fraction | None = None
    """Probability that a frame repeats the action before (sticky actions). None: as the id has it."""
    noop_max: CountOrZero = 30
    """A game starts after 1 to `noop_max` frames of no action, drawn anew each game. 0: at once."""
    episodic_life: bool = True
    """In training a lost life ends the episode. Evaluation always plays whole games."""
    clip_reward: bool = True
    """In training a reward of 1, 4 or 7 points counts as 1. Evaluation always counts points."""
    lost_life_reward: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """Added in training, after clipping, to the reward of a step in which a life is lost. Evaluation counts points."""
    stalled_after: Count | None = None
    """In training a game in which no point was scored for so many agent steps in a row is over, as if its last life was
    lost: an endless round costs lost_life_reward. None: it goes on. Needs vec_env fast. Evaluation has its own
    limit."""
    launch_ball: Literal["never", "on_reset", "every_life"] = "every_life"
    """Who presses FIRE in training. on_reset: SB3's FireResetEnv, once an episode; every_life: LaunchBall."""

    @field_validator("id")
    @classmethod
    def _is_breakout(cls, value: str) -> str:
        return check_env_id(value)


class ObservationConfig(Part):
    """What the agent sees."""

    kind: Literal["rgb", "warp", "image", "coordinates", "both"] = "warp"
    """rgb: the screen as it is, 210x160x3; warp: grey, resized to screen_size x screen_size; image: as mode, trim,
    half, aimbot and counters say; coordinates: a vector of what is known (observation.COORDINATES); both: image and
    coordinates."""
    screen_size: Annotated[int, BeforeValidator(whole_number), Field(ge=36, le=210)] = 84
    """Edge of the warped screen in pixels. The convolutions of CnnPolicy need at least 36."""
    mode: MonoMode = "mono_1dim"
    """Colours of an image: as they are, grey, or black and white; the last two with three equal channels or one."""
    trim: TrimMode = "trim"
    """What an image shows outside of the game area: all, nothing (cut off), black or white."""
    half: bool = False
    """Max-pool an image by 2, so that it is half as high and half as wide."""
    aimbot: bool = False
    """Paint into an image where the falling ball will cross the paddle's line."""
    counters: bool = False
    """Write numbers about ball and paddle into an image, as the brightness of single pixels. Needs aimbot."""
    bounces: bool = False
    """Look one bounce ahead: what a rising ball will do, and what a falling one could be made to do
    (observation.BOUNCES, after the other coordinates)."""
    rounds: bool = False
    """Look further ahead, where few bricks are left: how soon a brick can be hit after either side (observation.ROUNDS,
    after those). Needs bounces."""
    reach: bool = False
    """Look ahead to where the paddle will come to rest, and whether it will meet the ball if it is held to the right,
    to the left, or not (observation.REACH, after those)."""
    foresight: bool = False
    """Look ahead to where the ball will come to the paddle at last, through all bricks that it hits on its way, and
    whether the paddle will be there (observation.FORESIGHT, after those)."""
    aim: bool = False
    """Look ahead to with which half of the paddle the ball can still be met after each thing that can be done now, and
    whether it then hits a brick (observation.AIM, after those); with foresight for balls that are still on their way,
    too. Needs bounces."""
    clock: bool = False
    """Tell for how long no brick was hit (observation.CLOCK, after those), by which an endless round can be noticed."""
    blocks: Annotated[list[BlockName], Field(min_length=1)] | None = None
    """Coordinates as these blocks (observation/blocks/), instead of observation.COORDINATES: exact numbers from the
    state of the game, which is followed from the screens and the actions. With kind coordinates or both."""
    frame_stack: Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=16)] = 4
    """Observations of the last so many agent steps, stacked: one picture alone shows no motion."""
    frames_between: Count | None = None
    """Frames of the emulator between two pictures of the stack, during all of which an action is held: an agent step is
    then frame_stack x frames_between frames long, and a stack shows what happened in it. None: one picture a step."""

    @property
    def needs_flight(self) -> bool:
        """Whether ball and paddle have to be followed from look to look."""
        return (self.kind in ("coordinates", "both") and self.blocks is None) or (
            self.kind in ("image", "both") and self.aimbot
        )

    @property
    def needs_screens(self) -> bool:
        """Whether what the agent sees is made from screens; blocks are made from the state of the game."""
        return self.kind != "coordinates" or self.blocks is None

    @model_validator(mode="after")
    def _numbers_have_a_place(self) -> ObservationConfig:
        if self.counters and not self.aimbot:
            raise UserError("counters is true; allowed: only with aimbot: true, whose numbers it writes")
        for name in ("bounces", "rounds", "reach", "foresight", "aim", "clock"):
            if getattr(self, name) and self.kind not in ("coordinates", "both"):
                raise UserError(f"{name} is true with kind {self.kind!r}; allowed: with coordinates or both")
        if self.blocks is not None:
            self._blocks_stand_alone()
        if self.rounds and not self.bounces:
            raise UserError("rounds is true; allowed: only with bounces: true, after which it looks further")
        if self.aim and not self.bounces:
            raise UserError("aim is true; allowed: only with bounces: true, at which it aims")
        return self

    def _blocks_stand_alone(self) -> None:
        assert self.blocks is not None
        if self.kind not in ("coordinates", "both"):
            raise UserError(f"blocks is {self.blocks} with kind {self.kind!r}; allowed: with coordinates or both")
        if len(set(self.blocks)) < len(self.blocks):
            raise UserError(f"blocks is {self.blocks}; allowed: each of {', '.join(BLOCK_NAMES)} once")
        for name in ("bounces", "rounds", "reach", "foresight", "aim", "clock"):
            if getattr(self, name):
                raise UserError(f"{name} is true with blocks; allowed: false, because the blocks know that")


class NetworkConfig(Part):
    """Policy and value function. None: as Stable-Baselines3 has it."""

    net_arch: Annotated[list[Nodes], Field(min_length=1, max_length=16)] | None = None
    """Nodes of the fully connected layers, the same for policy and value function, which share none of them."""
    activation: Literal["tanh", "relu"] | None = None
    """Of the fully connected layers."""
    noisy: bool = False
    """Draw the weights of the last layer of the policy anew before every rollout, around learned means (noisy.py).
    With MlpPolicy and PPO."""
    cnn: Literal["nature", "nips"] = "nature"
    """Convolutions of a policy that sees images. nature: those of DQN in 2015, three layers; nips: those of DQN in
    2013, two layers with half the filters, several times faster. For observation.kind image and both they are padded,
    so that no pixel is left out (models.PaddedCNN)."""


class PPOConfig(Part):
    """PPO's hyperparameters. The defaults are those of Stable-Baselines3."""

    learning_rate: ScheduleNotation = 3e-4
    n_steps: Count = 2048
    """Agent steps of each environment between two updates."""
    batch_size: Count = 64
    n_epochs: Count = 10
    gamma: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    clip_range: ScheduleNotation = 0.2
    clip_range_vf: ScheduleNotation | None = None
    normalize_advantage: bool = True
    ent_coef: Annotated[float, Field(ge=0)] = 0.0
    vf_coef: Annotated[float, Field(ge=0)] = 0.5
    max_grad_norm: Annotated[float, Field(gt=0)] = 0.5
    target_kl: Annotated[float, Field(gt=0)] | None = None

    @field_validator("learning_rate", "clip_range", "clip_range_vf")
    @classmethod
    def _is_schedule(cls, value: ScheduleNotation | None) -> ScheduleNotation | None:
        if value is not None:
            parse_schedule(value, total_steps=1)
        return value


class EvaluationConfig(Part):
    """Evaluation on whole games while training."""

    env: Literal["ale", "twin"] = "ale"
    """Where evaluations on the way are played: in the emulator, or, faster, in the twin, whose scores are labelled so.
    What an agent scores at the end is measured in the emulator."""
    every: CountOrZero = 25_000
    """Agent steps between two evaluations. 0: none."""
    games: Count = 10
    n_envs: Count = 5
    """Games played side by side."""
    greedy: bool = False
    """Always the likeliest action (greedy), or drawn from the policy (sampled)."""
    env_id: str | None = None
    """None: the id that is trained on."""
    seed: Seed | None = None
    """None: the seed of the run + 1000. Every evaluation plays the games of this seed again."""
    dropped_screens: Fraction = 0.0
    """Probability that the agent is shown the screen before instead of a new one."""
    other_colours: bool = False
    """Show the negative of all that is not black."""

    @field_validator("env_id")
    @classmethod
    def _is_breakout(cls, value: str | None) -> str | None:
        return value if value is None else check_env_id(value)


class Config(Part):
    """A training run: game, observation, algorithm, and what is measured and kept on the way."""

    lesson: Annotated[str, Field(pattern=NAME)] = "custom"
    """The lesson folder that it belongs to: its run folders are runs/<lesson>/<name>."""
    name: Annotated[str, Field(pattern=NAME)] = "run"
    seed: Seed = 0
    steps: Count = 1_000_000
    """Agent steps, summed over all environments. Training ends with the rollout that reaches them."""
    env: EnvConfig = Field(default_factory=EnvConfig)
    starts: StartsConfig = Field(default_factory=StartsConfig)
    randomize: RandomizeConfig = Field(default_factory=RandomizeConfig)
    observation: ObservationConfig = Field(default_factory=ObservationConfig)
    algorithm: Literal["ppo", "value"] = "ppo"
    """ppo: Stable-Baselines3's PPO, with `policy`, `network` and `ppo`; value: the value-based agent of lesson 5, with
    `value`."""
    policy: Literal["CnnPolicy", "MlpPolicy", "MultiInputPolicy"] = "CnnPolicy"
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    ppo: PPOConfig = Field(default_factory=PPOConfig)
    value: ValueConfig = Field(default_factory=ValueConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    checkpoint_every: CountOrZero = 50_000
    """Agent steps between two checkpoints. 0: none."""
    gif_every: CountOrZero = 0
    """Agent steps between two gifs. 0: none."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    torch_threads: Count | None = None
    """Threads of torch while it learns. None: one for MlpPolicy, whose networks are too small for more; otherwise
    torch's own choice, one for each core."""
    tuning: TuningConfig | None = None
    """What a study searches: for `rlbreakout tune`; a training leaves it alone."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Filled in by a run folder: the packages that the run was made with."""

    @model_validator(mode="after")
    def _policy_takes_the_observation(self) -> Config:
        kind = self.observation.kind
        if self.policy != OBSERVATION_KINDS[kind]:
            raise UserError(
                f"policy {self.policy} cannot take observation.kind {kind!r}; allowed: {OBSERVATION_KINDS[kind]}"
            )
        followed = self.observation.needs_flight or self.observation.blocks is not None
        if followed and self.env.max_pool and self.env.frame_skip > 1:
            raise UserError(
                "env.max_pool is true; allowed: false with an aimbot or coordinates, which need single frames: "
                "in two frames laid over each other the ball is smeared"
            )
        return self

    @model_validator(mode="after")
    def _its_noise_has_a_layer(self) -> Config:
        if self.network.noisy and (self.policy != "MlpPolicy" or self.algorithm != "ppo"):
            raise UserError("network.noisy is true; allowed: false, or policy MlpPolicy with algorithm ppo")
        return self

    @model_validator(mode="after")
    def _the_fast_environment_can_play_it(self) -> Config:
        if self.env.vec_env == "fast" and not isinstance(BREAKOUT_IDS[self.env.id][0], int):
            allowed = ", ".join(name for name, (held, _) in BREAKOUT_IDS.items() if isinstance(held, int))
            raise UserError(
                f"env.vec_env fast cannot draw a frame skip as env.id {self.env.id} does; allowed: {allowed}, "
                "or env.vec_env dummy"
            )
        return self

    @model_validator(mode="after")
    def _blocks_come_from_the_twin_or_single_games(self) -> Config:
        if self.observation.blocks is not None and self.env.vec_env == "fast":
            raise UserError("env.vec_env is fast; allowed with observation.blocks: twin, dummy or subproc")
        return self

    @model_validator(mode="after")
    def _drawn_frame_skips_need_the_fast_environment(self) -> Config:
        longest = self.env.longest_frame_skip
        if longest is not None and (longest < self.env.frame_skip or self.env.vec_env not in MANY_AT_ONCE):
            raise UserError(
                f"env.longest_frame_skip is {longest}; allowed: env.frame_skip, which is {self.env.frame_skip}, or "
                "more, with env.vec_env fast or twin"
            )
        return self

    @model_validator(mode="after")
    def _ending_stalled_games_needs_the_fast_environment(self) -> Config:
        if self.env.stalled_after is not None and self.env.vec_env != "fast":
            raise UserError(
                f"env.stalled_after is {self.env.stalled_after} with env.vec_env {self.env.vec_env}; allowed: null, or "
                "env.vec_env fast"
            )
        return self

    @model_validator(mode="after")
    def _other_values_need_the_fast_environment(self) -> Config:
        if self.randomize.share > 0 and self.env.vec_env not in MANY_AT_ONCE:
            raise UserError(
                f"randomize.share is {self.randomize.share} with env.vec_env {self.env.vec_env}; allowed: 0, or "
                "env.vec_env fast or twin"
            )
        for name in ("dropped_screens", "other_colours"):
            if (value := getattr(self.randomize, name)) and self.env.vec_env != "twin":
                raise UserError(
                    f"randomize.{name} is {value} with env.vec_env {self.env.vec_env}; allowed: with env.vec_env twin"
                )
        if self.randomize.share > 0 and self.env.longest_frame_skip is not None:
            raise UserError(
                f"env.longest_frame_skip is {self.env.longest_frame_skip} with randomize.share "
                f"{self.randomize.share}; allowed: one of the two draws frame skips"
            )
        return self

    @model_validator(mode="after")
    def _saved_states_need_the_fast_environment(self) -> Config:
        for kind, share in self.starts.shares.items():
            if share > 0 and (self.env.vec_env not in MANY_AT_ONCE or self.algorithm != "ppo"):
                raise UserError(
                    f"starts.{kind} is {share}; allowed above 0: with env.vec_env fast or twin and algorithm ppo"
                )
        return self

    @model_validator(mode="after")
    def _pictures_lie_apart(self) -> Config:
        between = self.observation.frames_between
        if between is None:
            return self
        if self.observation.kind not in ("rgb", "warp", "image"):
            raise UserError(
                f"observation.frames_between is {between} with observation.kind {self.observation.kind!r}; allowed: "
                "rgb, warp or image"
            )
        if between % self.env.frame_skip or not isinstance(BREAKOUT_IDS[self.env.id][0], int):
            raise UserError(
                f"observation.frames_between is {between}; allowed: a multiple of env.frame_skip, which is "
                f"{self.env.frame_skip}, with an env.id that does not draw its frame skip"
            )
        return self

    @model_validator(mode="after")
    def _the_value_agent_can_learn_it(self) -> Config:
        if self.algorithm != "value":
            return self
        if self.policy != "CnnPolicy":
            raise UserError(
                f"algorithm value cannot take observation.kind {self.observation.kind!r}; allowed: rgb, warp or image"
            )
        value = self.value
        if self.env.episodic_life and (value.memory == "games" or value.targets == "returns" or value.punishment != 0):
            raise UserError(
                "env.episodic_life is true; allowed: false with value.memory games, value.targets returns or a "
                "value.punishment, which are about whole games"
            )
        return self

    @model_validator(mode="after")
    def _more_than_one_sample(self) -> Config:
        for name, samples in (
            ("n_steps x env.n_envs", self.ppo.n_steps * self.env.n_envs),
            ("batch_size", self.ppo.batch_size),
        ):
            if self.ppo.normalize_advantage and samples < 2:
                raise UserError(f"ppo.{name} is {samples}; allowed: 2 or more, because normalize_advantage is on")
        return self

    @model_validator(mode="after")
    def _the_search_space_fits(self) -> Config:
        if self.tuning is not None:
            check_search_space(self)
        return self

    @property
    def frames_a_step(self) -> int:
        """Frames of the emulator that an action of the agent is held for, where the id does not draw them."""
        between = self.observation.frames_between
        return self.env.frame_skip if between is None else self.observation.frame_stack * between

    @property
    def evaluation_seed(self) -> int:
        return self.seed + 1000 if self.evaluation.seed is None else self.evaluation.seed

    @property
    def evaluation_env_id(self) -> str:
        return self.evaluation.env_id or self.env.id


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """`config` with `values`, by dotted keys, and without its search space.

    Raises pydantic's ValidationError if the config does not allow them.
    """
    data = config.model_dump()
    data["tuning"] = None
    for key, value in values.items():
        *parents, last = key.split(".")
        part = data
        for parent in parents:
            part = part[parent]
        part[last] = value
    return Config.model_validate(data)


def searchable_keys() -> list[str]:
    """The dotted keys that a search space may have."""
    parts = {name: Config.model_fields[name].default_factory for name in SEARCHABLE}
    keys = [f"{name}.{key}" for name, part in parts.items() for key in getattr(part, "model_fields", {})]
    return [key for key in keys if key not in NOT_SEARCHABLE]


def check_search_space(config: Config) -> None:
    """Raise UserError if a key of the search space is unknown, or the config would refuse what it may try."""
    assert config.tuning is not None
    if config.algorithm != "ppo":
        raise UserError(f"algorithm is {config.algorithm!r}; allowed with tuning: 'ppo'")
    search = config.tuning.search
    allowed = searchable_keys()
    for key in search:
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(f"tuning.search: {key!r} cannot be searched; {hint}allowed: {', '.join(allowed)}")
    for key, range_ in search.items():
        for value in range_.corners():
            _check_value(config, key, value)
    if config.evaluation.every == 0:
        raise UserError("evaluation.every is 0; allowed with tuning: 1 or more, because scores are what it needs")
    pruner = config.tuning.pruner
    if pruner in ("median", "halving", "hyperband") and config.evaluation.every >= config.steps:
        raise UserError(
            f"evaluation.every is {config.evaluation.every}; allowed with tuning.pruner {pruner}: less than steps, "
            f"which is {config.steps}, because trials are stopped by the evaluations on the way"
        )


def _check_value(config: Config, key: str, value: Any) -> None:
    """Raise UserError unless `key` may be `value` together with some of the other values that are searched."""
    assert config.tuning is not None
    others = {name: range_.corners() for name, range_ in config.tuning.search.items() if name != key}
    combinations = itertools.islice(itertools.product(*others.values()), COMBINATIONS_TRIED)
    problem = ""
    for values in ({}, *(dict(zip(others, chosen, strict=True)) for chosen in combinations)):
        try:
            with_values(config, {**values, key: value})
        except ValidationError as error:
            finding = error.errors()[0]
            problem = problem or str(finding.get("ctx", {}).get("error", finding["msg"]))
        else:
            return
    raise UserError(f"tuning.search.{key} would try {value!r}, which is not allowed: {problem}")
