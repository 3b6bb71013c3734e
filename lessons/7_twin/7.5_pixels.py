"""Lesson 7.5: an agent that sees only pixels, taught by one that sees everything.

You learn: imitation learning from a privileged teacher; distribution shift, the reason why a student has to be
corrected in its own games (DAgger); and why that takes so much less than learning from reward alone.
Expect: three agents with the same convolutional network, which see four small pictures and nothing else. One imitates
the games of its teacher, one is corrected in its own, and one learns from reward, with PPO. They play in the twin, and
the best of them in the emulator, beside pixel-champion, which was corrected for two hours and then learned from reward.
Time: 7 to 9 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from stable_baselines3 import PPO
from torch.nn.functional import cross_entropy, mse_loss
from tqdm.auto import tqdm

from rlbreakout.agents import Agent, build_algorithm, load_agent, save_model
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
SHIPPED = "pixel-champion"  # comes with rlbreakout: a DAgger student after a longer training, and PPO


@dataclass
class Options:
    steps: int = 131_072
    """Agent steps that each student learns from."""
    passes: float = 1.5
    """How often a step is learned from, on average, by those that imitate."""
    students: tuple[str, ...] = tuple(STUDENTS)
    """Which students learn: cloning, DAgger, PPO."""
    games: int = 4
    """Whole games of the best student, and of pixel-champion, in the emulator."""
    twin_games: int = 20
    """Whole games of each student in the twin."""
    seed: int = 0
    """Decides the trainings."""
    device: str = "auto"
    """Where the students learn: cpu, cuda, mps or auto."""
    bfloat16: bool = False
    """Imitate with 16 bits: twice as fast on GPUs, and on processors that have instructions for it."""
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.5_pixels)."""


options = read_options(Options, __doc__)
check_choices("--students", options.students, STUDENTS)
folder = run_folder("7_twin/7.5_pixels", options.run_dir)
teacher = load_agent("champion-policy")
config = with_values(
    load_config(CONFIGS / "7.5_pixel-champion.yaml"),
    {"seed": options.seed, "steps": options.steps, "run.device": options.device, "run.threads": None},
)

# %% The classroom: games that show pictures, for the student, and numbers, for the teacher.
STEPS, BATCH, KEPT = 32, 128, 8  # steps of each game in a round; minibatch; rounds that are learned from
SHARPER = 3  # a student that is not sure would often draw a wrong action: it plays with its probabilities to this power
blocks = teacher.config.observation.blocks
names = [entry.name for entry in entries_of(blocks)]
seen_by_both = {**config.observation.model_dump(), "kind": "both", "blocks": blocks}
classroom = with_values(config, {"observation": seen_by_both})


