"""The command, as a user types it."""

import errno
import importlib.util
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from rlbreakout import __version__
from rlbreakout.bench import measure, speed, twin_speed
from rlbreakout.cli import main
from rlbreakout.common.errors import UserError, one_line
from rlbreakout.training.runs import check_writable
from tests.conftest import ROOT, TWIN, rlbreakout, run_command, sets
from tests.lesson_runs import run_lesson

BAD_CONFIG = "ppo:\n  learing_rate: 1\n"


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout, done.stderr
    for word in words:
        assert word in done.stderr


def test_help_imports_neither_torch_nor_the_emulator() -> None:
    code = (
        "import sys, contextlib\nfrom rlbreakout.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "heavy = {'torch', 'ale_py', 'gymnasium', 'stable_baselines3', 'matplotlib', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = run_command("-c", code)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("train", "evaluate", "gif", "bench"))


def test_version() -> None:
    assert rlbreakout("--version").stdout.strip() == f"rlbreakout {__version__}"


def test_train_evaluate_and_gif_from_an_empty_folder(tmp_path: Path) -> None:
    trained = rlbreakout("train", "3.4_coordinates", *sets(*TWIN), cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    run = Path("runs") / "3_obswrapper" / "3.4_coordinates"
    assert f"tensorboard --logdir {run}" in trained.stdout and (tmp_path / run / "agent.gif").is_file()
    evaluated = rlbreakout("evaluate", run, "--games", "2", "--env-id", "BreakoutNoFrameskip-v4", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "on BreakoutNoFrameskip-v4, 2 games from seed 0, sampled" in evaluated.stdout
    for name in ("3.4_coordinates.gif", "3.4_coordinates-2.gif"):  # never over what is there already
        gif = rlbreakout("gif", run, "--seconds", "1", "--view", "both", cwd=tmp_path)
        assert gif.returncode == 0 and (tmp_path / name).stat().st_size > 1000, gif.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "bad.yaml"], ["bad.yaml: ppo.learing_rate: unknown key; did you mean 'learning_rate'?"]),
        (["train", "none.yaml"], ["none.yaml does not exist; shipped with rlbreakout: 2.3_zoo"]),
        (["train", "2.3_zoo", "--set", "steps=0"], ["steps: 0 is not allowed"]),
        (["train", "2.3_zoo", "--set", "steps=-5"], ["steps: -5 is not allowed"]),
        (["train", "2.3_zoo", "--set", "env.id=ALE/Pong-v5"], ["'ALE/Pong-v5' is not Breakout", "ALE/Breakout-v5"]),
        (["train", "2.3_zoo", "--set", "torch_threads=1"], ["torch_threads is now called run.threads"]),
        (["train", "2.3_zoo", "--run-dir", "bad.yaml/run"], ["bad.yaml/run cannot be made"]),
        (["train", "2.3_zoo", "--run-dir", "none", "--resume"], ["none cannot be resumed"]),
        (["train", "2.3_zoo", "--init-from", "none"], ["model 'none' does not exist"]),
        (["train", "2.3_zoo", "--init-from", "random"], ["model 'random' has no weights"]),
        (["train", "2.3_zoo", "--init-from", "bad.yaml"], ["bad.yaml is a file; allowed: a model folder"]),
        (
            ["train", "2.3_zoo", "--init-from", "champion-policy"],
            ["observation.kind is coordinates, the config's is warp"],
        ),
        (["train", "2.3_zoo", "--init-from", "champion"], ["algorithm is planner, the config's is ppo"]),
        (["train", "7.4_champion"], ["algorithm is 'planner'; allowed: ppo or value. Lesson 7.4 trains a planner"]),
        (["train", "2.3_zoo", "--init-from", "champion", "--resume"], ["--resume: not allowed with", "--init-from"]),
        (["evaluate", "none"], ["model 'none' does not exist; allowed: a run folder"]),
        (["evaluate", "random", "--env-id", "CartPole-v1"], ["'CartPole-v1' is not Breakout"]),
        (["evaluate", "random", "--env", "atari"], ["env is 'atari'; allowed: ale, twin"]),
        (["evaluate", "random", "--games", "0"], ["games is 0"]),
        (["evaluate", "random", "--games", "few"], ["--games: invalid int value: 'few'"]),
        (["evaluate", "random", "--json", "none/x.json"], ["the folder none does not exist"]),
        (["evaluate", "random", "--json", "."], [". is a folder"]),
        (["gif", "random", "--out", "x.avi"], ["'.avi'", "allowed: .gif, .mp4"]),
        (["gif", "random", "--out", "x.gif", "--grid", "3by3"], ["'3by3'", "ROWSxCOLUMNS"]),
        (["gif", "random", "--out", "x.gif", "--seconds", "0"], ["seconds is 0"]),
        (["gif", "random", "--out", "x.gif", "--speed", "0"], ["speed is 0; allowed: 1 to 64"]),
        (["gif", "random", "--out", "x.gif", "--view", "radar"], ["'radar'", "allowed: screen, agent, both"]),
        (["gif", "random", "--out", "bad.yaml/x.gif", "--seconds", "1"], ["bad.yaml/x.gif cannot be written"]),
        (["bench", "--json", "none/x.json"], ["the folder none does not exist"]),
        (["bench", "--part", "sound"], ["part is 'sound'; allowed: speed, twin"]),
        (["dance"], ["invalid choice: 'dance'"]),
        ([], ["COMMAND"]),
    ],
    ids=lambda value: " ".join(map(str, value[:4])) if isinstance(value, list) else None,
)
def test_bad_input_is_one_clear_line_and_status_2(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD_CONFIG)
    assert_one_clear_line(rlbreakout(*arguments, cwd=tmp_path), *words)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_ctrl_c_and_a_full_disk_are_one_line_and_their_status(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, says in (
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "x.json"), 1, "x.json cannot be written: No space left"),
    ):
        monkeypatch.setattr("rlbreakout.evaluation.evaluate", Mock(side_effect=error))
        done = rlbreakout("evaluate", "random")
        assert done.returncode == status and says in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_extra_names_the_pip_command_that_adds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "rl_zoo3" else find(name, *more)
    )
    with pytest.raises(UserError, match=r"rl_zoo3 is not installed; .*pip install .*\[zoo\]"):
        run_lesson("2.3_copying_hp_zoo", tmp_path / "run", "--zoo")
    assert not (tmp_path / "run").exists()


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write everywhere, so the refusal of the operating system is played here.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(UserError, match="cannot be written: Permission denied"):
        check_writable(tmp_path)


