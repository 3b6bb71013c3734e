"""Records games as gif or mp4, at the game's own speed. It needs no display.

Every agent step is one picture. The emulator shows 60 frames a second, so with a frame skip of 4 there are 15 pictures
a second.
"""

from __future__ import annotations

import errno
import os
import subprocess
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, overload

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


class Film(Sequence[np.ndarray]):
    """A list of pictures of one shape that grows on the disk, in a temporary file, and not in memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  # it is gone when nobody has the pictures any more
        self._ends = [0]
        self._shape: tuple[int, ...] = ()

    def append(self, picture: np.ndarray) -> None:
        """Add a picture, uint8, at the end."""
        self._shape = picture.shape
        self._file.seek(self._ends[-1])
        self._ends.append(self._ends[-1] + self._file.write(zlib.compress(picture.tobytes(), level=1)))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number = range(len(self))[index]
        self._file.seek(self._ends[number])
        data = zlib.decompress(self._file.read(self._ends[number + 1] - self._ends[number]))
        return np.frombuffer(data, dtype=np.uint8).reshape(self._shape)


@dataclass(frozen=True)
class Recording:
    """Pictures `(height, width, 3)` uint8 of one or more games, and the points of each game in the last of them."""

    pictures: Sequence[np.ndarray]
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
    games has this many points. speed: time lapse; 4 shows four seconds of game time in a second.

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
    captions, pictures = [_caption(0, LIVES, 0, False)] * games, Film()
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
    pictures = Film()
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
    """Breakout has few colours, so one palette holds all of them, and equal pixels stay equal: files are small."""
    with TemporaryDirectory() as folder:
        _encode(recording, folder, "-vf", "palettegen", "palette.png")
        _encode(
            recording, folder, "-i", "palette.png", "-lavfi", "paletteuse=dither=none", "-loop", "0", path.absolute()
        )


def _write_mp4(recording: Recording, path: Path) -> None:
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # for yuv420p, the format that every player supports
    settings = ("-vf", even, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18")
    _encode(recording, ".", *settings, path.absolute())  # a:b.mp4 would be a protocol


def _encode(recording: Recording, folder: str, *options: str | Path) -> None:
    """Pass all pictures through ffmpeg, in `folder`. Raises OSError if the disk is full, RuntimeError if it fails."""
    height, width = recording.pictures[0].shape[:2]
    given = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {recording.pictures_per_second}".split()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *given, "-i", "-", *map(str, options)]
    with TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stderr=errors)
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as frames:  # or it has ended, and says why
            for picture in recording.pictures:
                frames.write(picture.tobytes())
        if process.wait() == 0:
            return
        errors.seek(0)
        why = errors.read().decode(errors="replace").strip()
    if os.strerror(errno.ENOSPC) in why:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(options[-1]))
    raise RuntimeError(f"ffmpeg cannot write {options[-1]}: {why}")
