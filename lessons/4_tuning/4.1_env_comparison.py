"""Lesson 4.1: one game, three environments. Who learned to play, and who memorised a game?

You learn: what overfitting is in reinforcement learning, and why a score means nothing without its environment: no-op
starts, frame skip, sticky actions.
Expect: a table of three agents in three environments, three curves, a table of one difference at a time, and a gif:
nine games that are all the same, beside nine of the same player in a game that sometimes disobeys.
Time: one to four minutes on one core to train each agent, then 1 to 4 minutes for every 30 games. You can stop it at
any time: run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.agents import Player, load_agent
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate, evaluate_once, record, write_video
from rlbreakout.evaluation.plots import Curve, draw_curves, find_scalar
from rlbreakout.evaluation.video import side_by_side
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training import train_or_continue

# %% Three environments. In the first one nothing is random: the same actions make the same game.
ENVIRONMENTS: dict[str, dict] = {
    "BreakoutNoFrameskip-v4": {"env.noop_max": 0},
    "Breakout-v4": {"env.noop_max": 30},
    "ALE/Breakout-v5": {"env.noop_max": 30},
}
DETERMINISTIC = "BreakoutNoFrameskip-v4"

# How they differ, one thing at a time, each added to the deterministic game: an environment id and settings.
DIFFERENCES: dict[str, tuple[str, dict]] = {
    "none": (DETERMINISTIC, {"env.noop_max": 0}),
    "no-op starts": (DETERMINISTIC, {"env.noop_max": 30}),
    "frame skip drawn from 2 to 4": ("Breakout-v4", {"env.noop_max": 0}),
    "sticky actions": (DETERMINISTIC, {"env.noop_max": 0, "env.repeat_action_probability": 0.25}),
}


@dataclass
class Options:
    steps: int = 1_500_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """Decides every training."""
    games: int = 30
    """Whole games for every cell of the tables."""
    seconds: float = 30.0
    """Longest game time of the gif."""
    environments: tuple[str, ...] = tuple(ENVIRONMENTS)
    """Where to train. All agents play in all three environments, and the gif shows the first agent."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.1_env_comparison); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--environments", options.environments, ENVIRONMENTS)
folder = run_folder("4_tuning/4.1_env_comparison", options.run_dir, resume=True)


def config(env_id: str) -> Config:
    """The settings of lesson 3.4, in another environment."""
    settings = {"run.lesson": "4_tuning", "run.name": env_id.replace("/", "_"), "seed": options.seed}
    settings |= {"steps": options.steps, "env.id": env_id, "evaluation.every": 0, **ENVIRONMENTS[env_id]}
    return with_values(load_config(CONFIGS / "3.4_coordinates.yaml"), settings)


# %% Train one agent in each.
runs: dict[str, Path] = {}
curves: dict[str, Curve] = {}
for env_id in options.environments:
    print(f"training in {env_id}", flush=True)
    runs[env_id] = train_or_continue(config(env_id), folder / config(env_id).run.name)
    if (curve := find_scalar(runs[env_id], "rollout/ep_rew_mean")) is not None:
        curves[env_id] = curve


# %% And a player that has memorised one game: it repeats what the first agent did in the deterministic one.
class Noting:
    """Plays as `player` does, and notes its actions."""

    def __init__(self, player: Player) -> None:
        self.player, self.actions = player, list[int]()

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        actions, state = self.player.predict(observation, state, episode_start, deterministic)
        self.actions.append(int(actions[0]))
        return actions, state


class Memorised:
    """Plays a list of actions, whatever it sees; after the last of them, no action."""

    def __init__(self, actions: list[int]) -> None:
        self.actions = np.array([*actions, 0])

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        # As in SB3's recurrent policies, the state is passed in and out. Here it is the number of the step.
        step = np.zeros(len(observation), int) if state is None else np.where(episode_start, 0, state[0])
        return self.actions[np.minimum(step, len(self.actions) - 1)], (step + 1,)


MEMORISED = "nowhere: one memorised game"
first = load_agent(runs[options.environments[0]] / "last")
noting = Noting(first.player)
deterministic = with_values(first.config, DIFFERENCES["none"][1])
evaluate(replace(first, player=noting, config=deterministic), env_id=DETERMINISTIC, games=1, greedy=True)
memorised = Memorised(noting.actions)
runs[MEMORISED] = runs[options.environments[0]]


# %% Everybody plays everywhere, greedy: whatever is random then comes from the environment.
def compare(places: dict[str, tuple[str, dict]]) -> dict[str, dict[str, Evaluation]]:
    """Let every player play in every place, an environment id and settings, and print a table."""
    table: dict[str, dict[str, Evaluation]] = {}
    for who, run in runs.items():
        player = ("memorised", memorised) if who == MEMORISED else None
        for place, (env_id, settings) in places.items():
            print(f"trained in {who}, plays in {place}", flush=True)
            result = evaluate_once(
                run, games=options.games, greedy=True, env_id=env_id, settings=settings, player=player
            )
            table.setdefault(who, {})[place] = result
    print(f"\n{'trained in':26}" + "".join(f"{place:>34}" for place in places))
    for who, results in table.items():
        cells = (f"{r.mean:.1f} [{r.ci95[0]:.1f}, {r.ci95[1]:.1f}]" for r in results.values())
        print(f"{who:26}" + "".join(f"{cell:>34}" for cell in cells))
    return table


table = compare({env_id: (env_id, {"env.noop_max": s["env.noop_max"]}) for env_id, s in ENVIRONMENTS.items()})

# %% One difference at a time.
differences = compare(DIFFERENCES)
different_scores = {who: len(set(results["none"].scores)) for who, results in differences.items()}
print(f"\ndifferent scores in {options.games} games of the deterministic game: {different_scores}")

# %% The picture of the curves, and the gif of the memorised game. Left: nothing is random. Right: actions are sticky.
picture = draw_curves(curves, folder / "curves.png", title="Lesson 4.1: training games, each in its own environment")
recordings = []
for name in ("none", "sticky actions"):
    player = replace(first, player=memorised, config=with_values(first.config, DIFFERENCES[name][1]))
    recordings.append(
        record(player, env_id=DETERMINISTIC, rows=3, columns=3, seconds=options.seconds, greedy=True),
    )
gif = write_video(side_by_side(recordings), folder / "memorised.gif")

# %%
own = table[options.environments[0]][options.environments[0]]
finish(
    folder,
    files=[picture, gif],
    **own.facts(),
    table={name: {env: result.facts() for env, result in row.items()} for name, row in table.items()},
    differences={name: {which: result.facts() for which, result in row.items()} for name, row in differences.items()},
    different_scores=different_scores,
    look_at="memorised.gif, then python lessons/4_tuning/4.2_grid.py",
)
