"""Lesson 4.1: one game, three environments. Who learned to play, and who memorised a game?

You learn: what overfitting is in reinforcement learning, and that a score means nothing without the environment that
it was made in: no-op starts, frame skip, sticky actions.
Expect: a table of three agents on three environments, three curves, a table of one difference at a time, and a gif:
nine games that are one and the same, beside nine of the same player in a game that does not always do as it is told.
Time: 12 to 21 minutes on one core for each agent of 1,000,000 agent steps on the fast environment, 35 for Breakout-v4,
which draws its frame skip and cannot be played there; then 1 to 4 minutes for every 30 games. Stop it when you like:
run again, it goes on.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlbreakout.agents.players import Player
from rlbreakout.agents.save_load import load_agent
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation.evaluate import Evaluation, evaluate, evaluate_once
from rlbreakout.evaluation.plots import Curve, draw_curves, find_scalar
from rlbreakout.evaluation.video import record, side_by_side, write_video
from rlbreakout.lesson import CONFIGS, check_choices, finish, read_options, run_folder
from rlbreakout.training.train import train_or_go_on

# %% Three environments. In the first one nothing is drawn at random: the same actions make the same game.
ENVIRONMENTS: dict[str, dict] = {
    "BreakoutNoFrameskip-v4": {"env.noop_max": 0},
    "Breakout-v4": {"env.noop_max": 30, "env.vec_env": "dummy"},
    "ALE/Breakout-v5": {"env.noop_max": 30},
}
DETERMINISTIC = "BreakoutNoFrameskip-v4"

# What tells them apart, one at a time, each against the deterministic game: an environment id and settings.
DIFFERENCES: dict[str, tuple[str, dict]] = {
    "none": (DETERMINISTIC, {"env.noop_max": 0}),
    "no-op starts": (DETERMINISTIC, {"env.noop_max": 30}),
    "frame skip drawn from 2 to 4": ("Breakout-v4", {"env.noop_max": 0}),
    "sticky actions": (DETERMINISTIC, {"env.noop_max": 0, "env.repeat_action_probability": 0.25}),
}


@dataclass
class Options:
    steps: int = 1_000_000
    """Agent steps to train each agent for."""
    seed: int = 0
    """Of the trainings."""
    games: int = 30
    """Whole games for every cell of the tables."""
    n_envs: int = 64
    """Games side by side in a training."""
    seconds: float = 30.0
    """Of the gif, at most."""
    environments: tuple[str, ...] = tuple(ENVIRONMENTS)
    """Where to train; all agents play in all three. The gif is of the first."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.1_env_comparison); what is already in it is continued."""


options = read_options(Options, __doc__)
check_choices("--environments", options.environments, ENVIRONMENTS)
folder = run_folder("4_tuning/4.1_env_comparison", options.run_dir, go_on=True)


def config(env_id: str) -> Config:
    """The settings of lesson 3.4, in another environment."""
    name = env_id.replace("/", "_")
    settings = {"lesson": "4_tuning", "name": name, "seed": options.seed, "steps": options.steps, "env.id": env_id}
    base = load_config(CONFIGS / "3.4_emulator.yaml")
    return with_values(base, {**settings, "env.n_envs": options.n_envs, "evaluation.every": 0, **ENVIRONMENTS[env_id]})


# %% Train one agent in each.
runs: dict[str, Path] = {}
curves: dict[str, Curve] = {}
for env_id in options.environments:
    print(f"training in {env_id}", flush=True)
    runs[env_id] = train_or_go_on(config(env_id), folder / config(env_id).name)
    if (curve := find_scalar(runs[env_id], "rollout/ep_rew_mean")) is not None:
        curves[env_id] = curve


# %% And a player that learned nothing but one memorised game: what the first agent did in the deterministic one.
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


class ByHeart:
    """Plays a list of actions, whatever it sees, and after its end no action."""

    def __init__(self, actions: list[int]) -> None:
        self.actions = np.array([*actions, 0])

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        # As with SB3's recurrent policies, what is remembered from step to step goes in and out: here which step it is.
        step = np.zeros(len(observation), int) if state is None else np.where(episode_start, 0, state[0])
        return self.actions[np.minimum(step, len(self.actions) - 1)], (step + 1,)


BY_HEART = "nowhere: one memorised game"
first = load_agent(runs[options.environments[0]] / "last")
noting = Noting(first.player)
deterministic = with_values(first.config, DIFFERENCES["none"][1])
evaluate(replace(first, player=noting, config=deterministic), env_id=DETERMINISTIC, games=1, greedy=True)
by_heart = ByHeart(noting.actions)
runs[BY_HEART] = runs[options.environments[0]]


# %% Everybody plays everywhere, always the likeliest action: chance comes from the environment alone.
def compare(places: dict[str, tuple[str, dict]]) -> dict[str, dict[str, Evaluation]]:
    """Let every player play in all places, an environment id and settings each, and print a table."""
    table: dict[str, dict[str, Evaluation]] = {}
    for who, run in runs.items():
        player = ("by_heart", by_heart) if who == BY_HEART else None
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

# %% The picture of the curves, and the gif of the memorised game: left nothing is random, right actions are sticky.
picture = draw_curves(curves, folder / "curves.png", title="Lesson 4.1: training games, each in its own environment")
recordings = []
for name in ("none", "sticky actions"):
    player = replace(first, player=by_heart, config=with_values(first.config, DIFFERENCES[name][1]))
    recordings.append(
        record(player, env_id=DETERMINISTIC, rows=3, columns=3, seconds=options.seconds, greedy=True),
    )
gif = write_video(side_by_side(recordings), folder / "by_heart.gif")

# %%
own = table[options.environments[0]][options.environments[0]]
finish(
    folder,
    files=[picture, gif],
    **own.facts(),
    table={name: {env: result.facts() for env, result in row.items()} for name, row in table.items()},
    differences={name: {which: result.facts() for which, result in row.items()} for name, row in differences.items()},
    different_scores=different_scores,
    look_at="by_heart.gif, then python lessons/4_tuning/4.2_grid.py",
)
