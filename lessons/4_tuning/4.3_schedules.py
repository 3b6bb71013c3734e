"""Lesson 4.3: schedules, and why a short run may be no preview of a long one.

You learn: constant, linear and exponential schedules of the learning rate; what a study of short trials cannot know.
Expect: with a constant or an exponential schedule the short run is the beginning of the long one, game for game. With a
linear one it is a different run. And the settings that lesson 4.0's studies found, beside those of lesson 3.4.
Time: 4 minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.evaluate import summarize
from rlbreakout.evaluation.plots import Curve, draw_bands, read_scalar
from rlbreakout.evaluation.seeds import across_seeds
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.schedules import parse_schedule
from rlbreakout.training import train_several


@dataclass
class Options:
    steps: int = 150_000
    """Agent steps of the long runs."""
    short_steps: int = 50_000
    """Agent steps of the short runs."""
    seed: int = 0
    """The first seed."""
    seeds: int = 5
    """Runs of each kind, one a seed."""
    games: int = 20
    """Whole games in the emulator for each kind of run, shared out among its seeds."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.3_schedules); what is already in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.3_schedules", options.run_dir, resume=True)
seeds = range(options.seed, options.seed + options.seeds)

# %% Three schedules that begin with the same learning rate. The exponential one halves it every 50,000 agent steps.
SCHEDULES: dict[str, float | str] = {"constant": 1e-3, "linear": "lin_1e-3", "exponential": "exp_1e-3_50000"}

figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for (name, notation), colour in zip(SCHEDULES.items(), ("C0", "C1", "C2"), strict=True):
    for steps, style in ((options.steps, "-"), (options.short_steps, "--")):
        schedule = parse_schedule(notation, steps)
        done = np.linspace(0, steps, 100)
        label = f"{name}, {steps:,} agent steps"
        axes.plot(done, [schedule(1 - step / steps) for step in done], style, color=colour, label=label)
axes.set(title="Lesson 4.3: learning rate", xlabel="agent steps")
axes.legend(fontsize="small")
schedules_picture = folder / "schedules.png"
figure.savefig(schedules_picture, dpi=110)
plt.close(figure)

# %% Train each for both lengths, with the other settings of lesson 3.4. And once with the settings that lesson 4.0
# found.
TUNED = "tuned"
NAMES = (*SCHEDULES, TUNED)
KINDS = [(name, steps) for name in SCHEDULES for steps in (options.short_steps, options.steps)]
KINDS.append((TUNED, options.steps))


def run_of(name: str, steps: int, seed: int) -> Path:
    return folder / f"{name}_{steps}_{seed}"


def config(name: str, steps: int, seed: int) -> Config:
    settings = {"run.lesson": "4_tuning", "run.name": run_of(name, steps, seed).name, "seed": seed, "steps": steps}
    settings |= {"run.checkpoint_every": steps, "evaluation.every": max(1, options.short_steps // 5)}
    if name in SCHEDULES:
        settings["ppo.learning_rate"] = SCHEDULES[name]
    return with_values(load_config(CONFIGS / ("4.3_best.yaml" if name == TUNED else "3.4_coordinates.yaml")), settings)


configs = {run_of(*kind, seed): config(*kind, seed) for seed in seeds for kind in KINDS}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% What they scored on the way, in the twin, and at the end, in the emulator.
curves: dict[tuple[str, int], list[Curve]] = {}
results: dict[tuple[str, int], list[Evaluation]] = {}
for kind in KINDS:
    for seed in seeds:
        run = run_of(*kind, seed)
        results.setdefault(kind, []).append(evaluate_once(run, games=max(1, options.games // options.seeds)))
        curves.setdefault(kind, []).append(read_scalar(run, "eval_twin/mean"))
picture = draw_bands(
    {f"{name}, {steps:,} agent steps": found for (name, steps), found in curves.items()},
    folder / "curves.png",
    title="Lesson 4.3: evaluations during the training (band: seeds)",
    y_label="score (points a game in the twin)",
)

# %% How far is each short run from the long one with the same seed, at the same agent step?
apart: dict[str, float] = {}
for name in SCHEDULES:
    pairs = zip(curves.get((name, options.short_steps), []), curves.get((name, options.steps), []), strict=False)
    for short, long in pairs:
        # But for the last evaluation of the short one, which comes after its last update.
        _, in_short, in_long = np.intersect1d(short.x[:-1], long.x, return_indices=True)
        difference = np.abs(short.y[in_short] - long.y[in_long]).max(initial=0)
        apart[name] = max(apart.get(name, 0.0), float(difference))
print()
for name, most in apart.items():
    print(f"{name}: a short run is at most {most:.1f} points away from the long one with its seed")

print(f"\n{'schedule':13}{options.short_steps:>12,} agent steps{options.steps:>22,} agent steps")
for name in NAMES:
    cells = [results.get((name, steps), []) for steps in (options.short_steps, options.steps)]
    print(f"{name:13}" + "".join(f"{across_seeds([r.mean for r in cell]) if cell else '':>28}" for cell in cells))

# %%
best_name = max(NAMES, key=lambda name: sum(result.mean for result in results[name, options.steps]))
shown = results[best_name, options.steps]
best = max(range(options.seeds), key=lambda place: shown[place].mean)
all_games = summarize(
    [score for result in shown for score in result.scores],
    env_id=shown[0].env_id,
    seed=0,
    greedy=False,
    stalled=sum(result.stalled for result in shown),
    speed=0.0,
)
finish(
    folder,
    files=[schedules_picture, picture, run_of(best_name, options.steps, seeds[best]) / "agent.gif"],
    **all_games.facts(),
    results={f"{name}, {steps}": [result.facts() for result in found] for (name, steps), found in results.items()},
    short_and_long_apart=apart,
    best=best_name,
    look_at="curves.png: which of the short runs are the beginning of a long one?",
)
