"""The config of a training run: a YAML file, checked key by key and value by value.

`Config` is all that is needed to repeat a run. A wrong key or value raises UserError in one line that names the file,
the key, what is wrong and what is allowed.
"""

from __future__ import annotations

import difflib
import math
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from rlbreakout.errors import UserError
from rlbreakout.schedules import parse_schedule

# The ids that ale-py registers for Breakout, with what tells them apart:
# id -> (frames an action is held by the id itself, repeat_action_probability).
# A pair of frames is a range to draw from at every step, the upper end excluded.
BREAKOUT_IDS: dict[str, tuple[int | tuple[int, int], float]] = {
    "ALE/Breakout-v5": (4, 0.25),
    "Breakout-v0": ((2, 5), 0.25),
    "Breakout-v4": ((2, 5), 0.0),
    "BreakoutNoFrameskip-v0": (1, 0.25),
    "BreakoutNoFrameskip-v4": (1, 0.0),
}

PACKAGES_THAT_DECIDE_A_RUN = ("ale-py", "gymnasium", "numpy", "opencv-python-headless", "stable-baselines3", "torch")


def _whole_number(value: Any) -> Any:
    """Let `1e6` be written where a whole number is asked for (YAML reads it as a text or a float)."""
    if isinstance(value, bool):
        raise ValueError("a whole number is needed")
    if isinstance(value, str):
        try:
            value = float(value.replace("_", ""))
        except ValueError:
            raise ValueError("a whole number is needed") from None
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError("a whole number is needed")
        return int(value)
    return value


Count = Annotated[int, BeforeValidator(_whole_number), Field(ge=1)]
CountOrZero = Annotated[int, BeforeValidator(_whole_number), Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
ScheduleNotation = float | str
NAME = r"^\w[\w.\-]*$"
"""What a folder may be called."""


def check_env_id(env_id: str) -> str:
    """Return `env_id`, or raise UserError if it is not one of BREAKOUT_IDS."""
    if env_id not in BREAKOUT_IDS:
        raise UserError(f"environment id {env_id!r} is not Breakout; allowed: {', '.join(BREAKOUT_IDS)}")
    return env_id


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


OBSERVATION_KINDS: dict[str, str] = {
    "rgb": "CnnPolicy",
    "warp": "CnnPolicy",
    "image": "CnnPolicy",
    "coordinates": "MlpPolicy",
    "both": "MultiInputPolicy",
}
"""What the agent may see, and the policy that takes it."""
MonoMode = Literal["3col", "grey_3dim", "grey_1dim", "mono_3dim", "mono_1dim"]
MONO_MODES: tuple[str, ...] = get_args(MonoMode)
TrimMode = Literal["keep", "trim", "blacken", "whiten"]
TRIM_MODES: tuple[str, ...] = get_args(TrimMode)


class EnvConfig(_Part):
    """The game that the agent is trained on."""

    id: str = "ALE/Breakout-v5"
    """One of BREAKOUT_IDS."""
    n_envs: Count = 8
    """Games that run side by side."""
    vec_env: Literal["dummy", "subproc", "fast"] = "dummy"
    """In training. dummy: one after the other in this process; subproc: each in a process of its own; fast: ale-py's
    own vector environment (BreakoutVecEnv), on all cores."""
    frame_skip: Count = 4
    """Frames an action is held. An id that draws its own frame skip (Breakout-v4, -v0) keeps that instead."""
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
    launch_ball: Literal["never", "on_reset", "every_life"] = "every_life"
    """Who presses FIRE in training. on_reset: SB3's FireResetEnv, once an episode; every_life: LaunchBall."""

    @field_validator("id")
    @classmethod
    def _is_breakout(cls, value: str) -> str:
        return check_env_id(value)


class ObservationConfig(_Part):
    """What the agent sees."""

    kind: Literal["rgb", "warp", "image", "coordinates", "both"] = "warp"
    """rgb: the screen as it is, 210x160x3; warp: grey, resized to screen_size x screen_size; image: as mode, trim,
    half, aimbot and counters say; coordinates: a vector of what is known (observation.COORDINATES); both: image and
    coordinates."""
    screen_size: Annotated[int, BeforeValidator(_whole_number), Field(ge=36, le=210)] = 84
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
    frame_stack: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=16)] = 4
    """Observations of the last so many agent steps, stacked: one picture alone shows no motion."""

    @property
    def needs_flight(self) -> bool:
        """Whether ball and paddle have to be followed from look to look."""
        return self.kind in ("coordinates", "both") or (self.kind == "image" and self.aimbot)

    @model_validator(mode="after")
    def _counters_need_the_aimbot(self) -> ObservationConfig:
        if self.counters and not self.aimbot:
            raise UserError("counters is true; allowed: only with aimbot: true, whose numbers it writes")
        return self


class NetworkConfig(_Part):
    """Policy and value function. None: as Stable-Baselines3 has it."""

    net_arch: Annotated[list[Count], Field(min_length=1)] | None = None
    """Nodes of the fully connected layers, the same for policy and value function, which share none of them."""
    activation: Literal["tanh", "relu"] | None = None
    """Of the fully connected layers."""
    cnn: Literal["nature", "nips"] = "nature"
    """Convolutions of a policy that sees images. nature: those of DQN in 2015, three layers; nips: those of DQN in
    2013, two layers with half the filters, several times faster. For observation.kind image and both they are padded,
    so that no pixel is left out (models.PaddedCNN)."""


class PPOConfig(_Part):
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


