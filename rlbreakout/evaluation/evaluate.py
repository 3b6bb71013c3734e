"""How well an agent plays: scores of whole games."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from loky import ProcessPoolExecutor
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from rlbreakout.agents.players import Agent, Player
from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.breakout.guard import check_twin
from rlbreakout.common.errors import UserError
from rlbreakout.common.files import write_atomically
from rlbreakout.common.processes import end_with, processes_at_once
from rlbreakout.common.random import spawn_seeds
from rlbreakout.config import Config, check_env_id, check_seed, with_values
from rlbreakout.envs import make_evaluation_env
from rlbreakout.envs.twin_vec_env import TwinVecEnv

GAMES_A_SHARE = 10
"""The games of an evaluation in the emulator are played in shares of this size, one share a core at a time; those of a
share are played side by side."""

EVALUATION_ENVS = ("ale", "twin")

BOOTSTRAP_SAMPLES = 10_000


@dataclass(frozen=True)
class Evaluation:
    """Scores of whole games, in points, and what must be known to compare them."""

    env_id: str
    games: int
    seed: int
    greedy: bool
    mean: float
    std: float
    """Standard deviation over games (of the sample, ddof 0)."""
    median: float
    ci95: tuple[float, float]
    """95% bootstrap interval of the mean."""
    min: float
    max: float
    stalled: int
    """Games that were truncated because no point was scored for STALLED_AFTER agent steps."""
    scores: list[float]
    steps_per_second: float
    """Agent steps of the counted games per second of wall-clock time."""
    env: str = "ale"
    """Where the games were played: ale, the emulator, or twin."""

    @property
    def where(self) -> str:
        """The environment's id; a score of the twin is always labelled so."""
        return self.env_id if self.env == "ale" else f"twin of {self.env_id}"

    @property
    def lower_quartile(self) -> float:
        return lower_quartile(self.scores)

    def __str__(self) -> str:
        how = "greedy" if self.greedy else "sampled"
        return (
            f"{self.mean:.1f} points a game [{self.ci95[0]:.1f}, {self.ci95[1]:.1f}] on {self.where}, {self.games} "
            f"games from seed {self.seed}, {how}; median {self.median:.1f}, {self.min:.0f} to {self.max:.0f}, "
            f"{self.stalled} stalled"
        )

    def scalars(self) -> dict[str, float]:
        """What TensorBoard shows of an evaluation."""
        tag = "eval" if self.env == "ale" else "eval_twin"
        return {f"{tag}/{name}": getattr(self, name) for name in ("mean", "median", "lower_quartile", "stalled")}

    def facts(self) -> dict[str, Any]:
        """The score, and what must be said with it."""
        how = {"env_id": self.env_id, "games": self.games, "seed": self.seed, "greedy": self.greedy}
        if self.env != "ale":
            how["env"] = self.env
        return {"score": self.mean, "ci95": self.ci95, "stalled": self.stalled, **how}

    def write_json(self, path: Path) -> None:
        write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")


def lower_quartile(scores: list[float]) -> float:
    """The 25th percentile of the scores."""
    return float(np.percentile(scores, 25))


