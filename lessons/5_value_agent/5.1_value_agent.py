"""Lesson 5.1: an agent that learns what actions are worth, as its author published it.

You learn: what Q-learning from the screen consists of: a network that tells the value of each action, a memory of
games, a second network that stands still; and all of the parameters, with what they do.
Expect: an agent that scores a handful of points, with a curve, a gif and a list of its parameters; lesson 5.2 asks why.
Time: an hour on one core for 250,000 agent steps, which are 4,000,000 frames. Ctrl-C saves it; run it again with
--run-dir of its folder, and it goes on.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from rlbreakout.agents.save_load import load_agent
from rlbreakout.agents.value import ValueAgent, equations
from rlbreakout.config import load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import evaluate_once
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options
from rlbreakout.observation import ACTION_NAMES
from rlbreakout.training.train import train_or_take


@dataclass
class Options:
    steps: int = 250_000
    """Agent steps to train for, of 16 frames each."""
    seed: int = 0
    """Of the training."""
    games: int = 100
    """Whole games that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.1_value_agent); a run that is already in it is continued."""


options = read_options(Options, __doc__)
config = load_config(CONFIGS / "5.1_value_agent.yaml", [f"steps={options.steps}", f"seed={options.seed}"])


# %% Every parameter, its value here, and what it does.
def describe(part: BaseModel, prefix: str = "value") -> None:
    """Print the fields of a part of the config."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            describe(value, f"{prefix}.{name}")
        else:
            print(f"{prefix}.{name}: {value}\n    {' '.join((field.description or '').split())}")


describe(config.value)

# %% What it learns from, on a game of six steps: a point at the second and the fifth, and then the game is lost.
rewards = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
returns = equations.returns(rewards, config.value.discount, last=config.value.punishment)
normalised = equations.normalised(torch.as_tensor(returns))
print(f"\n{'reward':>8}{'return':>8}{'normalised':>12}")
for row in zip(rewards, returns, normalised.tolist(), strict=True):
    print("{:8.0f}{:8.2f}{:12.2f}".format(*row))
print(
    "the Q-target of a step: its normalised return + gamma x the best Q-value of the next state; at the end without it"
)

# %% Train. A step of the agent lasts 16 frames: it sees 4 pictures, 4 frames apart, and holds its action meanwhile.
folder = train_or_take(config, options.run_dir)

# %% How good is it? Without sticky actions, as it was trained, and with them. "Sampled" draws 1 action in 100.
result = evaluate_once(folder, games=options.games)
sticky = evaluate_once(folder, games=options.games, settings={"env.repeat_action_probability": 0.25})
print(f"\n{result}\nwith sticky actions: {sticky.mean:.1f} [{sticky.ci95[0]:.1f}, {sticky.ci95[1]:.1f}]")

# %% What does it do? The actions of a game of its own, counted.
agent = load_agent(folder / "last")
assert isinstance(agent.player, ValueAgent)
env = make_vec_env(agent.config, evaluation=True, n_envs=1, seed=0)
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
