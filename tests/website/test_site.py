"""The website, built and read without a network: `make test-site`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser import chromium, serve
from tests.conftest import ONE_THREAD, ROOT

pytestmark = pytest.mark.browser
NOBODY_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
BUILD = ROOT / "website" / "build.py"
NO_NETWORK = """
import socket
def refuse(self, address, *rest):
    open({log!r}, "a").write(f"{{address}}\\n")
    raise OSError("there is no network here")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda host, *rest, **more: refuse(None, host)
"""
LESSONS = [
    "Lesson 0: setup",
    "Lesson 1: gym",
    "Lesson 2: baselines",
    "Lesson 3: observations",
    "Lesson 4: tuning",
    "Lesson 5: values",
    "Lesson 6: beyond",
    "Lesson 7: the twin",
]
READ_PAGE = """() => {
  const left = document.querySelector(".md-content").cloneNode(true);
  left.querySelectorAll("pre, code, .katex").forEach(part => part.remove());
  return {
    equations: document.querySelectorAll(".equation").length,
    drawn: document.querySelectorAll(".equation .katex-html").length,
    errors: document.querySelectorAll(".katex-error").length,
    dollars: left.textContent.match(/.{0,20}[$].{0,20}/g),
    marks: left.textContent.match(/.{0,20}(\\*\\*|`|<!--|<\\/?details>|\\]\\().{0,20}/g),
    tooWide: document.documentElement.scrollWidth > window.innerWidth,
  };
}"""


class Parts(HTMLParser):
    """What a page points to, what can be pointed to, and the pictures of its text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "img" and found.get("alt") != "logo":
            self.pictures.append(found)
        for url in (found.get("href"), found.get("src")):
            if url is not None:
                (self.links if tag == "a" else self.loaded).append(url)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by a process that cannot reach any other host, in a folder with a folder above it."""
    folder = tmp_path_factory.mktemp("website")
    log = folder / "connections"
    (folder / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(log)))
    out = folder / "served" / "project" / "site"
    done = subprocess.run(
        [sys.executable, BUILD, "--out", out],
        env={**ONE_THREAD, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert not log.exists(), log.read_text()
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is, which is not the root of the server."""
    with serve(site.parents[1]) as address:
        yield f"{address}/project/site/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(NOBODY_ELSE) as browser:
        yield browser


@pytest.fixture
def page(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A window, whose pages have no errors, and ask nobody but the site for anything."""
    width, colours = getattr(request, "param", (1280, "light"))
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
    troubles: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:", "file:")):
            troubles.append(f"{page.url} asks for {request.url}")

    page.on("request", asked)
    page.on("console", lambda message: message.type == "error" and troubles.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on("response", lambda answer: answer.status >= 400 and troubles.append(f"{answer.status}: {answer.url}"))
    yield page
    page.close()
    assert troubles == []


def equations_of(file: Path) -> int:
    """How many equations some Markdown has outside of its code."""
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"^ *```.*?^ *```$|`[^`]+`", "", text, flags=re.MULTILINE | re.DOTALL)
    return len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.DOTALL))


def search(page: Any, word: str) -> list[str]:
    """What the search finds, after it was typed like a reader would."""
    page.get_by_placeholder("Search").click()
    page.get_by_placeholder("Search").press_sequentially(word)
    results = page.locator(".md-search-result__link")
    expect(results.first).to_be_visible(timeout=30_000)
    return [link.get_attribute("href") for link in results.all()]


@pytest.mark.parametrize("page", [(390, "light")], indirect=True, ids=str)
def test_every_page_is_shown_with_its_equations_and_fits_on_a_phone(page: Any, site: Path, address: str) -> None:
    pages = sorted(file.relative_to(site).as_posix() for file in site.rglob("*.html") if file.name != "404.html")
    assert len(pages) > 50
    written = {
        file.relative_to(ROOT).as_posix().replace("README", "index").replace(".md", ".html"): equations_of(file)
        for file in ROOT.glob("lessons/**/*.md")
    }
    wrong, equations = {}, {}
    page.add_init_script("window.Worker = class extends EventTarget { postMessage() {} }")  # no search: half the time
    for name in pages:
        page.goto(address + name, wait_until="load" if name in written else "domcontentloaded")
        seen = page.evaluate(READ_PAGE)
        equations[name] = seen["drawn"]
        if seen["drawn"] != seen["equations"] or any(seen[key] for key in ("errors", "dollars", "marks", "tooWide")):
            wrong[name] = seen
    assert wrong == {}
    assert sum(written.values()) > 150
    assert {name: equations[name] for name in written} == written


def test_every_link_picture_and_file_exists_and_nothing_comes_from_elsewhere(site: Path) -> None:
    parts = {file: Parts(file) for file in site.rglob("*.html") if file.name != "404.html"}
    broken = []
    for file, part in parts.items():
        broken += [f"{file}: loads {url}" for url in part.loaded if urlsplit(url).netloc]
        for url in (*part.links, *part.loaded):
            path, anchor = urldefrag(url)
            if urlsplit(url).scheme or urlsplit(url).netloc:
                continue
            target = (file.parent / unquote(path)).resolve() if path else file
            if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in parts[target].ids):
                broken.append(f"{file}: {url}")
    assert broken == []
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8") and "@import" not in sheet.read_text(
            encoding="utf-8"
        )


def test_pictures_are_loaded_late_and_keep_their_place(site: Path) -> None:
    pictures = [picture for file in site.rglob("*.html") for picture in Parts(file).pictures]
    assert len(pictures) > 60
    for picture in pictures:
        assert picture["loading"] == "lazy" and picture["alt"]
        assert int(picture["width"] or 0) > 100 and int(picture["height"] or 0) > 100


def test_a_picture_far_below_is_asked_for_when_it_comes_near(page: Any, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(f"{address}lessons/1_gym/index.html", wait_until="load")
    assert "1.4_policy_gradient.gif" not in asked
    with page.expect_response(re.compile("1.4_policy_gradient.gif")):
        page.locator("img[src$='1.4_policy_gradient.gif']").scroll_into_view_if_needed()


def test_a_term_shows_what_it_means_and_leads_to_its_row(page: Any, address: str) -> None:
    page.goto(f"{address}lessons/1_gym/index.html")
    term = page.get_by_role("link", name="advantage", exact=True)
    term.hover()
    tip = page.locator(".md-tooltip2--active")
    expect(tip).to_have_text("How much better than expected it turned out.")
    term.click()
    row = page.locator("tr:target")
    expect(row).to_contain_text("how much better than expected it turned out")
    expect(row).to_be_in_viewport()


def test_a_term_shows_what_it_means_to_the_keyboard(page: Any, address: str) -> None:
    page.goto(f"{address}lessons/1_gym/index.html")
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Life, game, score").focus()
    expect(page.locator(".md-tooltip2--active")).to_have_text(
        "A game has 5 lives. The sum of the points of one whole game; 864 is the most there is."
    )


def test_next_and_back_go_through_the_lessons_in_order(page: Any, site: Path, address: str) -> None:
    page.goto(f"{address}index.html")
    page.locator(".md-footer__link--next").click()
    expect(page).to_have_title(f"{LESSONS[0]} - RLbreakout")
    file = site / "lessons" / "0_setup" / "index.html"
    for way, titles in (("next", LESSONS[1:]), ("prev", LESSONS[-2::-1])):
        for title in titles:
            text = file.read_text(encoding="utf-8")
            (link,) = re.findall(rf'<a href="([^"]+)" class="md-footer__link md-footer__link--{way}"', text)
            file = (file.parent / link).resolve()
            assert f"<title>{title} - RLbreakout</title>" in file.read_text(encoding="utf-8")


def test_the_search_finds_the_lesson_that_explains_a_word(page: Any, address: str) -> None:
    page.goto(f"{address}index.html")
    found = search(page, "advantage")
    assert any("1_gym/index.html" in url for url in found) and not any(".py.html" in url for url in found)


@pytest.mark.parametrize("page", [(1280, "dark")], indirect=True, ids=str)
def test_colours_follow_the_system_until_they_are_chosen(page: Any, address: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page.goto(f"{address}index.html")
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
    light = page.evaluate(background)
    assert light != dark
    for _ in ("light", "dark"):
        page.locator(".md-header__option label:visible").click()
    assert page.evaluate(background) == dark
    page.reload()
    assert page.evaluate(background) == dark


def test_a_command_can_be_copied_and_its_script_read(page: Any, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}lessons/1_gym/index.html")
    block = page.locator(".highlight", has_text="python lessons/1_gym/1.4_policy_gradient.py").first
    block.hover()
    block.get_by_title("Copy to clipboard").click()
    expect(page.get_by_text("Copied to clipboard")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").strip() == "python lessons/1_gym/1.4_policy_gradient.py"
    block.get_by_role("link").click()
    expect(page.locator(".md-content")).to_contain_text("loss = -(")


def test_the_home_page_leads_to_the_game_and_the_game_begins(page: Any, address: str) -> None:
    page.goto(f"{address}index.html")
    page.get_by_role("link", name="here in your browser").click()
    expect(page.locator("#breakout-time")).not_to_have_text("0:00", timeout=30_000)


def test_it_can_be_read_and_searched_in_a_folder_without_a_server(page: Any, site: Path) -> None:
    page.goto((site / "lessons" / "0_setup" / "index.html").as_uri())
    page.locator(".md-footer__link--next").click()
    expect(page).to_have_title("Lesson 1: gym - RLbreakout")
    expect(page.locator(".equation .katex").first).to_be_visible()
    assert search(page, "emulator")


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run([sys.executable, BUILD, "--out", tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and (tmp_path / "thesis.txt").read_text() == "years of work"
    assert done.stderr == f"--out {tmp_path}: something else is there; name a new folder, or one with a site in it\n"
