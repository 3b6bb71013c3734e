"""The parts of a config, key by key: the game, the observation, the network, PPO, evaluation, the run."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config.fields import NAME, Count, CountOrZero, Fraction, Nodes, Part, Seed, check_env_id, whole_number
from rlbreakout.schedules import parse_schedule

BlockName = Literal["now", "arrival", "choices", "fresh_choices", "clock", "state"]
BLOCK_NAMES: tuple[str, ...] = get_args(BlockName)
"""The blocks of coordinates. Each is a file in observation/blocks/."""
EnvId = Annotated[str, AfterValidator(check_env_id)]
MonoMode = Literal["3col", "grey_3dim", "grey_1dim", "mono_3dim", "mono_1dim"]
MONO_MODES: tuple[str, ...] = get_args(MonoMode)
TrimMode = Literal["keep", "trim", "blacken", "whiten"]
TRIM_MODES: tuple[str, ...] = get_args(TrimMode)
START_KINDS = ("late", "failure", "second_wall")
"""The kinds of saved states from which training games begin."""


def check_schedule(value: float | str) -> float | str:
    """Return `value`, or raise UserError if it is not a schedule's notation."""
    parse_schedule(value, total_steps=1)
    return value


ScheduleNotation = Annotated[float | str, AfterValidator(check_schedule)]


class RunConfig(Part):
    """Name, device and files of the run. Nothing here changes what is learned."""

    lesson: Annotated[str, Field(pattern=NAME)] = "custom"
    """The lesson that the run belongs to: its run folder is runs/<lesson>/<name>."""
    name: Annotated[str, Field(pattern=NAME)] = "run"
    checkpoint_every: CountOrZero = 50_000
    """Agent steps between two checkpoints. 0: none."""
    gif_every: CountOrZero = 0
    """Agent steps between two gifs. 0: none."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Count | None = None
    """Torch threads for updates. None: one for a network without convolutions, which is too small for more, otherwise
    torch's default, one per core."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of the packages that the run used, filled in when the run folder is made."""


class StartsConfig(Part):
    """Where training games begin: some in states that were saved in earlier games, the rest at the start.

    Evaluation always begins at the start.
    """

    late: Fraction = 0.0
    """Share of games that begin with few bricks left (envs.starts.LATE_BRICKS)."""
    failure: Fraction = 0.0
    """Share of games that begin shortly before a lost life (envs.starts.FAILURE_STEPS)."""
    second_wall: Fraction = 0.0
    """Share of games that begin when the second wall has just appeared."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of games for each kind of saved state."""
        return {kind: getattr(self, kind) for kind in START_KINDS}

    @model_validator(mode="after")
    def _check_sum(self) -> StartsConfig:
        if sum(self.shares.values()) > 1:
            raise UserError(f"{' + '.join(START_KINDS)} is above 1; allowed: at most 1, which is all games")
        return self


class RandomizeConfig(Part):
    """Domain randomization (Tobin et al. 2017, https://arxiv.org/abs/1703.06907): some training games have other sticky
    actions and frame skips than `env` says. Evaluation games never do."""

    share: Fraction = 0.0
    """Share of the games. Half of these have no sticky actions, the other half a repeat_action_probability of 0.5; each
    game draws a frame skip from 3 to 5."""
    dropped_screens: Fraction = 0.0
    """Probability that such a game shows the previous screen instead of a new one."""
    other_colours: bool = False
    """Show every other such game in negative, except for black."""


class EnvConfig(Part):
    """The training environments."""

    id: EnvId = "ALE/Breakout-v5"
    """One of BREAKOUT_IDS."""
    n_envs: Annotated[Count, Field(le=4_096)] = 8
    """Number of games that are played in parallel."""
    vec_env: Literal["dummy", "subproc", "vector", "twin"] = "dummy"
    """What plays them in training. dummy: gymnasium environments of the emulator, one after the other; subproc: each in
    a process of its own; vector: ale-py's AtariVectorEnv, in C++ threads; twin: the exact model of the game, thousands
    of times faster than the emulator."""
    frame_skip: Count = 4
    """Frames for which an action is held. An id that draws its own frame skip (Breakout-v4, -v0) keeps it instead."""
    longest_frame_skip: Annotated[Count, Field(le=16)] | None = None
    """In training, draw the frame skip of every step from frame_skip to this number. None: always frame_skip.
    Evaluation always uses frame_skip."""
    max_pool: bool = True
    """Show the pixel-wise maximum of the last two frames of a step instead of the last frame."""
    repeat_action_probability: Fraction | None = None
    """Probability that a frame repeats the previous action (sticky actions). None: the id's own."""
    noop_max: CountOrZero = 30
    """A game starts after 1 to `noop_max` frames without an action, drawn for each game. 0: at once."""
    episodic_life: bool = True
    """In training, a lost life ends the episode. Evaluation always plays whole games."""
    clip_reward: bool = True
    """In training, a reward of 1, 4 or 7 points counts as 1. Evaluation always counts points."""
    lost_life_reward: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """Reward for losing a life, added in training after clipping."""
    stalled_after: Count | None = None
    """In training, each agent step costs 0.03 after this many without a point or a lost life. None: never."""
    launch_ball: Literal["never", "on_reset", "every_life"] = "every_life"
    """When FIRE is pressed for the agent in training. on_reset: once an episode, by SB3's FireResetEnv; every_life: by
    LaunchBall."""


