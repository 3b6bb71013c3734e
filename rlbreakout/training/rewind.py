"""Takes a run folder back to the last update of its model, before the training goes on from there."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from torch.utils.tensorboard import RecordWriter

from rlbreakout.agents.save_load import has_model, read_counters, trained_steps
from rlbreakout.common.files import replaced_atomically, write_atomically
from rlbreakout.training.recorder import evaluations_file
from rlbreakout.training.value import METRICS_FILE

EVENTS = "events.out.tfevents.*"
MONITOR_FILES = "*.monitor.csv"


def rewind(folder: Path) -> None:
    """Drop what the run in `folder` wrote after the last update of the model in `last/`: it will be written again.

    That is rows of its CSV files, points in TensorBoard, and games in its Monitor files. The latter get other names
    (0.001.monitor.csv), because a resumed training begins new ones. Without a model nothing stays.
    """
    last = folder / "last"
    steps, learned_at = 0, 0.0
    if has_model(last):
        steps, learned_at = trained_steps(last), read_counters(last).get("learned_at", math.inf) / 1000
    for rows in (evaluations_file(folder), folder / METRICS_FILE):
        drop_rows_after(rows, steps)
    for file in folder.glob(EVENTS):
        drop_events_after(file, steps)
    for file in folder.glob(MONITOR_FILES):
        put_games_aside(file, learned_at)


def drop_rows_after(path: Path, steps: int) -> None:
    """Drop the rows of a CSV file with more agent `steps`, and a row that was cut off when the process was killed."""
    if not path.exists():
        return
    before = path.read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(before))
    rows, columns = list(reader), reader.fieldnames or ()
    if "steps" not in columns:  # cut off in its first line
        path.unlink()
        return
    kept = [row for row in rows if None not in row.values() and int(row["steps"]) <= steps]
    if len(kept) < len(rows) or not before.endswith("\n"):
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
        write_atomically(path, text.getvalue())


def drop_events_after(path: Path, steps: int) -> None:
    """Drop the points of a TensorBoard file with more agent `steps`.

    (A purge_step in a new file would tell TensorBoard to do so, but its default loader does not listen.)
    """
    events = list(LegacyEventFileLoader(str(path)).Load())
    if all(event.step <= steps for event in events):
        return
    with replaced_atomically(path) as part, part.open("wb") as file:
        writer = RecordWriter(file)
        for event in events:
            if event.step <= steps:
                writer.write(event.SerializeToString())


def put_games_aside(path: Path, learned_at: float) -> None:
    """Rename 0.monitor.csv to 0.001.monitor.csv, or the next free number, and drop the games that ended after
    `learned_at`, in seconds since 1970. A file that was renamed before keeps its name."""
    environment, *number = path.name.removesuffix(".monitor.csv").split(".")
    aside, free = path, 1
    while not number and aside.exists():
        aside, free = path.with_name(f"{environment}.{free:03d}.monitor.csv"), free + 1
    head, rows = list[str](), list[str]()
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):  # or it was cut off
            (head if len(head) < 2 else rows).append(line)
    began = json.loads(head[0][1:])["t_start"] if head else 0.0
    kept = [row for row in rows if began + float(row.split(",")[2]) <= learned_at]
    if kept:
        write_atomically(aside, "".join(head + kept))
    if aside != path or not kept:
        path.unlink()
