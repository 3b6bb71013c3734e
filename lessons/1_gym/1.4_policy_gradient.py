"""Lesson 1.4: an agent that learns, from scratch: the policy gradient.

You learn: return, discount, policy, log-probability, baseline and advantage, each as a line of PyTorch; and the update
that all later lessons refine: make what turned out better than expected more likely. It is REINFORCE (Williams 1992)
with a value function as its baseline.
Expect: an agent that scores more than a human's 31.8 points, after a minute of training.
Time: 2 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical
from tqdm.auto import tqdm

from rlbreakout.agents import Agent
from rlbreakout.config import parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate, record, write_video
from rlbreakout.evaluation.plots import Curve, draw_curves
from rlbreakout.evaluation.video import side_by_side
from rlbreakout.lesson import finish, read_options, run_folder


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train for."""
    seed: int = 0
    """Decides the networks' first weights, the games and the actions."""
    games: int = 20
    """Whole games in the emulator that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/1_gym/1.4_policy_gradient)."""


options = read_options(Options, __doc__)
folder = run_folder("1_gym/1.4_policy_gradient", options.run_dir)
torch.set_num_threads(1)  # the networks are small
torch.manual_seed(options.seed)

# %% 64 games side by side, in an exact and fast copy of Breakout (lesson 7). The agent gets seven numbers instead of a
# screen: where and when the ball will come down, and how far that is from the paddle. An episode is a life; losing it
# costs a point, and a brick earns one.
config = parse_config(
    {
        "seed": options.seed,
        "env": {"id": "ALE/Breakout-v5", "vec_env": "twin", "n_envs": 64, "max_pool": False, "lost_life_reward": -1},
        "observation": {"kind": "coordinates", "blocks": ["arrival"], "frame_stack": 1},
    }
)
env = make_vec_env(config)
n_inputs, n_games = env.observation_space.shape[0], env.num_envs  # type: ignore[index]

# %% The policy pi(a|s): how likely each of the four actions is in a state. The baseline V(s): which return to expect.
policy = nn.Sequential(nn.Linear(n_inputs, 64), nn.Tanh(), nn.Linear(64, 4))
baseline = nn.Sequential(nn.Linear(n_inputs, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(-2))
optimizer = torch.optim.Adam([*policy.parameters(), *baseline.parameters()], lr=1e-2)
DISCOUNT = 0.97  # a point is worth half as much 23 steps, or 1.5 seconds, later
LENGTH = 64  # agent steps of each game between two updates


# %% What plays whole games of the real Breakout, where the seven numbers are worked out from the screen. First without
# any training, for the left half of the gif.
class Player:
    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        with torch.no_grad():
            logits = policy(torch.as_tensor(observation))
        return (logits.argmax(1) if deterministic else Categorical(logits=logits).sample()).numpy(), None


agent = Agent(Player(), config, "policy gradient")
SPEED = 8  # of the gif: 20 seconds show 160 seconds of the game
before = record(agent, speed=SPEED)

# %% Play, look back, improve.
scores: deque[float] = deque(maxlen=100)
curve = []
state = torch.as_tensor(env.reset())
with tqdm(total=options.steps, unit="step") as bar:
    while bar.n < options.steps:
        # Play: draw actions from the policy.
        states, actions = torch.empty(LENGTH, n_games, n_inputs), torch.empty(LENGTH, n_games, dtype=torch.long)
        rewards, ends = torch.empty(LENGTH, n_games), torch.empty(LENGTH, n_games)
        for t in range(LENGTH):
            with torch.no_grad():
                action = Categorical(logits=policy(state)).sample()
            states[t], actions[t] = state, action
            observation, reward, done, infos = env.step(action.numpy())
            state, rewards[t], ends[t] = torch.as_tensor(observation), torch.as_tensor(reward), torch.as_tensor(done)
            scores.extend(info["episode"]["r"] for info in infos if "episode" in info)

        # Look back. The return: G_t = r_t + discount G_t+1, and nothing after the end of a life. What comes after the
        # last step is not known yet: the baseline estimates it.
        returns = torch.empty(LENGTH, n_games)
        with torch.no_grad():
            later = baseline(state)
        for t in reversed(range(LENGTH)):
            later = returns[t] = rewards[t] + DISCOUNT * (1 - ends[t]) * later

        # Improve. The advantage A = G - V(s): was it better than expected? Then make the action more likely, else less:
        # the gradient of log pi(a|s) A. And let the baseline expect what came: the gradient of (G - V(s))^2.
        expected = baseline(states)
        advantages = (returns - expected).detach()
        log_probabilities = Categorical(logits=policy(states)).log_prob(actions)
        loss = -(log_probabilities * advantages).mean() + (returns - expected).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        bar.update(LENGTH * n_games)
        curve.append((bar.n, np.mean(scores or [np.nan])))
        bar.set_postfix(score=f"{curve[-1][1]:.0f}")
env.close()

# %% How well does it play?
result = evaluate(agent, games=options.games)
print(result)
x, y = np.array(curve).T
picture = draw_curves(
    {"training games in the twin": Curve(x, y)}, folder / "curve.png", title="Lesson 1.4: policy gradient"
)
gif = write_video(side_by_side([before, record(agent, speed=SPEED)]), folder / "before_and_after.gif")
finish(
    folder,
    files=[picture, gif],
    **result.facts(),
    steps=curve[-1][0],
    training_score=curve[-1][1],
    curve={"steps": x[np.isfinite(y)].astype(int).tolist(), "values": y[np.isfinite(y)].round(1).tolist()},
    look_at="the curve and the gif, then python lessons/2_baselines/2.1_envs.py",
)
