"""The page in a real browser, without a display: `make test-site`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.conftest import ONE_THREAD

pytestmark = pytest.mark.browser


@contextmanager
def serving() -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of the page of `rlbreakout play`, and its process."""
    command = [sys.executable, "-m", "rlbreakout.cli", "play", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ONE_THREAD) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1], process
        process.terminate()


@contextmanager
def window(address: str, width: int, colours: str) -> Iterator[tuple[Any, list[str]]]:
    """The page in a window, when its game has begun, and the errors in its console."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
        errors: list[str] = []
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda sent: errors.append(sent.url))
        page.goto(address)
        expect(page.locator("#time")).not_to_have_text("0:00", timeout=60_000)
        yield page, errors


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as (address, _):
        yield address


@pytest.fixture
def page(address: str, request: pytest.FixtureRequest) -> Iterator:
    """The page in a window of the width and with the colours that a test asks for; no error may be in its console."""
    with window(address, *getattr(request, "param", (1280, "light"))) as (page, errors):
        yield page
    assert errors == []


def paddle(page) -> int:
    """The column at which the paddle on the page begins."""
    row = "[...document.getElementById('screen').getContext('2d').getImageData(24, 572, 432, 1).data]"
    return page.evaluate(f"{row}.findIndex((value, i) => i % 4 === 0 && value > 100) / 12 + 8")


def points(page) -> int:
    return int(page.inner_text("#score"))


def test_arrow_keys_move_the_paddle_and_space_launches_the_ball(page) -> None:
    assert page.is_checked("#human") and "champion, same seed" in page.inner_text("#rival")
    places = {}
    for key in ("ArrowRight", "ArrowLeft"):
        page.keyboard.down(key)
        page.wait_for_timeout(1500)
        page.keyboard.up(key)
        places[key] = paddle(page)
    assert places["ArrowRight"] > places["ArrowLeft"] + 60
    assert page.inner_text("#message") == "space launches the ball"
    page.keyboard.press(" ")
    expect(page.locator("#message")).to_have_text("")


def test_controls_give_the_keys_back_and_the_seed_can_be_typed(page) -> None:
    page.fill("#seed", "")
    page.type("#seed", "1234", delay=200)
    assert page.input_value("#seed") == "1234"
    page.keyboard.press("Enter")
    expect(page.locator("#time")).to_have_text("0:00")
    page.click("#restart")
    expect(page.locator("#message")).to_have_text("space launches the ball")
    page.keyboard.press(" ")
    expect(page.locator("#message")).to_have_text("")
    assert page.input_value("#seed") == "1234" and page.is_checked("#human")
    page.fill("#seed", "-5")
    page.click("#restart")
    expect(page.locator("#message")).to_have_text("the seed must be a whole number from 0 to 2000000000")


def test_a_finger_on_the_picture_moves_the_paddle(page) -> None:
    page.keyboard.press(" ")
    expect(page.locator("#message")).to_have_text("")
    box = page.locator("#screen").bounding_box()
    places = []
    for part in (0.9, 0.1):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        page.mouse.down()
        page.wait_for_timeout(1200)
        page.mouse.up()
        places.append(paddle(page))
    assert places[0] > places[1] + 40


def test_the_page_says_that_the_server_has_ended() -> None:
    """In a tab of its own, with a server of its own."""
    with serving() as (own, process), window(own, 1280, "light") as (page, _):
        process.terminate()
        expect(page.locator("#message")).to_have_text("the server has ended; start it again, and reload this page")


def test_the_agent_takes_over_and_scores(page) -> None:
    page.keyboard.press("Escape")
    page.select_option("#speed", "16")
    expect(page.locator("#score")).to_have_text(re.compile("^([5-9]|[1-9][0-9]+)$"), timeout=120_000)
    assert not page.is_checked("#human") and page.inner_text("#lives") == "5"
    page.keyboard.press("p")
    expect(page.locator("#pause")).to_have_text("go on")
    page.wait_for_timeout(300)
    rows = page.query_selector_all(".action")
    bars = [float(row.query_selector("i").get_attribute("style").split()[-1].rstrip("%;")) for row in rows]
    assert sum(bars) == pytest.approx(100, abs=0.3)
    values = [float(row.inner_text().split("Q")[-1]) for row in rows]  # what each action is worth to a planner
    assert max(range(4), key=bars.__getitem__) == max(range(4), key=values.__getitem__)
    before = page.inner_text("#time"), points(page)
    page.wait_for_timeout(700)
    assert (page.inner_text("#time"), points(page)) == before


def test_a_gif_is_saved(page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.click("#gif")
    file = tmp_path / "game.gif"
    download.value.save_as(file)
    assert file.read_bytes().startswith(b"GIF89a") and download.value.suggested_filename.endswith("-points.gif")


@pytest.mark.parametrize(
    "page", [(390, "dark"), (390, "light"), (1280, "dark"), (1920, "light")], indirect=True, ids=str
)
def test_nothing_is_wider_than_the_window(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("#seen").evaluate("image => image.complete && image.naturalWidth > 0")
