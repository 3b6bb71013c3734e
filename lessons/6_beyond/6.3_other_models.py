"""Lesson 6.3: other models. The same numbers, the same steps, five algorithms.

You learn: what the families of deep reinforcement learning are, that each takes the same environment, and what each
makes of a million steps.
Expect: two pictures, score against agent steps and against minutes, and a table. The settings of each are those that
its authors or SB3 recommend, not tuned as PPO's are: it is no race, though it looks like one.
Time: on one core 6 to 9 minutes for PPO and A2C, 18 for recurrent PPO, 26 for DQN, an hour for QR-DQN. Stop it when you
like: run again, what is finished is not done again.
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

from sb3_contrib import QRDQN, RecurrentPPO
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecEnv

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.players import Agent
from rlbreakout.callbacks import OneThreadWhilePlaying
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import Evaluation, evaluate
from rlbreakout.evaluation.plots import Curve, by_the_clock, draw_bands, find_scalar
from rlbreakout.evaluation.video import record, write_video
from rlbreakout.lesson import CONFIGS, check_choices, finish, once, read_options, run_folder
from rlbreakout.training.runs import start_run

LAYERS = [256, 256]
GAMMA = 0.995
OFF_POLICY: dict[str, Any] = {
    "policy_kwargs": {"net_arch": LAYERS},
    "gamma": GAMMA,
    "learning_rate": 3e-4,
    "buffer_size": 300_000,
    "learning_starts": 20_000,
    "batch_size": 128,
    "target_update_interval": 8_000,
    "exploration_fraction": 0.1,
    "exploration_final_eps": 0.01,
    "train_freq": 1,  # after each step of all the games at once,
    "gradient_steps": 4,
}
"""Of the algorithms that keep a memory."""


# %% What each of them is, and how it is made.
def ppo(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Makes big steps of what it just did, but not too big ones."""
    return build_algorithm(config, env)


def a2c(config: Config, env: VecEnv) -> BaseAlgorithm:
    """PPO's ancestor: one small step on what it just did, then forget it."""
    layers = {"net_arch": LAYERS}
    return A2C("MlpPolicy", env, n_steps=16, gamma=GAMMA, ent_coef=0.005, policy_kwargs=layers, seed=config.seed)


def recurrent_ppo(config: Config, env: VecEnv) -> BaseAlgorithm:
    """PPO with a memory of its own, an LSTM, beside what the numbers remember for it (speeds, the last action)."""
    layers = {"net_arch": [256], "lstm_hidden_size": 128}
    return RecurrentPPO(
        "MlpLstmPolicy",
        env,
        n_steps=128,
        batch_size=2_048,
        n_epochs=4,
        gamma=GAMMA,
        ent_coef=0.005,
        learning_rate=6e-4,
        policy_kwargs=layers,
        seed=config.seed,
    )


def dqn(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Learns what an action is worth, from a memory: lesson 5."""
    return DQN("MlpPolicy", env, seed=config.seed, **OFF_POLICY)


def qrdqn(config: Config, env: VecEnv) -> BaseAlgorithm:
    """Learns what an action may be worth: 50 quantiles, not their mean."""
    settings = {**OFF_POLICY, "policy_kwargs": {"net_arch": LAYERS, "n_quantiles": 50}}
    return QRDQN("MlpPolicy", env, seed=config.seed, **settings)


ALGORITHMS: dict[str, Callable[[Config, VecEnv], BaseAlgorithm]] = {
    "ppo": ppo,
    "a2c": a2c,
    "recurrent_ppo": recurrent_ppo,
    "dqn": dqn,
    "qrdqn": qrdqn,
}
KEEP_A_MEMORY = ("dqn", "qrdqn")
SLOW = ("recurrent_ppo", "dqn", "qrdqn")
"""More than a quarter of an hour each on one core: one seed is enough of an evening."""


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train each for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Seeds for PPO and A2C, counted from the first: their curves become a band. The slow ones get one."""
    games: int = 100
    """Whole games that each plays to get its score."""
    n_envs: int = 64
    """Games side by side in a training; for DQN and QR-DQN a quarter of them."""
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    """Which of them: ppo, a2c, recurrent_ppo, dqn, qrdqn."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.3_other_models); what is finished in it is not done again."""


options = read_options(Options, __doc__)
check_choices("--algorithms", options.algorithms, ALGORITHMS)
folder = run_folder("6_beyond/6.3_other_models", options.run_dir, go_on=True)


def train_and_play(name: str, seed: int, run: Path) -> dict[str, Any]:
    """Train one agent, let it play whole games, sampled, and return the result and the minutes of the training."""
    settings = {"lesson": "6_beyond", "name": run.name, "seed": seed, "steps": options.steps}
    n_envs = max(1, options.n_envs // 4) if name in KEEP_A_MEMORY else options.n_envs
    config = with_values(load_config(CONFIGS / "3.4_emulator.yaml"), {**settings, "env.n_envs": n_envs})
    start_run(config, run)
    env = make_vec_env(config, monitor_dir=run)
    model = ALGORITHMS[name](config, env)
    model.set_logger(configure(str(run), ["tensorboard"]))
    start = time.perf_counter()
    model.learn(options.steps, callback=OneThreadWhilePlaying(), progress_bar=True)
    minutes = (time.perf_counter() - start) / 60
    model.logger.close()
    env.close()
    agent = Agent(model, config, name)
    write_video(record(agent, seconds=20), run / "agent.gif")
    return {"minutes": minutes, **vars(evaluate(agent, games=options.games))}


# %% Train them one after the other; what is finished is not done again. The same curves twice: against steps, and
# against minutes.
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
print(f"\n{'':14} minutes  mean score of {options.games} whole games, a seed each [95% interval]")
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
    look_at="steps.png and minutes.png; then the settings of each, above, and change one",
)
