"""What MkDocs builds the site from: the Markdown of the repository, where it lies, and the code that it links to."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import ClassVar, NamedTuple
from xml.etree import ElementTree

from markdown.extensions.toc import slugify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from PIL import Image

from website.export_game import export_game
from website.github_markdown import GitHubMarkdown

ROOT = Path(__file__).parents[1]
VENDOR, GAME = ROOT / "website" / "vendor", ROOT / "website" / "game"
FRAGMENT = GAME / "game.html"
EXPORTED = ROOT / "build" / "game"
MARKDOWN = ("README.md", "TRUST.md", "CONTRIBUTING.md", "lessons/**/*.md", "exercises/*.md", "results/README.md")
SCRIPTS = ("lessons/*/*.py", "exercises/*.py", "exercises/answers/*.py", "LICENSE")
GLOSSARY = "lessons/GLOSSARY.md"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".sbatch": "sh", "Dockerfile": "docker"}
AS_IT_IS = (".png", ".gif", ".json")
LETTERS = {"theta": "θ", "lambda": "λ", "epsilon": "ϵ", "sigma": "σ", "pm": "±"}
PLAY = '<a class="md-button md-button--primary" href="play.md">Play, or watch the champion, here in your browser</a>'
GAME_FILES = """<link rel="stylesheet" href="assets/game/game.css">
<script type="module" src="assets/game/play.js"></script>"""


class Term(NamedTuple):
    """A row of the glossary."""

    meaning: str
    row: str
    """The id of the row on the page."""


class State:
    """What is known of the page that is being rendered, and of all others."""

    page: ClassVar[str] = ""
    code: ClassVar[set[str]] = set()
    """Files that have a page which shows them."""
    terms: ClassVar[dict[str, Term]] = {}


def on_config(config: MkDocsConfig) -> None:
    config.markdown_extensions.append(GitHubMarkdown(change))
    State.terms = read_glossary((ROOT / GLOSSARY).read_text(encoding="utf-8"))


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the Markdown, the pictures that it shows, and a page for each file of code that it links to."""
    pages = sorted(path for pattern in MARKDOWN for path in ROOT.glob(pattern))
    shown = {path for pattern in SCRIPTS for path in ROOT.glob(pattern)}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        shown |= {Path(posixpath.normpath(page.parent / link)) for link in re.findall(r"\]\(([^)#:\s]+)", text)}
    folders = {path for path in shown if path.is_dir()}
    shown |= {path for folder in folders for path in folder.glob("*.py")}
    shown = {path for path in shown if path.is_file() and path.suffix != ".md"}
    State.code = {name_of(path) for path in (shown | folders) if path.suffix not in AS_IT_IS}
    for path in (*pages, *(path for path in shown if path.suffix in AS_IT_IS)):
        files.append(File.generated(config, name_of(path), abs_src_path=str(path)))
    for name in State.code:
        files.append(File.generated(config, f"{name}.md", content=page_of(ROOT / name)))
    export_game(EXPORTED)
    for folder, assets in ((VENDOR, "assets"), (GAME, "assets/game"), (EXPORTED, "assets/game")):
        for path in sorted(set(folder.rglob("*.*")) - {FRAGMENT}):
            uri = f"{assets}/{path.relative_to(folder).as_posix()}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def page_of(path: Path) -> str:
    """The Markdown of a page that shows a file of code, or lists those of a folder. It is not found by the search."""
    body = f"# {name_of(path)}\n\n"
    if path.is_dir():
        body += "\n".join(f"- [{file.name}]({path.name}/{file.name})" for file in sorted(path.glob("*.py")))
    else:
        if (path.parent / "README.md").exists() and path.parent != ROOT:
            title = (path.parent / "README.md").read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
            body += f"From [{title}](README.md).\n\n"
        language = LANGUAGES.get(path.suffix or path.name, "text")
        body += f"~~~~{language}\n{path.read_text(encoding='utf-8')}~~~~\n"
    return f"---\nhide: [toc]\nsearch: {{exclude: true}}\n---\n{body}"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    State.page = page.file.src_uri
    return markdown.replace("![", f"{PLAY}\n\n![", 1) if page.is_homepage else markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the game below the heading of its page."""
    if page.file.src_uri != "play.md":
        return html
    return html.replace("</h1>", f"</h1>{GAME_FILES}{FRAGMENT.read_text(encoding='utf-8')}", 1)


def on_serve(server: LiveReloadServer, config: MkDocsConfig, builder: object) -> None:
    for name in ("README.md", "lessons", "exercises", "results", "website"):
        server.watch(str(ROOT / name))


def change(root: ElementTree.Element) -> None:
    """Adapt a page: pictures that wait and keep their place, links to code and to the glossary, commands as links."""
    for picture in root.iter("img"):
        with Image.open(ROOT / target(picture.attrib["src"])) as image:
            picture.attrib |= {"loading": "lazy", "width": str(image.width), "height": str(image.height)}
    for link in root.iter("a"):
        path, _, anchor = link.attrib["href"].partition("#")
        if target(path) in State.code:
            link.set("href", f"{path.rstrip('/')}.md")
        elif target(path) == GLOSSARY and anchor:
            term = find_term(" ".join("".join(link.itertext()).split()))
            link.attrib |= {"href": f"{path}#{term.row}", "title": term.meaning}
    if State.page == GLOSSARY:
        for row in root.iter("tr"):
            if (term_in_bold := row.find("td/strong")) is not None:
                row.set("id", row_id(term_in_bold.text or ""))
    for code in root.iter("code"):
        _link_scripts(code)


def target(path: str) -> str:
    """The file that a link on this page leads to, from the root of the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(State.page), path))


