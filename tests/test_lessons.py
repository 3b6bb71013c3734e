"""Every lesson script, run as a learner runs it, and what it leaves."""

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jupytext
import numpy as np
import pytest
import yaml
from PIL import Image

from lessons.tour import FEW_STEPS, all_lessons
from rlbreakout.config import load_config
from rlbreakout.plots import read_monitor_file, read_scalar
from tests.conftest import ONE_THREAD, ROOT, ZOO_CONFIG, rlbreakout, run_command

SCRIPTS = {script.stem: script for script in all_lessons()}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory):
    """Run a lesson once with few steps, and give its folder and its output to every test that asks."""
    done: dict[str, tuple[Path, str]] = {}

    def run(name: str, *options: str) -> tuple[Path, str]:
        if name not in done:
            folder = tmp_path_factory.mktemp("lessons") / name
            result = run_command(SCRIPTS[name], "--run-dir", folder, *options)
            assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
            left = json.loads((folder / "lesson.json").read_text())["files"]
            assert left and all((folder / file).exists() for file in left)
            assert sorted(path.name for path in folder.parent.iterdir()) == [name]
            done[name] = folder, result.stdout
        return done[name]

    return run


HAS_ZOO = importlib.util.find_spec("rl_zoo3") is not None
TRAIN = {
    "1.3_train": ("--steps", "256", "--games", "2"),
    "2.1_envs": ("--steps", "1024", "--games", "2"),
    "2.2_callbacks": ("--steps", "2048", "--games", "2"),
    "2.3_copying_hp_zoo": ("--steps", "4000", "--games", "2", *(["--zoo"] if HAS_ZOO else [])),
    "2.4_fast_envs": ("--steps", "256", "--rollout", "256", "--games", "1"),
    "3.3_aimbot_training": (
        *("--steps", "2048", "--games", "1", "--seeds", "2"),
        *("--variants", "counters", "--stacks", "2"),
    ),
    "3.4_coordinates": ("--steps", "8192", "--games", "1", "--variants", "coordinates"),
}


def assert_moves(gif: Path) -> None:
    """The gif has more than one different picture."""
    with Image.open(gif) as image:
        pictures = set()
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pictures.add(image.convert("RGB").tobytes())
    assert len(pictures) > 10, gif


