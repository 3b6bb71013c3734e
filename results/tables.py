"""The tables of the READMEs. To add one, add it to TABLES, and `<!-- its name -->` and `<!-- end of its name -->` to a
README."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from results import markdown as md
from results.markdown import Across, bold, each, markdown, mean, median, reached, score, span, stalled, table
from results.schema import RESULTS, Lesson, load
from rlbreakout.breakout.screen import MOST_POINTS, WALL_POINTS
from rlbreakout.config import load_config
from rlbreakout.evaluation.seeds import across_seeds, interquartile_mean

STICKY = {"": "without sticky actions", "sticky": "with sticky actions"}
ALGORITHMS = {
    "ppo": "PPO",
    "a2c": "A2C",
    "recurrent_ppo": "recurrent PPO",
    "dqn": "DQN",
    "qrdqn": "QR-DQN",
}
PICTURES = {
    "grey": "grey, whole screen",
    "trim": "black and white, trimmed",
    "aimbot": "... with the aimbot's mark",
    "counters": "... with the mark and counters",
}
ALONE = {
    "trim": "lesson 3.3: picture",
    "aimbot": "lesson 3.3: picture with the mark",
    "counters": "lesson 3.3: picture with the mark and five numbers",
}
WHAT_DECIDES = {
    lesson: {env_id: f"{who}: `{env_id}`" for env_id in ("BreakoutNoFrameskip-v4", "ALE/Breakout-v5")}
    for lesson, who in {
        "4.1_env_comparison": "numbers, with the bonus",
        "4.1_numbers_no_bonus": "numbers, without it",
        "4.1_pictures_bonus": "pictures, with the bonus",
        "4.1_pictures_no_bonus": "pictures, without it",
    }.items()
}
"""Lesson 4.1: what the agents of each file are called."""
NAMES = {
    "1.1_gym": {"1.1_gym": "random"},
    "1.3_train": {"1.3_train": "PPO, SB3's defaults, 10,240 agent steps"},
    "1.4_policy_gradient": {"1.4_policy_gradient": "policy gradient, seven numbers, 1,000,000 agent steps"},
    "2.5_ppo_by_hand": {"2.5_ppo_by_hand": "PPO by hand"},
    "2.1_envs": {"1": "1 game", "8": "8 games"},
    "2.3_zoo": {"2.3_zoo": "the zoo's PPO"},
    "3.3_aimbot_training": PICTURES,
    "3.3_five_seeds": PICTURES,
    "3.4_coordinates": {"blocks": "159 numbers that look ahead", "now": "the 121 of them that do not"},
    "5.1_value_agent": {"5.1_value_agent": "5.1, as published", **STICKY},
    "5.2_what_went_wrong": {
        "published": "as published",
        "frozen": "a memory that freezes",
        "transitions": "single steps instead of whole games",
        "rewards": "rewards instead of normalised returns",
        "exploration": "epsilon falls with the actions",
        "no_punishment": "no punishment for a lost game",
        "life_punished": "a lost life costs a point",
        "life_rewarded": "a lost life is worth a point (the wrong sign)",
        "short_steps": "actions of 4 frames instead of 16",
        "all": "everything fixed (lesson 5.3)",
    },
    "5.3_dqn": {"5.3_dqn": "5.3, fixed", **STICKY},
    "5.4_on_policy_off_policy": {"ours": "lesson 5.3's agent", "dqn": "SB3's DQN", "qrdqn": "QR-DQN", "ppo": "PPO"},
    "6.1_late_game": {
        "fresh": "all at the start",
        "late": "up to a third where few bricks are left",
        "failure": "up to a third before a lost life",
    },
    "6.3_other_models": ALGORITHMS,
    "6.3_many_seeds": ALGORITHMS,
    "6.4_champion_everywhere": {"champion-policy": "60,000,000 agent steps, two seeds"},
}
"""What tables and pictures call the agents and games of a lesson, where its own labels do not say enough."""

plays = partial(md.plays, names=NAMES)
INTERVAL = "mean [95% interval]"
PLAYED = {
    "agent": "{agent}",
    "games": "{evaluation.games}, seed {evaluation.seed}",
    "environment": "{evaluation.env_id}",
}
OF_SEEDS: dict[str, md.Cell | Across] = {
    "seed {}": Across("{row.seed}", score),
    "interquartile mean of the seeds": md.middle,
}
EACH_SEED: dict[str, md.Cell | Across] = {"seed {}": Across("{row.seed}", score), "all games": bold}


def in_the_twin(play: md.Play) -> bool:
    return play.evaluation.env == "twin"


def seeds(line: list[md.Play]) -> str:
    """How many agents, one a seed."""
    return str(len({play.row.seed for play in line}))


TABLES: dict[str, Callable[[], str]] = {
    "path_of_lessons": lambda: path_of_lessons(),
    "evening": lambda: evening(),
    "credits": lambda: credits(),
    "first_ppo": lambda: table(plays("1.1_gym", "1.3_train"), PLAYED, {INTERVAL: score}),
    "many_games": lambda: table(
        plays("2.1_envs"),
        {"": "{agent}"},
        {"agent steps/s, learning included": figure("steps_per_second"), **EACH_SEED},
    ),
    "three_rewards": lambda: three_rewards(),
    "policy_gradient": lambda: table(plays("1.1_gym", "1.3_train", "1.4_policy_gradient"), PLAYED, {INTERVAL: score}),
    "ppo_by_hand": lambda: table(plays("2.5_ppo_by_hand"), PLAYED, {INTERVAL: score}),
    "three_ids": lambda: table(
        plays("2.3_zoo"),
        {"environment": "{evaluation.env_id}", "actions": "{actions}"},
        {INTERVAL: mean, "median": median, "range": span, "stalled": stalled},
    ),
    "fast_envs": lambda: fast_envs(),
    "aimbot_accuracy": lambda: aimbot_accuracy(),
    "pictures": lambda: table(plays("3.3_aimbot_training"), {"what it sees": "{agent}"}, OF_SEEDS),
    "five_seeds": lambda: table(plays("3.3_five_seeds"), {"what it sees": "{agent}"}, OF_SEEDS),
    "tutorial_length": lambda: table(
        plays("3.3_tutorial_length"),
        {"agent steps": "{row.steps:,}", "seed": "{row.seed}", "games": "{evaluation.games}"},
        {"{}": Across("{evaluation.env_id}", score)},
    ),
    "coordinates": lambda: table(
        plays("3.4_coordinates", "3.3_aimbot_training", names={**NAMES, "3.3_aimbot_training": ALONE}),
        {"what it sees": "{agent}", "agent steps": "{row.steps:,}"},
        {"minutes, one core each": each("{row.minutes:.1f}"), **OF_SEEDS},
    ),
    "best_of_two_studies": lambda: best_of_two_studies(),
    "importance": lambda: importance(),
    "luck": lambda: luck(),
    "everybody_everywhere": lambda: table(
        plays(*measured("4.1_env_comparison"), where=lambda play: play.game == play.evaluation.env_id),
        {"trained in": "{agent}"},
        {"plays in {}": Across("{game}", lambda line: md.middle(line) if len(line) > 1 else score(line))},
    ),
    "what_decides": lambda: table(
        plays(*WHAT_DECIDES, names=WHAT_DECIDES, where=lambda play: play.row.seed is not None),
        {"agents, and where they trained": "{agent}"},
        {"plays in {}": Across("{evaluation.env_id}", md.middle)},
    ),
    "grid": lambda: grid(),
    "short_and_long": lambda: table(
        plays(*measured("4.3_schedules"), where=lambda play: len(play.parts) > 1),
        {"schedule": "{parts[0]}"},
        {"{} agent steps": Across("{parts[1]}", md.middle)},
    ),
    "published": lambda: table(plays("1.1_gym", "5.1_value_agent"), PLAYED, {INTERVAL: score}),
    "fixed": lambda: table(
        plays("5.1_value_agent", "5.3_dqn"),
        {"agent": "{agent}", "games": "{game}"},
        {INTERVAL: score, "median": median},
    ),
    "what_went_wrong": lambda: table(plays("5.2_what_went_wrong"), {"change": "{agent}"}, {INTERVAL: score}),
    "on_policy_off_policy": lambda: table(
        plays("5.4_on_policy_off_policy"),
        {"algorithm": "{agent}", "minutes, one core": "{row.minutes:.0f}"},
        {INTERVAL: score},
    ),
    "late_game": lambda: table(
        plays("6.1_late_game", where=in_the_twin),
        {"training games begin": "{agent}"},
        {"seeds": seeds, "points a game in the twin": md.middle, "first wall cleared": reached(WALL_POINTS)},
    ),
    "noise": lambda: table(
        plays("6.2_noise", where=in_the_twin),
        {"trained with, then plays with:": "{agent}"},
        {"{}": Across("{game}", md.middle)},
    ),
    "other_models": lambda: table(
        plays("6.3_other_models", where=lambda play: play.game != ""),
        {"algorithm": "{agent}"},
        {
            "minutes of training": lambda line: each("{row.minutes:.1f}")(list(filter(in_the_twin, line))),
            "points a game in the {}": Across(
                "{game}", lambda line: md.middle(line) if in_the_twin(line[0]) else score(line)
            ),
        },
    ),
    "planner": lambda: table(
        plays("7.4_plan_everywhere"),
        {"what is different": "{game}", "games": "{evaluation.games}"},
        {INTERVAL: mean, "both walls": reached(MOST_POINTS), "stalled": stalled},
    ),
    "champion": lambda: table(
        plays("6.4_champion_everywhere"),
        {"what is different": "{game}", "training seed": "{row.seed}", "games": "{evaluation.games}"},
        {
            INTERVAL: mean,
            "median": median,
            "first wall": reached(WALL_POINTS),
            "both walls": reached(MOST_POINTS),
            "stalled": stalled,
        },
    ),
    "ablations": lambda: table(
        plays("6.4_ablations"),
        {"left out": "{agent}", "seed": "{row.seed}"},
        {"{}": Across("{evaluation.env_id}", score)},
    ),
    "settings": lambda: table(
        plays("6.4_settings"),
        {"settings": "{agent}", "seed": "{row.seed}"},
        {"{}": Across("{evaluation.env_id}", score)},
    ),
    "pixels": lambda: table(
        plays("7.5_pixels_everywhere"),
        {"agent": "{agent}", "what is different": "{game}", "games": "{evaluation.games}"},
        {INTERVAL: mean, "median": median, "first wall": reached(WALL_POINTS), "stalled": stalled},
    ),
}
"""What draws each table, by the name in the comments around it."""


def figure(key: str) -> md.Cell:
    """The figure `key` of the lesson for this agent, whatever its seed."""
    return lambda line: f"{line[0].lesson.facts[key][line[0].row.agent]:,.0f}"


def three_rewards() -> str:
    """Lesson 2.2: three numbers for the same agent."""
    lesson = load("2.2_callbacks")
    rows = [[name, f"{value:.1f}"] for name, value in lesson.facts["three_rewards"].items()]
    return markdown(["number", f"after {lesson.rows[0].steps:,} agent steps"], rows)


def fast_envs() -> str:
    """Lesson 2.4: agent steps a second."""
    found = load("2.4_fast_envs").facts
    rows = [[name, f"{speed:,.0f}", f"{found['with_ppo'][name]:,.0f}"] for name, speed in found["alone"].items()]
    return markdown(["environments", "agent steps/s alone", "with PPO"], rows)


def aimbot_accuracy() -> str:
    """What lesson 3.2 measures of the aimbot."""
    found = load("3.2_observation_wrapper").facts["aimbot"]
    return markdown(
        ["aimbot", "measured"],
        [[name, f"{value:.2%}" if isinstance(value, float) else f"{value:,}"] for name, value in found.items()],
    )


def best_of_two_studies() -> str:
    """Lesson 4.0: the five best of study 1, in study 1 and again in study 2, beside the settings of lesson 3.4."""
    first, second = (load(f"4.0_study_{number}").facts["trials"] for number in (1, 2))
    best = sorted((trial for trial in first if trial["state"] == "complete"), key=lambda trial: -trial["value"])[:5]
    again = [next((f"{t['value']:.1f}" for t in second if t["params"] == trial["params"]), "") for trial in best]
    before = load_config("3.4_coordinates").model_dump()
    rows = [
        ["points in study 1", *(f"{trial['value']:.1f}" for trial in best), ""],
        ["points in study 2", *again, ""],
    ]
    for name in (name for name in best[0]["params"] if not name.endswith(".schedule")):
        part, _, key = name.partition(".")
        setting = before[part][key]
        rows.append([f"`{key}`", *(searched(name, trial["params"]) for trial in best), short(setting)])
    return markdown(["", *(f"trial {trial['number']}" for trial in best), "lesson 3.4"], rows)


def searched(name: str, params: dict[str, Any]) -> str:
    return ("lin_" if params.get(f"{name}.schedule") == "linear" else "") + short(params[name])


def short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def luck() -> str:
    """Lesson 4.0: the best trial again with other seeds, beside the settings of lesson 3.4."""
    found = load("4.0_study_explore").facts
    rows = [["the best trial of study 1", f"{found['value_in_the_study']:.1f}", *[""] * len(found["scores_of_seeds"])]]
    for name, key in (("the same settings", "scores_of_seeds"), ("lesson 3.4's settings", "scores_of_lesson_3_4")):
        rows.append([name, "", *(f"{score:.1f}" for score in found[key])])
    seeds = (f"seed {seed}" for seed in range(1 + len(found["scores_of_seeds"])))
    return markdown(["settings", *seeds], rows)


def importance() -> str:
    """Lesson 4.0: how much each hyperparameter matters, for the score, counted in two ways, and for the duration."""
    found = load("4.0_study_explore").facts["importance"]
    by = found["pruned counted as bad"]
    rows = [
        [f"`{name}`", *(f"{answer.get(name, 0):.2f}" for answer in found.values())]
        for name in sorted(by, key=lambda name: -by[name])
    ]
    return markdown(["importance for", *(f"score, {what}" if what != "duration" else what for what in found)], rows)


def measured(lesson: str) -> list[str]:
    """The lesson, if there are results of it."""
    return [lesson] if (RESULTS / f"{lesson}.json").exists() else []


def grid() -> str:
    """Lesson 4.2: the interquartile mean of the seeds of each trial."""
    found: dict[tuple[str, ...], list[float]] = {}
    for lesson in measured("4.2_grid"):
        found |= {tuple(name.split(", ")): of for name, of in load(lesson).facts["scores_of_seeds"].items()}
    if not found:
        return md.NOT_YET
    epochs, sizes = (list(dict.fromkeys(name[place] for name in found)) for place in (0, 1))
    rows = [[n, *(across_seeds(found[n, size]) for size in sizes)] for n in epochs]
    return markdown(["`n_epochs`", *(f"`batch_size` {size}" for size in sizes)], rows)


SCORE = "{evaluation.score:.1f}"
OTHER_GAMES = " ({evaluation.games} games, `{evaluation.env_id}`, {actions})"
"""What is added where it is not the usual, USUAL_GAMES."""
USUAL_GAMES = (20, "ALE/Breakout-v5", False)

PATH = {
    "0.1_check_setup": "is everything here?",
    "1.1_gym": "observation, action, reward, life, game, score: a random agent",
    "1.2_wrapper": "what a wrapper is; a life as an episode; launching the ball",
    "1.3_train": "a first PPO, on pictures, with SB3's defaults",
    "1.4_policy_gradient": "how an agent learns: the policy gradient, from scratch",
    "2.1_envs": "what eight games side by side are good for",
    "2.2_callbacks": "measuring while training, and how not to be fooled",
    "2.3_copying_hp_zoo": "the zoo's PPO rebuilt by hand, the same games one for one",
    "2.4_fast_envs": "how fast environments can be",
    "2.5_ppo_by_hand": "PPO from scratch, equal to SB3's to the last bit",
    "3.1_observation_space": "what the agent really sees",
    "3.2_observation_wrapper": "better pictures: mono, trim, aimbot",
    "3.3_aimbot_training": "from which picture do agents learn fastest? (here: the one with mark and counters)",
    "3.4_coordinates": "numbers instead of pictures (here: {agent})",
    "4.0_wrapper_optuna": "Optuna: studies of many trainings",
    "4.0_study_explore": "how far to trust what a study finds",
    "4.1_env_comparison": "which agent learned to play, and which memorised a game?",
    "4.2_grid": "a grid, and its price",
    "4.3_schedules": "why a short run may not be a preview of a long one",
    "5.1_value_agent": "Q-learning from scratch: an agent that does not learn (without sticky actions)",
    "5.2_what_went_wrong": "why not? One change at a time, without sticky actions (here: {agent})",
    "5.3_dqn": "DQN: the fixed agent, and its Q-values (without sticky actions)",
    "5.4_on_policy_off_policy": "on-policy or off-policy? Without sticky actions (here: {agent})",
    "6.1_late_game": "games that begin late, or before a mistake",
    "6.2_noise": "which noise in training helps against which in play?",
    "6.3_other_models": "the same observation, other algorithms (here: {agent})",
    "6.4_champion": "the last bricks, under sticky actions: a policy that does not search (here: {agent})",
    "7.1_rules": "a rule of the game, found by experiment",
    "7.2_exact": "testing a model of the game: emulator and twin side by side",
    "7.3_train_in_the_twin": "train in the twin, play the real game",
    "7.4_plan": "plan instead of react: search, chance, and a value function",
    "7.5_pixels": "an agent that sees only pixels, and its teacher (here: {agent})",
}
"""What each lesson teaches, by its script, which is measured with its defaults. {agent} is the one with the score."""
CORE = ("0.1", "1.1", "1.2", "1.3", "1.4", "2.2", "2.5", "3.1", "3.2", "3.4", "5.1", "5.3", "6.4", "7.3")
"""The lessons of the core path."""


def credits() -> str:
    """What the two tutorials that the lessons grew out of report, and what this course's agents score."""
    aimbot: dict[int | None, list[float]] = {}
    for row in load("3.3_tutorial_length").rows:
        for one in row.evaluations:
            if one.env_id == "Breakout-v4":
                aimbot.setdefault(row.steps, []).append(one.score)
    ours = [f"{' and '.join(f'{score:.0f}' for score in scores)} there (two seeds)" for scores in aimbot.values()]
    scores: dict[str, list[float]] = {}
    for row in load("4.1_pictures_bonus").rows:
        for one in row.evaluations if row.agent == "BreakoutNoFrameskip-v4" else ():
            scores.setdefault(one.env_id, []).append(one.score)
    elsewhere = (f"{interquartile_mean(of_seeds)[0]:.0f} on `{env_id}`" for env_id, of_seeds in scores.items())
    plain, sticky = load("5.3_dqn").rows[0].evaluations
    rows = [
        ["PPO on pictures with the aimbot, 1,000,000 agent steps", "60 to 80 on `Breakout-v4`", ours[0]],
        ["the same, 10,000,000 agent steps", "200 to 400 on `Breakout-v4`", ours[1]],
        [
            "trained on one deterministic game, on pictures",
            "355 there, 40 elsewhere",
            f"{', '.join(elsewhere)} (300,000 agent steps, five seeds)",
        ],
        [
            "value-based agent on pictures",
            "3 to 4 after 58,825 games",
            f"{plain.score:.0f} without sticky actions, {sticky.score:.0f} with them (lesson 5.3)",
        ],
    ]
    return markdown(["what", "theirs", "ours"], rows)


