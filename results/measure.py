"""Measure what the READMEs report, and keep it here as JSON.

    python results/measure.py lessons            lessons with their defaults -> lessons.json
    python results/measure.py reproduction       lesson 2.3 beside rl_zoo3, 20,000 steps -> 2.3_reproduction.json
    python results/measure.py agent RUN          a run of 2.3 on three environment ids -> 2.3_zoo.json
    python results/measure.py runs FILE RUN ...  other runs on the id that they were trained on -> FILE
    python results/measure.py grid RUN           a folder of lesson 3.3 -> 3.3_grid.json
    python results/measure.py keep RUN           what a lesson or a study of lesson 4 found -> its name.json
    python results/measure.py long-run           memory and speed of a long training -> long_run.json

`python results/draw.py` then draws the tables and pictures of the READMEs from these files.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import tyro
from stable_baselines3.common.callbacks import BaseCallback

from rlbreakout.config import installed_versions, load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluate import evaluate
from rlbreakout.memory import megabytes_of_children
from rlbreakout.models import build_algorithm, load_agent, trained_steps
from rlbreakout.plots import read_games, read_monitor_file, read_scalar
from rlbreakout.runs import start_run
from rlbreakout.train import learn

RESULTS = Path(__file__).parent
LESSONS = RESULTS.parent / "lessons"
MEASURED = (
    "1_gym/1.1_gym",
    "1_gym/1.2_wrapper",
    "1_gym/1.3_train",
    "2_baselines/2.1_envs",
    "2_baselines/2.2_callbacks",
    "2_baselines/2.4_fast_envs",
    "3_obswrapper/3.1_observation_space",
    "3_obswrapper/3.2_observation_wrapper",
    "7_twin/7.1_rules",
    "7_twin/7.2_exact",
    "7_twin/7.3_train_in_the_twin",
)
PICTURES = {
    "7.1_rules": "law.png",
    "7.2_exact": "how_long_to_test.png",
    "7.3_train_in_the_twin": "curve.png",
}
"""Kept of these lessons."""
EVALUATED_ON = ("BreakoutNoFrameskip-v4", "Breakout-v4", "ALE/Breakout-v5")
CURVE_POINTS = 100
TENTHS = 10
CURVES_KEPT = ("rollout/ep_rew_mean", "eval/mean", "time/fps", "train/noise_spread")


@dataclass
class Lessons:
    """Run the lessons with their defaults."""

    run_dir: Path | None = None
    """Where their run folders go (default: a temporary folder)."""
    only: tuple[str, ...] = ()
    """Measure these again, such as 2.4_fast_envs, and keep what was measured of the others (default: all)."""


@dataclass
class Reproduction:
    """Train with lesson 2.3 and with rl_zoo3, and keep both lists of games."""

    steps: int = 20_000
    """Agent steps."""


@dataclass
class AgentScores:
    """Evaluate a run of lesson 2.3, sampled and greedy, on three environment ids."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run folder."""
    games: int = 100
    """Whole games for each."""


@dataclass
class Runs:
    """Evaluate runs, sampled and greedy, on the id that they were trained on, and keep their training curves."""

    file: Annotated[str, tyro.conf.Positional]
    """Name of the JSON file; what it holds of a run already is not measured again."""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders."""
    games: int = 100
    """Whole games for each; 0: only their curves."""


@dataclass
class Grid:
    """Keep the curves and the scores of lesson 3.3."""

    run: Annotated[Path, tyro.conf.Positional]
    """The lesson's run folder."""


@dataclass
class Keep:
    """Keep what a lesson or a study left in its run folder: its figures, its curves and some of its pictures."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder; the files are called after it."""
    pictures: tuple[str, ...] = ()
    """Which pictures, such as curves.png."""
    add: bool = False
    """Keep what the file holds of other variants: for a lesson that was measured in parts."""


@dataclass
class LongRun:
    """Watch the memory and the speed of PPO on the fast environment."""

    steps: int = 2_000_000
    """Agent steps."""
    config: Path = LESSONS.parent / "configs" / "3.4_emulator.yaml"
    """Whose settings, but for the evaluations, which would take from the speed of one part."""
    run_dir: Path | None = None
    """The run folder (default: one in a temporary folder)."""


