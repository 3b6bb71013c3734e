"""Trainings of the value-based agent, short ones, on the real emulator."""

import csv
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rlbreakout.agents.save_load import load_agent, trained_steps
from rlbreakout.agents.value import ValueAgent
from rlbreakout.agents.value.agent import Learned
from rlbreakout.callbacks import read_evaluations
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, load_config
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training import value as training
from rlbreakout.training.train import train
from tests.conftest import ONE_THREAD, ROOT, rlbreakout

SMALL = (
    "steps=600",
    "env.n_envs=2",
    "checkpoint_every=200",
    "evaluation.every=400",
    "evaluation.games=2",
    "value.network.hidden=[16]",
    "value.memory_size=1000",
)
DQN = (*SMALL, "value.start_training=100", "value.target_reset=100", "value.exploration.decay_steps=300")
GAMES = (*SMALL, "value.start_training=1", "value.train_every=1", "value.remember_fraction=1", "env.noop_max=0")


def small(name: str, *overrides: str) -> Config:
    base = DQN if name.startswith("5.3") else GAMES
    return load_config(ROOT / "configs" / f"{name}.yaml", [*base, *overrides])


@pytest.fixture(scope="module", params=["5.1_value_agent", "5.3_dqn"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = small(request.param)
    return train(config, tmp_path_factory.mktemp("runs") / request.param, progress_bar=False)


def test_the_same_seed_twice_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    first, again, other = (
        (folder / "last" / "policy.safetensors").read_bytes()
        for folder in (
            run,
            train(small(run.name), tmp_path / "again", progress_bar=False),
            train(small(run.name, "seed=5"), tmp_path / "other", progress_bar=False),
        )
    )
    assert first == again != other


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_folder_holds_what_it_should(run: Path) -> None:
    agent = load_agent(run / "last")
    assert isinstance(agent.player, ValueAgent) and trained_steps(run / "last") == 600
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["000000200", "000000400", "000000600"]
    assert [row["steps"] for row in read_evaluations(run)] == ["400", "600"]
    (row,) = metrics(run)
    assert row["steps"] == "600" and int(row["updates"]) > 0 and float(row["loss"]) >= 0
    assert float(row["epsilon"]) == pytest.approx(read_scalar(run, "train/epsilon").y[-1], rel=1e-3)
    assert int(row["games"]) == len(read_games(run).scores)
    for tag in ("train/loss", "train/q", "time/fps", "eval/mean"):
        assert read_scalar(run, tag).x[-1] == 600
    with Image.open(run / "agent.gif") as gif:
        assert getattr(gif, "n_frames", 1) > 10


def test_it_can_be_evaluated_like_every_agent(run: Path) -> None:
    done = rlbreakout("evaluate", run, "--games", "1", "--env-id", "ALE/Breakout-v5")
    assert done.returncode == 0 and "1 games from seed 0, sampled" in done.stdout


def test_a_checkpoint_is_due_after_so_many_seconds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self, env):
        raise KeyError("killed")  # which nobody handles

    assert training.CHECKPOINT_SECONDS == 300
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training.Training, "evaluate", killed)
    with pytest.raises(KeyError, match="killed"):
        train(small("5.3_dqn", "checkpoint_every=1e6"), tmp_path / "run", progress_bar=False)
    assert trained_steps(tmp_path / "run" / "last") == 398  # of two games, the step before the evaluation


