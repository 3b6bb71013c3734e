"""Lesson 7.5: an agent that sees only pixels, taught by one that sees everything.

You learn: imitation learning from a privileged teacher; distribution shift, the reason why a student has to be
corrected in its own games (DAgger); and why that takes so much less than learning from reward alone.
Expect: three agents with the same convolutional network, which see four small pictures and nothing else. One imitates
the games of its teacher, one is corrected in its own, and one learns from reward, with PPO. They play in the twin, and
the best of them in the emulator.
Time: about 7 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from stable_baselines3 import PPO
from tqdm.auto import tqdm

from rlbreakout.agents import Agent, build_algorithm, load_agent, save_model
from rlbreakout.common.processes import processes_at_once
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate, record, write_video
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation.blocks import entries_of

STUDENTS = {
    "cloning": "imitates the games of its teacher",
    "DAgger": "is corrected in its own games",
    "PPO": "learns from reward",
}


@dataclass
class Options:
    steps: int = 131_072
    """Agent steps that each student learns from."""
    passes: float = 2
    """How often a step is learned from, on average, by those that imitate."""
    cnn: str = "nips"
    """The convolutions: nips, or nature, which see more and take twice as long."""
    students: tuple[str, ...] = tuple(STUDENTS)
    """Which students learn: cloning, DAgger, PPO."""
    games: int = 4
    """Whole games of the best student in the emulator."""
    twin_games: int = 20
    """Whole games of each student in the twin."""
    seed: int = 0
    """Decides the trainings."""
    device: str = "auto"
    """Where the students learn: cpu, cuda, mps or auto."""
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.5_pixels)."""


options = read_options(Options, __doc__)
check_choices("--students", options.students, STUDENTS)
folder = run_folder("7_twin/7.5_pixels", options.run_dir)
teacher = load_agent("champion-policy")
pixels = with_values(
    load_config(CONFIGS / "7.5_pixels.yaml"),
    {"seed": options.seed, "steps": options.steps, "network.cnn": options.cnn, "run.device": options.device},
)

# %% The classroom: games that show pictures, for the student, and numbers, for the teacher. Each core plays some.
GAMES, STEPS, BATCH = 128, 64, 512  # games side by side; steps of each before the student learns; minibatch
CORES = processes_at_once(8)
blocks = teacher.config.observation.blocks
names = [entry.name for entry in entries_of(blocks)]
classroom = with_values(
    pixels,
    {
        "env.n_envs": GAMES // CORES,
        "env.episodic_life": False,
        "observation": {**pixels.observation.model_dump(), "kind": "both", "blocks": blocks},
    },
)


def stack(parts: list[np.ndarray], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts)).to(device)


