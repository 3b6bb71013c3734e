"""Games as gifs and videos: what they show, how fast, how large."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from rlbreakout.agents import Agent, RandomPlayer, load_agent
from rlbreakout.breakout.screen import HEIGHT, WIDTH
from rlbreakout.common.errors import UserError
from rlbreakout.evaluation.video import (
    CAPTION_HEIGHT,
    ENLARGED,
    GAP,
    Film,
    Recording,
    parse_grid,
    record,
    side_by_side,
    write_video,
)
from tests.conftest import rlbreakout, tiny_config


def random_agent() -> Agent:
    return Agent(RandomPlayer(4, seed=0), tiny_config(), "random")


def frames(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Pictures and milliseconds of a gif."""
    with Image.open(path) as gif:
        pictures, durations = [], []
        for number in range(getattr(gif, "n_frames", 1)):
            gif.seek(number)
            pictures.append(np.asarray(gif.convert("RGB")))
            durations.append(gif.info["duration"])
    return pictures, durations


def test_a_gif_shows_the_recorded_pictures_in_their_colours(tmp_path: Path) -> None:
    recording = record(random_agent(), seconds=2, seed=1)
    pictures, _ = frames(write_video(recording, tmp_path / "game.gif"))
    assert len(pictures) == len(recording.pictures) == 30
    assert all(np.array_equal(shown, recorded) for shown, recorded in zip(pictures, recording.pictures, strict=True))
    assert len({picture.tobytes() for picture in pictures}) > 10


def test_a_recording_can_begin_at_a_score_and_be_a_time_lapse() -> None:
    whole = record(random_agent(), seconds=60, seed=1).pictures
    later = record(random_agent(), seconds=0.5, seed=1, from_points=1)
    (begin,) = [number for number, picture in enumerate(whole) if np.array_equal(picture, later.pictures[0])]
    assert begin > 10 and max(later.scores) >= 1 and len(later.pictures) == 8
    assert all(np.array_equal(*pair) for pair in zip(later.pictures, whole[begin:], strict=False))
    lapse = record(random_agent(), seconds=60, seed=1, speed=4)
    assert all(np.array_equal(*pair) for pair in zip(lapse.pictures[:-1], whole[::4], strict=False))
    assert len(lapse.pictures) < len(whole) / 3 and np.array_equal(lapse.pictures[-1], whole[-1])
    with pytest.raises(UserError, match=f"no game got to 800 points; the most was {max(lapse.scores):.0f}"):
        record(random_agent(), seconds=60, seed=1, from_points=800)


def test_a_game_that_ends_before_the_recording_begins_keeps_its_last_picture() -> None:
    whole = record(random_agent(), columns=2, seconds=60, seed=2)
    later = record(random_agent(), columns=2, seconds=0.5, seed=2, from_points=int(max(whole.scores)))
    assert any(np.array_equal(later.pictures[0], picture) for picture in whole.pictures)


def test_a_grid_plays_at_the_games_speed_in_a_small_file(tmp_path: Path) -> None:
    recording = record(random_agent(), rows=3, columns=3, seconds=5, seed=2)
    path = write_video(recording, tmp_path / "grid.gif")
    pictures, durations = frames(path)
    # 4 frames of 1/60 s a picture.
    assert sum(durations) / 1000 == pytest.approx(len(recording.pictures) * 4 / 60, abs=0.02)
    assert pictures[0].shape == (3 * (HEIGHT + CAPTION_HEIGHT + GAP) - GAP, 3 * (WIDTH + GAP) - GAP, 3)
    assert path.stat().st_size <= 750_000  # so that twenty seconds are at most 3 MB


def test_a_finished_game_stays_on_its_last_picture_with_its_score() -> None:
    recording = record(random_agent(), columns=2, seconds=60, seed=0, env_id="ALE/Breakout-v5")
    # The recording ends when both are over; the one that ended first has not moved for a while.
    cells = [[p[CAPTION_HEIGHT:, :WIDTH], p[CAPTION_HEIGHT:, WIDTH + GAP :]] for p in recording.pictures]
    still = [
        next(i for i in range(len(cells)) if all(np.array_equal(cells[-1][c], cell[c]) for cell in cells[i:]))
        for c in (0, 1)
    ]
    assert min(still) < len(cells) - 10 and len(recording.scores) == 2
    assert recording.seconds < 60


