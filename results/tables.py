"""The tables of the READMEs, each made from the JSON files beside this module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlbreakout.bench.speed import RATIO_HEADS
from rlbreakout.evaluate import bootstrap_interval
from rlbreakout.screen import MOST_POINTS, WALL_POINTS

RESULTS = Path(__file__).parent


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
    rows += rows_of_lesson_4() + rows_of_lesson_5() + rows_of_lesson_6()
    return table(["lesson", "what it teaches", "measured score (points a game)", "time on two cores", "gif"], rows)


def rows_of_lesson_4() -> list[list[str]]:
    readme = "lessons/4_tuning/README.md"
    studies = [load(f"4.0_study_{number}.json")["trials"] for number in (1, 2)]
    environments, grid_, best = load("4.1_env_comparison.json"), load("4.2_grid.json"), load("4.3_best.json")
    tuned_run = best["runs"]["best_0"]
    result = tuned_run["evaluations"][0]
    trained = sum(environments["minutes"].values())

    def took(trials: list[dict[str, Any]]) -> str:
        return minutes(sum(trial["seconds"] for trial in trials) / 2)  # two at once

    return [
        [f"[4.0]({readme})", "Optuna: two studies, and how far to trust them", "", took(studies[0] + studies[1]), ""],
        [
            f"[4.1]({readme})",
            "who learned to play, and who learned a game by heart?",
            how_scored(environments, environments["score"]),
            f"{trained:.0f} min of training, a core each",
            gif("4.1_by_heart"),
        ],
        [f"[4.2]({readme})", "a grid, and its price", how_scored(grid_, grid_["score"]), took(grid_["trials"]), ""],
        [
            f"[4.3]({readme})",
            "schedules, and the settings that the studies found",
            how_scored(result, result["mean"]),
            f"{tuned_run['training']['minutes']:.0f} min on one",
            gif("4.3_tuned"),
        ],
    ]


def how_scored(result: dict[str, Any], score: float) -> str:
    actions = "greedy" if result["greedy"] else "sampled"
    return f"{score:.1f} ({result['games']} games, seed {result['seed']}, `{result['env_id']}`, {actions})"


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
    return table(["what", "measured", *(RATIO_HEADS[name] for name, _ in ratios)], rows)


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


# Lesson 4


def best_of_two_studies() -> str:
    """Lesson 4.0: the five best of study 1, in study 1 and again in study 2, beside the settings of lesson 3.4."""
    first, second = (load(f"4.0_study_{number}.json")["trials"] for number in (1, 2))
    again = {json.dumps(trial["params"], sort_keys=True): trial["value"] for trial in second}
    best = sorted((trial for trial in first if trial["state"] == "complete"), key=lambda trial: -trial["value"])[:5]
    longer = [again[json.dumps(trial["params"], sort_keys=True)] for trial in best]
    before = load("3.4_four_ways.json")["runs"]["coordinates_0"]
    rows = [
        ["points in study 1", *(f"{trial['value']:.1f}" for trial in best), f"{before['evaluations'][0]['mean']:.1f}"],
        ["points in study 2", *(f"{value:.1f}" for value in longer), ""],
    ]
    for name in (name for name in best[0]["params"] if not name.endswith(".schedule")):
        values = [with_schedule(name, trial["params"]) for trial in best]
        part, _, key = name.partition(".")
        default = {"activation": "tanh"}  # SB3's
        rows.append([f"`{key}`", *values, short(before["config"][part][key] or default[key])])
    return table(["", *(f"trial {trial['number']}" for trial in best), "lesson 3.4"], rows)


def with_schedule(name: str, params: dict[str, Any]) -> str:
    linear = params.get(f"{name}.schedule") == "linear"
    return ("lin_" if linear else "") + short(params[name])


def short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def importance() -> str:
    """Lesson 4.0: how much each hyperparameter matters, two answers."""
    found = load("4.0_study_explore.json")["importance"]
    left_out, counted = found["pruned_left_out"], found["pruned_counted_as_bad"]
    rows = [
        [f"`{name}`", f"{left_out.get(name, 0):.2f}", f"{counted[name]:.2f}"]
        for name in sorted(counted, key=lambda name: -counted[name])
    ]
    return table(["hyperparameter", "pruned trials left out", "pruned trials counted as bad"], rows)


def luck() -> str:
    """Lesson 4.0: the best trial of study 1, and the same settings with other seeds."""
    found = load("4.0_study_explore.json")
    scores = enumerate(found["scores_of_seeds"], start=1)
    rows = [["the best trial of study 1, seed 0", f"{found['value_in_the_study']:.1f}"]]
    rows += [[f"the same settings, seed {seed}", f"{score:.1f}"] for seed, score in scores]
    return table(["training of 100,000 agent steps", "mean of 20 games"], rows)


def everybody_everywhere() -> str:
    """Lesson 4.1: three agents on three environments, 100 greedy games a cell."""
    return crossed(load("4.1_env_comparison.json")["table"], "plays in `{}`")


def one_difference() -> str:
    """Lesson 4.1: the same agents in the deterministic game, and in what differs from it in one thing."""
    return crossed(load("4.1_env_comparison.json")["differences"], "{}")


def crossed(results: dict[str, dict[str, Any]], head: str) -> str:
    """A row for each agent, a column for each place that it plays in."""
    rows = [
        [name if " " in name else f"`{name}`", *(scored(result) for result in row.values())]
        for name, row in results.items()
    ]
    return table(["trained in", *(head.format(place) for place in next(iter(results.values())))], rows)


def scored(facts: dict[str, Any]) -> str:
    """A score as a lesson keeps it, with the games that stalled."""
    stalled = f", {facts['stalled']} stalled" if facts["stalled"] else ""
    return interval({**facts, "mean": facts["score"]}) + stalled


def short_and_long() -> str:
    """Lesson 4.3: each schedule, trained for two lengths."""
    results = load("4.3_schedules.json")["results"]
    names = list(dict.fromkeys(key.split(", ")[0] for key in results))
    lengths = sorted({int(key.split(", ")[1]) for key in results})
    cells = [[results.get(f"{name}, {steps}") for steps in lengths] for name in names]
    rows = [[name, *(scored(cell) if cell else "" for cell in row)] for name, row in zip(names, cells, strict=True)]
    return table(["schedule", *(f"{steps:,} agent steps" for steps in lengths)], rows)


def tuned() -> str:
    """Lesson 4.3: the settings of lesson 3.4 and those that the studies found, three seeds each, 100 games sampled."""
    rows = []
    for what, file in (("lesson 3.4's", "3.4_coordinates.json"), ("tuned", "4.3_best.json")):
        scores: list[float] = []
        for run in load(file)["runs"].values():
            result, training = run["evaluations"][0], run["training"]
            scores += result["scores"]
            seed, steps = str(run["config"]["seed"]), f"{training['steps']:,}"
            rows.append([what, seed, steps, interval(result), f"{result['median']:.0f}", str(result["stalled"])])
        low, high = bootstrap_interval(scores)
        rows.append([what, "all", "", f"**{sum(scores) / len(scores):.1f} [{low:.1f}, {high:.1f}]**", "", ""])
    return table(["settings", "seed", "agent steps", "mean [95% interval]", "median", "stalled"], rows)


# Lesson 5

PUBLISHED, MENDED = "5.1_value_agent.json", "5.3_dqn.json"


def published_and_mended() -> str:
    """Lessons 5.1 and 5.3: the same frames, without sticky actions and with them."""
    rows = []
    for what, file in (("5.1, as published", PUBLISHED), ("5.3, mended", MENDED)):
        run = load(file)
        took = f"{run['minutes']['.']:.0f}"
        rows.append([what, f"{run['frames']:,}", took, scored(run), scored(run["sticky"])])
    return table(["agent", "frames", "minutes, one core", "without sticky actions", "with sticky actions"], rows)


CHANGES = {
    "published": "as published",
    "transitions": "single steps instead of whole games",
    "rewards": "rewards instead of normalised returns",
    "exploration": "epsilon falls with the actions",
    "no_punishment": "no punishment for a lost game",
    "life_punished": "a lost life costs a point",
    "life_rewarded": "a lost life is worth a point (the wrong sign)",
    "short_steps": "actions of 4 frames instead of 16",
    "all": "everything mended (lesson 5.3)",
}
"""The variants of lesson 5.2."""


def what_went_wrong() -> str:
    """Lesson 5.2: each change alone, and all together."""
    data = load("5.2_what_went_wrong.json")
    rows = [[text, scored(data["results"][name])] for name, text in CHANGES.items()]
    return table(["change", "mean of whole games [95% interval]"], rows)


def on_policy_off_policy() -> str:
    """Lesson 5.4: four algorithms, the same screens and steps."""
    names = {"ours": "lesson 5.3's agent", "dqn": "SB3's DQN", "qrdqn": "QR-DQN", "ppo": "PPO"}
    results = load("5.4_on_policy_off_policy.json")["results"]
    rows = [[names[name], f"{facts['minutes']:.0f}", scored(facts)] for name, facts in results.items()]
    return table(["algorithm", "minutes, one core", "mean of whole games [95% interval]"], rows)


def rows_of_lesson_5() -> list[list[str]]:
    readme = "lessons/5_value_agent/README.md"
    published, mended, compared = load(PUBLISHED), load(MENDED), load("5.4_on_policy_off_policy.json")
    return [
        [
            f"[5.1]({readme})",
            "Q-learning: the published agent",
            how_scored(published, published["score"]),
            f"{published['minutes']['.']:.0f} min on one",
            gif("5.1_value_agent"),
        ],
        [
            f"[5.2]({readme})",
            "what went wrong: nine agents, one change each",
            "",
            f"{sum(load('5.2_what_went_wrong.json')['minutes'].values()):.0f} min on one",
            "",
        ],
        [
            f"[5.3]({readme})",
            "the mended agent, and its Q-values",
            how_scored(mended, mended["score"]),
            f"{mended['minutes']['.']:.0f} min on one",
            gif("5.3_q_values"),
        ],
        [
            f"[5.4]({readme})",
            "on-policy or off-policy: four algorithms, the same screens",
            how_scored(compared, compared["score"]),
            f"{sum(facts['minutes'] for facts in compared['results'].values()):.0f} min on one",
            "",
        ],
    ]


def champion() -> str:
    """Lesson 6.4: one agent, and everything that may be different from its training."""
    rows = []
    for name, facts in load("6.4_champion.json")["results"].items():
        scores = facts["scores"]
        walls = [sum(score >= points for score in scores) / len(scores) for points in (WALL_POINTS, MOST_POINTS)]
        shown = f"`{name}`" if name == facts["env_id"] else name
        cells = [f"{facts['median']:.0f}", *(f"{share:.0%}" for share in walls), str(facts["stalled"])]
        rows.append([shown, str(facts["games"]), interval({**facts, "mean": facts["score"]}), *cells])
    head = ["what is different", "games", "mean [95% interval]", "median", "first wall", "both walls", "stalled"]
    return table(head, rows)


def rows_of_lesson_6() -> list[list[str]]:
    readme, data = "lessons/6_beyond/README.md", load("6.4_champion.json")
    trained = data["minutes"]["seed_0"]
    return [
        [
            f"[6.4]({readme})",
            "the champion: the last bricks, under sticky actions",
            how_scored(data, data["score"]),
            f"{trained:.0f} min",
            gif("6.4_champion"),
        ]
    ]


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
        best_of_two_studies,
        importance,
        luck,
        everybody_everywhere,
        one_difference,
        short_and_long,
        tuned,
        published_and_mended,
        what_went_wrong,
        on_policy_off_policy,
        champion,
    )
}
