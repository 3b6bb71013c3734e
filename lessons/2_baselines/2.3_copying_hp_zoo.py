"""Lesson 2.3: the settings of RL Baselines3 Zoo for Atari, rebuilt by hand.

You learn: what each part of AtariWrapper and each hyperparameter is for, and how to prove that your training is the
same as somebody else's.
Expect: two short trainings, this one and rl_zoo3's own, in which every game has the same score and length. Neither has
learned much by then: that takes 1,000,000 steps, and about 20 points a game are the reward.
Time: 7 minutes on two cores. --steps 1000000 --no-zoo takes about two hours.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import yaml
from stable_baselines3 import PPO
from stable_baselines3.common.atari_wrappers import (
    ClipRewardEnv,
    EpisodicLifeEnv,
    FireResetEnv,
    MaxAndSkipEnv,
    NoopResetEnv,
    WarpFrame,
)
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

from rlbreakout.common.errors import require_extra
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, ObservationConfig, PPOConfig, RunConfig
from rlbreakout.envs import register
from rlbreakout.evaluation.plots import draw_curves, read_monitor_file, score_curve
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training import learn, record_best
from rlbreakout.training.runs import write_config

ENV_ID = "BreakoutNoFrameskip-v4"


@dataclass
class Options:
    steps: int = 20_000
    """Agent steps to train for. The zoo's own number is 10,000,000; with 1,000,000 the agent plays."""
    seed: int = 123
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games of each evaluation: every 100,000 agent steps, and at the end."""
    zoo: bool = True
    """Train with rl_zoo3 too (this needs the extra 'zoo'), and compare the two game by game."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.3_copying_hp_zoo)."""


options = read_options(Options, __doc__)
if options.zoo:
    require_extra("rl_zoo3", "zoo")
register()


# %% AtariWrapper, part by part. The id must be a NoFrameskip one, because Breakout-v4 skips 2 to 4 frames by itself.
def atari_wrapper(env: gym.Env) -> gym.Env:
    """What stands between the agent and the emulator with its Monitor, which counts whole games in points."""
    env = NoopResetEnv(env, noop_max=30)  # begin after 1 to 30 idle frames, or all games would be alike
    env = MaxAndSkipEnv(env, skip=4)  # hold an action for 4 frames; show the brighter of the last two: sprites flicker
    env = EpisodicLifeEnv(env)  # a lost life ends the episode, so that the critic learns to fear it
    env = FireResetEnv(env)  # launch the ball at the start of each episode
    env = WarpFrame(env, width=84, height=84)  # grey, 84x84
    return ClipRewardEnv(env)  # 1, 4 and 7 points all count as 1, so that one learning rate fits all games


# %% Eight games, one after the other, and a stack of the last 4 pictures: their difference shows where the ball goes.
# The games begin with the seeds 123, 124, ..., 130. Their scores are in 0.monitor.csv to 7.monitor.csv.
folder = run_folder("2_baselines/2.3_copying_hp_zoo", options.run_dir)
env = make_vec_env(
    lambda: gym.make(ENV_ID, render_mode="rgb_array"),
    n_envs=8,
    seed=options.seed,
    monitor_dir=str(folder),
    wrapper_class=atari_wrapper,
    vec_env_cls=DummyVecEnv,
)
env = VecFrameStack(env, n_stack=4)


# %% A linear schedule. `progress_remaining` falls from 1 to 0: large steps first, small ones at the end.
def linear(start: float):
    return lambda progress_remaining: start * max(progress_remaining, 0.0)


model = PPO(
    "CnnPolicy",
    env,
    n_steps=128,  # collect 8 x 128 = 1,024 agent steps,
    n_epochs=4,  # use each of them 4 times,
    batch_size=256,  # in batches of 256: 16 gradient steps, and then throw them away
    learning_rate=linear(2.5e-4),
    clip_range=linear(0.1),  # nothing is earned by making an action over 10% likelier in one update; later less
    vf_coef=0.5,  # weight of the critic's error in the loss
    ent_coef=0.01,  # a small reward for staying undecided, so that it keeps exploring
    seed=options.seed,
)

# %% The same run as a config. It is that of configs/2.3_zoo.yaml.
config = Config(
    run=RunConfig(lesson="2_baselines", name="2.3_zoo"),
    seed=options.seed,
    steps=options.steps,
    env=EnvConfig(id=ENV_ID, n_envs=8, frame_skip=4, noop_max=30, launch_ball="on_reset"),
    observation=ObservationConfig(kind="warp", screen_size=84, frame_stack=4),
    ppo=PPOConfig(
        n_steps=128,
        n_epochs=4,
        batch_size=256,
        learning_rate="lin_2.5e-4",
        clip_range="lin_0.1",
        vf_coef=0.5,
        ent_coef=0.01,
    ),
    evaluation=EvaluationConfig(every=100_000, games=min(20, options.games)),
)
write_config(config, folder)
learn(model, config, folder)

# %% rl_zoo3's own training, and the proof: every game of every environment has the same score and length.
files, same, games = [folder / "evaluations.csv", folder / "config.yaml"], None, 0
if options.zoo:
    command = [sys.executable, "-m", "rl_zoo3.train", "--algo", "ppo", "--env", ENV_ID, "--gym-packages", "ale_py"]
    command += ["--seed", str(options.seed), "--n-timesteps", str(options.steps), "--eval-freq", "-1"]
    command += ["--log-folder", str(folder / "rl_zoo3"), "--verbose", "0", "--device", "cpu"]
    print("\n" + " ".join(command[1:]))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    zoo, same = folder / "rl_zoo3" / "ppo" / f"{ENV_ID}_1", True
    print("\nenvironment  games  points by hand  points in rl_zoo3")
    for number in range(8):
        mine, theirs = (read_monitor_file(run / f"{number}.monitor.csv") for run in (folder, zoo))
        same &= np.array_equal(mine.scores, theirs.scores) and np.array_equal(mine.lengths, theirs.lengths)
        games += len(mine.scores)
        print(f"{number:11}{len(mine.scores):7}{mine.scores.sum():16.0f}{theirs.scores.sum():19.0f}")
    print(f"{games} games: {'the same scores and lengths, one for one' if same else 'they differ'}")
    curves = {"rl_zoo3": score_curve(zoo, window=20), "by hand": score_curve(folder, window=20)}
    picture = draw_curves(
        curves,
        folder / "zoo.png",
        title="Lesson 2.3: the same games, by hand and with rl_zoo3",
        x_label="games, in the order of their ends",
        y_label="mean of 20 training games (points)",
        dashed=("by hand",),
    )
    files.insert(0, picture)
else:
    files.insert(0, record_best(folder))

# %%
print("\nThis run as a config (configs/2.3_zoo.yaml):\n")
print(yaml.safe_dump({"env": config.env.model_dump(), "ppo": config.ppo.model_dump()}, sort_keys=False))
finish(
    folder,
    files=files,
    same_as_rl_zoo3=same,
    games_compared=games,
    look_at="zoo.png, then python lessons/2_baselines/2.4_fast_envs.py",
)
