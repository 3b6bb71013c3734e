"""Lesson 3.2: mono, trim and aimbot, one after the other.

You learn: how to write an observation wrapper; three that keep what matters and drop the rest; how two observations of
the ball tell where it will come down.
Expect: the same game five times, each as a jpeg, a csv, and a gif of the screen beside what the agent would see; and
how accurate the aimbot is.
Time: 25 seconds.
"""

# %%
import rlbreakout  # noqa: F401  # before torch, whose idle threads then sleep

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import ale_py
import gymnasium as gym
import numpy as np
from PIL import Image

from rlbreakout.bench.aimbot_accuracy import measure_accuracy
from rlbreakout.breakout.screen import HEIGHT, PADDLE_TOP, find_ball, find_paddle
from rlbreakout.evaluation import write_video
from rlbreakout.evaluation.video import Recording
from rlbreakout.lesson import finish, read_options, run_folder
from rlbreakout.observation.aimbot import SPEEDS, TURNS_AT_LEFT, TURNS_AT_RIGHT
from rlbreakout.wrappers import AimbotObservation, LaunchBall, MonoObservation, TrimObservation

RIGHT, LEFT = 2, 3
PICTURES_PER_SECOND = 15  # 60 frames a second, 4 frames a step


@dataclass
class Options:
    steps: int = 150
    """Agent steps to play, 15 a second of game time."""
    descents: int = 200
    """How often the ball falls to the paddle while the aimbot is compared with the truth."""
    seed: int = 0
    """Decides the game."""
    run_dir: Path | None = None
    """Folder for the files (default: runs/3_obswrapper/3.2_observation_wrapper)."""


options = read_options(Options, __doc__)
folder = run_folder("3_obswrapper/3.2_observation_wrapper", options.run_dir)
gym.register_envs(ale_py)


# %% An observation wrapper changes what comes out of an environment, and says so in its observation_space. This one
# does what MonoObservation does in its mode "mono_1dim".
class BlackAndWhite(gym.ObservationWrapper):
    """255 where the screen is not black, 0 elsewhere."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 255, (210, 160, 1), np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        return np.where(observation.any(axis=2, keepdims=True), 255, 0).astype(np.uint8)


# %% How the aimbot knows. The ball has one of eight speeds, in pixels a frame, and the side walls turn it at fixed
# columns. So a flight can be followed frame by frame, and two observations tell which flight it is.
def flight(column: float, across: float, direction: int, frames: int) -> tuple[float, int]:
    """Where the ball is after so many frames, and which way it then flies: 1 to the right, -1 to the left."""
    for _ in range(frames):
        column += direction * across
        direction = 1 if column <= TURNS_AT_LEFT else -1 if column >= TURNS_AT_RIGHT else direction
    return column, direction


def landing_column(before: tuple[int, int], now: tuple[int, int], elapsed: int = 4) -> float | None:
    """Where a falling ball will cross the paddle's line, from its row and column now and `elapsed` frames before."""
    for across, down in SPEEDS:
        for direction in (1, -1):
            column, heading = flight(before[1], across, direction, elapsed)
            if abs(now[0] - before[0] - elapsed * down) < 1 and int(column) == now[1]:
                return flight(now[1], across, heading, ceil((PADDLE_TOP - now[0]) / down))[0]
    return None


earlier, later = (127, 123), (135, 129)  # row and column
print(f"a ball at {earlier}, and 4 frames later at {later}, lands at column {landing_column(earlier, later)}\n")


# %% Each view goes one step further. The emulator itself holds an action for 4 frames here, so that the agent sees
# single frames. The aimbot needs them: where a picture combines two frames, the ball is smeared.
def breakout() -> gym.Env:
    """The game, with 4 frames a step and the ball launched."""
    return LaunchBall(gym.make("BreakoutNoFrameskip-v4", frameskip=4, render_mode="rgb_array"))


def aimbot(counters: bool) -> gym.Env:
    """Mono before the aimbot, because counters are shades of grey; trim after it, because it needs the whole screen."""
    return TrimObservation(AimbotObservation(MonoObservation(breakout(), "mono_1dim"), counters=counters), "trim")


VIEWS: dict[str, Callable[[], gym.Env]] = {
    "by_hand": lambda: BlackAndWhite(breakout()),
    "mono": lambda: MonoObservation(breakout(), "mono_1dim"),
    "trim": lambda: TrimObservation(MonoObservation(breakout(), "mono_1dim"), "trim"),
    "aimbot": lambda: aimbot(counters=False),
    "counters": lambda: aimbot(counters=True),
}


# %% Somebody has to play: a paddle that follows the ball, wherever it sees it on the screen.
def follow(game: gym.Env) -> int:
    """The action that brings the paddle under the ball."""
    screen = np.asarray(game.render())
    lit = np.ascontiguousarray(screen[None, :, :, 0])
    ball, paddle = find_ball(lit), find_paddle(lit)
    offset = int(ball.column[0] - paddle.column[0]) - 8 if ball.seen[0] and paddle.seen[0] else 0
    return RIGHT if offset > 4 else LEFT if offset < -4 else 0


# %% Without sticky actions, the same seed and the same actions make the same game.
files, numbers = [], {}
for name, make in VIEWS.items():
    env = make()
    observation, _ = env.reset(seed=options.seed)
    pictures = []
    for _step in range(options.steps):
        observation, _reward, terminated, truncated, _info = env.step(follow(env))
        seen = Image.fromarray(observation[:, :, 0]).convert("RGB")
        seen = seen.resize((round(HEIGHT * seen.width / seen.height), HEIGHT), Image.Resampling.NEAREST)
        screen, gap = np.asarray(env.render()), np.zeros((HEIGHT, 4, 3), np.uint8)
        pictures.append(np.concatenate([screen, gap, np.asarray(seen)], axis=1))
        if terminated or truncated:
            break
    Image.fromarray(pictures[len(pictures) // 2]).save(folder / f"{name}.jpg", quality=95)
    np.savetxt(folder / f"{name}.csv", observation[:, :, 0], fmt="%d", delimiter=",")
    gif = write_video(Recording(pictures, PICTURES_PER_SECOND, []), folder / f"{name}.gif")
    files += [folder / f"{name}.jpg", folder / f"{name}.csv", gif]
    numbers[name] = {"shape": list(observation.shape), "values": sorted(set(observation.ravel().tolist()))}
    print(f"{name:9} {observation.shape!s:15} {observation.size:6,} numbers, values {numbers[name]['values']}")
    env.close()

# %% How accurate is it? The twin, an exact model of the game (lesson 7), can play on without a paddle and see.
accuracy = measure_accuracy(options.descents, seed=options.seed)
aimbot_facts = {
    "agent steps with a falling ball": accuracy.steps,
    "with a prediction": accuracy.coverage,
    **{f"predictions within {columns} pixels": accuracy.within(columns) for columns in (0, 1, 2, 3)},
}
print("\nthe aimbot, measured in the twin:")
for name, value in aimbot_facts.items():
    print(f"{name:34}{value:7.4g}")

# %%
finish(
    folder,
    files=files,
    observations=numbers,
    aimbot=aimbot_facts,
    look_at="aimbot.gif: the mark under the paddle; then python lessons/3_obswrapper/3.3_aimbot_training.py",
)
