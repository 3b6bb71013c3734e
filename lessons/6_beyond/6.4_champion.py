"""Lesson 6.4: the champion, and how good it really is.

You learn: what it takes to clear the walls under sticky actions; what the champion sees; and that an agent is only as
good as the hardest test that you put it to.
Expect: champion-policy, which comes with rlbreakout, plays whole games in the emulator, beside an agent that you train
for a minute with the same settings. With --rows both also play where things are different from their training: other
sticky actions, frame skips, starts and colours, and lost screens.
Time: 1 to 2 minutes on two cores. You can stop it at any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.agents import load_agent
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS
from rlbreakout.config import load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate, record, write_video
from rlbreakout.evaluation.plots import draw_curves, find_scalar
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.observation.blocks import entries_of
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
    steps: int = 1_000_000
    """Agent steps to train the short agent for. champion-policy had 60,000,000."""
    seed: int = 0
    """Decides the training."""
    agents: tuple[str, ...] = ("champion-policy", "short")
    """Who plays: short, which is trained here, agents that come with rlbreakout, and run folders."""
    games: int = 20
    """Whole games for each agent and row."""
    rows: tuple[str, ...] = ("as trained",)
    """Which rows of the table: as trained, BreakoutNoFrameskip-v4, Breakout-v4, sticky 0, sticky 0.5, frame skip 2, and
    so on; a wrong one lists them all."""
    run_dir: Path | None = None
    """Run folder (default: runs/6_beyond/6.4_champion); the training that is in it is continued."""


options = read_options(Options, __doc__)
check_choices("--rows", options.rows, ROWS)
folder = run_folder("6_beyond/6.4_champion", options.run_dir, resume=True)

# %% What the champion sees: no picture, but numbers. The screens and its own actions are enough to follow the exact
# state of the game, and the numbers are worked out from that. The console's memory is not read.
config = with_values(
    load_config(CONFIGS / "6.4_champion-policy.yaml"),
    {"seed": options.seed, "steps": options.steps, "evaluation.every": 0},
)
SEES = {
    "now": "ball, paddle, lives, and which of the 108 bricks are left",
    "arrival": "where and when the ball comes down, after all bounces on its way",
    "fresh_choices": "what each way to meet it leads to, which of them are still possible, and which are new",
    "clock": "how long there has been no point, and where the ball has been since",
}
print(f"The agents see {len(entries_of(config.observation.blocks))} numbers:")
for block in config.observation.blocks:
    print(f"  {block:14}{len(entries_of([block])):4}   {SEES[block]}")

# %% Train a short one. It is the same PPO as in lesson 3.4, in the twin; what is new is in the config.
agents, files = {}, []
for name in options.agents:
    if name != "short":
        agents[name] = load_agent(name)
        continue
    run = train_or_continue(config, folder / f"short_{options.seed}")
    agents[name] = load_agent(run / "last")
    curve = find_scalar(run, "rollout/ep_rew_mean")  # of the games that began at the start
    title = "Lesson 6.4: training games of the short training (twin)"
    curves = {} if curve is None else {f"seed {options.seed}": curve}
    files = [draw_curves(curves, folder / "curve.png", title=title), run / "agent.gif"]

# %% How good are they? Whole games in the emulator, from the start, with the same seeds in each row.
results: dict[str, dict[str, Evaluation]] = {name: {} for name in agents}
print(f"\n{'':16} {'':32} mean [95% interval]     median  first wall  both  stalled")
for row in options.rows:
    for name, agent in agents.items():
        there = replace(agent, config=with_values(agent.config, ROWS[row]))
        result = evaluate(there, games=options.games, env_id=row if row in OTHER_IDS else None)
        results[name][row] = result
        scores = np.array(result.scores)
        first, both = (scores >= WALL_POINTS).mean(), (scores >= MOST_POINTS).mean()
        interval = f"{result.mean:.1f} [{result.ci95[0]:.1f}, {result.ci95[1]:.1f}]"
        table = f"{interval:22} {result.median:7.1f} {first:10.0%} {both:6.0%} {result.stalled:7}"
        print(f"{name:16} {row:32} {table}", flush=True)

# %%
first_agent = options.agents[0]
late = WALL_POINTS - 60 if first_agent != "short" else 0
gif = write_video(record(agents[first_agent], seconds=20, from_points=late, speed=8), folder / "champion.gif")
finish(
    folder,
    files=[gif, *files],
    **results[first_agent][options.rows[0]].facts(),
    steps=config.steps,
    results={
        name: {row: result.facts() | {"median": result.median, "scores": result.scores} for row, result in rows.items()}
        for name, rows in results.items()
    },
    look_at="the gif; then remove what the config adds to that of lesson 3.4, one thing at a time",
)
