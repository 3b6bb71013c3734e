"""What a study leaves in its run folder: its trials, the best config, and pictures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from rlbreakout.common.files import write_atomically
from rlbreakout.config import Config, dump_config, with_values
from rlbreakout.tuning.attempts import finished
from rlbreakout.tuning.study import config_values, settings
from rlbreakout.tuning.study_plots import draw_study


def write_results(study: Study, config: Config, folder: Path) -> list[Path]:
    """Write what a study leaves in its run folder, and return the files."""
    tuning = settings(config)
    trials = finished(study)
    rows = [_row(trial) for trial in trials]
    summary = {"study": study.study_name, "objective": tuning.objective, "env_id": config.evaluation_env_id}
    files = [folder / "study.json", folder / "trials.csv"]
    write_atomically(files[0], json.dumps({**summary, "trials": rows}, indent=1) + "\n")
    names = sorted({name for row in rows for name in row["params"]})
    table = io.StringIO()
    writer = csv.DictWriter(table, ["number", "state", "value", *names], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | row["params"] for row in rows)
    write_atomically(files[1], table.getvalue())
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if complete:
        best = max(complete, key=lambda trial: trial.value or 0.0)
        values = config_values(best.params, tuning) | {"run.name": f"{config.run.name}_best"}
        files.append(folder / "best.yaml")
        dump_config(with_values(config, values), files[-1])
        files += draw_study(study, folder)
    return files


def _row(trial: FrozenTrial) -> dict[str, Any]:
    """A trial as study.json has it."""
    assert trial.duration is not None
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value,
        "params": trial.params,
        "intermediate": {str(step): value for step, value in trial.intermediate_values.items()},
        "seconds": round(trial.duration.total_seconds(), 1),
        **{key: value for key, value in trial.user_attrs.items() if key in ("scores", "stalled", "diverged")},
    }