PARTS = ("setup", "gym", "baselines", "observations", "tuning", "values", "beyond", "the twin")


def path_of_lessons() -> str:
    """What the default command of each lesson scores and how long it takes, in the main README."""
    rows = []
    for name, text in PATH.items():
        number, seconds, scored = name[:3], 0.0, ""
        for lesson in map(load, measured(name)):
            seconds = seconds_of(lesson)
            shown = next((play for play in plays(lesson) if play.evaluation.shown), None)
            if shown:
                played = shown.evaluation
                usual = (played.games, played.env_id, played.greedy) == USUAL_GAMES
                text, scored = md.fill(text, shown), md.fill(SCORE + ("" if usual else OTHER_GAMES), shown)
        (folder,) = (RESULTS.parent / "lessons").glob(f"{number[0]}_*")
        gifs = sorted((RESULTS.parent / "videos").glob(f"{number}_*.gif"))
        look = f"[look](videos/{gifs[0].name})" if gifs else ""
        mark = "**" if number in CORE else ""
        link = f"{mark}[{number}](lessons/{folder.name}/README.md){mark}"
        rows.append([link, text.replace(" (here: {agent})", ""), time_of(seconds), scored, look])
    return markdown(["lesson", "what it teaches", "time, about", "the score that it prints", "gif"], rows)


