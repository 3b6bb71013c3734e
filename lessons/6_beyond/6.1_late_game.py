"""Lesson 6.1: begin where it matters, with games that start in saved states.

You learn: how to save and restore the state of a game, and whether practising the hard parts helps in whole games.
Expect: three kinds of agents with the same settings and steps. One begins every game at the start, one begins a third
of them where few bricks are left, and one a third of them shortly before a life was lost. The score is always that of
whole games from the start.
Time: one to four minutes on one core to train each of the nine agents, and then 100 games each. You can stop it at any
time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlbreakout.breakout.draw import draw
from rlbreakout.breakout.rules import FIRE, LEFT, new_games, play
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_bands, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_or_continue

# %% Where training games begin: these shares of them in saved states (see StartsConfig), the rest at the start.
VARIANTS: dict[str, dict[str, float]] = {
    "fresh": {},
    "late": {"starts.late": 0.33},
    "failure": {"starts.failure": 0.33},
}


@dataclass
class Options:
    steps: int = 1_500_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each variant, counted from the first: their curves become a band."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them: fresh, late, failure."""
    games: int = 100
    """Whole games that each trained agent plays to get its score."""
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
print(f"20 agent steps changed {changed} pixels of the screen; with the saved state it is as before: {restored}")
print("A training saves such states as it plays, and begins other games in them (rlbreakout/envs/starts.py).\n")


# %% Train them one after the other, and let each play whole games, sampled. Finished ones are skipped.
def config(variant: str, seed: int) -> Config:
    """Lesson 3.4's settings, except for where the games begin."""
    settings = {"run.lesson": "6_beyond", "run.name": f"{variant}_{seed}", "seed": seed, "steps": options.steps}
    settings |= {"evaluation.every": 0, **VARIANTS[variant]}
    return with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), settings)


results: dict[str, list[Evaluation]] = {}
curves: dict[str, list[Curve]] = {}
starts: dict[str, dict[str, int]] = {}
for variant in options.variants:
    for seed in range(options.seed, options.seed + options.seeds):
        run = folder / f"{variant}_{seed}"
        print(f"{variant}, seed {seed}", flush=True)
        train_or_continue(config(variant, seed), run)
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games))
        if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # of the games that began at the start
            curves.setdefault(variant, []).append(curve)
        counts = {kind: find_scalar(run, f"starts/{kind}") for kind in ("fresh", "late", "failure")}
        starts[f"{variant}_{seed}"] = {kind: int(np.sum(count.y)) for kind, count in counts.items() if count}

# %% The curves, too, show games from the start only.
picture = draw_bands(curves, folder / "curves.png", title="Lesson 6.1: training games that began at the start")
print(f"\n{'games begin':12} mean score of {options.games} whole games, one figure a seed [95% interval]")
for variant, seeds in results.items():
    print(f"{variant:12} " + "  ".join(f"{r.mean:.1f} [{r.ci95[0]:.1f}, {r.ci95[1]:.1f}]" for r in seeds))
for run_name, kinds in starts.items():
    if kinds:
        print(f"{run_name}: " + ", ".join(f"{number} games {kind}" for kind, number in kinds.items()))

# %%
best = max(results, key=lambda variant: sum(result.mean for result in results[variant]))
finish(
    folder,
    files=[picture, folder / f"{best}_{options.seed}" / "agent.gif"],
    **results[best][0].facts(),
    best=best,
    steps=options.steps,
    results={name: [r.facts() | {"scores": r.scores} for r in seeds] for name, seeds in results.items()},
    starts=starts,
    look_at="curves.png, and starts/ in TensorBoard: how many games began where, and what they scored from there",
)