def _link_scripts(code: ElementTree.Element) -> None:
    """Make the scripts that a command names links to the pages that show them."""
    for before in [code, *code]:
        text = (before.text if before is code else before.tail) or ""
        parts = re.split(r"((?:lessons|exercises)/[\w./]+\.py)", text)
        if len(parts) != 3 or parts[1] not in State.code:
            continue
        link = ElementTree.Element("a", href=posixpath.relpath(f"{parts[1]}.md", posixpath.dirname(State.page) or "."))
        link.text, link.tail = parts[1:]
        if before is code:
            code.text = parts[0]
            code.insert(0, link)
        else:
            before.tail = parts[0]
            code.insert(list(code).index(before) + 1, link)


def read_glossary(text: str) -> dict[str, Term]:
    """The terms of its tables, in lower case. A row may have several, with commas between them."""
    terms: dict[str, Term] = {}
    column = 0
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if "meaning" in cells:
            column = cells.index("meaning")
        elif name := re.fullmatch(r"\*\*(.+)\*\*", cells[0]):
            term = Term(plain(cells[column]), row_id(name[1]))
            terms |= {one: term for one in (name[1].lower(), *name[1].lower().split(", "))}
    return terms


def row_id(term: str) -> str:
    return f"term-{slugify(term, '-')}"


def plain(markdown: str) -> str:
    """Text for a pop-up, which shows no equations: their letters as such."""
    text = re.sub(r"\\(\w+)", lambda name: LETTERS[name[1]], markdown.replace("$", ""))
    return text[0].upper() + text[1:]


def find_term(words: str) -> Term:
    """What the glossary says of the words of a link: of each part between commas the term that begins most like it."""
    found: dict[str, Term] = {}
    for part in [words.lower()] if words.lower() in State.terms else words.lower().split(", "):
        name = max(sorted(State.terms, key=len), key=lambda term: len(posixpath.commonprefix([term, part])))
        if len(posixpath.commonprefix([name, part])) < 0.75 * len(part):
            raise PluginError(f"{State.page}: {words!r} links to the glossary, which has no such term")
        found[State.terms[name].row] = State.terms[name]
    terms = list(found.values())
    return Term(" ".join(f"{term.meaning}." for term in terms), terms[0].row)
