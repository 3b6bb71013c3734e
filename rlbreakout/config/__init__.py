"""The config of a training run: a YAML file, checked key by key and value by value.

`Config` is all that is needed to repeat a run. A wrong key or value raises UserError in one line that names the file,
the key, what is wrong and what is allowed. The ranges that a study searches are a part of it.
"""

from rlbreakout.config.fields import BREAKOUT_IDS, check_env_id, check_seed
from rlbreakout.config.load import CONFIGS, dump_config, flatten, installed_versions, load_config, parse_config
from rlbreakout.config.parts import (
    BLOCK_NAMES,
    MONO_MODES,
    TRIM_MODES,
    EnvConfig,
    EvaluationConfig,
    NetworkConfig,
    ObservationConfig,
    PPOConfig,
    RandomizeConfig,
    RunConfig,
    StartsConfig,
)
from rlbreakout.config.schema import Config, with_values
from rlbreakout.config.search import Choices, FloatRange, IntRange, TuningConfig
from rlbreakout.config.value import ExplorationConfig, OptimizerConfig, QNetworkConfig, ValueConfig

__all__ = [
    "BLOCK_NAMES",
    "BREAKOUT_IDS",
    "CONFIGS",
    "MONO_MODES",
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
    "RunConfig",
    "StartsConfig",
    "TuningConfig",
    "ValueConfig",
    "check_env_id",
    "check_seed",
    "dump_config",
    "flatten",
    "installed_versions",
    "load_config",
    "parse_config",
    "with_values",
]
