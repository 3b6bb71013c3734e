"""Lessons 0 and 1, run as a learner runs them, and what all lessons have in common."""

import ast
import json
import re
import shutil
from pathlib import Path

import jupytext
import numpy as np
import pytest
import yaml

from lessons.tour import FEW_STEPS
from rlbreakout.config import load_config
from rlbreakout.lesson import once
from tests.conftest import ONE_THREAD, ROOT, SCRIPTS, run_command
from tests.lesson_runs import TRAIN, assert_a_trained_run, assert_moves
from tests.processes import run_python


def test_every_lesson_is_here_and_in_the_tour() -> None:
    assert list(SCRIPTS) == [
        "0.1_check_setup", "1.1_gym", "1.2_wrapper", "1.3_train", "2.1_envs", "2.2_callbacks", "2.3_copying_hp_zoo",
        "2.4_fast_envs", "3.1_observation_space", "3.2_observation_wrapper", "3.3_aimbot_training", "3.4_coordinates",
        "4.0_study_explore", "4.0_wrapper_optuna", "4.1_env_comparison", "4.2_grid", "4.3_schedules",
        "5.1_value_agent", "5.2_what_went_wrong", "5.3_dqn", "5.4_on_policy_off_policy",
        "6.1_late_game", "6.2_noise", "6.3_other_models", "6.4_champion",
        "7.1_rules", "7.2_exact", "7.3_train_in_the_twin",
    ]  # fmt: skip
    assert set(FEW_STEPS) == set(SCRIPTS) - {"0.1_check_setup"}


