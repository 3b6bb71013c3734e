"""Lesson 7.2: is the twin exact? Both games side by side, and why 10,000 equal frames prove little.

You learn: how to test a model: compare everything, make sure that the test can fail, and know what it has never met.
Expect: 0 of 20,000 frames differ. Of three twins with a mistake two are caught; the rule that the third lacks matters
once in 1.5 million frames. A gif of emulator, twin and their difference, and a picture of how long to test.
Time: half a minute.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

from rlbreakout.breakout import rules
from rlbreakout.breakout.draw import RGB, draw, draw_rgb
from rlbreakout.breakout.emulator import from_ram, load_emulator
from rlbreakout.breakout.rules import PIXEL_BITS, is_over, new_games, one_frame, play, width_of
from rlbreakout.breakout.screen import BALL_HEIGHT, HEIGHT, PADDLE_TOP, WALL_POINTS, WIDTH
from rlbreakout.common.compiled import compiled
from rlbreakout.evaluation import write_video
from rlbreakout.evaluation.video import Recording
from rlbreakout.lesson import finish, read_options, run_folder


@dataclass
class Options:
    frames: int = 20_000
    """Frames that the emulator and the twin play side by side."""
    games: int = 100
    """Players that look for rare events in the twin, one game after the other."""
    frames_each: int = 1_000_000
    """Frames for which each of them plays."""
    seconds: float = 20.0
    """Length of the gif, in game time."""
    seed: int = 0
    """Decides the actions."""
    run_dir: Path | None = None
    """Folder for gif and picture (default: runs/7_twin/7.2_exact)."""


options = read_options(Options, __doc__)
folder = run_folder("7_twin/7.2_exact", options.run_dir)


# %% Who plays: the paddle follows the ball, and one action in ten is drawn at random, so that games differ and end.
@compiled
def follow_ball(game: Any) -> int:
    """The next action in this state."""
    if np.random.random() < 0.1:
        return np.random.randint(0, 4)
    if game.ball_y < rules.PIXEL:
        return rules.FIRE
    off = (game.ball_x >> PIXEL_BITS) - (game.paddle + width_of(game) // 2)
    return rules.RIGHT if off > 3 else rules.LEFT if off < -4 else rules.NONE


@compiled
def seed_player(seed: int) -> None:
    """Compiled code has a random generator of its own."""
    np.random.seed(seed)


# %% A test that cannot fail shows nothing. So three wrong twins take part, each the right one with one small mistake.
# `before` and `after` are the right twin's states, and a mistake changes what comes after.
def line_and_column(state: Any) -> tuple[int, int]:
    """Of the ball, in whole pixels."""
    return int(state["ball_y"]) >> PIXEL_BITS, int(state["ball_x"]) >> PIXEL_BITS


def wall_one_column_off(before: Any, after: Any) -> None:
    """The right wall turns the ball back one column too late."""
    line, column = line_and_column(before)
    if column == rules.RIGHT_WALL and line < PADDLE_TOP - 16 and before["ball_vx"] > 0 > after["ball_vx"]:
        after["ball_vx"] = -after["ball_vx"]
        after["ball_x"] = before["ball_x"] + after["ball_vx"]


def no_jump_in_the_middle(before: Any, after: Any) -> None:
    """A ball that meets the very middle of the paddle does not jump four columns back."""
    middle = before["paddle"] + width_of(before) // 2
    if after["met"] and not before["met"] and line_and_column(before)[1] + 2 == middle:
        after["ball_x"] += (-rules.OFF_CENTRE if before["ball_vx"] < 0 else rules.OFF_CENTRE) * rules.PIXEL


def no_foot(before: Any, after: Any) -> None:
    """On the last line of the side walls nothing turns the ball, not even the block at their foot."""
    if line_and_column(before)[0] == rules.SIDE_WALLS_END and before["ball_vx"] * after["ball_vx"] < 0:
        after["ball_vx"] = before["ball_vx"]
        after["ball_x"] = before["ball_x"] + before["ball_vx"]


MISTAKES: tuple[Callable[[Any, Any], None], ...] = (wall_one_column_off, no_jump_in_the_middle, no_foot)

# %% Side by side, the same actions. In every frame compare the whole state, the points and all 33,600 pixels.
seed_player(options.seed)
ale = load_emulator()
buttons = ale.getMinimalActionSet()
twin, loose = new_games(1), new_games(1)  # `loose` has the wrong wall and plays on by itself, for the gif
states = pixels = games = 0
caught: dict[str, int] = {}
pictures: list[np.ndarray] = []
gap = np.zeros((HEIGHT, 4, 3), dtype=np.uint8)
captions = Image.new("RGB", (4 * WIDTH + 12, 14))
for panel, name in enumerate(("emulator", "twin", "difference", "wall 1 column off")):
    ImageDraw.Draw(captions).text((panel * (WIDTH + 4) + 2, 0), name)
WHITE_IF_NOT_0 = np.full((256, 3), 255, dtype=np.uint8)
WHITE_IF_NOT_0[0] = 0

for frame in range(1, options.frames + 1):
    action = np.array([follow_ball(twin[0])])
    before = twin.copy()
    points = int(play(twin, action)[0])
    reward = ale.act(buttons[action[0]])
    real = from_ram(ale.getRAM(), twin["knob"])  # the knob is no part of the console's memory
    real["shown_score"], real["shown_lives"] = before["score"], before["lives"]  # the screen is one frame late
    screen = ale.getScreen()
    states += int(real[0] != twin[0] or reward != points)
    pixels += int((screen != draw(twin)[0]).any())
    for mistake in MISTAKES:
        if mistake.__name__ not in caught:
            wrong = twin.copy()
            mistake(before[0], wrong[0])
            if wrong[0] != real[0]:
                caught[mistake.__name__] = frame
    if frame <= options.seconds * 60:
        loose_before = loose.copy()
        play(loose, action)
        wall_one_column_off(loose_before[0], loose[0])
        if frame % 4 == 0:
            same, other = (WHITE_IF_NOT_0[screen ^ draw(game)[0]] for game in (twin, loose))
            panels = np.hstack([RGB[screen], gap, draw_rgb(twin)[0], gap, same, gap, other])
            pictures.append(np.vstack([np.asarray(captions), panels]))
    if is_over(twin[0]):
        games += 1
        ale.reset_game()
        twin = new_games(1)

print(f"{options.frames:,} frames, games that ended: {games}")
print(f"frames in which the state or the points differ: {states}")
print(f"frames in which a pixel differs: {pixels}\n")
for mistake in MISTAKES:
    found = f"caught after {caught[mistake.__name__]:,} frames" if mistake.__name__ in caught else "NOT CAUGHT"
    print(f"{mistake.__name__:24}{found}")

# %% What did the test never meet? A rule is tested only in the frames in which it does something.
EVENTS = (
    "a brick breaks",
    "the right wall turns the ball at its first column",
    "the ball meets the very middle of the paddle",
    "a life is lost",
    "the ball is seen on the lowest row of the screen",
    "the second wall begins",
    "the foot of a side wall turns the ball",
)


@compiled
def first_seen(frames: int, first: np.ndarray) -> np.ndarray:
    """Let each player play; put the frame in which it first saw each event into `first`, (players, events). Returns how
    often each event happened."""
    counts, happens = np.zeros(len(EVENTS), dtype=np.int64), np.zeros(len(EVENTS), dtype=np.bool_)
    before, game = new_game.copy(), new_game.copy()
    for player in range(len(first)):
        game[0] = new_game[0]
        for frame in range(1, frames + 1):
            old, now = before[0], game[0]
            before[0] = now
            points = one_frame(now, follow_ball(now))
            line, column = old.ball_y >> PIXEL_BITS, old.ball_x >> PIXEL_BITS
            turned = old.ball_vx * now.ball_vx < 0
            meets = now.met and not old.met
            happens[0] = points > 0
            happens[1] = turned and old.ball_vx > 0 and column == rules.RIGHT_WALL and line < rules.SIDE_WALLS_END
            happens[2] = meets and column + 2 == old.paddle + width_of(old) // 2
            happens[3] = now.lives < old.lives
            lowest = rules.SIDE_WALLS_END - BALL_HEIGHT < now.ball_y >> PIXEL_BITS <= rules.SIDE_WALLS_END
            happens[4] = lowest and 8 <= now.ball_x >> PIXEL_BITS < 46
            happens[5] = old.score < WALL_POINTS <= now.score
            happens[6] = turned and line == rules.SIDE_WALLS_END
            for event in range(len(EVENTS)):
                if happens[event]:
                    counts[event] += 1
                    first[player, event] = min(first[player, event], frame)
            if is_over(now):
                game[0] = new_game[0]
    return counts


# %% The emulator would take hours for this. The twin, which is exact, takes seconds.
new_game = new_games(1)
first = np.full((options.games, len(EVENTS)), np.iinfo(np.int64).max)
counts = first_seen(options.frames_each, first)
total = options.games * options.frames_each
once_in = {event: total // int(count) if count else None for event, count in zip(EVENTS, counts, strict=True)}
print(f"\n{total:,} frames in the twin: once in how many frames?")
for event, n_frames in once_in.items():
    print(f"{event:52}{'never' if n_frames is None else format(n_frames, ','):>12}")

# %% The chance that a test of so many frames meets each event at all, from all the players.
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
lengths = np.geomspace(10, options.frames_each, 200)
for event, seen in zip(EVENTS, first.T, strict=True):
    axes.plot(lengths, [100 * (seen <= length).mean() for length in lengths], label=event)
axes.set(xscale="log", xlabel="frames of the test", ylabel="chance that it meets the event (%)")
axes.set_title("Lesson 7.2: a test of so many frames meets ...")
axes.grid(alpha=0.3)
figure.legend(loc="outside lower center", ncols=2, fontsize="small")
figure.savefig(folder / "how_long_to_test.png", dpi=110)

# %%
gif = write_video(Recording(pictures, 15.0, [0.0, 0.0]), folder / "exact.gif")
finish(
    folder,
    files=[gif, folder / "how_long_to_test.png"],
    frames=options.frames,
    frames_that_differ={"state": states, "pixels": pixels},
    caught={mistake.__name__: caught.get(mistake.__name__) for mistake in MISTAKES},
    once_in_frames=once_in,
    look_at="the gif, third and fourth panel; then python lessons/7_twin/7.3_train_in_the_twin.py",
)
