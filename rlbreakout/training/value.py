"""The loop of the value-based agent: play, remember, learn; from a config to a run folder.

A run folder holds what that of PPO holds, and `metrics.csv`: a row every LOG_EVERY agent steps.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv
from torch.utils.tensorboard import SummaryWriter
from tqdm.auto import tqdm

from rlbreakout.agents.save_load import has_model, load_weights, read_counters, restore, save_model
from rlbreakout.agents.value.agent import Learned, ValueAgent, channels_first
from rlbreakout.agents.value.replay import Game, GameMemory, NothingToLearnYet, TransitionMemory, game_values
from rlbreakout.config import Config
from rlbreakout.envs import make_vec_env
from rlbreakout.training.divergence import Diverged
from rlbreakout.training.interrupts import save_at_the_end
from rlbreakout.training.malloc import keep_freed_memory
from rlbreakout.training.recorder import Recorder, append_row, count_due

LOG_EVERY = 2_000
"""Agent steps between two rows of metrics.csv."""
GAMES_IN_THE_MEAN = 100
"""Of the training's score."""
METRICS = ("steps", "games", "score", "epsilon", "loss", "q", "updates", "steps_per_second")
METRICS_FILE = "metrics.csv"


def train_value_agent(
    config: Config, folder: Path, *, resume: bool = False, weights: Path | None = None, progress_bar: bool = True
) -> ValueAgent:
    """Train up to `config.steps` agent steps and leave the run in `folder`.

    weights: a model folder; the training begins with its weights. With `resume` weights, optimizer and counts come from
    its `last/`; the memory is filled anew before it learns on. Raises UserError if the memory or the network does not
    fit, Diverged if the loss is no longer a number; SystemExit(130) after Ctrl-C, with `last/` saved.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(config.run.threads or threads)
    env = make_vec_env(config, monitor_dir=folder)
    try:
        device = get_device(config.run.device)
        agent = ValueAgent(config, env.observation_space, env.action_space, n_envs=env.num_envs, device=device)
        if weights is not None:
            load_weights(agent, weights)
            agent.reset_target()
        if resume:
            restore(agent, folder / "last")
            counters = read_counters(folder / "last")
            agent.games, agent.updates = counters.get("games", 0), counters.get("updates", 0)
            agent.reset_target()
            env.seed(config.seed + agent.num_timesteps)
        keep_freed_memory()

        def save(to: Path) -> Path:
            counters = {"games": agent.games, "updates": agent.updates, "learned_at": int(1000 * time.time())}
            return save_model(agent, to, config, counters=counters)

        with save_at_the_end(save, lambda: agent.num_timesteps, config, folder):
            if config.run.checkpoint_every and not has_model(folder / "last"):
                save(folder / "last")  # something to resume from the start
            with SummaryWriter(str(folder)) as writer:
                training = Training(agent, env, folder, writer, progress_bar=progress_bar)
                recorder = Recorder(
                    agent, config, folder, save=save, write_scalars=training.write_scalars, writer=writer
                )
                try:
                    training.run(recorder)
                finally:
                    recorder.close()
    finally:
        env.close()
        torch.set_num_threads(threads)
    return agent


class Training:
    """Plays all games of `env` a step at a time, and learns as often as the config says."""

    def __init__(
        self, agent: ValueAgent, env: VecEnv, folder: Path, writer: SummaryWriter, *, progress_bar: bool = False
    ) -> None:
        self.agent, self.env, self.folder, self.config, self.writer = agent, env, folder, agent.config, writer
        self.settings = agent.settings
        n = env.num_envs
        self._episodes = [_Episode() for _ in range(n)]
        self._lives = np.zeros(n, dtype=int)
        self._scores: deque[float] = deque(maxlen=GAMES_IN_THE_MEAN)
        self._learned: list[Learned] = []
        self._first_steps, self._first_games = agent.num_timesteps, agent.games
        self._start = time.perf_counter()
        self._progress_bar = progress_bar

    def run(self, recorder: Recorder) -> None:
        """Train up to the config's agent steps."""
        agent, total = self.agent, self.config.steps
        recorder.start(agent.num_timesteps)
        with tqdm(total=total, initial=agent.num_timesteps, unit="step", disable=not self._progress_bar) as bar:
            observations = self.env.reset()
            while agent.num_timesteps < total:
                before = agent.num_timesteps
                observations = self.step(observations)
                bar.update(agent.num_timesteps - before)
                if count_due(before, agent.num_timesteps, LOG_EVERY) or agent.num_timesteps >= total:
                    bar.set_postfix(self.log())
                recorder.after_step(agent.num_timesteps)
        recorder.finish(agent.num_timesteps)

    def write_scalars(self, scalars: dict[str, float], steps: int) -> None:
        """Show numbers in TensorBoard at an agent step; what a killed process has not written is lost."""
        for tag, value in scalars.items():
            self.writer.add_scalar(tag, value, steps)
        self.writer.flush()

    def step(self, observations: Any) -> Any:
        """One step of all games, remembered, and the training calls that are due. Returns the next observations."""
        agent, settings = self.agent, self.settings
        games_before, steps_before = agent.games, agent.num_timesteps
        actions = agent.act(observations, agent.epsilon)
        next_observations, points, dones, infos = self.env.step(actions)
        truncated = np.array([bool(info.get("TimeLimit.truncated")) for info in infos]) & dones
        terminated = dones & ~truncated
        lives = np.array([info["lives"] for info in infos])
        rewards = points + settings.life_reward * ((lives < self._lives) | terminated)
        self._lives = np.where(dones, 0, lives)
        pictures = channels_first(observations[..., -agent.picture[0] :])
        self.remember(pictures, actions, rewards.astype(np.float32), terminated, truncated, infos)
        agent.num_timesteps += len(actions)
        if settings.memory == "games":
            self.train(games_before, agent.games, agent.games - self._first_games)
        else:
            self.train(steps_before, agent.num_timesteps, agent.num_timesteps - self._first_steps)
        return next_observations

    def remember(
        self,
        pictures: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        infos: Sequence[dict[str, Any]],
    ) -> None:
        """Put a step of all games into the memory; whole games when they are over."""
        agent, settings = self.agent, self.settings
        use_returns = settings.targets == "returns"
        if isinstance(agent.memory, TransitionMemory):
            # With returns the punishment is what comes after the last reward.
            extra = 0.0 if use_returns else settings.punishment
            agent.memory.add(
                pictures, actions, rewards + extra * terminated, terminated, truncated, ready=not use_returns
            )
        for number, (episode, info) in enumerate(zip(self._episodes, infos, strict=True)):
            if use_returns or settings.memory == "games":
                episode.rewards.append(float(rewards[number]))
            if settings.memory == "games":
                episode.pictures.append(pictures[number].copy())
                episode.actions.append(int(actions[number]))
            if "episode" in info:
                score = float(info["episode"]["r"])
                agent.games += 1
                self._scores.append(score)
                self._game_over(number, score, bool(truncated[number]))
                self._episodes[number] = _Episode()

    def _game_over(self, number: int, score: float, truncated: bool) -> None:
        memory, episode, settings = self.agent.memory, self._episodes[number], self.settings
        if not episode.rewards:  # transitions that are learned from with their rewards are in the memory already
            return
        values = game_values(
            np.array(episode.rewards),
            truncated=truncated,
            use_returns=settings.targets == "returns",
            discount=settings.discount,
            punishment=settings.punishment,
        )
        if isinstance(memory, GameMemory):
            memory.add(Game(np.stack(episode.pictures), np.array(episode.actions), values, score), self.agent.games)
        elif isinstance(memory, TransitionMemory):
            memory.complete(number, values)

    def train(self, before: int, now: int, since_the_start: int) -> None:
        """The training calls and copies of the network that fall between two counts, of games or of agent steps.

        Raises Diverged if the loss is no longer a number.
        """
        agent, settings = self.agent, self.settings
        if since_the_start < settings.start_training:
            return
        for _ in range(count_due(before, now, settings.train_every)):
            try:
                learned = agent.learn()
            except NothingToLearnYet:
                break
            if not np.isfinite(learned.loss):
                self._stop(learned.loss)
            self._learned.append(learned)
        if count_due(before, now, settings.target_reset):
            agent.reset_target()

    def _stop(self, loss: float) -> None:
        what = f"the loss is {loss}"
        raise Diverged(what, self.agent.num_timesteps, self.folder, "a smaller value.optimizer.learning_rate or reward")

    def log(self) -> dict[str, str]:
        """Write where the training stands to TensorBoard and `metrics.csv`; returns what the progress bar shows."""
        agent = self.agent
        seconds = time.perf_counter() - self._start
        values: dict[str, float] = {
            "steps": agent.num_timesteps,
            "games": agent.games,
            "score": float(np.mean(self._scores)) if self._scores else np.nan,
            "epsilon": agent.epsilon,
            "loss": float(np.mean([one.loss for one in self._learned])) if self._learned else np.nan,
            "q": float(np.mean([one.q for one in self._learned])) if self._learned else np.nan,
            "updates": agent.updates,
            "steps_per_second": (agent.num_timesteps - self._first_steps) / seconds,
        }
        self._learned.clear()
        tags = {
            "score": "rollout/ep_rew_mean",
            "games": "rollout/games",
            "epsilon": "train/epsilon",
            "loss": "train/loss",
            "q": "train/q",
            "updates": "train/updates",
            "steps_per_second": "time/fps",
        }
        scalars = {tag: values[name] for name, tag in tags.items() if np.isfinite(values[name])}
        self.write_scalars(scalars, agent.num_timesteps)
        append_row(self.folder / METRICS_FILE, METRICS, [_cell(values[name]) for name in METRICS])
        return {name: f"{values[name]:.3g}" for name in ("score", "epsilon", "loss")}


class _Episode:
    """What a memory needs of a game that is still played."""

    def __init__(self) -> None:
        self.pictures, self.actions, self.rewards = list[np.ndarray](), list[int](), list[float]()


def _cell(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.0f}" if value == int(value) else f"{value:.5g}"