def test_what_is_finished_is_not_done_again_and_what_is_not_begins_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = []

    def make() -> dict[str, int]:
        assert not run.exists()
        run.mkdir()
        made.append(len(made))
        return {"made": len(made)}

    assert once(run, "10_steps", make) == once(run, "10_steps", make) == {"made": 1}
    (run / "10_steps.json").unlink()  # stopped before it was written
    assert once(run, "10_steps", make) == {"made": 2}
    assert once(run, "20_steps", make) == {"made": 3} and not (run / "10_steps.json").exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_explains_itself_and_its_options(name: str) -> None:
    text = SCRIPTS[name].read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert docstring.startswith(f"Lesson {name.split('_')[0]}: ")
    assert all(f"\n{part}:" in docstring for part in ("You learn", "Expect", "Time"))
    assert text.count("\n# %%") >= 4
    shown = run_command(SCRIPTS[name], "--help")
    assert shown.returncode == 0 and "--run-dir" in shown.stdout
    if name in TRAIN:
        assert "--steps" in shown.stdout and "--seed" in shown.stdout


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "0.1_check_setup"])
def test_bad_options_are_one_line_and_leave_nothing(name: str, tmp_path: Path) -> None:
    option = {"1.1_gym": "--games", "7.1_rules": "--frames", "7.2_exact": "--frames"}.get(name, "--steps")
    done = run_command(SCRIPTS[name], option, "0", "--run-dir", tmp_path / "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().splitlines() == [f"{name}.py: error: {option} is 0; allowed: 1 or more"]
    assert not (tmp_path / "run").exists()


def test_0_1_finds_everything_and_says_so(tmp_path: Path) -> None:
    done = run_command(SCRIPTS["0.1_check_setup"], "--run-dir", tmp_path)
    assert done.returncode == 0 and "WRONG" not in done.stdout
    for line in (
        "Python",
        "torch ",
        "Breakout's ROM",
        "frames/s on one core",
        "screens compared, 0 differ",
        "torch's device",
        "ffmpeg",
        "run folder",
    ):
        assert line in done.stdout


def test_0_1_names_what_is_wrong_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_command(SCRIPTS["0.1_check_setup"], "--run-dir", tmp_path / "file")
    assert done.returncode == 1 and "1 of" in done.stdout
    wrong = next(line for line in done.stdout.splitlines() if line.startswith("WRONG"))
    assert "run folder" in wrong and "--run-dir" in done.stdout.splitlines()[done.stdout.splitlines().index(wrong) + 1]


def test_0_1_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    done = run_command("-I", "-S", SCRIPTS["0.1_check_setup"], "--run-dir", tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "fix: pip install -c constraints.txt -e ." in done.stdout


def test_1_1_shows_the_game(lesson) -> None:
    folder, output = lesson("1.1_gym", "--games", "3")
    assert_moves(folder / "random.gif")
    assert "{0: 'NOOP', 1: 'FIRE', 2: 'RIGHT', 3: 'LEFT'}" in output and "(210, 160, 3) uint8" in output
    for colour, points in (("red", 7), ("orange", 7), ("ochre", 4), ("yellow", 4), ("green", 1), ("blue", 1)):
        assert re.search(rf"^{colour} .* {points}$", output, re.MULTILINE)
    assert output.count("a life lost") == 5 and "0 left, terminated True" in output
    assert "cut off:     terminated False, truncated True" in output
    summary = json.loads((folder / "lesson.json").read_text())
    assert summary["score"] == np.mean(summary["scores"]) and len(summary["scores"]) == 3


def test_1_2_launches_the_ball_and_ends_episodes_with_lives(lesson) -> None:
    folder, _ = lesson("1.2_wrapper", "--steps", "300")
    results = json.loads((folder / "lesson.json").read_text())["results"]
    in_play, ended = "steps with the ball in play", "episodes ended"
    assert results["bare"][in_play] == 0 and results["bare"]["lives left"] == 5
    assert results["launched"][in_play] > 200
    assert results["life_as_episode"][in_play] == results["launched"][in_play]
    assert results["life_as_episode"][ended] > results["launched"][ended]
    assert_moves(folder / "launched.gif")


def test_1_3_trains_with_sb3s_defaults(lesson) -> None:
    folder, output = lesson("1.3_train", *TRAIN["1.3_train"])
    assert_a_trained_run(folder)
    assert_moves(folder / "agent.gif")
    assert "|    ep_rew_mean" in output and "train/explained_variance" in output
    config = load_config(folder / "config.yaml")
    # 2,048 steps, 64 a batch, 10 epochs, 3e-4: the defaults, which the config and SB3 must have alike.
    assert (config.ppo.n_steps, config.ppo.batch_size, config.ppo.n_epochs, config.ppo.learning_rate) == (
        2048,
        64,
        10,
        3e-4,
    )
    assert json.loads((folder / "lesson.json").read_text())["score"] is not None


def test_the_tour_stops_at_the_first_lesson_that_fails_and_names_it(tmp_path: Path) -> None:
    lessons = tmp_path / "lessons"
    (lessons / "1_gym").mkdir(parents=True)
    shutil.copy(ROOT / "lessons" / "tour.py", lessons)
    result = "import json, sys, pathlib\nf = pathlib.Path(sys.argv[2]); f.mkdir(parents=True)\n"
    good = (
        result
        + '(f / "a.gif").touch()\n(f / "lesson.json").write_text(json.dumps({"score": 3.25, "files": ["a.gif"]}))'
    )
    (lessons / "1_gym" / "1.1_good.py").write_text(good)
    passed = run_command(lessons / "tour.py", "--run-dir", tmp_path / "tour")
    assert passed.returncode == 0, passed.stderr
    assert re.search(r"1\.1_good .* 3\.2 .*a\.gif", passed.stdout)
    assert f"tensorboard --logdir {tmp_path / 'tour'}" in passed.stdout

    (lessons / "1_gym" / "1.2_bad.py").write_text("raise SystemExit('no ball')")
    (lessons / "1_gym" / "1.3_never.py").write_text(good)
    failed = run_command(lessons / "tour.py", "--run-dir", tmp_path / "tour")
    assert failed.returncode == 1
    assert "1.2_bad.py failed with status 1" in failed.stdout and "no ball" in failed.stdout
    assert "1.3_never" not in failed.stdout


def test_a_lesson_runs_as_a_notebook(tmp_path: Path) -> None:
    """Its cells one after the other, where there is no __file__ and the command line is the kernel's."""
    notebook = jupytext.read(SCRIPTS["1.2_wrapper"])
    assert len(notebook.cells) >= 5
    (tmp_path / "cells.json").write_text(
        json.dumps([cell.source for cell in notebook.cells if cell.cell_type == "code"])
    )
    kernel = (
        "import json, sys, types\nsys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "sys.modules['__main__'].__dict__.pop('__file__', None)\nsys.argv = ['kernel', '-f', 'connection.json']\n"
        "for cell in json.load(open('cells.json')): exec(cell, sys.modules['__main__'].__dict__)"
    )
    done = run_command("-c", kernel, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_moves(tmp_path / "runs" / "1_gym" / "1.2_wrapper" / "launched.gif")


def test_the_ci_file_for_github_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert any(step.get("run") == "bash .ci/run" for step in workflow["jobs"]["test"]["steps"])


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"0.1_check_setup"}))
def test_torchs_idle_threads_sleep_in_every_lesson(name: str) -> None:
    statements = ast.parse(SCRIPTS[name].read_text()).body
    first = next(statement for statement in statements if isinstance(statement, (ast.Import, ast.ImportFrom)))
    assert ast.unparse(first) == "import rlbreakout"


def test_a_lesson_sets_the_wait_policy_before_it_imports_torch() -> None:
    code = (
        "import os, runpy, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch': print('torch comes with', os.environ.get('OMP_WAIT_POLICY'), flush=True)\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"sys.argv = [{str(SCRIPTS['1.3_train'])!r}, '--help']\n"
        f"runpy.run_path({str(SCRIPTS['1.3_train'])!r}, run_name='__main__')"
    )
    environment = {key: value for key, value in ONE_THREAD.items() if key != "OMP_WAIT_POLICY"}
    done = run_python(["-c", code], ROOT, environment, 120)
    assert "torch comes with PASSIVE" in done.stdout, done.stderr
