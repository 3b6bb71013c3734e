"""Trainings as short as they can be and still be whole ones."""

import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.callbacks import CHECKPOINT_SECONDS, MetricCallback, read_evaluations
from rlbreakout.common.errors import UserError
from rlbreakout.config import dump_config, installed_versions, load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.envs import views as vec_env_module
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training import train as train_module
from rlbreakout.training.runs import new_run_folder
from rlbreakout.training.train import find_run, learn, train
from tests.conftest import ONE_THREAD, ROOT, TINY, ZOO_CONFIG, tiny_config


def test_a_run_folder_holds_what_it_should(tiny_run: Path) -> None:
    assert load_agent(tiny_run / "best") and load_agent(tiny_run / "last")
    assert sorted(path.name for path in (tiny_run / "checkpoints").iterdir()) == ["000000128", "000000256"]
    config = load_config(tiny_run / "config.yaml")
    assert config.versions == installed_versions() and config.seed == 123
    assert [row["steps"] for row in read_evaluations(tiny_run)] == ["128", "256"]
    for tag in ("eval/mean", "eval/median", "eval/lower_quartile", "eval/stalled", "train/learning_rate"):
        steps = read_scalar(tiny_run, tag).x
        assert (np.diff(steps) > 0).all() and steps[-1] in (128, 256)
    with Image.open(tiny_run / "agent.gif") as gif:
        assert getattr(gif, "n_frames", 1) > 10
    assert len(list(tiny_run.glob("*.monitor.csv"))) == 2


def test_tensorboard_has_the_numbers_of_evaluations_csv(tiny_run: Path) -> None:
    rows = read_evaluations(tiny_run)
    for column in ("mean", "median", "lower_quartile", "stalled"):
        assert read_scalar(tiny_run, f"eval/{column}").y == pytest.approx(
            [float(row[column]) for row in rows], rel=1e-3
        )


def weights(run: Path) -> bytes:
    return (run / "last" / "policy.safetensors").read_bytes()


def test_the_same_seed_twice_gives_the_same_evaluations_and_weights_byte_for_byte(
    tiny_run: Path, tmp_path: Path
) -> None:
    again = train(tiny_config(), tmp_path / "again", progress_bar=False)
    assert (again / "evaluations.csv").read_bytes() == (tiny_run / "evaluations.csv").read_bytes()
    assert weights(again) == weights(tiny_run)
    other = train(tiny_config("seed=5"), tmp_path / "other", progress_bar=False)
    assert (other / "evaluations.csv").read_bytes() != (tiny_run / "evaluations.csv").read_bytes()
    assert weights(other) != weights(tiny_run)


def test_the_same_seed_twice_gives_the_same_weights_on_the_fast_environment(tmp_path: Path) -> None:
    settings = ("steps=2048", "env.n_envs=8", "ppo.n_steps=128", "ppo.batch_size=256", "evaluation.every=0")

    def run(name: str, seed: int) -> Path:
        config = load_config(ROOT / "configs" / "3.4_emulator.yaml", [*settings, f"seed={seed}", "torch_threads=1"])
        return train(config, tmp_path / name, progress_bar=False)

    first, again, other = run("first", 1), run("again", 1), run("other", 2)
    assert weights(first) == weights(again) != weights(other)


@pytest.mark.parametrize(
    "vec_env, games, while_playing", [("fast", 8, 1), ("fast", 4, 2), ("dummy", 4, 2)]
)  # on two cores; four games of the fast environment are not worth a second process
def test_torch_has_one_thread_while_games_are_played_on_other_cores(
    vec_env: str, games: int, while_playing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vec_env_module, "cores", lambda: 2)
    settings = [f"env.vec_env={vec_env}", f"env.n_envs={games}", "ppo.n_steps=16", "ppo.batch_size=64"]
    settings += [f"steps={games * 32}", "evaluation.every=0", "torch_threads=2"]
    config = load_config(ROOT / "configs" / "3.4_emulator.yaml", settings)
    model = build_algorithm(config, make_vec_env(config))
    playing, learning = set(), set()

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            playing.add(torch.get_num_threads())
            return True

    update = model.train
    monkeypatch.setattr(model, "train", lambda: (learning.add(torch.get_num_threads()), update()))
    torch.set_num_threads(2)
    try:
        learn(model, config, tmp_path, [Look()], progress_bar=False)
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(1)
    assert (playing, learning, after) == ({while_playing}, {2}, 2)


