"""Lesson 7.4: plan instead of react.

You learn: how an agent with a model of the game searches for its next action; what chance does to such a search
(expectimax); why a value function lets it stay shallow; and how search and value function improve each other.
Expect: first a search that knows nothing but the rules, then one whose value network has learned for a minute. Both
play whole games in the twin, then the second plays the real game, in which its state comes from the screens.
Time: about 4 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from rlbreakout.agents import Agent, save_model
from rlbreakout.agents.planner import Planner, ValueNetwork
from rlbreakout.agents.planner.bounces import (
    Played,
    bounce_games,
    meet,
    play_bounces,
    search,
    tree_memory,
)
from rlbreakout.agents.planner.reach import MEETINGS
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import load_config
from rlbreakout.evaluation import evaluate, record, write_video
from rlbreakout.evaluation.plots import Curve, draw_curves
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder


@dataclass
class Options:
    rounds: int = 100
    """Rounds of playing and learning. The champion had 400."""
    games: int = 6
    """Whole games in the emulator."""
    twin_games: int = 10
    """Whole games in the twin, for each of the two planners."""
    seed: int = 0
    """Decides the training."""
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.4_plan)."""


options = read_options(Options, __doc__)
folder = run_folder("7_twin/7.4_plan", options.run_dir)
torch.manual_seed(options.seed)
torch.set_num_threads(1)

# %% The model: where does the ball go? Between two bounces the paddle does not matter, so the twin can tell.
network = ValueNetwork()  # untrained, it expects nothing
down = bounce_games(1)[0]
worth, outcome = np.zeros(len(MEETINGS)), np.zeros(2)
print("The ball comes down for the first time. If the paddle meets it with ...")
for way, name in enumerate(MEETINGS):
    after = down.copy()
    frames = meet(after, way, outcome)
    print(f"  {name:12} it makes {outcome[1]:.0f} points and is back after {frames} frames, at column {after['ball_x'] >> 8}")

# %% The horizon: how many bounces does the search look ahead? Each bounce more takes five times as long.
GAMES, BOUNCES = 256, 64


def generators(seed: int) -> np.ndarray:
    """The state of a random number generator for each game."""
    return np.array(spawn_seeds(seed, GAMES), dtype=np.uint64)


def bricks_a_bounce(depth: int, games: int = 16, bounces: int = 250) -> float:
    """How many bricks a search that looks `depth` bounces ahead breaks a bounce. One bounce in ten is any bounce, or it
    would go round for ever."""
    random = generators(options.seed)[:games]
    played = play_bounces(bounce_games(games), bounces, network.weights(), random, depth=depth, explore=0.1)
    walls = played.features[..., :108].sum(axis=2)
    broken = -np.diff(walls, axis=0)
    return float(broken[broken > 0].sum() / broken.size)


before = {depth: bricks_a_bounce(depth) for depth in (1, 2, 3)}

# %% The value function: what is a position worth after the last bounce that the search sees? It is learned from games
# that the search itself plays. The return of a bounce is what it brings, and what follows: partly what the search found
# (a fifth), partly what then really happened.
LAMBDA = 0.8


def returns(played: Played) -> np.ndarray:
    """The lambda returns `(k, n)`, as in lesson 2.5, with the values that the search found."""
    with torch.no_grad():
        following = network(torch.from_numpy(played.features[-1])).numpy()
    found, result = following, np.zeros_like(played.rewards)
    for k in reversed(range(len(result))):
        following = played.rewards[k] + played.discounts[k] * ((1 - LAMBDA) * found + LAMBDA * following)
        found, result[k] = played.found[k], following
    return result


optimizer = torch.optim.Adam(network.parameters())
games, random = bounce_games(GAMES), generators(options.seed)
memory: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=12)
errors = []
for number in tqdm(range(options.rounds), unit="round"):
    optimizer.param_groups[0]["lr"] = 1e-3 * (1 - number / options.rounds) + 2e-5
    played = play_bounces(games, BOUNCES, network.weights(), random, explore=0.15)
    goals = returns(played)
    memory.append((torch.from_numpy(played.features[:-1]).flatten(0, 1), torch.from_numpy(goals).flatten()))
    with torch.no_grad():
        errors.append((network(memory[-1][0]) - memory[-1][1]).abs().mean().item())
    features, targets = (torch.cat(parts) for parts in zip(*memory, strict=True))
    for _ in range(64):
        chosen = torch.randint(len(features), (1024,))
        loss = torch.nn.functional.smooth_l1_loss(network(features[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

after = {depth: bricks_a_bounce(depth) for depth in before}
print("\nbricks a bounce    without a value function    with the learned one")
for depth in before:
    print(f"  {depth} bounces ahead {before[depth]:21.2f} {after[depth]:24.2f}")

# %% Chance: the search over the joystick. It tries every action in every step until the ball is down, and weighs what
# sticky actions can do: in a step of 4 frames the last action can be repeated in the first 0, 1, 2, 3 or 4.
config = load_config(CONFIGS / "7.4_plan.yaml")
planners = {"without": Planner(ValueNetwork()), "learned": Planner(network)}
results = {}
for name, planner in planners.items():
    results[name] = evaluate(Agent(planner, config, name), env="twin", games=options.twin_games, seed=options.seed)
    print(f"value function {name}: {results[name]}", flush=True)

# %% The real game. The planner still sees no memory: its state is inferred from screens and its own actions.
agent = Agent(planners["learned"], config, "planner")
results["real"] = evaluate(agent, games=options.games, seed=options.seed, progress_bar=True)
print(results["real"])

# %%
save_model(agent.player, folder / "planner", config, steps=options.rounds * GAMES * BOUNCES)
curve = draw_curves(
    {"error": Curve(np.arange(options.rounds), np.array(errors))},
    folder / "error.png",
    title="Lesson 7.4: how far the value network is off",
    x_label="rounds",
    y_label="mean absolute error (bricks)",
)
gif = write_video(record(agent, seconds=20, from_points=380, speed=8, seed=options.seed), folder / "planner.gif")
finish(
    folder,
    files=[gif, curve],
    **results["real"].facts(),
    results={name: result.facts() for name, result in results.items()},
    bricks_a_bounce={"without": before, "learned": after},
    look_at="the gif, and how the paddle waits where several ways are still open; rlbreakout watch shows what each "
    "action is worth",
)
