"""Lesson 7.4: plan instead of react.

You learn: how an agent that has a model of the game searches for its next action; what chance does to such a search
(expectimax); why a value function lets it stay shallow; and how search and value function improve each other.
Expect: a search that knows nothing but the rules, and then the same one with a value function that it has learned from
its own games. Both play whole games in the twin, and the second plays the real game, where it sees only screens.
Time: 2 to 3 minutes on two cores.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from tqdm.auto import tqdm

from rlbreakout.agents import Agent, save_model
from rlbreakout.agents.planner import Planner, ValueNetwork
from rlbreakout.agents.planner.bounces import BRICKS, Played, bounce_games, meet, play_bounces
from rlbreakout.agents.planner.reach import LEFT_OF_MIDDLE, MEETINGS
from rlbreakout.breakout.ahead import flight_path
from rlbreakout.breakout.draw import draw_rgb
from rlbreakout.breakout.rules import PIXEL_BITS, bounce
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import load_config
from rlbreakout.evaluation import Evaluation, evaluate, record, write_video
from rlbreakout.lesson import CONFIGS, finish, read_options, run_folder


@dataclass
class Options:
    rounds: int = 60
    """Rounds of playing and learning. The champion had 400."""
    games: int = 4
    """Whole games in the emulator."""
    twin_games: int = 4
    """Whole games in the twin, for each of the two planners."""
    seed: int = 0
    """Decides the training."""
    run_dir: Path | None = None
    """Run folder (default: runs/7_twin/7.4_plan)."""


options = read_options(Options, __doc__)
folder = run_folder("7_twin/7.4_plan", options.run_dir)
torch.manual_seed(options.seed)
torch.set_num_threads(1)

# %% The model. Where does the ball fly if the paddle meets it with its left or its right half, far from the middle or
# near it? Until the ball is down again, nothing else matters, so the twin can tell.
GAMES, BOUNCES = 256, 64
network = ValueNetwork()  # untrained, it expects nothing


def generators(seed: int) -> np.ndarray:
    """The state of a random number generator for each game."""
    return np.array(spawn_seeds(seed, GAMES), dtype=np.uint64)


games = bounce_games(1)
play_bounces(games, 5, network.weights(), generators(options.seed)[:1], explore=1.0)
down, outcome, path = games[0], np.zeros(2), np.zeros((600, 2), dtype=np.int32)
figure, axes = plt.subplots(figsize=(4, 5.3), layout="constrained")
axes.imshow(draw_rgb(games)[0])
print("A ball has come down. If the paddle meets it with its ...")
for way, name in enumerate(MEETINGS):
    after, flight = down.copy(), down.copy()
    frames = meet(after, way, outcome)
    print(f"  {name:12} it makes {outcome[1]:2.0f} points and is back after {frames:3} frames, at column "
          f"{after['ball_x'] >> PIXEL_BITS:3}")  # fmt: skip
    bounce(flight, LEFT_OF_MIDDLE[way])
    columns, rows = path[: flight_path(flight, path)].T
    axes.plot(columns + 1, rows + 2, linewidth=1.5, label=name)
axes.axis("off")
axes.legend(loc="lower center", ncols=3, fontsize="small", bbox_to_anchor=(0.5, -0.12))
figure.savefig(folder / "ways.png", dpi=110)

# %% The horizon. How many bounces does the search look ahead? One more takes five times as long.


def bricks_a_bounce(depth: int) -> float:
    """What a search that looks `depth` bounces ahead breaks. One bounce in ten is any bounce, or it would go round for
    ever."""
    random = generators(options.seed)[:16]
    played = play_bounces(bounce_games(16), 250, network.weights(), random, depth=depth, explore=0.1)
    broken = -np.diff(played.features[..., :BRICKS].sum(axis=2), axis=0)
    return float(broken[broken > 0].sum() / broken.size)


DEPTHS = (1, 2, 3)
before = {depth: bricks_a_bounce(depth) for depth in DEPTHS}

# %% The value function: what is a ball worth that comes down after the last bounce that the search looks at? It learns
# from games that the search itself plays. The return of a bounce is what it brings, and what follows: for one fifth
# what the search expected, for the rest what then happened.
LAMBDA = 0.8


def returns(played: Played) -> np.ndarray:
    """Lambda returns `(bounces, games)`, as in lesson 2.5, with the values that the search found."""
    with torch.no_grad():
        value = following = network(torch.from_numpy(played.features[-1])).numpy()
    result = np.zeros_like(played.rewards)
    for k in reversed(range(len(result))):
        following = played.rewards[k] + played.discounts[k] * ((1 - LAMBDA) * value + LAMBDA * following)
        value, result[k] = played.found[k], following
    return result


# Policy improvement: with a better value function the search plays better, and from its games the value function learns
# more. This is the circle of AlphaZero and of expert iteration.
optimizer = torch.optim.Adam(network.parameters())
games, random = bounce_games(GAMES), generators(options.seed)
memory: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=12)
for number in tqdm(range(options.rounds), unit="round"):
    played = play_bounces(games, BOUNCES, network.weights(), random, explore=0.15)
    targets = torch.from_numpy(returns(played)).flatten()
    memory.append((torch.from_numpy(played.features[:-1]).flatten(0, 1), targets))
    features, targets = (torch.cat(parts) for parts in zip(*memory, strict=True))
    optimizer.param_groups[0]["lr"] = 1e-3 * (1 - number / options.rounds) + 2e-5
    for _ in range(64):
        chosen = torch.randint(len(features), (1024,))
        loss = torch.nn.functional.smooth_l1_loss(network(features[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

config = load_config(CONFIGS / "7.4_champion.yaml")
save_model(Planner(network), folder / "planner", config, steps=options.rounds * GAMES * BOUNCES)
after_learning = {depth: bricks_a_bounce(depth) for depth in DEPTHS}
print("\nbricks a bounce    without a value function    with a learned one")
for depth in DEPTHS:
    print(f"{depth} bounces ahead {before[depth]:23.2f} {after_learning[depth]:23.2f}")

# %% Chance. Before the ball is down, a second search looks for the way there: it tries every action in every step, and
# weighs what sticky actions can do. In a step of 4 frames the last action is repeated in the first 0, 1, 2, 3 or 4.
planners = {"without": Planner(ValueNetwork()), "learned": Planner(network)}
results: dict[str, Evaluation] = {}
for name, planner in planners.items():
    agent = Agent(planner, config, name)
    results[name] = evaluate(agent, env="twin", games=options.twin_games, seed=options.seed)
    print(f"value function {name}: {results[name]}", flush=True)

# %% The real game. The planner reads no memory of the console: its state is inferred from screens and its own actions.
results["real"] = evaluate(agent, games=options.games, seed=options.seed, progress_bar=True)
print(results["real"])
gif = write_video(record(agent, seconds=20, from_points=380, speed=8, seed=options.seed), folder / "planner.gif")
finish(
    folder,
    files=[gif, folder / "ways.png"],
    **results["real"].facts(),
    results={name: result.facts() for name, result in results.items()},
    bricks_a_bounce={"without": before, "learned": after_learning},
    look_at="the gif; then rlbreakout watch champion, which shows what each action is worth to a planner",
)
