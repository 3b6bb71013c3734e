"""The READMEs say what was measured."""

import json
import re
from pathlib import Path

import pytest

from results.draw import READMES, TABLES, with_tables
from tests.conftest import ROOT


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_drawn_from_the_results(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    assert with_tables(text) == text, "python results/draw.py"


def test_every_table_stands_in_a_readme() -> None:
    text = "".join(readme.read_text(encoding="utf-8") for readme in READMES)
    assert all(f"<!-- {name} -->\n| " in text for name in TABLES)


def test_every_promise_names_tests_that_are_there() -> None:
    text = (ROOT / "TRUST.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| promise"))]
    assert rows and all(re.search(r"`test_\w+\.py", row) for row in rows)


@pytest.mark.parametrize("readme", [*READMES, ROOT / "results" / "README.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(readme: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", readme.read_text(encoding="utf-8")):
        assert (readme.parent / link).exists(), link


def test_the_kept_reproduction_is_what_it_says() -> None:
    data = json.loads((ROOT / "results" / "2.3_reproduction.json").read_text())
    games = [(env["by_hand"], env["rl_zoo3"]) for env in data["environments"]]
    assert data["same"] is all(ours == theirs for ours, theirs in games)
    assert data["games"] == sum(len(ours["scores"]) for ours, _ in games)


def test_gifs_are_small_enough_to_be_looked_at() -> None:
    gifs = sorted((ROOT / "videos").glob("*.gif"))
    assert gifs and all(gif.stat().st_size <= 3_000_000 for gif in gifs)


def test_the_long_run_did_not_grow_and_did_not_slow_down() -> None:
    run = json.loads((ROOT / "results" / "long_run.json").read_text(encoding="utf-8"))
    assert run["steps"] >= 2_000_000 and len(run["most_megabytes"]) == len(run["steps_per_second"]) == 10
    assert run["most_megabytes"][-1] - run["most_megabytes"][1] < 50
    assert abs(run["steps_per_second"][-1] / run["steps_per_second"][1] - 1) < 0.1
