"""Games of Breakout that one process plays, one after the other, in the emulator.

All that happens to a game in training happens here: an action is held, a ball launched, a lost life ends an episode, a
game that is over begins anew; and what the agent sees of it is made here. BreakoutVecEnv lets several processes do this
at once (game_processes.py). Nothing here needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from rlbreakout.breakout.emulator import load_emulator
from rlbreakout.breakout.rules import LAST_FRAME
from rlbreakout.breakout.screen import HEIGHT, MOST_POINTS, WIDTH, Finds, Found
from rlbreakout.config import BREAKOUT_IDS, Config
from rlbreakout.observation import FIRE, NO_ACTION, NOOP, Observation, Observer, one_channel
from rlbreakout.starts import FRESH, Save, Starts

MOST_FRAMES = LAST_FRAME
"""Frames after which a game is truncated: the console's clock runs over, and it never comes back."""
MOST_STARTS_KEPT = 100
"""States in which games start. Frames of no action beyond them are played anew each time."""


@dataclass
class Step:
    """What came of a step of n games."""

    observation: Observation
    rewards: np.ndarray
    """`(n,)` float32, clipped if the config says so."""
    dones: np.ndarray
    """`(n,)` bool: an episode is over."""
    lives: np.ndarray
    """`(n,)` int; of a game that has begun anew, of the new one."""
    ends: dict[int, dict[str, Any]]
    """For each episode that is over, by the number of its game: `TimeLimit.truncated`, `terminal_observation`, and, if
    the game is over, `start`, how it began (starts.py), and `episode` (`r`, its score in points, `l`, its length in
    frames), or `part_of_a_game` (the same since the saved state) if it began in one."""


