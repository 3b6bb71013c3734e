"""The agents that come with the package."""

import json
from pathlib import Path

import pytest

from rlbreakout.agents.save_load import PRETRAINED, trained_steps
from rlbreakout.config import CONFIGS, load_config
from tests.conftest import rlbreakout
from tests.lesson_runs import assert_moves

AGENTS = sorted(folder.name for folder in PRETRAINED.iterdir() if folder.is_dir())
MOST_BYTES = 5_000_000


def test_the_champion_is_here() -> None:
    assert "champion" in AGENTS


@pytest.mark.parametrize("name", AGENTS)
def test_it_is_small_and_holds_nothing_that_runs_code(name: str) -> None:
    files = {file.name: file.stat().st_size for file in (PRETRAINED / name).iterdir()}
    assert set(files) == {"policy.safetensors", "model.yaml", "config.yaml"}
    assert sum(files.values()) < MOST_BYTES


@pytest.mark.parametrize("name", AGENTS)
def test_it_was_trained_as_its_config_in_configs_says(name: str) -> None:
    (file,) = CONFIGS.glob(f"*_{name}.yaml")
    wanted, shipped = load_config(file), load_config(PRETRAINED / name / "config.yaml")
    apart = {"run", "seed", "evaluation"}
    assert shipped.model_dump(exclude=apart) == wanted.model_dump(exclude=apart)
    assert wanted.steps / 2 < trained_steps(PRETRAINED / name) <= wanted.steps + 20_000  # the best on the way


def test_the_champion_plays_and_is_shown_right_after_installation(tmp_path: Path) -> None:
    done = rlbreakout("evaluate", "champion", "--games", "1", "--env", "twin", "--json", tmp_path / "scores.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "scores.json").read_text())["scores"] == [864]
    shown = rlbreakout("gif", "champion", "--out", tmp_path / "champion.gif", "--seconds", "5")
    assert shown.returncode == 0, shown.stderr
    assert_moves(tmp_path / "champion.gif")
    points = int(shown.stdout.rpartition("points: ")[2])
    assert points > 0, shown.stdout
