"""Lesson 7.3: train in the twin, play the real game.

You learn: what a model of the environment is good for; what sim-to-real means; why this agent loses next to nothing
between the twin and the emulator.
Expect: more than 400 points a game, in the twin and in the emulator, which the agent has never seen.
Time: 2 minutes on two cores, less than one of them for the training.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options
from rlbreakout.training import learn, record_best, start_run


@dataclass
class Options:
    steps: int | None = None
    """Agent steps to train for (default: as configs/7.3_twin.yaml says)."""
    seed: int = 0
    """Decides the training."""
    games: int = 20
    """Whole games that the trained agent plays in the emulator."""
    twin_games: int = 50
    """Whole games that it plays in the twin."""
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.3_train_in_the_twin)."""


options = read_options(Options, __doc__)
config = with_values(load_config(CONFIGS / "7.3_twin.yaml"), {"seed": options.seed})
if options.steps is not None:
    config = with_values(config, {"steps": options.steps})
folder = start_run(config, options.run_dir)

# %% The environment. `env.vec_env: twin` is all that makes it the twin: 256 games side by side, in one process.
env = make_vec_env(config, monitor_dir=folder)
actions = np.zeros(env.num_envs, dtype=np.int64)
env.reset()
env.step(actions)  # compiles the game, once for this machine
start = time.perf_counter()
for _ in range(50):
    env.step(actions)
print(f"{50 * env.num_envs / (time.perf_counter() - start):,.0f} agent steps a second, observations included")


# %% Print a line every few seconds. Its score is that of training games, in the twin: a hint, not yet a result.
class ProgressLine(BaseCallback):
    """Print seconds, agent steps and the mean score of the last 100 games, after rollouts at least 5 seconds apart."""

    def _on_training_start(self) -> None:
        self.start = self.last = time.perf_counter()
        print("seconds  agent steps  score (twin, last 100 training games)")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if time.perf_counter() - self.last < 5:
            return
        self.last = time.perf_counter()
        games = [game["r"] for game in self.model.ep_info_buffer or []]
        mean = f"{np.mean(games):.1f}" if games else "no game has ended yet"
        print(f"{self.last - self.start:7.0f}  {self.num_timesteps:11,}  {mean}", flush=True)


# %% The same PPO as in the lessons before. It never plays a frame of the emulator.
start, cpu_start = time.perf_counter(), time.process_time()
learn(build_algorithm(config, env), config, folder, [ProgressLine()], progress_bar=False)
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
hours = config.steps * config.env.frame_skip / 60 / 3600
print(f"{config.steps:,} agent steps in {seconds:.0f} s ({cpu_seconds:.0f} s of one core): {hours:.1f} hours of play\n")

# %% Does it play the real game as well? There nobody tells the agent the state: it is inferred from the screens and the
# agent's own actions. The console's memory is not read.
agent = load_agent(folder / "last")
in_twin = evaluate(agent, env="twin", games=options.twin_games)
print(f"twin      {in_twin}")
in_ale = evaluate(agent, games=options.games, progress_bar=True)
print(f"emulator  {in_ale}")

# %% The gif shows the emulator, the curve the twin.
gif = record_best(folder)
curve = find_scalar(folder, "rollout/ep_rew_mean")
picture = draw_curves(
    {} if curve is None else {"twin": curve}, folder / "curve.png", title="Lesson 7.3: training games in the twin"
)
finish(
    folder,
    files=[gif, picture, folder / "last"],
    **in_ale.facts(),
    twin=in_twin.facts(),
    steps=config.steps,
    training_seconds=round(seconds, 1),
    training_cpu_seconds=round(cpu_seconds, 1),
    look_at="the gif; then rlbreakout evaluate champion-policy: the same kind of agent after 60,000,000 agent steps",
)
