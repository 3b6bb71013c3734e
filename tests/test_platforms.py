"""Where it runs: folders with any name, an installation that cannot be written, and no network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rlbreakout.agents.save_load import trained_steps
from tests.conftest import ONE_THREAD, ROOT, TINY, TWIN, TWIN_CONFIG, ZOO_CONFIG, rlbreakout, sets
from tests.lesson_runs import SCRIPTS, run_lesson
from tests.tuning.test_tuning import SEARCH, STUDY, TINY_STUDY

NAME = "mes essais à moi, Übung 1 «学习» & co"
INSTALLED = """
from rlbreakout.agents.save_load import find_model
from rlbreakout.config import CONFIGS, load_config
from rlbreakout.watch.server import FILES, PAGE
assert all((PAGE / name).is_file() for name in FILES.values())
print(load_config("2.3_zoo").run.name, len(list(CONFIGS.glob("*.yaml"))), find_model("champion"))
"""


def test_folders_may_have_spaces_and_letters_of_any_alphabet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / NAME
    home.mkdir()
    config = home / "ma configuration é.yaml"
    shutil.copy(TWIN_CONFIG, config)
    run = Path(NAME) / "run"  # relative to where it is called
    for command in (
        ("train", config, *sets(*TWIN), "--run-dir", run),
        ("train", config, *sets(*TWIN, "steps=384"), "--run-dir", run, "--resume"),
        ("evaluate", run, "--games", "2", "--env", "twin", "--json", Path(NAME) / "résultat.json"),
        ("gif", run, "--out", Path(NAME) / "jeu ö.mp4", "--seconds", "1"),
        ("tune", STUDY, *sets(*TINY_STUDY, SEARCH), "--run-dir", Path(NAME) / "étude", "--trials", "1"),
    ):
        done = rlbreakout(*command, cwd=home.parent)
        assert done.returncode == 0, done.stderr
    assert trained_steps(home / "run" / "last") == 384
    assert json.loads((home / "résultat.json").read_text())["games"] == 2
    assert (home / "jeu ö.mp4").stat().st_size > 1000
    assert len(json.loads((home / "étude" / "study.json").read_text())["trials"]) == 1
    monkeypatch.chdir(home.parent)
    run_lesson("1.2_wrapper", run.parent / "leçon")
    assert list((home / "leçon").glob("*.gif"))


def test_a_wheel_has_the_configs_and_the_pretrained_agents(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    for folder in ("rlbreakout", "configs"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-c", "from setuptools.build_meta import build_wheel; build_wheel('..')"]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("rlbreakout-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shutil.rmtree(source)
    elsewhere = {**ONE_THREAD, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED], cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    configs = len(list((ROOT / "configs").glob("*.yaml")))
    champion = tmp_path / "site" / "rlbreakout" / "pretrained" / "champion"
    assert done.stdout.split() == ["2.3_zoo", str(configs), str(champion)]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's namespaces")
def test_it_runs_without_network_where_nothing_but_the_run_folder_can_be_written(tmp_path: Path) -> None:
    small = sets(*TINY, "steps=64", "ppo.n_steps=32", "ppo.batch_size=32", "evaluation.every=0")
    run, config = str(tmp_path / "run"), str(ZOO_CONFIG)
    program = f"""
import runpy, socket, sys
from rlbreakout.cli import main
main(["train", {config!r}, *{small!r}, "--run-dir", {run!r}])
main(["evaluate", {run!r}, "--games", "1", "--json", {str(tmp_path / "scores.json")!r}])
main(["gif", {run!r}, "--out", {str(tmp_path / "game.gif")!r}, "--seconds", "1"])
sys.argv = ["1.2_wrapper.py", "--run-dir", {str(tmp_path / "lesson")!r}, "--steps", "60"]
runpy.run_path({str(SCRIPTS["1.2_wrapper"])!r}, run_name="__main__")
try:
    socket.create_connection(("127.0.0.1", 9))
except OSError as error:
    print(error)
"""
    (tmp_path / "program.py").write_text(program)
    script = f"""
        set -e
        mount --bind '{ROOT}' '{ROOT}' && mount -o remount,bind,ro '{ROOT}'
        cd '{ROOT}'
        ! touch written 2>/dev/null
        '{sys.executable}' '{tmp_path}/program.py'
    """
    environment = {**ONE_THREAD, "HOME": str(ROOT), "PYTHONPATH": str(ROOT)}
    isolated = ["unshare", "--mount", "--net", "sh", "-c"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a namespace here: that takes root")
    done = subprocess.run([*isolated, script], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "unreachable" in done.stdout
    assert trained_steps(tmp_path / "run" / "last") == 64
    assert json.loads((tmp_path / "scores.json").read_text())["games"] == 1
    assert (tmp_path / "game.gif").exists() and list((tmp_path / "lesson").glob("*.gif"))
    assert not (ROOT / "written").exists()


def test_no_command_that_is_shown_opens_a_port_to_other_machines() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("lessons/**/*.md"), *ROOT.glob("lessons/**/*.py")]
    texts += ROOT.glob("rlbreakout/**/*.py")
    assert len(texts) > 50
    for text in texts:
        assert not [word for word in ("0.0.0.0", "bind_all", "--host ") if word in text.read_text(encoding="utf-8")]
