"""A whole config, and the checks that its parts fit together."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from rlbreakout.common.errors import UserError
from rlbreakout.config import parts
from rlbreakout.config.fields import BREAKOUT_IDS, Count, Part, Seed
from rlbreakout.config.search import NOT_SEARCHABLE, SEARCHABLE, TuningConfig
from rlbreakout.config.value import ValueConfig

POLICIES: dict[str, str] = {
    **dict.fromkeys(("rgb", "warp", "image"), "CnnPolicy"),
    "coordinates": "MlpPolicy",
    "both": "MultiInputPolicy",
}
"""Stable-Baselines3's policy for each observation.kind."""

PLAYED_BY: dict[str, tuple[tuple[Any, ...], tuple[str, ...]]] = {
    "env.longest_frame_skip": ((None,), ("twin",)),
    "env.stalled_after": ((None,), ("twin",)),
    "randomize.share": ((0.0,), ("twin",)),
    **{f"starts.{kind}": ((0.0,), ("twin",)) for kind in parts.START_KINDS},
    "env.launch_ball": (("never", "on_reset"), ("dummy", "subproc", "twin")),
    "observation.kind": (("warp",), ("dummy", "subproc", "twin")),
    "observation.frames_between": ((None,), ("dummy", "subproc", "twin")),
    "env.id": (
        tuple(name for name, (held, _) in BREAKOUT_IDS.items() if isinstance(held, int)),
        ("dummy", "subproc", "twin"),
    ),
}
"""Keys that some env.vec_env restrict: the values that each of them can play, and those that can play any other."""


class Config(Part):
    """A training run: game, observation, algorithm, and what it measures and saves."""

    run: parts.RunConfig = Field(default_factory=parts.RunConfig)
    seed: Seed = 0
    steps: Count = 1_000_000
    """Agent steps, summed over all environments. Training ends with the rollout that reaches them."""
    env: parts.EnvConfig = Field(default_factory=parts.EnvConfig)
    starts: parts.StartsConfig = Field(default_factory=parts.StartsConfig)
    randomize: parts.RandomizeConfig = Field(default_factory=parts.RandomizeConfig)
    observation: parts.ObservationConfig = Field(default_factory=parts.ObservationConfig)
    algorithm: Literal["ppo", "value", "planner"] = "ppo"
    """ppo: SB3's PPO, with `network` and `ppo`; value: the value-based agent of lesson 5, with `value`; planner: the
    search of lesson 7.4, which trains its value network."""
    network: parts.NetworkConfig = Field(default_factory=parts.NetworkConfig)
    ppo: parts.PPOConfig = Field(default_factory=parts.PPOConfig)
    value: ValueConfig = Field(default_factory=ValueConfig)
    evaluation: parts.EvaluationConfig = Field(default_factory=parts.EvaluationConfig)
    tuning: TuningConfig | None = None
    """The search space and the settings of `rlbreakout tune`. Training ignores it."""

    @property
    def policy(self) -> str:
        """Stable-Baselines3's policy for the observation."""
        return POLICIES[self.observation.kind]

    @property
    def frames_a_step(self) -> int:
        """Frames of the emulator in an agent step, if the environment id does not draw them."""
        between = self.observation.frames_between
        return self.env.frame_skip if between is None else self.observation.frame_stack * between

    @property
    def evaluation_seed(self) -> int:
        """The seed of every evaluation during training."""
        return self.seed + 1000 if self.evaluation.seed is None else self.evaluation.seed

    @property
    def evaluation_env_id(self) -> str:
        """The environment id of evaluations during training."""
        return self.evaluation.env_id or self.env.id

    @model_validator(mode="after")
    def _check_together(self) -> Config:
        for check in (_check_vec_env, _check_observation, _check_algorithm, _check_ppo, check_search_space):
            check(self)
        return self


def _check_vec_env(config: Config) -> None:
    env, values = config.env, config.model_dump()
    for key, (everywhere, players) in PLAYED_BY.items():
        part, name = key.split(".")
        value = values[part][name]
        if value not in everywhere and env.vec_env not in players:
            raise UserError(
                f"{key} is {value!r} with env.vec_env {env.vec_env}; allowed: "
                f"{', '.join(map(str, everywhere))}, or env.vec_env {', '.join(players)}"
            )
    longest = env.longest_frame_skip
    if longest is not None and longest < env.frame_skip:
        raise UserError(
            f"env.longest_frame_skip is {longest}; allowed: env.frame_skip, which is {env.frame_skip}, or more"
        )
    if config.randomize.share > 0 and longest is not None:
        raise UserError(
            f"env.longest_frame_skip is {longest} with randomize.share {config.randomize.share}; allowed: only one of "
            "them, because both draw frame skips"
        )
    if any(config.starts.shares.values()) and config.algorithm != "ppo":
        raise UserError(f"starts is used with algorithm {config.algorithm}; allowed: with algorithm ppo")


