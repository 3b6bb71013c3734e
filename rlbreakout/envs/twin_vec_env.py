"""Many games in the twin behind Stable-Baselines3's VecEnv, thousands of times faster than in the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlbreakout.breakout.draw import draw_grey, draw_rgb
from rlbreakout.breakout.rules import FIRE, LAST_FRAME, NONE, PIXEL, RIGHT, new_games, play
from rlbreakout.breakout.screen import MOST_POINTS
from rlbreakout.config import BREAKOUT_IDS, Config
from rlbreakout.envs.starts import FRESH, Save, Starts
from rlbreakout.envs.together import GamesTogether
from rlbreakout.envs.twin_games import NEVER, hold_actions
from rlbreakout.envs.views import negative, put_games, take_game
from rlbreakout.observation import Observer, needs_colour
from rlbreakout.wrappers import STALLED_AFTER

MONITOR_NAME = "twin"
"""Its games are written to `twin.monitor.csv`."""
STALLED_REWARD = -0.03
"""Reward of each step of a training game that is stalled."""
RANDOM_STICKY = (0.0, 0.5)
"""repeat_action_probability of the games that `randomize` chooses: without any, only the agent itself can
break an endless round."""
RANDOM_FRAME_SKIPS = (3, 4, 5)
"""Frames that these games hold an action, drawn anew when one begins."""


class TwinVecEnv(GamesTogether):
    """`n_envs` games in the twin as `config` says; each shows what `config.observation` says, without the stack.

    It plays as the gymnasium environments of `make_vec_env` do in the emulator, observation for observation. Only the
    draws of sticky actions are its own, those of `rlbreakout/Breakout-twin-v5`. With `evaluation` it plays whole games
    by the rules of evaluation: unclipped rewards, the ball launched after every lost life, stalled games ended
    (`info["episode"]["stalled"]`).

    `info["episode"]` of the last step of a game has its score in points (`r`), its length (`l`, in frames where the
    screen of every frame is needed, otherwise in agent steps) and the seconds since the start (`t`). Environment i is
    seeded with `spawn_seeds(seed, n_envs, first)[i]`.
    `monitor_file` gets a line for each game.
    """

    def __init__(
        self,
        config: Config,
        *,
        n_envs: int | None = None,
        seed: int | None = None,
        evaluation: bool = False,
        env_id: str | None = None,
        monitor_file: Path | None = None,
        first: int = 0,
    ) -> None:
        n = n_envs or config.env.n_envs
        self.config, self.evaluation = config, evaluation
        settings = config.env
        self._episodic = settings.episodic_life and not evaluation
        self._launch = "every_life" if evaluation else settings.launch_ball
        self._own_skip, sticky = BREAKOUT_IDS[env_id or settings.id]
        if settings.repeat_action_probability is not None:
            sticky = settings.repeat_action_probability
        drawn = isinstance(self._own_skip, tuple)
        self._a_frame_a_step = not drawn and (settings.max_pool or settings.frame_skip == 1)
        """Whether the emulator is stepped frame by frame, which decides what Monitor counts."""
        self._ends_within_a_step = self._a_frame_a_step and not evaluation
        """Whether a complete game ends in its very frame, or only after all frames of a step."""
        self._usual_sticky = sticky
        self._longest = None if evaluation or drawn else settings.longest_frame_skip
        self._random_games = 0.0 if evaluation else config.randomize.share
        longest = max(settings.frame_skip, self._longest or 0)
        if self._random_games > 0:
            longest = max(longest, *RANDOM_FRAME_SKIPS)
        self._pool = self._a_frame_a_step and settings.max_pool and longest > 1
        self._observer = Observer(config.observation, n)
        self._draw = draw_rgb if needs_colour(config.observation) else draw_grey
        drawn_games = new_games(n if config.observation.has_picture else 0)
        self._screens = self._draw(drawn_games)
        """What was shown last in each game, if that is needed."""

        self._states = new_games(n)
        self._earlier, self._latest = self._states.copy(), self._states.copy()
        """The two frames that are laid over each other where `max_pool` is on; otherwise both are the last one."""
        self._shown = self._states.copy()
        self._executed = np.full(n, NONE)
        """What each game did in its last frame."""
        self._sticky, self._sticky_seeds = np.full(n, sticky), np.zeros(n, dtype=np.uint64)
        self._skips = np.full(n, settings.frame_skip)
        self._first_score, self._lengths = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        """Points when each game began, and its length until now."""
        self._frames = np.zeros(n, dtype=np.int64)
        """Frames since each game began."""
        self._all_frames = np.zeros(n, dtype=np.int64)
        self._without_points = np.zeros(n, dtype=np.int64)
        held_for = config.frames_a_step // settings.frame_skip
        self._stalled_after = STALLED_AFTER * held_for if evaluation else settings.stalled_after or LAST_FRAME + 1
        """Steps without a point after which an evaluated game ends, and after which a training game costs."""
        self._waiting = np.zeros(n, dtype=bool)
        """Games in which the ball has to be launched."""
        self._randomized = np.zeros(n, dtype=bool)
        self._other_colours = np.full(n, evaluation and config.evaluation.other_colours)
        self._dropped = np.full(n, config.evaluation.dropped_screens if evaluation else 0.0)
        self._np_random = [np.random.default_rng(0) for _ in range(n)]
        """Seeded and drawn from as ale-py's environments do, so that games begin alike."""
        self._own_random = list(self._np_random)
        """For everything that they do not know."""
        self.starts = Starts(config.starts, n)
        self._saves_starts = self.starts.used and not evaluation

        self.render_mode = "rgb_array"
        super().__init__(
            self._observer.space,
            n,
            config.seed if seed is None else seed,
            first=first,
            played_in=f"twin of {settings.id}",
            monitor_file=monitor_file,
        )

    # VecEnv

    def reset(self) -> Any:
        for game, seed in enumerate(self._seeds):
            if seed is not None:
                self._seed(game, seed)
        self._reset_seeds()
        everyone = np.arange(self.num_envs)
        for game in everyone.tolist():
            self._new_game(game)
            self._begin_episode(game)
        self.reset_infos = self._infos()
        self._last_seen = self._observe_anew(everyone)
        return self._last_seen

    def step_wait(self) -> VecEnvStepReturn:
        states, actions = self._states, self._actions
        held = actions
        if self._waiting.any():
            # LaunchBall stops as soon as the ball is seen, FireResetEnv has done its work at the reset.
            self._waiting &= states["ball_y"] < PIXEL
            held = np.where(self._waiting, FIRE, actions)
        lives_before = states["lives"].copy()
        points, frames = self._hold(held)
        self._without_points += 1
        self._without_points[points > 0] = 0

        lives = states["lives"]
        ended = (lives == 0) | (states["score"] >= MOST_POINTS)
        truncated = (states["clock"] >= LAST_FRAME) & ~ended
        stalled = (self._without_points >= self._stalled_after) & ~ended
        if self.evaluation:
            truncated |= stalled
        over = ended | truncated
        lost = lives < lives_before
        if self._launch == "every_life":
            self._waiting |= lost
        dones = over | lost if self._episodic else over
        rewards = points.astype(np.float32)
        if not self.evaluation:
            if self.config.env.clip_reward:
                rewards = np.sign(rewards)
            if self.config.env.lost_life_reward:
                rewards += np.float32(self.config.env.lost_life_reward) * lost
            rewards[stalled] += np.float32(STALLED_REWARD)
            self._without_points[lost] = 0
        if self._saves_starts:
            self._save(lost & ~over)

        # Of a complete game the environments of the emulator show the last screen: a ball is still in play.
        seen = self._observe(frames, over & ~(ended & (lives > 0)))
        infos = self._infos(truncated)
        ending = np.flatnonzero(dones)
        for game in ending.tolist():
            infos[game]["terminal_observation"] = take_game(seen, game)
            if over[game]:
                infos[game].update(self._end(game, bool(stalled[game])))
                if self._saves_starts and states["score"][game] < MOST_POINTS:
                    self.starts.life_lost(game, self._own_random[game])
                self._new_game(game)
            elif self._launch == "on_reset":
                self._single_step(game, NONE)  # EpisodicLifeEnv steps on from the lost life
            self._begin_episode(game)
        if len(ending):
            reset_infos = self._infos()
            for game in ending.tolist():
                self.reset_infos[game] = reset_infos[game]
            put_games(seen, ending, self._observe_anew(ending))
        self._last_seen = seen
        return seen, rewards, dones, infos

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The screens `(210, 160, 3)` uint8."""
        return list(draw_rgb(self._states))

    @property
    def lives(self) -> np.ndarray:
        """`(n_envs,)`."""
        return self._states["lives"].copy()

    @property
    def scores(self) -> np.ndarray:
        """`(n_envs,)` points of the games that are played, those before a saved state included."""
        return self._states["score"].copy()

    @property
    def states(self) -> np.ndarray:
        """`(n_envs,)` of dtype STATE: a copy of the games."""
        return self._states.copy()

    # Games

    def _seed(self, game: int, seed: int) -> None:
        """As AtariEnv.seed_game of ale-py: one number for what gymnasium draws, one for the sticky actions."""
        np_seed, sticky_seed = np.random.SeedSequence(int(seed)).generate_state(n_words=2)
        self._np_random[game], _ = seeding.np_random(int(np_seed))
        self._sticky_seeds[game] = sticky_seed
        self._frames[game] = self._all_frames[game] = 0
        self._own_random[game] = random = np.random.default_rng([int(seed), 1])
        self._sticky[game], self._skips[game] = self._usual_sticky, self.config.env.frame_skip
        if self.evaluation:
            return
        other = self.config.randomize
        self._dropped[game], self._other_colours[game] = 0, False
        self._randomized[game] = self._random_games > 0 and random.random() < self._random_games
        if self._randomized[game]:
            self._sticky[game] = random.choice(RANDOM_STICKY)
            self._dropped[game] = other.dropped_screens
            self._other_colours[game] = other.other_colours and random.random() < 0.5

    def _new_game(self, game: int) -> None:
        """From the start, with up to `noop_max` frames of no action, or from a saved state."""
        save = self.starts.draw(game, self._own_random[game]) if self._saves_starts else None
        self._states[game] = _FRESH_GAME if save is None else save.state[0]
        self._executed[game] = NONE if save is None else save.action
        self._first_score[game] = 0 if save is None else int(save.score)
        self._lengths[game] = self._without_points[game] = self._frames[game] = 0
        if self._randomized[game]:
            self._skips[game] = self._own_random[game].choice(RANDOM_FRAME_SKIPS)
        if save is None and self.config.env.noop_max:
            idle = int(self._np_random[game].integers(1, self.config.env.noop_max + 1))
            play(self._states[game : game + 1], np.array([NONE]), idle)
            self._frames[game] += idle
            self._all_frames[game] += idle
            if self._ends_within_a_step:
                self._lengths[game] += idle  # NoopResetEnv steps, which Monitor counts; IdleFrames does not
        self._earlier[game] = self._latest[game] = self._states[game]

    def _begin_episode(self, game: int) -> None:
        if self._launch == "every_life":
            self._waiting[game] = True
        elif self._launch == "on_reset":
            for action in (FIRE, RIGHT):  # as FireResetEnv does
                self._single_step(game, action)

    def _single_step(self, game: int, action: int) -> None:
        """A step of one game that a wrapper makes at a reset."""
        held = np.full(self.num_envs, action)
        self._hold(held, np.array([game]))
        state = self._states[game]
        if state["lives"] == 0 or state["clock"] >= LAST_FRAME:
            self._end(game, False)
            self._new_game(game)

    def _hold(self, held: np.ndarray, games: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Hold an action in each game, or in some. Returns points and frames, both `(n_envs,)`."""
        games = self._everyone() if games is None else games
        points, frames = np.zeros(self.num_envs, dtype=np.int64), np.zeros(self.num_envs, dtype=np.int64)
        hold_actions(
            self._states,
            games,
            held,
            self._skips_now(games),
            self._executed,
            self._sticky,
            self._sticky_seeds,
            self._pool,
            MOST_POINTS if self._ends_within_a_step else NEVER,
            self._earlier,
            self._latest,
            points,
            frames,
        )
        self._frames += frames
        self._all_frames += frames
        if self._ends_within_a_step:
            self._lengths += frames
        else:
            self._lengths[games] += 1
        return points, frames

    def _everyone(self) -> np.ndarray:
        return np.arange(self.num_envs)

    def _skips_now(self, games: np.ndarray) -> np.ndarray:
        """For how many frames each game holds its next action, `(n_envs,)`."""
        if isinstance(self._own_skip, tuple):
            skips = self._skips.copy()
            for game in games.tolist():
                skips[game] = self._np_random[game].integers(*self._own_skip)
            return skips
        if self._longest is None:
            return self._skips
        skips, shortest = self._skips.copy(), self.config.env.frame_skip
        for game in games.tolist():
            skips[game] = self._own_random[game].integers(shortest, self._longest, endpoint=True)
        return skips

    def _end(self, game: int, stalled: bool) -> dict[str, Any]:
        """The info of a game that is over."""
        report = self._report(self._states["score"][game] - self._first_score[game], self._lengths[game])
        if self._saves_starts and (kind := self.starts.kind(game)) != FRESH:
            return {"start": kind, "part_of_a_game": report}
        self._write_report(report)
        if self.evaluation:
            report["stalled"] = stalled
        return {"episode": report, **({"start": FRESH} if self._saves_starts else {})}

    def _save(self, lost_life: np.ndarray) -> None:
        """Keep states to begin with later."""
        for game in np.flatnonzero(lost_life).tolist():
            self.starts.life_lost(game, self._own_random[game])
        if not self.starts.due():
            return
        left = self._states["bricks"].sum(axis=(1, 2))
        for game in np.flatnonzero(self._states["ball_y"] >= PIXEL).tolist():
            state = self._states[game : game + 1].copy()
            save = Save(state, float(state["score"][0]), int(self._executed[game]))
            self.starts.keep(game, save, int(left[game]), self._own_random[game])

    def _infos(self, truncated: np.ndarray | None = None) -> list[dict[str, Any]]:
        ends = np.zeros(self.num_envs, dtype=bool) if truncated is None else truncated
        columns = (self._states["lives"], self._frames, self._all_frames, ends)
        return [
            {"lives": lives, "episode_frame_number": frames, "frame_number": all_frames, "TimeLimit.truncated": end}
            for lives, frames, all_frames, end in zip(*(column.tolist() for column in columns), strict=True)
        ]

    # What the agents see

    def _observe(self, frames: np.ndarray, over: np.ndarray) -> Any:
        """What is seen now. Of a game that is over, what was seen last stays."""
        playing = self._everyone() if not over.any() else np.flatnonzero(~over)
        self._show(playing)
        screens = self._screens[playing] if len(self._screens) else None
        new = self._observer.observe(screens, frames[playing], playing, self._shown[playing])
        if len(playing) == self.num_envs:
            return new
        seen = (
            {name: part.copy() for name, part in self._last_seen.items()}
            if isinstance(self._last_seen, dict)
            else self._last_seen.copy()
        )
        put_games(seen, playing, new)
        return seen

    def _observe_anew(self, games: np.ndarray) -> Any:
        """What is seen where an episode begins."""
        self._show(games, fresh=True)
        self._observer.forget(games)
        screens = self._screens[games] if len(self._screens) else None
        return self._observer.observe(screens, 0, games, self._shown[games])

    def _show(self, games: np.ndarray, *, fresh: bool = False) -> None:
        """Draw `games` as they are now, but for those that drop this screen."""
        if not fresh and self._dropped.any():
            dropping = zip(games.tolist(), self._dropped[games].tolist(), strict=True)
            # Only games that drop screens draw, so that what they do changes nothing in the others.
            drops = [drop > 0 and self._own_random[game].random() < drop for game, drop in dropping]
            games = games[~np.array(drops, dtype=bool)]
        self._shown[games] = self._latest[games]
        if not len(self._screens):
            return
        screens = self._draw(self._latest[games])
        if self._pool:
            np.maximum(screens, self._draw(self._earlier[games]), out=screens)
        self._screens[games] = screens
        for game in games[self._other_colours[games]].tolist():
            self._screens[game] = negative(self._screens[game])


_FRESH_GAME = new_games(1)[0]
