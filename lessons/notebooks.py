"""Write every lesson as a Jupyter notebook: `make notebooks`.

A notebook has the cells of its script. What the script says in comments above a cell is text, and the options are plain
assignments in the first cell: change them there.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import jupytext
import tyro
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it knows its own folder only

from lessons.tour import LESSONS, all_lessons

CALL = "read_options(Options, __doc__)"
SETUP = """\
This notebook is written by `make notebooks` from [{script}](../lessons/{script}); the page of the lesson is
[here](../lessons/{folder}/README.md). On Colab, first run `%pip install` with the address of this project, in a cell of
its own."""


def notebook(script: Path) -> NotebookNode:
    """The notebook of a lesson script."""
    book = jupytext.read(script)
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    title, _, rest = text.partition("\n")
    where = SETUP.format(script=script.relative_to(LESSONS), folder=script.parent.name)
    cells = [new_markdown_cell(f"# {title.rstrip('.')}\n\n{_as_list(rest.strip())}\n\n{where}")]
    options = None
    for cell in book.cells[1:]:
        comment, code = _split(cell)
        if "class Options" in code and CALL in code:
            options = read_assignments(code)
            given = "".join(f", {name}={name}" for name in options)
            code = code.replace(CALL, f'read_options(Options, __doc__, lesson="{script.stem}"{given})')
        if comment:
            cells.append(new_markdown_cell(comment))
        cells.append(new_code_cell(code))
    if options is not None:
        cells.insert(1, new_code_cell("\n".join(options.values())))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same every time, instead of a random one
    book.cells = cells
    book.metadata = NotebookNode({"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}})
    return book


def read_assignments(code: str) -> dict[str, str]:
    """For each option of the class Options in `code` its name, and an assignment of its default with its help above.

    What is no constant is None, which means the default.
    """
    found = {}
    parts = next(part for part in ast.parse(code).body if isinstance(part, ast.ClassDef)).body
    for number, part in enumerate(parts):
        if not isinstance(part, ast.AnnAssign):
            continue
        assert isinstance(part.target, ast.Name) and part.value is not None
        shown = ast.get_source_segment(code, part.value) or ""
        try:
            ast.literal_eval(part.value)
        except ValueError:
            shown = f"None  # the default: {shown}"
        after = parts[number + 1] if number + 1 < len(parts) else None
        is_help = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        about = re.sub(r"\s+", " ", str(after.value.value)) if is_help else ""  # type: ignore[union-attr]
        found[part.target.id] = f"# {about}\n{part.target.id} = {shown}"
    return found


def _split(cell: NotebookNode) -> tuple[str, str]:
    """The comment at the beginning of a cell, as text, and its code."""
    lines, comment = cell.source.split("\n"), [cell.metadata.get("title", "")]
    while lines and lines[0].startswith("# "):
        comment.append(lines.pop(0)[2:])
    return "\n".join(comment).strip(), "\n".join(lines).strip()


def _as_list(text: str) -> str:
    """Begin a paragraph with what a docstring begins a line with: You learn, Expect, Time."""
    return re.sub(r"^(You learn|Expect|Time):", r"\n**\1:**", text, flags=re.MULTILINE).strip()


def main(folder: Path = Path("notebooks")) -> None:
    """Write all notebooks.

    Args:
        folder: Where they go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for script in all_lessons():
        jupytext.write(notebook(script), folder / f"{script.stem}.ipynb")
    print(f"{len(all_lessons())} notebooks are in {folder}/")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
