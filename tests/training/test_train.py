"""Trainings as short as they can be and still be whole ones: run folders, resuming, Ctrl-C, the same again."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.agents import build_algorithm, load_agent
from rlbreakout.agents.save_load import trained_steps
from rlbreakout.callbacks import MetricCallback
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, dump_config, installed_versions, load_config
from rlbreakout.envs import make_vec_env
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training import learn, record_best, train, train_or_continue
from rlbreakout.training.interrupts import save_at_the_end
from rlbreakout.training.recorder import COLUMNS, Recorder, append_row, read_evaluations
from rlbreakout.training.runs import new_run_folder
from rlbreakout.training.train import find_run
from tests.conftest import TWIN, TWIN_CONFIG, dqn_config, rlbreakout, sets, tiny_config, twin_config

SMALL: dict[str, Callable[..., Config]] = {"ppo": twin_config, "value": dqn_config}
"""The config of a small training of each algorithm."""
NO_EVALUATIONS = ("evaluation.every=0", "run.checkpoint_every=0")


@pytest.fixture(scope="module")
def value_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a finished small training of the value-based agent."""
    return train(dqn_config(), tmp_path_factory.mktemp("runs") / "value", progress_bar=False)


@pytest.fixture(params=SMALL)
def run(request: pytest.FixtureRequest) -> Path:
    """The run folder of a finished small training, of each algorithm."""
    return request.getfixturevalue("tiny_run" if request.param == "ppo" else "value_run")


def small(run: Path, *overrides: str) -> Config:
    """The config of `run` with `overrides`."""
    return SMALL[load_config(run / "config.yaml").algorithm](*overrides)


class Killed(Exception):
    """What nobody handles."""


def kill() -> None:
    raise Killed


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, Callable[[], None]], None]]:
    """Call a function once, as soon as a training has made so many agent steps."""
    after_step = Recorder.after_step

    def call(steps: int, function: Callable[[], None]) -> None:
        left = [function]

        def after(self: Recorder, now: int) -> bool:
            if now >= steps and left:
                left.pop()()
            return after_step(self, now)

        monkeypatch.setattr(Recorder, "after_step", after)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let it be ignored
    yield call
    signal.signal(signal.SIGINT, handler)


def weights(run: Path) -> bytes:
    return (run / "last" / "policy.safetensors").read_bytes()


# What a run folder holds.


def test_a_run_folder_holds_what_it_should(run: Path) -> None:
    config = load_config(run / "config.yaml")
    assert config.run.versions == installed_versions()
    assert trained_steps(run / "last") == config.steps
    assert load_agent(run / "best") and load_agent(run / "last")
    every = config.run.checkpoint_every
    kept = [f"{steps:09d}" for steps in range(every, config.steps + 1, every)]
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == kept
    for tag in ("eval_twin/mean", "time/fps", "train/loss"):
        steps = read_scalar(run, tag).x
        assert (np.diff(steps) > 0).all() and steps[-1] <= config.steps
    assert list(run.glob("*.monitor.csv")) and (run / "agent.gif").is_file()


def test_tensorboard_has_the_numbers_of_evaluations_csv(run: Path) -> None:
    rows = read_evaluations(run)
    for column in ("mean", "median", "lower_quartile", "stalled"):
        curve = read_scalar(run, f"eval_twin/{column}")
        assert curve.x.tolist() == [int(row["steps"]) for row in rows]
        assert curve.y == pytest.approx([float(row[column]) for row in rows], rel=1e-3)


def test_a_metric_of_ones_own_is_shown_in_tensorboard(tmp_path: Path) -> None:
    config = twin_config(*NO_EVALUATIONS, "steps=128")
    metric = MetricCallback("custom/steps", lambda actions, infos: float(len(actions) + len(infos)))
    nothing = MetricCallback("custom/nothing", lambda actions, infos: None)
    learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, [metric, nothing], progress_bar=False)
    curve = read_scalar(tmp_path, "custom/steps")
    assert curve.y.tolist() == [8.0, 8.0] and curve.x.tolist() == [64, 128]
    with pytest.raises(UserError, match="no scalar 'custom/nothing'"):
        read_scalar(tmp_path, "custom/nothing")


