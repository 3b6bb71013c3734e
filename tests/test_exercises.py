"""The exercises say what is filled, what is not, and what went wrong; and their answers are the lessons' lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from exercises.check import main, run_file
from exercises.gaps import EXERCISES
from rlbreakout.agents.value import equations
from tests.conftest import ROOT, SCRIPTS

FOLDER = ROOT / "exercises"
SAID = [
    (lesson, gap.function, message)
    for lesson, exercise in EXERCISES.items()
    for gap in exercise.gaps
    for message in gap.mistakes
]


def answers(lesson: str) -> str:
    return (FOLDER / "answers" / f"{EXERCISES[lesson].file}.py").read_text(encoding="utf-8")


def checked(tmp_path: Path, capsys: pytest.CaptureFixture[str], lesson: str, text: str) -> tuple[int, list[str]]:
    """The exit status and what is said about each of the three gaps of a learner's file."""
    file = tmp_path / "mine.py"
    file.write_text(text)
    status = main([lesson, str(file)])
    return status, capsys.readouterr().out.split("\ngap ")[1:]


@pytest.mark.parametrize("lesson", EXERCISES)
def test_the_answers_pass(lesson: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, gaps = checked(tmp_path, capsys, lesson, answers(lesson))
    assert status == 0 and len(gaps) == 3
    assert all(": ok\n" in gap for gap in gaps) and "3 of 3 gaps filled" in gaps[2]


@pytest.mark.parametrize("lesson", EXERCISES)
def test_a_gap_that_is_not_filled_is_reported_as_such(lesson: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([lesson]) == 1
    shown = capsys.readouterr().out
    assert shown.count(": not yet\n") == 3 and "0 of 3 gaps filled" in shown
    assert EXERCISES[lesson].page.split(",")[0] in shown


def test_the_check_is_a_script() -> None:
    lesson = next(iter(EXERCISES))
    result = subprocess.run([sys.executable, FOLDER / "check.py", lesson], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (1, "") and "0 of 3 gaps filled" in result.stdout


def lines_of(lesson: str, folder: Path) -> list[str]:
    """The lines below the docstring of the file."""
    return (folder / f"{EXERCISES[lesson].file}.py").read_text(encoding="utf-8").split('"""', 2)[2].splitlines()


@pytest.mark.parametrize("lesson", EXERCISES)
def test_an_exercise_is_the_answers_with_gaps(lesson: str) -> None:
    exercise, filled = lines_of(lesson, FOLDER), lines_of(lesson, FOLDER / "answers")
    gaps = [line for line in exercise if line not in filled]
    assert len(gaps) == 3
    assert all(f'raise NotImplementedError("gap {number}: ' in line for number, line in enumerate(gaps, 1))


@pytest.mark.parametrize("lesson", ["1.4", "2.5"])
def test_an_answer_is_a_line_of_the_lesson(lesson: str) -> None:
    exercise, script = lines_of(lesson, FOLDER), SCRIPTS[EXERCISES[lesson].file].read_text(encoding="utf-8")
    lines = [line.strip() for line in lines_of(lesson, FOLDER / "answers") if line not in exercise]
    assert len(lines) >= 4 and [line for line in lines if line.removeprefix("return ") not in script] == []


def test_the_answers_of_q_learning_are_the_equations_of_the_library() -> None:
    names = run_file(answers("5.1"), EXERCISES["5.1"])
    rewards, ends, q = torch.rand(8), (torch.rand(8) < 0.5).float(), torch.rand(8, 4)
    expected = equations.q_target(rewards, names["GAMMA"], equations.best_value(q), ends)
    assert torch.equal(names["targets_of"](torch.nn.Identity(), rewards, q, ends), expected)
    for steps in (0, 300, 1_000, 5_000):
        epsilon = equations.epsilon(steps, names["INITIAL"], names["MINIMUM"], names["DECAY_STEPS"])
        others = (names["act"](np.tile([0.0, 0.0, 0.0, 1.0], (20_000, 1)), steps) != 3).mean()
        assert others == pytest.approx(epsilon * 3 / 4, abs=0.02)


@pytest.mark.parametrize(("lesson", "function", "message"), SAID)
def test_each_mistake_is_recognised(
    lesson: str, function: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gap,) = (gap for gap in EXERCISES[lesson].gaps if gap.function == function)
    piece, mistake = gap.mistakes[message]
    assert piece in answers(lesson)
    status, gaps = checked(tmp_path, capsys, lesson, answers(lesson).replace(piece, mistake))
    (said,) = (one for one in gaps if f", {function}: " in one)
    assert status == 1 and f"{function}: wrong\n    {message}\n" in said
    assert "    yours" in said and "    right" in said


# How a learner may write it: not the text of the answers.
WRITTEN_ANOTHER_WAY = [
    ("1.4", "later = returns[t] = rewards[t] + DISCOUNT * (1 - ends[t]) * later", 0, "ok",
     "later = rewards[t] + DISCOUNT * torch.where(ends[t] == 1, 0.0, later)\n        returns[t] = later"),
    ("1.4", "later = returns[t] = rewards[t] + DISCOUNT * (1 - ends[t]) * later", 0, "into the next life",
     "returns[t] = rewards[t] + DISCOUNT * (later if t == len(rewards) - 1 else returns[t + 1])"),
    ("1.4", "return (returns - expected).detach()", 1, "ok", "return returns - expected.detach()"),
    ("1.4", "return (returns - expected).detach()", 1, "shape is (), it should be (2, 2)",
     "return (returns - expected).detach().mean()"),
    ("1.4", "-(log_probabilities * advantages).mean()", 2, "The sign of the policy's part is wrong",
     "torch.mean(advantages * log_probabilities)"),
    ("1.4", "(logits=policy(states))", 2, "ValueError: Expected parameter probs", "(policy(states))"),
    ("1.4", "return -(log_probabilities", 2, "it returns nothing", "loss = -(log_probabilities"),
    ("1.4", "return -(log_probabilities * advantages).mean() + (returns - expected).pow(2).mean()", 2, "No gradient",
     "return float(-(log_probabilities * advantages).mean() + (returns - expected).pow(2).mean())"),
    ("2.5", "goes_on = 1 - begins[t + 1]", 0, "ok", "goes_on = np.logical_not(begins[t + 1])"),
    ("2.5", "return -torch.min(advantages * ratio, advantages * torch.clamp(ratio, 1 - CLIP, 1 + CLIP)).mean()", 1,
     "clipped part alone", "return -(ratio.clamp(0.8, 1.2) * advantages).mean()"),
    ("2.5", "- ENTROPY_COEF * policy.entropy().mean()", 2, "ok",
     "+ ENTROPY_COEF * (policy.probs * policy.logits).sum(1).mean()"),
]  # fmt: skip


@pytest.mark.parametrize(("lesson", "piece", "gap", "said", "written"), WRITTEN_ANOTHER_WAY)
def test_it_is_the_numbers_that_count(
    lesson: str, piece: str, gap: int, said: str, written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert piece in answers(lesson)
    status, gaps = checked(tmp_path, capsys, lesson, answers(lesson).replace(piece, written))
    assert said in gaps[gap] and status == (0 if said == "ok" else 1)


def test_the_numbers_are_right_by_hand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The returns of the check's two games, discount 0.5, and PPO's loss for one ratio of each kind."""
    _, gaps = checked(tmp_path, capsys, "1.4", answers("1.4").replace("later = returns[t] =", "later ="))
    assert "right: [[0.25, 1.25], [0.5, 0.5], [-1.0, 1.0], [1.5, 2.0], [3.0, 1.5]]" in gaps[0]
    _, gaps = checked(tmp_path, capsys, "2.5", answers("2.5").replace("-torch.min", "torch.min"))
    by_hand = 0.5 / 0.48 * 1 + 1.2 * 2 + 0.5 * 3 - 0.5 / 0.48 - 1.6 * 2 - 0.8 * 3
    assert f"right: {-by_hand / 6:.3f}" in gaps[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which exercise? allowed: 1.4, 2.5, 5.1"),
        (["9.9"], "which exercise? allowed: 1.4, 2.5, 5.1"),
        (["1.4", "no_such_file.py"], "no_such_file.py cannot be read"),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and said in printed.err and printed.err.count("\n") == 1


def test_a_file_that_python_cannot_read_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = (\n")
    assert main(["1.4", str(file)]) == 1
    assert "It cannot be run: line 1: '(' was never closed" in capsys.readouterr().out
    file.write_text("import torch\n")
    assert main(["1.4", str(file)]) == 1
    assert "There is no function returns_of." in capsys.readouterr().out
