"""The parts of a config, key by key: the game, what the agent sees, its network, PPO, evaluation, the run."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config.fields import (
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
from rlbreakout.schedules import parse_schedule

BlockName = Literal["now", "arrival", "choices", "clock"]
BLOCK_NAMES: tuple[str, ...] = get_args(BlockName)
"""The blocks of coordinates: each is the file of its name in observation/blocks/."""
MonoMode = Literal["3col", "grey_3dim", "grey_1dim", "mono_3dim", "mono_1dim"]
MONO_MODES: tuple[str, ...] = get_args(MonoMode)
TrimMode = Literal["keep", "trim", "blacken", "whiten"]
TRIM_MODES: tuple[str, ...] = get_args(TrimMode)
VecEnvName = Literal["dummy", "subproc", "vector", "twin"]
START_KINDS = ("late", "failure", "second_wall")
"""The kinds of saved states from which training games begin."""


class RunConfig(Part):
    """What the run is called, where it computes and what it keeps. None of it changes what is learned."""

    lesson: Annotated[str, Field(pattern=NAME)] = "custom"
    """The lesson folder that it belongs to: its run folder is runs/<lesson>/<name>."""
    name: Annotated[str, Field(pattern=NAME)] = "run"
    checkpoint_every: CountOrZero = 50_000
    """Agent steps between two checkpoints. 0: none."""
    gif_every: CountOrZero = 0
    """Agent steps between two gifs. 0: none."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Count | None = None
    """Torch threads while it learns. None: one for a network without convolutions, which is too small for more;
    otherwise torch's own choice, one for each core."""
    versions: dict[str, str] = Field(default_factory=dict)
    """The packages that the run was made with; a run folder fills them in."""


class StartsConfig(Part):
    """Where training games begin: a share of them in states that were saved in earlier games, the rest at the start.

    Evaluation always begins at the start.
    """

    late: Fraction = 0.0
    """Share of games that begin where few bricks are left (envs.starts.LATE_BRICKS)."""
    failure: Fraction = 0.0
    """Share of games that begin shortly before a life was lost (envs.starts.FAILURE_STEPS)."""
    second_wall: Fraction = 0.0
    """Share of games that begin where the second wall has just come."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of each kind of saved states."""
        return {kind: getattr(self, kind) for kind in START_KINDS}

    @model_validator(mode="after")
    def _check_sum(self) -> StartsConfig:
        if sum(self.shares.values()) > 1:
            raise UserError(f"starts: {' + '.join(START_KINDS)} is more than 1; allowed: at most 1, all of the games")
        return self


class RandomizeConfig(Part):
    """Domain randomization (Tobin et al. 2017, https://arxiv.org/abs/1703.06907): a share of the training games is
    played with other sticky actions and frame skips than `env` says. Evaluation never is."""

    share: Fraction = 0.0
    """Share of the games side by side. Half of them have no sticky actions, the other half a
    repeat_action_probability of 0.5; each game draws a frame skip from 3 to 5."""
    dropped_screens: Fraction = 0.0
    """Probability that such a game shows the agent the previous screen instead of a new one."""
    other_colours: bool = False
    """Show every other such game as the negative of all that is not black."""


