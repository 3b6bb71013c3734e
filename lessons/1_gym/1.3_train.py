"""Lesson 1.3: the first PPO, with the defaults of Stable-Baselines3.

You learn: how to train an agent in three lines, what each line of the log table means, how to watch the curve in
TensorBoard, and how to see what the agent does.
Expect: 2 to 3 points a game; a random agent has 1.4. 10,240 steps are 11 minutes of play, seen one picture at a time:
the point is what a training looks like, and what lesson 1.4 does better.
Time: 3 minutes on two cores.
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

from rlbreakout.agents import load_agent
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, ObservationConfig, RunConfig
from rlbreakout.evaluation import evaluate, record, write_video
from rlbreakout.evaluation.plots import find_scalar
from rlbreakout.evaluation.video import side_by_side
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training import learn
from rlbreakout.training.runs import write_config
from rlbreakout.wrappers import LaunchBall


@dataclass
class Options:
    steps: int = 10_240
    """Agent steps to train for. PPO stops at the end of the rollout, of 2,048 steps, that reaches them."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/1_gym/1.3_train)."""


options = read_options(Options, __doc__)

# %% The environment of lesson 1.2. Monitor records the score of every game. It stands inside EpisodicLifeEnv, where a
# game is still a game; outside it would report lives.
gym.register_envs(ale_py)
env: gym.Env = gym.make("ALE/Breakout-v5", render_mode="rgb_array")
env = Monitor(env)
env = EpisodicLifeEnv(env)
env = LaunchBall(env)
env = WarpFrame(env, width=84, height=84)  # grey and 84x84: 14 times fewer numbers than 210x160x3

# %% The same as a config. It is saved with the model, so that `rlbreakout evaluate` can rebuild this environment.
config = Config(
    run=RunConfig(lesson="1_gym", name="1.3_train"),
    seed=options.seed,
    steps=options.steps,
    env=EnvConfig(id="ALE/Breakout-v5", n_envs=1, max_pool=False, noop_max=0, clip_reward=False),
    observation=ObservationConfig(kind="warp", frame_stack=1),
    evaluation=EvaluationConfig(every=0),
)
folder = run_folder("1_gym/1.3_train", options.run_dir)
write_config(config, folder)

# %% The agent. CnnPolicy is a small convolutional network with two heads: the actor says how likely each action is, the
# critic how much reward is still to come. Everything else is left at the defaults of Stable-Baselines3.
model = PPO("CnnPolicy", env, seed=options.seed)
print(model.policy.action_net, model.policy.value_net, sep="\n")

# %% Training is model.learn(steps). Our library's `learn` calls it. It also prints the log table below, writes the same
# to TensorBoard, and saves the model at the end or at Ctrl-C.
learn(model, config, folder, table=True)

# %% The table of the last rollout, line by line.
LOG_TABLE = {
    "rollout/ep_rew_mean": "mean score of the last 100 games (games, not lives: Monitor stands inside EpisodicLifeEnv)",
    "rollout/ep_len_mean": "their mean length, in steps of the environment that Monitor watches",
    "time/fps": "agent steps a second, learning included",
    "train/approx_kl": "how far the policy moved in the last update; much more than 0.03 is a jump",
    "train/clip_fraction": "share of the samples whose probability changed by more than clip_range",
    "train/clip_range": "beyond this change of an action's probability, an update gains nothing more",
    "train/entropy_loss": "minus the policy's entropy: -1.39 is four equally likely actions, 0 always the same one",
    "train/explained_variance": "1: the critic predicts every difference in return; 0: none of them",
    "train/learning_rate": "the size of a gradient step",
    "train/loss": "policy loss + 0.5 x value loss; it need not fall, because the data changes with the agent",
    "train/policy_gradient_loss": "the actor's part of the loss; near 0, because advantages are normalised",
    "train/value_loss": "the critic's squared error",
}
print("\nThe last value of each line of the table, and what it means:")
for tag, meaning in LOG_TABLE.items():
    curve = find_scalar(folder, tag)  # none before the second rollout
    print(f"{tag:27}{'-' if curve is None else format(curve.y[-1], '.4g'):>9}  {meaning}")

# %% How well does it play? Whole games, with the ball launched and actions drawn from the policy, as in training.
agent = load_agent(folder / "last")
result = evaluate(agent, games=options.games, seed=1000)
print(f"\n{result}")
gif = write_video(side_by_side([record(load_agent("random")), record(agent)]), folder / "random_and_trained.gif")
finish(
    folder,
    files=[gif, folder / "last"],
    **result.facts(),
    look_at="the curve rollout/ep_rew_mean in TensorBoard, then python lessons/1_gym/1.4_policy_gradient.py",
)
