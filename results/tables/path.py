"""The path of the lessons, in the main README."""

from __future__ import annotations

from results.tables.beyond import rows_of_lesson_6
from results.tables.common import gif, how_scored, load, minutes, table
from results.tables.tuning import rows_of_lesson_4
from results.tables.twin import rows_of_lesson_7
from results.tables.value_agent import rows_of_lesson_5


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
    image, blocks = load("3.3_aimbot.json")["runs"]["image_0"], load("3.4_blocks.json")
    in_the_emulator, in_the_twin = image["evaluations"][0], blocks["results"]["blocks"][0]
    for number, text, scored, took in (
        (
            "3.3",
            "which picture is learned from fastest? (here: the aimbot's)",
            how_scored({**in_the_emulator, "greedy": False}, in_the_emulator["mean"]),
            f"{image['training']['minutes']:.0f} min on one core",
        ),
        (
            "3.4",
            "pictures, numbers, or both? (here: numbers, trained in the twin)",
            how_scored(in_the_twin, in_the_twin["score"]),
            f"{blocks['minutes']['blocks_0']:.0f} min on one core",
        ),
    ):
        rows.append([f"[{number}](lessons/3_obswrapper/README.md)", text, scored, took, gif(f"{number}_agent")])
    rows += rows_of_lesson_4() + rows_of_lesson_5() + rows_of_lesson_6() + rows_of_lesson_7()
    return table(["lesson", "what it teaches", "measured score (points a game)", "time on two cores", "gif"], rows)
