"""Lesson 7.5: an agent that sees only pixels, taught by one that sees everything.

You learn: imitation learning with a privileged teacher; why a student has to be corrected in its own games (distribution
shift, DAgger); and why that takes so much less than learning from reward alone.
Expect: a convolutional network that sees four small pictures and nothing else. In every step of its games the policy of
lesson 6.4, which sees the exact state, says what it would do. ...
Time: about 10 minutes on two cores. You can stop it at any time ...
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from rlbreakout.agents import build_algorithm, load_agent, save_model
from rlbreakout.common.processes import processes_at_once
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.lesson import CONFIGS, read_options, run_folder
from rlbreakout.observation.blocks import entries_of


@dataclass
class Options:
    labels: int = 200_000
    """Steps of the student's games in which the teacher says what it would do."""
    games: int = 256
    """Games that the student plays side by side."""
    passes: float = 3
    """How often each step is learned from, on average."""
    seed: int = 0
    """Decides the training."""
    device: str = "auto"
    """Where the student learns: cpu, cuda, mps, or auto."""
    minutes: float | None = None
    """Stop after so many minutes."""
    teacher: str = "champion-policy"
    """Who teaches: an agent that sees coordinates."""
    start: str | None = None
    lr: float = 6e-4
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.5_pixels)."""


options = read_options(Options, __doc__)
folder = run_folder("7_twin/7.5_pixels", options.run_dir)
teacher = load_agent(options.teacher)
blocks = teacher.config.observation.blocks
pixels = with_values(
    load_config(CONFIGS / "7.5_pixel-champion.yaml"),
    {"seed": options.seed, "run.device": options.device, "steps": options.labels, "network.cnn": "nature", "env.n_envs": 1},
)
STEPS = 64  # between two times of learning
BATCH = 1024 if options.device == "cuda" else 512
TELLS = 20  # numbers that the student has to tell

# %% Each core plays some of the games. They show pictures, which the student sees, and numbers, which the teacher sees.
cores = os.cpu_count() or 1
cores = min(cores, 8)
each = options.games // cores
classroom = with_values(
    pixels,
    {
        "observation": {**pixels.observation.model_dump(), "kind": "both", "blocks": blocks},
        "env.n_envs": each,
        "env.episodic_life": False,
        "starts": {"late": 0.2, "failure": 0.1, "second_wall": 0.1},
        "randomize": {"share": 0.5, "dropped_screens": 0.05},
    },
)
games = [make_vec_env(classroom, seed=seed) for seed in spawn_seeds(options.seed, cores)]
pool = ThreadPoolExecutor(cores)
student = build_algorithm(pixels, make_vec_env(pixels))
policy, device = student.policy, student.device
if options.start:
    from rlbreakout.agents.save_load import load_weights
    load_weights(student, Path(options.start))
names = [entry.name for entry in entries_of(blocks)]
numbers = len(names)
told = torch.tensor([i for i, name in enumerate(names[:200]) if not name.startswith("brick_")][:TELLS])
teller = torch.nn.Linear(policy.features_dim, len(told)).to(device)
optimizer = torch.optim.AdamW([*policy.parameters(), *teller.parameters()], lr=5e-4, weight_decay=1e-4, fused=device.type == "cuda")
master = teacher.player.to(device)

# %%
size = cores * each * STEPS
room = min(4 * size, 131_072)
channels, height, width = policy.observation_space.shape
seen = torch.zeros((room, channels, height, width), dtype=torch.uint8, device=device)
wanted, truth = torch.zeros((room, 4), device=device), torch.zeros((room, len(told)), device=device)
worth = torch.zeros(room, device=device)

# %%
random = np.random.default_rng(options.seed)
observations = [env.reset() for env in games]
rounds, begin, log = -(-options.labels // size), time.perf_counter(), []
bar = tqdm(total=rounds * size, unit="label")
done = 0.0
for number in range(rounds):
    done = number / rounds
    if options.minutes:
        done = max(done, min(1, (time.perf_counter() - begin) / 60 / options.minutes))
    for group in optimizer.param_groups:
        group["lr"] = options.lr * (1 - done) + 2e-6
    help_share, scores, agreed = 0.5 ** (number + 1), [], 0.0
    if options.start: help_share = 0.0
    policy.set_training_mode(False)
    times = [0.0] * 4
    for step in range(STEPS):
        t0 = time.perf_counter()
        pictures = torch.from_numpy(np.concatenate([one["image"] for one in observations])).to(device).permute(0, 3, 1, 2).contiguous()
        coordinates = torch.from_numpy(np.concatenate([one["coordinates"][:, -numbers:] for one in observations])).to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            features = policy.extract_features(pictures)
            logits = policy.action_net(policy.mlp_extractor.forward_actor(features))
        with torch.no_grad():
            chances = logits.float().softmax(dim=1)
            labels = master.get_distribution(coordinates).distribution.probs
            value = master.predict_values(coordinates)[:, 0]
        helped = torch.rand(len(labels), 1, device=device) < help_share
        actions = torch.multinomial(torch.where(helped, labels, chances), 1)[:, 0].cpu().numpy()
        agreed += (labels * chances).sum(dim=1).mean().item() / STEPS
        at = (number * size + step * cores * each) % room
        rows = slice(at, at + cores * each)
        seen[rows], wanted[rows], worth[rows], truth[rows] = pictures, labels, value, coordinates[:, told]
        t1 = time.perf_counter()
        played = list(pool.map(lambda env, some: env.step(some), games, np.split(actions, cores)))
        observations = [one[0] for one in played]
        scores += [info["episode"]["r"] for _, _, _, infos in played for info in infos if "episode" in info]
        times[0] += t1 - t0
        times[1] += time.perf_counter() - t1
    t0 = time.perf_counter()
    policy.set_training_mode(True)
    known = min((number + 1) * size, room)
    for _ in range(int(options.passes * size / BATCH)):
        chosen = torch.randint(known, (BATCH,), device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            features = policy.extract_features(seen[chosen])
            actor, critic = policy.mlp_extractor(features)
            logits, expected, tells = policy.action_net(actor), policy.value_net(critic)[:, 0], teller(features)
        imitation = torch.nn.functional.cross_entropy(logits.float(), wanted[chosen])
        telling = torch.nn.functional.smooth_l1_loss(tells.float(), truth[chosen], beta=0.1)
        loss = imitation + 5 * telling + 0.02 * torch.nn.functional.smooth_l1_loss(expected.float(), worth[chosen])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
    times[2] = time.perf_counter() - t0
    seconds = time.perf_counter() - begin
    mean = float(np.mean(scores)) if scores else float("nan")
    floor = -(wanted[:known] * (wanted[:known] + 1e-9).log()).sum(dim=1).mean().item()
    log.append({"labels": (number + 1) * size, "seconds": seconds, "loss": imitation.item(), "floor": floor, "telling": telling.item(), "agreement": agreed, "games": len(scores), "mean": mean, "times": times})
    bar.update(size)
    bar.set_postfix(loss=f"{imitation.item():.3f}/{floor:.3f}", tell=f"{telling.item():.4f}", agree=f"{agreed:.3f}", score=f"{mean:.0f}", times=" ".join(f"{t:.1f}" for t in times))
    stop = options.minutes and seconds > 60 * options.minutes
    if (number + 1) % 20 == 0 or number + 1 == rounds or stop:
        save_model(student, folder / "last", pixels, steps=(number + 1) * size)
        (folder / "log.json").write_text(json.dumps(log))
    if stop:
        break
