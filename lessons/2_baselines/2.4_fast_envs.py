"""Lesson 2.4: the same PPO on faster environments.

You learn: where the time of a training goes; what games that are stepped in C++, or compiled, speed up, and what not.
Expect: environments that are many times faster when they run alone, and a PPO that gains much less: its network has to
process every picture all the same.
Time: not measured yet with all four; on two cores a training with the slowest takes about a minute.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, PPOConfig, RunConfig
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate
from rlbreakout.evaluation.plots import by_the_clock, draw_curves, find_scalar, read_scalar
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training import learn, record_best, start_run


@dataclass
class Options:
    steps: int = 20_480
    """Agent steps to train for, with each of the four environments."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.4_fast_envs)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.4_fast_envs", options.run_dir)
rollout = min(1024, options.steps)  # agent steps between two updates, as in lesson 2.1
MANY = max(1, min(64, rollout // 4))  # games, each of which plays at least 4 steps between two updates


# %% The PPO of lesson 2.1, on the environments of four configs. What the agent sees is the same.
#
# dummy:  SB3's DummyVecEnv. Python steps one game after the other, each with its wrappers.
# vector: ale-py's AtariVectorEnv. Threads in C++ run the emulator, and also do the work of the wrappers: they skip
#         frames, resize screens and begin new games. The games run on all cores, and Python waits once for all of them.
# twin:   no emulator at all, but an exact model of the game, compiled (lesson 7).
def config(vec_env: Literal["dummy", "vector", "twin"], n_envs: int) -> Config:
    """Lesson 2.1's training, on `n_envs` environments."""
    return Config(
        run=RunConfig(lesson="2_baselines", name=f"2.4_{vec_env}_{n_envs}"),
        seed=options.seed,
        steps=options.steps,
        env=EnvConfig(id="BreakoutNoFrameskip-v4", vec_env=vec_env, n_envs=n_envs, launch_ball="on_reset"),
        ppo=PPOConfig(
            n_steps=max(1, rollout // n_envs), batch_size=256, n_epochs=4, learning_rate=2.5e-4, clip_range=0.1
        ),
        evaluation=EvaluationConfig(every=0),
    )


CHOICES = {
    "8, dummy": config("dummy", 8),
    "8, vector": config("vector", 8),
    f"{MANY}, vector": config("vector", MANY),
    f"{MANY}, twin": config("twin", MANY),
}


# %% The environments alone. Their games run while Python waits, so more games keep the cores busier.
def steps_per_second(env: VecEnv, steps: int = min(4_000, options.steps)) -> float:
    """Agent steps a second of the environment alone, with random actions."""
    env.reset()
    env.step(np.zeros(env.num_envs, dtype=int))  # compiles the twin on first use
    start = time.perf_counter()
    for _ in range(steps // env.num_envs):
        env.step(np.random.randint(4, size=env.num_envs))
    return steps / (time.perf_counter() - start)


# %% And with PPO: as many agent steps, updates, and pictures in each update, so only the environments differ. All
# agents are evaluated in the emulator.
alone, runs, scores = {}, {}, {}
for name, choice in CHOICES.items():
    run = start_run(choice, folder / choice.run.name)
    env = make_vec_env(choice, monitor_dir=run)
    alone[name] = steps_per_second(env)
    learn(build_algorithm(choice, env), choice, run)
    runs[name], scores[name] = run, evaluate(load_agent(run), games=options.games, seed=1000)

# %% Against time. `time/fps` is all steps since the start, divided by the seconds since then. With 64 games it takes
# some 10,000 agent steps until the first of them ends and there is a score to draw.
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
print("What is left is PPO's own work on the pictures. Lesson 3 makes it small, too.")

# %%
best = scores[f"{MANY}, vector"]
gif = record_best(runs[f"{MANY}, vector"])
finish(
    folder,
    files=[picture, gif],
    **best.facts(),
    steps_per_second=speeds,
    alone=alone,
    scores={name: {"mean": result.mean, "ci95": result.ci95} for name, result in scores.items()},
    look_at="the picture, then python lessons/3_obswrapper/3.1_observation_space.py",
)