@pytest.mark.parametrize("settings, threads", [((), 1), (("torch_threads=2",), 2)])
def test_small_networks_learn_with_one_thread_unless_told_otherwise(
    settings: tuple[str, ...], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["env.n_envs=4", "ppo.n_steps=16", "ppo.batch_size=64", "steps=64", "evaluation.every=0"]
    config = load_config(ROOT / "configs" / "3.4_coordinates.yaml", [*small, *settings])
    model = build_algorithm(config, make_vec_env(config))
    learning, update = set(), model.train
    monkeypatch.setattr(model, "train", lambda: (learning.add(torch.get_num_threads()), update()))
    torch.set_num_threads(2)
    try:
        learn(model, config, tmp_path, progress_bar=False)
        assert (learning, torch.get_num_threads()) == ({threads}, 2)
    finally:
        torch.set_num_threads(1)


def test_torch_has_its_threads_again_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vec_env_module, "cores", lambda: 2)
    settings = ["env.n_envs=8", "ppo.n_steps=16", "ppo.batch_size=64", "steps=256", "evaluation.every=0"]
    config = load_config(ROOT / "configs" / "3.4_emulator.yaml", settings)
    torch.set_num_threads(2)
    try:
        with pytest.raises(SystemExit):
            learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, [InterruptAt(64)])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_evaluation_does_not_change_the_training(tiny_run: Path, tmp_path: Path) -> None:
    without = train(tiny_config("evaluation.every=0"), tmp_path / "without", progress_bar=False)
    assert weights(tiny_run) == weights(without)
    assert not (without / "evaluations.csv").exists()


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("x")
    assert new_run_folder(tmp_path / "run") == tmp_path / "run-2"
    (tmp_path / "run-2" / "precious").write_text("x")
    assert new_run_folder(tmp_path / "run") == tmp_path / "run-3"
    assert new_run_folder(tmp_path / "new") == tmp_path / "new"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file/run cannot be made"):
        new_run_folder(tmp_path / "file" / "run")


