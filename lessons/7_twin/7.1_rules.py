"""Lesson 7.1: find a rule of the game by experiment.

You learn: how to model a game exactly without seeing its code. Change one thing, watch, guess the rule, predict, and
count how often you are wrong.
Expect: two of 128 bytes move the paddle. Five guesses at how: the data refutes four; the last is wrong in 0 of 20,000
frames. A picture of the law.
Time: 15 seconds.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rlbreakout.breakout.emulator import PADDLE, PADDLE_COLUMN, RAM_SIZE, READING, load_emulator
from rlbreakout.breakout.rules import FIRE, LEFT, NONE, RIGHT
from rlbreakout.breakout.screen import find_paddle
from rlbreakout.lesson import finish, read_options, run_folder


@dataclass
class Options:
    frames: int = 20_000
    """Frames for which the last guess is tested."""
    seed: int = 0
    """Decides which buttons are pressed."""
    run_dir: Path | None = None
    """Folder for the picture (default: runs/7_twin/7.1_rules)."""


options = read_options(Options, __doc__)
folder = run_folder("7_twin/7.1_rules", options.run_dir)
ale = load_emulator()  # no sticky actions: every press is ours
buttons = ale.getMinimalActionSet()
random = np.random.default_rng(options.seed)


def paddle() -> int:
    """The screen column of the paddle's left edge. The console counts from another place than the screen."""
    return int(ale.getRAM()[PADDLE]) - PADDLE_COLUMN


def reading() -> int:
    """What the game last read from the knob of the paddle controller. Large is left."""
    return int(ale.getRAM()[READING])


# %% Change one thing. The console has 128 bytes of memory. Save the game, change one byte, play one frame, look at the
# screen, go back, and take the next byte. Whatever moves the paddle has a part in the rule.
for _ in range(60):
    ale.act(buttons[NONE])
saved = ale.cloneState()
print("byte  paddle on the screen, one frame after adding 16 to that byte")
for byte in [None, *range(RAM_SIZE)]:
    ale.restoreState(saved)
    if byte is not None:
        ale.setRAM(byte, (int(ale.getRAM()[byte]) + 16) % 256)
    ale.act(buttons[NONE])
    found = find_paddle(ale.getScreenGrayscale()[None])
    column = int(found.column[0]) if found.seen[0] else None
    if byte is None:
        untouched = column
        print(f"none  column {column}")
    elif column != untouched:
        print(f"0x{byte:02X}  " + ("no paddle" if column is None else f"column {column}"))

# %% Watch. Hold RIGHT for three frames, then let go.
ale.restoreState(saved)
glide = [(paddle(), reading())]
for frame in range(12):
    ale.act(buttons[RIGHT if frame < 3 else NONE])
    glide.append((paddle(), reading()))
print("\nRIGHT for three frames, then nothing:")
print("paddle  " + " ".join(f"{column:4}" for column, _ in glide))
print("reading " + " ".join(f"{read:4}" for _, read in glide))
rest = set()
for presses in range(1, 9):
    for direction in (RIGHT, LEFT):
        ale.restoreState(saved)
        for frame in range(presses + 12):
            ale.act(buttons[direction if frame < presses else NONE])
        rest.add(paddle() + reading())
print(f"at rest at 16 other places, paddle + reading is {sorted(rest)}")

