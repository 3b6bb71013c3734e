"""Lesson 5."""

from __future__ import annotations

from results.tables.common import gif, how_scored, load, scored, table

PUBLISHED, FIXED = "5.1_value_agent.json", "5.3_dqn.json"
CHANGES = {
    "published": "as published",
    "transitions": "single steps instead of whole games",
    "rewards": "rewards instead of normalised returns",
    "exploration": "epsilon falls with the actions",
    "no_punishment": "no punishment for a lost game",
    "life_punished": "a lost life costs a point",
    "life_rewarded": "a lost life is worth a point (the wrong sign)",
    "short_steps": "actions of 4 frames instead of 16",
    "all": "everything fixed (lesson 5.3)",
}
"""The variants of lesson 5.2."""


def published_and_mended() -> str:
    """Lessons 5.1 and 5.3: the same frames, without sticky actions and with them."""
    rows = []
    for what, file in (("5.1, as published", PUBLISHED), ("5.3, fixed", FIXED)):
        run = load(file)
        took = f"{run['minutes']['.']:.0f}"
        rows.append([what, f"{run['frames']:,}", took, scored(run), scored(run["sticky"])])
    return table(["agent", "frames", "minutes, one core", "without sticky actions", "with sticky actions"], rows)


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
    published, fixed, compared = load(PUBLISHED), load(FIXED), load("5.4_on_policy_off_policy.json")
    return [
        [
            f"[5.1]({readme})",
            "Q-learning: the published agent",
            how_scored(published, published["score"]),
            f"{published['minutes']['.']:.0f} min on one core",
            gif("5.1_value_agent"),
        ],
        [
            f"[5.2]({readme})",
            "what went wrong: nine agents, one change each",
            "",
            f"{sum(load('5.2_what_went_wrong.json')['minutes'].values()):.0f} min on one core",
            "",
        ],
        [
            f"[5.3]({readme})",
            "the fixed agent, and its Q-values",
            how_scored(fixed, fixed["score"]),
            f"{fixed['minutes']['.']:.0f} min on one core",
            gif("5.3_q_values"),
        ],
        [
            f"[5.4]({readme})",
            "on-policy or off-policy: four algorithms, the same screens",
            how_scored(compared, compared["score"]),
            f"{sum(facts['minutes'] for facts in compared['results'].values()):.0f} min on one core",
            "",
        ],
    ]
