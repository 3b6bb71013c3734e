"""Lesson 0.1: is everything installed that the lessons need?

You learn: what the lessons are built on, and how fast your machine is.
Expect: a table. A line is ok or WRONG, and a wrong one says how to fix it. The exit status is 0 if all are ok, else 1.
Time: 10 seconds.
"""

# %% The imports are from Python's own library only: this script has to run where everything else is missing.
import argparse
import importlib
import platform
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

PYTHON_NEEDED = ((3, 10), (3, 13))
SPEED_TEST_SECONDS = 2.0
INSTALL = "pip install -c constraints.txt -e ."

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--run-dir", type=Path, default=Path("runs"), help="The folder that must be writable.")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has options of its own

table: list[tuple[bool, str, str, str]] = []  # ok?, what, found, fix


def check(what: str, fix: str, look) -> None:
    """Add a line to the table: what `look()` found, or why it is wrong."""
    try:
        table.append((True, what, str(look()), ""))
    except Exception as error:  # whatever is wrong gets a line in the table
        table.append((False, what, " ".join(f"{error}".split()) or type(error).__name__, fix))


# %% Python and the packages: are their versions those that pyproject.toml asks for?
def python_version() -> str:
    low, high = PYTHON_NEEDED
    if not low <= sys.version_info[:2] <= high:
        raise RuntimeError(f"{platform.python_version()}, needed: {low[0]}.{low[1]} to {high[0]}.{high[1]}")
    return platform.python_version()


def package_version(name: str, needed) -> str:
    version = metadata.version(name)
    if not needed.contains(version, prereleases=True):
        raise RuntimeError(f"{version}, needed: {needed}")
    return f"{version} (needed: {needed})"


check("Python", "install Python 3.10 to 3.13, and create the virtual environment with it", python_version)
try:
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in metadata.requires("rlbreakout") or []]
    for requirement in (r for r in requirements if r.marker is None):
        fix = f"{INSTALL} --upgrade"
        check(requirement.name, fix, lambda r=requirement: package_version(r.name, r.specifier))
except (ImportError, metadata.PackageNotFoundError) as error:
    table.append((False, "rlbreakout", str(error), INSTALL))


# %% The emulator, which comes with the game, and how many frames a second one core plays.
def rom() -> str:
    path = Path(importlib.import_module("ale_py.roms").get_rom_path("breakout"))
    return f"{path.name}, {path.stat().st_size} bytes"


def emulator_speed() -> str:
    ale = importlib.import_module("rlbreakout.breakout.emulator").load_emulator()
    frames, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < SPEED_TEST_SECONDS:
        ale.act(frames % 2)  # no action and FIRE, alternating
        frames += 1
        if ale.game_over():
            ale.reset_game()
    return f"{frames / seconds:,.0f} frames/s on one core, {frames / seconds / 4:,.0f} agent steps/s"


check("Breakout's ROM", "pip install --force-reinstall ale-py", rom)
check("emulator", "pip install --force-reinstall ale-py", emulator_speed)


# %% The twin: our own model of the game, in which most lessons train. Does it still play the emulator's game?
def twin() -> str:
    checked = importlib.import_module("rlbreakout.breakout.guard").check_twin()
    return (
        f"plays as ale-py {checked.ale_py} does: {checked.frames:,} frames and {checked.screens:,} screens compared, "
        f"{checked.differences} differ ({checked.seconds:.1f} s)"
    )


check("twin", f"{INSTALL} --upgrade, or set env.vec_env: dummy to train on the emulator", twin)


# %% The device that torch uses, ffmpeg for mp4 files, and a folder for the runs.
def device() -> str:
    torch = importlib.import_module("torch")
    name = importlib.import_module("stable_baselines3.common.utils").get_device("auto")
    return f"{name}, {torch.get_num_threads()} threads; the lessons need no GPU"


def ffmpeg() -> str:
    imageio_ffmpeg = importlib.import_module("imageio_ffmpeg")
    imageio_ffmpeg.get_ffmpeg_exe()
    return f"version {imageio_ffmpeg.get_ffmpeg_version()}"


def writable() -> str:
    options.run_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=options.run_dir):
        return str(options.run_dir)


check("torch's device", f"{INSTALL} --upgrade", device)
check("ffmpeg", "pip install --force-reinstall imageio-ffmpeg", ffmpeg)
check("run folder", "choose another one with --run-dir, or free the disk", writable)

# %% The table.
width = max(len(what) for _, what, _, _ in table)
for ok, what, found, fix in table:
    print(
        f"{'ok   ' if ok else 'WRONG'}  {what:{width}}  {found}" + (f"\n       {'':{width}}  fix: {fix}" if fix else "")
    )
wrong = sum(not line[0] for line in table)
print(f"\n{wrong} of {len(table)} wrong" if wrong else "\nAll is well. Next: python lessons/1_gym/1.1_gym.py")
if wrong:
    sys.exit(1)