class EvaluationConfig(_Part):
    """Evaluation on whole games while training."""

    every: CountOrZero = 25_000
    """Agent steps between two evaluations. 0: none."""
    games: Count = 10
    n_envs: Count = 5
    """Games played side by side."""
    greedy: bool = False
    """Always the likeliest action (greedy), or drawn from the policy (sampled)."""
    env_id: str | None = None
    """None: the id that is trained on."""
    seed: CountOrZero | None = None
    """None: the seed of the run + 1000. Every evaluation plays the games of this seed again."""

    @field_validator("env_id")
    @classmethod
    def _is_breakout(cls, value: str | None) -> str | None:
        return value if value is None else check_env_id(value)


class Config(_Part):
    """A training run: game, observation, algorithm, and what is measured and kept on the way."""

    lesson: Annotated[str, Field(pattern=NAME)] = "custom"
    """The lesson folder that it belongs to: its run folders are runs/<lesson>/<name>."""
    name: Annotated[str, Field(pattern=NAME)] = "run"
    seed: CountOrZero = 0
    steps: Count = 1_000_000
    """Agent steps, summed over all environments. Training ends with the rollout that reaches them."""
    env: EnvConfig = Field(default_factory=EnvConfig)
    observation: ObservationConfig = Field(default_factory=ObservationConfig)
    algorithm: Literal["ppo"] = "ppo"
    policy: Literal["CnnPolicy", "MlpPolicy", "MultiInputPolicy"] = "CnnPolicy"
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    ppo: PPOConfig = Field(default_factory=PPOConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    checkpoint_every: CountOrZero = 50_000
    """Agent steps between two checkpoints. 0: none."""
    gif_every: CountOrZero = 0
    """Agent steps between two gifs. 0: none."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    torch_threads: Count | None = None
    """Threads of torch. None: torch's own choice, one for each core."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Filled in by a run folder: the packages that the run was made with."""

    @model_validator(mode="after")
    def _policy_takes_the_observation(self) -> Config:
        kind = self.observation.kind
        if self.policy != OBSERVATION_KINDS[kind]:
            raise UserError(
                f"policy {self.policy} cannot take observation.kind {kind!r}; allowed: {OBSERVATION_KINDS[kind]}"
            )
        if self.observation.needs_flight and self.env.max_pool and self.env.frame_skip > 1:
            raise UserError(
                "env.max_pool is true; allowed: false with an aimbot or coordinates, which need single frames: "
                "in two frames laid over each other the ball is smeared"
            )
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
    def _more_than_one_sample(self) -> Config:
        for name, samples in (
            ("n_steps x env.n_envs", self.ppo.n_steps * self.env.n_envs),
            ("batch_size", self.ppo.batch_size),
        ):
            if self.ppo.normalize_advantage and samples < 2:
                raise UserError(f"ppo.{name} is {samples}; allowed: 2 or more, because normalize_advantage is on")
        return self

    @property
    def evaluation_seed(self) -> int:
        return self.seed + 1000 if self.evaluation.seed is None else self.evaluation.seed

    @property
    def evaluation_env_id(self) -> str:
        return self.evaluation.env_id or self.env.id


def installed_versions() -> dict[str, str]:
    """Versions of the packages that decide what a run does, by distribution name."""
    return {name: metadata.version(name) for name in PACKAGES_THAT_DECIDE_A_RUN}


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a config file and apply `overrides`, each "key.subkey=value" with the value in YAML.

    Raises UserError if the file cannot be read, or a key or value is wrong.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"config {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"config {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"config {path} is no valid YAML: {' '.join(str(error).split())}") from None
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise UserError(f"config {path} must hold keys and values, not a {type(data).__name__}")
    data.setdefault("name", path.stem)
    for override in overrides or []:
        _apply(data, override)
    return parse_config(data, source=str(path))


def parse_config(data: dict[str, Any], source: str = "config") -> Config:
    """Check `data` and return it as a Config. Raises UserError that starts with `source`."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {_one_line(error)}") from None


def dump_config(config: Config, path: Path) -> None:
    """Write every value of `config`, defaults too, so that a later default changes nothing."""
    path.write_text(yaml.safe_dump(config.model_dump(), sort_keys=False), encoding="utf-8")


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r}: KEY=VALUE is needed, such as --set ppo.n_steps=128")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override!r}: the value is no valid YAML") from None
    *parents, last = key.strip().split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise UserError(f"--set {override!r}: {parent!r} has no keys below it")
    data[last] = value


def _one_line(error: ValidationError) -> str:
    """The first of pydantic's findings as "key: what is wrong; what is allowed"."""
    findings = error.errors()
    # A union reports each of its members; the first finding of a key says what that key needs.
    first = findings[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        message = _unknown_key(path)
    elif first["type"] == "value_error":
        message = f"{first['ctx']['error']!s}, not {first['input']!r}"
        if isinstance(first["ctx"]["error"], UserError):
            message = str(first["ctx"]["error"])
    else:
        allowed = first["msg"].replace("Input should be", "allowed:", 1)
        message = f"{first['input']!r} is not allowed; {allowed}"
    names = ".".join(part for part in path if part not in ("float", "str", "int"))
    others = len({tuple(finding["loc"][:2]) for finding in findings}) - 1
    more = f" (and {others} more)" if others else ""
    return f"{names}: {message}{more}" if names else f"{message}{more}"


def _unknown_key(path: list[str]) -> str:
    model: type[BaseModel] = Config
    for part in path[:-1]:
        annotation: Any = model.model_fields[part].annotation
        model = next((t for t in (annotation, *get_args(annotation)) if isinstance(t, type)), model)
    allowed = list(model.model_fields)
    close = difflib.get_close_matches(path[-1], allowed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key; {hint}allowed: {', '.join(allowed)}"