def machine() -> dict[str, Any]:
    """What the figures were measured with."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "versions": installed_versions()}


def write(name: str, data: dict[str, Any]) -> None:
    path = RESULTS / name
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def run_lesson(lesson: str, folder: Path, *options: str) -> dict[str, Any]:
    """Run a lesson script; return its lesson.json, with the seconds that it took."""
    start = time.perf_counter()
    command = [sys.executable, str(LESSONS / f"{lesson}.py"), "--run-dir", str(folder), *options]
    subprocess.run(command, check=True)
    seconds = round(time.perf_counter() - start, 1)
    return {"seconds": seconds, "options": list(options), **json.loads((folder / "lesson.json").read_text())}


def thinned(folder: Path, tag: str) -> dict[str, list[float]]:
    """At most CURVE_POINTS points of a scalar, the last one among them."""
    curve = read_scalar(folder, tag)
    keep = range(len(curve.x) - 1, -1, -max(1, len(curve.x) // CURVE_POINTS))
    order = sorted(keep)
    return {"steps": [int(curve.x[i]) for i in order], "values": [round(float(curve.y[i]), 4) for i in order]}


def curves_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The curves of every run in `folder`."""
    curves = {}
    for run in sorted({path.parent for path in folder.rglob("events.out.tfevents.*")}):
        found = {}
        for tag in CURVES_KEPT:
            try:
                found[tag] = thinned(run, tag)
            except ValueError:  # not every run is evaluated on the way
                continue
        curves[str(run.relative_to(folder))] = found
    return curves


def measure_lessons(options: Lessons) -> None:
    base = options.run_dir or Path(tempfile.mkdtemp())
    path = RESULTS / "lessons.json"
    results: dict[str, Any] = json.loads(path.read_text()) if options.only else {}
    results["machine"] = machine()
    for lesson in MEASURED:
        if options.only and Path(lesson).name not in options.only:
            continue
        folder = base / lesson
        results[Path(lesson).name] = run_lesson(lesson, folder)
        results[Path(lesson).name]["curves"] = curves_in(folder)
        if (picture := PICTURES.get(Path(lesson).name)) is not None:
            shutil.copy(folder / picture, RESULTS / f"{Path(lesson).name}_{picture}")
        write("lessons.json", results)


def measure_reproduction(options: Reproduction) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run_lesson("2_baselines/2.3_copying_hp_zoo", run, "--steps", str(options.steps), "--games", "1", "--zoo")
        config = load_config(run / "config.yaml")
        zoo = next((run / "rl_zoo3" / "ppo").glob("*_1"))
        environments: list[dict[str, Any]] = []
        for file in sorted(run.glob("*.monitor.csv")):
            ours, theirs = read_monitor_file(file), read_monitor_file(zoo / file.name)
            environments.append(
                {
                    "file": file.name,
                    "by_hand": {"scores": ours.scores.tolist(), "frames": ours.lengths.tolist()},
                    "rl_zoo3": {"scores": theirs.scores.tolist(), "frames": theirs.lengths.tolist()},
                }
            )
    data = {
        "what": f"lesson 2.3 and rl_zoo3's own training, {options.steps} agent steps, seed {config.seed}",
        "command": f"python results/measure.py reproduction --steps {options.steps}",
        "machine": machine(),
        "same": all(e["by_hand"] == e["rl_zoo3"] for e in environments),
        "games": sum(len(e["by_hand"]["scores"]) for e in environments),
        "environments": environments,
    }
    write("2.3_reproduction.json", data)


def measure_agent(options: AgentScores) -> None:
    agent = load_agent(options.run / "last")
    games = read_games(options.run)
    data: dict[str, Any] = {
        "what": "lesson 2.3 evaluated on whole games, and its training",
        "command": f"python results/measure.py agent RUN --games {options.games}",
        "machine": machine(),
        "config": agent.config.model_dump(),
        "training": {
            "steps": trained_steps(options.run / "last"),
            "minutes": round(float(games.seconds[-1]) / 60, 1),
            "games": len(games.scores),
            "mean_of_last_100_games": float(games.scores[-100:].mean()),
            "curve": thinned(options.run, "rollout/ep_rew_mean"),
        },
        "evaluations": [],
    }
    for env_id in EVALUATED_ON:
        for greedy in (False, True):
            result = evaluate(agent, env_id=env_id, games=options.games, seed=0, greedy=greedy, progress_bar=True)
            print(result)
            data["evaluations"].append(asdict(result))
            write("2.3_zoo.json", data)


def minutes(folder: Path) -> float:
    """Wall-clock minutes of a training, from SB3's steps a second since the start."""
    speed = read_scalar(folder, "time/fps")
    return round(float(speed.x[-1] / speed.y[-1]) / 60, 1)


def measure_runs(options: Runs) -> None:
    path = RESULTS / options.file
    data: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"machine": machine(), "runs": {}}
    data["command"] = f"python results/measure.py runs {options.file} RUN ... --games {options.games}"
    for run in options.runs:
        agent = load_agent(run / "last")
        entry = data["runs"].setdefault(run.name, {"evaluations": []})
        steps = trained_steps(run / "last")
        entry["config"] = agent.config.model_dump()
        entry["training"] = {"steps": steps, "minutes": minutes(run), "curve": thinned(run, "rollout/ep_rew_mean")}
        for greedy in (False, True) if options.games else ():
            if any(e["greedy"] == greedy and e["games"] == options.games for e in entry["evaluations"]):
                continue
            result = evaluate(agent, games=options.games, seed=0, greedy=greedy, progress_bar=True)
            print(run.name, result)
            entry["evaluations"].append(asdict(result))
            write(options.file, data)
    write(options.file, data)