def test_recordings_side_by_side_end_with_the_longest() -> None:
    long, short = (
        Recording([np.full((8, 6, 3), 10 * n, np.uint8) for n in range(size)], 15, [size]) for size in (3, 2)
    )
    both = side_by_side([long, short])
    assert both.scores == [3, 2] and both.pictures_per_second == 15
    assert [(p.shape, p[0, 0, 0], p[0, -1, 0]) for p in both.pictures] == [
        ((8, 12 + 4 * GAP, 3), left, right) for left, right in ((0, 0), (10, 10), (20, 10))
    ]


@pytest.mark.parametrize("view", ["agent", "both"])
def test_the_agents_view_stands_beside_the_screen(view: str) -> None:
    recording = record(random_agent(), seconds=0.5, view=view)
    width = recording.pictures[0].shape[1]
    assert width == ENLARGED * (HEIGHT if view == "agent" else WIDTH + GAP + HEIGHT)
    seen = recording.pictures[5][CAPTION_HEIGHT:, -ENLARGED * HEIGHT :]
    assert (seen[..., 0] == seen[..., 1]).all() and seen.max() > 100  # grey, and not empty


def test_coordinates_are_drawn_as_a_picture_that_changes(tiny_run: Path) -> None:
    pictures = record(load_agent(tiny_run), seconds=1, view="agent").pictures
    assert pictures[0].shape[0] == ENLARGED * HEIGHT + CAPTION_HEIGHT
    assert not np.array_equal(pictures[0][CAPTION_HEIGHT:], pictures[-1][CAPTION_HEIGHT:])


def test_an_mp4_has_the_length_and_rate_of_the_game(tiny_run: Path, tmp_path: Path) -> None:
    done = rlbreakout("gif", tiny_run, "--out", tmp_path / "game.mp4", "--seconds", "2", "--grid", "1x2")
    assert done.returncode == 0, done.stderr
    about = imageio.immeta(tmp_path / "game.mp4", plugin="FFMPEG")
    assert about["fps"] == pytest.approx(15) and about["duration"] == pytest.approx(2, abs=0.1)
    pictures = imageio.imread(tmp_path / "game.mp4", plugin="FFMPEG")
    assert len(pictures) == 30 and not np.array_equal(pictures[0], pictures[-1])


@pytest.mark.parametrize("wrong", ["3", "0x3", "3x", "axb", "100x100", "-1x2"])
def test_a_wrong_grid_is_refused(wrong: str) -> None:
    with pytest.raises(UserError, match="ROWSxCOLUMNS"):
        parse_grid(wrong)


@pytest.mark.parametrize("wrong", [{"view": "x"}, {"seconds": 0}, {"seconds": float("nan")}, {"env_id": "Pong-v4"}])
def test_bad_input_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="allowed: "):
        record(random_agent(), **wrong)


def test_an_unknown_ending_is_refused_and_a_broken_recording_leaves_the_old_file(tmp_path: Path) -> None:
    recording = Recording([np.zeros((10, 10, 3), np.uint8)] * 2, 15.0, [0.0])
    with pytest.raises(UserError, match=r"'\.avi' is not known; allowed: \.gif, \.mp4"):
        write_video(recording, tmp_path / "x.avi")
    (tmp_path / "old.gif").write_bytes(b"old")
    with pytest.raises(IndexError):
        write_video(Recording([], 15.0, []), tmp_path / "old.gif")
    assert (tmp_path / "old.gif").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["old.gif"]


MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(status)
"""


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kilobytes = tmp_path / "ffmpeg"
    imageio_ffmpeg.get_ffmpeg_exe()  # starts it once
    started = subprocess.Popen

    def measured(command: list[str], **settings: Any) -> subprocess.Popen[bytes]:
        """A small process starts ffmpeg: the memory of a child includes what its parent had when it was forked."""
        return started([sys.executable, "-S", "-c", MEASURE, str(kilobytes), *command], **settings)

    monkeypatch.setattr(subprocess, "Popen", measured)
    ours = []
    tracemalloc.start()
    for size in (50, 200):
        film, random = Film(), np.random.default_rng(0)
        for _ in range(size):
            film.append(random.integers(0, 2, (100, 150, 3), dtype=np.uint8) * 255)
        recording = Recording(film, 15.0, [0.0])
        for ending in (".gif", ".mp4"):
            write_video(side_by_side([recording, recording]), tmp_path / f"noise{ending}")
        ours.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    used = [int(line) for line in kilobytes.read_text().split()]
    assert len(used) == 6  # a palette, a gif and an mp4 of either size
    assert ours[1] - ours[0] < 10 * 100 * 150 * 3  # bytes: 10 of 150 more pictures
    assert max(used[3:]) - max(used[:3]) < 8_000  # kB: half of them
