"""Lesson 1.3: the first PPO, with the defaults of Stable-Baselines3.

You learn: how to train an agent in three lines, what each line of the log table means, how to watch the curve in
TensorBoard, and how to see what the agent does.
Expect: 3 to 4 points a game, where chance has 2. 20,480 steps are 23 minutes of play, seen one picture at a time.
Time: 4 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import ale_py
import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.atari_wrappers import EpisodicLifeEnv, WarpFrame
from stable_baselines3.common.monitor import Monitor

from rlbreakout.agents.save_load import load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, ObservationConfig
from rlbreakout.evaluation.evaluate import evaluate
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training.runs import write_config
from rlbreakout.training.train import learn, show
from rlbreakout.wrappers import LaunchBall


@dataclass
class Options:
    steps: int = 20_480
    """Agent steps to train for; PPO ends with the rollout of 2,048 that reaches them."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/1_gym/1.3_train)."""


options = read_options(Options, __doc__)

# %% The environment of lesson 1.2. Monitor writes down the score of every game. It stands inside of EpisodicLifeEnv,
# where a game is still a game; outside it would report lives.
gym.register_envs(ale_py)
env: gym.Env = gym.make("ALE/Breakout-v5", render_mode="rgb_array")
env = Monitor(env)
env = EpisodicLifeEnv(env)
env = LaunchBall(env)
env = WarpFrame(env, width=84, height=84)  # grey and 84x84: 15 times fewer numbers to look at than 210x160x3

# %% The same as a config. It is saved with the model, so that `rlbreakout evaluate` can build this environment again.
config = Config(
    lesson="1_gym",
    name="1.3_train",
    seed=options.seed,
    steps=options.steps,
    env=EnvConfig(id="ALE/Breakout-v5", n_envs=1, max_pool=False, noop_max=0, clip_reward=False),
    observation=ObservationConfig(kind="warp", frame_stack=1),
    evaluation=EvaluationConfig(every=10_240, games=10),
)
folder = run_folder("1_gym/1.3_train", options.run_dir)
write_config(config, folder)

# %% The agent. CnnPolicy: a small convolutional network with two heads, one says how likely each action is (actor),
# the other how much reward is still to come (critic). Everything else is as Stable-Baselines3 has it.
model = PPO("CnnPolicy", env, seed=options.seed)
print(model.policy.action_net, model.policy.value_net, sep="\n")

# %% Training is model.learn(steps). `learn` of our library calls it, with an evaluation on whole games now and then,
# the log table below and in TensorBoard, and the model saved at the end or at Ctrl-C.
learn(model, config, folder, table=True)

# %% The table of the last rollout, line by line.
LOG_TABLE = {
    "rollout/ep_rew_mean": "mean score of the last 100 games (a game, not a life, thanks to where Monitor stands)",
    "rollout/ep_len_mean": "their mean length, in steps of the environment that Monitor watches",
    "time/fps": "agent steps a second, learning included",
    "train/approx_kl": "how far the policy moved in the last update; far more than 0.03 is a jump",
    "train/clip_fraction": "share of the samples whose step was cut off by clip_range",
    "train/clip_range": "PPO's leash: an action may become at most this much likelier or less likely in one update",
    "train/entropy_loss": "minus the entropy of the policy: -1.39 is four actions equally likely, 0 is always the same",
    "train/explained_variance": "1: the critic foresees every difference in return; 0: none of them",
    "train/learning_rate": "the size of a gradient step",
    "train/loss": "policy loss + 0.5 x value loss; it need not fall, because the data changes with the agent",
    "train/policy_gradient_loss": "the actor's part of the loss; near 0, because advantages are normalised",
    "train/value_loss": "the critic's squared error",
}
print("\nThe last value of each line of the table, and what it means:")
for tag, meaning in LOG_TABLE.items():
    try:
        print(f"{tag:27}{read_scalar(folder, tag).y[-1]:9.4g}  {meaning}")
    except UserError:
        print(f"{tag:27}{'-':>9}  {meaning} (there is none before the second rollout)")

# %% How it plays: whole games, the ball launched, actions drawn from the policy as in training.
result = evaluate(load_agent(folder / "last"), games=options.games, seed=1000)
print(f"\n{result}")
gif = show(folder, config)
finish(
    folder,
    files=[gif, folder / "evaluations.csv", folder / "last"],
    **result.facts(),
    look_at="the curve rollout/ep_rew_mean in TensorBoard, then python lessons/2_baselines/2.1_envs.py",
)
