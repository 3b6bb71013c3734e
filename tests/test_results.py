"""The READMEs say what was measured, and what was measured can be read."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from torch.utils.tensorboard import SummaryWriter

from results import draw
from results.keep import kept
from results.markdown import NOT_YET, Across, bold, plays, score, stalled, table
from results.measure import merged
from results.schema import RESULTS, Evaluation, Lesson, Row, load, machine, save
from results.tables import TABLES, seconds_of
from rlbreakout.common.errors import UserError
from tests.conftest import ROOT, SCRIPTS

OF_ANOTHER_FORM = ("long_run", "bench")
LESSONS = [path.stem for path in sorted(RESULTS.glob("[0-9]*.json")) if path.stem not in OF_ANOTHER_FORM]
HOW = {"env_id": "ALE/Breakout-v5", "games": 2, "seed": 0, "greedy": False}


@pytest.mark.parametrize("readme", draw.READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_drawn_from_the_results(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    assert draw.with_tables(text) == text, "python results/draw.py"


def test_every_table_stands_in_a_readme() -> None:
    text = "".join(readme.read_text(encoding="utf-8") for readme in draw.READMES)
    for name in TABLES:
        assert f"<!-- {name} -->\n| " in text or f"<!-- {name} -->\n{NOT_YET}" in text, name


def test_check_finds_a_table_that_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- luck -->\n| an old table |\n<!-- end of luck -->\nafter\n")
    monkeypatch.setattr(draw, "READMES", (readme,))
    monkeypatch.setattr(draw, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["draw.py", "--check"])
    with pytest.raises(SystemExit) as end:
        draw.main()
    assert end.value.code == 1 and "README.md" in capsys.readouterr().out
    readme.write_text(draw.with_tables(readme.read_text()))
    assert "seed 1" in readme.read_text() and readme.read_text().endswith("<!-- end of luck -->\nafter\n")
    with pytest.raises(SystemExit) as end:
        draw.main()
    assert end.value.code == 0


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_is_kept_in_the_form_of_the_schema(name: str, tmp_path: Path) -> None:
    lesson = load(name)
    assert lesson.lesson == name
    assert sum(one.shown for row in lesson.rows for one in row.evaluations) <= 1
    assert {row.run for row in lesson.rows if lesson.curves and row.run} <= set(lesson.curves)
    assert save(lesson, tmp_path).read_text() == (RESULTS / f"{name}.json").read_text(), "written by hand"


def test_a_key_that_is_not_in_the_schema_is_refused(tmp_path: Path) -> None:
    data = json.loads((RESULTS / "1.1_gym.json").read_text())
    data["rows"][0]["evaluations"][0]["stuck"] = 0
    (tmp_path / "1.1_gym.json").write_text(json.dumps(data))
    with pytest.raises(ValidationError, match="stuck"):
        load("1.1_gym", tmp_path)


def made_up() -> Lesson:
    """Agent a with two seeds, agent b with one."""
    rows = [
        Row(agent=agent, seed=seed, evaluations=[Evaluation(score=mean, scores=[mean, mean], stalled=stuck, **HOW)])
        for agent, seed, mean, stuck in (("a", 0, 1.0, 0), ("a", 1, 3.0, 1), ("b", 0, 5.0, 0))
    ]
    return Lesson(lesson="made up", command="", rows=rows, **machine())


def test_a_table_has_a_line_for_each_group_and_a_column_for_each_seed() -> None:
    found = plays(made_up(), names={"made up": {"a": "the first"}})
    cells = {"seed {}": Across("{row.seed}", score), "all": bold, "stalled": stalled}
    assert table(found, {"agent": "{agent}", "where": "{evaluation.env_id}"}, cells).splitlines() == [
        "| agent | where | seed 0 | seed 1 | all | stalled |",
        "| --- | --- | --- | --- | --- | --- |",
        "| the first | `ALE/Breakout-v5` | 1.0 [1.0, 1.0] | 3.0 [3.0, 3.0], 1 stalled "
        "| **2.0 [1.0, 3.0], 1 stalled** | 1 |",
        "| b | `ALE/Breakout-v5` | 5.0 [5.0, 5.0] |  | **5.0 [5.0, 5.0]** | 0 |",
    ]


def test_a_score_of_the_twin_is_always_called_so() -> None:
    lesson = made_up()
    lesson.rows[0].evaluations[0].env = "twin"
    drawn = table(plays(lesson), {"": "{agent} {row.seed}, {actions}"}, {"mean": score}).splitlines()
    assert drawn[2] == "| a 0, sampled, twin | 1.0 [1.0, 1.0] in the twin |" and "twin" not in drawn[3]


def run_folder(folder: Path, seed: int) -> None:
    """A training of 100 agent steps that took a minute."""
    with SummaryWriter(str(folder)) as writer:
        writer.add_scalar("rollout/ep_rew_mean", 4.0, 100)
        writer.add_scalar("time/fps", 100 / 60, 100)
    (folder / "config.yaml").write_text(f"seed: {seed}\n")


def facts(score: float) -> dict:
    return {"score": score, "ci95": [score, score], "stalled": 0, **HOW}


def test_keep_finds_the_run_of_every_score(tmp_path: Path) -> None:
    for seed in (9, 10):
        run_folder(tmp_path / f"late_start_{seed}", seed)
    run_folder(tmp_path / "fresh_3", 3)
    played = {"mean": 7.0, "ci95": [7.0, 7.0], "scores": [6.0, 8.0], "median": 7.0, "new_key": 1, **HOW}
    (tmp_path / "late_start_10" / "evaluation_100_steps.json").write_text(json.dumps(played))
    results = {"late start": [facts(5.0), facts(7.0)], "fresh": [facts(2.0)]}
    found = {**facts(7.0), "best": "late start", "results": results, "files": ["x.png"]}
    (tmp_path / "lesson.json").write_text(json.dumps(found))
    lesson = kept(tmp_path, "6.9_made_up", command="", **machine())
    assert [(row.agent, row.run, row.seed, row.steps, row.minutes) for row in lesson.rows] == [
        ("late start", "late_start_9", 9, 100, 1.0),
        ("late start", "late_start_10", 10, 100, 1.0),
        ("fresh", "fresh_3", 3, 100, 1.0),
    ]
    assert lesson.rows[1].evaluations == [Evaluation(**facts(7.0), scores=[6.0, 8.0], median=7.0, shown=True)]
    assert lesson.facts == {"best": "late start"}
    assert lesson.curves["fresh_3"]["rollout/ep_rew_mean"].values == [4.0]


def test_keep_takes_kinds_of_games_of_one_agent_or_of_several(tmp_path: Path) -> None:
    run_folder(tmp_path / "one" / "seed_0", 0)
    games = {"as trained": facts(3.0), "sticky 0.5": facts(2.0)}
    (tmp_path / "one" / "lesson.json").write_text(json.dumps({**facts(3.0), "results": games, "twin": facts(4.0)}))
    (row,) = kept(tmp_path / "one", "one", command="", **machine()).rows
    assert [(one.game, one.score, one.shown) for one in row.evaluations] == [
        ("as trained", 3.0, True),
        ("sticky 0.5", 2.0, False),
        ("twin", 4.0, False),
    ]
    assert (row.agent, row.run) == ("one", "seed_0")
    for name in ("ALE_Breakout-v5", "Breakout-v4"):
        run_folder(tmp_path / "two" / name, 0)
    matrix = {agent: games for agent in ("ALE/Breakout-v5", "Breakout-v4", "nobody")}
    (tmp_path / "two" / "lesson.json").write_text(json.dumps({"score": None, "table": matrix}))
    rows = kept(tmp_path / "two", "two", command="", **machine()).rows
    assert [row.run for row in rows] == ["ALE_Breakout-v5", "Breakout-v4", None]
    assert all([one.game for one in row.evaluations] == list(games) for row in rows)


def test_keep_refuses_to_guess_which_seed_a_score_is_of(tmp_path: Path) -> None:
    for seed in (0, 1):
        run_folder(tmp_path / f"late_{seed}", seed)
    (tmp_path / "lesson.json").write_text(json.dumps({**facts(5.0), "results": {"late": [facts(5.0)]}}))
    with pytest.raises(UserError, match="late_0, late_1"):
        kept(tmp_path, "6.9_made_up", command="", **machine())


def test_adding_keeps_other_agents_and_games_and_replaces_the_same() -> None:
    new = made_up()
    new.rows = new.rows[:1]
    new.rows[0].evaluations = [
        Evaluation(score=9.0, shown=True, **HOW),
        Evaluation(score=8.0, game="sticky 0.5", **HOW),
    ]
    before = made_up()
    before.rows[2].evaluations[0].shown = True
    rows = merged(before, new).rows
    assert [[(one.game, one.score, one.shown) for one in row.evaluations] for row in rows] == [
        [("", 9.0, True), ("sticky 0.5", 8.0, False)],
        [("", 3.0, False)],
        [("", 5.0, False)],
    ]


def test_every_promise_names_tests_that_are_there() -> None:
    text = (ROOT / "TRUST.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) > 30
    for file, test in named:
        (found,) = (ROOT / "tests").rglob(file.rpartition("/")[2])
        assert f"def {test}" in found.read_text(encoding="utf-8"), f"{file}::{test}"
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| promise"))]
    assert rows and all(re.search(r"`(?:\w+/)?test_\w+\.py", row) for row in rows)


IN_WORDS = {"half a minute": (20, 40), "a quarter of a minute": (10, 20), "a few minutes": (120, 300)}


@pytest.mark.parametrize("name", [name for name in LESSONS if name in SCRIPTS and seconds_of(load(name))])
def test_a_script_says_how_long_its_defaults_take(name: str) -> None:
    said = re.search(
        r"^Time: (?:about )?(?:(\d+)(?: to (\d+))? (second|minute)s|([a-z ]+ minutes?))",
        SCRIPTS[name].read_text(),
        re.M,
    )
    assert said is not None
    if said[4]:
        least, most = IN_WORDS[said[4]]
    else:
        least, most = (int(number or said[1]) * {"second": 1, "minute": 60}[said[3]] for number in said.groups()[:2])
    assert least / 1.5 <= seconds_of(load(name)) <= 1.5 * most


@pytest.mark.parametrize(
    "readme", [*draw.READMES, ROOT / "results" / "README.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(readme: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", readme.read_text(encoding="utf-8")):
        assert (readme.parent / link).exists(), link
