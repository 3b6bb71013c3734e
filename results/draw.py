"""Draw the tables and pictures of the READMEs from the JSON files beside this script.

    python results/draw.py            rewrite them
    python results/draw.py --check    say whether they are up to date, exit status 1 if not

A table stands in a README between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from rlbreakout.evaluation.plots import Curve, draw_bands, draw_curves, running_mean

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from results.tables.common import RESULTS, load
from results.tables.observation import PICTURES, SEEN, agents_that_see
from results.tables.value_agent import CHANGES

from results.tables import TABLES

ROOT = RESULTS.parent
READMES = (ROOT / "README.md", *sorted((ROOT / "lessons").glob("*/README.md")))


@dataclass
class Options:
    check: bool = False
    """Change nothing; exit with status 1 if a README has another table than these results."""


def with_tables(text: str) -> str:
    """`text` with every table in it drawn again."""
    for name, draw in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}\n{draw()}\n{end}{rest.partition(end)[2]}"
    return text


def curve(data: dict[str, list[float]]) -> Curve:
    return Curve(np.array(data["steps"]), np.array(data["values"]))


def against_minutes(data: dict[str, list[float]], fps: dict[str, list[float]]) -> Curve:
    """A curve against minutes of training, from its steps and the steps a second since the start."""
    minutes = {s: s / f / 60 for s, f in zip(fps["steps"], fps["values"], strict=True)}
    both = [(minutes[s], value) for s, value in zip(data["steps"], data["values"], strict=True) if s in minutes]
    return Curve(*(np.array(column) for column in zip(*both, strict=True)))


def draw_pictures() -> list[Path]:
    """All pictures of the READMEs that show measured curves."""
    lessons, zoo, reproduction = load("lessons.json"), load("2.3_zoo.json"), load("2.3_reproduction.json")
    mean = "rollout/ep_rew_mean"
    envs = {
        f"{name.split('_')[0]} environment{'s' if name[0] != '1' else ''}": found
        for name, found in lessons["2.1_envs"]["curves"].items()
    }
    by_minutes = {name: against_minutes(found[mean], found["time/fps"]) for name, found in envs.items()}
    callbacks = lessons["2.2_callbacks"]["curves"]["."]
    both = {
        who: np.concatenate([e[key]["scores"] for e in reproduction["environments"]])
        for who, key in (("rl_zoo3", "rl_zoo3"), ("by hand", "by_hand"))
    }
    games = {who: Curve(np.arange(1, len(s) + 1), running_mean(s, 20)) for who, s in both.items()}
    return [
        draw_curves(
            {"training games (mean of the last 100)": curve(lessons["1.3_train"]["curves"]["."][mean])},
            RESULTS / "1.3_curve.png",
            title="Lesson 1.3: PPO with SB3's defaults",
        ),
        draw_curves(by_minutes, RESULTS / "2.1_minutes.png", title="Lesson 2.1: by the clock", x_label="minutes"),
        draw_curves(
            {
                "training games (last 100)": curve(callbacks[mean]),
                "evaluation (10 games)": curve(callbacks["eval/mean"]),
            },
            RESULTS / "2.2_curve.png",
            title="Lesson 2.2: the same agent, seen twice",
        ),
        draw_curves(
            games,
            RESULTS / "2.3_reproduction.png",
            title=f"Lesson 2.3: {reproduction['games']} games, by hand and with rl_zoo3 (mean of 20)",
            x_label="games, environment after environment",
            dashed=("by hand",),
        ),
        draw_curves(
            {"training games (mean of the last 100)": curve(zoo["training"]["curve"])},
            RESULTS / "2.3_curve.png",
            title="Lesson 2.3: the zoo's PPO on BreakoutNoFrameskip-v4",
        ),
        draw_bands(
            {
                text: [
                    curve(run["curve"])
                    for name, run in load("3.3_grid.json")["runs"].items()
                    if name == f"{picture}_3_0"
                ]
                for picture, text in PICTURES.items()
            },
            RESULTS / "3.3_grid.png",
            title="Lesson 3.3: 3 stacked pictures, training games on ALE/Breakout-v5 (mean of the last 100)",
        ),
        draw_bands(
            {
                what: [curve(load("3.3_aimbot.json")["runs"][run]["training"]["curve"])]
                for what, run in (("with the aimbot", "image_0"), ("without", "trim_0"))
            },
            RESULTS / "3.3_aimbot.png",
            title="Lesson 3.3: with and without the aimbot, training games (mean of the last 100)",
        ),
        draw_bands(
            {what: [curve(run["training"]["curve"]) for run in runs] for what, runs in agents_that_see().items()},
            RESULTS / "3.4_curves.png",
            title="Lesson 3.4: training games on ALE/Breakout-v5 (mean of the last 100; band: seeds)",
        ),
        draw_bands(
            {
                what: [curve(load("3.4_four_ways.json")["runs"][f"{key}_0"]["training"]["curve"])]
                for key, what in SEEN.items()
            },
            RESULTS / "3.4_four_ways.png",
            title="Lesson 3.4: four ways to tell it, training games (mean of the last 100)",
        ),
        what_went_wrong(),
        draw_curves(
            {
                text: curve(load("6.4_reach.json")["runs"][run]["training"]["curve"])
                for text, run in (("with reach (stopped early)", "with_reach"), ("without", "without_reach"))
            },
            RESULTS / "6.4_reach.png",
            title="Lesson 6.4: what it is worth to know one's paddle (training games)",
        ),
        draw_curves(
            {
                text: curve(load(f"{run}.json")["curves"]["seed_0"]["rollout/ep_rew_mean"])
                for text, run in (
                    ("with aim, too: the champion", "6.4_champion"),
                    ("with foresight and rounds", "6.4_champion_foresight"),
                    ("one bounce ahead", "6.4_champion_before"),
                )
            },
            RESULTS / "6.4_foresight.png",
            title="Lesson 6.4: three agents, each looks further ahead (training games)",
        ),
    ]


def what_went_wrong() -> Path:
    """The training games of lesson 5.2's variants, against frames."""
    data = load("5.2_what_went_wrong.json")
    mean, frames = "rollout/ep_rew_mean", data["frames"]
    curves = {}
    for name, text in CHANGES.items():
        steps, values = curve(data["curves"][name][mean])
        curves[text] = Curve(steps * frames / steps[-1], values)
    path = RESULTS / "5.2_what_went_wrong_curves.png"
    return draw_curves(
        curves,
        path,
        title="Lesson 5.2: training games (mean of the last 100)",
        x_label="frames",
        dashed=(CHANGES["published"],),
    )


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    old = [
        path for path in READMES if with_tables(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")
    ]
    if options.check:
        for path in old:
            print(f"{path.relative_to(ROOT)} does not say what results/ says: python results/draw.py")
        sys.exit(1 if old else 0)
    for path in old:
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
    for picture in draw_pictures():
        print(picture.relative_to(ROOT))


if __name__ == "__main__":
    main()
