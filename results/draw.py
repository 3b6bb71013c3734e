"""Draw the tables and pictures of the READMEs from the JSON files beside this script.

    python results/draw.py            rewrite them
    python results/draw.py --check    say whether they are up to date, exit status 1 if not

A table stands in a README between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from rlbreakout.plots import Curve, draw_bands, draw_curves, running_mean

RESULTS = Path(__file__).parent
ROOT = RESULTS.parent
READMES = (ROOT / "README.md", *sorted((ROOT / "lessons").glob("*/README.md")))


@dataclass
class Options:
    check: bool = False
    """Change nothing; exit with status 1 if a README has another table than these results."""


def load(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def interval(result: dict[str, Any]) -> str:
    return f"{result['mean']:.1f} [{result['ci95'][0]:.1f}, {result['ci95'][1]:.1f}]"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gif(lesson: str) -> str:
    return f"[look](videos/{lesson}.gif)"


def three_ids() -> str:
    """Lesson 2.3's agent on three environments, sampled and greedy."""
    rows = [
        [
            f"`{result['env_id']}`",
            "greedy" if result["greedy"] else "sampled",
            interval(result),
            f"{result['median']:.1f}",
            f"{result['min']:.0f} to {result['max']:.0f}",
            str(result["stalled"]),
        ]
        for result in load("2.3_zoo.json")["evaluations"]
    ]
    return table(["environment", "actions", "mean [95% interval]", "median", "range", "stalled"], rows)


def path_of_lessons() -> str:
    """What each lesson's agent scores and how long it takes, in the main README."""
    lessons, zoo = load("lessons.json"), load("2.3_zoo.json")
    first = zoo["evaluations"][0]
    score = {name: "" for name in lessons}
    for name in ("1.1_gym", "1.3_train", "2.1_envs", "2.2_callbacks"):
        run = lessons[name]
        score[name] = f"{run['score']:.1f} ({run['games']} games, seed {run['seed']}, `{run['env_id']}`, sampled)"
    taught = {
        "1.1_gym": "observation, action, reward, life, game, score: a random agent",
        "1.2_wrapper": "what a wrapper is; a life as an episode; launching the ball",
        "1.3_train": "the first PPO, with SB3's defaults",
        "2.1_envs": "8 games side by side",
        "2.2_callbacks": "measuring while training, and how not to be fooled",
    }
    folder = {"1": "1_gym", "2": "2_baselines"}
    rows = [["[0.1](lessons/0_setup/README.md)", "is everything here?", "", "10 s", ""]]
    for name, text in taught.items():
        readme = f"lessons/{folder[name[0]]}/README.md"
        rows.append([f"[{name[:3]}]({readme})", text, score[name], minutes(lessons[name]["seconds"]), gif(name)])
    games = f"({first['games']} games, seed {first['seed']}, `{first['env_id']}`, sampled)"
    rows.append(
        [
            "[2.3](lessons/2_baselines/README.md)",
            "the zoo's PPO rebuilt by hand, the same games one for one",
            f"{first['mean']:.1f} {games}",
            f"{zoo['training']['minutes']:.0f} min",
            gif("2.3_copying_hp_zoo"),
        ]
    )
    seeing = {
        "2.4_fast_envs": "the emulator's own speed",
        "3.1_observation_space": "what the agent really sees",
        "3.2_observation_wrapper": "mono, trim, aimbot",
    }
    for name, text in seeing.items():
        run = lessons[name]
        readme = f"lessons/{'2_baselines' if name[0] == '2' else '3_obswrapper'}/README.md"
        how = f"({run.get('games')} games, seed {run.get('seed')}, `{run.get('env_id')}`, sampled)"
        scored = "" if run["score"] is None else f"{run['score']:.1f} {how}"
        rows.append([f"[{name[:3]}]({readme})", text, scored, minutes(run["seconds"]), gif(name)])
    for number, text, file, run_name, video in (
        ("3.3", "which picture is learned from fastest? (here: the aimbot's)", "3.3_aimbot.json", "image_0", "3.3"),
        ("3.4", "pictures, numbers, or both? (here: numbers)", "3.4_coordinates.json", "coordinates_0", "3.4"),
    ):
        run = load(file)["runs"][run_name]
        result = run["evaluations"][0]
        scored = f"{result['mean']:.1f} ({result['games']} games, seed {result['seed']}, `{result['env_id']}`, sampled)"
        took = f"{run['training']['minutes']:.0f} min{' on one' if number == '3.3' else ''}"
        rows.append([f"[{number}](lessons/3_obswrapper/README.md)", text, scored, took, gif(f"{video}_agent")])
    return table(["lesson", "what it teaches", "measured score (points a game)", "time on two cores", "gif"], rows)


def two_speeds() -> str:
    """Lesson 2.1: 1 and 8 environments."""
    run = load("lessons.json")["2.1_envs"]
    speeds = run["steps_per_second"]
    rows = [[n, f"{speeds[n]:.0f}", f"{speeds[n] / speeds['1']:.2f}", interval(run["scores"][n])] for n in ("1", "8")]
    return table(["environments", "agent steps/s, learning included", "ratio", "score [95% interval]"], rows)


def three_rewards() -> str:
    """Lesson 2.2: three numbers called reward."""
    run = load("lessons.json")["2.2_callbacks"]
    rows = [[name, f"{value:.2f}"] for name, value in run["three_rewards"].items()]
    return table(["number", "after 20,480 agent steps"], rows)


