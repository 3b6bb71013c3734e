"""Tells you which gaps of an exercise you have filled, and what probably went wrong in the others.

    python exercises/check.py 1.4                                               exercises/1.4_policy_gradient.py
    python exercises/check.py 1.4 exercises/answers/1.4_policy_gradient.py      another file

Exit status 0 if all gaps are filled, 1 if not, 2 if there is nothing to check.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.distributions import Categorical

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from exercises.gaps import EXERCISES, Exercise, Gap

HERE = Path(__file__).parent
Outcome = dict[str, torch.Tensor]
"""What a function gave, under "", and its gradients, each under the name of an argument."""


def main(arguments: list[str]) -> int:
    """Check what the command line asks for, print what was found, and return the exit status."""
    lesson, *files = arguments or [""]
    if lesson not in EXERCISES or len(files) > 1:
        print(
            f"check.py: error: which exercise? allowed: {', '.join(EXERCISES)}, then a file or nothing", file=sys.stderr
        )
        return 2
    exercise = EXERCISES[lesson]
    path = Path(files[0]) if files else HERE / f"{exercise.file}.py"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"check.py: error: {path} cannot be read: {error}", file=sys.stderr)
        return 2
    print(path)
    try:
        names = run_file(text, exercise, str(path))
    except Exception as error:
        print(f"It cannot be run: {what_happened(error, str(path))}")
        return 1
    right = (HERE / "answers" / f"{exercise.file}.py").read_text(encoding="utf-8")
    filled = 0
    for number, gap in enumerate(exercise.gaps, 1):
        verdict, *lines = check_gap(names.get(gap.function), gap, exercise, right, str(path))
        print(f"\ngap {number}, {gap.function}: {verdict}")
        print("".join(f"    {line}\n" for line in lines), end="")
        filled += verdict == "ok"
    answers = f"exercises/answers/{exercise.file}.py"
    help_ = f"Help: {exercise.page}. Answers: {answers}" if filled < len(exercise.gaps) else f"Compare with {answers}"
    print(f"\n{filled} of {len(exercise.gaps)} gaps filled. {help_}")
    return int(filled < len(exercise.gaps))


def check_gap(function: Any, gap: Gap, exercise: Exercise, right: str, path: str) -> list[str]:
    """The verdict, ok, not yet or wrong, and the lines that explain it. right: the text of the answers."""
    if not callable(function):
        return ["wrong", f"There is no function {gap.function}."]
    expected = outcome(run_file(right, exercise)[gap.function], gap)
    try:
        found = outcome(function, gap)
    except NotImplementedError as error:
        return ["not yet", str(error).split(": ", 1)[-1]]
    except Exception as error:
        return ["wrong", what_happened(error, path), *shown(gap, exercise)]
    if same(found, expected, gap.tolerance):
        return ["ok"]
    lines = [hint(found, expected, gap, exercise, right), *shown(gap, exercise)]
    for name, value in expected.items():
        if name == "" or (name in found and not same({"": found[name]}, {"": value}, gap.tolerance)):
            what = f", gradient by {name}" if name else ""
            lines += [f"yours{what}: {numbers(found[name])}", f"right{what}: {numbers(value)}"]
    return ["wrong", *lines]


def hint(found: Outcome, expected: Outcome, gap: Gap, exercise: Exercise, right: str) -> str:
    """What probably went wrong."""
    for message, (piece, mistake) in gap.mistakes.items():
        mistaken = run_file(right.replace(piece, mistake), exercise)[gap.function]
        if same(found, outcome(mistaken, gap), gap.tolerance):
            return message
    if found[""].shape != expected[""].shape:
        return f"Its shape is {tuple(found[''].shape)}, it should be {tuple(expected[''].shape)}."
    if len(found) < len(expected):
        return "No gradient gets through: something is detached, or no longer a tensor."
    return "The numbers are others."


def outcome(function: Callable[..., Any], gap: Gap) -> Outcome:
    """Call `function` with what the gap gives. Raises whatever it raises, and TypeError if it gives no numbers."""
    arguments = gap.given()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about shapes: the check says it
        result = gap.call(function, *arguments.values())
    if result is None:
        raise TypeError("it returns nothing")
    result = torch.as_tensor(result)
    found = {"": result.detach().double()}
    if result.requires_grad:
        for name, argument in arguments.items():
            source = argument.logits if isinstance(argument, Categorical) else argument
            if isinstance(source, torch.Tensor) and source.requires_grad:
                (gradient,) = torch.autograd.grad(result.sum(), source, retain_graph=True, allow_unused=True)
                found[name] = torch.zeros_like(source) if gradient is None else gradient
    return found


def same(one: Outcome, other: Outcome, tolerance: float) -> bool:
    """Whether both have the same shapes and numbers, and gradients for the same arguments."""
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape and torch.allclose(one[name], other[name], rtol=1e-4, atol=tolerance)
        for name in one
    )


def run_file(text: str, exercise: Exercise, path: str = "answers") -> dict[str, Any]:
    """Run the text of an exercise, and return its names, with the constants that are checked."""
    names: dict[str, Any] = {"__name__": "exercise"}
    exec(compile(text, path, "exec"), names)
    names.update(exercise.constants)
    return names


def what_happened(error: Exception, path: str) -> str:
    """An error of the learner's file in one line, with the line of the file where it happened."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f"line {lines[-1]}: " if lines else ""
    message = " ".join(str(error).split())
    return f"{where}{type(error).__name__}: {message[:200]}"


def shown(gap: Gap, exercise: Exercise) -> list[str]:
    """The constants, and what the gap's function was called with, a line for each argument."""
    constants = ", ".join(f"{name} = {value:g}" for name, value in exercise.constants.items())
    return [f"with {constants}:", *(f"{name} = {numbers(argument)}" for name, argument in gap.given().items())]


def numbers(value: Any) -> str:
    """An argument or a result, in short."""
    if isinstance(value, Categorical):
        return f"Categorical(probs={numbers(value.probs)})"
    if isinstance(value, torch.nn.Module):
        return "hands its input through"
    return str(torch.as_tensor(value).detach().double().numpy().round(3).tolist())


if __name__ == "__main__":
    torch.set_num_threads(1)  # these are tiny tensors
    sys.exit(main(sys.argv[1:]))