def imitate(student: PPO, teacher_plays: bool, folder: Path) -> list[float]:
    """Let `student` learn to do what the teacher would do. Returns how probable it finds that, in each round."""
    policy: Any = student.policy
    teachers_policy: Any = teacher.player
    device, games = student.device, make_vec_env(classroom, seed=options.seed)
    teller = torch.nn.Linear(policy.features_dim, len(names)).to(device)
    optimizer = torch.optim.AdamW([*policy.parameters(), *teller.parameters()], lr=1e-3, weight_decay=1e-4)
    n, size = games.num_envs, games.num_envs * STEPS
    rounds, room = max(1, options.steps // size), KEPT * size
    pictures = torch.zeros((room, *policy.observation_space.shape), dtype=torch.uint8, device=device)
    wanted, truth, worth = (torch.zeros((room, width), device=device) for width in (4, len(names), 1))
    observation: Any = games.reset()
    agreement = []
    for number in tqdm(range(rounds), unit="round"):
        # 1. Play, and ask the teacher in every step.
        policy.set_training_mode(False)
        agreed = 0.0
        for step in range(STEPS):
            picture = torch.from_numpy(observation["image"]).to(device).permute(0, 3, 1, 2)
            numbers = torch.from_numpy(observation["coordinates"][:, -len(names) :])  # its teacher is on the CPU
            with torch.no_grad():
                asked = teachers_policy.get_distribution(numbers).distribution.probs.to(device)
                own = policy.get_distribution(picture).distribution.probs
                played = torch.softmax(SHARPER * own.log(), dim=1)
                value = teachers_policy.predict_values(numbers).to(device)
            rows = slice(at := (number * STEPS + step) * n % room, at + n)
            pictures[rows], wanted[rows], truth[rows], worth[rows] = picture, asked, numbers, value
            agreed += (asked * own).sum(dim=1).mean().item() / STEPS
            # Who plays decides which situations are learned from.
            helped = torch.rand(n, 1, device=device) < (1.0 if teacher_plays else 0.5 ** (number + 1))
            actions = torch.multinomial(torch.where(helped, asked, played), 1)[:, 0]
            observation = games.step(actions.cpu().numpy())[0]
        agreement.append(agreed)
        # 2. Learn from the last rounds: what the teacher would have done, what it expected, and also what it knows.
        # The actions do not use what the student predicts, but a network that can predict it sees what matters.
        policy.set_training_mode(True)
        left = 1 - number / rounds
        optimizer.param_groups[0]["lr"] = 1e-3 * left
        for _ in range(int(options.passes * size / BATCH)):
            chosen = torch.randint(min((number + 1) * size, room), (BATCH,), device=device)
            with torch.autocast(device.type, torch.bfloat16, enabled=options.bfloat16):
                features = policy.extract_features(pictures[chosen])
                logits = policy.action_net(policy.mlp_extractor.forward_actor(features))
                expected = policy.value_net(policy.mlp_extractor.forward_critic(features.detach()))
                told = teller(features)
            loss = cross_entropy(logits.float(), wanted[chosen])
            loss = loss + 5 * left * mse_loss(told.float(), truth[chosen])
            loss = loss + 0.05 * mse_loss(expected.float(), worth[chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step()
        if number % 100 == 99:
            save_model(student, folder, config, steps=(number + 1) * size)
    with torch.no_grad():
        policy.action_net.weight *= SHARPER
        policy.action_net.bias *= SHARPER
    save_model(student, folder, config, steps=rounds * size)
    return agreement


# %%
results: dict[str, Evaluation] = {}
agents: dict[str, Agent] = {}
for name in options.students:
    print(f"{name}: {STUDENTS[name]}", flush=True)
    student = build_algorithm(config, make_vec_env(config))
    if name == "PPO":
        student.learn(options.steps)
        save_model(student, folder / name, config, steps=options.steps)
    else:
        agreement = imitate(student, name == "cloning", folder / name)
        first, last = agreement[0], agreement[-1]
        whose = "its own" if name == "DAgger" else "its teacher's"
        print(f"  it gives the teacher's action a probability of {last:.0%} (at first {first:.0%}), in {whose} games")
    agents[name] = load_agent(folder / name)
    results[name] = evaluate(agents[name], env="twin", games=options.twin_games, seed=options.seed)
    print(f"  {results[name]}", flush=True)

# %% The real game.
best = max(results, key=lambda name: results[name].mean)
agents[SHIPPED] = load_agent(SHIPPED)
scores = {name: evaluate(agents[name], games=options.games, seed=options.seed) for name in (best, SHIPPED)}
for name, score in scores.items():
    print(f"{name}, the real game: {score}")

# %% What does it look at? Cover a small square of what it sees, and look how much its action changes (occlusion).
SQUARE, EVERY = 6, 3
env = make_vec_env(with_values(config, {"env.n_envs": 1}), seed=options.seed)
policy: Any = agents[SHIPPED].player
pictures: Any = env.reset()
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
gif = write_video(
    record(agents[SHIPPED], seconds=14, from_points=100, speed=16, seed=options.seed), folder / "pixels.gif"
)
finish(
    folder,
    files=[gif, folder / "saliency.png"],
    **scores[SHIPPED].facts(),
    results={name: result.facts() for name, result in results.items()}
    | {f"{name}, the real game": score.facts() for name, score in scores.items()},
    look_at="the gif, and saliency.png: does it look at the ball and the paddle?",
)
