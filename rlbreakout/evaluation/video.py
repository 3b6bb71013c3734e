"""Records games as gif or mp4, at the game's own speed. It needs no display.

Every agent step is one picture. The emulator shows 60 frames a second, so with a frame skip of 4 there are 15 pictures
a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs

from rlbreakout.agents.players import Agent
from rlbreakout.breakout.rules import LIVES
from rlbreakout.breakout.screen import HEIGHT
from rlbreakout.common.errors import UserError
from rlbreakout.common.files import replaced_atomically
from rlbreakout.config import BREAKOUT_IDS, Config, check_env_id, check_seed
from rlbreakout.envs import make_evaluation_env
from rlbreakout.evaluation.evaluate import separate_randomness
from rlbreakout.observation.blocks import draw_blocks, entries_of

ENDINGS = (".gif", ".mp4")
VIEWS = ("screen", "agent", "both")
MAX_CELLS = 36
MOST_SECONDS = 3_600.0
"""The longest recording: twice the longest game of the emulator."""
MOST_SPEED = 64
CAPTION_HEIGHT = 14
"""Pixels above each game, for its score."""
GAP = 4
"""Pixels between games."""
ENLARGED = 2
"""Scale of a game that is shown alone."""


@dataclass(frozen=True)
class Recording:
    """Pictures `(height, width, 3)` uint8 of one or more games, and the points of each game in the last of them."""

    pictures: list[np.ndarray]
    pictures_per_second: float
    scores: list[float]

    @property
    def seconds(self) -> float:
        """Length in seconds, as it is played."""
        return len(self.pictures) / self.pictures_per_second


def pictures_per_second(config: Config, env_id: str) -> float:
    """Agent steps in a second of game time; the mean if the environment id draws its frame skip from a range."""
    own = BREAKOUT_IDS[env_id][0]
    held = config.frames_a_step if isinstance(own, int) else (own[0] + own[1] - 1) / 2
    return 60 / held


def check_video_path(path: Path) -> Path:
    """Return `path`, or raise UserError if its ending is not one of ENDINGS or it is a folder."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: ending {path.suffix!r} is not known; allowed: {', '.join(ENDINGS)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; a file is needed")
    return path


def parse_grid(text: str) -> tuple[int, int]:
    """Rows and columns from "3x3". Raises UserError for anything else, or more than MAX_CELLS games."""
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and 1 <= int(rows) * int(columns) <= MAX_CELLS):
        raise UserError(f"grid {text!r}: ROWSxCOLUMNS is needed, such as 3x3, with at most {MAX_CELLS} games")
    return int(rows), int(columns)


