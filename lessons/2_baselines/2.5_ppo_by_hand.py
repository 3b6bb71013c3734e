"""Lesson 2.5: PPO from scratch, in one file, equal to Stable-Baselines3's to the last bit.

You learn: every part of PPO, an equation and its line of code at a time: rollout, advantage, ratio, clipping, value
loss, entropy, minibatches. Lesson 1.4 is the beginning of it.
Expect: a proof that 10 updates are SB3's PPO to the last bit, then a training to far above a human's 31.8 points, its
curve, and a gif of the agent before and after.
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
from stable_baselines3 import PPO
from stable_baselines3.common.utils import set_random_seed
from torch import nn
from torch.distributions import Categorical
from tqdm.auto import tqdm

from rlbreakout.agents import Agent
from rlbreakout.config import load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import evaluate, record, side_by_side, write_video
from rlbreakout.evaluation.plots import Curve, draw_curves
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train for, in the twin."""
    updates: int = 10
    """Updates that are compared with those of Stable-Baselines3."""
    seed: int = 0
    """Decides weights, games and actions."""
    games: int = 20
    """Whole games in the emulator that the trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/2_baselines/2.5_ppo_by_hand)."""


options = read_options(Options, __doc__)
folder = run_folder("2_baselines/2.5_ppo_by_hand", options.run_dir)
torch.set_num_threads(1)  # the networks are small, and with one thread sums are always added in the same order
config = load_config(CONFIGS / "3.4_coordinates.yaml", [f"seed={options.seed}"])  # what the agent sees: lesson 3.4

N_STEPS, BATCH_SIZE, N_EPOCHS = 32, 1024, 2  # a rollout is 32 steps of each game, and is used twice, 1,024 at a time
LEARNING_RATE, MAX_GRAD_NORM = 1e-3, 0.5
GAMMA, LAMBDA = 0.995, 0.95  # discount, and how far advantages look: 0 one step, 1 to the end
CLIP, VALUE_COEF, ENTROPY_COEF = 0.2, 0.5, 0.005


# %% Two networks. The actor says how likely each action is, the policy pi(a|s); the critic how much is to come, V(s).
class ActorCritic(nn.Module):
    def __init__(self, n_inputs: int, n_actions: int) -> None:
        super().__init__()
        self.actor, self.critic = (
            nn.Sequential(nn.Linear(n_inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()) for _ in range(2)
        )
        self.action_scores, self.value = nn.Linear(64, n_actions), nn.Linear(64, 1)
        # Small weights in the last layer of the actor: at first all actions are nearly equally likely.
        for part, gain in ((self.actor, 2**0.5), (self.critic, 2**0.5), (self.action_scores, 0.01), (self.value, 1.0)):
            for layer in part.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.orthogonal_(layer.weight, gain)
                    nn.init.zeros_(layer.bias)

    def forward(self, observations: torch.Tensor) -> tuple[Categorical, torch.Tensor]:
        policy = Categorical(logits=self.action_scores(self.actor(observations)))
        return policy, self.value(self.critic(observations)).flatten()

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False):
        """What `evaluate` and `record` call."""
        with torch.no_grad():
            policy, _ = self(torch.as_tensor(observation))
        return (policy.probs.argmax(1) if deterministic else policy.sample()).numpy(), None


# %% delta_t = r_t + gamma V(s_t+1) - V(s_t): by how much one step turned out better than the critic expected.
# A_t = delta_t + (gamma lambda) delta_t+1 + (gamma lambda)^2 delta_t+2 + ...: the advantage, from the last step back.
def advantages_of(rewards: np.ndarray, values: np.ndarray, begins: np.ndarray, next_values: np.ndarray) -> np.ndarray:
    """`(steps, games)`, like rewards and values. begins, `(steps + 1, games)`: 1 where an episode begins."""
    advantages, advantage = np.zeros_like(rewards), np.float32(0)
    for t in reversed(range(len(rewards))):
        goes_on = 1 - begins[t + 1]  # nothing is expected beyond the end of an episode
        delta = rewards[t] + GAMMA * next_values * goes_on - values[t]
        advantage = delta + GAMMA * LAMBDA * goes_on * advantage
        advantages[t], next_values = advantage, values[t]
    return advantages


