"""Lesson 3.3: from which picture does an agent learn fastest?

You learn: how to compare observations fairly: the same algorithm, steps and seeds, one change at a time, and bands over
seeds instead of one lucky run.
Expect: a run folder for each agent, all of their curves in one TensorBoard and one picture, and a table of scores.
Time: 6 minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_bands, find_scalar
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_several

# %% One change at a time, from the grey screen to the aimbot with counters. All at half resolution, the newest picture
# and the two before it in a stack.
VARIANTS: dict[str, dict] = {
    "grey": {"mode": "grey_1dim", "trim": "keep", "aimbot": False},
    "trim": {"mode": "mono_1dim", "trim": "trim", "aimbot": False},
    "aimbot": {"mode": "mono_1dim", "trim": "trim", "aimbot": True},
    "counters": {"mode": "mono_1dim", "trim": "trim", "aimbot": True, "counters": True},
}


@dataclass
class Options:
    steps: int = 150_000
    """Agent steps to train each agent for."""
    batch_size: int = 64
    """Steps in a minibatch. Small ones make more updates of few steps; the comparison of five seeds has 256."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each agent, counted from the first: their curves become a band."""
    variants: tuple[str, ...] = ("trim", "aimbot", "counters")
    """Which of the pictures: grey, trim, aimbot, counters."""
    games: int = 20
    """Whole games in the emulator that each trained agent plays to get its score."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/3_obswrapper/3.3_aimbot_training); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("3_obswrapper/3.3_aimbot_training", options.run_dir, resume=True)


# %% The agents differ only in the picture.
def config(variant: str, seed: int) -> Config:
    """The config of one agent."""
    settings = {"run.name": f"{variant}_{seed}", "seed": seed, "steps": options.steps, "evaluation.every": 0}
    settings["ppo.batch_size"] = options.batch_size
    seen = {f"observation.{key}": value for key, value in VARIANTS[variant].items()}
    return with_values(load_config(CONFIGS / "3.3_aimbot.yaml"), {**settings, **seen})


# %% Train them, one a core at a time. Finished ones are skipped.
seeds = range(options.seed, options.seed + options.seeds)
runs = {variant: [folder / f"{variant}_{seed}" for seed in seeds] for variant in options.variants}
configs = {folder / f"{variant}_{seed}": config(variant, seed) for seed in seeds for variant in options.variants}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% Each plays whole games in the emulator, sampled.
results: dict[str, list[Evaluation]] = {}
curves: dict[str, list[Curve]] = {}
for variant in options.variants:
    for run in runs[variant]:
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games, seed=1000))
        print(f"{run.name:12} {results[variant][-1]}", flush=True)
        if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # there is none before the first game ends
            curves.setdefault(variant, []).append(curve)

# %% How good is a picture? The games of one agent cannot tell; only other seeds can. So compare the interquartile mean
# of the agents' scores, and its interval. In the picture, a band reaches from the worst seed to the best.
means = {variant: [result.mean for result in of_seeds] for variant, of_seeds in results.items()}
best = max(means, key=lambda variant: interquartile_mean(means[variant])[0])
picture = draw_bands(curves, folder / "curves.png", title="Lesson 3.3: what the agent sees")
print(f"\n{'what it sees':14}{'each seed':24}interquartile mean [95% interval]")
for variant, scores in means.items():
    print(f"{variant:14}{'  '.join(f'{score:.1f}' for score in scores):24}{across_seeds(scores)}")

# %%
finish(
    folder,
    files=[picture, folder / f"{best}_{options.seed}" / "agent.gif"],
    **results[best][0].facts(),
    best=best,
    results={variant: [result.facts() for result in of_seeds] for variant, of_seeds in results.items()},
    look_at="curves.png, then python lessons/3_obswrapper/3.4_coordinates.py",
)