def measure_grid(options: Grid) -> None:
    runs = {}
    for folder in sorted(path.parent.parent for path in options.run.glob("*/last/model.yaml")):
        result = json.loads(next(folder.glob("evaluation_*.json")).read_text())
        runs[folder.name] = {
            "seed": load_config(folder / "config.yaml").seed,
            "observation": load_config(folder / "config.yaml").observation.model_dump(),
            "steps": trained_steps(folder / "last"),
            "minutes": minutes(folder),
            "curve": thinned(folder, "rollout/ep_rew_mean"),
            "evaluation": result,
        }
    write("3.3_grid.json", {"command": "python results/measure.py grid RUN", "machine": machine(), "runs": runs})


def keep(options: Keep) -> None:
    name = options.run.name
    data: dict[str, Any] = {"command": f"python results/measure.py keep RUN for {name}", "machine": machine()}
    for file in ("lesson.json", "study.json"):
        if (options.run / file).exists():
            data |= json.loads((options.run / file).read_text())
    if "trials" not in data:  # the curves of a study's trials would be too many
        data["curves"] = curves_in(options.run)
        data["minutes"] = {run: minutes(options.run / run) for run in data["curves"]}
    if options.add:
        before = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for part in ("results", "curves", "minutes"):
            data[part] = {**before[part], **data[part]}
    write(f"{name}.json", data)
    for picture in options.pictures:
        shutil.copy(options.run / picture, RESULTS / f"{name}_{Path(picture).name}")


class Watch(BaseCallback):
    """Agent steps, seconds, and the memory of this process and those that play its games in MB, before every rollout
    and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        megabytes = psutil.Process().memory_info().rss / 1e6 + megabytes_of_children()
        self.seen.append((self.num_timesteps, time.perf_counter(), megabytes))

    _on_training_end = _on_rollout_start


def measure_long_run(options: LongRun) -> None:
    config = load_config(options.config, [f"steps={options.steps}", "evaluation.every=0"])
    watch = Watch()
    folder = start_run(config, options.run_dir or Path(tempfile.mkdtemp()) / "run")
    learn(build_algorithm(config, make_vec_env(config, monitor_dir=folder)), config, folder, [watch])
    steps, seconds, megabytes = np.array(watch.seen).T
    ends = np.searchsorted(steps, np.linspace(0, steps[-1], TENTHS + 1))
    tenths = list(pairwise(ends))
    speeds = [float((steps[b] - steps[a]) / (seconds[b] - seconds[a])) for a, b in tenths]
    memory = [float(megabytes[a : b + 1].max()) for a, b in tenths]
    data = {
        "what": f"PPO on the fast environment with {options.config.name}, evaluations off, tenth by tenth",
        "command": f"python results/measure.py long-run --steps {options.steps} --config configs/{options.config.name}",
        "machine": machine(),
        "steps": int(steps[-1]),
        "steps_per_second": [round(speed, 1) for speed in speeds],
        "most_megabytes": [round(most, 1) for most in memory],
        # The first tenth is the warm-up.
        "megabytes_more_in_the_last_than_in_the_second": round(memory[-1] - memory[1], 1),
        "speed_of_the_last_to_the_second": round(speeds[-1] / speeds[1], 3),
    }
    write("long_run.json", data)


def main() -> None:
    choice = tyro.cli(
        Annotated[Lessons, tyro.conf.subcommand("lessons")]
        | Annotated[Reproduction, tyro.conf.subcommand("reproduction")]
        | Annotated[AgentScores, tyro.conf.subcommand("agent")]
        | Annotated[Runs, tyro.conf.subcommand("runs")]
        | Annotated[Grid, tyro.conf.subcommand("grid")]
        | Annotated[Keep, tyro.conf.subcommand("keep")]
        | Annotated[LongRun, tyro.conf.subcommand("long-run")],
        description=__doc__,
    )
    if isinstance(choice, Lessons):
        measure_lessons(choice)
    elif isinstance(choice, Reproduction):
        measure_reproduction(choice)
    elif isinstance(choice, Runs):
        measure_runs(choice)
    elif isinstance(choice, Grid):
        measure_grid(choice)
    elif isinstance(choice, Keep):
        keep(choice)
    elif isinstance(choice, LongRun):
        measure_long_run(choice)
    else:
        measure_agent(choice)


if __name__ == "__main__":
    main()