class InterruptAt(BaseCallback):
    """Ctrl-C after so many agent steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _on_step(self) -> bool:
        if self.num_timesteps == self.steps:
            raise KeyboardInterrupt
        return True


def test_an_interrupted_run_goes_on_with_the_same_schedules_and_the_same_curve(tmp_path: Path) -> None:
    config = tiny_config("steps=1024", "evaluation.every=512", "checkpoint_every=0")
    whole = train(config, tmp_path / "whole", progress_bar=False)
    folder = tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patch:
        original = train_module.learn
        patch.setattr(train_module, "learn", lambda m, c, f, **kw: original(m, c, f, [InterruptAt(384)], **kw))
        with pytest.raises(SystemExit) as stop:
            train(config, folder, progress_bar=False)
    assert stop.value.code == 130
    assert trained_steps(folder / "last") == 384
    games_before = len(read_games(folder).scores)

    assert train(config, folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") == 1024
    for tag in ("train/learning_rate", "train/clip_range"):
        resumed, uninterrupted = (dict(zip(*read_scalar(run, tag), strict=True)) for run in (folder, whole))
        assert {640, 1024} <= set(resumed) and set(resumed) <= set(uninterrupted)
        assert all(value == pytest.approx(uninterrupted[step]) for step, value in resumed.items())
    assert [row["steps"] for row in read_evaluations(folder)] == ["512", "1024"]
    assert read_scalar(folder, "eval/mean").x.tolist() == [512, 1024]
    assert (np.diff(read_scalar(folder, "time/fps").x) > 0).all()
    assert len(read_games(folder).scores) > games_before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


def test_a_killed_run_goes_on_from_its_last_checkpoint_with_one_curve(tiny_run: Path, tmp_path: Path) -> None:
    # What SIGKILL after 256 steps leaves when the last checkpoint is of step 128: later curves and later evaluations.
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    shutil.rmtree(folder / "last")
    shutil.copytree(folder / "checkpoints" / "000000128", folder / "last")
    train(tiny_config("steps=384"), folder, resume=True, progress_bar=False)
    assert [row["steps"] for row in read_evaluations(folder)] == ["128", "256", "384"]
    assert read_scalar(folder, "eval/mean").x.tolist() == [128, 256, 384]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_made(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UserError, match=f"'{device}' is not available on this machine; allowed: auto, cpu"):
        train(tiny_config(f"device={device}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ctrl_c_saves_says_how_to_resume_and_exits_with_130(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = [part for setting in (*TINY, "steps=1e6") for part in ("--set", setting)]
    command = [sys.executable, "-m", "rlbreakout.cli", "train", str(ZOO_CONFIG), *settings, "--run-dir", str(folder)]
    with subprocess.Popen(
        command,
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so does what that starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            while not (folder / "checkpoints" / "000000128").exists():
                assert process.poll() is None, process.stderr and process.stderr.read()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert f"--run-dir {folder} --resume" in errors and "Traceback" not in errors
    steps = trained_steps(folder / "last")
    assert steps >= 128

    printed = next(line for line in errors.splitlines() if "--resume" in line).split("rlbreakout ")[1].split()
    more = [sys.executable, "-m", "rlbreakout.cli", *printed, "--set", f"steps={steps + 128}"]
    done = subprocess.run(more, env=ONE_THREAD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert trained_steps(folder / "last") >= steps + 128


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("ppo.gamma=0.5", r"ppo\.gamma is 0\.99 in the run and 0\.5 in the config"),
        ("seed=1", "seed is 123 in the run and 1"),
        ("observation.frame_stack=2", r"\(4, 84, 84\), the environment gives \(2, 84, 84\)"),
        ("steps=256", "has 256 of 256 agent steps already"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(tiny_run: Path, override: str, match: str) -> None:
    before = (tiny_run / "config.yaml").read_bytes()
    with pytest.raises(UserError, match=match):
        train(tiny_config(override), tiny_run, resume=True, progress_bar=False)
    assert (tiny_run / "config.yaml").read_bytes() == before


def test_resuming_finds_the_newest_run_of_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="cannot be resumed"):
        find_run(tiny_config(), None)
    for name in ("2.3_zoo", "2.3_zoo-2", "2.3_zoo-10", "2.3_zoo-x"):
        (tmp_path / "runs" / "2_baselines" / name / "last").mkdir(parents=True)
        (tmp_path / "runs" / "2_baselines" / name / "last" / "model.yaml").touch()
    assert find_run(tiny_config(), None).name == "2.3_zoo-10"


@pytest.mark.parametrize("left", [(), ("config.yaml",), ("config.yaml", "events", "evaluations.csv")])
def test_a_run_that_was_stopped_before_it_had_a_model_begins_anew(left: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    config = tiny_config("checkpoint_every=0")
    if "config.yaml" in left:
        dump_config(config, folder / "config.yaml")
        with pytest.raises(UserError, match="seed is 123 in the run and 7 in the config"):
            train(tiny_config("checkpoint_every=0", "seed=7"), folder, resume=True)
    if "events" in left:
        with SummaryWriter(str(folder)) as writer:
            writer.add_scalar("eval/mean", 77.0, 128)
            writer.add_scalar("eval/mean", 78.0, 200)
        (folder / "evaluations.csv").write_text("steps,mean\n128,77.0\n200,78.0\n")
    assert train(config, folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") == 256
    assert [row["steps"] for row in read_evaluations(folder)] == ["128", "256"]
    curve = read_scalar(folder, "eval/mean")
    assert curve.x.tolist() == [128, 256] and curve.y.max() < 77


def test_a_training_can_be_resumed_from_its_first_step_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args, **kwargs):
        raise KeyError("killed")  # which nobody handles

    with monkeypatch.context() as patch, pytest.raises(KeyError, match="killed"):
        patch.setattr("stable_baselines3.PPO.collect_rollouts", killed)
        train(tiny_config(), tmp_path / "run", progress_bar=False)
    assert trained_steps(tmp_path / "run" / "last") == 0
    train(tiny_config(), tmp_path / "run", resume=True, progress_bar=False)
    assert trained_steps(tmp_path / "run" / "last") == 256


def test_a_checkpoint_is_due_after_so_many_seconds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHECKPOINT_SECONDS == 300
    monkeypatch.setattr("rlbreakout.callbacks.CHECKPOINT_SECONDS", 0.0)

    class Killed(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps >= 200:
                raise KeyError("killed")  # which nobody handles
            return True

    config = tiny_config("checkpoint_every=1e6", "evaluation.every=0")
    with pytest.raises(KeyError, match="killed"):
        learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, [Killed()], progress_bar=False)
    assert trained_steps(tmp_path / "last") == 198  # of two games, the step before


def test_a_metric_and_gifs_during_training(tmp_path: Path) -> None:
    config = tiny_config("evaluation.every=0", "gif_every=128")
    model = build_algorithm(config, make_vec_env(config))
    learn(
        model,
        config,
        tmp_path,
        callbacks=[MetricCallback("custom/steps", lambda actions, infos: float(len(actions) + len(infos)))],
        progress_bar=False,
    )
    metric = read_scalar(tmp_path, "custom/steps")
    assert metric.y.tolist() == [4.0] * len(metric.y) and metric.x.tolist() == [128, 256]
    assert sorted(path.name for path in (tmp_path / "gifs").iterdir()) == ["000000128.gif", "000000256.gif"]


def test_the_best_model_is_the_one_with_the_best_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means = iter([1.0, 3.0, 2.0])
    monkeypatch.setattr("rlbreakout.evaluation.evaluate.play_games", lambda *_, **__: ([next(means)] * 2, [1, 1], 0))
    config = tiny_config("steps=384")
    learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, progress_bar=False)
    assert trained_steps(tmp_path / "best") == 256
    assert yaml.safe_load((tmp_path / "best" / "model.yaml").read_text())["steps"] == 256
