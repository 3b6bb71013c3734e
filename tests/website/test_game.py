"""The game in the browser, against the twin, and as somebody plays it: `make test-site`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from rlbreakout.agents import build_algorithm, load_agent, save_model
from rlbreakout.common.errors import UserError
from rlbreakout.config import with_values
from rlbreakout.envs import make_evaluation_env, make_vec_env
from rlbreakout.observation.blocks import entries_of
from tests.browser import chromium, serve
from tests.conftest import ROOT, twin_config
from tests.website.game_traces import (
    Games,
    first_difference,
    good_games,
    random_games,
    situations,
    trace_javascript,
    trace_python,
    unusual_games,
)
from website.export_game import PAGE, export_game, export_page, main

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the page of the champion in `champion/`."""
    folder = tmp_path_factory.mktemp("site")
    export_page(folder / "champion")
    (folder / "favicon.ico").touch()  # a browser asks for it
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of the width and with the colours that a test asks for; no error may be in its console."""
    settings: Any = getattr(request, "param", (1280, "light"))
    width, colours = settings
    page, errors = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours), list[str]()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def bare(page: Page, address: str) -> Page:
    """A window in which no game runs, with the files of the champion's page beside its document."""
    page.goto(f"{address}/champion/policy.json")
    return page


@pytest.fixture
def game(page: Page, address: str) -> Page:
    """The champion's page, when its game has begun."""
    page.goto(f"{address}/champion/")
    expect(page.locator("#breakout-player")).to_have_text("the champion-policy plays", timeout=60_000)
    return page


# The same game as in Python.


def compare(page: Page, games: Games, agent: str | Path) -> dict[str, int]:
    """Compare every frame of `games`, and what `agent` sees and thinks. Returns the number of frames in situations."""
    loaded = load_agent(agent)
    names: Any = loaded.config.observation.blocks
    python = trace_python(games, loaded.player, names)  # type: ignore[arg-type]
    javascript = trace_javascript(page, games, python)
    assert first_difference(games, python, javascript, [entry.name for entry in entries_of(names)]) == ""
    return {"frames": python.states.size, **situations(python)}


RARE: dict[Callable[[int, int], Games], tuple[int, int, set[str]]] = {
    random_games: (8, 750, {"first wall is built", "whole wall", "game over"}),
    unusual_games: (
        340,
        24,
        {"foot of the side walls", "clock over", "game over", "second wall is built", "narrow paddle", "no brick"},
    ),
    good_games: (120, 64, {"few bricks", "no brick", "second wall", "second wall is built", "narrow paddle"}),
}
"""Games, frames of each, and what must come up in them: 21,840 frames."""


@pytest.mark.parametrize("make", RARE, ids=lambda make: make.__name__)
def test_every_frame_and_every_thought_is_pythons(bare: Page, make: Callable[[int, int], Games]) -> None:
    n, frames, rare = RARE[make]
    seen = compare(bare, make(n, frames), "champion-policy")
    assert seen["frames"] == n * frames
    assert [what for what in rare if not seen[what]] == []


def small_agent(folder: Path, *overrides: str) -> Path:
    """An agent that has not learned anything."""
    config = twin_config(*overrides)
    return save_model(build_algorithm(config, make_vec_env(config)), folder, config)


def test_another_network_with_other_blocks_thinks_the_same(page: Page, folder: Path, address: str) -> None:
    blocks = "observation.blocks=[clock, arrival, now, choices, fresh_choices]"
    agent = small_agent(folder / "agent", blocks, "network.net_arch=[24, 7]", "network.activation=relu")
    export_page(folder / "small", str(agent))
    page.goto(f"{address}/small/policy.json")
    assert compare(page, random_games(2, 200), agent)["frames"] == 400


