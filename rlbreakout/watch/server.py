"""The server of `rlbreakout watch` and `rlbreakout play`: one page, and a WebSocket for each browser tab.

Every tab plays a game of its own. The browser sends commands as JSON objects with one key, such as {"speed": 4}; the
server sends the page's settings once, and then an object for each agent step that is shown.

Any web page that is open in the same browser can send requests to 127.0.0.1. So only requests whose Host is this
computer are answered, and WebSockets must come from this server's own page.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import ipaddress
import os
import socket
import sys
import tempfile
import traceback
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from aiohttp import WSMsgType, web
from PIL import Image

from rlbreakout.agents.players import Agent
from rlbreakout.breakout.rules import N_ACTIONS, NONE
from rlbreakout.common.errors import UserError, one_line
from rlbreakout.config import MOST_SEED, check_seed
from rlbreakout.evaluation.video import write_video
from rlbreakout.watch.game import Step, WatchedGame
from rlbreakout.watch.newest import Newest

PAGE = Path(__file__).parent / "page"
FILES = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css"}
LOCAL = "127.0.0.1"
LEAST_SPEED, MOST_SPEED = 0.25, 16.0
MOST_TABS = 8
"""Games at once: each has an emulator of its own."""
MOST_MESSAGES_A_SECOND = 60
SECONDS_BETWEEN_GAMES = 3.0


@dataclass(frozen=True)
class Show:
    """What the page shows."""

    newest: Newest
    """Gives the agent that plays."""
    rival: Agent | None = None
    """Who plays the same seed beside somebody who plays by hand; None: nobody does, an agent is watched."""
    env_id: str | None = None
    seed: int = 0
    greedy: bool = False


class Tab:
    """The game of one browser tab. `in_thread` runs a function in the thread in which all games are played."""

    def __init__(self, show: Show, socket: web.WebSocketResponse, in_thread: Callable[..., Any]) -> None:
        self.show, self.socket, self.in_thread = show, socket, in_thread
        self.seed, self.greedy = show.seed, show.greedy
        self.sticky: float | None = None
        self.human, self.speed = show.rival is not None, 1.0
        self.joystick = self.pressed = NONE
        self.steps_to_make = np.inf
        self.game: WatchedGame | None = None
        self.rival: WatchedGame | None = None
        self._go_on = asyncio.Event()
        self._restart = True

    async def play(self) -> None:
        """Play one game after the other until the tab is closed."""
        clock = asyncio.get_running_loop().time
        due = sent_at = clock()
        while True:
            self._go_on.clear()  # before what it tells of is looked at
            if self._restart or self.game is None:
                self._restart = False
                game = await self.in_thread(self._begin)
                await self._send_step(game, game.step)
                due = clock()
                continue
            if self.steps_to_make < 1 or self.game.step.over:
                wait = None if self.human or self.steps_to_make < 1 else SECONDS_BETWEEN_GAMES
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._go_on.wait(), wait)
                    continue
                self.seed = (self.seed + 1) % (MOST_SEED + 1)
                self._restart = True
                continue
            self.steps_to_make -= 1
            step = await self.in_thread(self._step, self.game)
            due = max(due, clock() - 0.25) + 1 / (self.game.steps_per_second * self.speed)
            if clock() - sent_at >= 1 / MOST_MESSAGES_A_SECOND or step.over or self.steps_to_make < 1:
                await self._send_step(self.game, step)
                sent_at = clock()
            await asyncio.sleep(max(0.0, due - clock()))

    async def wait_for_a_new_game(self) -> None:
        """Something went wrong: wait until the page asks for another game."""
        while not self._restart:
            self._go_on.clear()
            await self._go_on.wait()

    def _begin(self) -> WatchedGame:
        self.close()
        agent = self.show.newest.agent
        game = partial(WatchedGame, seed=self.seed, env_id=self.show.env_id, sticky=self.sticky)
        self.game = begun = game(agent)
        if self.show.rival is not None:
            self.rival = game(self.show.rival)
        begun.human, begun.greedy = self.human, self.greedy  # as they are by now
        return begun

    def _step(self, game: WatchedGame) -> Step:
        if (newest := self.show.newest.look()) is not game.agent:
            if newest.config.observation == game.agent.config.observation:
                game.replace_player(newest)
            else:
                self._restart = True
        if self.rival is not None:
            self.rival.play()
        action, self.pressed = self.pressed or self.joystick, NONE  # a key may be up again by now
        return game.play(action if self.human else None)

    def close(self) -> None:
        """End the games."""
        for game in (self.game, self.rival):
            if game is not None:
                game.close()
        self.game = self.rival = None

    async def obey(self, command: dict[str, Any]) -> None:
        """Do what the page asks for. Raises UserError for what it cannot ask for."""
        if not isinstance(command, dict) or len(command) != 1:
            raise UserError(f"{command} is no command; allowed: an object with one key")
        ((name, value),) = command.items()
        if name == "joystick" and type(value) is int and 0 <= value < N_ACTIONS:
            self.joystick, self.pressed = value, value or self.pressed
        elif name == "pause" and type(value) is bool:
            self.steps_to_make = 0 if value else np.inf
        elif name == "step" and value is True:
            self.steps_to_make = 1
        elif name == "speed" and type(value) in (int, float) and LEAST_SPEED <= value <= MOST_SPEED:
            self.speed = float(value)
        elif name == "greedy" and type(value) is bool:
            self.greedy = value
            if self.game is not None:
                self.game.greedy = value
        elif name == "human" and type(value) is bool:
            self.human, self.joystick, self.pressed = value, NONE, NONE
            if self.game is not None:
                await self.in_thread(setattr, self.game, "human", value)
        elif name == "sticky" and (value is None or (type(value) in (int, float) and 0 <= value <= 1)):
            self.sticky, self._restart = value, True
        elif name == "restart" and type(value) is int:
            self.seed, self._restart = check_seed(value), True
        elif name == "gif" and value is True:
            if self.game is None:
                raise UserError("no game has begun yet")
            await self.socket.send_json({"gif": await self.in_thread(_gif, self.game)})
        else:
            raise UserError(f"{command} is no command that the page can give")
        self._go_on.set()

    async def _send_step(self, game: WatchedGame, step: Step) -> None:
        shown = step.frames if self.speed <= 1 else step.frames[:: -max(1, round(self.speed))][::-1]
        thoughts, rival = step.thoughts, self.rival
        message = {
            "frames": [png(frame) for frame in shown],
            "seen": png(step.seen),
            "seconds": 1 / (game.steps_per_second * self.speed),
            "probabilities": [round(float(each), 4) for each in thoughts.probabilities],
            "value": thoughts.value,
            "q_values": None if thoughts.q_values is None else [float(each) for each in thoughts.q_values],
            "path": step.path[::2],
            "landing": step.path[-1] if step.path else None,
            "action": step.action,
            "score": step.score,
            "lives": step.lives,
            "game_seconds": step.steps / game.steps_per_second,
            "steps": step.steps,
            "over": step.over,
            "stalled": step.stalled,
            "seed": game.seed,
            "human": self.human,
            "paused": self.steps_to_make < 1,
            "newest": self.show.newest.about,
            "rival": None if rival is None else {"score": rival.step.score, "lives": rival.step.lives},
        }
        await self.socket.send_json(message)


def _gif(game: WatchedGame) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _text(write_video(game.recording(), Path(folder) / "game.gif").read_bytes())


def png(picture: np.ndarray) -> str:
    """A picture `(height, width, 3)` uint8 as PNG, in base64."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "png", compress_level=1)
    return _text(file.getvalue())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def make_app(show: Show, host: str = LOCAL) -> web.Application:
    """The application that shows `show` to whoever asks for `host`."""
    thread, tabs = ThreadPoolExecutor(1), set[Tab]()

    async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)

    @web.middleware
    async def check(request: web.Request, handler: Any) -> web.StreamResponse:
        if not is_host_allowed(request.host, host):
            raise web.HTTPForbidden(text=f"Host {request.host} is not this computer\n")
        response: web.StreamResponse = await handler(request)
        return response

    async def page(request: web.Request) -> web.Response:
        file = PAGE / FILES[request.path]
        kind = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}[file.suffix]
        only_own = f"default-src 'self'; img-src data: blob:; connect-src ws://{request.host}; frame-ancestors 'none'"
        headers = {
            "Content-Security-Policy": only_own,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8", headers=headers)

    async def talk(request: web.Request) -> web.StreamResponse:
        if urlsplit(request.headers.get("Origin", "")).netloc != request.host:
            raise web.HTTPForbidden(text="this WebSocket belongs to another page\n")
        answer = web.WebSocketResponse(heartbeat=20, max_msg_size=4096)
        await answer.prepare(request)
        if len(tabs) >= MOST_TABS:
            await answer.send_json({"error": f"{MOST_TABS} tabs play already; close one of them, and reload this page"})
            await answer.close()
            return answer
        tab = Tab(show, answer, in_thread)
        tabs.add(tab)
        game = asyncio.ensure_future(_play(tab))
        try:
            async for message in answer:
                if message.type != WSMsgType.TEXT:
                    break
                try:
                    await tab.obey(message.json())
                except ConnectionResetError:
                    break
                except Exception as error:
                    await answer.send_json({"error": _explain(error)})
        finally:
            game.cancel()
            with suppress(asyncio.CancelledError):
                await game
            tabs.discard(tab)
            await in_thread(tab.close)
        return answer

    async def close_tabs(_: web.Application) -> None:
        for tab in set(tabs):
            await tab.socket.close(message=b"the server has ended")

    app = web.Application(middlewares=[check])
    app.add_routes([web.get(path, page) for path in FILES])
    app.router.add_get("/socket", talk)
    app.on_shutdown.append(close_tabs)
    return app


async def _play(tab: Tab) -> None:
    """Play until the tab is closed; tell the page what went wrong, and go on with the next game that it asks for."""
    with suppress(ConnectionResetError):
        await tab.socket.send_json({"about": _about(tab)})
        while True:
            try:
                await tab.play()
            except ConnectionResetError:
                raise
            except Exception as error:
                await tab.socket.send_json({"error": _explain(error)})
                await tab.wait_for_a_new_game()


def _explain(error: Exception) -> str:
    """What the page says about an error; the terminal has the traceback of one that is nobody's mistake."""
    if isinstance(error, ValueError):  # a UserError, or what is no JSON
        return str(error)
    if (line := one_line(error)) is not None:
        return line.text
    traceback.print_exception(error)
    return f"the game has ended with an error, which the terminal shows: {error}; begin a new game"


def _about(tab: Tab) -> dict[str, Any]:
    agent = tab.show.newest.agent
    rival = tab.show.rival
    return {
        "name": agent.name,
        "env_id": tab.show.env_id or agent.config.env.id,
        "human": tab.human,
        "greedy": tab.greedy,
        "rival": None if rival is None else rival.name,
        "most_seed": MOST_SEED,
    }


def is_host_allowed(asked: str, host: str) -> bool:
    """Whether a request that asks for `asked`, its header Host, means the computer that listens on `host`.

    A name that anybody can register is none of this computer's, though it may lead here. An address is; it only matters
    where the server listens on other addresses than 127.0.0.1.
    """
    try:
        name = (urlsplit(f"//{asked}").hostname or "").lower()
    except ValueError:
        return False
    if name in ("localhost", LOCAL, "::1", host.lower()):
        return True
    if host == LOCAL:
        return False
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name == socket.gethostname().lower()


def serve(show: Show, *, host: str = LOCAL, port: int = 0, browser: bool = True) -> None:
    """Show the page until Ctrl-C. port: 0 for any that is free; browser: open the page, if there is a display.

    Raises UserError if it cannot listen there.
    """
    torch.set_num_threads(1)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(show, host, port, browser))
    print("\nstopped")


async def _serve(show: Show, host: str, port: int, browser: bool) -> None:
    runner = web.AppRunner(make_app(show, host), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, UnicodeError) as error:  # UnicodeError: a host like a..b
            raise UserError(_why_not(error, host, port)) from None
        own_port = runner.addresses[0][1]
        address = f"http://{'[' + host + ']' if ':' in host else host}:{own_port}/"
        if host not in (LOCAL, "localhost", "::1"):
            print(f"warning: everybody who can reach this computer can open this page ({host})", file=sys.stderr)
        print(f"open {address} in a browser; Ctrl-C ends it", flush=True)
        if browser and has_display():
            webbrowser.open(address)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _why_not(error: OSError | UnicodeError, host: str, port: int) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"port {port} is in use; allowed: another one, or 0 for any that is free"
    if number == errno.EACCES:
        return f"port {port} is not allowed; allowed: 1024 to 65535, or 0 for any that is free"
    return f"host {host!r} cannot be listened on; allowed: an address of this computer, such as {LOCAL}"


def has_display() -> bool:
    """Whether a browser can be opened here; on Linux a browser for terminals would take the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
