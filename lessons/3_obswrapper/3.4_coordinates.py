"""Lesson 3.4: pictures, numbers, or both?

You learn: how to give an agent numbers: as a vector, as pixels of a picture, or beside a picture in a Dict; which
policy takes which; what it is worth to look ahead.
Expect: agents that get the vector win by far, and they are the cheapest to train: their network is small, and every
number means something.
Time: one to four minutes on one core for each agent that sees a vector only. The others train for 1,000,000 agent steps
on pictures, which takes much longer. You can stop it at any time: run it again, and it continues.
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
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation.blocks import entries_of
from rlbreakout.training import train_or_continue

# %% What each agent sees: a config, and what is different from it. The policy follows from that: an MlpPolicy for a
# vector, a CnnPolicy for a picture, a MultiInputPolicy for both.
VARIANTS: dict[str, tuple[str, dict]] = {
    "blocks": ("3.4_coordinates.yaml", {}),
    "now": ("3.4_coordinates.yaml", {"observation.blocks": ["now"]}),
    "image": ("3.3_aimbot.yaml", {}),
    "counters": ("3.3_aimbot.yaml", {"observation.counters": True}),
    "both": ("3.3_aimbot.yaml", {"observation.kind": "both"}),
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
    """Which of them: blocks, now, image, counters, both."""
    games: int = 100
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/3_obswrapper/3.4_coordinates); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("3_obswrapper/3.4_coordinates", options.run_dir, resume=True)


def config(variant: str, seed: int) -> Config:
    """The config of one agent."""
    file, changes = VARIANTS[variant]
    settings = {"run.name": f"{variant}_{seed}", "seed": seed, **changes}
    if options.steps is not None:
        settings["steps"] = options.steps
    loaded = load_config(CONFIGS / file)
    settings["evaluation.games"] = min(loaded.evaluation.games, options.games)
    return with_values(loaded, settings)


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

# %% Train them one after the other, and let each play whole games, sampled. Finished ones are skipped.
results: dict[str, list[Evaluation]] = {}
by_steps: dict[str, list[Curve]] = {}
by_minutes: dict[str, list[Curve]] = {}
minutes: dict[str, list[float]] = {}
for variant in options.variants:
    for seed in range(options.seed, options.seed + options.seeds):
        run = folder / f"{variant}_{seed}"
        print(f"{variant}, seed {seed}", flush=True)
        train_or_continue(config(variant, seed), run)
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games))
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
print(f"\n{'what it sees':14} minutes   mean score of whole games, one figure a seed [95% interval]")
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
