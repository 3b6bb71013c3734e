"""Lesson 4.1: one game, three environments. Who learned to play, and who memorised a game?

You learn: what overfitting is in reinforcement learning, and why a score means nothing without its environment.
Expect: a picture of agents that train in the deterministic game and are measured in three environments on the way, a
table of who scores what where, and a gif: nine games that are all the same, beside nine of the same player in a game
that sometimes disobeys.
Time: 3 minutes on two cores. With pictures, as its page describes, a quarter of an hour. You can stop it at any time:
run it again, and it continues.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rlbreakout.agents import Player, load_agent
from rlbreakout.config import Config, load_config, with_values
from rlbreakout.evaluation import Evaluation, evaluate, evaluate_once, record, write_video
from rlbreakout.evaluation.evaluate import summarize
from rlbreakout.evaluation.plots import Curve, draw_bands
from rlbreakout.evaluation.video import side_by_side
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder
from rlbreakout.training import train_several

# %% Three environments. In the first one nothing is random: the same actions make the same game.
DETERMINISTIC, STICKY = "BreakoutNoFrameskip-v4", "ALE/Breakout-v5"
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    DETERMINISTIC: {"env.noop_max": 0},  # holds an action for exactly 4 frames
    "Breakout-v4": {"env.noop_max": 30},  # holds it for 2, 3 or 4 frames, drawn at every step
    STICKY: {"env.noop_max": 30},  # repeats the previous action with probability 0.25 in every frame
}
TRAINED_IN = (DETERMINISTIC, STICKY)


@dataclass
class Options:
    sees: Literal["coordinates", "picture"] = "coordinates"
    """What the agents see: lesson 3.4's coordinates, or lesson 3.3's picture with the aimbot, which takes longer."""
    steps: int = 150_000
    """Agent steps to train each agent for."""
    ent_coef: float | None = None
    """Entropy bonus (default: that of lesson 3.3 or 3.4)."""
    seed: int = 0
    """The first seed."""
    seeds: int = 5
    """Agents in each of two environments, one a seed."""
    games: int = 20
    """Whole games of an evaluation, shared out among the seeds."""
    seconds: float = 20.0
    """Longest game time of the gif."""
    workers: int | None = None
    """Trainings at a time (default: one a core)."""
    run_dir: Path | None = None
    """Run folder (default: runs/4_tuning/4.1_env_comparison); what is already in it is continued."""


options = read_options(Options, __doc__)
folder = run_folder("4_tuning/4.1_env_comparison", options.run_dir, resume=True)
seeds = range(options.seed, options.seed + options.seeds)
games_each = max(1, options.games // options.seeds)


# %% Train in the deterministic game, and in the one with sticky actions. Everything else is the same.
def run_of(env_id: str, seed: int) -> Path:
    return folder / f"{env_id.replace('/', '_')}_{seed}"


def config(env_id: str, seed: int) -> Config:
    settings = {"run.lesson": "4_tuning", "run.name": run_of(env_id, seed).name, "seed": seed, "steps": options.steps}
    settings |= {"run.checkpoint_every": options.steps // 6, "evaluation.every": 0}
    settings |= {"env.id": env_id, **ENVIRONMENTS[env_id]}
    if options.ent_coef is not None:
        settings["ppo.ent_coef"] = options.ent_coef
    base = {"coordinates": "3.4_coordinates.yaml", "picture": "3.3_aimbot.yaml"}[options.sees]
    return with_values(load_config(CONFIGS / base), settings)


configs = {run_of(env_id, seed): config(env_id, seed) for seed in seeds for env_id in TRAINED_IN}
for number, run in enumerate(train_several(configs, workers=options.workers), 1):
    print(f"[{number}/{len(configs)}] {run.name} is trained", flush=True)


# %% How good were the agents of the deterministic game on the way? Their checkpoints play in all three environments, in
# the twin, because that is faster.
def on_the_way(run: Path, env_id: str) -> Iterator[tuple[int, float]]:
    for checkpoint in sorted((run / "checkpoints").iterdir()):
        agent = load_agent(checkpoint)
        there = replace(agent, config=with_values(agent.config, ENVIRONMENTS[env_id]))
        yield int(checkpoint.name), evaluate(there, env="twin", env_id=env_id, games=games_each).mean


curves: dict[str, list[Curve]] = {}
for env_id in ENVIRONMENTS:
    print(f"the agents of the deterministic game play in {env_id}", flush=True)
    for seed in seeds:
        steps, scores = zip(*on_the_way(run_of(DETERMINISTIC, seed), env_id), strict=True)
        curves.setdefault(f"plays in {env_id}", []).append(Curve(np.array(steps), np.array(scores)))
picture = draw_bands(
    curves, folder / "curves.png", title=f"Lesson 4.1: {options.sees}, trained in {DETERMINISTIC} (band: seeds)"
)


# %% A player that has learned nothing: it repeats the actions of one game of the first agent, whatever it sees.
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


first = load_agent(run_of(DETERMINISTIC, options.seed) / "last")
noting = Noting(first.player)
copied = evaluate(replace(first, player=noting), env_id=DETERMINISTIC, games=1)
memorised = Memorised(noting.actions)

# %% Everybody plays everywhere, in the emulator, with actions drawn from the policy.
table: dict[str, dict[str, list[Evaluation]]] = {}
for env_id, settings in ENVIRONMENTS.items():
    for where in TRAINED_IN:
        print(f"trained in {where}, plays in {env_id}", flush=True)
        played = [
            evaluate_once(run_of(where, seed), games=games_each, env_id=env_id, settings=settings) for seed in seeds
        ]
        table.setdefault(where, {})[env_id] = played
    of_list = evaluate_once(
        run_of(DETERMINISTIC, options.seed),
        games=options.games,
        env_id=env_id,
        settings=settings,
        player=("memorised", memorised),
    )
    table.setdefault("nowhere: one memorised game", {})[env_id] = [of_list]

print(f"\n{'trained in':28}" + "".join(f"{f'plays in {place}':>36}" for place in ENVIRONMENTS))
for who, results in table.items():
    cells = (" ".join(f"{result.mean:.1f}" for result in played) for played in results.values())
    print(f"{who:28}" + "".join(f"{cell:>36}" for cell in cells))

# %% The gif of the memorised game. Left: nothing is random. Right: actions are sticky.
recordings = []
for sticky in (0.0, 0.25):
    there = with_values(first.config, {"env.noop_max": 0, "env.repeat_action_probability": sticky})
    player = replace(first, player=memorised, config=there)
    recordings.append(record(player, env_id=DETERMINISTIC, rows=3, columns=3, seconds=options.seconds))
gif = write_video(side_by_side(recordings), folder / "memorised.gif")

# %% All games that the agents of the deterministic game played with sticky actions, together.
shown = table[DETERMINISTIC][STICKY]
all_games = summarize(
    [score for result in shown for score in result.scores],
    env_id=STICKY,
    seed=0,
    greedy=False,
    stalled=sum(result.stalled for result in shown),
    speed=0.0,
)
finish(
    folder,
    files=[picture, gif],
    **all_games.facts(),
    table={name: {env: [one.facts() for one in played] for env, played in row.items()} for name, row in table.items()},
    on_the_way={
        name: [{"steps": curve.x.tolist(), "scores": curve.y.tolist()} for curve in found]
        for name, found in curves.items()
    },
    copied_game=copied.mean,
    look_at="curves.png and memorised.gif, then python lessons/4_tuning/4.2_grid.py",
)