@pytest.mark.parametrize("frame_skip", [4, 6])
def test_a_greedy_game_is_launched_held_and_ended_as_in_the_twin(bare: Page, frame_skip: int) -> None:
    """Without sticky actions and idle frames nothing is left to chance. With 6 frames a step it loses lives."""
    agent = load_agent("champion-policy")
    how = {"env.repeat_action_probability": 0.0, "env.noop_max": 0, "env.frame_skip": frame_skip}
    env: Any = make_evaluation_env(with_values(agent.config, how), n_envs=1, seed=0, twin=True)
    observations, over, trail = env.reset(), False, list[list[int]]()
    while not over:
        actions, _ = agent.player.predict(observations, deterministic=True)
        observations, _, (over,), (info,) = env.step(actions)
        if not over:
            state = env.states[0]
            trail.append([state[name].item() for name in ("score", "lives", "clock", "paddle", "ball_x", "ball_y")])
    play = """async (frameSkip) => {
        const [{Game}, {loadPolicy}] = await Promise.all(
            ["whole_game", "network"].map((name) => import(new URL(`${name}.js`, location.href))));
        const game = new Game(await loadPolicy(location.href), {seed: 0, sticky: 0, frameSkip, noopMax: 0});
        game.greedy = true;
        const trail = [];
        for (;;) {
            game.playStep();
            const {score, lives, clock, paddle, ballX, ballY} = game.state;
            if (game.over) return {trail, steps: game.steps, score, stalled: game.stalled};
            trail.push([score, lives, clock, paddle, ballX, ballY]);
        }
    }"""
    theirs = bare.evaluate(play, frame_skip)
    same = [ours == other for ours, other in zip(trail, theirs["trail"], strict=False)]
    assert all(same), f"step {same.index(False)}: {theirs['trail'][same.index(False)]}, {trail[same.index(False)]}"
    ours = {"steps": info["episode"]["l"], "score": info["episode"]["r"], "stalled": info["episode"]["stalled"]}
    assert {name: theirs[name] for name in ours} == ours
    assert len(theirs["trail"]) == len(trail)


def test_20_sampled_games_are_as_good_as_the_agents_in_the_emulator(bare: Page) -> None:
    play = """async (n) => {
        const [{Game}, {loadPolicy}] = await Promise.all(
            ["whole_game", "network"].map((name) => import(new URL(`${name}.js`, location.href))));
        const policy = await loadPolicy(location.href), scores = [];
        for (let seed = 0; seed < n; seed++) {
            const game = new Game(policy, {...policy.about, seed});
            while (!game.over) game.playStep();
            scores.push(game.state.score);
        }
        return {scores, sticky: policy.about.sticky};
    }"""
    played = bare.evaluate(play, 20)
    rows = json.loads((ROOT / "results" / "6.4_champion_everywhere.json").read_text())["rows"]
    (emulator,) = (each for row in rows for each in row["evaluations"] if each.get("shown"))
    assert emulator["games"] == 100 and emulator["game"] == "as trained" and played["sticky"] == 0.25
    assert len(played["scores"]) == 20
    assert np.mean(played["scores"]) >= 0.95 * emulator["score"], played["scores"]


def test_random_numbers_are_uniform_and_belong_to_seed_and_stream(bare: Page) -> None:
    draws = bare.evaluate("""async () => {
        const {seedRandom} = await import(new URL("random.js", location.href));
        return [[1, 2], [1, 2], [1, 3], [2, 2]].map(([seed, stream]) => {
            const random = seedRandom(seed, stream);
            return Array.from({length: 20000}, random);
        });
    }""")
    first, again, other_stream, other_seed = np.array(draws)
    assert np.array_equal(first, again)
    for other in (other_stream, other_seed):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03
    shares = np.histogram(first, bins=10, range=(0, 1))[0] / len(first)
    assert shares.sum() == 1 and shares == pytest.approx(0.1, abs=0.01)


# What is exported.


@pytest.mark.parametrize(
    "override, what",
    [
        ("network.activation=tanh", "its layers are Linear, Tanh, Linear; allowed: Linear with ReLU between them"),
        ("observation.frame_stack=2", "its observation.frame_stack is 2; allowed: 1"),
        ("observation.kind=image", "its observation.kind is 'image'; allowed: 'coordinates'"),
        ("env.id=Breakout-v4", "Breakout-v4 draws its frame skip; allowed: one that does not"),
    ],
)
def test_an_agent_that_the_page_cannot_play_is_refused(tmp_path: Path, override: str, what: str) -> None:
    agent = small_agent(tmp_path / "agent", "network.activation=relu", override)
    with pytest.raises(UserError, match=re.escape(what)):
        export_game(tmp_path / "game", str(agent))
    assert not (tmp_path / "game").exists()


