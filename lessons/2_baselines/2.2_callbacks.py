"""Lesson 2.2: what to measure while an agent trains, and how not to be fooled.

You learn: what a callback is; how to evaluate in a separate environment; how to show a metric of your own in
TensorBoard; why the reward of a life is not a score; why greedy evaluation can hang, and what to do about it.
Expect: three numbers for the same agent. All of them look like "reward", and one is the score.
Time: 3 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.callbacks import MetricCallback
from rlbreakout.config import Config, EnvConfig, EvaluationConfig, PPOConfig, RunConfig
from rlbreakout.envs import make_emulator, make_env, make_vec_env
from rlbreakout.evaluation import evaluate
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.training import learn, record_best
from rlbreakout.training.runs import write_config
from rlbreakout.wrappers import STALLED_AFTER


@dataclass
class Options:
    steps: int = 20_480
    """Agent steps to train for."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.2_callbacks)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.2_callbacks", options.run_dir)

# %% A config contains what lesson 2.1 wrote out, and `build_algorithm` builds the PPO from it. `evaluation` says: play
# 10 whole games every 5,120 agent steps.
config = Config(
    run=RunConfig(lesson="2_baselines", name="2.2_callbacks", gif_every=10_240),
    seed=options.seed,
    steps=options.steps,
    env=EnvConfig(id="BreakoutNoFrameskip-v4", n_envs=8, launch_ball="on_reset"),
    ppo=PPOConfig(n_steps=128, batch_size=256, n_epochs=4, learning_rate=2.5e-4, clip_range=0.1, ent_coef=0.01),
    evaluation=EvaluationConfig(every=5_120, games=min(10, options.games)),
)
write_config(config, folder)


# %% A callback is called after every step of all environments. It sees what the training loop sees (`self.locals`), may
# write to TensorBoard (`self.logger`), and ends the training by returning False.
class LifeRewardCallback(BaseCallback):
    """What the agent is trained on: the clipped rewards between two `done`s, which are lives, not games."""

    def _on_training_start(self) -> None:
        self.sums = np.zeros(self.training_env.num_envs)
        self.finished: list[float] = []

    def _on_step(self) -> bool:
        self.sums += self.locals["rewards"]
        self.finished += self.sums[self.locals["dones"]].tolist()
        self.sums[self.locals["dones"]] = 0
        return True

    def _on_rollout_end(self) -> None:
        if self.finished:
            self.logger.record("custom/clipped_reward_a_life", np.mean(self.finished[-500:]))


# %% For a plain mean over the steps of a rollout the library has MetricCallback. This one shows how often the agent
# presses FIRE, which does nothing while the ball is in play.
fire = MetricCallback("custom/fire_share", lambda actions, infos: float((actions == 1).mean()))

# %% Evaluation has a separate environment. In the training environment a lost life ends the episode, so an evaluation
# there would begin in the middle of a game, perhaps with one life left. `learn` therefore plays whole games in an
# environment of its own, with the same seeds every time and without touching the random numbers of the training.
model = build_algorithm(config, make_vec_env(config, monitor_dir=folder))
learn(model, config, folder, callbacks=[LifeRewardCallback(), fire])

# %% The same agent, three numbers.
TAGS = {
    "clipped reward a life": "custom/clipped_reward_a_life",
    "score of a training game (sampled, last 100)": "rollout/ep_rew_mean",
    "score of a game in evaluation": "eval/mean",
}
curves = {name: curve for name, tag in TAGS.items() if (curve := find_scalar(folder, tag)) is not None}
for name, curve in curves.items():
    print(f"{name:46}{curve.y[-1]:6.2f}")
picture = draw_curves(curves, folder / "three_rewards.png", title="Three numbers called reward", y_label="points")

# %% Sampled or greedy? Training draws each action from the policy. A greedy agent takes the likeliest one, which looks
# better in a video and has a trap: if FIRE is not the likeliest action at the start, it waits for the ball forever.
agent = load_agent(folder / "last")
game = make_emulator(config.env)  # the bare game: nobody launches the ball
view = make_env(config, seed=options.seed)  # what the agent sees at the start of a game
first = np.repeat(view.reset()[0][None], config.observation.frame_stack, axis=-1)
greedy_action = int(agent.player.predict(first, deterministic=True)[0][0])
game.reset(seed=options.seed)
bare_steps, over = 0, False
while not over and bare_steps < STALLED_AFTER:
    _, _, terminated, truncated, _ = game.step(greedy_action)
    bare_steps, over = bare_steps + 1, terminated or truncated
name = game.unwrapped.get_action_meanings()[greedy_action]  # type: ignore[attr-defined]
print(f"\nat the first screen the likeliest action is {name}; always {name}: ", end="")
print("over" if over else "not over", f"after {bare_steps:,} frames")
game.close()
view.close()

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
    files=[picture, gif, *sorted((folder / "gifs").glob("*.gif")), folder / "evaluations.csv"],
    **sampled.facts(),
    greedy_score=results[True].mean,
    greedy_stalled=results[True].stalled,
    three_rewards={name: float(curve.y[-1]) for name, curve in curves.items()},
    look_at="eval/ and custom/ in TensorBoard, then python lessons/2_baselines/2.3_copying_hp_zoo.py",
)
