"""A run folder that a killed process left goes back to the last update of its model."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.evaluation.evaluate import summarize
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training.recorder import append_evaluation, evaluations_file, read_evaluations
from rlbreakout.training.rewind import drop_events_after, drop_rows_after, put_games_aside

HEADER = '#{"t_start": 1000.0, "env_id": "twin"}\nr,l,t\n'


def evaluations(folder: Path) -> None:
    result = summarize([1.0, 2.0], env_id="x", seed=0, greedy=False, stalled=0, speed=0.0)
    for steps in (100, 200):
        append_evaluation(folder, steps, result)


@pytest.mark.parametrize("lost", [1, 3, 20, 35])
def test_a_line_that_was_cut_off_is_dropped(lost: int, tmp_path: Path) -> None:
    evaluations(tmp_path)
    file = evaluations_file(tmp_path)
    whole = file.read_text()
    file.write_text(whole[:-lost])
    steps = [row["steps"] for row in read_evaluations(tmp_path)]
    assert steps in (["100"], ["100", "200"])
    drop_rows_after(file, 150)
    evaluations(tmp_path)
    assert [row["steps"] for row in read_evaluations(tmp_path)] == ["100", "100", "200"]
    assert all(row["max"] == "2" for row in read_evaluations(tmp_path))


def test_a_file_that_was_cut_off_in_its_first_line_is_begun_anew(tmp_path: Path) -> None:
    evaluations_file(tmp_path).write_text("ste")
    drop_rows_after(evaluations_file(tmp_path), 150)
    evaluations(tmp_path)
    assert [row["steps"] for row in read_evaluations(tmp_path)] == ["100", "200"]


# TensorBoard: what is on the disk, because its default loader shows all of it.


def test_points_after_the_last_update_are_dropped(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (100, 200, 300):
            writer.add_scalar("a", step, step)
    (file,) = tmp_path.iterdir()
    drop_events_after(file, 200)
    assert [event.step for event in LegacyEventFileLoader(str(file)).Load() if event.HasField("summary")] == [100, 200]
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("a", 7.0, 250)
    assert read_scalar(tmp_path, "a").y.tolist() == [100, 200, 7]


def test_a_file_without_later_points_or_cut_off_is_left_as_it_is(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (100, 200, 300):
            writer.add_scalar("a", step, step)
    (file,) = tmp_path.iterdir()
    file.write_bytes(before := file.read_bytes()[:-5])
    drop_events_after(file, 200)
    assert file.read_bytes() == before


# Monitor files


def test_games_that_ended_after_the_last_update_are_dropped_and_the_others_put_aside(tmp_path: Path) -> None:
    monitor, aside = tmp_path / "0.monitor.csv", tmp_path / "0.001.monitor.csv"
    monitor.write_text(HEADER + "1.0,100,5.0\n2.0,100,9.0\n3.0,100,11.0\n4.0,10")
    put_games_aside(monitor, 1010.0)
    assert not monitor.exists() and aside.read_text() == HEADER + "1.0,100,5.0\n2.0,100,9.0\n"

    monitor.write_text(HEADER.replace("1000", "2000") + "5.0,50,1.0\n")
    for file in (aside, monitor):  # killed again, and its model is as old as before
        put_games_aside(file, 1006.0)
    assert [path.name for path in tmp_path.iterdir()] == [aside.name]
    monitor.write_text(HEADER.replace("1000", "3000") + "6.0,60,1.0\n")
    put_games_aside(monitor, 3010.0)
    monitor.write_text(HEADER.replace("1000", "4000") + "7.0,70,1.0\n")
    assert read_games(tmp_path).scores.tolist() == [1, 6, 7]


@pytest.mark.parametrize("left", ["", "#{", HEADER, HEADER[:-4], HEADER + "1.0"])
def test_a_monitor_file_without_a_whole_game_is_removed(left: str, tmp_path: Path) -> None:
    monitor = tmp_path / "0.monitor.csv"
    monitor.write_text(left)
    put_games_aside(monitor, 9e9)
    assert not list(tmp_path.iterdir())