def evening() -> str:
    """The computing time of each part at its defaults, of the core path and of everything."""
    seconds = {name: seconds_of(load(name)) for name in PATH if measured(name)}
    rows = []
    for number, part in enumerate(PARTS):
        of_part = [name for name in seconds if name.startswith(f"{number}.")]
        core = [name for name in of_part if name[:3] in CORE]
        (folder,) = (RESULTS.parent / "lessons").glob(f"{number}_*")
        rows.append(
            [
                f"[{number}: {part}](lessons/{folder.name}/README.md)",
                ", ".join(name[:3] for name in core),
                *(time_of(sum(seconds[name] for name in names)) for names in (core, of_part)),
            ]
        )
    totals = (sum(seconds[name] for name in seconds if name[:3] in CORE), sum(seconds.values()))
    rows.append(["**all**", "", *(f"**{time_of(total)}**" for total in totals)])
    return markdown(["part", "core path", "core path, about", "all its lessons, about"], rows)


def seconds_of(lesson: Lesson) -> float:
    """Seconds of the default command, or 0 if it was not timed: by the clock, or those of the processor if they are
    less, because other work ran beside it."""
    return min((seconds for seconds in (lesson.seconds, lesson.cpu_seconds) if seconds), default=0.0)


def time_of(seconds: float) -> str:
    return "" if not seconds else f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
