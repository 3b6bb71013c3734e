"""Files and folders that are whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlbreakout.common.files import move_into_place, new_folder, repair, write_atomically


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def fill(folder: Path, text: str) -> None:
    """Replace what is in the folder by two files."""
    new = new_folder(folder)
    (new / "one").write_text(text)
    (new / "other").write_text(text)
    move_into_place(folder)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files and folders that were synced to the disk, in order."""
    names: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", note)
    return names


@pytest.mark.parametrize("moment", range(7))
def test_a_folder_is_whole_whenever_its_replacement_is_killed(
    moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "last"
    fill(folder, "1")
    calls = 0

    def until_the_moment(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
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


def test_what_was_in_a_file_stays_when_the_new_text_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_atomically(tmp_path / "file", "old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, "new\n")
    assert file.read_text() == "old\n" and list(tmp_path.iterdir()) == [file]


def test_a_file_is_synced_before_it_is_moved_and_its_folder_after(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *paths: (synced.append("moved"), replace(*paths))[1])
    write_atomically(tmp_path / "file.yaml", "text\n")
    part, *rest = synced
    assert part.startswith(".file.part") and rest == ["moved", tmp_path.name]


def test_a_folder_is_synced_before_it_is_moved_and_its_parent_after(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda *paths: (synced.append("moved"), rename(*paths))[1])
    fill(tmp_path / "last", "1")
    assert sorted(synced[:2]) == ["one", "other"]
    assert synced[2:] == ["last.new", "moved", tmp_path.name]
