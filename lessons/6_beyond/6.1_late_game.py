"""Lesson 6.1: begin where it matters, with games that start in saved states.

You learn: to save and restore states of the emulator, and what practice where it is hard does to whole games.
Expect: three agents, the same settings and steps; one begins every game at the start, one a third of them where few
bricks are left, one a third of them shortly before a life was lost. The score is that of whole games from the start.
Time: 7 to 10 minutes on one core for an agent of 1,000,000 agent steps, and there are nine of them. Stop it when you
like: run again, it goes on where it was.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path

import ale_py
import numpy as np

from rlbreakout.config import Config, load_config, with_values
from rlbreakout.envs import make_emulator
from rlbreakout.evaluation.evaluate import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_bands, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation import FIRE, LEFT
from rlbreakout.training.train import train_or_go_on

# %% Where training games begin: shares of them, see StartsConfig; the rest at the start.
VARIANTS: dict[str, dict[str, float]] = {
    "fresh": {},
    "late": {"starts.late": 0.33},
    "failure": {"starts.failure": 0.33},
}


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """The first seed."""
    seeds: int = 3
    """Seeds for each variant, counted from the first: their curves become a band."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which of them: fresh, late, failure."""
    games: int = 100
    """Whole games that each trained agent plays to get its score."""
    n_envs: int = 64
    """Games side by side in a training."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.1_late_game); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--variants", options.variants, VARIANTS)
folder = run_folder("6_beyond/6.1_late_game", options.run_dir, go_on=True)

# %% A state is the emulator's whole memory. Saved, played on, restored: the screen is the one that it was.
env = make_emulator(load_config(CONFIGS / "3.4_emulator.yaml").env)
env.reset(seed=options.seed)
emulator = env.unwrapped.ale  # type: ignore[attr-defined]
env.step(FIRE)
state: ale_py.ALEState = emulator.cloneState()
before = emulator.getScreenRGB()
for _ in range(20):
    env.step(LEFT)
moved = int((emulator.getScreenRGB() != before).any(axis=-1).sum())
emulator.restoreState(state)
env.close()
print(f"20 agent steps changed {moved} pixels of the screen; frame {emulator.getEpisodeFrameNumber()} is restored")
print("BreakoutVecEnv saves such states along the training games, and begins others in them (rlbreakout/starts.py).\n")


# %% Train them one after the other, and let each play whole games, sampled. A finished one is not done again.
def config(variant: str, seed: int) -> Config:
    """Lesson 3.4's settings, but for where the games begin."""
    settings = {"lesson": "6_beyond", "name": f"{variant}_{seed}", "seed": seed, "steps": options.steps}
    settings |= {"env.n_envs": options.n_envs, "evaluation.every": 0, **VARIANTS[variant]}
    return with_values(load_config(CONFIGS / "3.4_emulator.yaml"), settings)


results: dict[str, list[Evaluation]] = {}
curves: dict[str, list[Curve]] = {}
starts: dict[str, dict[str, int]] = {}
for variant in options.variants:
    for seed in range(options.seed, options.seed + options.seeds):
        run = folder / f"{variant}_{seed}"
        print(f"{variant}, seed {seed}", flush=True)
        train_or_go_on(config(variant, seed), run)
        results.setdefault(variant, []).append(evaluate_once(run, games=options.games))
        if (curve := find_scalar(run, "rollout/ep_rew_mean")) is not None:  # of the games that began at the start
            curves.setdefault(variant, []).append(curve)
        counts = {kind: find_scalar(run, f"starts/{kind}") for kind in ("fresh", "late", "failure")}
        starts[f"{variant}_{seed}"] = {kind: int(np.sum(count.y)) for kind, count in counts.items() if count}

# %% What is shown is the score of games from the start, for all of them.
picture = draw_bands(curves, folder / "curves.png", title="Lesson 6.1: training games that began at the start")
print(f"\n{'games begin':12} mean score of {options.games} whole games, a seed each [95% interval]")
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
    look_at="curves.png, and starts/ in TensorBoard: how many games began where, and what they scored since",
)
