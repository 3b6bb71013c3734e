"""Lesson 5.1: an agent that learns what actions are worth, as its author published it.

You learn: what Q-learning from the screen consists of: a network that estimates the value of each action, a memory of
games, a second network that is held fixed; and every parameter, with what it does.
Expect: an agent that scores a handful of points, its curve, a gif and a list of its parameters. Lesson 5.2 asks why it
scores so little.
Time: at most an hour on one core for 250,000 agent steps, which are 4,000,000 frames. Ctrl-C saves it: run it again,
and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from rlbreakout.agents import load_agent
from rlbreakout.agents.value import ValueAgent, equations
from rlbreakout.config import load_config
from rlbreakout.envs import make_evaluation_env
from rlbreakout.evaluation import evaluate_once
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options
from rlbreakout.training import train_or_continue

ACTION_NAMES = ("none", "fire", "right", "left")


@dataclass
class Options:
    steps: int = 250_000
    """Agent steps to train for, of 16 frames each."""
    seed: int = 0
    """Decides the training."""
    games: int = 100
    """Whole games that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.1_value_agent); what is already in it is continued."""


options = read_options(Options, __doc__)
config = load_config(CONFIGS / "5.1_value_agent.yaml", [f"steps={options.steps}", f"seed={options.seed}"])


# %% Every parameter, its value in this lesson, and what it does.
def describe(part: BaseModel, prefix: str = "value") -> None:
    """Print the keys of a part of the config."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            describe(value, f"{prefix}.{name}")
        else:
            print(f"{prefix}.{name}: {value}\n    {' '.join((field.description or '').split())}")


describe(config.value)

# %% What it learns from, shown on a game of six steps: a point in the second and the fifth, and then the game is lost.
rewards = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
returns = equations.returns(rewards, config.value.discount, last=config.value.punishment)
normalised = equations.normalised(torch.as_tensor(returns))
print(f"\n{'reward':>8}{'return':>8}{'normalised':>12}")
for row in zip(rewards, returns, normalised.tolist(), strict=True):
    print("{:8.0f}{:8.2f}{:12.2f}".format(*row))
print("the Q-target of a step is its normalised return + gamma x the best Q-value of the next state, if there is one")

# %% Train. An agent step lasts 16 frames: the agent sees 4 pictures, 4 frames apart, and holds its action meanwhile.
folder = train_or_continue(config, options.run_dir)

# %% How good is it? Without sticky actions, as in its training, and with them. This agent has no policy to sample from:
# "sampled" means that 1 action in 100 is random.
result = evaluate_once(folder, games=options.games)
sticky = evaluate_once(folder, games=options.games, settings={"env.repeat_action_probability": 0.25})
print(f"\n{result}\nwith sticky actions: {sticky.mean:.1f} [{sticky.ci95[0]:.1f}, {sticky.ci95[1]:.1f}]")

# %% What does it do? Count its actions in one game.
agent = load_agent(folder / "last")
assert isinstance(agent.player, ValueAgent)
env = make_evaluation_env(agent.config, n_envs=1, seed=0)
observations: Any = env.reset()
done, actions = False, np.zeros(len(ACTION_NAMES), dtype=int)
while not done:
    action = agent.player.act(observations, epsilon=0.0)
    actions[action] += 1
    observations, (_reward,), (done,), (_info,) = env.step(action)
env.close()
print("its actions in a game: " + ", ".join(f"{n} {name}" for name, n in zip(ACTION_NAMES, actions, strict=True)))

# %%
curve = find_scalar(folder, "rollout/ep_rew_mean")
curves = {} if curve is None else {"the last 100 games": curve}
picture = draw_curves(curves, folder / "curve.png", title="Lesson 5.1: the published agent's training games")
finish(
    folder,
    files=[picture, folder / "metrics.csv", folder / "agent.gif"],
    **result.facts(),
    scores=result.scores,
    sticky=sticky.facts(),
    frames=options.steps * config.frames_a_step,
    actions=dict(zip(ACTION_NAMES, actions.tolist(), strict=True)),
    look_at="agent.gif, then python lessons/5_value_agent/5.2_what_went_wrong.py",
)