def _check_observation(config: Config) -> None:
    env, seen = config.env, config.observation
    if (seen.has_coordinates or seen.has_aimbot) and env.max_pool and env.frame_skip > 1:
        raise UserError(
            "env.max_pool is true; allowed: false with an aimbot or coordinates, which need single frames, because "
            "max-pooling smears the ball"
        )
    without_colours = seen.kind == "warp" or (seen.kind != "rgb" and seen.mode.endswith("1dim"))
    if config.network.cnn == "motion" and seen.has_picture and (seen.frame_stack < 2 or not without_colours):
        raise UserError(
            f"network.cnn is motion with observation.kind {seen.kind!r}, mode {seen.mode!r} and frame_stack "
            f"{seen.frame_stack}; allowed: pictures of one channel, such as mono_1dim, and a frame_stack of 2 or more"
        )
    if (between := seen.frames_between) is None:
        return
    if seen.has_coordinates:
        raise UserError(
            f"observation.frames_between is {between} with observation.kind {seen.kind!r}; allowed: rgb, warp or image"
        )
    if between % env.frame_skip or not isinstance(BREAKOUT_IDS[env.id][0], int):
        raise UserError(
            f"observation.frames_between is {between}; allowed: a multiple of env.frame_skip, which is "
            f"{env.frame_skip}, with an env.id that does not draw its frame skip"
        )


def _check_algorithm(config: Config) -> None:
    if config.algorithm == "planner":
        seen = config.observation
        if (seen.kind, seen.blocks, seen.frame_stack) != ("coordinates", ["state"], 1):
            raise UserError(
                f"algorithm planner cannot take observation.kind {seen.kind!r}, blocks {seen.blocks} and frame_stack "
                f"{seen.frame_stack}; allowed: coordinates, [state] and 1"
            )
    if config.algorithm != "value":
        return
    if config.observation.has_coordinates:
        raise UserError(
            f"algorithm value cannot take observation.kind {config.observation.kind!r}; allowed: rgb, warp or image"
        )
    value = config.value
    if config.env.episodic_life and (value.memory == "games" or value.targets == "returns" or value.punishment != 0):
        raise UserError(
            "env.episodic_life is true; allowed: false with value.memory games, value.targets returns or a "
            "value.punishment, which need whole games"
        )


def _check_ppo(config: Config) -> None:
    ppo = config.ppo
    for name, samples in (("n_steps x env.n_envs", ppo.n_steps * config.env.n_envs), ("batch_size", ppo.batch_size)):
        if ppo.normalize_advantage and samples < 2:
            raise UserError(f"ppo.{name} is {samples}; allowed: 2 or more, because normalize_advantage is on")


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with `values`, by dotted keys, and without the search space.

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


def check_search_space(config: Config) -> None:
    """Raise UserError if a key of the search space is unknown, or the config would refuse a value that it may try."""
    if config.tuning is None:
        return
    if config.algorithm != "ppo":
        raise UserError(f"algorithm is {config.algorithm!r}; allowed with tuning: 'ppo'")
    search = config.tuning.search
    kinds = {name: Config.model_fields[name].default_factory for name in SEARCHABLE}
    keys = [f"{name}.{key}" for name, kind in kinds.items() for key in getattr(kind, "model_fields", {})]
    allowed = [key for key in keys if key not in NOT_SEARCHABLE]
    for key in search:
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(f"tuning.search: {key!r} cannot be searched; {hint}allowed: {', '.join(allowed)}")
    for key, range_ in search.items():
        for value in range_.corners():
            _check_value(config, key, value)
    if config.evaluation.every == 0:
        raise UserError("evaluation.every is 0; allowed with tuning: 1 or more, because tuning needs scores")
    pruner = config.tuning.pruner
    if pruner in ("median", "halving", "hyperband") and config.evaluation.every >= config.steps:
        raise UserError(
            f"evaluation.every is {config.evaluation.every}; allowed with tuning.pruner {pruner}: less than steps, "
            f"which is {config.steps}, because it stops trials after evaluations during training"
        )


def _check_value(config: Config, key: str, value: Any) -> None:
    """Raise UserError unless `value` is allowed for `key` with some of the other values that are searched."""
    assert config.tuning is not None
    others = {name: range_.corners() for name, range_ in config.tuning.search.items() if name != key}
    combinations = itertools.islice(itertools.product(*others.values()), 256)
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
