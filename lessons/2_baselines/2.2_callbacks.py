"""Lesson 2.2: what to measure while an agent trains, and how not to be fooled.

You learn: what a callback is; how to show metrics of your own in TensorBoard; why the reward of a life is not a score;
why evaluation needs its own environment; why a greedy game may never end.
Expect: three numbers for the same agent. All of them look like "reward", and one is the score.
Time: 1 to 2 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.callbacks import MetricCallback
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_env, make_vec_env
from rlbreakout.evaluation import evaluate
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import learn, record_best
from rlbreakout.training.runs import write_config
from rlbreakout.wrappers import STALLED_AFTER


@dataclass
class Options:
    steps: int = 400_000
    """Agent steps to train for, in the twin."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games in the emulator that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.2_callbacks)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.2_callbacks", options.run_dir)

# %% A config contains what lesson 2.1 wrote out, and `build_algorithm` builds the PPO from it. The agent sees the
# numbers of lesson 3.4. `evaluation` says: play 10 whole games in the emulator, four times in the training.
config = load_config(
    CONFIGS / "3.4_coordinates.yaml",
    [
        *("run.lesson=2_baselines", "run.name=2.2_callbacks", f"seed={options.seed}", f"steps={options.steps}"),
        *("env.lost_life_reward=0", "evaluation.env=ale", f"evaluation.every={max(1, options.steps // 4)}"),
        f"evaluation.games={min(10, options.games)}",
    ],
)
write_config(config, folder)


# %% A callback is called after every step of all environments. It sees what the training loop sees (`self.locals`), may
# write to TensorBoard (`self.logger`), and ends the training by returning False.
class LifeRewardCallback(BaseCallback):
    """What the agent is trained on: the clipped rewards between two `done`s, which are lives, not games."""

    def _on_training_start(self) -> None:
        self.sums = np.zeros(self.training_env.num_envs)
        self.finished: deque[float] = deque(maxlen=500)

    def _on_step(self) -> bool:
        self.sums += self.locals["rewards"]
        self.finished.extend(self.sums[self.locals["dones"]])
        self.sums[self.locals["dones"]] = 0
        return True

    def _on_rollout_end(self) -> None:
        if self.finished:
            self.logger.record("custom/clipped_reward_a_life", np.mean(self.finished))


# %% SB3 logs the mean of the last 100 games, rollout/ep_rew_mean. A mean alone hides how far the games are apart, and
# how sure it is: the lower bound of its 95% interval is mean - 1.96 std / sqrt(n).
class GamesCallback(BaseCallback):
    """The last 100 training games: the spread of their scores, a lower bound of the mean, and their length."""

    def _on_training_start(self) -> None:
        self.games: deque[dict[str, float]] = deque(maxlen=100)

    def _on_step(self) -> bool:
        self.games.extend(info["episode"] for info in self.locals["infos"] if "episode" in info)
        return True

    def _on_rollout_end(self) -> None:
        if self.games:
            scores = np.array([game["r"] for game in self.games])  # r: points, unclipped. l: length in frames
            self.logger.record("games/score_std", scores.std())
            self.logger.record("games/score_low", scores.mean() - 1.96 * scores.std() / len(scores) ** 0.5)
            self.logger.record("games/agent_steps", np.mean([game["l"] for game in self.games]) / config.env.frame_skip)


# %% For a plain mean over the steps of a rollout the library has MetricCallback. This one shows how often the agent
# presses FIRE, which does nothing while the ball is in play.
fire = MetricCallback("custom/fire_share", lambda actions, infos: float((actions == 1).mean()))

# %% Evaluation has a separate environment. In the training environment a lost life ends the episode, so an evaluation
# there would begin in the middle of a game, perhaps with one life left. `learn` therefore plays whole games in an
# environment of its own, with the same seeds every time and without touching the random numbers of the training.
model = build_algorithm(config, make_vec_env(config, monitor_dir=folder))
learn(model, config, folder, callbacks=[LifeRewardCallback(), GamesCallback(), fire])

# %% The same agent, three numbers.
TAGS = {
    "clipped reward a life": "custom/clipped_reward_a_life",
    "score of a training game (sampled, last 100)": "rollout/ep_rew_mean",
    "score of a game in evaluation": "eval/mean",
}
LOW = {"training games: lower bound of the 95% interval": "games/score_low"}
curves = {name: curve for name, tag in {**TAGS, **LOW}.items() if (curve := find_scalar(folder, tag)) is not None}
for name, curve in curves.items():
    print(f"{name:46}{curve.y[-1]:6.2f}")
picture = draw_curves(
    curves, folder / "three_rewards.png", title="Lesson 2.2: three numbers called reward", dashed=tuple(LOW)
)

# %% Sampled or greedy? Training draws each action from the policy. A greedy agent takes the likeliest one, which looks
# better in a video and has a trap: where the likeliest action changes nothing, nothing ever changes. In training the
# ball was launched for this agent, so it never had to learn to press FIRE. What if nobody launches it?
agent = load_agent(folder / "last")
bare = with_values(config, {"env.vec_env": "dummy", "env.launch_ball": "never", "env.episodic_life": False})
game = make_env(bare, seed=options.seed)
observation, over, steps, points = game.reset()[0], False, 0, 0.0
while not over and steps < STALLED_AFTER:
    action = agent.player.predict(observation[None], deterministic=True)[0][0]
    observation, reward, terminated, truncated, _ = game.step(action)
    steps, points, over = steps + 1, points + float(reward), terminated or truncated
print(f"\ngreedy, and nobody launches the ball: {'over' if over else 'not over'} after {steps:,} agent steps, ", end="")
print(f"{points:.0f} bricks")
game.close()

# %% What we do about it: evaluation launches the ball after every lost life, and a game without a point for 5,000 agent
# steps is stalled. It is cut off, its score counts, and the result says how many stalled.
results = {greedy: evaluate(agent, games=options.games, seed=1000, greedy=greedy) for greedy in (False, True)}
for result in results.values():
    print(result)

# %%
gif = record_best(folder)
sampled = results[False]
finish(
    folder,
    files=[picture, gif, folder / "evaluations.csv"],
    **sampled.facts(),
    greedy_score=results[True].mean,
    greedy_stalled=results[True].stalled,
    three_rewards={name: float(curves[name].y[-1]) for name in TAGS if name in curves},
    look_at="eval/, games/ and custom/ in TensorBoard, then python lessons/2_baselines/2.3_copying_hp_zoo.py",
)
