"""Let a student of lesson 7.5 go on learning, now from reward: PPO whose critic sees its teacher's numbers.

    python results/pixels_from_reward.py --model runs/7_twin/7.5_pixels/DAgger --folder runs/7_twin/from_reward

The critic is needed in training only, so it may see what the student may not (asymmetric actor-critic, Pinto et al.
2017, https://arxiv.org/abs/1710.06542). pixel-champion was trained so in two processes, whose gradients were averaged:
7,782,400 steps with the defaults, then 2,736,128 with `--share 0.8 --stalled-after 200 --advice 0.05 --sharper 1`, both
with 128 games and 512 steps a minibatch in each process and a small weight for DAgger's auxiliary loss. In the last
950,272 steps four games in five were `BreakoutNoFrameskip-v4`, with `--share 0.1 --learning-rate 1e-4` and otherwise
the same options, 256 games and 256 steps a minibatch in each process, a critic that learned alone for 15% of them, and
16 bits. Its teacher was an earlier champion-policy, and in these last steps today's.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

# isort: split
import numpy as np
import torch
import tyro
from torch.nn.functional import cross_entropy, mse_loss

from rlbreakout.agents import build_algorithm, load_agent, save_model
from rlbreakout.config import with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.observation.blocks import entries_of

ROUND, GAMES, BATCH = 64, 256, 1024  # steps of each game in a round; games; minibatch
GAMMA, LAMBDA, CLIP = 0.997, 0.95, 0.15
CRITIC_ALONE, RISE = 0.05, 0.03  # of the training: only the critic learns; then the student's learning rate rises


@dataclass
class Options:
    model: str
    """The student: a model folder or run folder of lesson 7.5, or pixel-champion."""
    folder: Path
    """Where the trained student is saved."""
    steps: int = 7_782_400
    """Agent steps to learn from, each once."""
    learning_rate: float = 2e-4
    """Of the student, at its highest; it falls to zero."""
    entropy: float = 0.003
    """Weight of the entropy bonus."""
    advice: float = 0.1
    """Weight of the teacher's advice in the loss."""
    sharper: float = 3.0
    """The advice is about the student's probabilities before they were taken to this power: a student of DAgger plays
    with their cubes."""
    share: float = 0.3
    """Share of the games with no sticky actions, or twice as many."""
    stalled_after: int = 500
    """Steps without a point or a lost life after which each further one costs."""
    seed: int = 0
    """Decides the training."""


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    torch.manual_seed(options.seed)
    teacher, agent = load_agent("champion-policy"), load_agent(options.model)
    blocks = teacher.config.observation.blocks
    width, seen = len(entries_of(blocks)), agent.config.observation
    config = with_values(
        agent.config,
        {
            "steps": options.steps,
            "seed": options.seed,
            "env.n_envs": GAMES,
            "env.episodic_life": True,
            "env.lost_life_reward": -2,
            "env.stalled_after": options.stalled_after,
            "randomize.share": options.share,
            "starts": {"late": 0.25, "failure": 0.1, "second_wall": 0.15},
        },
    )
    both = with_values(
        config, {"network.cnn": "nature", "observation": {**seen.model_dump(), "kind": "both", "blocks": blocks}}
    )
    student = build_algorithm(config, make_vec_env(config))
    policy: Any = student.policy
    policy.load_state_dict(agent.player.state_dict())  # type: ignore[attr-defined]
    adviser: Any = teacher.player
    critic = torch.nn.Sequential(copy.deepcopy(adviser.mlp_extractor.value_net), copy.deepcopy(adviser.value_net))
    learners = [
        torch.optim.AdamW(policy.parameters(), lr=0.0, eps=1e-5, weight_decay=1e-4),
        torch.optim.Adam(critic.parameters(), lr=0.0, eps=1e-5),
    ]

    def act(pictures: torch.Tensor) -> torch.Tensor:
        """The logarithms of the probabilities of the student's actions."""
        features = policy.extract_features(pictures, policy.pi_features_extractor)
        return policy.action_net(policy.mlp_extractor.forward_actor(features)).log_softmax(dim=1)

    policy.set_training_mode(False)  # what standardizes the pixels stays as it is
    games = make_vec_env(both, seed=options.seed)
    observation: Any = games.reset()
    size = ROUND * GAMES
    pictures = torch.zeros((ROUND, GAMES, *policy.observation_space.shape), dtype=torch.uint8)
    numbers, advised = torch.zeros((ROUND, GAMES, width)), torch.zeros((ROUND, GAMES, 4))
    actions = torch.zeros((ROUND, GAMES), dtype=torch.long)
    chances, rewards, ends = (torch.zeros((ROUND, GAMES)) for _ in range(3))
    values, start = torch.zeros((ROUND + 1, GAMES)), time.perf_counter()
    scores: list[float] = []
    rounds = max(1, options.steps // size)
    for number in range(rounds):
        # 1. Play. The teacher is asked, too.
        for step in range(ROUND):
            pictures[step] = torch.from_numpy(observation["image"]).permute(0, 3, 1, 2)
            numbers[step] = torch.from_numpy(observation["coordinates"][:, -width:])
            with torch.no_grad():
                own = act(pictures[step])
                values[step] = critic(numbers[step])[:, 0]
                advised[step] = adviser.get_distribution(numbers[step]).distribution.probs
            actions[step] = torch.multinomial(own.exp(), 1)[:, 0]
            chances[step] = own.gather(1, actions[step][:, None])[:, 0]
            observation, reward, over, infos = games.step(actions[step].numpy())
            rewards[step], ends[step] = torch.from_numpy(reward), torch.from_numpy(over.astype(np.float32))
            scores = [*scores, *(info["episode"]["r"] for info in infos if "episode" in info)][-200:]
        # 2. How much better than expected? Generalized advantage estimation, as in lesson 2.5.
        with torch.no_grad():
            values[ROUND] = critic(torch.from_numpy(observation["coordinates"][:, -width:]))[:, 0]
        advantages, later = torch.zeros((ROUND, GAMES)), torch.zeros(GAMES)
        for step in reversed(range(ROUND)):
            goes_on = 1 - ends[step]
            surprise = rewards[step] + GAMMA * goes_on * values[step + 1] - values[step]
            later = advantages[step] = surprise + GAMMA * LAMBDA * goes_on * later
        data = (pictures, numbers, advised, actions, chances, advantages, advantages + values[:ROUND])
        flat = [some.flatten(0, 1) for some in data]
        # 3. Learn, from every step once.
        done = number / rounds
        learners[0].param_groups[0]["lr"] = (
            options.learning_rate * min(1, max(0, (done - CRITIC_ALONE) / RISE)) * (1 - done)
        )
        learners[1].param_groups[0]["lr"] = 5e-4 * (1 - done)
        for chosen in torch.randperm(size).split(BATCH):
            picture, state, wanted, action, chance, advantage, worth = (some[chosen] for some in flat)
            own = act(picture)
            ratio = (own.gather(1, action[:, None])[:, 0] - chance).exp()
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
            loss = -torch.min(ratio * advantage, clipped * advantage).mean()
            loss = loss + options.entropy * (own.exp() * own).sum(dim=1).mean()
            loss = loss + options.advice * cross_entropy(own / options.sharper, wanted)
            loss = loss + 0.5 * mse_loss(critic(state)[:, 0], worth)
            for learner in learners:
                learner.zero_grad()
            loss.backward()
            for network, learner in zip((policy, critic), learners, strict=True):
                torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
                learner.step()
        if number % 10 == 9 or number == rounds - 1:
            score = f"{np.mean(scores):.0f} points" if scores else "no game has ended"
            minutes = (time.perf_counter() - start) / 60
            print(f"{(number + 1) * size:,} steps, {minutes:.1f} minutes, training games: {score}", flush=True)
            save_model(student, options.folder, config, steps=(number + 1) * size)


if __name__ == "__main__":
    main()
