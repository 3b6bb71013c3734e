"""Lesson 7: the twin."""

from __future__ import annotations

from results.tables.common import gif, how_scored, load, minutes


def rows_of_lesson_7() -> list[list[str]]:
    readme, lessons = "lessons/7_twin/README.md", load("lessons.json")
    trained = lessons["7.3_train_in_the_twin"]
    return [
        [
            f"[7.1]({readme})",
            "a rule of the game, found by experiment",
            "",
            minutes(lessons["7.1_rules"]["seconds"]),
            "",
        ],
        [
            f"[7.2]({readme})",
            "how to test a model of the game: emulator and twin side by side",
            "",
            minutes(lessons["7.2_exact"]["seconds"]),
            gif("7.2_exact"),
        ],
        [
            f"[7.3]({readme})",
            "train in the twin, play the real game",
            how_scored(trained, trained["score"]),
            f"{minutes(trained['training_cpu_seconds'])} of training on one core",
            gif("7.3_train_in_the_twin"),
        ],
    ]
