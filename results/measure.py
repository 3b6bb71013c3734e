"""Measure what the READMEs report, and keep it here as JSON.

    python results/measure.py lessons           run the lessons with their defaults, and keep each
    python results/measure.py keep RUN          keep what a lesson or a study left in its run folder
    python results/measure.py runs NAME RUN ... let trained agents play whole games, and keep them in NAME.json
    python results/measure.py long-run          memory and speed of a long training -> long_run.json

`python results/draw.py` then draws the tables and pictures of the READMEs.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import tyro
from stable_baselines3.common.callbacks import BaseCallback

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.keep import curves_of, kept, row_of
from results.schema import RESULTS, Evaluation, Lesson, load, machine, save, write
from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.save_load import load_agent
from rlbreakout.config import load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.evaluate import evaluate
from rlbreakout.training.runs import start_run
from rlbreakout.training.train import learn

ROOT = RESULTS.parent
SCRIPTS = {path.stem: path.relative_to(ROOT) for path in sorted(ROOT.glob("lessons/*/*.py"))}
TENTHS = 10


def lessons(run_dir: Path | None = None, only: tuple[str, ...] = tuple(SCRIPTS)) -> None:
    """Run lessons with their defaults.

    Args:
        run_dir: Where their run folders go (default: a temporary folder).
        only: Which lessons, such as 2.4_fast_envs.
    """
    for name in only:
        folder = (run_dir or Path(tempfile.mkdtemp())) / name
        start, cpu_start = time.perf_counter(), cpu_seconds_of_children()
        subprocess.run([sys.executable, str(ROOT / SCRIPTS[name]), "--run-dir", str(folder)], check=True)
        times = {
            "seconds": round(time.perf_counter() - start, 1),
            "cpu_seconds": round(cpu_seconds_of_children() - cpu_start, 1),
        }
        command = f"python results/measure.py lessons --only {name}"
        save(kept(folder, name, command=command, **times, **machine()))
        keep_pictures(folder)


def cpu_seconds_of_children() -> float:
    """Processor seconds of all processes that have ended, of all cores together: not longer on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def keep_pictures(run: Path, wanted: tuple[str, ...] = ()) -> None:
    """Copy pictures: those that are wanted, and those that results/ has an older copy of."""
    for picture in (*run.glob("*.png"), *run.glob("plots/*.png")):
        copy = RESULTS / f"{run.name}_{picture.name}"
        if picture.name in wanted or copy.exists():
            shutil.copy(picture, copy)


def keep(
    run: Annotated[Path, tyro.conf.Positional],
    pictures: tuple[str, ...] = (),
    add: bool = False,
    one_core: bool = False,
    command: str = "",
) -> None:
    """Keep the scores, curves and other figures in the run folder of a lesson or a study.

    Args:
        run: The run folder. The files are called after it.
        pictures: Which of its pictures to keep, such as curves.png, beside those that are kept already.
        add: Keep what the file has of other agents and games: for a lesson that is measured in parts.
        one_core: Say that each training had one core for itself.
        command: What ran the lesson (default: its script without options).
    """
    script = f"python {SCRIPTS[run.name]} --run-dir {run.name}" if run.name in SCRIPTS else ""
    commands = filter(None, (command or script, f"python results/measure.py keep {run.name}"))
    lesson = kept(run, run.name, command=", then ".join(commands), **machine())
    if one_core:
        lesson.facts["cores_a_training"] = 1
    save(merged(load(run.name), lesson) if add else lesson)
    keep_pictures(run, pictures)


def merged(before: Lesson, new: Lesson) -> Lesson:
    """The agents, games, curves and figures of both; of those that both have, the new ones."""
    rows = {(row.agent, row.run, row.seed): row for row in before.rows}
    for row in new.rows:
        key = row.agent, row.run, row.seed
        old = rows.get(key, row).evaluations
        games = {(one.game, one.env_id, one.env, one.greedy): one for one in (*old, *row.evaluations)}
        rows[key] = row.model_copy(update={"evaluations": list(games.values())})
    seen = {id(one) for row in new.rows for one in row.evaluations if one.shown}
    for one in (one for row in rows.values() for one in row.evaluations):
        one.shown = id(one) in seen if seen else one.shown
    curves = {**before.curves, **new.curves}
    return new.model_copy(
        update={"rows": list(rows.values()), "curves": curves, "facts": {**before.facts, **new.facts}}
    )


