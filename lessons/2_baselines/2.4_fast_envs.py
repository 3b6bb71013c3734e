"""Lesson 2.4: the same PPO at the emulator's own speed.

You learn: where the time of a training goes; what playing on all cores changes, and what it does not.
Expect: environments that are half as fast again alone, or more; a PPO that is faster too, but by less, because its
network has to look at every picture all the same.
Time: 5 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.save_load import load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, PPOConfig
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import evaluate
from rlbreakout.evaluation.plots import by_the_clock, draw_curves, find_scalar, read_scalar
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training.runs import start_run
from rlbreakout.training.train import learn, show


@dataclass
class Options:
    steps: int = 20_480
    """Agent steps to train for, with each of the three environments."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    rollout: int = 1024
    """Agent steps between two updates, a multiple of 64; by default as in 2.1."""
    games: int = 20
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.4_fast_envs)."""


options = read_options(Options, __doc__)
if options.rollout < 64:
    raise UserError(f"--rollout is {options.rollout}; allowed: 64 or more, a step for each of 64 environments")
folder = run_folder("2_baselines/2.4_fast_envs", options.run_dir)


# %% The PPO of lesson 2.1, on the environments of three configs. `dummy` is SB3's DummyVecEnv: Python steps one game
# after the other. `fast` is BreakoutVecEnv: a process a core plays its share of them, and makes what the agent sees of
# all of its screens at once. What that is is the same, pixel by pixel.
def config(vec_env: Literal["dummy", "fast"], n_envs: int) -> Config:
    """Lesson 2.1's training, on `n_envs` environments."""
    return Config(
        lesson="2_baselines",
        name=f"2.4_{vec_env}_{n_envs}",
        seed=options.seed,
        steps=options.steps,
        env=EnvConfig(id="BreakoutNoFrameskip-v4", vec_env=vec_env, n_envs=n_envs),
        ppo=PPOConfig(
            n_steps=options.rollout // n_envs,
            batch_size=min(256, options.rollout),
            n_epochs=4,
            learning_rate=2.5e-4,
            clip_range=0.1,
        ),
        evaluation=EvaluationConfig(every=0),
    )


CHOICES = {"8, one after the other": config("dummy", 8), "8, fast": config("fast", 8), "64, fast": config("fast", 64)}


# %% The environments alone. The games of `fast` are played while Python waits, so more of them keep the cores busier.
def steps_per_second(choice: Config, steps: int = min(4_000, options.steps)) -> float:
    """Agent steps/s of the environment alone, under random actions."""
    env = make_vec_env(choice)
    env.reset()
    start = time.perf_counter()
    for _ in range(steps // env.num_envs):
        env.step(np.random.randint(4, size=env.num_envs))
    env.close()
    return steps / (time.perf_counter() - start)


alone = {name: steps_per_second(choice) for name, choice in CHOICES.items()}

# %% The same number of agent steps, of updates and of pictures in each update: only the environments differ.
runs, scores = {}, {}
for name, choice in CHOICES.items():
    run = start_run(choice, folder / choice.name)
    learn(build_algorithm(choice, make_vec_env(choice, monitor_dir=run)), choice, run)
    runs[name], scores[name] = run, evaluate(load_agent(run), games=options.games, seed=1000)

# %% By the clock: `time/fps` is steps over all the time since the start. 64 games have to go on for some 10,000 agent
# steps before the first of them ends and there is a score to draw.
speeds, curves = {}, {}
for name, run in runs.items():
    speed = read_scalar(run, "time/fps")
    speeds[name] = float(speed.y[-1])
    if (score := find_scalar(run, "rollout/ep_rew_mean")) is not None:
        curves[name] = by_the_clock(score, run)
picture = draw_curves(curves, folder / "score_by_minutes.png", title="The same PPO, by the clock", x_label="minutes")

print(f"\n{'environments':24}{'alone':>10}{'with PPO':>10}   score of whole games [95% interval]")
for name, result in scores.items():
    interval = f"{result.mean:.2f} [{result.ci95[0]:.2f}, {result.ci95[1]:.2f}]"
    print(f"{name:24}{alone[name]:10.0f}{speeds[name]:10.0f}   {interval}")
print("PPO's own work, on the pictures, is what is left: lesson 3 makes that small too.")

# %%
best = scores["8, fast"]
gif = show(runs["8, fast"], CHOICES["8, fast"])
finish(
    folder,
    files=[picture, gif],
    **best.facts(),
    steps_per_second=speeds,
    alone=alone,
    scores={name: {"mean": result.mean, "ci95": result.ci95} for name, result in scores.items()},
    look_at="the picture, then python lessons/3_obswrapper/3.1_observation_space.py",
)
