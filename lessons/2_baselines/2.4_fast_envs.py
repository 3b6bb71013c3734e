"""Lesson 2.4: the same PPO on faster environments.

You learn: where the time of a training goes, and what a faster environment changes about it.
Expect: environments that are many times faster when they run alone, and a PPO that gains little, because its network
has to process every picture all the same. Training becomes fast when the agent sees something smaller.
Time: 5 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from loky import ProcessPoolExecutor
from tqdm.auto import tqdm

from rlbreakout.agents import build_algorithm
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder


@dataclass
class Options:
    steps: int = 8_192
    """Agent steps of PPO that are timed, with each of the environments on pictures."""
    seconds: float = 3.0
    """How long each environment plays alone."""
    games: int = 8
    """Games side by side, in each of the environments on pictures."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.4_fast_envs)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.4_fast_envs", options.run_dir)

# %% The games of lesson 2.3, eight side by side, played by four kinds of environments. What the agent sees is the same.
#
# dummy:   SB3's DummyVecEnv. Python steps one game after the other, each with its wrappers.
# subproc: SB3's SubprocVecEnv. A process for each game; pictures come back through pipes.
# vector:  ale-py's AtariVectorEnv. Threads in C++ run the emulator and do the work of the wrappers.
# twin:    no emulator at all, but an exact model of the game, compiled (lesson 7).
n_steps = max(1, min(128, options.steps // options.games))  # 128, unless there are fewer steps to time
settings = {"seed": options.seed, "env.n_envs": options.games, "ppo.n_steps": n_steps}
zoo = with_values(load_config(CONFIGS / "2.3_zoo.yaml"), settings)
CHOICES: dict[str, Config] = {
    vec_env: with_values(zoo, {"env.vec_env": vec_env}) for vec_env in ("dummy", "subproc", "vector", "twin")
}
# The fifth differs in what the agent sees: the numbers of lesson 3.4. It plays 256 games, which cost no more.
CHOICES["twin, numbers"] = with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), {"seed": options.seed})


# %% Each environment plays alone, with random actions, and then with PPO, which also has to learn from what it played.
def speeds(config: Config, steps: int, seconds: float) -> tuple[float, float]:
    """Agent steps a second: of the environments alone, and with PPO."""
    multiprocessing.set_start_method("spawn", force=True)  # the pool below has one that SubprocVecEnv does not know
    env = make_vec_env(config)
    env.reset()
    env.step(np.zeros(env.num_envs, dtype=int))  # compiles the twin on first use
    start, played = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        env.step(np.random.randint(4, size=env.num_envs))
        played += env.num_envs
    alone = played / elapsed

    if config.policy == "MlpPolicy":
        torch.set_num_threads(1)  # a small network is slower with several
    model = build_algorithm(config, env)
    model.learn(1)  # a rollout and an update to warm up
    before, start = model.num_timesteps, time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    with_ppo = (model.num_timesteps - before) / (time.perf_counter() - start)
    env.close()
    return alone, with_ppo


# A process for the measurements: SubprocVecEnv's processes import what their parent runs, which would be this file.
measured: dict[str, tuple[float, float]] = {}
with ProcessPoolExecutor(1) as process:
    for name, config in tqdm(CHOICES.items(), unit="environment"):
        steps = options.steps * (10 if config.policy == "MlpPolicy" else 1)
        measured[name] = process.submit(speeds, config, steps, options.seconds).result()

# %% A bar ten times as long would not fit: the axis is logarithmic.
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
places = np.arange(len(measured))
for offset, label, column in ((-0.2, "alone", 0), (0.2, "with PPO", 1)):
    bars = axes.barh(places + offset, [both[column] for both in measured.values()], height=0.38, label=label)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize="small")
axes.set_yticks(places, list(measured))
axes.invert_yaxis()
axes.set(xscale="log", xlabel="agent steps a second", title="Lesson 2.4: the environments alone, and with PPO")
axes.set_xlim(right=20 * max(alone for alone, _ in measured.values()))
axes.legend(loc="lower right")
picture = folder / "speeds.png"
figure.savefig(picture, dpi=110)

print(f"\n{'environments':16}{'alone':>10}{'with PPO':>10}   agent steps a second")
for name, (alone, with_ppo) in measured.items():
    print(f"{name:16}{alone:10,.0f}{with_ppo:10,.0f}")

# %%
finish(
    folder,
    files=[picture],
    alone={name: alone for name, (alone, _) in measured.items()},
    with_ppo={name: with_ppo for name, (_, with_ppo) in measured.items()},
    look_at="the picture, then python lessons/2_baselines/2.5_ppo_by_hand.py",
)
