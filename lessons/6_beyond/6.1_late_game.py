"""Lesson 6.1: begin where it matters, with games that start in saved states.

You learn: how to save and restore the state of a game, whether practising the hard parts helps in whole games, and how
to compare agents when every seed gives another result.
Expect: three kinds of agents with the same settings and steps. One begins every game at the start, one begins up to a
third of them where few bricks are left, and one a third of them shortly before a life was lost. They are compared in
the twin by whole games from the start; the best one then plays in the emulator.
Time: 10 minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.rules import FIRE, LEFT, new_games, play
from rlbreakout.breakout.screen import WALL_POINTS
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_bands, read_scalar
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_several

# %% Where training games begin: these shares of them in saved states (see StartsConfig), the rest at the start.
VARIANTS: dict[str, dict[str, float]] = {
    "fresh": {},
    "late": {"starts.late": 0.33},
    "failure": {"starts.failure": 0.33},
}


@dataclass
class Options:
    steps: int = 500_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each variant, counted from the first."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them: fresh, late, failure."""
    twin_games: int = 100
    """Whole games that each trained agent plays in the twin, to be compared."""
    games: int = 20
    """Whole games that the best agent plays in the emulator."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.1_late_game); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("6_beyond/6.1_late_game", options.run_dir, resume=True)

# %% The state of a game in the twin is a row of numbers. Save it, play on, and restore it: the screen is what it was.
# (In the emulator, ALE's cloneState and restoreState do the same.)
games = new_games(1)
play(games, np.array([FIRE]), frames=4)
saved, before = games.copy(), draw(games)
play(games, np.array([LEFT]), frames=80)
changed = np.count_nonzero(draw(games) != before)
games[:] = saved
restored = np.array_equal(draw(games), before)
print(f"20 agent steps changed {changed} pixels of the screen; with the saved state it is as before: {restored}\n")


# %% A training saves such states as it plays, and begins other games in them (rlbreakout/envs/starts.py). Everything
# else is lesson 3.4's. Trainings run side by side, one a core, and finished ones are left alone.
def config(variant: str, seed: int) -> Config:
    settings = {"run.lesson": "6_beyond", "run.name": f"{variant}_{seed}", "seed": seed, "steps": options.steps}
    settings |= {"evaluation.every": max(1, options.steps // 10), **VARIANTS[variant]}
    return with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), settings)


seeds = range(options.seed, options.seed + options.seeds)
runs = {variant: [folder / f"{variant}_{seed}" for seed in seeds] for variant in options.variants}
configs = {folder / f"{variant}_{seed}": config(variant, seed) for seed in seeds for variant in options.variants}
for number, run in enumerate(train_several(configs), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)

# %% Each plays whole games in the twin, from the start. All of them meet the same games.
played: dict[str, list[Evaluation]] = {}
curves: dict[str, list[Curve]] = {}
for variant in options.variants:
    for run in runs[variant]:
        result = evaluate_once(run, env="twin", games=options.twin_games)
        print(f"{run.name:10} {result.mean:6.1f} points a game in the twin", flush=True)
        played.setdefault(variant, []).append(result)
        curves.setdefault(variant, []).append(read_scalar(run, "eval_twin/mean"))

# %% Which kind is better? Seeds differ by luck, so compare the interquartile mean of all seeds with its interval: the
# mean of the middle half of the seeds, and how much it would move with other seeds.
print(f"\n{'games begin':12} {options.seeds} seeds in the twin    first wall cleared in")
for variant, evaluations in played.items():
    scores = np.concatenate([evaluation.scores for evaluation in evaluations])
    means = [evaluation.mean for evaluation in evaluations]
    print(f"{variant:12} {across_seeds(means):22} {(scores >= WALL_POINTS).mean():.0%} of the games")

# %% The score that counts: whole games in the emulator.
best = max(played, key=lambda variant: interquartile_mean([result.mean for result in played[variant]])[0])
shown = evaluate_once(runs[best][0], games=options.games)
print(f"\n{best}, seed {options.seed}: {shown}")
picture = draw_bands(curves, folder / "curves.png", title="Lesson 6.1: evaluations during the training (twin)")

# %%
facts = {
    variant: {"twin": [result.facts() | {"scores": result.scores} for result in played[variant]]} for variant in played
}
facts[best]["emulator"] = [shown.facts() | {"scores": shown.scores}]
finish(
    folder,
    files=[picture, runs[best][0] / "agent.gif"],
    **shown.facts(),
    best=best,
    steps=options.steps,
    results=facts,
    look_at="curves.png, and starts/ in TensorBoard: how many games began where, and what they scored from there",
)
