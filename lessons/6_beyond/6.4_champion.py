"""Lesson 6.4: the champion, and how good it really is.

You learn: what it takes to clear the wall under sticky actions; and that an agent is only as good as the hardest test
that you put it to.
Expect: a long training, which you can stop and continue, a gif, and a table of how the agent plays where things are
different from its training: other sticky actions, frame skips, starts and colours, and lost screens.
Time: not measured yet with these settings. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.agents import load_agent
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS
from rlbreakout.config import load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate_once, record, write_video
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_or_continue

# %% What is different in each row: nothing, the environment's id, or keys of the config.
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
    """Decides the training."""
    games: int = 100
    """Whole games in each of the three environments, from seed 0."""
    games_a_row: int = 30
    """Whole games in each of the other rows."""
    rows: tuple[str, ...] = tuple(ROWS)
    """Which rows of the table."""
    greedy: bool = False
    """Always take the likeliest action, instead of drawing it from the policy."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.4_champion); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--rows", options.rows, ROWS)
folder = run_folder("6_beyond/6.4_champion", options.run_dir, resume=True)

# %% The same PPO as in lesson 3.4, in the twin. What is new is in the config, and the README gives the reasons.
settings: dict[str, Any] = {"seed": options.seed}
if options.steps is not None:
    settings |= {"steps": options.steps, "evaluation.every": 0}
config = with_values(load_config(CONFIGS / "6.4_champion.yaml"), settings)
run = train_or_continue(config, folder / f"seed_{options.seed}")
curve = find_scalar(run, "rollout/ep_rew_mean")  # of the games that began at the start
picture = draw_curves(
    {} if curve is None else {f"seed {options.seed}": curve}, folder / "curve.png", title="Lesson 6.4: training games"
)

# %% How good is it really? Whole games in the emulator, from the start, with the same seeds in each row.
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
    look_at="the gif; then remove what the config adds to that of lesson 3.4, one thing at a time",
)