def bootstrap_interval(scores: list[float]) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean, the same at every call."""
    values = np.asarray(scores, dtype=float)
    draws = np.random.default_rng(0).integers(len(values), size=(BOOTSTRAP_SAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


@contextmanager
def separate_randomness(seed: int) -> Iterator[None]:
    """Seed every global random generator with `seed` inside, and put them back as they were afterwards.

    Without it an evaluation in the middle of a training would change the training.
    """
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def play_games(
    player: Player, env: VecEnv, games: int, *, seed: int, greedy: bool, progress: Callable[[], object] = lambda: None
) -> tuple[list[float], list[int], int]:
    """Play `games` whole games on an evaluation environment that `seed` was given to, and call `progress` after each.

    Each of the side-by-side environments plays its fixed share of the games: counting the first games to end would
    favour short, bad ones. Returns scores (points), lengths (agent steps) and the number of stalled games.
    """
    stalled = 0

    def count(local: dict[str, Any], _: dict[str, Any]) -> None:
        nonlocal stalled
        if local["done"] and "episode" in local["info"]:
            stalled += bool(local["info"]["episode"]["stalled"])
            progress()

    if not isinstance(env.unwrapped, TwinVecEnv):  # in which games that nobody waits for cost next to nothing
        for place in range(env.num_envs):  # shared out as evaluate_policy does it
            env.env_method("set_wrapper_attr", "games_left", (games + place) // env.num_envs, indices=place)
    with separate_randomness(seed):
        scores, lengths = evaluate_policy(
            player, env, n_eval_episodes=games, deterministic=greedy, callback=count, return_episode_rewards=True
        )
    assert isinstance(scores, list) and isinstance(lengths, list)
    return [float(score) for score in scores], lengths, stalled


def evaluate(
    agent: Agent,
    *,
    env: str = "ale",
    env_id: str | None = None,
    games: int = 100,
    seed: int = 0,
    greedy: bool = False,
    progress_bar: bool = False,
) -> Evaluation:
    """Play `games` whole games with `agent` on `env_id` (by default the id that it was trained on).

    env: `ale`, the emulator, on all cores, or `twin`. The games that a seed means are the same on every machine. Raises
    UserError for fewer than one game, an id that is not Breakout, or another env.
    """
    if games < 1:
        raise UserError(f"games is {games}; allowed: 1 or more")
    if env not in EVALUATION_ENVS:
        raise UserError(f"env is {env!r}; allowed: {', '.join(EVALUATION_ENVS)}")
    check_seed(seed)
    env_id = check_env_id(env_id or agent.config.env.id)
    if env == "twin":
        check_twin()
    if isinstance(agent.player, BaseAlgorithm):
        agent = replace(agent, player=_without_games(agent.player))
    start = time.perf_counter()
    with tqdm(total=games, desc="evaluating", unit="game", disable=not progress_bar) as bar:
        if env == "twin":
            played = [_play_share(agent, env, env_id, games, seed, 0, greedy, bar.update)]
        else:
            firsts = range(0, games, GAMES_A_SHARE)
            calls = [(agent, env, env_id, min(GAMES_A_SHARE, games - n), seed, n, greedy) for n in firsts]
            played = []
            for share in _on_all_cores(calls):
                bar.update(len(share.scores))
                played.append(share)
    seconds = time.perf_counter() - start
    return summarize(
        [score for share in played for score in share.scores],
        env=env,
        env_id=env_id,
        seed=seed,
        greedy=greedy,
        stalled=sum(share.stalled for share in played),
        speed=sum(share.steps for share in played) / seconds,
    )


def _without_games(model: BaseAlgorithm) -> BaseAlgorithm:
    """A copy of `model` that only plays: its games, its log and its memory cannot be sent to another process."""
    player = copy(model)
    player.env = None
    player.set_logger(Logger(None, []))
    for memory in ("rollout_buffer", "replay_buffer"):
        setattr(player, memory, None)
    return player


class Played(NamedTuple):
    """What came of a share of the games."""

    scores: list[float]
    steps: int
    """Agent steps."""
    stalled: int


def _on_all_cores(calls: list[tuple[Any, ...]]) -> Iterator[Played]:
    """The results of `_play_share` for each of `calls`, in order, one call a core at a time."""
    workers = processes_at_once(len(calls))
    if workers < 2:
        yield from (_play_share(*call) for call in calls)
        return
    with ProcessPoolExecutor(workers, initializer=_begin_worker, initargs=(os.getpid(),)) as processes:
        try:
            yield from processes.map(_play_share, *zip(*calls, strict=True))
        except BaseException:
            processes.shutdown(kill_workers=True)  # Ctrl-C does not wait for games
            raise


def _begin_worker(parent: int) -> None:
    """Leave Ctrl-C to the process that waits for the games, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)


