"""The config of a training run: a YAML file, checked key by key and value by value.

`Config` is all that is needed to repeat a run. A wrong key or value raises UserError in one line that names the file,
the key, what is wrong and what is allowed.
"""

from rlbreakout.config.fields import BREAKOUT_IDS, check_env_id, check_seed
from rlbreakout.config.files import dump_config, flat, installed_versions, load_config, parse_config
from rlbreakout.config.schema import (
    BLOCK_NAMES,
    MONO_MODES,
    OBSERVATION_KINDS,
    TRIM_MODES,
    Config,
    EnvConfig,
    EvaluationConfig,
    NetworkConfig,
    ObservationConfig,
    PPOConfig,
    RandomizeConfig,
    StartsConfig,
    with_values,
)
from rlbreakout.config.search import Choices, FloatRange, IntRange, TuningConfig
from rlbreakout.config.text import read_yaml, to_yaml
from rlbreakout.config.value import ExplorationConfig, OptimizerConfig, QNetworkConfig, ValueConfig

__all__ = [
    "BLOCK_NAMES",
    "BREAKOUT_IDS",
    "MONO_MODES",
    "OBSERVATION_KINDS",
    "TRIM_MODES",
    "Choices",
    "Config",
    "EnvConfig",
    "EvaluationConfig",
    "ExplorationConfig",
    "FloatRange",
    "IntRange",
    "NetworkConfig",
    "ObservationConfig",
    "OptimizerConfig",
    "PPOConfig",
    "QNetworkConfig",
    "RandomizeConfig",
    "StartsConfig",
    "TuningConfig",
    "ValueConfig",
    "check_env_id",
    "check_seed",
    "dump_config",
    "flat",
    "installed_versions",
    "load_config",
    "parse_config",
    "read_yaml",
    "to_yaml",
    "with_values",
]