class EnvConfig(Part):
    """The game that the agent is trained on."""

    id: str = "ALE/Breakout-v5"
    """One of BREAKOUT_IDS."""
    n_envs: Annotated[Count, Field(le=4_096)] = 8
    """Games that run side by side."""
    vec_env: VecEnvName = "dummy"
    """Who plays them in training. dummy: gymnasium's environments of the emulator, one after the other; subproc: each
    in a process of its own; vector: ale-py's AtariVectorEnv, in C++ threads; twin: the exact model of the game,
    thousands of times faster than the emulator."""
    frame_skip: Count = 4
    """Frames an action is held. An id that draws its own frame skip (Breakout-v4, -v0) keeps that instead."""
    longest_frame_skip: Annotated[Count, Field(le=16)] | None = None
    """In training an action is held for frame_skip to this many frames, drawn anew each time. None: for frame_skip.
    Evaluation holds it for frame_skip."""
    max_pool: bool = True
    """Show the agent the brighter of the last two frames of a step, pixel by pixel, instead of the last frame."""
    repeat_action_probability: Fraction | None = None
    """Probability that a frame repeats the action before (sticky actions). None: that of the id."""
    noop_max: CountOrZero = 30
    """A game starts after 1 to `noop_max` frames of no action, drawn anew each game. 0: at once."""
    episodic_life: bool = True
    """In training a lost life ends the episode. Evaluation always plays whole games."""
    clip_reward: bool = True
    """In training a reward of 1, 4 or 7 points counts as 1. Evaluation always counts points."""
    lost_life_reward: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """Added in training, after clipping, to the reward of a step in which a life is lost."""
    launch_ball: Literal["never", "on_reset", "every_life"] = "every_life"
    """Who presses FIRE in training. on_reset: SB3's FireResetEnv, once an episode; every_life: LaunchBall."""

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        return check_env_id(value)


class ObservationConfig(Part):
    """What the agent sees."""

    kind: Literal["rgb", "warp", "image", "coordinates", "both"] = "warp"
    """rgb: the screen as it is, 210x160x3; warp: grey, resized to screen_size x screen_size; image: as mode, trim,
    half, aimbot and counters say; coordinates: the numbers of `blocks`; both: image and coordinates."""
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
    blocks: Annotated[list[BlockName], Field(min_length=1)] = Field(default=["now", "arrival", "choices"])
    """The blocks of which coordinates are made (observation/blocks/): exact numbers from the state of the game, which
    on the emulator is inferred from the screens and the actions."""
    frame_stack: Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=16)] = 4
    """Observations of the last so many agent steps, stacked: one picture alone shows no motion."""
    frames_between: Count | None = None
    """Frames of the emulator between two pictures of the stack, during all of which an action is held: an agent step is
    then frame_stack x frames_between frames long, and a stack shows what happened in it. None: one picture a step."""

    @property
    def has_coordinates(self) -> bool:
        """Whether the agent sees blocks, which are made from the state of the game."""
        return self.kind in ("coordinates", "both")

    @property
    def has_picture(self) -> bool:
        """Whether the agent sees a picture, which is made from screens."""
        return self.kind != "coordinates"

    @property
    def has_aimbot(self) -> bool:
        """Whether the ball's flight has to be followed on the screens."""
        return self.kind in ("image", "both") and self.aimbot

    @model_validator(mode="after")
    def _check_parts(self) -> ObservationConfig:
        if self.counters and not self.aimbot:
            raise UserError("counters is true; allowed: only with aimbot: true, whose numbers it writes")
        if len(set(self.blocks)) < len(self.blocks):
            raise UserError(f"blocks is {self.blocks}; allowed: each of {', '.join(BLOCK_NAMES)} once")
        return self


class NetworkConfig(Part):
    """Policy and value function. None: as Stable-Baselines3 has it."""

    net_arch: Annotated[list[Nodes], Field(min_length=1, max_length=16)] | None = None
    """Nodes of the fully connected layers, the same for policy and value function, which share none of them."""
    activation: Literal["tanh", "relu"] | None = None
    """Activation function of the fully connected layers."""
    noisy: bool = False
    """Draw the weights of the last layer of the policy anew before every rollout, around learned means
    (agents/noisy.py). With coordinates and PPO."""
    cnn: Literal["nature", "nips"] = "nature"
    """Convolutions of a policy that sees images. nature: those of DQN in 2015, three layers; nips: those of DQN in
    2013, two layers with half the filters, several times faster. For observation.kind image and both they are padded,
    so that no pixel is left out (agents/networks.py)."""


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
    def _check_schedule(cls, value: ScheduleNotation | None) -> ScheduleNotation | None:
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
    """Probability that the agent is shown the previous screen instead of a new one."""
    other_colours: bool = False
    """Show the negative of all that is not black."""

    @field_validator("env_id")
    @classmethod
    def _check_id(cls, value: str | None) -> str | None:
        return value if value is None else check_env_id(value)
