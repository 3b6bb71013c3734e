"""What only trainings of the value-based agent do: metrics, memories of games, a loss that is no number."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from rlbreakout.agents import load_agent
from rlbreakout.agents.save_load import read_counters, trained_steps
from rlbreakout.agents.value import ValueAgent
from rlbreakout.agents.value.agent import Learned
from rlbreakout.common.errors import UserError
from rlbreakout.config import Config, load_config
from rlbreakout.evaluation.plots import read_games, read_scalar
from rlbreakout.training import train
from rlbreakout.training.divergence import Diverged
from tests.conftest import DQN, dqn_config, rlbreakout

PUBLISHED = (*DQN[:4], "evaluation.every=0", "value.start_training=1", "value.train_every=1", "value.batch_size=2")
"""For lesson 5.1, whose memory holds whole games."""


def games_config(*overrides: str) -> Config:
    return load_config("5.1_value_agent", [*PUBLISHED, "value.remember_fraction=1", *overrides])


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small training."""
    config = dqn_config("evaluation.every=0")
    return train(config, tmp_path_factory.mktemp("runs") / "dqn", progress_bar=False)


def test_metrics_say_what_tensorboard_says(run: Path) -> None:
    (row,) = metrics(run)
    assert row["steps"] == "600" and int(row["updates"]) > 0 and float(row["loss"]) >= 0
    assert int(row["games"]) == len(read_games(run).scores) > 0
    assert float(row["score"]) == pytest.approx(read_games(run).scores.mean(), rel=1e-3)
    for name, tag in (
        ("epsilon", "train/epsilon"),
        ("loss", "train/loss"),
        ("q", "train/q"),
        ("games", "rollout/games"),
    ):
        curve = read_scalar(run, tag)
        assert curve.x.tolist() == [600] and curve.y[0] == pytest.approx(float(row[name]), rel=1e-3)


def test_it_can_be_evaluated_like_every_agent(run: Path) -> None:
    done = rlbreakout("evaluate", run, "--games", "1", "--env", "twin", "--env-id", "BreakoutNoFrameskip-v4")
    assert done.returncode == 0 and "on twin of BreakoutNoFrameskip-v4, 1 games from seed 0, sampled" in done.stdout


def test_it_is_trained_and_its_target_copied_as_often_as_the_config_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []
    monkeypatch.setattr(ValueAgent, "reset_target", lambda self: copies.append(getattr(self, "num_timesteps", 0)))
    folder = train(dqn_config("value.train_every=3", "evaluation.every=0"), tmp_path / "run", progress_bar=False)
    # From agent step 100 on, every multiple of 3; two steps at a time.
    assert metrics(folder)[-1]["updates"] == str(600 // 3 - 98 // 3)
    assert [steps for steps in copies if steps] == [100, 200, 300, 400, 500, 600]


def test_a_resumed_run_goes_on_counting_and_exploring_where_it_was(run: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(run, tmp_path / "run"))
    train(dqn_config("steps=1000", "evaluation.every=0"), again, resume=True, progress_bar=False)
    before, after = metrics(again)
    assert (before["steps"], after["steps"]) == ("600", "1000")
    assert int(after["games"]) >= int(before["games"]) and int(after["updates"]) > int(before["updates"])
    assert float(after["epsilon"]) <= float(before["epsilon"])
    assert (
        read_counters(again / "last").items()
        >= {"games": int(after["games"]), "updates": int(after["updates"])}.items()
    )
    assert read_scalar(again, "train/epsilon").x.tolist() == [600, 1000]


def test_weights_of_another_network_are_not_resumed(run: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(run, tmp_path / "run"))
    for file in (again / "config.yaml", again / "last" / "config.yaml"):  # changed by hand
        data = yaml.safe_load(file.read_text())
        data["value"]["network"]["hidden"] = [8]
        file.write_text(yaml.safe_dump(data))
    other = DQN[2].replace("hidden: [16]", "hidden: [8]")
    with pytest.raises(UserError, match=r"hidden\.0\.weight has shape"):
        train(dqn_config(other, "steps=1000", "evaluation.every=0"), again, resume=True, progress_bar=False)
    assert trained_steps(again / "last") == 600


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = ValueAgent.learn
    monkeypatch.setattr(
        ValueAgent, "learn", lambda self: Learned(np.nan, 0.0) if self.num_timesteps >= 300 else learn(self)
    )
    folder = tmp_path / "run"
    with pytest.raises(Diverged, match=rf"loss is nan at agent step 3[0-3]\d.*{folder / 'last'}"):
        train(dqn_config("evaluation.every=0"), folder, progress_bar=False)
    assert trained_steps(folder / "last") == 200
    weights = load_agent(folder / "last").player.policy.state_dict()  # type: ignore[attr-defined]
    assert all(bool(part.isfinite().all()) for part in weights.values())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("value.network.kernels=[8, 30]", "convolution 2 has a kernel of 30x30"),
        ("value.memory_size=1e8", "100,000,000 transitions take 627,600 MB"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_command_before_training(
    setting: str, message: str, tmp_path: Path
) -> None:
    done = rlbreakout("train", "5.3_dqn", "--set", setting, "--run-dir", tmp_path / "run")
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_it_learns_from_whole_games_as_published(tmp_path: Path) -> None:
    folder = train(games_config(), tmp_path / "run", progress_bar=False)
    (row,) = metrics(folder)
    assert int(row["updates"]) == int(row["games"]) > 1 and float(row["loss"]) >= 0


def test_transitions_with_returns_are_learned_from_when_their_games_are_over(tmp_path: Path) -> None:
    settings = ("value.memory=transitions", "value.train_every=4", "value.start_training=8", "value.batch_size=8")
    folder = train(games_config(*settings), tmp_path / "run", progress_bar=False)
    assert 0 < int(metrics(folder)[-1]["updates"]) < (600 - 8) // 4
