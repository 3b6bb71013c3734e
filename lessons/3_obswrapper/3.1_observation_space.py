"""Lesson 3.1: what the agent really sees.

You learn: what Stable-Baselines3's AtariWrapper does to a screen, number by number, and why the ball, which matters
most, suffers most from it.
Expect: one screen before and after, as a jpeg and as a csv to open in a spreadsheet, and the ball in both, enlarged.
Time: 15 seconds.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ale_py
import cv2
import gymnasium as gym
import numpy as np
from PIL import Image
from stable_baselines3.common.atari_wrappers import AtariWrapper

from rlbreakout.agents import load_agent
from rlbreakout.breakout.screen import BALL_HEIGHT, BALL_WIDTH, BRICKS_BOTTOM, find_ball
from rlbreakout.evaluation import record, write_video
from rlbreakout.lesson import finish, read_options, run_folder

ENLARGED = 16


@dataclass
class Options:
    steps: int = 8
    """Agent steps before the screen is shown; more, if the ball is not below the bricks by then."""
    seed: int = 0
    """Decides the game."""
    run_dir: Path | None = None
    """Folder for the files (default: runs/3_obswrapper/3.1_observation_space)."""


options = read_options(Options, __doc__)
folder = run_folder("3_obswrapper/3.1_observation_space", options.run_dir)
gym.register_envs(ale_py)


# %% AtariWrapper: no-op start, 4 frames a step and the brighter of the last two, a life as an episode, FIRE, 84x84 grey
# pixels, clipped rewards. A wrapper inside of it keeps the last two screens as they are.
class LastTwo(gym.Wrapper):
    """Keeps the last two screens."""

    screens: tuple[np.ndarray, np.ndarray]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        screen, info = super().reset(**kwargs)
        self.screens = screen, screen
        return screen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        screen, *rest = super().step(action)
        self.screens = self.screens[1], screen
        return screen, *rest


game = LastTwo(gym.make("BreakoutNoFrameskip-v4"))
env = AtariWrapper(game)
after, _ = env.reset(seed=options.seed)
ale = game.unwrapped.ale  # type: ignore[attr-defined]
for step in range(options.steps + 200):
    after, _reward, terminated, truncated, _info = env.step(0)
    if terminated or truncated:
        after, _ = env.reset()
    grey = ale.getScreenGrayscale()
    ball = find_ball(grey[None])
    if step + 1 >= options.steps and ball.seen[0] and ball.row[0] > BRICKS_BOTTOM + 10:
        break
before, small = ale.getScreenRGB(), after[:, :, 0]
row, column = int(ball.row[0]), int(ball.column[0])
print(f"before: {before.shape} {before.dtype}, {before.size:,} numbers; after: {after.shape}, {after.size:,} numbers")

# %% The same picture by hand: of the last two screens the brighter pixels, in grey. Then each of the 84x84 pixels is
# the mean of the 2.5 x 1.9 pixels that it covers.
brighter = np.maximum(*game.screens)
by_hand = cv2.resize(cv2.cvtColor(brighter, cv2.COLOR_RGB2GRAY), (84, 84), interpolation=cv2.INTER_AREA)
print(f"the picture by hand is AtariWrapper's, number for number: {np.array_equal(by_hand, small)}")

# %% As pictures and as numbers. A spreadsheet shows the csv files cell by cell. 0 is black.
files = []
for name, picture, numbers in (("before", before, grey), ("after", small, small)):
    Image.fromarray(picture).save(folder / f"{name}.jpg", quality=95)
    np.savetxt(folder / f"{name}.csv", numbers, fmt="%d", delimiter=",")
    files += [folder / f"{name}.jpg", folder / f"{name}.csv"]

# %% The ball: 2x4 pixels of one colour on black. Resized to 84x84 it falls between the pixels, and because the picture
# combines two frames, the ball is in it twice.
here = grey[row : row + BALL_HEIGHT, column : column + BALL_WIDTH]
y, x = row * 84 // 210, column * 84 // 160
there = small[y - 3 : y + 5, x - 4 : x + 6]
smeared = there[there > 0]
print(f"the ball before: {here.size} pixels, all of brightness {set(here.ravel().tolist())}")
print(f"the ball after: {smeared.size} pixels of brightness {sorted(smeared.tolist(), reverse=True)}")

crop = grey[row - 8 : row + 12, column - 8 : column + 10]
size = (crop.shape[1] * ENLARGED, crop.shape[0] * ENLARGED)
pair = [np.asarray(Image.fromarray(part).resize(size, Image.Resampling.NEAREST)) for part in (crop, there)]
gap = np.full((size[1], ENLARGED), 255, dtype=np.uint8)
Image.fromarray(np.concatenate([pair[0], gap, pair[1]], axis=1)).save(folder / "ball.png")
files.append(folder / "ball.png")

# %% In motion: the screen, and beside it what a random agent sees of it.
gif = write_video(record(load_agent("random"), seconds=8, view="both", seed=options.seed), folder / "before_after.gif")
finish(
    folder,
    files=[*files, gif],
    by_hand_is_the_same=bool(np.array_equal(by_hand, small)),
    ball_before=here.ravel().tolist(),
    ball_after=sorted(smeared.tolist(), reverse=True),
    look_at="ball.png: as it is and as the agent sees it; then python lessons/3_obswrapper/3.2_observation_wrapper.py",
)
