"""Draw the tables and pictures of the READMEs from the JSON files beside this script.

    python results/draw.py            rewrite them
    python results/draw.py --check    say whether the tables are up to date, exit status 1 if not

A table stands in a README between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.figures import (
    aimbot_geometry,
    clipped_objective,
    discounting,
    exploration,
    four_pictures,
    look_ahead,
    replay,
    rollouts,
    samplers,
    search_tree,
)
from results.figures_learning import actor_critic, advantage, agent_environment_loop, gae, what_it_sees, wrappers
from results.markdown import called
from results.schema import RESULTS, Points, Row, load
from results.tables import NAMES, TABLES
from rlbreakout.evaluation.plots import Curve, draw_bands, draw_curves

ROOT = RESULTS.parent
READMES = (ROOT / "README.md", *sorted((ROOT / "lessons").glob("*/README.md")))
MEAN = "rollout/ep_rew_mean"
"""Of training games: the mean of the last 100."""


@dataclass
class Options:
    check: bool = False
    """Change nothing; exit with status 1 if a README has another table than these results."""


def with_tables(text: str, tables: dict[str, Callable[[], str]] = TABLES) -> str:
    """`text` with every table in it drawn again."""

    def drawn(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{tables[found[1]]()}\n<!-- end of {found[1]} -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end of \1 -->", drawn, text, flags=re.DOTALL)


def curve(points: Points) -> Curve:
    return Curve(np.array(points.steps), np.array(points.values))


def training(*lessons: str, where: Callable[[Row], bool] = lambda row: True) -> dict[str, list[Curve]]:
    """The training games of each agent of these lessons, a curve for each seed."""
    curves: dict[str, list[Curve]] = {}
    for lesson in map(load, lessons):
        for row in lesson.rows:
            tags = lesson.curves.get(row.run or "", {})
            if MEAN in tags and where(row):  # a run in which no game has ended has no score
                curves.setdefault(called(lesson, row, NAMES)[0], []).append(curve(tags[MEAN]))
    return curves


def by_frames(lesson: str) -> dict[str, list[Curve]]:
    """The training games of agents whose steps have different lengths, against frames: all saw equally many."""
    frames = load(lesson).facts["frames"]
    return {
        agent: [Curve(one.x * frames / one.x[-1], one.y) for one in seeds] for agent, seeds in training(lesson).items()
    }


def draw(file: str, title: str, curves: dict[str, list[Curve]], dashed: tuple[str, ...] = (), **labels: str) -> Path:
    """A picture of the curves: one line for each name and a band for its seeds, or dashed lines on top."""
    path, labels = RESULTS / f"{file}.png", {"y_label": "training games, mean of the last 100 (points)", **labels}
    if dashed:
        single = {name: seeds[0] for name, seeds in curves.items()}
        return draw_curves(single, path, title=title, dashed=dashed, **labels)
    return draw_bands(curves, path, title=title, **labels)


def draw_pictures() -> Iterator[Path]:
    """All pictures of the READMEs that show kept curves."""
    yield agent_environment_loop()
    yield wrappers()
    yield what_it_sees()
    yield discounting()
    yield advantage()
    yield actor_critic()
    yield gae()
    yield rollouts()
    yield clipped_objective()
    yield aimbot_geometry()
    yield four_pictures()
    yield look_ahead()
    yield samplers()
    yield replay()
    yield exploration()
    yield draw("1.3_curve", "Lesson 1.3: PPO with SB3's defaults", training("1.3_train"))
    yield draw("2.3_curve", "Lesson 2.3: the zoo's PPO on BreakoutNoFrameskip-v4", training("2.3_zoo"))
    yield draw("3.3_curves", "Lesson 3.3: what the agent sees (band: seeds)", training("3.3_aimbot_training"))
    yield draw("3.3_five_seeds", "Lesson 3.3: what the agent sees (band: seeds)", training("3.3_five_seeds"))
    yield draw("3.4_curves", "Lesson 3.4: what the agent sees (band: seeds)", training("3.4_coordinates"))
    yield draw(
        "5.2_what_went_wrong_curves",
        "Lesson 5.2: one change at a time",
        by_frames("5.2_what_went_wrong"),
        dashed=("as published",),
        x_label="frames",
    )
    yield draw("5.3_dqn_curve", "Lesson 5.3: the fixed agent", training("5.3_dqn"))
    yield draw(
        "6.4_champion_training", "Lesson 6.4: the champion's training (twin)", training("6.4_champion_everywhere")
    )
    yield draw("7.5_pixels_curves", "Lesson 7.5: training games (twin)", training("7.5_pixels_everywhere"))
    yield search_tree()


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    texts = {readme: readme.read_text(encoding="utf-8") for readme in READMES}
    old = {readme: drawn for readme, text in texts.items() if (drawn := with_tables(text)) != text}
    if options.check:
        for readme in old:
            print(f"{readme.relative_to(ROOT)} does not say what results/ says: python results/draw.py")
        sys.exit(1 if old else 0)
    for readme, drawn in old.items():
        readme.write_text(drawn, encoding="utf-8")
    for picture in draw_pictures():
        print(picture.relative_to(ROOT))


if __name__ == "__main__":
    main()
