"""Lesson 6.3: other models. The same numbers, the same steps, five algorithms.

You learn: what the families of deep reinforcement learning are, that all of them take the same environment, and what
each makes of a million steps.
Expect: two pictures, score against agent steps and against minutes, and a table. PPO has the settings of lesson 3.4,
and the others have settings that their authors or SB3 recommend. So this is no race, although it looks like one.
Time: not measured yet in the twin. You can stop it at any time: run it again, and what is finished is skipped.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from sb3_contrib import QRDQN, RecurrentPPO
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents import Agent, build_algorithm
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate, record, write_video
from rlbreakout.evaluation.plots import Curve, by_the_clock, draw_bands, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, once, read_options, run_folder
from rlbreakout.training import start_run

# What all of them share: the layers of their networks, and gamma.
LAYERS: dict[str, Any] = {"net_arch": [128, 128], "activation_fn": torch.nn.ReLU}
GAMMA = 0.995
# What DQN and QR-DQN share.
OFF_POLICY: dict[str, Any] = {
    "gamma": GAMMA,
    "learning_rate": 3e-4,
    "buffer_size": 300_000,
    "learning_starts": 20_000,
    "batch_size": 128,
    "target_update_interval": 8_000,
    "exploration_fraction": 0.1,
    "exploration_final_eps": 0.01,
    "train_freq": 1,  # after each step of all 16 games,
    "gradient_steps": 4,
}


# %% What each of them is, and how it is made.
def ppo(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Takes large steps on what it has just done, but not too large ones."""
    return build_algorithm(config, env)


def a2c(config: Config, env: VecEnv) -> BaseAlgorithm:
    """PPO's ancestor: takes one small step on what it has just done, then forgets it."""
    return A2C("MlpPolicy", env, gamma=GAMMA, ent_coef=0.005, policy_kwargs=LAYERS, seed=config.seed)


def recurrent_ppo(config: Config, env: VecEnv) -> BaseAlgorithm:
    """PPO with an LSTM, a memory for what it has seen."""
    return RecurrentPPO(
        "MlpLstmPolicy",
        env,
        n_steps=32,
        batch_size=1_024,
        n_epochs=2,
        gamma=GAMMA,
        ent_coef=0.005,
        learning_rate=1e-3,
        policy_kwargs={**LAYERS, "lstm_hidden_size": 128},
        seed=config.seed,
    )


def dqn(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Learns from a memory what actions are worth: lesson 5."""
    return DQN("MlpPolicy", env, policy_kwargs=LAYERS, seed=config.seed, **OFF_POLICY)


def qrdqn(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Learns what actions may be worth: 50 quantiles instead of the mean."""
    return QRDQN("MlpPolicy", env, policy_kwargs={**LAYERS, "n_quantiles": 50}, seed=config.seed, **OFF_POLICY)


ALGORITHMS: dict[str, Callable[[Config, VecEnv], BaseAlgorithm]] = {
    "ppo": ppo,
    "a2c": a2c,
    "recurrent_ppo": recurrent_ppo,
    "dqn": dqn,
    "qrdqn": qrdqn,
}
FEW_GAMES = {"dqn": 16, "qrdqn": 16}
"""Games side by side for those that learn after every few steps. The others play as many as the config says."""
SLOW = ("recurrent_ppo", "dqn", "qrdqn")
"""One seed of each of these takes long enough."""


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train each algorithm for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Seeds for PPO and A2C, counted from the first: their curves become a band. The slow ones have one."""
    games: int = 100
    """Whole games that each agent plays to get its score."""
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    """Which of them: ppo, a2c, recurrent_ppo, dqn, qrdqn."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.3_other_models); what is finished in it is skipped."""


options = read_options(Options, __doc__)
check_choices("--algorithms", options.algorithms, ALGORITHMS)
folder = run_folder("6_beyond/6.3_other_models", options.run_dir, resume=True)
torch.set_num_threads(1)  # the networks are too small for more


def train_and_play(name: str, seed: int, run: Path) -> dict[str, Any]:
    """Train one agent, let it play whole games, sampled, and return the result and the minutes of the training."""
    settings = {"run.lesson": "6_beyond", "run.name": run.name, "seed": seed, "steps": options.steps}
    base = load_config(CONFIGS / "3.4_coordinates.yaml")
    config = with_values(base, {**settings, "env.n_envs": FEW_GAMES.get(name, base.env.n_envs)})
    start_run(config, run)
    env = make_vec_env(config, monitor_dir=run)
    model = ALGORITHMS[name](config, env)
    model.set_logger(configure(str(run), ["tensorboard"]))
    start = time.perf_counter()
    model.learn(options.steps, progress_bar=True)
    minutes = (time.perf_counter() - start) / 60
    model.logger.close()
    env.close()
    agent = Agent(model, config, name)
    write_video(record(agent, seconds=20), run / "agent.gif")
    return {"minutes": minutes, **vars(evaluate(agent, games=options.games))}


# %% Train them one after the other. Finished ones are skipped. The same curves twice: against steps, and against
# minutes.
results: dict[str, list[Evaluation]] = {}
minutes: dict[str, list[float]] = {}
by_steps: dict[str, list[Curve]] = {}
by_minutes: dict[str, list[Curve]] = {}
for name in options.algorithms:
    for seed in range(options.seed, options.seed + (1 if name in SLOW else options.seeds)):
        print(f"{name}, seed {seed}: {ALGORITHMS[name].__doc__}", flush=True)
        run = folder / f"{name}_{seed}"
        done = f"finished_{options.steps}_steps_{options.games}_games"
        facts = once(run, done, partial(train_and_play, name, seed, run))
        minutes.setdefault(name, []).append(facts.pop("minutes"))
        results.setdefault(name, []).append(Evaluation(**facts))
        if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:
            by_steps.setdefault(name, []).append(curve)
            by_minutes.setdefault(name, []).append(by_the_clock(curve, run))
title = "Lesson 6.3: training games against"
pictures = [
    draw_bands(by_steps, folder / "steps.png", title=f"{title} agent steps"),
    draw_bands(by_minutes, folder / "minutes.png", title=f"{title} minutes", x_label="minutes"),
]
print(f"\n{'':14} minutes  mean score of {options.games} whole games, one figure a seed [95% interval]")
for name, seeds in results.items():
    scores = "  ".join(f"{r.mean:.1f} [{r.ci95[0]:.1f}, {r.ci95[1]:.1f}]" for r in seeds)
    print(f"{name:14}{max(minutes[name]):8.1f}  {scores}")

# %%
best = max(results, key=lambda name: mean(result.mean for result in results[name]))
finish(
    folder,
    files=[*pictures, folder / f"{best}_{options.seed}" / "agent.gif"],
    **results[best][0].facts(),
    best=best,
    steps=options.steps,
    results={name: [r.facts() | {"scores": r.scores} for r in seeds] for name, seeds in results.items()},
    minutes=minutes,
    look_at="steps.png and minutes.png; then change one of the settings above",
)
