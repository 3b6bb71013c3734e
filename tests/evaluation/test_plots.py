"""Curves from what a run folder holds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from rlbreakout.common.errors import UserError
from rlbreakout.evaluation.plots import (
    Curve,
    by_the_clock,
    draw_curves,
    read_games,
    read_scalar,
    running_mean,
    score_curve,
)

HEADER = '#{"t_start": 1.0, "env_id": "BreakoutNoFrameskip-v4"}\nr,l,t\n'


def test_games_of_all_environments_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    (tmp_path / "0.monitor.csv").write_text(HEADER + "1.0,100,9.0\n2.0,100,9.9\n")
    (tmp_path / "1.monitor.csv").write_text(HEADER + "5.0,150,0.1\n")
    games = read_games(tmp_path)
    assert games.scores.tolist() == [1.0, 5.0, 2.0] and games.lengths.tolist() == [100, 150, 100]
    assert score_curve(tmp_path, window=2).y.tolist() == [1.0, 3.0, 3.5]


def test_running_mean() -> None:
    assert running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]
    assert running_mean(np.array([]), 5).tolist() == []


def test_what_is_not_there_is_named(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \*\.monitor\.csv"):
        read_games(tmp_path)
    with pytest.raises(UserError, match=r"no scalar 'x'; it has: eval_twin/lower_quartile, eval_twin/mean"):
        read_scalar(tiny_run, "x")


def test_a_curve_by_the_clock_goes_on_to_the_minutes_of_the_training(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step, speed in ((6_000, 100.0), (12_000, 50.0)):  # after one minute, and after four
            writer.add_scalar("time/fps", speed, step)
    curve = by_the_clock(Curve(np.array([6_000, 9_000, 12_000]), np.array([1.0, 2.0, 3.0])), tmp_path)
    assert curve.x.tolist() == [1.0, 2.5, 4.0] and curve.y.tolist() == [1.0, 2.0, 3.0]


def test_a_picture_shows_its_curves(tmp_path: Path) -> None:
    curves = {"a": Curve(np.arange(5), np.arange(5)), "one point": Curve(np.array([2]), np.array([3]))}
    empty = draw_curves({"a": Curve(np.array([]), np.array([]))}, tmp_path / "empty.png", title="t")
    full = draw_curves(curves, tmp_path / "new" / "full.png", title="t", dashed=("a",))
    coloured = [
        int((np.ptp(np.asarray(Image.open(path).convert("RGB")).astype(int), axis=-1) > 50).sum())
        for path in (empty, full)
    ]
    assert coloured[0] < 50 < coloured[1]
