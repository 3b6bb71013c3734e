"""The config of a training run: a YAML file, checked key by key and value by value.

A `Config` holds all that is needed to repeat a run, and the ranges that a study searches. A wrong key or value raises a
UserError of one line that names the file, the key, what is wrong and what is allowed.
"""
# ruff: noqa: F401

from rlbreakout.config.fields import BREAKOUT_IDS, MOST_SEED, check_env_id, check_seed
from rlbreakout.config.load import CONFIGS, dump_config, flatten, installed_versions, load_config, parse_config
from rlbreakout.config.parts import (
    BLOCK_NAMES,
    MONO_MODES,
    TRIM_MODES,
    EnvConfig,
    EvaluationConfig,
    ObservationConfig,
    PPOConfig,
    RunConfig,
    StartsConfig,
)
from rlbreakout.config.schema import Config, with_values
from rlbreakout.config.search import Choices, FloatRange, IntRange, TuningConfig
from rlbreakout.config.value import OptimizerConfig, QNetworkConfig