class ObservationConfig(Part):
    """What the agent sees."""

    kind: Literal["rgb", "warp", "image", "coordinates", "both"] = "warp"
    """rgb: the screen as it is, 210x160x3; warp: grey, resized to screen_size x screen_size; image: as mode, trim,
    half, aimbot and counters say; coordinates: the numbers of `blocks`; both: image and coordinates."""
    screen_size: Annotated[int, BeforeValidator(whole_number), Field(ge=36, le=210)] = 84
    """Edge of the warped screen in pixels. The convolutions of CnnPolicy need at least 36."""
    mode: MonoMode = "mono_1dim"
    """Colours of an image: unchanged, grey, or black and white; the last two in three equal channels or in one."""
    trim: TrimMode = "trim"
    """The border around the game area in an image: keep it, cut it off, or make it black or white."""
    half: bool = False
    """Max-pool an image to half the height and half the width."""
    aimbot: bool = False
    """Mark in an image where the falling ball will cross the paddle's row."""
    counters: bool = False
    """Write numbers about ball and paddle into an image, as the brightness of single pixels. Needs aimbot."""
    blocks: Annotated[list[BlockName], Field(min_length=1)] = Field(default=["now", "arrival", "choices"])
    """The blocks that coordinates consist of (observation/blocks/): exact numbers from the state of the game, which is
    inferred from screens and actions if the emulator plays."""
    frame_stack: Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=16)] = 4
    """Number of observations in the frame stack: one picture alone shows no motion."""
    frames_between: Count | None = None
    """Frames of the emulator between two pictures of the stack, with the action held all the time: an agent step then
    takes frame_stack x frames_between frames, and its stack shows all of it. None: one picture a step."""

    @property
    def has_coordinates(self) -> bool:
        """Whether the agent sees blocks, which need the state of the game."""
        return self.kind in ("coordinates", "both")

    @property
    def has_picture(self) -> bool:
        """Whether the agent sees pictures, which need screens."""
        return self.kind != "coordinates"

    @property
    def has_aimbot(self) -> bool:
        """Whether the aimbot has to follow the ball on the screens."""
        return self.kind in ("image", "both") and self.aimbot

    @model_validator(mode="after")
    def _check_parts(self) -> ObservationConfig:
        if self.counters and not self.aimbot:
            raise UserError("counters is true; allowed: only with aimbot: true, because it writes the aimbot's numbers")
        if len(set(self.blocks)) < len(self.blocks):
            raise UserError(f"blocks is {self.blocks}; allowed: each of {', '.join(BLOCK_NAMES)} once")
        return self


class NetworkConfig(Part):
    """Networks of policy and value function. None: Stable-Baselines3's default."""

    net_arch: Annotated[list[Nodes], Field(min_length=1, max_length=16)] | None = None
    """Nodes of the fully connected layers, which policy and value function each have."""
    activation: Literal["tanh", "relu"] | None = None
    """Activation function of the fully connected layers."""
    cnn: Literal["nature", "nips", "motion"] = "nature"
    """Network of a policy that sees images. nature: DQN's three layers of convolutions of 2015; nips: DQN's two layers
    of 2013, with half the filters and several times faster; motion: those of 2013 and a soft argmax, on what appears
    from picture to picture, so that the ball stands out. It needs a frame_stack of pictures of one channel. With
    observation.kind image and both no pixel is left out (agents/networks.py)."""


class PPOConfig(Part):
    """PPO's hyperparameters, with Stable-Baselines3's names and defaults."""

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


class EvaluationConfig(Part):
    """Evaluation on whole games during training."""

    env: Literal["ale", "twin"] = "ale"
    """Where evaluations during training are played: in the emulator, or, faster, in the twin, whose scores are labelled
    so. The score at the end is always the emulator's."""
    every: CountOrZero = 25_000
    """Agent steps between two evaluations. 0: none."""
    games: Count = 10
    n_envs: Count = 5
    """Number of games that are played in parallel."""
    greedy: bool = False
    """Choose the most probable action (greedy) instead of drawing from the policy (sampled)."""
    env_id: EnvId | None = None
    """Environment id. None: env.id."""
    seed: Seed | None = None
    """Seed of the games, which is the same in every evaluation. None: the seed of the run + 1000."""
    dropped_screens: Fraction = 0.0
    """Probability that the agent sees the previous screen instead of a new one."""
    other_colours: bool = False
    """Show the screens in negative, except for black."""
