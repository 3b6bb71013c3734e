"""Lesson 4.3: schedules, and why a short run may be no preview of a long one.

You learn: constant, linear and exponential schedules of the learning rate; what a study of short trials cannot know.
Expect: with a constant or an exponential schedule the short run is the beginning of the long one, step for step. With a
linear one it is a different run. And the settings that lesson 4.0's study 2 found, trained for just as long.
Time: one to four minutes on one core for each of the four long runs, less for the three short ones, and then 100 games
each. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, find_scalar
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.schedules import parse_schedule
from rlbreakout.training import train_or_continue


@dataclass
class Options:
    steps: int = 1_500_000
    """Agent steps of the long runs."""
    short_steps: int = 300_000
    """Agent steps of the short runs."""
    seed: int = 0
    """Decides every training."""
    games: int = 100
    """Whole games that each trained agent plays to get its score."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.3_schedules); what is already in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.3_schedules", options.run_dir, resume=True)

# %% Three schedules that begin with the same learning rate. The exponential one halves it every 500,000 agent steps.
SCHEDULES: dict[str, float | str] = {"constant": 1e-3, "linear": "lin_1e-3", "exponential": "exp_1e-3_500000"}

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


def config(name: str, steps: int) -> Config:
    settings = {"run.lesson": "4_tuning", "run.name": f"{name}_{steps}", "seed": options.seed, "steps": steps}
    settings["evaluation.every"] = 0
    if name in SCHEDULES:
        settings["ppo.learning_rate"] = SCHEDULES[name]
    return with_values(load_config(CONFIGS / ("4.3_best.yaml" if name == TUNED else "3.4_coordinates.yaml")), settings)


lengths = {name: (options.steps,) if name == TUNED else (options.short_steps, options.steps) for name in NAMES}
configs = {(name, steps): config(name, steps) for name in NAMES for steps in lengths[name]}

curves: dict[tuple[str, int], Curve] = {}
results: dict[tuple[str, int], Evaluation] = {}
for (name, steps), of_run in configs.items():
    print(f"{name}, {steps:,} agent steps", flush=True)
    run = train_or_continue(of_run, folder / of_run.run.name)
    results[name, steps] = evaluate_once(run, games=options.games)
    if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # there is none before the first game ends
        curves[name, steps] = curve

# %% Left: all of them. Right: the difference between each short run and the long one at the same agent step.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
apart: dict[str, float] = {}
for (name, steps), curve in curves.items():
    colour = f"C{NAMES.index(name)}"
    short = steps == options.short_steps
    left.plot(curve.x, curve.y, "--" if short else "-", color=colour, label=f"{name}, {steps:,} agent steps")
    if short and (name, options.steps) in curves:
        long = curves[name, options.steps]
        of_both, in_short, in_long = np.intersect1d(curve.x, long.x, return_indices=True)
        difference = np.asarray(curve.y)[in_short] - np.asarray(long.y)[in_long]
        apart[name] = float(np.abs(difference).max(initial=0))
        right.plot(of_both, difference, "--" if name == "exponential" else "-", color=colour, label=name)
left.set(title="Lesson 4.3: training games", xlabel="agent steps", ylabel="score (points a game)")
left.set_ylim(bottom=0)
right.set(title="short run minus long run", xlabel="agent steps", ylabel="points a game")
for axes, lines in ((left, curves), (right, apart)):
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize="small")
picture = folder / "curves.png"
figure.savefig(picture, dpi=110)
plt.close(figure)

print(f"\n{'schedule':13}{options.short_steps:>12,} agent steps{options.steps:>22,} agent steps")
for name in NAMES:
    cells = [results.get((name, steps)) for steps in (options.short_steps, options.steps)]
    print(
        f"{name:13}" + "".join(f"{f'{r.mean:.1f} [{r.ci95[0]:.1f}, {r.ci95[1]:.1f}]' if r else '':>28}" for r in cells)
    )
for name, points in apart.items():
    print(f"{name}: the curve of the short run is at most {points:.1f} points away from that of the long one")

# %%
best_name = max(NAMES, key=lambda name: results[name, options.steps].mean)
best = results[best_name, options.steps]
finish(
    folder,
    files=[schedules_picture, picture, folder / configs[best_name, options.steps].run.name / "agent.gif"],
    **best.facts(),
    results={f"{name}, {steps}": result.facts() for (name, steps), result in results.items()},
    short_and_long_apart=apart,
    best=best_name,
    look_at="curves.png: which of the short runs are the beginning of a long one?",
)