def first_ppo() -> str:
    """Lesson 1.3 beside the random agent of 1.1."""
    lessons = load("lessons.json")
    rows = []
    for name, who in (("1.1_gym", "random"), ("1.3_train", "PPO, SB3's defaults, 20,480 agent steps")):
        run = lessons[name]
        rows.append([who, f"{run['score']:.2f}", f"{run['games']}, seed {run['seed']}", f"`{run['env_id']}`"])
    return table(["agent", "mean score", "games", "environment"], rows)


def fast_envs() -> str:
    """Lesson 2.4: one after the other, and fast."""
    run = load("lessons.json")["2.4_fast_envs"]
    rows = [
        [name, f"{run['alone'][name]:,.0f}", f"{speed:,.0f}", interval(run["scores"][name])]
        for name, speed in run["steps_per_second"].items()
    ]
    return table(["environments", "agent steps/s alone", "with PPO", "score [95% interval]"], rows)


def speeds() -> str:
    """What `rlbreakout bench` says about speed."""
    bench = load("bench.json")
    ratios = list(bench["ratios"].items())
    rows = []
    for figure in bench["figures"]:
        if figure["unit"] in ("frames/s", "agent steps/s", "MB"):
            shares = (f"{share[figure['name']]:.2f}" if figure["name"] in share else "" for _, share in ratios)
            rows.append([figure["name"], f"{figure['value']:,.0f} {figure['unit']}", *shares])
    return table(["what", "measured", "of the ceiling", "of all cores at once", "of the zoo's PPO"], rows)


def aimbot_accuracy() -> str:
    """What `rlbreakout bench` says about the aimbot."""
    rows = []
    for figure in load("bench.json")["figures"]:
        what, _, name = figure["name"].partition(": ")
        if what == "aimbot":
            share = figure["unit"] == "share"
            rows.append([name, f"{figure['value']:.2%}" if share else f"{figure['value']:,.0f} {figure['unit']}"])
    return table(["aimbot", "measured"], rows)


def grid() -> str:
    """Lesson 3.3: the score of each picture with 1 to 4 of them at once."""
    runs = load("3.3_grid.json")["runs"]
    pictures = list(dict.fromkeys(name.split("_")[0] for name in runs))
    stacks = sorted({run["observation"]["frame_stack"] for run in runs.values()})
    by_picture = {p: [interval(runs[f"{p}_{stack}_0"]["evaluation"]) for stack in stacks] for p in PICTURES}
    assert set(pictures) == set(PICTURES)
    rows = [[PICTURES[picture], *scores] for picture, scores in by_picture.items()]
    return table(["what it sees", *(f"{stack} at once" for stack in stacks)], rows)


PICTURES = {
    "grey": "grey, whole screen",
    "mono": "black and white",
    "trim": "... trimmed",
    "aimbot": "... with the aimbot",
    "counters": "... and counters",
}
"""The variants of lesson 3.3, each one change after the one before."""


def with_aimbot() -> str:
    """Lesson 3.3: ten times as long, with and without the aimbot."""
    runs = load("3.3_aimbot.json")["runs"]
    return table(SCORE_HEAD, [score_row(what, runs[run]) for what, run in (("with", "image_0"), ("without", "trim_0"))])


SEEN = {"image": "image", "counters": "image + counters", "coordinates": "coordinates", "both": "both"}
"""The variants of lesson 3.4."""


def agents_that_see() -> dict[str, list[dict[str, Any]]]:
    """The runs of lesson 3.4 by what they see; a run is called after it and its seed."""
    runs = {**load("3.4_coordinates.json")["runs"], **load("3.3_aimbot.json")["runs"]}
    found = {what: [run for name, run in runs.items() if name.startswith(f"{key}_")] for key, what in SEEN.items()}
    return {what: of_seeds for what, of_seeds in found.items() if of_seeds}


def what_it_sees() -> str:
    """Lesson 3.4: each agent's score and time."""
    return table(SCORE_HEAD, [score_row(what, run) for what, runs in agents_that_see().items() for run in runs])


def four_ways() -> str:
    """Lesson 3.4: all four, trained for a tenth of the steps."""
    runs = load("3.4_four_ways.json")["runs"]
    return table(SCORE_HEAD, [score_row(what, runs[f"{key}_0"]) for key, what in SEEN.items()])


SCORE_HEAD = ["what it sees", "seed", "agent steps", "minutes", "sampled [95% interval]", "greedy", "stalled"]


def score_row(what: str, run: dict[str, Any]) -> list[str]:
    """A row under SCORE_HEAD: 100 games sampled, 100 greedy."""
    sampled, greedy = run["evaluations"]
    training = run["training"]
    stalled = f"{sampled['stalled']} and {greedy['stalled']}"
    took = f"{training['minutes']:.0f}"
    seed, steps = str(run["config"]["seed"]), f"{training['steps']:,}"
    return [what, seed, steps, took, interval(sampled), interval(greedy), stalled]


TABLES = {
    f.__name__: f
    for f in (
        path_of_lessons,
        first_ppo,
        two_speeds,
        three_rewards,
        three_ids,
        fast_envs,
        speeds,
        aimbot_accuracy,
        grid,
        with_aimbot,
        what_it_sees,
        four_ways,
    )
}


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
            title="Lesson 3.3: 3 pictures at once, training games on ALE/Breakout-v5 (mean of the last 100)",
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
    ]


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