def imitate(student: PPO, teacher_plays: bool) -> list[float]:
    """Let `student` learn to do what the teacher would do. Returns how probable it finds that, in each round."""
    policy, device = student.policy, student.device
    teller = torch.nn.Linear(policy.features_dim, len(names)).to(device)
    optimizer = torch.optim.AdamW([*policy.parameters(), *teller.parameters()], lr=6e-4, weight_decay=1e-4)
    size = CORES * (GAMES // CORES) * STEPS
    room, rounds = 4 * size, max(1, options.steps // size)
    seen = torch.zeros((room, *policy.observation_space.shape), dtype=torch.uint8, device=device)
    wanted, truth = torch.zeros((room, 4), device=device), torch.zeros((room, len(names)), device=device)
    games = [make_vec_env(classroom, seed=seed) for seed in spawn_seeds(options.seed, CORES)]
    observations, agreement = [game.reset() for game in games], []
    with ThreadPoolExecutor(CORES) as pool:
        for number in tqdm(range(rounds), unit="round"):
            # 1. Play, and ask the teacher in every step.
            policy.set_training_mode(False)
            agreed = 0.0
            for step in range(STEPS):
                pictures = stack([one["image"] for one in observations], device).permute(0, 3, 1, 2).contiguous()
                numbers = stack([one["coordinates"][:, -len(names) :] for one in observations], device)
                with torch.no_grad():
                    asked = teacher.player.get_distribution(numbers).distribution.probs
                    own = policy.get_distribution(pictures).distribution.probs
                rows = slice(at := (number * STEPS + step) * len(own) % room, at + len(own))
                seen[rows], wanted[rows], truth[rows] = pictures, asked, numbers
                agreed += (asked * own).sum(dim=1).mean().item() / STEPS
                # Who plays decides which situations are learned from.
                helped = torch.rand(len(own), 1, device=device) < (1.0 if teacher_plays else 0.5 ** (number + 1))
                actions = torch.multinomial(torch.where(helped, asked, own), 1)[:, 0].cpu().numpy()
                played = pool.map(lambda game, some: game.step(some)[0], games, np.split(actions, CORES))
                observations = list(played)
            agreement.append(agreed)
            # 2. Learn from the last four rounds: what the teacher would have done, and also what it knows. Nobody needs
            # the student to tell where the ball comes down, but a network that can tell it sees what matters.
            policy.set_training_mode(True)
            optimizer.param_groups[0]["lr"] = 6e-4 * (1 - number / rounds) + 2e-6
            for _ in range(int(options.passes * size / BATCH)):
                chosen = torch.randint(min((number + 1) * size, room), (BATCH,), device=device)
                features = policy.extract_features(seen[chosen])
                logits = policy.action_net(policy.mlp_extractor.forward_actor(features))
                loss = torch.nn.functional.cross_entropy(logits, wanted[chosen])
                loss = loss + torch.nn.functional.mse_loss(teller(features), truth[chosen])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
                optimizer.step()
    return agreement


# %%
results: dict[str, Evaluation] = {}
agents: dict[str, Agent] = {}
for name in options.students:
    print(f"{name}: {STUDENTS[name]}", flush=True)
    student = build_algorithm(pixels, make_vec_env(pixels))
    if name == "PPO":
        student.learn(options.steps)
    else:
        agreement = imitate(student, teacher_plays=name == "cloning")
        first, last = agreement[0], agreement[-1]
        print(f"  in its games it finds what the teacher would do {last:.0%} probable, at first {first:.0%}")
    save_model(student, folder / name, pixels, steps=options.steps)
    agents[name] = load_agent(folder / name)
    results[name] = evaluate(agents[name], env="twin", games=options.twin_games, seed=options.seed)
    print(f"  {results[name]}", flush=True)

# %% The real game.
best = max(results, key=lambda name: results[name].mean)
score = evaluate(agents[best], games=options.games, seed=options.seed)
print(f"{best}, the real game: {score}")

# %% What does it look at? Cover a small square of what it sees, and look how much its action changes (occlusion).
SQUARE, EVERY = 6, 3
env = make_vec_env(with_values(pixels, {"env.n_envs": 1}), seed=options.seed)
pictures, policy = env.reset(), agents[best].player
for _ in range(120):
    pictures = env.step(policy.predict(pictures, deterministic=True)[0])[0]
seen = torch.from_numpy(pictures).permute(0, 3, 1, 2)
corners = [(row, column) for row in range(0, seen.shape[2], EVERY) for column in range(0, seen.shape[3], EVERY)]
covered = seen.repeat(len(corners), 1, 1, 1)
for picture, (row, column) in zip(covered, corners, strict=True):
    picture[:, row : row + SQUARE, column : column + SQUARE] = 0
with torch.no_grad():
    before, after = (policy.get_distribution(some).distribution.probs for some in (seen, covered))
change = np.zeros(seen.shape[2:])
for (row, column), much in zip(corners, ((after - before).abs().sum(dim=1) / 2).tolist(), strict=True):
    change[row : row + SQUARE, column : column + SQUARE] = np.maximum(
        change[row : row + SQUARE, column : column + SQUARE], much
    )
figure, axes = plt.subplots(1, 2, figsize=(7, 4.4), layout="constrained")
axes[0].imshow(pictures[0].max(axis=2), cmap="gray")
axes[0].set_title("four pictures, one over the other", fontsize="medium")
drawn = axes[1].imshow(change, cmap="magma", vmin=0)
axes[1].set_title("how much its action depends on each part", fontsize="medium")
figure.colorbar(drawn, ax=axes[1], shrink=0.7)
for one in axes:
    one.axis("off")
figure.savefig(folder / "saliency.png", dpi=110)

# %%
gif = write_video(record(agents[best], seconds=20, speed=2, seed=options.seed), folder / "pixels.gif")
finish(
    folder,
    files=[gif, folder / "saliency.png"],
    **score.facts(),
    results={name: result.facts() for name, result in results.items()} | {f"{best}, the real game": score.facts()},
    look_at="the gif, and saliency.png: does it look at the ball and the paddle?",
)