def record(
    agent: Agent,
    *,
    rows: int = 1,
    columns: int = 1,
    env_id: str | None = None,
    seconds: float = 20.0,
    seed: int = 0,
    greedy: bool = False,
    view: str = "screen",
    from_points: int = 0,
    speed: int = 1,
) -> Recording:
    """Play rows x columns games side by side, one whole game each, and record at most `seconds`.

    A finished game keeps its last picture; the recording ends when all games are finished. view: "screen", "agent" (the
    newest observation in its frame stack), or "both" side by side. from_points: the recording begins when one of the
    games has so many points. speed: time lapse; 4 shows four seconds of game time in a second.

    Raises UserError for an unknown view, an id that is not Breakout, a time or a speed that is not allowed, and if no
    game gets to `from_points`.
    """
    if view not in VIEWS:
        raise UserError(f"view {view!r} is not known; allowed: {', '.join(VIEWS)}")
    if not 0 < seconds <= MOST_SECONDS:
        raise UserError(f"seconds is {seconds:g}; allowed: above 0, at most {MOST_SECONDS:g}")
    if not 1 <= speed <= MOST_SPEED:
        raise UserError(f"speed is {speed}; allowed: 1 to {MOST_SPEED}")
    check_seed(seed)
    env_id = check_env_id(env_id or agent.config.env.id)
    steps_per_second, games = pictures_per_second(agent.config, env_id), rows * columns
    steps, scores, finished = 0, np.zeros(games), np.zeros(games, dtype=bool)
    captions, pictures = [_caption(0, LIVES, 0, False)] * games, list[np.ndarray]()
    state, starts = None, np.ones(games, dtype=bool)
    env = make_evaluation_env(agent.config, env_id=env_id, n_envs=games, seed=seed)
    with closing(env), separate_randomness(seed):
        observations: Any = env.reset()
        views = _views(env, observations, agent.config, view)
        while len(pictures) < round(seconds * steps_per_second):
            if scores.max() >= from_points and (steps % speed == 0 or finished.all()):
                pictures.append(_grid(views, captions, rows, columns))
            if finished.all():
                break
            actions, state = agent.player.predict(observations, state=state, episode_start=starts, deterministic=greedy)
            observations, rewards, starts, infos = env.step(actions)
            steps += 1
            scores[~finished] += rewards[~finished]
            now = _views(env, observations, agent.config, view)
            for game in np.flatnonzero(~finished):
                if not starts[game]:  # after its last step an environment already shows the next game
                    views[game] = now[game]
                lives = 0 if starts[game] else infos[game]["lives"]
                captions[game] = _caption(scores[game], lives, steps / steps_per_second, bool(starts[game]))
            finished |= starts
    if not pictures:
        raise UserError(f"no game got to {from_points} points; the most was {scores.max():.0f}")
    return Recording(pictures, steps_per_second, scores.tolist())


def _caption(score: float, lives: int, seconds: float, over: bool) -> str:
    end = "game over" if over else f"{lives} {'life' if lives == 1 else 'lives'}"
    return f"{score:.0f} {'point' if score == 1 else 'points'}, {end}, {int(seconds) // 60}:{int(seconds) % 60:02}"


def _views(env: VecEnv, observations: VecEnvObs, config: Config, view: str) -> list[np.ndarray]:
    if view == "agent":
        return agent_views(observations, config)
    screens = [screen for screen in env.get_images() if screen is not None]
    if view == "screen":
        return screens
    gap = np.zeros((HEIGHT, GAP, 3), dtype=np.uint8)
    return [
        np.concatenate([screen, gap, seen], axis=1)
        for screen, seen in zip(screens, agent_views(observations, config), strict=True)
    ]


def agent_views(observations: VecEnvObs, config: Config) -> list[np.ndarray]:
    """Draw the newest observation of each game as tall as the screen: a picture, a drawing of its coordinates, or both
    side by side."""
    if isinstance(observations, dict):
        pictures = [_picture_view(observation, config) for observation in observations["image"]]
        drawings = [_coordinates_view(observation, config) for observation in observations["coordinates"]]
        return [np.concatenate(pair, axis=1) for pair in zip(pictures, drawings, strict=True)]
    assert isinstance(observations, np.ndarray)
    view = _coordinates_view if config.observation.kind == "coordinates" else _picture_view
    return [view(observation, config) for observation in observations]


