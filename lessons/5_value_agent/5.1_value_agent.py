"""Lesson 5.1: an agent that learns what actions are worth, from scratch, as its author published it.

You learn: Q-learning from the screen: a network that estimates the value of each action, a memory of games, a target
network, and Bellman's equation as a line of PyTorch.
Expect: an agent that does not learn, its curve, and a gif of what it does instead of playing. That is the point: lesson
5.2 finds out why, and 5.3 fixes it.
Time: 6 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import random
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from rlbreakout.agents import Agent
from rlbreakout.config import load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate, record, write_video
from rlbreakout.evaluation.plots import Curve, draw_curves
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder

ACTION_NAMES = ("none", "fire", "right", "left")


@dataclass
class Options:
    steps: int = 16_000
    """Agent steps to train for, of 16 frames each."""
    seed: int = 0
    """Decides the network's first weights, the games and the actions."""
    games: int = 20
    """Whole games in the emulator that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/5_value_agent/5.1_value_agent)."""


options = read_options(Options, __doc__)
folder = run_folder("5_value_agent/5.1_value_agent", options.run_dir)
torch.manual_seed(options.seed)
random.seed(options.seed)

# %% What its author chose. Two numbers are smaller, so that the training ends in minutes (published: in brackets).
MEMORY_SIZE = 250  # games in the replay buffer
GAMES_A_POINT = 1_000  # game n is remembered if its score is above n / 1,000 ...
REMEMBER_ANYWAY = 0.005  # ... or, whatever its score, with this probability
BATCH_SIZE = 32  # games in a minibatch: whole games, of 50 steps or more
TRAIN_EVERY = 4  # games between two updates of the network
COPY_EVERY = 2_000  # games between two copies of the network into the target network
LEARNING_RATE, ADAM_EPSILON, GRADIENT_CLAMP = 6.25e-5, 1.5e-4, 1.0
DISCOUNT, GAMMA = 0.95, 0.99  # of the returns, and of the next state's value
PUNISHMENT = -10.0  # what losing the game is worth
START_AFTER = 50  # games before the first update (250)
EPSILON_UPDATES = 60  # updates until epsilon, which begins at 1, has fallen to 0.01 (thousands)

# %% Sixteen games side by side. An agent step lasts 16 frames: the agent gets four pictures of 105x80, four frames
# apart, and holds its action meanwhile.
config = load_config(CONFIGS / "5.1_value_agent.yaml", [f"seed={options.seed}"])
env = make_vec_env(config)
height, width, channels = env.observation_space.shape  # type: ignore[misc]


# %% Q(s, a): the return to expect after each action. The target network is an older copy of it.
def make_network() -> nn.Sequential:
    convolutions = nn.Sequential(
        *(nn.Conv2d(channels, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten()),
    )
    features = convolutions(torch.zeros(1, channels, height, width)).shape[1]
    return nn.Sequential(convolutions, nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, len(ACTION_NAMES)))


network, target_network = make_network(), make_network()
target_network.load_state_dict(network.state_dict())
optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, eps=ADAM_EPSILON)


def as_input(pictures: np.ndarray) -> torch.Tensor:
    """Pictures `(n, height, width, channels)` uint8 as the network takes them: channels first, from 0 to 1."""
    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float() / 255


