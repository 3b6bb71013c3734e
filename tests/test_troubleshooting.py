"""lessons/TROUBLESHOOTING.md: its commands are allowed, its example runs, and its script trains and draws."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from results import troubleshooting
from rlbreakout.config import CONFIGS, load_config
from tests.conftest import ROOT

PAGE = ROOT / "lessons" / "TROUBLESHOOTING.md"
BROKEN = re.findall(r"\| `(--set [^`]+)` \|", PAGE.read_text(encoding="utf-8"))


def test_every_training_that_the_page_suggests_is_allowed() -> None:
    (healthy,) = re.findall(
        r"^rlbreakout train 3.4_coordinates (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(BROKEN) == 7
    for options in BROKEN:
        load_config(
            CONFIGS / "3.4_coordinates.yaml", [part for part in f"{healthy} {options}".split() if part != "--set"]
        )


def test_every_file_that_the_page_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text(encoding="utf-8"))
    assert links and [link for link in links if not (PAGE.parent / link).exists()] == []


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(code.replace("range(1_000)", "range(150)"), {})
    shape, rewards = capsys.readouterr().out.splitlines()
    assert shape == "(8, 84, 84, 4) uint8 from 0 to 148"
    assert rewards.startswith("rewards [0.0, 1.0]; ")


@pytest.mark.parametrize(
    ("make", "steps"), [(troubleshooting.ppo, "PPO_STEPS"), (troubleshooting.dqn, "DQN_STEPS")], ids=["ppo", "dqn"]
)
def test_a_training_keeps_its_curves(make, steps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubleshooting, steps, 8_192)
    curves = troubleshooting.trained(make, "healthy", 0)
    assert all(curve[-1] is not None and np.isfinite(curve[-1]) for curve in curves.values())


def test_a_picture_has_a_row_for_each_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubleshooting, "RESULTS", tmp_path)
    curve = [None, *range(1, troubleshooting.POINTS)]  # the score begins when a game has ended
    made_up = [dict.fromkeys(troubleshooting.DQN_TAGS, curve)] * 2
    heights = []
    for mistakes in (1, 2):
        runs = {"healthy": made_up, **{f"mistake {number}": made_up for number in range(mistakes)}}
        path = troubleshooting.draw({"dqn": runs}, "dqn", troubleshooting.DQN_TAGS, troubleshooting.DQN_STEPS)
        assert path == tmp_path / "troubleshooting_dqn.png"
        with Image.open(path) as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]