def _coordinates_view(observation: np.ndarray, config: Config) -> np.ndarray:
    newest = observation[-(len(observation) // config.observation.frame_stack) :]
    return draw_blocks(entries_of(config.observation.blocks), newest)


def _picture_view(observation: np.ndarray, config: Config) -> np.ndarray:
    """Draw the newest picture of a frame stack `(height, width, channels x frame_stack)`."""
    channels = observation.shape[-1] // config.observation.frame_stack
    newest = observation[..., -channels:]
    image = Image.fromarray(newest[..., 0] if channels == 1 else newest).convert("RGB")
    width = round(HEIGHT * image.width / image.height)
    return np.asarray(image.resize((width, HEIGHT), Image.Resampling.NEAREST))


def _grid(views: list[np.ndarray], captions: list[str], rows: int, columns: int) -> np.ndarray:
    if len(views) == 1:
        views = [views[0].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)]
    height, width = views[0].shape[:2]
    step_y, step_x = height + CAPTION_HEIGHT + GAP, width + GAP
    canvas = Image.new("RGB", (columns * step_x - GAP, rows * step_y - GAP))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    draw.fontmode = "1"  # without shades of grey: few colours make small gifs
    for game, picture in enumerate(views):
        x, y = game % columns * step_x, game // columns * step_y
        draw.text((x + 2, y), captions[game], font=font, fill=(255, 255, 255))
        canvas.paste(Image.fromarray(picture), (x, y + CAPTION_HEIGHT))
    return np.asarray(canvas)


def side_by_side(recordings: Sequence[Recording]) -> Recording:
    """Join recordings of the same height and speed, from left to right. Shorter ones keep their last picture."""
    length = max(len(recording.pictures) for recording in recordings)
    gap = np.full((recordings[0].pictures[0].shape[0], 4 * GAP, 3), 255, dtype=np.uint8)
    pictures = []
    for number in range(length):
        row: list[np.ndarray] = []
        for recording in recordings:
            row += [gap, recording.pictures[min(number, len(recording.pictures) - 1)]]
        pictures.append(np.concatenate(row[1:], axis=1))
    scores = [score for recording in recordings for score in recording.scores]
    return Recording(pictures, recordings[0].pictures_per_second, scores)


def write_video(recording: Recording, path: Path) -> Path:
    """Write a gif or mp4, depending on the ending of `path`, and return `path`.

    Replaces an existing file only when the new one is complete. Raises UserError for another ending or a folder that is
    not writable.
    """
    check_video_path(path)
    with replaced_atomically(path) as part:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        _write_gif(recording, part) if path.suffix.lower() == ".gif" else _write_mp4(recording, part)
    return path


def _write_gif(recording: Recording, path: Path) -> None:
    first, *others = _with_one_palette(recording.pictures)
    # A gif counts in units of 10 ms. Rounding the times, not the durations, keeps the game's speed. Pillow joins equal
    # pictures and adds up their durations.
    ends = np.rint(100 * np.arange(len(recording.pictures) + 1) / recording.pictures_per_second).astype(int)
    durations = (10 * np.diff(ends)).tolist()
    # `optimize` makes a gif of several games several times smaller; a gif of one game only takes longer with it.
    optimize = len(recording.scores) > 1
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=optimize, disposal=1)


def _with_one_palette(pictures: list[np.ndarray]) -> list[Image.Image]:
    """Convert `pictures` to one common palette. Breakout has few colours, and equal pixels stay equal, so files are
    small. More than 256 colours are reduced to 256."""
    seen = np.zeros(1 << 24, dtype=bool)
    for picture in pictures:
        seen[_codes(picture)] = True
    codes = np.flatnonzero(seen)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    if len(colours) > 256:
        palette = Image.fromarray(colours[None]).quantize(256, dither=Image.Dither.NONE)
        return [Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    number = np.zeros(1 << 24, dtype=np.uint8)
    number[codes] = np.arange(len(codes))
    images = [Image.fromarray(number[_codes(picture)]) for picture in pictures]
    for image in images:
        image.putpalette(colours.tobytes())
    return images


def _codes(picture: np.ndarray) -> np.ndarray:
    """Convert `(height, width, 3)` uint8 to a number for each colour, `(height, width)`."""
    red, green, blue = (picture[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _write_mp4(recording: Recording, path: Path) -> None:
    height, width = recording.pictures[0].shape[:2]
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]  # for yuv420p, the format that every player supports
    settings = {"fps": recording.pictures_per_second, "macro_block_size": 1, "quality": 7, "output_params": even}
    writer = imageio_ffmpeg.write_frames(str(path), (width, height), **settings)
    writer.send(None)
    for picture in recording.pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()