def run_bench(part: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The figures of a part of `rlbreakout bench`, each measured for a moment, in this process."""
    for function in (measure.per_second, measure.raw_emulator_speed):
        monkeypatch.setattr(function, "__defaults__", (0.02,))
    monkeypatch.setattr(measure.median_speeds, "__defaults__", (1,))
    shipped = measure.shipped
    for module in (speed, twin_speed):
        monkeypatch.setattr(module, "PPO_ROUNDS", 1)
        monkeypatch.setattr(module, "train_apart", lambda config: 1.0)
        monkeypatch.setattr(module, "shipped", lambda name, **values: shipped(name, steps=8_192, **values))
    monkeypatch.setattr(twin_speed, "in_a_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(speed, "ProcessPoolExecutor", ThreadPoolExecutor)
    for name, value in (("SECONDS", 0.02), ("DESCENTS", 5), ("MANY", 8)):
        monkeypatch.setattr(speed, name, value)
    for name, value in (("COMPARED_FRAMES", 3_000), ("SEEDS", 1), ("GAMES", 2), ("MARKS", (0,))):
        monkeypatch.setattr(twin_speed, name, value)
    done = rlbreakout("bench", "--part", part, "--json", file)
    assert done.returncode == 0
    data = json.loads(file.read_text())
    lines = done.stdout.splitlines()  # whole ones, however narrow the terminal is
    assert all(
        any(line.split(maxsplit=1)[1].startswith(f"{figure['unit']:14} {figure['name']}") for line in lines[1:])
        for figure in data["figures"]
    )
    figures = {figure["name"]: figure["value"] for figure in data["figures"]}
    assert len(figures) == len(data["figures"]) and data["ratios"]
    for name, ratio in data["ratios"].items():
        assert ratio["ratio"] == pytest.approx(figures[name] / figures[ratio["to"]])
    return figures


@pytest.mark.long
def test_bench_measures_speeds_and_the_aimbot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = run_bench("speed", tmp_path / "bench.json", monkeypatch)
    assert all(value > 0 for name, value in figures.items() if "predictions while" not in name)
    assert figures["aimbot: predictions within 4 pixels"] > 0.9


def test_bench_measures_the_twin_beside_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = run_bench("twin", tmp_path / "twin.json", monkeypatch)
    assert figures["twin: frames that differ"] == 0 < figures["twin: frames compared with the emulator, whole state"]
    assert all(f"seed 0: score in {where}" in figures for where in ("the twin", "ALE"))


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "from rlbreakout import cli\ncli._evaluate = lambda args: print('score')\ncli.main(['evaluate', 'random'])"
    with os.fdopen(write, "w") as closed:
        done = subprocess.run([sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_without_a_letter_shows_an_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    main(["gif", "random", "--seconds", "1", "--out", str(tmp_path / "zoë.gif")])
    terminal.flush()
    assert b"zo\\xeb.gif: 1.0 s" in terminal.buffer.getvalue() and (tmp_path / "zoë.gif").exists()  # type: ignore


def test_too_many_open_files_are_said_in_one_line() -> None:
    line = one_line(OSError(errno.EMFILE, "Too many open files"))
    assert line is not None and line.status == 1 and "ulimit -n" in line.text