def _play_share(
    agent: Agent,
    env: str,
    env_id: str,
    games: int,
    seed: int,
    first: int,
    greedy: bool,
    progress: Callable[[], object] = lambda: None,
) -> Played:
    """Play some games of an evaluation side by side, the first of which has the number `first`, on one thread of torch:
    the networks are small, and the other cores play other games."""
    (own_seed,) = spawn_seeds(seed, 1, first)
    if hasattr(agent.player, "reseed"):  # it has a random number generator of its own
        agent.player.reseed(own_seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    games_of_seed = make_evaluation_env(
        agent.config, n_envs=games, seed=seed, env_id=env_id, twin=env == "twin", first=first
    )
    try:
        scores, lengths, stalled = play_games(
            agent.player, games_of_seed, games, seed=own_seed, greedy=greedy, progress=progress
        )
    finally:
        games_of_seed.close()
        torch.set_num_threads(threads)
    return Played(scores, sum(lengths), stalled)


def summarize(
    scores: list[float], *, env_id: str, seed: int, greedy: bool, stalled: int, speed: float, env: str = "ale"
) -> Evaluation:
    """The statistics of `scores`."""
    return Evaluation(
        env_id=env_id,
        games=len(scores),
        seed=seed,
        greedy=greedy,
        mean=float(np.mean(scores)),
        std=float(np.std(scores)),
        median=float(np.median(scores)),
        ci95=bootstrap_interval(scores),
        min=min(scores),
        max=max(scores),
        stalled=stalled,
        scores=scores,
        steps_per_second=round(speed, 1),
        env=env,
    )


def make_env_on_the_way(config: Config) -> VecEnv:
    """The environment in which a training is evaluated on the way."""
    settings = config.evaluation
    return make_evaluation_env(
        config,
        n_envs=min(settings.games, settings.n_envs),
        seed=config.evaluation_seed,
        env_id=config.evaluation_env_id,
        twin=settings.env == "twin",
    )


def evaluate_on_the_way(player: Player, config: Config, env: VecEnv) -> Evaluation:
    """Let `player` play the games of `config.evaluation` in `env`, which `make_env_on_the_way` has made."""
    seed, greedy = config.evaluation_seed, config.evaluation.greedy
    env.seed(seed)
    scores, _, stalled = play_games(player, env, config.evaluation.games, seed=seed, greedy=greedy)
    return summarize(
        scores,
        env=config.evaluation.env,
        env_id=config.evaluation_env_id,
        seed=seed,
        greedy=greedy,
        stalled=stalled,
        speed=0.0,
    )


def evaluate_once(
    run: Path,
    *,
    games: int,
    env: str = "ale",
    seed: int = 0,
    greedy: bool = False,
    env_id: str | None = None,
    settings: Mapping[str, Any] | None = None,
    player: tuple[str, Player] | None = None,
) -> Evaluation:
    """Evaluate the last model of a run folder, and keep the result there; the next call with the same values reads it.

    env: `ale` or `twin`; env_id: where it plays (default: where it was trained); settings: what is different there,
    by dotted keys of the config, such as `env.noop_max`; player: who plays instead of the model, and a name for it.
    Raises UserError as `evaluate` and `load_agent` do.
    """
    where = [] if env_id is None else [env_id.replace("/", "_")]
    different = [f"{key}={value}" for key, value in (settings or {}).items()]
    who = [*([] if player is None else [player[0]]), *([] if env == "ale" else [env])]
    parts = [*who, f"{games}_games_seed_{seed}", *(["greedy"] if greedy else []), *where, *different]
    file = run / f"evaluation_{trained_steps(run / 'last')}_steps_{'_'.join(parts)}.json"
    if not file.exists():
        agent = load_agent(run / "last")
        there = replace(agent, config=with_values(agent.config, settings or {}))
        if player is not None:
            there = replace(there, player=player[1])
        evaluate(there, env=env, env_id=env_id, games=games, seed=seed, greedy=greedy).write_json(file)
    return Evaluation(**json.loads(file.read_text(encoding="utf-8")))
