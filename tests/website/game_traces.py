"""Games of the twin, frame by frame, and the same in JavaScript, in a page that has the files of website/game."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbreakout.bench.exact import random_states
from rlbreakout.breakout.draw import draw, draw_rgb
from rlbreakout.breakout.rules import FIRE, LAST_FRAME, N_ACTIONS, STATE, new_games, play
from rlbreakout.breakout.screen import BRICKS, HEIGHT, WALL_POINTS, WIDTH
from rlbreakout.observation.blocks import Blocks
from tests.players import Player

SEEN_EVERY = 4
"""Frames between two observations."""


@dataclass
class Trace:
    """What happens in n games over t frames; observations are made before frames 0, 4, 8, and so on."""

    states: np.ndarray
    """`(t, n)` of dtype STATE, after each frame."""
    screens: np.ndarray
    """`(t, n)` uint32, checksums of the screens in colour numbers."""
    colours: np.ndarray
    """`(t, n)` uint32, checksums of the screens in red, green, blue and alpha."""
    observations: np.ndarray
    """`(t / 4, n, entries)` float32."""
    probabilities: np.ndarray
    """`(t / 4, n, 4)` float64."""
    values: np.ndarray
    """`(t / 4, n)` float64."""


@dataclass
class Games:
    """Where n games begin, `(n,)` of dtype STATE, and the actions that are executed, `(t, n)` uint8."""

    states: np.ndarray
    actions: np.ndarray


# Situations.


def random_games(n: int, frames: int) -> Games:
    """Games from reset with random actions."""
    random = np.random.default_rng(0)
    held = random.integers(N_ACTIONS, size=(frames // 8 + 1, n)).repeat(8, axis=0)
    return Games(new_games(n), held[:frames].astype(np.uint8))


def unusual_games(n: int, frames: int) -> Games:
    """Games from random states: any wall and ball, rare lines and columns, the end of the clock."""
    random = np.random.default_rng(1)
    held = random.integers(N_ACTIONS, size=(frames, n))
    held[1:] = np.where(random.random((frames - 1, n)) < 0.7, held[:-1], held[1:])
    return Games(random_states(n, random), held.astype(np.uint8))


def good_games(n: int, frames: int) -> Games:
    """Games of a good player with sticky actions, from anywhere in them: a third of them with few bricks, a third with
    the first wall just gone or in the second."""
    random, player, kept = np.random.default_rng(2), Player(16, seed=2), [new_games(16)]
    states = new_games(16)
    for _ in range(4_500):
        play(states, player.act(states), int(random.integers(4, 6)))
        states[states["lives"] == 0] = new_games(1)
        kept.append(states.copy())
    seen = np.concatenate(kept)
    bricks = seen["bricks"].sum(axis=(1, 2))
    built, few, gone = seen["score"] > WALL_POINTS, (bricks > 0) & (bricks < 15), seen["score"] == WALL_POINTS
    thirds = [seen, seen[few], np.concatenate([seen[gone][: n // 8], random.permutation(seen[built])])[: n // 3]]
    states = np.concatenate([random.permutation(third)[: n // 3] for third in thirds])
    player, now, executed = Player(len(states), seed=3), states.copy(), np.full(len(states), FIRE)
    actions = np.empty((frames, len(states)), dtype=np.uint8)
    for frame in range(frames):
        if frame % SEEN_EVERY == 0:
            wanted = player.act(now)
        executed = np.where(random.random(len(states)) < 0.25, executed, wanted)
        actions[frame] = executed
        play(now, executed)
    return Games(states, actions)


# The same games in both languages.


def trace_python(games: Games, policy: ActorCriticPolicy, block_names: list[str]) -> Trace:
    states, after, seen = games.states.copy(), [], []
    blocks = Blocks(block_names, len(states))
    for frame, actions in enumerate(games.actions):
        if frame % SEEN_EVERY == 0:
            seen.append(blocks.compute(states))
        play(states, actions.astype(np.int64))
        after.append(states.copy())
    every, observations = np.stack(after), np.stack(seen)
    flat = torch.from_numpy(observations.reshape(-1, observations.shape[-1]))
    with torch.no_grad():
        distribution: Any = policy.get_distribution(flat).distribution
        values = policy.predict_values(flat).double().numpy()
    shape = observations.shape[:2]
    return Trace(
        every,
        _checksums(every, coloured=False),
        _checksums(every, coloured=True),
        observations,
        distribution.probs.double().numpy().reshape(*shape, N_ACTIONS),
        values.reshape(shape),
    )


def _checksums(states: np.ndarray, coloured: bool) -> np.ndarray:
    """Sums of the words of each screen, each word multiplied by an odd number of its own: another word, another sum."""
    flat, sums = states.reshape(-1), np.empty(states.size, dtype=np.uint32)
    for first in range(0, len(flat), 200):
        some = flat[first : first + 200]
        if coloured:
            screens = np.full((len(some), HEIGHT, WIDTH, 4), 255, dtype=np.uint8)
            screens[..., :3] = draw_rgb(some)
        else:
            screens = draw(some)
        words = screens.reshape(len(some), -1).view(np.uint32)
        factors = np.arange(1, words.shape[1] + 1, dtype=np.uint32) * np.uint32(0x9E3779B1) | np.uint32(1)
        sums[first : first + 200] = words @ factors
    return sums.reshape(states.shape)


_TRACE = """async ({names, states, actions, n, seenEvery}) => {
  const load = (name) => import(new URL(`${name}.js`, location.href));
  const [{isOver, newGame, oneFrame}, {draw, colour}, {Blocks}, {loadPolicy}] =
    await Promise.all(["rules", "draw", "blocks", "network"].map(load));
  const policy = await loadPolicy(location.href);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const numbers = names.length - 5, size = 4 * numbers + 4 + 108;
  const read = (buffer) => {
    const game = newGame(), all = new Int32Array(buffer, 0, numbers), rest = new Uint8Array(buffer, 4 * numbers);
    names.slice(0, numbers).forEach((name, i) => (game[name] = all[i]));
    names.slice(numbers, -1).forEach((name, i) => (game[name] = rest[i] === 1));
    game.bricks.set(rest.subarray(4));
    return game;
  };
  const write = (game, buffer, at) => {
    const all = new Int32Array(buffer, at, numbers), rest = new Uint8Array(buffer, at + 4 * numbers, 112);
    for (let i = 0; i < numbers; i++) all[i] = game[names[i]];
    for (let i = 0; i < 4; i++) rest[i] = game[names[numbers + i]] ? 1 : 0;
    rest.set(game.bricks, 4);
  };
  const factors = Int32Array.from({length: 210 * 160}, (_, i) => Math.imul(i + 1, 0x9e3779b1) | 1);
  const checksum = (words) => {
    let sum = 0;
    for (let i = 0; i < words.length; i++) sum = (sum + Math.imul(words[i], factors[i])) | 0;
    return sum;
  };
  const begin = bytes(states).buffer, held = bytes(actions), frames = held.length / n;
  const games = Array.from({length: n}, (_, i) => read(begin.slice(size * i, size * (i + 1))));
  const sight = games.map(() => new Blocks(policy.about.blocks));
  const after = new ArrayBuffer(size * held.length), screens = new Int32Array(held.length);
  const colours = new Int32Array(held.length), observations = [], probabilities = [], values = [];
  const screen = new Uint8Array(210 * 160), words = new Uint32Array(screen.buffer), pixels = new Uint32Array(210 * 160);
  for (let frame = 0, at = 0; frame < frames; frame++) {
    games.forEach((game, i) => {
      if (frame % seenEvery === 0) {
        const seen = sight[i].compute(game);
        observations.push(...seen);
        probabilities.push(...policy.probabilities(seen));
        values.push(policy.expectedReturn(seen));
      }
      if (!isOver(game)) oneFrame(game, held[at]);
      write(game, after, size * at);
      draw(game, screen);
      colour(screen, pixels);
      screens[at] = checksum(words);
      colours[at++] = checksum(pixels);
    });
  }
  const text = (data) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1]);
    reader.readAsDataURL(new Blob([data]));
  });
  const parts = {states: after, screens, colours, observations: new Float32Array(observations),
    probabilities: new Float64Array(probabilities), values: new Float64Array(values)};
  return Object.fromEntries(await Promise.all(Object.entries(parts).map(async ([k, v]) => [k, await text(v)])));
}"""
_TYPES: dict[str, Any] = {"states": STATE, "screens": "<u4", "colours": "<u4", "observations": "<f4"}


def trace_javascript(page: Any, games: Games, like: Trace) -> Trace:
    """The trace of the JavaScript in `page`, whose arrays have the shapes of `like`."""
    sent = {
        "names": [_camel_case(name) for name in STATE.names or ()],
        "states": base64.b64encode(games.states.tobytes()).decode(),
        "actions": base64.b64encode(games.actions.tobytes()).decode(),
        "n": len(games.states),
        "seenEvery": SEEN_EVERY,
    }
    parts = page.evaluate(_TRACE, sent)
    arrays = {
        field.name: np.frombuffer(base64.b64decode(parts[field.name]), dtype=_TYPES.get(field.name, "<f8")).reshape(
            getattr(like, field.name).shape
        )
        for field in fields(Trace)
    }
    return Trace(**arrays)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def first_difference(games: Games, python: Trace, javascript: Trace, entries: list[str]) -> str:
    """The first frame in which the traces differ, and what differs, in words; empty if they agree.

    Both compute observations in float64 and round to float32; 1e-6 allows for the last bit of DISCOUNT ** frames, which
    the languages compute differently. JavaScript sums up the network in float64, torch in float32: 1e-5.
    """
    found: list[tuple[int, int, str]] = []  # frame, order of appearance, what

    def look(name: str, differ: np.ndarray, each: int, say: Any) -> None:
        if differ.any():
            place = tuple(np.argwhere(differ)[0].tolist())
            found.append((each * place[0], len(found), f"{name} of game {place[1]}: {say(place)}"))

    for field in STATE.names or ():
        ours, theirs = python.states[field], javascript.states[field]
        differ = (ours != theirs).reshape(*ours.shape[:2], -1).any(axis=2)
        look(field, differ, 1, lambda at, a=ours, b=theirs: f"{b[at].tolist()}, in Python {a[at].tolist()}")
    for name, tolerance in (("observations", 1e-6), ("probabilities", 1e-5), ("values", 1e-5)):
        ours, theirs = getattr(python, name), getattr(javascript, name)
        differ = ~np.isclose(theirs, ours, rtol=tolerance, atol=tolerance)

        def say(at: tuple[int, ...], ours: Any = ours, theirs: Any = theirs, name: str = name) -> str:
            what = f"{entries[at[2]]} is " if name == "observations" else ""
            return f"{what}{theirs[at]}, in Python {ours[at]}"

        look(name, differ, SEEN_EVERY, say)
    for name in ("screens", "colours"):
        ours, theirs = getattr(python, name), getattr(javascript, name)
        look(name, ours != theirs, 1, lambda at: f"the state is {python.states[at]}")
    if not found:
        return ""
    frame, _, what = min(found)
    return f"frame {frame}: {what}"


def situations(trace: Trace) -> dict[str, int]:
    """How many frames show what is rare."""
    states = trace.states.reshape(-1)
    bricks = states["bricks"].sum(axis=(1, 2))
    return {
        "few bricks": int(((bricks > 0) & (bricks < 15)).sum()),
        "no brick": int((bricks == 0).sum()),
        "second wall": int((states["score"] > WALL_POINTS).sum()),
        "second wall is built": int(((states["score"] == WALL_POINTS) & (states["building"] > 0)).sum()),
        "first wall is built": int(((states["score"] == 0) & (states["building"] > 0)).sum()),
        "foot of the side walls": int((states["ball_y"] >> 8 == 0xBA).sum()),
        "game over": int((states["lives"] == 0).sum()),
        "clock over": int((states["clock"] >= LAST_FRAME).sum()),
        "narrow paddle": int(states["narrow"].sum()),
        "whole wall": int((bricks == BRICKS).sum()),
    }
