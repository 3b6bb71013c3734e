"""Files and folders that are whole or not there."""

import shutil
from pathlib import Path

import pytest

from rlbreakout.callbacks import append_evaluation, evaluations_file, forget_rows_after, read_evaluations
from rlbreakout.common.files import move_into_place, new_folder, repair, write_atomically
from rlbreakout.evaluation.evaluate import summarize


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def fill(folder: Path, text: str) -> None:
    """Replace what is in the folder by two files."""
    new = new_folder(folder)
    (new / "one").write_text(text)
    (new / "other").write_text(text)
    move_into_place(folder)


@pytest.mark.parametrize("moment", range(7))
def test_a_folder_is_whole_whenever_its_replacement_is_killed(moment: int, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "last"
    fill(folder, "1")
    calls = 0

    def until_the_moment(function):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls > moment:
                raise Killed
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "mkdir"), (Path, "write_text"), (Path, "rename"), (shutil, "rmtree")):
            patch.setattr(owner, name, until_the_moment(getattr(owner, name)))
        with pytest.raises(Killed):
            fill(folder, "2")
    contents = {path.name: path.read_text() for path in repair(folder).iterdir()}
    assert contents in ({"one": "1", "other": "1"}, {"one": "2", "other": "2"})
    # And the next one finds its way, with nothing left behind.
    fill(folder, "3")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"one": "3", "other": "3"}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_first_folder_that_was_not_finished_is_not_taken_for_one(tmp_path: Path) -> None:
    (new_folder(tmp_path / "last") / "one").write_text("half")
    assert not repair(tmp_path / "last").exists()


def test_what_was_in_a_file_stays_when_the_new_text_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    file = write_atomically(tmp_path / "file", "old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, "new\n")
    assert file.read_text() == "old\n" and list(tmp_path.iterdir()) == [file]


def evaluations(folder: Path) -> None:
    result = summarize([1.0, 2.0], env_id="x", seed=0, greedy=False, stalled=0, speed=0.0)
    for steps in (100, 200):
        append_evaluation(folder, steps, result)


@pytest.mark.parametrize("lost", [1, 3, 20, 35])
def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_begins_anew(lost: int, tmp_path: Path) -> None:
    evaluations(tmp_path)
    file = evaluations_file(tmp_path)
    whole = file.read_text()
    file.write_text(whole[:-lost])
    steps = [row["steps"] for row in read_evaluations(tmp_path)]
    assert steps in (["100"], ["100", "200"])
    forget_rows_after(file, 150)
    evaluations(tmp_path)
    assert [row["steps"] for row in read_evaluations(tmp_path)] == ["100", "100", "200"]
    assert all(row["max"] == "2" for row in read_evaluations(tmp_path))


def test_a_file_that_was_cut_off_in_its_first_line_is_begun_anew(tmp_path: Path) -> None:
    evaluations_file(tmp_path).write_text("ste")
    forget_rows_after(evaluations_file(tmp_path), 150)
    evaluations(tmp_path)
    assert [row["steps"] for row in read_evaluations(tmp_path)] == ["100", "200"]