def test_the_agent_is_trained_and_its_target_copied_as_often_as_the_config_says(tmp_path: Path, monkeypatch) -> None:
    copies: list[int] = []
    monkeypatch.setattr(ValueAgent, "reset_target", lambda self: copies.append(getattr(self, "num_timesteps", 0)))
    folder = train(small("5.3_dqn", "value.train_every=3", "evaluation.every=0"), tmp_path / "run", progress_bar=False)
    # From agent step 100 on, every multiple of 3; two steps at a time.
    assert metrics(folder)[-1]["updates"] == str(600 // 3 - 98 // 3)
    assert [steps for steps in copies if steps] == [100, 200, 300, 400, 500, 600]


def test_a_resumed_run_goes_on_where_it_was(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    name = load_config(run / "config.yaml").name
    train(small(name, "steps=1000"), again, resume=True, progress_bar=False)
    assert trained_steps(again / "last") == 1000
    assert [row["steps"] for row in metrics(again)] == ["600", "1000"]
    assert [row["steps"] for row in read_evaluations(again)] == ["400", "600", "800", "1000"]
    before, after = metrics(again)
    assert int(after["games"]) >= int(before["games"]) and int(after["updates"]) > int(before["updates"])
    assert float(after["epsilon"]) <= float(before["epsilon"])
    for tag in ("time/fps", "train/epsilon", "eval/mean"):
        assert (np.diff(read_scalar(again, tag).x) > 0).all()


def test_a_run_of_another_network_is_not_resumed(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    name = load_config(run / "config.yaml").name
    with pytest.raises(UserError, match=r"value.network.hidden is \[16\] in the run and \[8\] in the config"):
        train(small(name, "steps=1000", "value.network.hidden=[8]"), again, resume=True, progress_bar=False)
    # The config was changed by hand, the weights are others all the same.
    for file in (again / "config.yaml", again / "last" / "config.yaml"):
        data = yaml.safe_load(file.read_text())
        data["value"]["network"]["hidden"] = [8]
        file.write_text(yaml.safe_dump(data))
    with pytest.raises(UserError, match=r"no model of this policy: hidden\.0\.weight has shape"):
        train(small(name, "steps=1000", "value.network.hidden=[8]"), again, resume=True, progress_bar=False)
    assert trained_steps(again / "last") == 600


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch
) -> None:
    learn = ValueAgent.learn
    monkeypatch.setattr(
        ValueAgent, "learn", lambda self: Learned(np.nan, 0.0) if self.num_timesteps >= 300 else learn(self)
    )
    with pytest.raises(UserError, match=r"the loss is nan at agent step 30\d, so training stopped; the last .*last"):
        train(small("5.3_dqn"), tmp_path / "run", progress_bar=False)
    assert trained_steps(tmp_path / "run" / "last") == 200
    weights = load_agent(tmp_path / "run" / "last").player.policy.state_dict()  # type: ignore[attr-defined]
    assert all(bool(part.isfinite().all()) for part in weights.values())


def test_what_does_not_fit_is_refused_by_the_command_before_training(tmp_path: Path) -> None:
    for setting, message in (
        ("value.network.kernels=[8, 4, 30]", "convolution 3 has a kernel of 30x30"),
        ("value.memory_size=1e8", "100,000,000 transitions take 627,600 MB; allowed: 4,000 MB"),
    ):
        done = rlbreakout(
            "train", ROOT / "configs" / "5.3_dqn.yaml", "--set", setting, "--run-dir", tmp_path / "run", cwd=tmp_path
        )
        assert done.returncode == 2 and message in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_ctrl_c_saves_and_says_how_to_resume(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = [part for setting in (*DQN, "steps=1000000", "evaluation.every=0") for part in ("--set", setting)]
    command = [sys.executable, "-m", "rlbreakout.cli", "train", str(ROOT / "configs" / "5.3_dqn.yaml")]
    process = subprocess.Popen(
        [*command, *settings, "--run-dir", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        env=ONE_THREAD,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(folder / "checkpoints" / "000000200" / "model.yaml")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "--resume" in errors and "Traceback" not in errors
    assert trained_steps(folder / "last") >= 200


def wait_for(path: Path, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not made"
        time.sleep(0.1)


def test_transitions_with_returns_learn_from_finished_games_only(tmp_path: Path) -> None:
    settings = (
        "value.memory=transitions",
        "value.train_every=4",
        "value.remember_fraction=1",
        "value.start_training=32",
    )
    config = small("5.1_value_agent", *settings, "steps=400", "evaluation.every=0", "value.batch_size=8")
    folder = train(config, tmp_path / "run", progress_bar=False)
    row = metrics(folder)[-1]
    assert 0 < int(row["updates"]) < 400 // 4


def test_due_counts_the_multiples_between() -> None:
    assert [training.due(7, 8, 8), training.due(8, 15, 8), training.due(0, 24, 8), training.due(3, 9, 0)] == [
        1,
        0,
        3,
        0,
    ]