def test_a_training_ends_when_it_is_not_worth_going_on_with(tmp_path: Path) -> None:
    config = twin_config("run.checkpoint_every=0", "evaluation.every=64")
    model = build_algorithm(config, make_vec_env(config))
    recorder = learn(model, config, tmp_path, go_on=lambda steps, result: steps < 128, progress_bar=False)
    assert len(recorder.results) == 2 == len(read_evaluations(tmp_path))
    assert trained_steps(tmp_path / "last") == 64  # it did not learn from the rollout that it did not finish


def test_the_film_shows_the_best_model(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    shutil.rmtree(run / "last")
    assert record_best(run, seconds=1) == run / "agent.gif"
    with Image.open(run / "agent.gif") as gif:
        assert getattr(gif, "n_frames", 1) > 5


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


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="'cuda' is not available on this machine; allowed: auto, cpu"):
        train(twin_config("run.device=cuda"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# The same again.


def test_the_same_seed_twice_gives_the_same_weights_byte_for_byte(run: Path, tmp_path: Path) -> None:
    again = train(small(run), tmp_path / "again", progress_bar=False)
    assert (again / "evaluations.csv").read_bytes() == (run / "evaluations.csv").read_bytes()
    assert weights(again) == weights(run)
    other = train(small(run, "seed=5"), tmp_path / "other", progress_bar=False)
    assert weights(other) != weights(run)


def test_the_same_seed_twice_gives_the_same_weights_in_the_emulator(tmp_path: Path) -> None:
    short = ("steps=32", "ppo.n_steps=16", "ppo.batch_size=32", *NO_EVALUATIONS)
    one, again, other = (
        weights(train(tiny_config(*short, f"seed={seed}"), tmp_path / "run", progress_bar=False)) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_evaluation_does_not_change_the_training(run: Path, tmp_path: Path) -> None:
    without = train(small(run, "evaluation.every=0"), tmp_path / "without", progress_bar=False)
    assert weights(run) == weights(without)


# Threads.


@pytest.mark.parametrize(("settings", "threads"), [((), 1), (("run.threads=2",), 2)])
def test_small_networks_learn_with_one_thread_unless_told_otherwise(
    settings: tuple[str, ...], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = twin_config("steps=64", *NO_EVALUATIONS, *settings)
    model = build_algorithm(config, make_vec_env(config))
    learning, update = set(), model.train
    monkeypatch.setattr(model, "train", lambda: (learning.add(torch.get_num_threads()), update()))
    torch.set_num_threads(2)
    try:
        learn(model, config, tmp_path, progress_bar=False)
        assert (learning, torch.get_num_threads()) == ({threads}, 2)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("algorithm", SMALL)
def test_torch_has_its_threads_again_after_an_interruption(algorithm: str, tmp_path: Path, at_step: Callable) -> None:
    at_step(64, ctrl_c)
    torch.set_num_threads(2)
    try:
        with pytest.raises(SystemExit):
            train(SMALL[algorithm]("run.threads=1", *NO_EVALUATIONS), tmp_path / "run", progress_bar=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


# Ctrl-C, kill -9, and going on.


@pytest.mark.parametrize("algorithm", SMALL)
def test_ctrl_c_saves_says_how_to_resume_and_exits_with_130(algorithm: str, tmp_path: Path, at_step: Callable) -> None:
    config, folder = SMALL[algorithm](), tmp_path / "run"
    dump_config(config, tmp_path / "small.yaml")
    at_step(150, ctrl_c)
    done = rlbreakout("train", tmp_path / "small.yaml", "--run-dir", folder)
    steps = trained_steps(folder / "last")
    assert done.returncode == 130 and 100 < steps < config.steps
    told = f"interrupted after {steps} of {config.steps} agent steps; saved {folder / 'last'}"
    assert told in done.stderr and "Traceback" not in done.stderr

    printed = next(line for line in done.stderr.splitlines() if "--resume" in line)
    resumed = rlbreakout(*printed.split("rlbreakout ")[1].split())
    assert resumed.returncode == 0, resumed.stderr
    assert trained_steps(folder / "last") >= config.steps
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["run"]


def test_a_request_to_end_is_taken_as_ctrl_c(tmp_path: Path, at_step: Callable) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    at_step(150, lambda: signal.raise_signal(signal.SIGTERM))
    done = rlbreakout("train", TWIN_CONFIG, *sets(*TWIN), "--run-dir", tmp_path / "run")
    signal.signal(signal.SIGTERM, handler)
    assert done.returncode == 130 and "--resume" in done.stderr
    assert 100 < trained_steps(tmp_path / "run" / "last") < 256


def test_a_second_ctrl_c_does_not_cut_off_the_saving(tmp_path: Path, at_step: Callable) -> None:
    saved: list[Path] = []

    def save(to: Path) -> None:
        ctrl_c()
        saved.append(to)

    with pytest.raises(SystemExit), save_at_the_end(save, lambda: 1, Config(), tmp_path):
        ctrl_c()
    assert saved == [tmp_path / "last"]
    with pytest.raises(KeyboardInterrupt):  # which counts again
        ctrl_c()


def test_an_interruption_of_what_nobody_resumes_stays_one(tmp_path: Path, at_step: Callable) -> None:
    at_step(64, ctrl_c)
    config = twin_config(*NO_EVALUATIONS)
    with pytest.raises(KeyboardInterrupt):
        learn(build_algorithm(config, make_vec_env(config)), config, tmp_path, progress_bar=False, resumable=False)
    assert trained_steps(tmp_path / "last") == 0  # it has not learned from these 64 steps yet


def test_an_interrupted_run_goes_on_with_the_same_schedules_and_the_same_curve(
    tmp_path: Path, at_step: Callable
) -> None:
    settings = ("steps=768", "env.n_envs=2", "ppo.n_steps=32", "evaluation.every=256", "run.checkpoint_every=0")
    config = twin_config(*settings, "ppo.learning_rate=lin_1e-3", "ppo.clip_range=lin_0.2")
    whole, folder = train(config, tmp_path / "whole", progress_bar=False), tmp_path / "cut"
    at_step(448, ctrl_c)
    with pytest.raises(SystemExit) as stop:
        train(config, folder, progress_bar=False)
    assert stop.value.code == 130 and trained_steps(folder / "last") == 384  # those of the last update
    assert train(config, folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") == 768
    for tag in ("train/learning_rate", "train/clip_range"):
        resumed, uninterrupted = (dict(zip(*read_scalar(one, tag), strict=True)) for one in (folder, whole))
        assert {576, 768} <= set(resumed) and set(resumed) <= set(uninterrupted)
        assert all(value == pytest.approx(uninterrupted[step]) for step, value in resumed.items())
    assert [row["steps"] for row in read_evaluations(folder)] == ["256", "512", "768"]
    assert read_scalar(folder, "eval_twin/mean").x.tolist() == [256, 512, 768]
    assert (np.diff(read_scalar(folder, "time/fps").x) > 0).all()
    assert sorted(path.name for path in folder.glob("*.csv")) == [
        "evaluations.csv", "twin.001.monitor.csv", "twin.monitor.csv",
    ]  # fmt: skip
    assert len(read_games(folder).scores) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


@pytest.mark.parametrize("algorithm", SMALL)
@pytest.mark.parametrize("when", ["last step", "last evaluation", "film"])
def test_a_run_that_was_stopped_with_all_its_steps_is_finished(
    algorithm: str, when: str, tmp_path: Path, at_step: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = SMALL[algorithm](), tmp_path / "run"
    if when == "last step":
        at_step(config.steps, ctrl_c)
    else:
        place = (Recorder, "finish") if when == "last evaluation" else (sys.modules[train.__module__], "record_best")
        monkeypatch.setattr(*place, lambda *_: ctrl_c())
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        train(config, folder, progress_bar=False)
    monkeypatch.undo()
    assert train(config, folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") >= config.steps and (folder / "agent.gif").is_file()
    evaluated = [int(row["steps"]) for row in read_evaluations(folder)]
    assert evaluated == sorted(set(evaluated)) and evaluated[-1] == trained_steps(folder / "last")
    with pytest.raises(UserError, match=r"agent steps already; to go on: --set steps=NUMBER"):
        train(config, folder, resume=True, progress_bar=False)


def test_it_is_said_if_more_steps_make_a_schedule_jump_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("evaluation.every=0", "ppo.learning_rate=lin_1e-3")
    folder = train(twin_config(*settings), tmp_path / "run", progress_bar=False)
    assert "lin_" not in capsys.readouterr().err
    train(twin_config(*settings, "steps=512"), folder, resume=True, progress_bar=False)
    told = "with 512 of them instead of 256 it goes on at 0.0005, not at 0"
    assert f"ppo.learning_rate is lin_1e-3, which falls to 0 at the last agent step: {told}" in capsys.readouterr().err


def test_a_killed_run_goes_on_from_its_last_checkpoint_with_one_curve(run: Path, tmp_path: Path) -> None:
    # What SIGKILL at the end leaves when the last checkpoint is the first: later curves and later evaluations.
    folder, config = Path(shutil.copytree(run, tmp_path / "run")), small(run)
    first = min((folder / "checkpoints").iterdir())
    shutil.rmtree(folder / "last")
    shutil.copytree(first, folder / "last")
    evaluated = [int(row["steps"]) for row in read_evaluations(run)]
    more = config.steps + config.evaluation.every
    train(small(run, f"steps={more}"), folder, resume=True, progress_bar=False)
    now = [int(row["steps"]) for row in read_evaluations(folder)]
    assert now == sorted(set(now)) and now[-1] == more and set(evaluated) - {config.steps} <= set(now)
    assert read_scalar(folder, "eval_twin/mean").x.tolist() == now
    assert (np.diff(read_scalar(folder, "time/fps").x) > 0).all()


@pytest.mark.parametrize("algorithm", SMALL)
def test_a_training_can_be_resumed_from_its_first_step_on(algorithm: str, tmp_path: Path, at_step: Callable) -> None:
    at_step(1, kill)
    config, folder = SMALL[algorithm]("evaluation.every=0"), tmp_path / "run"
    with pytest.raises(Killed):
        train(config, folder, progress_bar=False)
    assert trained_steps(folder / "last") == 0
    train(config, folder, resume=True, progress_bar=False)
    assert trained_steps(folder / "last") == config.steps


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    policy: Any = load_agent(folder).player
    return getattr(policy, "policy", policy).state_dict()


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return any(not torch.allclose(one[name], other[name], rtol=0, atol=1e-9) for name in one)


@pytest.mark.parametrize("rate", ["ppo.learning_rate", "value.optimizer.learning_rate"])
def test_a_warm_start_has_the_weights_of_a_model_and_everything_else_of_its_config(
    rate: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run = request.getfixturevalue("tiny_run" if rate.startswith("ppo") else "value_run")
    still = small(run, "seed=5", f"{rate}=1e-30", "steps=300", *NO_EVALUATIONS)  # too small to change a weight
    folder = train(still, tmp_path / "still", init_from=run, progress_bar=False)
    assert not differ(weights_of(folder), weights_of(run / "best"))
    assert still.steps <= trained_steps(folder / "last") < still.steps + 64
    assert load_config(folder / "config.yaml").seed == 5
    origin = yaml.safe_load((folder / "init_from.yaml").read_text())
    assert origin == {"model": str(run / "best"), "steps": trained_steps(run / "best")}
    learned = train(small(run, "seed=5", *NO_EVALUATIONS), tmp_path / "run", init_from=run, progress_bar=False)
    assert differ(weights_of(learned), weights_of(run / "best"))


def test_a_warm_start_that_was_stopped_before_it_had_a_model_begins_with_the_same_weights(
    tiny_run: Path, tmp_path: Path, at_step: Callable
) -> None:
    config, folder = twin_config("ppo.learning_rate=1e-30", *NO_EVALUATIONS), tmp_path / "run"
    at_step(1, kill)
    with pytest.raises(Killed):
        train(config, folder, init_from=tiny_run / "last", progress_bar=False)
    train(config, folder, resume=True, progress_bar=False)
    assert not differ(weights_of(folder), weights_of(tiny_run / "last"))


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("network.net_arch=[32]", r"its network\.net_arch is \[16\], the config's is \[32\]"),
        ("network.net_arch=[16, 16]", r"its network\.net_arch is \[16\]"),
        ("network.activation=tanh", "its network.activation is relu, the config's is tanh"),
        ("observation.frame_stack=2", r"observations of shape \(\d+,\), the config gives \(\d+,\)"),
        ("observation.blocks=[now]", r"its observation\.blocks is \['now', 'arrival', 'choices'\]"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_what_differs_is_named(
    override: str, match: str, tiny_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=match):
        train(twin_config(override), tmp_path / "run", init_from=tiny_run)
    assert not (tmp_path / "run").exists()


def test_another_algorithm_and_another_q_network_are_refused(tiny_run: Path, value_run: Path) -> None:
    for config, run, match in (
        (dqn_config(), tiny_run, "its algorithm is ppo, the config's is value"),
        (dqn_config("value.network.hidden=[8]"), value_run, r"its value\.network\.hidden is \[16\]"),
    ):
        with pytest.raises(UserError, match=match):
            train(config, init_from=run)


@pytest.mark.parametrize("left", [(), ("config.yaml",), ("config.yaml", "events", "evaluations.csv")])
def test_a_run_that_was_stopped_before_it_had_a_model_begins_anew(left: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    config = twin_config("run.checkpoint_every=0")
    if "config.yaml" in left:
        dump_config(config, folder / "config.yaml")
        with pytest.raises(UserError, match="seed is 0 in the run and 7 in the config"):
            train(twin_config("run.checkpoint_every=0", "seed=7"), folder, resume=True)
    if "events" in left:
        with SummaryWriter(str(folder)) as writer:
            writer.add_scalar("eval_twin/mean", 77.0, 128)
            writer.add_scalar("eval_twin/mean", 78.0, 200)
        for steps, mean in ((128, 77.0), (200, 78.0)):
            known = {"steps": steps, "mean": mean}
            append_row(folder / "evaluations.csv", COLUMNS, [known.get(column, 0) for column in COLUMNS])
    assert train(config, folder, resume=True, progress_bar=False) == folder
    assert trained_steps(folder / "last") == 256
    assert [row["steps"] for row in read_evaluations(folder)] == ["128", "256"]
    curve = read_scalar(folder, "eval_twin/mean")
    assert curve.x.tolist() == [128, 256] and curve.y.max() < 77


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("ppo.gamma=0.5", r"ppo\.gamma is 0\.995 in the run and 0\.5 in the config"),
        ("seed=1", "seed is 0 in the run and 1"),
        ("observation.blocks=[now]", r"observations of shape \(\d+,\), the config gives \(\d+,\)"),
        ("steps=256", "has 256 of 256 agent steps already"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(
    override: str, match: str, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ale_py.env.AtariEnv.__init__", kill)  # no game is started to find out
    before = (tiny_run / "config.yaml").read_bytes()
    with pytest.raises(UserError, match=match):
        train(twin_config(override), tiny_run, resume=True, progress_bar=False)
    assert (tiny_run / "config.yaml").read_bytes() == before


def test_what_does_not_change_what_is_learned_may_change(tiny_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    changed = ("steps=320", "run.checkpoint_every=0", "run.name=other", "evaluation.every=0")
    train(twin_config(*changed), folder, resume=True, progress_bar=False)
    assert trained_steps(folder / "last") == 320 and load_config(folder / "config.yaml").run.name == "other"


def test_resuming_finds_the_newest_run_of_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="cannot be resumed"):
        find_run(tiny_config(), None)
    for name in ("2.3_zoo", "2.3_zoo-2", "2.3_zoo-10", "2.3_zoo-x"):
        (tmp_path / "runs" / "2_baselines" / name / "last").mkdir(parents=True)
        (tmp_path / "runs" / "2_baselines" / name / "last" / "model.yaml").touch()
    assert find_run(tiny_config(), None).name == "2.3_zoo-10"


# Lessons that train many agents.


def test_a_finished_run_is_left_alone_and_an_interrupted_one_goes_on(tmp_path: Path, at_step: Callable) -> None:
    config, folder = twin_config("evaluation.every=0"), tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)  # stopped before its first model
    at_step(192, kill)
    with pytest.raises(Killed):
        train_or_continue(config, folder, progress_bar=False)
    assert trained_steps(folder / "last") == 64  # of the last update before the checkpoint at 128
    train_or_continue(config, folder, progress_bar=False)
    assert trained_steps(folder / "last") == 256 and len(list(tmp_path.iterdir())) == 1
    before = (folder / "last" / "model.yaml").stat().st_mtime_ns
    assert train_or_continue(config, folder, progress_bar=False) == folder
    assert (folder / "last" / "model.yaml").stat().st_mtime_ns == before


def test_a_finished_run_of_another_config_is_refused(tiny_run: Path) -> None:
    with pytest.raises(UserError, match=r"ppo\.gamma is 0\.995 in the run and 0\.5 in the config"):
        train_or_continue(twin_config("ppo.gamma=0.5"), tiny_run)
