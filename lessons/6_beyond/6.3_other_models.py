"""Lesson 6.3: other algorithms. The same numbers, the same steps, five ways to learn.

You learn: what the families of deep reinforcement learning are, that all of them take the same environment, and that
"better" depends on what is scarce: steps or time.
Expect: two pictures, score against agent steps and against seconds, and a table. PPO's settings were chosen for this
game, and the others have settings that their authors or SB3 recommend. So this is no race, although it looks like one.
Time: about 14 minutes. You can stop it at any time: run it again, and what is finished is skipped.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
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
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean
from rlbreakout.lesson import CONFIGS, check_choices, finish, once, read_options, run_folder
from rlbreakout.training import progress, start_run

# What all of them share: the layers of their networks, and gamma.
LAYERS: dict[str, Any] = {"net_arch": [128, 128], "activation_fn": torch.nn.ReLU}
GAMMA = 0.995
# PPO learns from 64 x 32 steps, four times, 256 at a time. (Lesson 3.4 plays four times as many games.)
PPO_SETTINGS: dict[str, Any] = {"ppo.n_steps": 32, "ppo.batch_size": 256, "ppo.n_epochs": 4}
# What DQN and QR-DQN share.
OFF_POLICY: dict[str, Any] = {
    "gamma": GAMMA,
    "learning_rate": 3e-4,
    "buffer_size": 300_000,
    "learning_starts": 10_000,
    "batch_size": 128,
    "target_update_interval": 8_000,
    "exploration_fraction": 0.2,
    "exploration_final_eps": 0.01,
    "train_freq": 1,  # after each step of all 16 games,
    "gradient_steps": 2,
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
        batch_size=256,
        n_epochs=4,
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
    """Learns what actions may be worth: 25 quantiles instead of the mean."""
    return QRDQN("MlpPolicy", env, policy_kwargs={**LAYERS, "n_quantiles": 25}, seed=config.seed, **OFF_POLICY)


ALGORITHMS: dict[str, tuple[Callable[[Config, VecEnv], BaseAlgorithm], int]] = {
    "ppo": (ppo, 64),
    "a2c": (a2c, 64),
    "recurrent_ppo": (recurrent_ppo, 64),
    "dqn": (dqn, 16),
    "qrdqn": (qrdqn, 16),
}
"""How each is made, and how many games it plays side by side."""


@dataclass
class Options:
    steps: int = 200_000
    """Agent steps to train each algorithm for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Seeds for each algorithm, counted from the first: their curves become a band."""
    twin_games: int = 50
    """Whole games that each agent plays in the twin, to be compared."""
    games: int = 20
    """Whole games that the best agent plays in the emulator."""
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    """Which of them: ppo, a2c, recurrent_ppo, dqn, qrdqn."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.3_other_models); what is finished in it is skipped."""


options = read_options(Options, __doc__)
check_choices("--algorithms", options.algorithms, ALGORITHMS)
folder = run_folder("6_beyond/6.3_other_models", options.run_dir, resume=True)
torch.set_num_threads(1)  # the networks are too small for more


def train_and_play(name: str, seed: int, run: Path) -> dict[str, Any]:
    """Train one agent, let it play whole games, sampled, and return the seconds of the training and both results."""
    make, n_envs = ALGORITHMS[name]
    settings = {"run.lesson": "6_beyond", "run.name": run.name, "seed": seed, "steps": options.steps}
    config = with_values(
        load_config(CONFIGS / "3.4_coordinates.yaml"), {**settings, **PPO_SETTINGS, "env.n_envs": n_envs}
    )
    start_run(config, run)
    env = make_vec_env(config, monitor_dir=run)
    model = make(config, env)
    model.set_logger(configure(str(run), ["tensorboard"]))
    start = time.perf_counter()
    with progress() as bars:
        model.learn(options.steps, callback=bars)
    seconds = time.perf_counter() - start
    model.logger.close()
    env.close()
    agent = Agent(model, config, name)
    write_video(record(agent, seconds=20), run / "agent.gif")
    played = {"twin": evaluate(agent, env="twin", games=options.twin_games)}
    if seed == options.seed:
        played["emulator"] = evaluate(agent, games=options.games)
    return {"seconds": seconds, "played": {where: vars(result) for where, result in played.items()}}


# %% Train them one after the other: two at a time would slow each other down. Finished ones are skipped. The same
# curves twice: against steps, and against seconds.
played: dict[str, dict[str, list[Evaluation]]] = {}
seconds: dict[str, list[float]] = {}
by_steps: dict[str, list[Curve]] = {}
by_seconds: dict[str, list[Curve]] = {}
for seed in range(options.seed, options.seed + options.seeds):
    for name in options.algorithms:
        print(f"{name}, seed {seed}: {ALGORITHMS[name][0].__doc__}", flush=True)
        run = folder / f"{name}_{seed}"
        done = f"finished_{options.steps}_steps_{options.twin_games}_and_{options.games}_games"
        facts = once(run, done, partial(train_and_play, name, seed, run))
        seconds.setdefault(name, []).append(facts["seconds"])
        for where, result in facts["played"].items():
            played.setdefault(name, {}).setdefault(where, []).append(Evaluation(**result))
        if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:
            by_steps.setdefault(name, []).append(curve)
            minutes = by_the_clock(curve, run)
            by_seconds.setdefault(name, []).append(Curve(minutes.x * 60, minutes.y))
title = "Lesson 6.3: training games in the twin, against"
pictures = [
    draw_bands(by_steps, folder / "steps.png", title=f"{title} agent steps"),
    draw_bands(by_seconds, folder / "seconds.png", title=f"{title} seconds", x_label="seconds of training"),
]
means = {name: [result.mean for result in where["twin"]] for name, where in played.items()}
print(
    f"\n{'':14} seconds  {options.seeds} seeds in the twin  {options.games} games in the emulator (seed {options.seed})"
)
for name, where in played.items():
    (result,) = where["emulator"]
    emulator = f"{result.mean:.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]"
    print(f"{name:14}{max(seconds[name]):8.0f}  {across_seeds(means[name]):20}  {emulator}")

# %%
best = max(means, key=lambda name: interquartile_mean(means[name])[0])
finish(
    folder,
    files=[*pictures, folder / f"{best}_{options.seed}" / "agent.gif"],
    **played[best]["emulator"][0].facts(),
    best=best,
    steps=options.steps,
    results={
        name: {place: [r.facts() | {"scores": r.scores} for r in results] for place, results in where.items()}
        for name, where in played.items()
    },
    minutes={name: [one / 60 for one in each] for name, each in seconds.items()},
    look_at="steps.png and seconds.png; then change one of the settings above",
)