# %% Guess. 16 more on the knob put the paddle 8 columns further left, and 16 more on the paddle put it only 8 further
# right: something is halved. And at rest the paddle is at 188 - reading, or one column short of it.
#
# A guess predicts the paddle's next column from its column now, what the game read one frame ago and reads
# now, and the direction that is pressed (1 right, -1 left). All four are arrays, an entry a frame.
Guess = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
GUESSES: dict[str, Guess] = {
    "1 a fixed speed of 3 columns": lambda column, before, now, pressed: column + 3 * pressed,
    "2 at once to where the knob points": lambda column, before, now, pressed: 188 - now,
    "3 half of the way there": lambda column, before, now, pressed: (column + 188 - now) // 2,
    "4 half of the way, a frame late": lambda column, before, now, pressed: (column + 188 - before) // 2,
    "5 as 4, stopped by the walls": lambda column, before, now, pressed: np.clip((column + 188 - before) // 2, 8, 144),
}


def watch(frames: int, *, with_ball: bool) -> np.ndarray:
    """Press at random. Returns an array (frames, 5): column, reading before and now, direction, the next column."""
    ale.reset_game()
    seen = np.empty((frames, 5), dtype=np.int64)
    action = NONE
    for frame in range(frames):
        if ale.game_over():
            ale.reset_game()
        if random.random() < 0.3:  # hold a button for three frames or so
            action = int(random.choice([FIRE if with_ball else NONE, RIGHT, LEFT]))
        seen[frame, :2] = paddle(), reading()
        ale.act(buttons[action])
        seen[frame, 2:] = reading(), {RIGHT: 1, LEFT: -1}.get(action, 0), paddle()
    return seen


def misses(guess: Guess, seen: np.ndarray) -> np.ndarray:
    """In which frames the guess is wrong."""
    column, before, now, pressed, then = seen.T
    return guess(column, before, now, pressed) != then


# %% Count the misses. One frame that differs refutes a guess, and shows what the next one has to explain.
seen = watch(2_000, with_ball=False)
print(f"\n{'the paddle moves ...':36}wrong frames of {len(seen):,}")
for name, guess in GUESSES.items():
    wrong = misses(guess, seen)
    print(f"{name:36}{wrong.sum():5}", end="")
    if wrong.any():
        column, before, now, pressed, then = seen[np.argmax(wrong)].tolist()
        predicted = int(guess(*seen[wrong][:1].T[:4])[0])
        print(f"   first: from {column}, readings {before} and {now}: predicted {predicted}, seen {then}", end="")
    print()

# %% Predict. The guesses were made to fit those 2,000 frames, so these say little. Test the last one on frames that had
# no part in making it: other presses, a ball in play, lives lost, a paddle that gets narrower.
seen = watch(options.frames, with_ball=True)
n_wrong = int(misses(GUESSES["5 as 4, stopped by the walls"], seen).sum())
print(f"\nplayed with a ball: guess 5 is wrong in {n_wrong} of {len(seen):,} new frames")

# %% Check the cause. In play, paddle and knob go together. So set both, to places that no game would bring together.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
readings = np.arange(0, 185, 8)
for column in (8, 76, 144):
    then = []
    for read in readings.tolist():
        ale.restoreState(saved)
        ale.setRAM(PADDLE, column + PADDLE_COLUMN)
        ale.setRAM(READING, read)
        ale.act(buttons[NONE])
        then.append(paddle())
    (line,) = left.plot(readings, np.clip((column + 188 - readings) // 2, 8, 144), linewidth=1, label="_law")
    left.plot(readings, then, "o", color=line.get_color(), markersize=4, label=f"paddle set to column {column}")
left.set(title="One frame after both were set", xlabel="reading of the knob", ylabel="column of the paddle")
left.legend(fontsize="small")

# %% The same law, frame by frame: the paddle starts late, then glides.
columns, reads = np.array(glide).T
right.plot(188 - reads, drawstyle="steps-mid", color="0.6", linewidth=1, label="where the knob points")
for name, late in (("guess 3: half of the way", 0), ("guess 4: a frame late", 1)):
    way = [columns[0]]
    for frame in range(1, len(columns)):
        way.append((way[-1] + 188 - reads[frame - late]) // 2)
    right.plot(way, "--" if late == 0 else "-", linewidth=1, label=name)
right.plot(columns, "ko", markersize=4, label="emulator")
right.set(title="RIGHT for three frames, then nothing", xlabel="frame", ylabel="column of the paddle")
right.set_yticks(range(99, 118, 3))
right.legend(fontsize="small")
for axes in (left, right):
    axes.grid(alpha=0.3)
figure.savefig(folder / "law.png", dpi=110)

# %%
finish(
    folder,
    files=[folder / "law.png"],
    frames=options.frames,
    wrong_frames=n_wrong,
    look_at="the picture: lines are the law, dots the emulator. Then python lessons/7_twin/7.2_exact.py",
)