def test_the_command_writes_a_page_and_says_a_mistake_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "game"
    monkeypatch.setattr("sys.argv", ["export_game.py", str(folder)])
    main()
    assert capsys.readouterr().out == f"python -m http.server --directory {folder}\n"
    assert {file.name for file in PAGE.iterdir()} < {file.name for file in folder.iterdir()}
    monkeypatch.setattr("sys.argv", ["export_game.py", str(folder), "--agent", "nobody"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count("\n") == 1 and "'nobody' does not exist" in said


# The page.


def paddle(page: Page) -> int:
    """The column at which the paddle on the page begins."""
    row = "[...document.getElementById('breakout-screen').getContext('2d').getImageData(24, 572, 432, 1).data]"
    return page.evaluate(f"{row}.findIndex((value, i) => i % 4 === 0 && value > 100) / 3 / 4 + 8")


def points(page: Page) -> int:
    return int(page.inner_text("#breakout-score"))


def seconds(page: Page) -> int:
    minutes, seconds = page.inner_text("#breakout-time").split(":")
    return 60 * int(minutes) + int(seconds)


def take_over(page: Page) -> None:
    """A new game that somebody plays, without the drawn path of the ball, whose end looks like a paddle."""
    page.uncheck("#breakout-path")
    page.check("#breakout-human")
    page.click("#breakout-restart")
    expect(page.locator("#breakout-message")).to_have_text("space launches the ball")


def test_arrow_keys_move_the_paddle_and_space_launches_the_ball(game: Page) -> None:
    take_over(game)
    places = {}
    for key in ("ArrowRight", "ArrowLeft"):
        game.keyboard.down(key)
        game.wait_for_timeout(1500)
        game.keyboard.up(key)
        places[key] = paddle(game)
    assert places["ArrowRight"] > places["ArrowLeft"] + 60
    game.keyboard.press(" ", delay=200)
    expect(game.locator("#breakout-message")).to_have_text("")


def test_an_arrow_key_takes_over_and_escape_hands_back(game: Page) -> None:
    game.click("#breakout-screen")
    assert not game.is_checked("#breakout-human")
    game.keyboard.press("ArrowLeft")
    assert game.is_checked("#breakout-human") and game.inner_text("#breakout-player") == "you play"
    game.keyboard.press("Escape")
    assert not game.is_checked("#breakout-human") and game.inner_text("#breakout-player") == "the champion-policy plays"


def test_a_finger_on_the_picture_moves_the_paddle(game: Page) -> None:
    take_over(game)
    game.click("#breakout-pause")
    game.keyboard.down(" ")
    game.keyboard.press("n")
    game.keyboard.up(" ")
    box = game.locator("#breakout-screen").bounding_box()
    assert box is not None
    places = []
    for part in (0.9, 0.1):
        game.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        game.mouse.down()
        for _ in range(9):  # before the ball is lost
            game.keyboard.press("n")
        game.mouse.up()
        places.append(paddle(game))
    assert places[0] > places[1] + 40
    assert game.inner_text("#breakout-message") == ""


def test_the_agent_scores_and_says_what_it_thinks(game: Page) -> None:
    game.select_option("#breakout-speed", "16")
    expect(game.locator("#breakout-score")).to_have_text(re.compile("^([5-9]|[1-9][0-9]+)$"), timeout=120_000)
    game.keyboard.press("p")
    expect(game.locator("#breakout-pause")).to_have_text("go on")
    rows = game.query_selector_all(".breakout-action")
    assert [row.inner_text().split()[0] for row in rows] == ["none", "fire", "right", "left"]
    assert sum(float(row.inner_text().split()[-1][:-1]) for row in rows) == pytest.approx(100, abs=0.3)
    assert re.match(r"^-?\d+\.\d\d \(the return", game.inner_text("#breakout-value"))
    game.click("summary")
    game.click("#breakout-step")
    assert float(game.inner_text("#breakout-seen tr >> nth=0 >> td >> nth=1")) in (0, 1)


def test_pause_and_one_step(game: Page) -> None:
    game.click("#breakout-pause")
    before = game.inner_text("#breakout-time"), picture(game)
    game.wait_for_timeout(500)
    assert (game.inner_text("#breakout-time"), picture(game)) == before
    for _ in range(15):
        game.keyboard.press("n")
    assert seconds(game) - int(before[0][-1]) in (1, 2)  # 60 frames
    assert picture(game) != before[1]
    game.keyboard.press("p")
    expect(game.locator("#breakout-pause")).to_have_text("pause")


def picture(page: Page) -> str:
    return page.evaluate("document.getElementById('breakout-screen').toDataURL()")


def test_speed(game: Page) -> None:
    passed = {}
    for speed in ("0.25", "8"):
        game.select_option("#breakout-speed", speed)
        before = seconds(game)
        game.wait_for_timeout(1_200)
        passed[speed] = seconds(game) - before
    assert passed["0.25"] <= 1 and passed["8"] >= 4


def test_a_seed_is_a_game_and_sticky_actions_and_greed_make_another(game: Page) -> None:
    game.click("#breakout-pause")

    def play(seed: str, *, sticky: str = "0.25", greedy: bool = False) -> str:
        game.select_option("#breakout-sticky", sticky)
        game.set_checked("#breakout-greedy", greedy)
        game.fill("#breakout-seed", seed)
        game.keyboard.press("Enter")
        return game.evaluate("""() => Array.from({length: 120}, (_, i) => {
            document.getElementById("breakout-step").click();
            return i % 10 ? "" : document.getElementById("breakout-screen").toDataURL();
        }).join(" ")""")

    first = play("12")
    assert game.input_value("#breakout-seed") == "12"
    assert play("12") == first
    others = [play("13"), play("12", sticky="0.5"), play("12", greedy=True), play("12", sticky="0")]
    assert len({first, *others}) == 5


def test_a_wrong_seed_is_said(game: Page) -> None:
    game.fill("#breakout-seed", "-5")
    game.click("#breakout-restart")
    expect(game.locator("#breakout-message")).to_have_text("the seed must be a whole number from 0 to 2000000000")


def test_the_path_of_the_ball_can_be_hidden(game: Page) -> None:
    expect(game.locator("#breakout-time")).to_have_text("0:03")
    game.click("#breakout-pause")
    shown = picture(game)
    game.uncheck("#breakout-path")
    assert picture(game) != shown


def test_a_game_that_stalls_ends_and_the_next_one_begins(page: Page, folder: Path, address: str) -> None:
    """In a copy of the page that is less patient."""
    shutil.copytree(folder / "champion", folder / "impatient", dirs_exist_ok=True)
    constants = folder / "impatient" / "constants.js"
    constants.write_text(constants.read_text().replace("STALLED_AFTER = 5000", "STALLED_AFTER = 9"))
    page.goto(f"{address}/impatient/")
    message = "stalled: no point for a long time: 0 points; the next game begins soon"
    expect(page.locator("#breakout-message")).to_have_text(message)
    expect(page.locator("#breakout-seed")).to_have_value("1", timeout=30_000)


def test_weights_that_are_missing_are_said_and_one_can_still_play(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.route("**/policy.bin", lambda route: route.fulfill(status=404))
    page.goto(f"{address}/champion/")
    expect(page.locator("#breakout-message")).to_have_text(
        "The agent cannot be loaded: policy.bin is missing (404). You can play by yourself."
    )
    assert page.is_hidden("#breakout-mind")
    page.click("#breakout-screen")
    page.keyboard.down("ArrowRight")
    expect(page.locator("#breakout-time")).to_have_text("0:02")
    assert paddle(page) > 110
    page.close()


# On a site.


def test_keys_outside_of_the_game_are_the_sites_and_keys_inside_are_not(page: Page, folder: Path, address: str) -> None:
    fragment = (PAGE / "game.html").read_text()
    (folder / "site.html").write_text(f"""<!doctype html>
<html><head><link rel="icon" href="data:,"><link rel="stylesheet" href="champion/game.css"></head>
<body data-md-color-scheme="slate"><input id="search">{fragment}<script type="module" src="champion/play.js"></script>
<script>const seen = []; addEventListener("keydown", ({{ key }}) => seen.push(key));</script></body></html>""")
    page.goto(f"{address}/site.html")
    expect(page.locator("#breakout-time")).not_to_have_text("0:00")
    page.click("#search")
    page.keyboard.type("prn n")
    page.keyboard.press("ArrowLeft")
    assert page.input_value("#search") == "prn n"
    assert page.inner_text("#breakout-pause") == "pause" and not page.is_checked("#breakout-human")
    outside = page.evaluate("seen.length")
    page.click("#breakout-screen")
    page.keyboard.type("pn p")
    page.keyboard.press("s")
    assert page.evaluate("seen.length") == outside + 1
    assert bar_colour(page) == DARK


LIGHT, DARK = "rgb(11, 98, 196)", "rgb(108, 178, 255)"


def bar_colour(page: Page) -> str:
    return page.locator(".breakout-bar i").first.evaluate("bar => getComputedStyle(bar).backgroundColor")


@pytest.mark.parametrize(
    "page", [(390, "dark"), (390, "light"), (1280, "dark"), (1920, "light")], indirect=True, ids=str
)
def test_nothing_is_wider_than_the_window(game: Page, request: pytest.FixtureRequest) -> None:
    game.click("summary")
    assert game.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    _, colours = request.node.callspec.params["page"]
    assert bar_colour(game) == (DARK if colours == "dark" else LIGHT)
