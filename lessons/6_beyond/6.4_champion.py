"""Lesson 6.4: the champion, and how good it really is.

You learn: what it takes to play Breakout on until the wall is gone, under sticky actions; and that an agent is as good
as the worst table that you dare to make of it.
Expect: a long training that you can stop and go on with, a gif, and a table of how it plays where things are not as in
its training: other sticky actions, other frame skips, later starts, other colours, lost pictures.
Time: an hour and a half on one core for the training, and as long for the table (half, with two processes and --rows).
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.agents.save_load import load_agent
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS
from rlbreakout.config import load_config, with_values
from rlbreakout.evaluation.evaluate import Evaluation, evaluate_once
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.evaluation.video import record, write_video
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training.train import train_or_take

# %% What is different in each row: the environment's id, or keys of the config; first of all nothing.
OTHER_IDS = ("BreakoutNoFrameskip-v4", "Breakout-v4")
ROWS: dict[str, dict[str, Any]] = {
    "as trained": {},
    **{env_id: {} for env_id in OTHER_IDS},
    **{f"sticky {share:g}": {"env.repeat_action_probability": share} for share in (0.0, 0.5)},
    **{f"frame skip {frames}": {"env.frame_skip": frames} for frames in (2, 3, 5, 6)},
    **{f"up to {frames} frames of no action": {"env.noop_max": frames} for frames in (0, 100)},
    "other colours": {"evaluation.other_colours": True},
    "one screen in ten lost": {"evaluation.dropped_screens": 0.1},
}


@dataclass
class Options:
    steps: int | None = None
    """Agent steps to train for (default: as configs/6.4_champion.yaml says)."""
    seed: int = 0
    """Of the training."""
    games: int = 100
    """Whole games in each of the three environments, from seed 0."""
    games_a_row: int = 30
    """Whole games in each of the other rows."""
    rows: tuple[str, ...] = tuple(ROWS)
    """Which rows of the table."""
    greedy: bool = False
    """Always the likeliest action, or drawn from the policy."""
    n_envs: int = 64
    """Games side by side in the training."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.4_champion); the training in it is continued."""


options = read_options(Options, __doc__)
check_choices("--rows", options.rows, ROWS)
folder = run_folder("6_beyond/6.4_champion", options.run_dir, go_on=True)

# %% The same PPO as ever. What is new stands in the config, with its reason.
settings: dict[str, Any] = {"seed": options.seed, "env.n_envs": options.n_envs}
if options.steps is not None:
    settings |= {"steps": options.steps, "evaluation.every": 0}
config = with_values(load_config(CONFIGS / "6.4_champion.yaml"), settings)
run = train_or_take(config, folder / f"seed_{options.seed}")
curve = find_scalar(run, "rollout/ep_rew_mean")  # of the games that began at the start
picture = draw_curves(
    {} if curve is None else {f"seed {options.seed}": curve}, folder / "curve.png", title="Lesson 6.4: training games"
)

# %% How good is it, really? Whole games from the start, each row the same seeds.
results: dict[str, Evaluation] = {}
for row in options.rows:
    print(row, flush=True)
    env_id = row if row in OTHER_IDS else None
    games = options.games_a_row if ROWS[row] else options.games
    results[row] = evaluate_once(run, games=games, greedy=options.greedy, env_id=env_id, settings=ROWS[row])

print(f"\n{'':32} mean [95% interval]     median  first wall  both  stalled")
for row, result in results.items():
    scores = np.array(result.scores)
    first, both = (scores >= WALL_POINTS).mean(), (scores >= MOST_POINTS).mean()
    interval = f"{result.mean:.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]"
    print(f"{row:32} {interval:22} {result.median:7.1f} {first:10.0%} {both:6.0%} {result.stalled:7}")

# %%
gif = write_video(record(load_agent(run / "last"), seconds=30, greedy=options.greedy), folder / "champion.gif")
shown = next(iter(results.values()))
finish(
    folder,
    files=[picture, gif],
    **shown.facts(),
    steps=config.steps,
    results={
        row: result.facts() | {"median": result.median, "scores": result.scores} for row, result in results.items()
    },
    look_at="the gif; then take away what the config adds to lesson 3.4's, one thing at a time",
)
