"""The page's server: it obeys its own page, refuses everybody else, and outlives tabs, mistakes and changed models."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from aiohttp.test_utils import TestServer
from PIL import Image

from rlbreakout.agents.save_load import load_agent
from rlbreakout.breakout.rules import FIRE, LEFT
from rlbreakout.watch import WatchedGame
from rlbreakout.watch import server as watch_server
from rlbreakout.watch.newest import Newest
from rlbreakout.watch.server import FILES, MOST_TABS, Show, is_host_allowed, make_app
from tests.conftest import ONE_THREAD, rlbreakout


class Page:
    """What a browser tab does."""

    def __init__(self, talk) -> None:
        self.talk = talk

    async def send(self, **command: object) -> None:
        await self.talk.send_json(command)

    async def until(self, wanted: Callable[[dict], bool]) -> dict:
        """The next message that is wanted."""
        while True:
            message = json.loads((await asyncio.wait_for(self.talk.receive(), 60)).data)
            if wanted(message):
                return message

    async def step(self) -> dict:
        return await self.until(lambda message: "frames" in message)


def with_server(show: Show, use: Callable[[TestServer, ClientSession], Awaitable[None]]) -> None:
    async def run() -> None:
        server = TestServer(make_app(show))
        await server.start_server()
        async with ClientSession() as client:
            await use(server, client)
        await server.close()

    asyncio.run(run())


async def open_tab(server: TestServer, client: ClientSession, origin: str | None = None) -> Page:
    url = server.make_url("/")
    return Page(await client.ws_connect(url.join(url.with_path("/socket")), origin=origin or str(url.origin())))


@pytest.fixture(scope="module")
def agent() -> Newest:
    return Newest("random")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_server, "SECONDS_BETWEEN_GAMES", 0.1)


def test_a_tab_is_shown_a_game_and_its_commands_are_obeyed(agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        about = await page.until(lambda message: "about" in message)
        assert about["about"]["name"] == "random" and about["about"]["rival"] is None
        first = await page.step()
        assert first["steps"] == 0 and first["lives"] == 5 and first["probabilities"] == [0.25] * 4
        with Image.open(BytesIO(base64.b64decode(first["frames"][0]))) as image:
            assert image.size == (160, 210)
        assert (await page.step())["steps"] == 1
        await page.send(pause=True)
        await page.send(step=True)
        paused = await page.until(lambda message: message.get("paused"))
        await page.send(step=True)
        assert (await page.step())["steps"] == paused["steps"] + 1
        await page.send(pause=False)
        await page.send(speed=16)
        assert len((await page.until(lambda message: message.get("seconds", 1) < 0.01))["frames"]) == 1
        over = await page.until(lambda message: message.get("over"))
        assert over["lives"] == 0 and over["seed"] == 0
        assert (await page.until(lambda message: message.get("steps") == 0))["seed"] == 1
        await page.send(restart=77)
        assert (await page.until(lambda message: message.get("steps") == 0))["seed"] == 77
        await page.send(gif=True)
        gif = await page.until(lambda message: "gif" in message)
        assert base64.b64decode(gif["gif"]).startswith(b"GIF89a")

    with_server(Show(agent), use)


def test_a_human_plays_beside_the_rival(agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        first = await page.step()
        assert first["human"] and first["rival"] == {"score": 0, "lives": 5}
        assert (await page.until(lambda message: message.get("steps", 0) >= 3))["path"] == []
        await page.send(joystick=FIRE)
        await page.send(joystick=0)  # the key is up again before the next step
        assert (await page.until(lambda message: message.get("action") == FIRE))["human"]
        await page.send(joystick=LEFT)
        assert [(await page.until(lambda message: message.get("action") == LEFT))["action"] for _ in range(3)]
        await page.send(human=False)
        taken = await page.until(lambda message: message.get("human") is False)
        assert taken["steps"] > 3

    with_server(Show(agent, rival=load_agent("random", seed=1)), use)


@pytest.mark.parametrize(
    "command",
    [
        {"speed": 0.1},
        {"speed": "fast"},
        {"speed": float("nan")},
        {"joystick": 9},
        {"joystick": True},
        {"restart": -1},
        {"restart": 2_000_000_001},
        {"sticky": 2},
        {"pause": 1},
        {"step": True, "pause": True},
        {"open": "/etc/passwd"},
        {},
        [],
        "pause",
    ],
)
def test_a_command_that_is_none_is_answered_and_the_game_goes_on(command: object, agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        await page.talk.send_str(json.dumps(command))
        assert await page.until(lambda message: "error" in message)
        before = await page.step()
        assert (await page.step())["steps"] > before["steps"]

    with_server(Show(agent), use)


def test_a_game_that_breaks_says_so_on_the_page(
    agent: Newest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        await page.step()
        monkeypatch.setattr(WatchedGame, "play", lambda game, action: 1 / 0)
        told = await page.until(lambda message: "error" in message)
        assert (
            told["error"]
            == "the game has ended with an error, which the terminal shows: division by zero; begin a new game"
        )
        monkeypatch.undo()
        await page.send(restart=4)
        assert (await page.until(lambda message: message.get("seed") == 4))["steps"] == 0

    with_server(Show(agent), use)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_commands_that_come_while_the_first_game_begins_are_obeyed(
    agent: Newest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        for command in ({"pause": True}, {"greedy": True}, {"restart": 9}, {"human": True}):
            await page.send(**command)
        shown = await page.until(lambda message: message.get("seed") == 9)
        assert shown["steps"] == 0 and shown["human"] and shown["paused"]

    with_server(Show(agent), use)


def test_what_is_no_json_is_answered_too(agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        page = await open_tab(server, client)
        await page.talk.send_str("{")
        assert await page.until(lambda message: "error" in message)
        await page.talk.send_str("x" * 10_000)  # too long: the tab is closed, and the server goes on
        with pytest.raises((TypeError, ValueError)):
            await page.until(lambda _: False)
        assert (await (await open_tab(server, client)).step())["steps"] == 0

    with_server(Show(agent), use)


def test_tabs_play_games_of_their_own_and_may_be_closed(agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        pages = [await open_tab(server, client) for _ in range(MOST_TABS)]
        await pages[0].send(restart=5)
        assert (await pages[0].until(lambda message: message.get("seed") == 5))["steps"] == 0
        assert (await pages[1].step())["seed"] == 0
        one_too_many = await open_tab(server, client)
        assert "close one of them" in (await one_too_many.until(lambda message: "error" in message))["error"]
        await pages[0].talk.close()
        again = await open_tab(server, client)
        assert (await again.step())["steps"] == 0
        assert (await pages[1].step())["steps"] > 0

    with_server(Show(agent), use)


def test_only_its_own_page_is_served_and_may_talk(agent: Newest) -> None:
    async def use(server: TestServer, client: ClientSession) -> None:
        url = server.make_url("/")
        for path in FILES:
            async with client.get(url.with_path(path)) as answer:
                assert answer.status == 200 and "default-src 'self'" in answer.headers["Content-Security-Policy"]
        for path in (
            "/../server.py",
            "/server.py",
            "/page/index.html",
            "/index.html",
            "/etc/passwd",
            "/%2e%2e/game.py",
        ):
            async with client.get(url.with_path(path, encoded=True)) as answer:
                assert answer.status == 404, path
        for host in ("evil.example", "127.0.0.1.evil.example:80", "192.168.0.1", "[::2]", "[", ""):
            async with client.get(url, headers={"Host": host}) as answer:
                assert answer.status in (400, 403), host
        async with client.get(url, headers={"Host": "localhost:9999"}) as answer:
            assert answer.status == 200, "a forwarded port has another number"
        for origin in ("http://evil.example", f"http://127.0.0.1:{url.port + 1}", "null", ""):
            with pytest.raises(WSServerHandshakeError, match="403"):
                await client.ws_connect(url.with_path("/socket"), headers={"Origin": origin} if origin else {})

    with_server(Show(agent), use)


def test_with_another_address_names_that_anybody_can_register_stay_refused() -> None:
    assert is_host_allowed("10.0.0.7:80", "0.0.0.0") and is_host_allowed("[fe80::1]:80", "::")
    assert is_host_allowed(f"{socket.gethostname()}:80", "0.0.0.0") and is_host_allowed("mine.lan", "mine.lan")
    assert not is_host_allowed("evil.example:80", "0.0.0.0") and not is_host_allowed("10.0.0.7", "127.0.0.1")


def test_a_newer_model_plays_on_and_a_damaged_one_does_not(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    monkeypatch.setattr("rlbreakout.watch.newest.SECONDS", 0.0)
    newest = Newest(str(run), newest=True)
    about = run / "last" / "model.yaml"

    async def use(server: TestServer, client: ClientSession) -> None:
        pages = [await open_tab(server, client) for _ in range(2)]
        assert [(await page.step())["newest"] for page in pages] == ["after 256 agent steps"] * 2
        about.write_text(about.read_text().replace("steps: 256", "steps: 999"))
        for page in pages:
            assert (await page.until(lambda message: message.get("newest") == "after 999 agent steps"))["steps"] > 0
        (run / "last" / "policy.safetensors").write_bytes(b"cut off")
        about.write_text(about.read_text().replace("steps: 999", "steps: 1000"))
        before = (await pages[0].step())["steps"]
        assert (await pages[0].until(lambda m: m.get("steps", 0) > before + 5))["newest"] == "after 999 agent steps"
        shutil.rmtree(run)
        assert (await pages[0].until(lambda m: m.get("steps", 0) > before + 10))["score"] >= 0

    with_server(Show(newest), use)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--port", "70000"), "port is 70000; allowed: 0 to 65535"),
        (("--host", "192.0.2.1"), "host '192.0.2.1' cannot be listened on; allowed: an address of this computer"),
        (("--host", "a..b"), "host 'a..b' cannot be listened on"),
        (("--host", "no such host"), "host 'no such host' cannot be listened on"),
        (("--env-id", "ALE/Pong-v5"), "ALE/Pong-v5"),
        (("--seed", "-1"), "seed"),
        (("--newest",), "random has no last/ with a model; --newest is for the run folder of a training"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(options: tuple[str, ...], message: str) -> None:
    done = rlbreakout("watch", "random", "--no-browser", *options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = rlbreakout("watch", "random", "--no-browser", "--port", str(port))
    assert done.returncode == 2
    assert (
        done.stderr
        == f"rlbreakout watch: error: port {port} is in use; allowed: another one, or 0 for any that is free\n"
    )


def test_the_command_prints_its_address_and_ends_quietly() -> None:
    command = [sys.executable, "-m", "rlbreakout.cli", "play", "--no-browser", "--host", "0.0.0.0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("open http://0.0.0.0:")
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and output == "\nstopped\n"
    assert errors == "warning: everybody who can reach this computer can open this page (0.0.0.0)\n"