class Games:
    """`n` games as `config.env` says, each of which shows what `config.observation` says."""

    def __init__(self, config: Config, n: int) -> None:
        self.config, self.n = config, n
        # A life that is lost ends an episode and begins one, and both look at the same screen: beside the looks of the
        # n games there is place for that many more.
        self.observer = Observer(config.observation, 2 * n)
        colour, grey = Observer.needs_colour(config.observation), Observer.needs_grey(config.observation)
        self._drawn_by = "getScreenRGB" if colour else "getScreenGrayscale" if grey else "getScreen"
        settings = config.env
        self._emulators = [load_emulator(max_frames=MOST_FRAMES) for _ in range(n)]  # sticky actions are drawn here
        self._actions = self._emulators[0].getMinimalActionSet()
        self._stickiness = [0.0] * n
        """The probability that a frame of each game repeats the action before."""
        self._held = [NOOP] * n
        """What each game did in its last frame."""
        self._starts_kept: list[Any] = []
        """States of the emulator in which games start, after 0, 1, 2 ... frames of no action."""
        self._random = [np.random.default_rng(0) for _ in range(n)]
        self._sticky_random = list(self._random)
        """Apart from the others, so that a game starts alike with more and with less sticky actions."""
        self._randomized = np.zeros(n, dtype=bool)
        """Games that are played with other values than `config.env` says."""
        self._skips = np.full(n, settings.frame_skip)
        """For how many frames each game holds an action."""
        longest = max(settings.frame_skip, settings.longest_frame_skip or 0)
        if config.randomize.share > 0:
            longest = max(longest, config.randomize.longest_frame_skip)
        self._pool = settings.max_pool and longest > 1
        self._begun = False
        # Coordinates need no pictures: then all screens are drawn into one, and only what is found on them is kept.
        self._finds = Finds(2 * n) if config.observation.kind == "coordinates" else None
        shape = (HEIGHT, WIDTH, 3) if colour else (HEIGHT, WIDTH)
        self._screens = np.zeros((2 * n if self._finds is None else 1, *shape), dtype=np.uint8)
        """As the observation needs them: in colour, grey, or as the emulator's colour numbers."""
        self._earlier = np.zeros(shape, dtype=np.uint8)
        self._first_frame = np.zeros(n, dtype=np.int64)
        """Of each game, counted by its emulator."""
        self._waiting = np.zeros(n, dtype=bool)
        """Games in which the ball has to be launched."""
        self.lives = np.zeros(n, dtype=np.int64)
        self.scores = np.zeros(n)
        """Points of the games that are played, those before a saved state included."""
        self._without_points = np.zeros(n, dtype=np.int64)
        """Agent steps in a row."""
        self.starts = Starts(config.starts, n)

    @property
    def pictures(self) -> list[np.ndarray]:
        """The screens `(210, 160, 3)`, for people to look at."""
        return [emulator.getScreenRGB() for emulator in self._emulators]

    @property
    def space(self) -> gym.Space:
        """Of the observation of one game."""
        return self.observer.space

    def reset(self, seeds: list[int | None]) -> Observation:
        """Begin all games anew; one with a seed draws its random numbers anew from it, too."""
        for game, seed in enumerate(seeds):
            if seed is not None or not self._begun:
                self._random[game] = np.random.default_rng(seed)
                self._sticky_random[game] = self._random[game].spawn(1)[0]
                self._stickiness[game] = self._draw_stickiness(game)
        for game in range(self.n):
            self._begin(game)
        self._begun = True
        everyone = np.arange(self.n)
        self.observer.forget(everyone)
        self._begin_episodes(everyone)
        self._last_seen = self.observer.look(self._shown_now(self.n), 0, games=everyone)
        return self._last_seen

    def step(self, actions: np.ndarray) -> Step:
        """Hold an action for `frame_skip` frames in each game, or for as many as are drawn. `actions` is `(n,)`."""
        settings = self.config.env
        if settings.launch_ball == "every_life":
            waiting = np.flatnonzero(self._waiting)
            if len(waiting):
                self._waiting[waiting] = ~self.observer.ball_seen(self._screens, waiting)
        held = np.where(self._waiting, FIRE, actions)
        if settings.launch_ball == "on_reset":
            self._waiting[:] = False
        lives_before = self.lives.copy()
        skips = self._frame_skips()
        points, finished = np.zeros(self.n), np.zeros(self.n, dtype=bool)
        for game, (action, skip) in enumerate(zip(held.tolist(), skips, strict=True)):
            points[game] = self._play(game, action, skip)
            finished[game] = self._emulators[game].game_over()
        self.scores += points
        complete = self.scores >= MOST_POINTS  # no brick will come any more
        self._without_points += 1
        self._without_points[points > 0] = 0
        stalled = self._without_points >= (settings.stalled_after or np.inf)
        over = np.flatnonzero(finished | complete | stalled).tolist()
        ends: dict[int, dict[str, Any]] = {}
        for game in over:
            ends[game] = self._end(game)
            if not complete[game]:
                self.starts.life_lost(game, self._random[game])
            self._begin(game)
        self.lives = np.array([emulator.lives() for emulator in self._emulators])
        lost_life = self.lives < lives_before
        lost_life[over] = False
        self._save(np.flatnonzero(lost_life))
        dones = lost_life.copy() if settings.episodic_life else np.zeros(self.n, dtype=bool)
        dones[over] = True
        for game in over:
            ends[game]["terminal_observation"] = one(self._last_seen, game)
        lost = np.flatnonzero(lost_life) if settings.episodic_life else np.zeros(0, dtype=int)
        seen, at_the_end = self._look(np.array(over, dtype=int), lost, np.array(skips), actions)
        for number, game in enumerate(lost.tolist()):
            ends[game] = {"TimeLimit.truncated": False, "terminal_observation": one(at_the_end, number)}
        self._waiting[lost_life] = settings.launch_ball == "every_life"
        self._begin_episodes(np.flatnonzero(dones))
        self._last_seen = seen
        rewards = np.sign(points) if settings.clip_reward else points
        lost_life[over] = [not (ends[game]["TimeLimit.truncated"] or complete[game]) for game in over]
        rewards = rewards + settings.lost_life_reward * lost_life
        return Step(seen, rewards.astype(np.float32), dones, self.lives, ends)

    def _look(
        self, over: np.ndarray, lost: np.ndarray, skips: np.ndarray, actions: np.ndarray
    ) -> tuple[Observation, Observation]:
        """What is seen now in all games, and what is seen at the end of the episodes that end with a `lost` life. In
        those and in games that are `over` another episode begins, which knows nothing of what was before."""
        everyone = np.arange(self.n + len(lost))
        further = everyone[self.n :]
        if self._finds is None:
            self._screens[further] = self._screens[lost]
        else:
            self._finds.copy(lost, further)
        begins = np.concatenate([over, further])
        elapsed, done = (np.concatenate([part, part[lost]]) for part in (skips, actions))
        elapsed[begins], done[begins] = 0, NO_ACTION
        self.observer.forget(begins)
        seen = self.observer.look(self._shown_now(len(everyone)), elapsed, done, everyone)
        if not len(lost):
            return seen, seen
        self.observer.go_on_as(lost, further)
        at_the_end, now = part_of(seen, lost), part_of(seen, slice(self.n))
        put(now, lost, seen, further)
        return now, at_the_end

    def _draw_stickiness(self, game: int) -> float:
        """The probability that a frame of `game` repeats the action before; decides whether it is a randomized one."""
        settings, other, random = self.config.env, self.config.randomize, self._random[game]
        self._randomized[game] = other.share > 0 and random.random() < other.share
        if self._randomized[game]:
            return other.least_sticky if random.random() < 0.5 else other.most_sticky
        sticky = settings.repeat_action_probability
        return BREAKOUT_IDS[settings.id][1] if sticky is None else sticky

    def _frame_skips(self) -> list[int]:
        """For how many frames each game holds the next action."""
        shortest, longest = self.config.env.frame_skip, self.config.env.longest_frame_skip
        if longest is None:
            return self._skips.tolist()
        return [int(random.integers(shortest, longest + 1)) for random in self._random]

    def _play(self, game: int, action: int, skip: int) -> float:
        """Hold `action` for `skip` frames and show the last screen, or the brighter of the last two."""
        emulator, points, pool = self._emulators[game], 0.0, self._pool and skip > 1
        for number, executed in enumerate(self._executed(game, action, skip), 1):
            points += emulator.act(self._actions[executed])  # 0, and nothing happens, when the game is over
            if pool and number == skip - 1:
                self._draw(emulator, self._earlier)
        self._show(game, self._earlier if pool else None)
        return points

    def _executed(self, game: int, action: int, frames: int) -> list[int]:
        """What the game does in each frame in which it is told `action`: under sticky actions it may do what it did
        before (Machado et al. 2018, https://arxiv.org/abs/1709.06009)."""
        before, sticky, late = self._held[game], self._stickiness[game], 0
        if sticky and action != before:
            drawn = self._sticky_random[game].random(frames).tolist()
            while late < frames and drawn[late] < sticky:  # it goes on as before until one frame does not
                late += 1
        if late < frames:
            self._held[game] = action
        return [before] * late + [action] * (frames - late)

    def _show(self, game: int, earlier: np.ndarray | None = None) -> None:
        """Take the screen of `game` as it is now for what is seen next, or the brighter of it and an `earlier` one."""
        screen = self._screens[game if self._finds is None else 0]
        self._draw(self._emulators[game], screen)
        if earlier is not None:
            np.maximum(screen, earlier, out=screen)
        if self._finds is not None:
            self._finds.look(game, screen)

    def _draw(self, emulator: Any, screen: np.ndarray) -> None:
        getattr(emulator, self._drawn_by)(screen)

    def _shown_now(self, n: int) -> np.ndarray | Found:
        """What is shown in the first n games, for the observer."""
        return self._screens[:n] if self._finds is None else self._finds.of_first(n)

    def _begin(self, game: int) -> None:
        """A new game: from the start, with 0 to `noop_max` frames of no action, or from a saved state."""
        emulator, random = self._emulators[game], self._random[game]
        if self._randomized[game]:
            other = self.config.randomize
            self._skips[game] = random.integers(other.shortest_frame_skip, other.longest_frame_skip + 1)
        else:
            self._skips[game] = self.config.env.frame_skip
        save = self.starts.draw(game, random) if self.starts.used else None
        if save is None:
            self._start(emulator, int(random.integers(self.config.env.noop_max + 1)))
            self._held[game] = NOOP
        else:
            emulator.restoreState(save.emulator)
            self._held[game] = save.action
            self._play(game, NOOP, 1)  # a restored state has no screen before it
        self._show(game)
        self.lives[game] = emulator.lives()
        self.scores[game] = 0 if save is None else save.score
        self._without_points[game] = 0
        self._first_frame[game] = 0 if save is None else emulator.getEpisodeFrameNumber()

    def _start(self, emulator: Any, frames: int) -> None:
        """Begin a game anew, and let so many frames of no action pass.

        Before a game the emulator plays 64 frames on its own, always the same ones, as are those of no action after
        them. They are played once and then restored, but for the last one, which shows the screen.
        """
        if frames == 0:
            emulator.reset_game()
            return
        kept, first = self._starts_kept, min(frames, MOST_STARTS_KEPT)
        while len(kept) < first:
            if kept:
                emulator.restoreState(kept[-1])
                emulator.act(self._actions[NOOP])
            else:
                emulator.reset_game()
            kept.append(emulator.cloneState())
        emulator.restoreState(kept[first - 1])
        for _ in range(frames - first + 1):
            emulator.act(self._actions[NOOP])

    def _end(self, game: int) -> dict[str, Any]:
        """What is told of a game that is over."""
        emulator, kind = self._emulators[game], self.starts.kind(game)
        points = self.starts.points(game, float(self.scores[game]))
        report = {"r": points, "l": emulator.getEpisodeFrameNumber() - int(self._first_frame[game])}
        told = {"episode": report} if kind == FRESH else {"part_of_a_game": report}
        return {"TimeLimit.truncated": emulator.game_truncated(), "start": kind, **told}

    def _save(self, lost_life: np.ndarray) -> None:
        """Keep states to begin with later."""
        if not self.starts.used:
            return
        for game in lost_life.tolist():
            self.starts.life_lost(game, self._random[game])
        if not self.starts.due():
            return
        found = self._shown_now(self.n)
        if isinstance(found, np.ndarray):
            found = Found.on(one_channel(found))
        left_in = found.bricks.sum(axis=(1, 2)).tolist()
        for game in np.flatnonzero(found.ball.seen).tolist():
            save = Save(self._emulators[game].cloneState(), float(self.scores[game]), self._held[game])
            self.starts.keep(game, save, left_in[game], self._random[game])

    def _begin_episodes(self, games: np.ndarray) -> None:
        self._waiting[games] = self.config.env.launch_ball != "never"


def one(observation: Observation, game: int) -> Any:
    """The observation of one game."""
    if isinstance(observation, dict):
        return {name: part[game].copy() for name, part in observation.items()}
    return observation[game].copy()


def part_of(observation: Observation, games: np.ndarray | slice) -> Observation:
    """The observations of some games."""
    if isinstance(observation, dict):
        return {name: part[games] for name, part in observation.items()}
    return observation[games]


def put(
    observation: Observation,
    games: np.ndarray | list[int],
    new: Observation,
    which: np.ndarray | list[int] | slice = slice(None),
) -> None:
    """Replace the observations of some games by those of `new`, in place."""
    if isinstance(observation, dict) and isinstance(new, dict):
        for name, part in observation.items():
            part[games] = new[name][which]
    elif isinstance(observation, np.ndarray) and isinstance(new, np.ndarray):
        observation[games] = new[which]
