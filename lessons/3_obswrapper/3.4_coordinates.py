"""Lesson 3.4: pictures, numbers, or both?

You learn: how to give an agent numbers: as a vector, as pixels of a picture, or beside a picture in a Dict; which
policy takes which; what it is worth to look ahead.
Expect: agents whose numbers look ahead score hundreds of points after a minute, more than ten times as much as those of
lesson 3.3. Those whose numbers only say what is there score tens.
Time: 3 minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, by_the_clock, draw_bands, find_scalar, read_scalar
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation.blocks import entries_of
from rlbreakout.training import train_several

# %% What each agent sees: a config, and what is different from it. The policy follows from that: an MlpPolicy for a
# vector, a CnnPolicy for a picture, a MultiInputPolicy for both.
VARIANTS: dict[str, tuple[str, dict]] = {
    "blocks": ("3.4_coordinates.yaml", {}),
    "now": ("3.4_coordinates.yaml", {"observation.blocks": ["now"]}),
    "image": ("3.3_aimbot.yaml", {"ppo.batch_size": 64}),
    "counters": ("3.3_aimbot.yaml", {"ppo.batch_size": 64, "observation.counters": True}),
    "both": ("3.3_aimbot.yaml", {"ppo.batch_size": 64, "observation.kind": "both"}),
}


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each agent, counted from the first: their curves become a band."""
    variants: tuple[str, ...] = ("blocks", "now")
    """Which of them: blocks, now, image, counters, both. The last three see pictures, and train much more slowly."""
    games: int = 20
    """Whole games in the emulator that each trained agent plays to get its score."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/3_obswrapper/3.4_coordinates); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("3_obswrapper/3.4_coordinates", options.run_dir, resume=True)


def config(variant: str, seed: int) -> Config:
    """The config of one agent."""
    file, changes = VARIANTS[variant]
    settings = {"run.name": f"{variant}_{seed}", "seed": seed, "steps": options.steps, "evaluation.every": 0, **changes}
    return with_values(load_config(CONFIGS / file), settings)


# %% The vector, entry by entry, a few agent steps into a game. In training it is made from the state of the game. In
# the emulator an agent gets the same numbers, from the screens and its own actions alone.
settings = config("blocks", options.seed)
env = make_vec_env(settings, n_envs=1)
env.reset()
for _ in range(10):
    vector = np.asarray(env.step(np.zeros(1, dtype=int))[0])[0]
env.close()
entries = entries_of(settings.observation.blocks)
bricks = [number for number, entry in enumerate(entries) if entry.name.startswith("brick_")]
for number, entry in enumerate(entries):
    if number not in bricks:
        print(f"{entry.name:28}{vector[number]:7.3f}   1 means: {entry.unit}")
print(f"... and {len(bricks)} bricks, {int(vector[bricks].sum())} of them there\n")

# %% Train them, one a core at a time. Finished ones are skipped.
seeds = range(options.seed, options.seed + options.seeds)
configs = {folder / f"{variant}_{seed}": config(variant, seed) for seed in seeds for variant in options.variants}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% Each plays whole games in the emulator, sampled.
results: dict[str, list[Evaluation]] = {}
by_steps: dict[str, list[Curve]] = {}
by_minutes: dict[str, list[Curve]] = {}
minutes: dict[str, list[float]] = {}
for variant in options.variants:
    for seed in seeds:
        run = folder / f"{variant}_{seed}"
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games))
        print(f"{run.name:10} {results[variant][-1]}", flush=True)
        speed = read_scalar(run, "time/fps")
        minutes.setdefault(variant, []).append(float(speed.x[-1] / speed.y[-1] / 60))
        if (score := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # there is none before the first game ends
            by_steps.setdefault(variant, []).append(score)
            by_minutes.setdefault(variant, []).append(by_the_clock(score, run))

# %% Against agent steps, and by the clock.
pictures = [
    draw_bands(by_steps, folder / "score_by_steps.png", title="Lesson 3.4: training games, by agent steps"),
    draw_bands(by_minutes, folder / "score_by_minutes.png", title="Lesson 3.4: by the clock", x_label="minutes"),
]
means = {variant: [result.mean for result in of_seeds] for variant, of_seeds in results.items()}
print(f"\n{'what it sees':14}minutes  {'each seed':24}interquartile mean [95% interval]")
for variant, scores in means.items():
    listed = "  ".join(f"{score:.1f}" for score in scores)
    print(f"{variant:14}{max(minutes[variant]):7.1f}  {listed:24}{across_seeds(scores)}")

# %%
best = max(means, key=lambda variant: interquartile_mean(means[variant])[0])
finish(
    folder,
    files=[*pictures, folder / f"{best}_{options.seed}" / "agent.gif"],
    **results[best][0].facts(),
    best=best,
    results={variant: [result.facts() for result in of_seeds] for variant, of_seeds in results.items()},
    minutes=minutes,
    look_at="both pictures and the gif; then change what the agent sees, in configs/3.4_coordinates.yaml",
)
