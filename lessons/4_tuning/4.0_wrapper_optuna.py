"""Lesson 4.0: let Optuna look for hyperparameters.

You learn: what objective, trial, sampler, pruner and study mean; why a study begins with values that are known to be
good; why many short trials come first and a few long ones after them.
Expect: pictures of study 1, whose first trial has lesson 3.4's settings; study 2, which trains the best for longer; a
table of both; and a gif of the best agent.
Time: a few minutes on one core. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from rlbreakout.agents import build_algorithm
from rlbreakout.config import load_config, with_values
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import learn, record_best, start_run
from rlbreakout.tuning.study_plots import draw_study


@dataclass
class Options:
    steps: int = 80_000
    """Agent steps of a trial of study 1."""
    trials: int = 10
    """Trials of study 1 that finish or are pruned."""
    timeout: float | None = None
    """Begin no trial of study 1 after so many seconds."""
    long_steps: int = 240_000
    """Agent steps of a trial of study 2."""
    best: int = 2
    """How many of the best trials of study 1 are tried again in study 2."""
    games: int = 20
    """Whole games of an evaluation."""
    seed: int = 0
    """Decides the first proposals, and every training."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.0_wrapper_optuna); the studies in it are continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.0_wrapper_optuna", options.run_dir, resume=True)
base = load_config(CONFIGS / "3.4_coordinates.yaml")  # where lesson 3 ended
KNOWN = {"learning_rate": 1e-3, "schedule": "lin_", "n_steps": 32, "batch_size": 1024, "n_epochs": 2, "ent_coef": 0.005}
"""Lesson 3.4's settings: what is known to be good."""


# %% The objective: a trial proposes values, they are used in a training, and its value is the mean score of whole
# games. These are played in the twin, like the training, because that is faster.
def objective(trial: optuna.Trial, steps: int) -> float:
    schedule = trial.suggest_categorical("schedule", ["", "lin_"])
    values = {
        "ppo.learning_rate": f"{schedule}{trial.suggest_float('learning_rate', 1e-4, 4e-3, log=True)}",
        "ppo.n_steps": trial.suggest_categorical("n_steps", [16, 32, 64, 128]),
        "ppo.batch_size": trial.suggest_categorical("batch_size", [512, 1024, 2048, 4096]),
        "ppo.n_epochs": trial.suggest_int("n_epochs", 1, 8),
        "ppo.ent_coef": trial.suggest_float("ent_coef", 1e-4, 3e-2, log=True),
    }
    name = f"{trial.study.study_name}_{trial.number:03d}"
    settings = {"run.lesson": "4_tuning", "run.name": name, "steps": steps, "seed": options.seed}
    evaluation = {"every": max(1, steps // 2), "games": options.games, "seed": 1000}
    settings |= {f"evaluation.{key}": value for key, value in evaluation.items()}
    config = with_values(base, {**settings, **values})

    # The pruner sees the result of every evaluation, and decides whether the trial is worth continuing.
    def go_on(steps_done: int, result: Evaluation) -> bool:
        trial.report(result.mean, steps_done)
        return steps_done >= steps or not trial.should_prune()

    run = start_run(config, folder / name)
    model = build_algorithm(config, make_vec_env(config, monitor_dir=run))
    recorder = learn(model, config, run, go_on=go_on, resumable=False)
    trial.set_user_attr("run", run.name)
    if model.num_timesteps < steps:
        raise optuna.TrialPruned
    return recorder.results[-1].mean


# %% A study keeps its trials in a file. The sampler, TPE, first proposes values at random, then near those that were
# good.
optuna.logging.set_verbosity(optuna.logging.INFO)
storage = JournalStorage(JournalFileBackend(str(folder / "studies.journal")))
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_study(name: str, startup_trials: int) -> optuna.Study:
    return optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        sampler=TPESampler(n_startup_trials=startup_trials, seed=options.seed),
        pruner=MedianPruner(n_startup_trials=5),
        load_if_exists=True,
    )


def finish_study(study: optuna.Study, trials: int, steps: int, timeout: float | None = None) -> None:
    left = trials - len(study.get_trials(states=FINISHED))
    if left > 0:
        study.optimize(lambda trial: objective(trial, steps), n_trials=left, timeout=timeout)


# %% Study 1: many short trials. The first one has known values, so that all others are compared with them.
study_1 = open_study("study_1", startup_trials=6)
if not study_1.trials:
    study_1.enqueue_trial(KNOWN)
finish_study(study_1, options.trials, options.steps, options.timeout)
draw_study(study_1, folder)

# %% Study 2: the best of the short runs, trained for longer. Short and long do not always agree; lesson 4.3 says why.
complete = study_1.get_trials(states=(TrialState.COMPLETE,))
best = sorted(complete, key=lambda trial: -(trial.value or 0))[: options.best]
study_2 = open_study("study_2", startup_trials=0)
if not study_2.trials:
    for trial in best:
        study_2.enqueue_trial(trial.params)
finish_study(study_2, len(best), options.long_steps)

# %%
print(f"\nthe best of study 1 ({options.steps:,} agent steps), and the same in study 2 ({options.long_steps:,}):")
print("  study 1  study 2  values")
again = {str(trial.params): trial.value for trial in study_2.trials}
for trial in best:
    longer = again.get(str(trial.params))
    values = ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in trial.params.items() if v)
    print(f"{trial.value:9.1f} {'pruned' if longer is None else format(longer, '8.1f'):>8}  {values}")

# %% The score of the winner in the emulator.
winner = study_2.best_trial
run = folder / winner.user_attrs["run"]
result = evaluate_once(run, games=options.games)
print(f"\nthe winner: {result}")
finish(
    folder,
    files=[*sorted((folder / "plots").glob("*.png")), record_best(run)],
    **result.facts(),
    value_in_the_study=winner.value,
    best=winner.params,
    look_at="plots/history.png and plots/contour.png; the same with two workers: "
    "rlbreakout tune configs/4.0_study_1.yaml --workers 2",
)
