"""Where it runs: folders with any name, an installation that cannot be written, and no network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rlbreakout.agents.save_load import trained_steps
from rlbreakout.lesson import find_configs
from tests.conftest import ONE_THREAD, ROOT, SCRIPTS, TINY, ZOO_CONFIG, rlbreakout, run_command
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

NAME = "mes essais à moi, Übung 1 «学习» & co"


def settings(*overrides: str) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]


def test_folders_may_have_spaces_and_letters_of_any_alphabet(tmp_path: Path) -> None:
    home = tmp_path / NAME
    home.mkdir()
    config = home / "ma configuration é.yaml"
    shutil.copy(ZOO_CONFIG, config)
    run = Path(NAME) / "run"  # relative to where it is called
    for command in (
        ("train", config, *settings(*TINY), "--run-dir", run),
        ("train", config, *settings(*TINY, "steps=384"), "--run-dir", run, "--resume"),
        ("evaluate", run, "--games", "2", "--json", Path(NAME) / "résultat.json"),
        ("gif", run, "--out", Path(NAME) / "jeu ö.mp4", "--seconds", "1"),
        ("tune", STUDY, *settings(*TINY_STUDY, SEARCH), "--run-dir", Path(NAME) / "étude", "--trials", "2"),
    ):
        done = rlbreakout(*command, cwd=home.parent)
        assert done.returncode == 0, done.stderr
    assert trained_steps(home / "run" / "last") == 384
    assert json.loads((home / "résultat.json").read_text())["games"] == 2
    assert (home / "jeu ö.mp4").stat().st_size > 1000
    assert len(json.loads((home / "étude" / "study.json").read_text())["trials"]) == 2
    lesson = run_command(SCRIPTS["1.2_wrapper"], "--steps", "150", "--run-dir", run.parent / "leçon", cwd=home.parent)
    assert lesson.returncode == 0, lesson.stderr
    assert list((home / "leçon").glob("*.gif"))


def test_lessons_find_their_configs_when_the_package_is_installed_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rlbreakout", tmp_path / "site" / "rlbreakout")
    command = [sys.executable, str(SCRIPTS["5.2_what_went_wrong"]), "--variants", "none"]
    environment = {**ONE_THREAD, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "--variants" in done.stderr, done.stderr
    # In a notebook there is no script, but a folder that it is in.
    assert find_configs(tmp_path / "kernel.py", ROOT / "lessons" / "1_gym" / "notebook") == ROOT / "configs"


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's namespaces")
def test_it_runs_without_network_where_nothing_but_the_run_folder_can_be_written(tmp_path: Path) -> None:
    options = " ".join(f"--set '{setting}'" for setting in TINY)
    script = f"""
        set -e
        mount --bind '{ROOT}' '{ROOT}' && mount -o remount,bind,ro '{ROOT}'
        cd '{ROOT}'
        ! touch written 2>/dev/null
        python='{sys.executable}'
        $python -m rlbreakout.cli train '{ZOO_CONFIG}' {options} --run-dir '{tmp_path}/run'
        $python -m rlbreakout.cli evaluate '{tmp_path}/run' --games 2 --json '{tmp_path}/scores.json'
        $python -m rlbreakout.cli gif '{tmp_path}/run' --out '{tmp_path}/game.gif' --seconds 1
        $python '{SCRIPTS["1.2_wrapper"]}' --steps 150 --run-dir '{tmp_path}/lesson'
        ! $python -c 'import socket; socket.create_connection(("127.0.0.1", 9))' 2>'{tmp_path}/network'
    """
    environment = {**ONE_THREAD, "HOME": str(ROOT)}
    isolated = ["unshare", "--mount", "--net", "sh", "-c"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a namespace here: that takes root")
    done = subprocess.run([*isolated, script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "unreachable" in (tmp_path / "network").read_text()
    assert yaml.safe_load((tmp_path / "run" / "last" / "model.yaml").read_text())["steps"] == 256
    assert json.loads((tmp_path / "scores.json").read_text())["games"] == 2
    assert (tmp_path / "game.gif").exists() and list((tmp_path / "lesson").glob("*.gif"))
    assert not (ROOT / "written").exists()


def test_no_command_that_is_shown_opens_a_port_to_other_machines() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("lessons/**/*.md"), *ROOT.glob("lessons/**/*.py")]
    texts += ROOT.glob("rlbreakout/**/*.py")
    assert len(texts) > 50
    for text in texts:
        assert not [word for word in ("0.0.0.0", "bind_all", "--host") if word in text.read_text(encoding="utf-8")]
