"""Lesson 3.4: pictures, numbers, or both?

You learn: how to give an agent what is spatial and what is not: a picture, a picture with numbers written into it, a
vector, a Dict of both; which policy takes which.
Expect: an agent that gets the vector wins by far, and the vector alone is the cheapest: a small network, and every
number means something.
Time: a minute or two for the blocks of coordinates, which train in the twin (lesson 7), an exact model of the game; 13
minutes for the coordinates in the emulator and about 25 for each of the others, on two cores. Stop it when you like:
run it again, and it goes on where it was.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlbreakout.config import Config, load_config, parse_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, by_the_clock, draw_bands, find_scalar, read_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation.blocks import Blocks
from rlbreakout.training.train import train_or_go_on

# %% What each agent sees, and the policy that takes it: convolutions for a picture, layers for a vector, both for both.
VARIANTS: dict[str, tuple[str, dict]] = {
    "blocks": ("3.4_coordinates.yaml", {}),
    "coordinates": ("3.4_emulator.yaml", {}),
    "image": ("3.3_aimbot.yaml", {}),
    "counters": ("3.3_aimbot.yaml", {"observation": {"counters": True}}),
    "both": ("3.3_aimbot.yaml", {"observation": {"kind": "both"}, "policy": "MultiInputPolicy"}),
}


@dataclass
class Options:
    steps: int | None = None
    """Agent steps to train each agent for (default: as its config says)."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Seeds for each agent, counted from the first: their curves become a band."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them: blocks, coordinates, image, counters, both."""
    games: int = 100
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/3_obswrapper/3.4_coordinates); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("3_obswrapper/3.4_coordinates", options.run_dir, go_on=True)


def config(variant: str, seed: int) -> Config:
    """The config of one agent."""
    file, changes = VARIANTS[variant]
    data = load_config(CONFIGS / file).model_dump()
    for key, value in changes.items():
        data[key] = data[key] | value if isinstance(value, dict) else value
    if options.steps is not None:
        data["steps"] = options.steps
    return parse_config(data | {"name": f"{variant}_{seed}", "seed": seed})


# %% The vector, entry by entry, a few seconds into a game. Nothing in it is hidden: on the emulator the same numbers
# come from the screens and the actions alone.
settings = config("blocks", options.seed)
env = make_vec_env(settings, n_envs=1)
vector = np.asarray(env.reset())[0]
for _ in range(10):
    vector = np.asarray(env.step(np.zeros(1, dtype=int))[0])[0]
env.close()
entries = Blocks(settings.observation.blocks or (), n=1).entries
bricks = [number for number, entry in enumerate(entries) if entry.name.startswith("brick_")]
for number, entry in enumerate(entries):
    if number not in bricks:
        print(f"{entry.name:28}{vector[number]:7.3f}   1 is: {entry.unit}")
print(f"... and {len(bricks)} bricks, {int(vector[bricks].sum())} of them there\n")

# %% Train them one after the other, and let each play whole games, sampled. A finished one is not done again.
results: dict[str, list[Evaluation]] = {}
by_steps: dict[str, list[Curve]] = {}
by_minutes: dict[str, list[Curve]] = {}
minutes: dict[str, list[float]] = {}
for variant in options.variants:
    for seed in range(options.seed, options.seed + options.seeds):
        run = folder / f"{variant}_{seed}"
        print(f"{variant}, seed {seed}", flush=True)
        train_or_go_on(config(variant, seed), run)
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games))
        speed = read_scalar(run, "time/fps")
        minutes.setdefault(variant, []).append(float(speed.x[-1] / speed.y[-1] / 60))
        if (score := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # none, as long as no game has ended
            by_steps.setdefault(variant, []).append(score)
            by_minutes.setdefault(variant, []).append(by_the_clock(score, run))

# %% Against agent steps, and by the clock.
pictures = [
    draw_bands(by_steps, folder / "score_by_steps.png", title="Lesson 3.4: training games, by agent steps"),
    draw_bands(by_minutes, folder / "score_by_minutes.png", title="Lesson 3.4: by the clock", x_label="minutes"),
]
print(f"\n{'what it sees':14} minutes   mean score of whole games, a seed each [95% interval]")
for variant, seeds in results.items():
    scores = "  ".join(f"{r.mean:.1f} [{r.ci95[0]:.1f}, {r.ci95[1]:.1f}]" for r in seeds)
    print(f"{variant:14}{max(minutes[variant]):8.1f}   {scores}")

# %%
best = max(results, key=lambda variant: sum(result.mean for result in results[variant]))
finish(
    folder,
    files=[*pictures, folder / f"{best}_{options.seed}" / "agent.gif"],
    **results[best][0].facts(),
    best=best,
    results={name: [r.facts() for r in seeds] for name, seeds in results.items()},
    minutes=minutes,
    look_at="both pictures and the gif; then change what the agent sees, in configs/3.4_coordinates.yaml",
)