class Player:
    """Takes the action of the highest Q-value, or with probability epsilon any action."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        """What `evaluate` and `record` call: one action in a hundred is random, unless deterministic."""
        return self.act(observation, epsilon=0 if deterministic else 0.01), None

    def act(self, pictures: np.ndarray, epsilon: float) -> np.ndarray:
        with torch.no_grad():
            best = network(as_input(pictures)).argmax(dim=1).numpy()
        explores = np.random.random(len(best)) < epsilon
        return np.where(explores, np.random.randint(len(ACTION_NAMES), size=len(best)), best)


# %% The replay buffer: whole games, so that the agent learns from old ones, too.
class Game(NamedTuple):
    pictures: np.ndarray  # (steps, height, width, channels) uint8
    actions: np.ndarray  # (steps,)
    returns: np.ndarray  # (steps,): G_t = r_t + discount G_t+1, and after the end the punishment


def returns_of(rewards: list[float]) -> np.ndarray:
    returns, later = np.empty(len(rewards), np.float32), PUNISHMENT
    for t in reversed(range(len(rewards))):
        later = returns[t] = rewards[t] + DISCOUNT * later
    return returns


print("a game of six steps with two points:")
print("  rewards 0 1 0 0 1 0 -> returns", *(f"{value:.2f}" for value in returns_of([0, 1, 0, 0, 1, 0])))
memory: deque[Game] = deque(maxlen=MEMORY_SIZE)


# %% An update. Bellman's equation says what the value of an action should be: y = r + gamma max_a' Q(s', a'). This
# agent puts the return, normalised over the minibatch, where the equation has the reward.
def learn() -> float:
    games = random.sample(memory, min(BATCH_SIZE, len(memory)))
    returns = np.concatenate([game.returns for game in games])
    mean, std, total = returns.mean(), returns.std() + 1e-8, 0.0
    optimizer.zero_grad()
    for game in games:  # the gradients of the games add up to that of the minibatch
        states = as_input(game.pictures)
        q = network(states).gather(1, torch.as_tensor(game.actions)[:, None]).squeeze(1)
        with torch.no_grad():
            next_values = target_network(states[1:]).max(dim=1).values
        y = torch.as_tensor((game.returns - mean) / std)
        y[:-1] += GAMMA * next_values  # nothing follows the last step
        loss = (q - y).pow(2).sum() / len(returns)  # q - y is the TD error
        loss.backward()
        total += loss.item()
    nn.utils.clip_grad_value_(network.parameters(), GRADIENT_CLAMP)
    optimizer.step()
    return total


# %% Play, remember, learn.
player, curve = Player(), []
np.random.seed(options.seed)
played, updates, remembered, loss = 0, 0, 0, np.nan
scores: deque[float] = deque(maxlen=100)
pictures: Any = env.reset()
in_play: list[list[tuple]] = [[] for _ in range(env.num_envs)]  # the steps of the game that each environment plays
with tqdm(total=options.steps, unit="step") as bar:
    while bar.n < options.steps:
        epsilon = max(0.01, 1 - 0.99 * updates / EPSILON_UPDATES)
        actions = player.act(pictures, epsilon)
        next_pictures, rewards, dones, infos = env.step(actions)
        for i, steps in enumerate(in_play):
            steps.append((pictures[i], actions[i], float(rewards[i])))
            if dones[i]:
                played += 1
                scores.append(infos[i]["episode"]["r"])
                if scores[-1] > played / GAMES_A_POINT or random.random() < REMEMBER_ANYWAY:
                    seen, taken, earned = zip(*steps, strict=True)
                    memory.append(Game(np.stack(seen), np.array(taken), returns_of(list(earned))))
                    remembered += 1
                steps.clear()
                if memory and played >= START_AFTER and played % TRAIN_EVERY == 0:
                    loss = learn()
                    updates += 1
                if played % COPY_EVERY == 0:
                    target_network.load_state_dict(network.state_dict())
        pictures = next_pictures
        bar.update(env.num_envs)
        if scores:
            curve.append((bar.n, np.mean(scores)))
            bar.set_postfix(score=f"{curve[-1][1]:.1f}", epsilon=f"{epsilon:.2f}", loss=f"{loss:.3g}")
env.close()
print(f"{played:,} games, of which {remembered:,} were remembered; {updates:,} updates")

# %% How good is it, and what does it do? Whole games in the emulator, one action in a hundred at random.
agent = Agent(player, config, "Q-learning as published")
result = evaluate(agent, games=options.games)
print(result)
gif = write_video(record(agent, seconds=20), folder / "agent.gif")
last = np.concatenate([game.pictures for game in list(memory)[-5:]])  # screens of the last games that it remembers
choices = np.bincount(player.act(last, epsilon=0), minlength=len(ACTION_NAMES)) / len(last)
print("its choices: " + ", ".join(f"{share:.0%} {name}" for name, share in zip(ACTION_NAMES, choices, strict=True)))

# %%
curves = {"the last 100 games": Curve(*np.array(curve).T)}
picture = draw_curves(curves, folder / "curve.png", title="Lesson 5.1: Q-learning as published, training games")
finish(
    folder,
    files=[picture, gif],
    **result.facts(),
    steps=options.steps,
    training_games=played,
    remembered=remembered,
    updates=updates,
    choices=dict(zip(ACTION_NAMES, choices.tolist(), strict=True)),
    look_at="agent.gif, then python lessons/5_value_agent/5.2_what_went_wrong.py",
)
