"""Lesson 4.0: what a study says, and how far to trust it.

You learn: what the importance of a hyperparameter is, how pruned trials change it, and how much of a score is the luck
of a seed.
Expect: two tables of importance, which do not agree in everything; the best trial of the study trained again with other
seeds, with scores that are as far apart as those of many trials.
Time: seconds for the importance; the trainings are not measured yet.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from rlbreakout.agents import load_agent
from rlbreakout.common.errors import UserError
from rlbreakout.config import load_config, with_values
from rlbreakout.evaluation import evaluate, evaluate_once
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import train_or_continue
from rlbreakout.tuning.study import config_values, distributions, settings

RESULTS = Path(__file__).parents[2] / "results"


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
    seeds: int = 3
    """How many seeds."""
    games: int = 20
    """Whole games of an evaluation, as in the study."""
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


# %% Importance: how much the value depends on each hyperparameter.
def importance(chosen: list[dict]) -> dict[str, float]:
    study = optuna.create_study(direction="maximize")
    space = distributions(tuning)
    for row in chosen:
        params = row["params"]
        used = {name: space[name] for name in params}
        try:
            trial = create_trial(state=TrialState.COMPLETE, value=row["value"], params=params, distributions=used)
        except ValueError as error:
            raise UserError(f"--study was made with another search space than --config has: {error}") from None
        study.add_trial(trial)
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


# PED-ANOVA asks what the best tenth of the trials have in common that the others do not have. Which are the others? If
# pruned trials are left out, the worst settings of all are missing, and what made them bad looks harmless.
optuna.logging.set_verbosity(optuna.logging.WARNING)
worst = min(row["value"] for row in complete)
left_out = importance(complete)
counted = importance([*complete, *({**row, "value": min(row["value"], worst)} for row in pruned)])

print(f"\n{'importance of':28} pruned trials left out   counted as bad   difference")
for name in sorted(counted, key=lambda name: -counted[name]):
    one, other = left_out.get(name, 0.0), counted[name]
    print(f"{name:28}{one:18.2f}{other:19.2f}{other - one:+15.2f}")

names = sorted(counted, key=lambda name: counted[name])
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
place = np.arange(len(names))
axes.barh(place + 0.2, [left_out.get(name, 0.0) for name in names], height=0.4, label="pruned trials left out")
axes.barh(place - 0.2, [counted[name] for name in names], height=0.4, label="pruned trials counted as bad")
axes.set_yticks(place, names)
axes.set(title="Lesson 4.0: the same study, two answers", xlabel="importance")
axes.legend()
importance_picture = folder / "importance.png"
figure.savefig(importance_picture, dpi=110)
plt.close(figure)

# %% Noise: the best trial once more, with other seeds, and the settings of lesson 3.4 with the same ones. The games are
# those of the study.
best = max(complete, key=lambda row: row["value"])
settings_of = {"best": with_values(base, config_values(best["params"], tuning))}
settings_of["lesson_3.4"] = load_config(CONFIGS / "3.4_coordinates.yaml")
runs: dict[str, list[Path]] = {}
scores: dict[str, list[float]] = {}
for who, chosen in settings_of.items():
    for seed in range(options.seed, options.seed + options.seeds):
        of_run = {"run.name": f"{who}_seed_{seed}", "seed": seed, "steps": options.steps, "evaluation.every": 0}
        config = with_values(chosen, {"tuning": None, **of_run})
        run = train_or_continue(config, folder / config.run.name)
        agent = load_agent(run / "last")
        result = evaluate(agent, env=base.evaluation.env, games=options.games, seed=base.evaluation_seed)
        runs.setdefault(who, []).append(run)
        scores.setdefault(who, []).append(result.mean)

print(f"\nthe best trial in the study: {best['value']:.1f} points")
print("the same settings with other seeds:", ", ".join(f"{score:.1f}" for score in scores["best"]))
better = sum(row["value"] > np.mean(scores["best"]) for row in complete)
print(f"their mean, {np.mean(scores['best']):.1f}, would be place {better + 1} of {len(complete)} in the study")
print("the settings of lesson 3.4:", ", ".join(f"{score:.1f}" for score in scores["lesson_3.4"]))

# %% The first of them in the emulator.
in_emulator = evaluate_once(runs["best"][0], games=options.games)
print(f"\nseed {options.seed}: {in_emulator}")
finish(
    folder,
    files=[importance_picture, runs["best"][0] / "agent.gif"],
    **in_emulator.facts(),
    importance={"pruned_left_out": left_out, "pruned_counted_as_bad": counted},
    value_in_the_study=best["value"],
    scores_of_seeds=scores["best"],
    scores_of_lesson_3_4=scores["lesson_3.4"],
    look_at="importance.png; then python lessons/4_tuning/4.1_env_comparison.py",
)
