"""Train PPO on another Atari game, with the settings of lesson 2.3, and measure it as lesson 2.2 does.

    python lessons/other_game.py --game Pong --steps 2000000
    tensorboard --logdir runs/other_games

OTHER_GAMES.md explains it, and says how long it takes.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import ale_py
import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack

from rlbreakout.evaluation.evaluate import bootstrap_interval
from rlbreakout.lesson import read_options


@dataclass
class Options:
    game: str = "Pong"
    """The name in ALE/<name>-v5, such as Pong, SpaceInvaders or Freeway."""
    steps: int = 2_000_000
    """Agent steps to train for."""
    games: int = 20
    """Whole games that the trained agent plays to get its score."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    run_dir: Path = Path("runs/other_games")
    """Folder for the curves and the model."""


options = read_options(Options, __doc__)
gym.register_envs(ale_py)


# %% SB3's Atari wrappers hold each action for 4 frames, so the emulator must not. To measure, points are not clipped
# and a life is no episode.
def environment(n_envs: int, seed: int, *, training: bool) -> VecEnv:
    env = make_atari_env(
        f"ALE/{options.game}-v5",
        n_envs=n_envs,
        seed=seed,
        env_kwargs={"frameskip": 1},
        wrapper_kwargs={"clip_reward": training, "terminal_on_life_loss": training},
    )
    return VecFrameStack(env, n_stack=4)


# %% Train. Learning rate and clip range fall linearly to 0: `left` goes from 1 to 0.
model = PPO(
    "CnnPolicy",
    environment(8, options.seed, training=True),
    n_steps=128,
    batch_size=256,
    n_epochs=4,
    learning_rate=lambda left: 2.5e-4 * left,
    clip_range=lambda left: 0.1 * left,
    ent_coef=0.01,
    seed=options.seed,
    tensorboard_log=str(options.run_dir),
    verbose=1,
)
model.learn(options.steps, tb_log_name=options.game)
model.save(options.run_dir / options.game)

# %% Measure: whole games that it has not seen, actions drawn from the policy, and an interval.
scores, _ = evaluate_policy(
    model,
    environment(min(8, options.games), options.seed + 1000, training=False),
    n_eval_episodes=options.games,
    deterministic=False,
    return_episode_rewards=True,
)
assert isinstance(scores, list)  # because of return_episode_rewards
low, high = bootstrap_interval(scores)
print(
    f"{np.mean(scores):.1f} points a game [{low:.1f}, {high:.1f}] on ALE/{options.game}-v5, {options.games} games "
    f"from seed {options.seed + 1000}, sampled"
)