class ByHand:
    """PPO (Schulman et al. 2017, https://arxiv.org/abs/1707.06347)."""

    def __init__(self, env: Any, seed: int) -> None:
        set_random_seed(seed)
        self.env, self.steps = env, 0
        self.network = ActorCritic(env.observation_space.shape[0], env.action_space.n)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE, eps=1e-5)
        self.observations, self.begins = env.reset(), np.ones(env.num_envs, np.float32)
        self.scores: deque[float] = deque(maxlen=100)

    def rollout(self) -> tuple[torch.Tensor, ...]:
        """Play N_STEPS of all games. Returns observations, actions, their log-probabilities, advantages, returns."""
        played, begins = [], [self.begins]
        for _ in range(N_STEPS):
            with torch.no_grad():
                policy, values = self.network(torch.as_tensor(self.observations))
                actions = policy.sample()
            new_observations, rewards, dones, infos = self.env.step(actions.numpy())
            for i, info in enumerate(infos):
                if "episode" in info:
                    self.scores.append(info["episode"]["r"])
                if dones[i] and info["TimeLimit.truncated"]:  # cut off: what would have come, the critic has to guess
                    with torch.no_grad():
                        rewards[i] += GAMMA * self.network(torch.as_tensor(info["terminal_observation"][None]))[1]
            played.append(
                (self.observations, actions.numpy(), policy.log_prob(actions).numpy(), values.numpy(), rewards)
            )
            self.observations, self.begins = new_observations, dones.astype(np.float32)
            begins.append(self.begins)
        self.steps += N_STEPS * self.env.num_envs
        observations, actions, log_probs, values, rewards = (np.stack(part) for part in zip(*played, strict=True))
        with torch.no_grad():
            next_values = self.network(torch.as_tensor(self.observations))[1].numpy()
        advantages = advantages_of(rewards, values, np.stack(begins), next_values)
        parts = (observations, actions, log_probs, advantages, advantages + values)
        return tuple(torch.as_tensor(part.swapaxes(0, 1).reshape(-1, *part.shape[2:])) for part in parts)

    def update(self) -> None:
        """Play, and improve the policy a little with what was played."""
        parts = self.rollout()
        for _ in range(N_EPOCHS):
            order = np.random.permutation(len(parts[0]))
            for start in range(0, len(order), BATCH_SIZE):
                self.improve(*(part[order[start : start + BATCH_SIZE]] for part in parts))

    def improve(self, observations, actions, old_log_probs, advantages, returns) -> None:
        """A gradient step with one minibatch."""
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        policy, values = self.network(observations)
        # ratio = pi(a|s) / pi_old(a|s). L_clip = mean min(ratio A, clip(ratio, 1 - epsilon, 1 + epsilon) A)
        ratio = torch.exp(policy.log_prob(actions) - old_log_probs)
        policy_loss = -torch.min(advantages * ratio, advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP)).mean()
        # L_value = mean (G - V(s))^2. H = mean of -sum pi log pi, which keeps the agent trying things.
        value_loss = nn.functional.mse_loss(returns, values)
        loss = policy_loss - ENTROPY_COEF * policy.entropy().mean() + VALUE_COEF * value_loss
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRAD_NORM)
        self.optimizer.step()


# %% The proof. SB3's PPO and ours begin with the same weights, games and random numbers, and stay equal.
weights_of = nn.utils.parameters_to_vector
numbers = (LEARNING_RATE, N_STEPS, BATCH_SIZE, N_EPOCHS, GAMMA, LAMBDA, CLIP)  # in the order in which SB3 takes them
sb3 = PPO("MlpPolicy", make_vec_env(config), *numbers, ent_coef=ENTROPY_COEF, seed=options.seed, device="cpu")
ours = ByHand(make_vec_env(config), options.seed)
nn.utils.vector_to_parameters(weights_of(sb3.policy.parameters()).detach().clone(), ours.network.parameters())
set_random_seed(options.seed)
theirs = []
for _ in range(options.updates):
    sb3.learn(N_STEPS * sb3.n_envs, reset_num_timesteps=False)
    theirs.append(weights_of(sb3.policy.parameters()).detach())
set_random_seed(options.seed)
for number, expected in enumerate(theirs, 1):
    ours.update()
    assert torch.equal(weights_of(ours.network.parameters()), expected)
    print(f"update {number}: all {len(expected):,} weights are equal to SB3's, bit for bit")

# %% Train.
ppo, curve = ByHand(make_vec_env(config), options.seed), []
agent = Agent(ppo.network, config, "PPO by hand")
films = [record(agent, seconds=15, speed=2)]
with tqdm(total=options.steps, unit="step") as bar:
    while ppo.steps < options.steps:
        ppo.update()
        bar.update(ppo.steps - bar.n)
        curve.append((ppo.steps, np.mean(ppo.scores or [np.nan])))
        bar.set_postfix(score=f"{curve[-1][1]:.0f}")

# %% How well does it play the real game?
print(result := evaluate(agent, games=options.games))
games = {"training games in the twin": Curve(*np.array(curve).T)}
picture = draw_curves(games, folder / "curve.png", title="Lesson 2.5: PPO by hand")
films.append(record(agent, seconds=15, speed=2))
finish(
    folder,
    files=[picture, write_video(side_by_side(films), folder / "agent.gif")],
    **result.facts(),
    steps=ppo.steps,
    training_score=curve[-1][1],
    look_at="the curve and the gif, then python lessons/3_obswrapper/3.1_observation_space.py",
)
