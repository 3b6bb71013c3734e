"""Lesson 5.4: on-policy or off-policy? The same screens, the same steps, four algorithms.

You learn: what an algorithm learns from a step and what it learns in a minute are two questions. Which one matters
depends on what a step costs.
Expect: two pictures of the same trainings, score against agent steps and against minutes, and a table.
Time: 7 minutes on two cores. You can stop it at any time: run it again, and what is finished is skipped.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sb3_contrib import QRDQN
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import configure

from rlbreakout.agents import Agent, build_algorithm
from rlbreakout.agents.networks import PaddedCNN
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate, record, write_video
from rlbreakout.evaluation.plots import Curve, by_the_clock, draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, once, read_options, run_folder
from rlbreakout.training import progress, start_run
from rlbreakout.training.value import train_value_agent

# %% The four algorithms.
ALGORITHMS = {
    "ours": "off-policy: lesson 5.3's agent, DQN with Double, dueling, 5 steps, prioritised replay",
    "dqn": "off-policy: SB3's DQN, with the same network, memory and training calls",
    "qrdqn": "off-policy: sb3-contrib's QR-DQN, which learns the distribution of the return, not its mean",
    "ppo": "on-policy: SB3's PPO with the settings of lesson 3.3, which discards its data after each update",
}


@dataclass
class Options:
    steps: int = 100_000
    """Agent steps to train each for."""
    seed: int = 0
    """Decides every training."""
    games: int = 20
    """Whole games that each plays to get its score."""
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    """Which of them: ours, dqn, qrdqn, ppo."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.4_on_policy_off_policy); what is finished in it is skipped."""


options = read_options(Options, __doc__)
check_choices("--algorithms", options.algorithms, ALGORITHMS)
folder = run_folder("5_value_agent/5.4_on_policy_off_policy", options.run_dir, resume=True)


# %% All have the same game and the same observation.
def config(algorithm: str) -> Config:
    """The config of one agent: lesson 5.3's, or with PPO's settings of lesson 3.3."""
    settings = {"run.name": algorithm, "run.checkpoint_every": 0, "seed": options.seed, "steps": options.steps}
    base = with_values(load_config(CONFIGS / "5.3_dqn.yaml"), {**settings, "evaluation.every": 0})
    if algorithm != "ppo":
        return base
    pictures = load_config(CONFIGS / "3.3_aimbot.yaml")
    return base.model_copy(update={"algorithm": "ppo", "ppo": pictures.ppo, "network": pictures.network})


def sb3_settings(ours: Config) -> dict[str, Any]:
    """Give SB3's DQN and QR-DQN the network, memory, minibatches, training calls and exploration of our agent."""
    value = ours.value
    return {
        "learning_rate": value.optimizer.learning_rate,
        "buffer_size": value.memory_size,
        "learning_starts": value.start_training,
        "batch_size": value.batch_size,
        "gamma": value.gamma,
        "train_freq": 1,  # SB3 counts a step of all games as one
        "gradient_steps": ours.env.n_envs // value.train_every,
        "target_update_interval": value.target_reset,
        "exploration_fraction": min(1.0, value.exploration.decay_steps / ours.steps),
        "exploration_final_eps": value.exploration.minimum,
        "optimize_memory_usage": True,  # keep every stack once, not twice
        "replay_buffer_kwargs": {"handle_timeout_termination": False},
        "policy_kwargs": {
            "net_arch": [],
            "features_extractor_class": PaddedCNN,
            "features_extractor_kwargs": {"cnn": "nips"},
            "optimizer_kwargs": {"eps": value.optimizer.eps},
        },
    }


def train(algorithm: str, run: Path) -> Agent:
    """Train one agent, with its curves in the run folder."""
    settings = config(algorithm)
    start_run(settings, run)
    if algorithm == "ours":
        return Agent(train_value_agent(settings, run), settings, algorithm)
    env = make_vec_env(settings, monitor_dir=run)
    model: BaseAlgorithm
    if algorithm == "ppo":
        model = build_algorithm(settings, env)
    else:
        kind = {"dqn": DQN, "qrdqn": QRDQN}[algorithm]
        model = kind("CnnPolicy", env, seed=options.seed, **sb3_settings(settings))
    model.set_logger(configure(str(run), ["tensorboard"]))
    with progress() as bars:
        model.learn(options.steps, callback=bars)
    model.logger.close()
    env.close()
    return Agent(model, settings, algorithm)


def train_and_play(algorithm: str, run: Path) -> dict[str, Any]:
    """Train one agent, let it play whole games, and return the result and the minutes of the training."""
    start = time.perf_counter()
    agent = train(algorithm, run)
    minutes = (time.perf_counter() - start) / 60
    write_video(record(agent, seconds=20), run / "agent.gif")
    return {"minutes": minutes, **vars(evaluate(agent, games=options.games))}


# %% Train them one after the other. Finished ones are skipped.
results: dict[str, Evaluation] = {}
minutes: dict[str, float] = {}
for algorithm in options.algorithms:
    print(f"{algorithm}: {ALGORITHMS[algorithm]}", flush=True)
    run = folder / algorithm
    done = f"finished_{options.steps}_steps_{options.games}_games"
    facts = once(run, done, partial(train_and_play, algorithm, run))
    minutes[algorithm] = facts.pop("minutes")
    results[algorithm] = Evaluation(**facts)

# %% The same curves twice: against the steps that were played, and against the time that you had to wait.
by_steps: dict[str, Curve] = {}
by_minutes: dict[str, Curve] = {}
for algorithm in options.algorithms:
    if (curve := find_scalar(folder / algorithm, "rollout/ep_rew_mean")) is not None:
        by_steps[algorithm] = curve
        by_minutes[algorithm] = by_the_clock(curve, folder / algorithm)
title = "Lesson 5.4: training games against"
pictures = [
    draw_curves(by_steps, folder / "steps.png", title=f"{title} agent steps"),
    draw_curves(by_minutes, folder / "minutes.png", title=f"{title} minutes", x_label="minutes"),
]
print(f"\n{'algorithm':10}{'minutes':>9}  mean score of {options.games} whole games [95% interval]")
for algorithm, result in results.items():
    print(f"{algorithm:10}{minutes[algorithm]:9.1f}  {result.mean:.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]")

# %%
best = max(results, key=lambda algorithm: results[algorithm].mean)
finish(
    folder,
    files=[*pictures, folder / best / "agent.gif"],
    **results[best].facts(),
    best=best,
    steps=options.steps,
    results={name: {"minutes": minutes[name], **result.facts()} for name, result in results.items()},
    look_at="steps.png and minutes.png, then the README's ideas",
)
