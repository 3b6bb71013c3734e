"""Lessons 0 and 1, and what all lessons have in common."""

import ast
import re
import runpy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import jupytext
import numpy as np
import pytest
import yaml
from stable_baselines3 import PPO

from rlbreakout.common.errors import UserError
from rlbreakout.config import load_config
from rlbreakout.evaluation.plots import read_scalar
from rlbreakout.lesson import SMOKE, check_choices, once, read_options
from tests.conftest import ONE_THREAD, ROOT, run_command
from tests.lesson_runs import SCRIPTS, assert_a_trained_run, assert_moves, facts, with_settings
from tests.processes import run_python

WITH_OPTIONS = sorted(set(SCRIPTS) - {"0.1_check_setup"})


def options_of(name: str) -> dict[str, str]:
    """The options of a script, and the text that explains each."""
    tree = ast.parse(SCRIPTS[name].read_text(encoding="utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Options")
    texts = [
        node.value.value for node in body[1::2] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return dict(zip((ast.unparse(node.target) for node in body[::2]), texts, strict=True))  # type: ignore[attr-defined]


def test_every_lesson_is_here_and_the_settings_for_a_smoke_run_are_options_of_it() -> None:
    assert list(SCRIPTS) == [
        "0.1_check_setup", "1.1_gym", "1.2_wrapper", "1.3_train", "1.4_policy_gradient",
        "2.1_envs", "2.2_callbacks", "2.3_copying_hp_zoo", "2.4_fast_envs", "2.5_ppo_by_hand",
        "3.1_observation_space", "3.2_observation_wrapper", "3.3_aimbot_training", "3.4_coordinates",
        "4.0_study_explore", "4.0_wrapper_optuna", "4.1_env_comparison", "4.2_grid", "4.3_schedules",
        "5.1_value_agent", "5.2_what_went_wrong", "5.3_dqn", "5.4_on_policy_off_policy",
        "6.1_late_game", "6.2_noise", "6.3_other_models", "6.4_champion",
        "7.1_rules", "7.2_exact", "7.3_train_in_the_twin", "7.4_plan", "7.5_pixels",
    ]  # fmt: skip
    smoke = yaml.safe_load((ROOT / "lessons" / "smoke.yaml").read_text())
    assert sorted(smoke) == WITH_OPTIONS
    assert all(set(settings) <= set(options_of(name)) for name, settings in smoke.items())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_what_it_teaches_what_to_expect_and_how_long_it_takes(name: str) -> None:
    text = SCRIPTS[name].read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert docstring.startswith(f"Lesson {name.split('_')[0]}: ")
    assert all(f"\n{part}:" in docstring for part in ("You learn", "Expect", "Time"))
    assert text.count("\n# %%") >= 4


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_option_is_explained_and_checked_before_anything_is_made(name: str) -> None:
    options, text = options_of(name), SCRIPTS[name].read_text(encoding="utf-8")
    assert "run_dir" in options and "seed" in options
    assert all(re.match(r"[A-Z].*[.)]$", " ".join(help_text.split())) for help_text in options.values())
    made = min(
        text.index(call) for call in (" = run_folder(", " = start_run(", " = train_or_continue(") if call in text
    )
    for option in ("variants", "stacks", "environments", "algorithms", "rows", "trained", "played"):
        if option in options:
            assert text.index(f'check_choices("--{option}", options.{option}') < made


@dataclass
class Options:
    steps: int = 1_000
    """Agent steps to train for."""
    seed: int = 0
    """Decides the training."""
    rows: tuple[str, ...] = ("all",)
    """Which rows of the table."""


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch):
    """Set the command line of a script, and put back what read_options changes."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def set_to(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [str(argument) for argument in arguments])

    return set_to


def test_options_come_from_the_command_line_and_in_a_smoke_run_from_its_file(
    command_line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "1_gym" / "1.1_gym.py"
    (tmp_path / "smoke.yaml").write_text("1.1_gym: {steps: 5, rows: [one, two]}\n")
    command_line(script, "--seed", "3")
    assert read_options(Options, "") == Options(seed=3)
    monkeypatch.setenv(SMOKE, "1")
    assert read_options(Options, "") == Options(steps=5, seed=3, rows=("one", "two"))
    command_line(script, "--steps", "7")
    assert read_options(Options, "") == Options(steps=7, rows=("one", "two"))
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", None)  # a notebook has a command line of its own
    assert read_options(Options, "") == Options()


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--steps", 0, "1 or more"), ("--seed", -1, "0 or more"), ("--seed", 2**40, "0 to")],
)
def test_an_option_that_makes_no_sense_is_refused(command_line, option: str, value: int, allowed: str) -> None:
    command_line("1.1_gym.py", option, value)
    with pytest.raises(UserError, match=rf"{option.strip('-')} is {value}; allowed: {allowed}"):
        read_options(Options, "")


def test_help_explains_the_lesson_and_each_option(command_line, capsys: pytest.CaptureFixture[str]) -> None:
    command_line("1.1_gym.py", "--help")
    with pytest.raises(SystemExit) as end:
        read_options(Options, "Lesson 1.1: the game")
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert all(text in shown for text in ("Lesson 1.1: the game", "--steps", "Agent steps to train for.", "1000"))


def test_a_choice_that_does_not_exist_is_named_with_those_that_do() -> None:
    check_choices("--rows", ("all",), ("all", "none"))
    for chosen, named in ((("sonar", "all"), "--rows sonar"), ((), "--rows")):
        with pytest.raises(UserError, match=f"^{named}: allowed: all, none$"):
            check_choices("--rows", chosen, ("all", "none"))


def test_a_mistake_at_the_command_line_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    done = run_command(SCRIPTS["1.1_gym"], "--games", "0", "--run-dir", tmp_path / "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().splitlines() == ["1.1_gym.py: error: --games is 0; allowed: 1 or more"]
    assert not (tmp_path / "run").exists()


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


def test_0_1_finds_everything_and_says_so(tmp_path: Path) -> None:
    done = run_command(SCRIPTS["0.1_check_setup"], "--run-dir", tmp_path)
    assert done.returncode == 0 and "WRONG" not in done.stdout
    for line in (
        *("Python", "torch ", "Breakout's ROM", "frames/s on one core", "screens compared, 0 differ"),
        *("torch's device", "ffmpeg", "run folder"),
    ):
        assert line in done.stdout


def test_0_1_runs_where_nothing_is_installed_and_names_what_is_wrong_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_command("-I", "-S", SCRIPTS["0.1_check_setup"], "--run-dir", tmp_path / "file")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "fix: pip install -c constraints.txt -e ." in done.stdout
    lines = done.stdout.splitlines()
    (wrong,) = (number for number, line in enumerate(lines) if line.startswith("WRONG") and "run folder" in line)
    assert "--run-dir" in lines[wrong + 1]


def test_1_1_shows_the_game(lesson) -> None:
    folder, output = lesson("1.1_gym")
    assert_moves(folder / "random.gif")
    assert "{0: 'NOOP', 1: 'FIRE', 2: 'RIGHT', 3: 'LEFT'}" in output and "(210, 160, 3) uint8" in output
    for colour, points in (("red", 7), ("orange", 7), ("ochre", 4), ("yellow", 4), ("green", 1), ("blue", 1)):
        assert re.search(rf"^{colour} .* {points}$", output, re.MULTILINE)
    assert output.count("a life lost") == 5 and "0 left, terminated True" in output
    assert "cut off:     terminated False, truncated True" in output
    summary = facts(folder)
    assert summary["score"] == np.mean(summary["scores"]) and len(summary["scores"]) == 3


def test_1_2_launches_the_ball_and_ends_episodes_with_lives(lesson) -> None:
    folder, _ = lesson("1.2_wrapper")
    results = facts(folder)["results"]
    in_play, ended = "steps with the ball in play", "episodes ended"
    assert results["bare"][in_play] == 0 and results["bare"]["lives left"] == 5
    assert results["launched"][in_play] > 100
    assert results["life_as_episode"][in_play] == results["library"][in_play] == results["launched"][in_play]
    assert results["life_as_episode"][ended] > results["launched"][ended]
    assert_moves(folder / "bare_and_launched.gif")


def test_1_3_trains_with_sb3s_defaults(lesson) -> None:
    folder, output = lesson("1.3_train")
    assert_a_trained_run(folder)
    assert len(read_scalar(folder, "rollout/ep_rew_mean").x) == 1
    assert_moves(folder / "random_and_trained.gif")
    assert "|    ep_rew_mean" in output and re.search(r"train/explained_variance +- ", output)
    ppo = load_config(folder / "config.yaml").ppo
    # The defaults, which the config and SB3 must have in common.
    assert (ppo.n_steps, ppo.batch_size, ppo.n_epochs, ppo.learning_rate) == (2048, 64, 10, 3e-4)
    assert facts(folder)["score"] is not None


def test_1_4_learns_to_play_within_seconds(lesson) -> None:
    folder, _ = lesson("1.4_policy_gradient")
    assert_moves(folder / "before_and_after.gif")
    summary = facts(folder)
    assert summary["training_score"] > 10 and summary["env_id"] == "ALE/Breakout-v5" and "env" not in summary


def test_another_game_is_trained_and_measured_in_whole_games(
    command_line, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = ROOT / "lessons" / "other_game.py"
    monkeypatch.setattr(PPO, "__init__", with_settings(PPO.__init__, always={"n_epochs": 1, "n_steps": 32}))
    command_line(script, "--game", "Pong", "--steps", 256, "--games", 1, "--run-dir", tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    score = re.search(
        r"(\S+) points a game .* on ALE/Pong-v5, 1 games from seed 1000, sampled", capsys.readouterr().out
    )
    assert score is not None and -21 <= float(score[1]) < -10  # a beginner's game, which ends at 21 points
    assert (tmp_path / "Pong.zip").is_file() and (tmp_path / "Pong_1").is_dir()


def test_the_tour_stops_at_the_first_lesson_that_fails_and_names_it(tmp_path: Path) -> None:
    lessons = tmp_path / "lessons"
    (lessons / "1_gym").mkdir(parents=True)
    shutil.copy(ROOT / "lessons" / "tour.py", lessons)
    good = (
        "import json, os, sys, pathlib\nf = pathlib.Path(sys.argv[2]); f.mkdir(parents=True)\n"
        f'assert os.environ["{SMOKE}"] == "1"\n'
        '(f / "a.gif").touch()\n(f / "lesson.json").write_text(json.dumps({"score": 3.25, "files": ["a.gif"]}))'
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


def test_a_lesson_runs_as_a_notebook(command_line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its cells one after the other, where there is no __file__ and the command line is the kernel's."""
    cells = [cell.source for cell in jupytext.read(SCRIPTS["1.2_wrapper"]).cells if cell.cell_type == "code"]
    assert len(cells) >= 5
    kernel = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", kernel)
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", ModuleType("ipykernel.kernelapp"))
    monkeypatch.chdir(tmp_path)
    command_line("kernel", "-f", "connection.json")
    for cell in cells:
        exec(cell.replace("steps: int = 300", "steps: int = 60"), vars(kernel))
    assert_moves(tmp_path / "runs" / "1_gym" / "1.2_wrapper" / "bare_and_launched.gif")


def test_the_ci_file_for_github_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert any(step.get("run") == "bash .ci/run" for step in workflow["jobs"]["test"]["steps"])


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_lesson_imports_rlbreakout_before_torch(name: str) -> None:
    statements = ast.parse(SCRIPTS[name].read_text()).body
    first = next(statement for statement in statements if isinstance(statement, (ast.Import, ast.ImportFrom)))
    assert ast.unparse(first) == "import rlbreakout"


def test_rlbreakout_sets_the_wait_policy_and_does_not_import_torch() -> None:
    code = "import os, sys, rlbreakout; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    environment = {key: value for key, value in ONE_THREAD.items() if key != "OMP_WAIT_POLICY"}
    assert run_python(["-c", code], ROOT, environment, 60).stdout.split() == ["PASSIVE", "False"]