def runs(
    name: Annotated[str, tyro.conf.Positional],
    run: Annotated[tuple[Path, ...], tyro.conf.Positional],
    games: int = 100,
    env_ids: tuple[str, ...] = (),
    greedy: bool = True,
) -> None:
    """Let trained agents play, sampled and greedy, and keep their scores and the curves of their training.

    Args:
        name: Of the JSON file. What it has of a run already is not measured again.
        run: Run folders, called after the agent and the seed: coordinates_0.
        games: Whole games for each. 0: only the curves.
        env_ids: Where they play (default: where they were trained).
        greedy: Whether they play greedy games, too.
    """
    name = name.removesuffix(".json")
    command = " ".join(["python results/measure.py runs", name, "RUN ...", f"--games {games}"])
    command += f" --env-ids {' '.join(env_ids)}" if env_ids else ""
    command += "" if greedy else " --no-greedy"
    lesson = load(name) if (RESULTS / f"{name}.json").exists() else Lesson(lesson=name, command=command, **machine())
    for folder in run:
        row = next((row for row in lesson.rows if row.run == folder.name), None)
        if row is None:
            row = row_of(folder.name.rstrip("0123456789").rstrip("_"), folder.name, {folder.name: folder})
            lesson.rows.append(row)
        lesson.curves[folder.name] = curves_of(folder)
        agent = load_agent(folder / "last")
        how = (False, True) if greedy else (False,)
        wanted = [(env_id, likeliest) for env_id in env_ids or (agent.config.env.id,) for likeliest in how]
        for env_id, likeliest in wanted if games else ():
            if any((one.env_id, one.greedy, one.games) == (env_id, likeliest, games) for one in row.evaluations):
                continue
            result = evaluate(agent, env_id=env_id, games=games, seed=0, greedy=likeliest, progress_bar=True)
            print(folder.name, result)
            facts = asdict(result)
            row.evaluations.append(Evaluation(score=facts.pop("mean"), **facts))
            save(lesson)
    for number, one in enumerate(one for row in lesson.rows for one in row.evaluations):
        one.shown = number == 0
    save(lesson)


class Watch(BaseCallback):
    """Agent steps, seconds, and the memory of this process and those that play its games in MB, before every rollout
    and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        process = psutil.Process()
        megabytes = sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 1e6
        self.seen.append((self.num_timesteps, time.perf_counter(), megabytes))

    _on_training_end = _on_rollout_start


def long_run(
    steps: int = 6_000_000, config: Path = ROOT / "configs" / "6.4_champion-policy.yaml", run_dir: Path | None = None
) -> None:
    """Watch the memory and the speed of a long training.

    Args:
        steps: Agent steps.
        config: Whose settings, but for the evaluations, which would take from the speed of one part.
        run_dir: The run folder (default: one in a temporary folder).
    """
    settings = load_config(config, [f"steps={steps}", "evaluation.every=0"])
    watch = Watch()
    folder = start_run(settings, run_dir or Path(tempfile.mkdtemp()) / "run")
    learn(build_algorithm(settings, make_vec_env(settings, monitor_dir=folder)), settings, folder, [watch])
    trained, seconds, megabytes = np.array(watch.seen).T
    tenths = list(pairwise(np.searchsorted(trained, np.linspace(0, trained[-1], TENTHS + 1))))
    speeds = [float((trained[b] - trained[a]) / (seconds[b] - seconds[a])) for a, b in tenths]
    memory = [float(megabytes[a : b + 1].max()) for a, b in tenths]
    data = {
        "what": f"PPO with {config.name}, evaluations off, tenth by tenth",
        "command": f"python results/measure.py long-run --steps {steps} --config configs/{config.name}",
        **machine(),
        "steps": int(trained[-1]),
        "steps_per_second": [round(speed, 1) for speed in speeds],
        "most_megabytes": [round(most, 1) for most in memory],
        # The first tenth is the warm-up.
        "megabytes_more_in_the_last_than_in_the_second": round(memory[-1] - memory[1], 1),
        "speed_of_the_last_to_the_second": round(speeds[-1] / speeds[1], 3),
    }
    write(RESULTS / "long_run.json", data)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict(
        {"lessons": lessons, "keep": keep, "runs": runs, "long-run": long_run},
        description=__doc__,
    )