def assert_a_trained_run(run: Path, tag: str = "rollout/ep_rew_mean") -> None:
    """Curves with rising steps, and a model that `rlbreakout evaluate` accepts."""
    steps = read_scalar(run, tag).x
    assert len(steps) >= 1 and (np.diff(steps) > 0).all() and steps[-1] >= 1
    evaluated = rlbreakout("evaluate", run, "--games", "1", "--json", run / "test.json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((run / "test.json").read_text())["games"] == 1


def test_every_lesson_is_here_and_in_the_tour() -> None:
    assert list(SCRIPTS) == [
        "0.1_check_setup", "1.1_gym", "1.2_wrapper", "1.3_train", "2.1_envs", "2.2_callbacks", "2.3_copying_hp_zoo",
        "2.4_fast_envs", "3.1_observation_space", "3.2_observation_wrapper", "3.3_aimbot_training", "3.4_coordinates",
    ]  # fmt: skip
    assert set(FEW_STEPS) == set(SCRIPTS) - {"0.1_check_setup"}


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
    option = "--games" if name == "1.1_gym" else "--steps"
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
    assert "mend: pip install -c constraints.txt -e ." in done.stdout


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


def test_2_1_compares_one_environment_with_eight(lesson) -> None:
    folder, output = lesson("2.1_envs", *TRAIN["2.1_envs"])
    for run in ("1_envs", "8_envs"):
        assert_a_trained_run(folder / run)
    for picture in ("score_by_steps.png", "score_by_minutes.png"):
        with Image.open(folder / picture) as image:
            assert image.width > 500
    speeds = json.loads((folder / "lesson.json").read_text())["steps_per_second"]
    assert f"8 are {speeds['8'] / speeds['1']:.2f} times as fast as 1" in output


def test_2_2_tells_lives_from_games(lesson) -> None:
    folder, output = lesson("2.2_callbacks", *TRAIN["2.2_callbacks"])
    assert_a_trained_run(folder)
    for tag in (
        "custom/clipped_reward_a_life",
        "custom/fire_share",
        "eval/mean",
        "eval/lower_quartile",
        "eval/stalled",
    ):
        assert len(read_scalar(folder, tag).x) >= 1
    assert 0 < read_scalar(folder, "custom/fire_share").y[-1] < 1
    three = json.loads((folder / "lesson.json").read_text())["three_rewards"]
    assert three["clipped reward a life"] < three["score of a training game (sampled, last 100)"]
    assert "greedy" in output and (folder / "three_rewards.png").exists()


def test_2_4_compares_three_environments(lesson) -> None:
    folder, output = lesson("2.4_fast_envs", *TRAIN["2.4_fast_envs"])
    assert_a_trained_run(folder / "2.4_fast_64", tag="time/fps")
    summary = json.loads((folder / "lesson.json").read_text())
    assert (
        set(summary["alone"]) == set(summary["steps_per_second"]) == {"8, one after the other", "8, fast", "64, fast"}
    )
    assert all(f"{name:24}{summary['alone'][name]:10.0f}" in output for name in summary["alone"])
    assert_moves(folder / "2.4_fast_8" / "agent.gif")


def test_3_1_shows_the_ball_before_and_after(lesson) -> None:
    folder, _ = lesson("3.1_observation_space")
    before, after = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("before", "after"))
    assert before.shape == (210, 160) and after.shape == (84, 84)
    summary = json.loads((folder / "lesson.json").read_text())
    assert len(summary["ball_before"]) == 8 and len(set(summary["ball_before"])) == 1
    assert max(summary["ball_after"]) < max(summary["ball_before"]) and len(set(summary["ball_after"])) > 1
    with Image.open(folder / "before.jpg") as image:
        assert image.size == (160, 210)
    assert_moves(folder / "before_after.gif")


def test_3_2_shows_one_view_after_the_other(lesson) -> None:
    folder, _ = lesson("3.2_observation_wrapper", "--steps", "60")
    seen = json.loads((folder / "lesson.json").read_text())["observations"]
    assert seen["by_hand"]["shape"] == seen["mono"]["shape"] == [210, 160, 1]
    assert seen["trim"]["shape"] == seen["aimbot"]["shape"] == [174, 144, 1] and seen["mono"]["values"] == [0, 255]
    assert len(seen["counters"]["values"]) > 2
    by_hand, mono = (np.loadtxt(folder / f"{name}.csv", delimiter=",") for name in ("by_hand", "mono"))
    assert np.array_equal(by_hand, mono)
    assert_moves(folder / "aimbot.gif")


def test_3_3_goes_on_where_it_was_and_draws_bands_over_seeds(lesson) -> None:
    folder, output = lesson("3.3_aimbot_training", *TRAIN["3.3_aimbot_training"])
    runs = [folder / f"counters_2_{seed}" for seed in (0, 1)]
    written = {run: (run / "last" / "policy.safetensors").stat().st_mtime_ns for run in runs}
    assert_a_trained_run(runs[-1], tag="time/fps")
    assert "counters, 2 pictures" in output and (folder / "all_curves.png").exists()
    # One of them is lost, as if it had been stopped before its first checkpoint: only that one is trained again.
    shutil.rmtree(runs[0] / "last")
    again = run_command(SCRIPTS["3.3_aimbot_training"], "--run-dir", folder, *TRAIN["3.3_aimbot_training"])
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in folder.parent.iterdir()) == ["3.3_aimbot_training"]
    changed = [run for run in runs if (run / "last" / "policy.safetensors").stat().st_mtime_ns != written[run]]
    assert changed == runs[:1]
    results = json.loads((folder / "lesson.json").read_text())["results"]
    assert {name: len(seeds) for name, seeds in results.items()} == {"counters, 2 pictures": 2}


