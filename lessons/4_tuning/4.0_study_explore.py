"""Lesson 4.0: what a study says, and how far to trust it.

You learn: what the importance of a hyperparameter is, for the score and for the time that a trial takes; how pruned
trials change it; and how much of a score is the luck of a seed.
Expect: a table of importance, whose columns do not agree; a contour plot of the two hyperparameters that matter most;
and the best trial of the study trained again with other seeds, beside the settings of lesson 3.4.
Time: a few minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.trial import TrialState, create_trial
from optuna.visualization.matplotlib import plot_contour

from rlbreakout.agents import load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import evaluate, evaluate_once
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import train_several
from rlbreakout.tuning.study import config_values, distributions, settings

RESULTS = CONFIGS.parent / "results"


@dataclass
class Options:
    study: Path = RESULTS / "4.0_study_1.json"
    """The study.json that a study leaves in its run folder (default: the study of this lesson's README)."""
    config: Path = CONFIGS / "4.0_study_1.yaml"
    """The config that the study was made with."""
    steps: int = 150_000
    """Agent steps of each training."""
    seed: int = 1
    """The first seed with which the best trial is trained again. The study itself had seed 0."""
    seeds: int = 5
    """How many seeds."""
    games: int = 20
    """Whole games of an evaluation, as in the study."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.0_study_explore); what is already in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.0_study_explore", options.run_dir, resume=True)
base = load_config(options.config)
tuning = settings(base)
try:
    found = json.loads(options.study.read_text(encoding="utf-8"))
    rows = found.get("facts", found)["trials"]  # a study in results/ has its trials among its facts
except (OSError, ValueError, KeyError, AttributeError):
    raise UserError(f"--study {options.study} is not a study.json of rlbreakout tune") from None

# %% A trial is complete or pruned. A pruned one has a value, too: that of its last evaluation.
complete = [row for row in rows if row["state"] == "complete"]
pruned = [row for row in rows if row["state"] == "pruned" and row["value"] is not None]
print(f"{len(rows)} trials: {len(complete)} complete, {len(pruned)} pruned")
for row in sorted(complete, key=lambda row: -row["value"])[:5]:
    print(f"{row['value']:7.1f} points   {row['params']}")


# %% Importance: how much a figure of the trials depends on each hyperparameter.
def study_of(chosen: list[dict], figure: str, direction: Literal["minimize", "maximize"]) -> optuna.Study:
    study = optuna.create_study(direction=direction)
    space = distributions(tuning)
    for row in chosen:
        params = row["params"]
        used = {name: space[name] for name in params}
        try:
            trial = create_trial(state=TrialState.COMPLETE, value=row[figure], params=params, distributions=used)
        except ValueError as error:
            raise UserError(f"--study was made with another search space than --config has: {error}") from None
        study.add_trial(trial)
    return study


# PED-ANOVA asks what the best tenth of the trials have in common that the others do not have. Which are the others? If
# pruned trials are left out, the worst settings of all are missing, and what made them bad looks harmless. For the
# duration the best tenth are the trials that end first.
optuna.logging.set_verbosity(optuna.logging.WARNING)
worst = min(row["value"] for row in complete)
counted_as_bad = [{**row, "value": min(row["value"], worst)} for row in pruned]
importance = {
    "pruned left out": get_param_importances(study_of(complete, "value", "maximize")),
    "pruned counted as bad": get_param_importances(study_of([*complete, *counted_as_bad], "value", "maximize")),
}
if all("seconds" in row for row in complete):
    importance["duration"] = get_param_importances(study_of(complete, "seconds", "minimize"))

names = sorted(importance["pruned counted as bad"], key=lambda name: -importance["pruned counted as bad"][name])
print(f"\n{'importance of':28}" + "".join(f"{what:>24}" for what in importance))
for name in names:
    print(f"{name:28}" + "".join(f"{answer.get(name, 0.0):24.2f}" for answer in importance.values()))

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
height = 0.8 / len(importance)
for number, (what, answer) in enumerate(importance.items()):
    place = np.arange(len(names))[::-1] + 0.3 - number * height
    axes.barh(place, [answer.get(name, 0.0) for name in names], height=height, label=what)
axes.set_yticks(np.arange(len(names))[::-1], names)
axes.set(title="Lesson 4.0: the same study, three answers", xlabel="importance")
axes.legend()
importance_picture = folder / "importance.png"
figure.savefig(importance_picture, dpi=110)
plt.close(figure)

# %% A contour plot: the score over the two that matter most. Each dot is a trial.
contour_picture = folder / "contour.png"
with plt.rc_context(), warnings.catch_warnings():  # Optuna sets a style for everything drawn after it
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    plot_contour(study_of(complete, "value", "maximize"), params=names[:2], target_name="points a game")
    plt.savefig(contour_picture, dpi=100, bbox_inches="tight")
    plt.close()

# %% Noise: the best trial once more, with other seeds, and the settings of lesson 3.4 with the same ones. The games are
# those of the study.
best = max(complete, key=lambda row: row["value"])
settings_of = {"best": with_values(base, config_values(best["params"], tuning))}
settings_of["lesson_3.4"] = load_config(CONFIGS / "3.4_coordinates.yaml")
seeds = range(options.seed, options.seed + options.seeds)
configs: dict[Path, Config] = {}
for who, chosen in settings_of.items():
    for seed in seeds:
        name = f"{who}_seed_{seed}"
        of_run = {"run.name": name, "run.checkpoint_every": options.steps, "seed": seed, "steps": options.steps}
        configs[folder / name] = with_values(chosen, {"tuning": None, "evaluation.every": 0, **of_run})
scores: dict[str, dict[int, float]] = {who: {} for who in settings_of}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    who, _, number_of_seed = run.name.rpartition("_seed_")
    result = evaluate(load_agent(run / "last"), env="twin", games=options.games, seed=base.evaluation_seed)
    scores[who][int(number_of_seed)] = result.mean
    print(f"[{number}/{len(configs)}] {run.name}: {result.mean:.1f} points", flush=True)
of_best, of_lesson_3_4 = ([scores[who][seed] for seed in seeds] for who in settings_of)

print(f"\nthe best trial in the study: {best['value']:.1f} points")
print("the same settings with other seeds:", ", ".join(f"{score:.1f}" for score in of_best))
better = sum(row["value"] > np.mean(of_best) for row in complete)
print(f"their mean, {np.mean(of_best):.1f}, would be place {better + 1} of {len(complete)} in the study")
print("the settings of lesson 3.4:", ", ".join(f"{score:.1f}" for score in of_lesson_3_4))

# %% The first of them in the emulator.
first = folder / f"best_seed_{options.seed}"
in_emulator = evaluate_once(first, games=options.games)
print(f"\nseed {options.seed}: {in_emulator}")
finish(
    folder,
    files=[importance_picture, contour_picture, first / "agent.gif"],
    **in_emulator.facts(),
    importance=importance,
    value_in_the_study=best["value"],
    scores_of_seeds=of_best,
    scores_of_lesson_3_4=of_lesson_3_4,
    look_at="importance.png and contour.png; then python lessons/4_tuning/4.1_env_comparison.py",
)
