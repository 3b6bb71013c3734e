"""Lesson 5.3: the fixed agent. DQN, with four of the ideas that came after it.

You learn: to read an agent's Q-values: what it expects, when it is surprised, and where no action matters.
Expect: an agent that plays Breakout from the screen, its curve, and a gif of a game with the agent's view and the value
of each action beside it.
Time: 5 minutes on two cores. Ctrl-C saves it: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rlbreakout.agents import load_agent
from rlbreakout.agents.value import ValueAgent
from rlbreakout.config import load_config
from rlbreakout.envs import make_evaluation_env
from rlbreakout.evaluation import evaluate_once, write_video
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.evaluation.video import Recording, agent_views, pictures_per_second
from rlbreakout.lesson import CONFIGS, finish, read_options
from rlbreakout.training import train_or_continue

ACTION_NAMES = ("none", "fire", "right", "left")


@dataclass
class Options:
    steps: int = 200_000
    """Agent steps to train for, of 4 frames each."""
    seed: int = 0
    """Decides the training."""
    games: int = 20
    """Whole games that the trained agent plays to get its score."""
    seconds: float = 20.0
    """Longest game time of the gif."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.3_dqn); what is already in it is continued."""


options = read_options(Options, __doc__)
config = load_config(CONFIGS / "5.3_dqn.yaml", [f"steps={options.steps}", f"seed={options.seed}"])

# %% What is different from lesson 5.1. Each is a few lines in rlbreakout/agents/value, beside its equation.
for key in ("memory", "train_every", "targets", "double", "n_step", "prioritised"):
    print(f"value.{key}: {getattr(config.value, key)}")
print(f"value.network.dueling: {config.value.network.dueling}")

# %% Train, or continue what is there.
folder = train_or_continue(config, options.run_dir)
result = evaluate_once(folder, games=options.games)
sticky = evaluate_once(folder, games=options.games, settings={"env.repeat_action_probability": 0.25})
print(f"\n{result}\nwith sticky actions: {sticky.mean:.1f} [{sticky.ci95[0]:.1f}, {sticky.ci95[1]:.1f}]")

# %% Let it play a game, and record what it expects of each action.
agent = load_agent(folder / "last")
assert isinstance(agent.player, ValueAgent)
speed = pictures_per_second(agent.config, agent.config.env.id)
env = make_evaluation_env(agent.config, n_envs=1, seed=options.seed)
observations, done, score = env.reset(), False, 0.0
screens, views, values, scores = list[np.ndarray](), list[np.ndarray](), list[np.ndarray](), list[float]()
lives = list[int]()
while not done and len(screens) < options.seconds * speed:
    values.append(agent.player.q_values(np.asarray(observations))[0])
    screens.append(next(screen for screen in env.get_images() if screen is not None))
    views.append(agent_views(observations, agent.config)[0])
    scores.append(score)
    observations, (reward,), (done,), (info,) = env.step(np.array([values[-1].argmax()]))
    score += float(reward)
    lives.append(info["lives"])
env.close()

# %% What does it expect, and when? The value of the best action around a hit, and at the end of a life.
expected = np.max(values, axis=1)
hit = np.flatnonzero(np.diff(scores) > 0)
missed = np.flatnonzero(np.diff(lives) < 0) + 1
moments = {
    "at a hit": hit,
    "a step after it": hit + 1,
    "a second before a lost life": missed - 15,
    "at its end": missed,
}
expects = {name: float(expected[steps[steps >= 0]].mean()) if len(steps) else None for name, steps in moments.items()}
print("\nit expects " + ", ".join(f"{value:.2f} {name}" for name, value in expects.items() if value is not None))

# %% Draw the screen, what the agent sees, and a bar for each action. The best one is yellow.
highest = max(float(np.max(values)), 1e-6)
lowest = min(float(np.min(values)), 0.0)


def draw(screen: np.ndarray, view: np.ndarray, q: np.ndarray, points: float) -> np.ndarray:
    """Draw one picture of the gif."""
    panel = Image.new("RGB", (150, screen.shape[0]))
    pen, font = ImageDraw.Draw(panel), ImageFont.load_default(11)
    pen.fontmode = "1"
    pen.text((8, 8), f"{points:.0f} points", font=font, fill="white")
    for number, (name, value) in enumerate(zip(ACTION_NAMES, q, strict=True)):
        top, colour = 45 + 38 * number, "yellow" if number == q.argmax() else "grey"
        pen.text((8, top), f"{name:6} {value:6.3f}", font=font, fill=colour)
        length = round(134 * (value - lowest) / (highest - lowest))
        pen.rectangle((8, top + 15, 8 + length, top + 23), fill=colour)
    return np.concatenate([screen, view, np.asarray(panel)], axis=1).repeat(2, axis=0).repeat(2, axis=1)


pictures = [draw(*moment) for moment in zip(screens, views, values, scores, strict=True)]
gif = write_video(Recording(pictures, speed, [score]), folder / "q_values.gif")

# %%
curve = find_scalar(folder, "rollout/ep_rew_mean")
curves = {} if curve is None else {"the last 100 games": curve}
picture = draw_curves(curves, folder / "curve.png", title="Lesson 5.3: the fixed agent's training games")
finish(
    folder,
    files=[picture, gif, folder / "metrics.csv", folder / "agent.gif"],
    **result.facts(),
    scores=result.scores,
    sticky=sticky.facts(),
    frames=options.steps * config.frames_a_step,
    expects=expects,
    look_at="q_values.gif, then python lessons/5_value_agent/5.4_on_policy_off_policy.py",
)