def test_3_4_trains_on_numbers(lesson) -> None:
    folder, output = lesson("3.4_coordinates", *TRAIN["3.4_coordinates"])
    assert_a_trained_run(folder / "coordinates_0")
    assert "landing_column" in output and "108 of them there" in output
    summary = json.loads((folder / "lesson.json").read_text())
    assert summary["best"] == "coordinates" and summary["minutes"]["coordinates"][0] > 0
    assert_moves(folder / "coordinates_0" / "agent.gif")


@pytest.mark.parametrize("name", ["3.3_aimbot_training", "3.4_coordinates"])
def test_a_variant_that_does_not_exist_is_named_with_those_that_do(name: str, tmp_path: Path) -> None:
    done = run_command(SCRIPTS[name], "--variants", "sonar", "--run-dir", tmp_path / "run")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    (line,) = done.stderr.strip().splitlines()
    assert "--variants sonar: allowed: " in line and "counters" in line


@pytest.mark.skipif(not HAS_ZOO, reason="needs the extra 'zoo'")
def test_2_3_by_hand_is_the_zoos_own_training_game_by_game(lesson) -> None:
    folder, output = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    assert_a_trained_run(folder)
    assert_moves(folder / "agent.gif")
    zoo = folder / "rl_zoo3" / "ppo" / "BreakoutNoFrameskip-v4_1"
    games = 0
    for number in range(8):
        ours, theirs = (read_monitor_file(run / f"{number}.monitor.csv") for run in (folder, zoo))
        assert ours.scores.tolist() == theirs.scores.tolist() and ours.lengths.tolist() == theirs.lengths.tolist()
        games += len(ours.scores)
    assert games >= 8 and "the same scores and lengths, one for one" in output
    assert json.loads((folder / "lesson.json").read_text())["same_as_rl_zoo3"] is True
    assert (folder / "zoo.png").exists()


def test_2_3_is_the_config_2_3_zoo(lesson) -> None:
    folder, _ = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    script, config = (load_config(path).model_dump() for path in (folder / "config.yaml", ZOO_CONFIG))
    assert script.pop("steps") == 4000 and config.pop("steps") == 1_000_000
    assert script.pop("versions") and config.pop("versions") == {}
    assert script == config


def test_2_3_makes_the_agent_that_the_config_makes(lesson, tmp_path: Path) -> None:
    """The hyperparameters that the script hands to PPO are those of its config: both learn the same weights."""
    folder, _ = lesson("2.3_copying_hp_zoo", *TRAIN["2.3_copying_hp_zoo"])
    games = ("--set", "evaluation.games=1")
    done = rlbreakout("train", folder / "config.yaml", *games, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    first, second = (run / "last" / "policy.safetensors" for run in (folder, tmp_path / "run"))
    assert first.read_bytes() == second.read_bytes()


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """A real TensorBoard on a free port; gives its address when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--load_fast=false"],
        env=ONE_THREAD,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:  # it says where it listens when it does
            if "Press CTRL+C to quit" in line:
                break
        else:
            pytest.fail("TensorBoard ended before it listened")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_real_tensorboard_shows_the_curve(lesson) -> None:
    folder, _ = lesson("2.2_callbacks", *TRAIN["2.2_callbacks"])
    expected = read_scalar(folder, "eval/mean")
    with tensorboard(folder) as address:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def get(path: str):
            with direct.open(f"{address}/data/plugin/scalars/{path}", timeout=60) as answer:
                return json.load(answer)

        tags: dict = {}
        while "eval/mean" not in tags.get(".", {}):  # it reads the files in the background
            tags = get("tags")
        points = get("scalars?run=.&tag=eval%2Fmean")
    assert [step for _, step, _ in points] == expected.x.tolist()
    assert [value for _, _, value in points] == pytest.approx(expected.y.tolist())


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
