"""What a training leaves on its way, whatever the algorithm: it is the same Recorder for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents import RandomPlayer
from rlbreakout.config import Config
from rlbreakout.evaluation.evaluate import summarize
from rlbreakout.training import train
from rlbreakout.training.recorder import (
    COLUMNS,
    GoOn,
    Recorder,
    count_due,
    evaluations_file,
    read_evaluations,
)
from tests.conftest import dqn_config, twin_config
from tests.tensorboard import tensorboard

EVERY = ("steps=300", "evaluation.every=100", "run.checkpoint_every=70")


class Run:
    """A Recorder of a random player, and what it was asked to save and to show."""

    def __init__(self, folder: Path, *overrides: str, go_on: GoOn | None = None) -> None:
        self.config: Config = twin_config(*EVERY, *overrides)
        self.folder, self.saved, self.shown = folder, list[tuple[str, int]](), list[tuple[str, int]]()
        self.steps = 0
        self.recorder = Recorder(
            RandomPlayer(4, seed=0),
            self.config,
            folder,
            save=lambda to: self.saved.append((to.relative_to(folder).as_posix(), self.steps)),
            write_scalars=lambda scalars, steps: self.shown.extend((tag, steps) for tag in scalars),
            writer=SummaryWriter(str(folder / "events")),
            go_on=go_on,
        )

    def play(self, *all_steps: int) -> list[bool]:
        """Begin after the first of these agent steps, and tell the recorder of the others and of the end."""
        self.recorder.start(all_steps[0])
        goes_on = []
        for self.steps in all_steps[1:]:
            goes_on.append(self.recorder.after_step(self.steps))
        self.recorder.finish(self.steps)
        self.recorder.close()
        return goes_on


def test_evaluations_come_at_every_multiple_and_at_the_end(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.play(0, 64, 128, 192, 256, 320)
    assert [int(row["steps"]) for row in read_evaluations(tmp_path)] == [128, 256, 320]
    assert [steps for tag, steps in run.shown if tag == "eval_twin/mean"] == [128, 256, 320]
    assert {tag for tag, _ in run.shown} == {f"eval_twin/{n}" for n in ("mean", "median", "lower_quartile", "stalled")}
    assert len(run.recorder.results) == 3 and run.recorder.results[0].games == 2


def test_rows_say_which_games_were_played(tmp_path: Path) -> None:
    run = Run(tmp_path, "evaluation.greedy=true", "evaluation.seed=77", "evaluation.games=3")
    run.play(0, 300)
    (row,) = read_evaluations(tmp_path)
    assert tuple(row) == COLUMNS
    known = {"env_id": "twin of ALE/Breakout-v5", "games": "3", "seed": "77", "greedy": "True", "steps": "300"}
    assert known.items() <= row.items()
    assert float(row["min"]) <= float(row["mean"]) <= float(row["max"])


def test_without_evaluations_there_is_no_file_of_them(tmp_path: Path) -> None:
    Run(tmp_path, "evaluation.every=0").play(0, 150, 300)
    assert not evaluations_file(tmp_path).exists()


def test_checkpoints_are_kept_by_their_steps_and_the_last_of_all(tmp_path: Path) -> None:
    run = Run(tmp_path, "evaluation.every=0")
    run.play(0, 69, 70, 150, 160, 300)
    kept = [f"checkpoints/{steps:09d}" for steps in (70, 150, 300)]
    assert [name for name, _ in run.saved] == [kept[0], "last", kept[1], "last", kept[2], "last"]


def test_a_checkpoint_is_due_after_so_many_seconds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    run = Run(tmp_path, "evaluation.every=0", "run.checkpoint_every=1e6")
    run.recorder.start(0)
    for run.steps, clock[0] in ((1, 299.0), (2, 301.0), (3, 302.0), (4, 602.0)):  # five minutes apart
        run.recorder.after_step(run.steps)
    assert run.saved == [("last", 2), ("last", 4)]


def test_without_checkpoints_none_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.training.recorder.CHECKPOINT_SECONDS", 0.0)
    run = Run(tmp_path, "evaluation.every=0", "run.checkpoint_every=0")
    run.play(0, 100, 200, 300)
    assert run.saved == []


def scores_of_evaluations(monkeypatch: pytest.MonkeyPatch, *means: float) -> None:
    """Let evaluations have these mean scores, one after the other."""
    left = iter(means)

    def play(*_: object, **__: object) -> object:
        mean = next(left)
        return summarize([mean, mean], env_id="x", seed=0, greedy=False, stalled=0, speed=0.0)

    monkeypatch.setattr("rlbreakout.training.recorder.evaluate_on_the_way", play)


def test_the_best_model_is_the_one_with_the_best_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores_of_evaluations(monkeypatch, 1.0, 3.0, 3.0, 2.0)
    run = Run(tmp_path, "run.checkpoint_every=0")
    run.play(0, 100, 200, 299, 300)
    assert run.saved == [("best", 100), ("best", 200)]


def test_a_resumed_run_remembers_how_good_its_best_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores_of_evaluations(monkeypatch, 5.0, 4.0, 6.0)
    Run(tmp_path, "run.checkpoint_every=0").play(0, 100)
    again = Run(tmp_path, "run.checkpoint_every=0")
    again.play(100, 200, 300)
    assert again.saved == [("best", 300)]
    assert [int(row["steps"]) for row in read_evaluations(tmp_path)] == [100, 200, 300]


def test_a_training_that_is_not_worth_going_on_with_is_told_so(tmp_path: Path) -> None:
    asked: list[int] = []
    run = Run(tmp_path, go_on=lambda steps, result: asked.append(steps) or steps < 200)
    assert run.play(0, 50, 100, 150, 200) == [True, True, True, False]
    assert asked == [100, 200]


def test_gifs_are_filmed_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.training.recorder.GIF_SECONDS", 1.0)
    Run(tmp_path, "run.gif_every=128", "evaluation.every=0").play(0, 100, 200, 250, 260)
    gifs = sorted((tmp_path / "gifs").iterdir())
    assert [gif.name for gif in gifs] == ["000000200.gif", "000000260.gif"]
    with Image.open(gifs[0]) as film:
        assert getattr(film, "n_frames", 1) > 5


@pytest.mark.parametrize("make", [twin_config, dqn_config])
def test_tensorboard_shows_gifs_and_hyperparameters(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlbreakout.training.recorder.GIF_SECONDS", 1.0)
    run = train(make("run.gif_every=200", "evaluation.every=0"), tmp_path / "runs" / "run", progress_bar=False)
    gif = min((run / "gifs").iterdir())
    ask = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN"], "sliceSize": 10}
    with tensorboard(tmp_path / "runs") as get:
        groups, images = [], []
        while not (groups and images):  # it reads the files in the background
            groups = get("hparams/session_groups", ask).get("sessionGroups", [])
            if "run" in get("images/tags"):
                images = get("images/images?run=run&tag=game&sample=0")
        assert images[0]["step"] == int(gif.stem)
        assert get(f"images/individualImage?{images[0]['query']}", raw=True) == gif.read_bytes()
    values, own = groups[0]["hparams"], "ppo.n_steps" if make is twin_config else "value.n_step"
    assert own in values and values["seed"] == 0 and "observation.kind" in values
    assert not [key for key in values if key.startswith(("run.", "value." if make is twin_config else "ppo."))]


def test_evaluating_and_filming_leave_random_numbers_as_they_were(tmp_path: Path) -> None:
    np.random.seed(3)
    expected = np.random.random(3)
    np.random.seed(3)
    Run(tmp_path, "run.gif_every=300").play(0, 100, 300)
    assert np.random.random(3).tolist() == expected.tolist()


def test_due_counts_the_multiples_between() -> None:
    assert [count_due(7, 8, 8), count_due(8, 15, 8), count_due(0, 24, 8), count_due(3, 9, 0)] == [1, 0, 3, 0]
