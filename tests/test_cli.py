"""The command, as a user types it."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlbreakout import __version__
from tests.conftest import ROOT, TINY, ZOO_CONFIG, rlbreakout, run_command

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


def test_train_evaluate_and_gif_from_the_command_line(tmp_path: Path) -> None:
    settings = [part for setting in TINY for part in ("--set", setting)]
    trained = rlbreakout("train", ZOO_CONFIG, *settings, "--run-dir", tmp_path / "run")
    assert trained.returncode == 0, trained.stderr
    assert f"tensorboard --logdir {tmp_path / 'run'}" in trained.stdout
    evaluated = rlbreakout("evaluate", tmp_path / "run", "--games", "2", "--env-id", "ALE/Breakout-v5")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "on ALE/Breakout-v5, 2 games from seed 0, sampled" in evaluated.stdout
    gif = rlbreakout("gif", tmp_path / "run", "--out", tmp_path / "a.gif", "--seconds", "1", "--view", "both")
    assert gif.returncode == 0 and (tmp_path / "a.gif").stat().st_size > 1000, gif.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "bad.yaml"], ["bad.yaml: ppo.learing_rate: unknown key; did you mean 'learning_rate'?"]),
        (["train", "none.yaml"], ["none.yaml does not exist"]),
        (["train", ZOO_CONFIG, "--set", "steps=0"], ["steps: 0 is not allowed"]),
        (["train", ZOO_CONFIG, "--set", "steps=-5"], ["steps: -5 is not allowed"]),
        (["train", ZOO_CONFIG, "--set", "env.id=ALE/Pong-v5"], ["'ALE/Pong-v5' is not Breakout", "ALE/Breakout-v5"]),
        (["train", ZOO_CONFIG, "--run-dir", "bad.yaml/run"], ["bad.yaml/run cannot be made"]),
        (["train", ZOO_CONFIG, "--run-dir", "none", "--resume"], ["none cannot be resumed"]),
        (["evaluate", "none"], ["model 'none' does not exist; allowed: a run folder"]),
        (["evaluate", "random", "--env-id", "CartPole-v1"], ["'CartPole-v1' is not Breakout"]),
        (["evaluate", "random", "--games", "0"], ["games is 0"]),
        (["evaluate", "random", "--games", "few"], ["--games: invalid int value: 'few'"]),
        (["evaluate", "random", "--json", "none/x.json"], ["the folder none does not exist"]),
        (["gif", "random", "--out", "x.avi"], ["'.avi' is not known; allowed: .gif, .mp4"]),
        (["gif", "random", "--out", "x.gif", "--grid", "3by3"], ["'3by3': ROWSxCOLUMNS is needed"]),
        (["gif", "random", "--out", "x.gif", "--seconds", "0"], ["seconds is 0"]),
        (
            ["gif", "random", "--out", "x.gif", "--view", "radar"],
            ["'radar' is not known; allowed: screen, agent, both"],
        ),
        (["gif", "random", "--out", "bad.yaml/x.gif", "--seconds", "1"], ["bad.yaml/x.gif cannot be written"]),
        (["bench", "--json", "none/x.json"], ["the folder none does not exist"]),
        (["evaluate", "random", "--json", "."], [". is a folder; a file is needed"]),
        (["dance"], ["invalid choice: 'dance'"]),
        ([], ["COMMAND"]),
    ],
    ids=lambda value: " ".join(map(str, value[:4])) if isinstance(value, list) else None,
)
def test_bad_input_is_one_clear_line_and_status_2(arguments: list, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD_CONFIG)
    assert_one_clear_line(rlbreakout(*arguments, cwd=tmp_path), *words)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_a_missing_extra_names_the_pip_command_that_adds_it(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, runpy, sys\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'rl_zoo3' else find(name, *rest)\n"
        f"sys.argv = ['2.3_copying_hp_zoo.py', '--zoo', '--run-dir', {str(tmp_path / 'run')!r}]\n"
        f"runpy.run_path({str(ROOT / 'lessons/2_baselines/2.3_copying_hp_zoo.py')!r}, run_name='__main__')"
    )
    done = run_command("-c", code)
    assert_one_clear_line(done, "rl_zoo3 is not installed", "pip install", ".[zoo]")
    assert not (tmp_path / "run").exists()


def test_the_figures_of_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from rlbreakout.bench import speed

    for name, value in (
        ("SECONDS", 0.1),
        ("ROUNDS", 1),
        ("PPO_SECONDS", 0.1),
        ("PPO_ROUNDS", 1),
        ("DQN_SECONDS", 0.1),
        ("DESCENTS", 5),
        ("MANY", 8),
    ):
        monkeypatch.setattr(speed, name, value)
    dqn_config = speed.dqn_config(fixed=True)
    dqn_config.value.start_training = 32
    monkeypatch.setattr(speed, "dqn_config", lambda fixed=False: dqn_config)
    zoo_config = speed.zoo_config
    monkeypatch.setattr(speed, "zoo_config", lambda n_envs=1: zoo_config(n_envs))
    monkeypatch.setattr(speed, "OBSERVATIONS", {"coordinates": speed.OBSERVATIONS["coordinates"]})
    speed.bench(tmp_path / "bench.json")
    data = json.loads((tmp_path / "bench.json").read_text())
    figures = {figure["name"]: (figure["value"], figure["unit"]) for figure in data["figures"]}
    assert all(value > 0 for name, (value, _) in figures.items() if "predictions while" not in name)
    assert {"frames/s", "agent steps/s", "MB", "share"} <= {unit for _, unit in figures.values()}
    assert figures["aimbot: predictions within 4 pixels"][0] > 0.9
    for reference, ratios in data["ratios"].items():
        assert ratios == {name: pytest.approx(figures[name][0] / figures[reference][0]) for name in ratios} != {}


if sys.platform != "win32":

    def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Root may write everywhere, so the refusal of the operating system is played here.
        from rlbreakout.common.errors import UserError
        from rlbreakout.training.runs import check_writable

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "touch", refuse)
        with pytest.raises(UserError, match="cannot be written: Permission denied"):
            check_writable(tmp_path)


def test_the_figures_of_bench_about_the_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from rlbreakout.bench import speed
    from rlbreakout.bench import twin_speed as twin

    for name, value in (("SECONDS", 0.02), ("ROUNDS", 1), ("COMPARED_FRAMES", 3_000), ("GAMES", 2), ("SEEDS", 1)):
        monkeypatch.setattr(twin, name, value)
    for name, value in (("SECONDS", 0.02), ("MANY", 8)):
        monkeypatch.setattr(speed, name, value)
    monkeypatch.setattr(twin, "train_apart", lambda config, keep=True: speed.Measured(1.0, 1.0))
    monkeypatch.setattr(twin, "in_a_process", lambda function, *arguments: function(*arguments))
    few = twin.coordinates_config
    monkeypatch.setattr(twin, "coordinates_config", lambda steps=8_192, seed=0: few(steps, seed))
    monkeypatch.setattr(twin, "MARKS", (0,))
    twin.report(tmp_path / "twin.json")
    data = json.loads((tmp_path / "twin.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in data["figures"]}
    assert figures["twin: frames that differ"] == 0 < figures["twin: frames compared with the emulator, whole state"]
    assert all(f"seed 0: score in {where}" in figures for where in ("the twin", "ALE"))
    for name, ratio in data["ratios"].items():
        assert ratio["ratio"] == pytest.approx(figures[name] / figures[ratio["to"]])


def test_bench_trains_what_lesson_3_4_trains() -> None:
    from rlbreakout.bench.twin_speed import coordinates_config
    from rlbreakout.config import load_config

    lesson, bench = load_config(ROOT / "configs" / "3.4_coordinates.yaml"), coordinates_config()
    for part in ("steps", "env", "observation", "policy", "network", "ppo"):
        assert getattr(lesson, part) == getattr(bench, part)
