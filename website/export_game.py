"""Writes what the game in the browser (website/game) needs from Python: constants and a trained policy.

    python website/export_game.py build/game       # a page that works alone
    python -m http.server --directory build/game   # play at http://127.0.0.1:8000

| file           | contents                                                                                  |
|----------------|-------------------------------------------------------------------------------------------|
| `constants.js` | the numbers of rules, screen, look-ahead and blocks, under their names in Python          |
| `policy.json`  | name, blocks with their entries, sizes of the layers, and how the agent is evaluated      |
| `policy.bin`   | weights, `(inputs, outputs)`, and biases of each layer, little-endian float32, first of   |
|                | the network for the actions, then of that for the value                                   |
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbreakout import wrappers
from rlbreakout.agents import load_agent
from rlbreakout.breakout import ahead, draw, rules, screen
from rlbreakout.common.errors import UserError, one_line
from rlbreakout.config import BREAKOUT_IDS, Config
from rlbreakout.observation.blocks import arrival, choices, clock, entries_of, entry, now

AGENT = "champion-policy"
PAGE = Path(__file__).parent / "game"

CONSTANTS: dict[ModuleType, str] = {
    screen: """HEIGHT WIDTH GAME_TOP GAME_LEFT GAME_RIGHT BRICK_HEIGHT BRICK_WIDTH BRICKS_LEFT BRICKS_IN_A_ROW
        BRICK_ROWS BRICKS_TOP BRICKS_BOTTOM WALL_POINTS MOST_POINTS PADDLE_TOP PADDLE_HEIGHT WIDE_PADDLE NARROW_PADDLE
        PADDLE_LEFTMOST PADDLE_RIGHTMOST BALL_HEIGHT BALL_WIDTH""",
    rules: """NONE FIRE RIGHT LEFT LIVES LAST_FRAME PIXEL PIXEL_BITS KNOB_START KNOB_STEP KNOB_LEAST KNOB_MOST READINGS
        MOST_READING TWICE_DRAWN LAUNCH_LINE LAUNCH_COLUMNS LAUNCH_DIRECTIONS LOST_LINE SPEEDS MOST_HITS
        HITS_AFTER_UPPER_ROWS UPPER_WALL_LINE LEFT_WALL RIGHT_WALL SIDE_WALLS_END LEFT_FOOT RIGHT_FOOT FLAT_FROM
        OFF_CENTRE BRICK_LINE WALL_END BRICK_POINTS FRAMES_TO_BUILD""",
    draw: """WALL_COLOUR PADDLE_COLOUR BRICK_COLOURS RGB UPPER_WALL_TOP DIGITS_TOP BLOCK_HEIGHT BLOCK_WIDTH DIGIT_WIDTH
        DIGIT_HEIGHT HUNDREDS TENS ONES LIVES_DIGIT DIGITS LAST_LINE_RIGHT""",
    ahead: """LEFT_FLAT LEFT_STEEP RIGHT_STEEP RIGHT_FLAT WAYS LONGEST_FLIGHT DISCOUNT FEW_BRICKS BOUNCES_WITH_FEW
        MOST_COLUMNS EXACT_FRAMES EXACT_STEPS ACTIONS_TRIED HELD NOVELTY MOST_VISITS""",
    entry: "NEAR FRAMES",
    now: "MOST_COLUMNS_A_FRAME MOST_ROWS_A_FRAME",
    arrival: "MANY_BRICKS",
    choices: "POINTS SURE_COLUMNS ACTION_NAMES WORTH",
    clock: "SOON LATE OFTEN",
    wrappers: "STALLED_AFTER",
}


def export_game(folder: Path, agent: str = AGENT) -> None:
    """Write constants.js, policy.json and policy.bin into `folder`.

    agent: a run folder, a model folder or the name of a pretrained agent. Raises UserError if the page cannot play it.
    """
    loaded = load_agent(agent)
    policy, config = loaded.player, loaded.config
    sticky = _check_config(agent, config)
    assert isinstance(policy, ActorCriticPolicy)
    layers = {
        "actions": _linear_layers(agent, [*policy.mlp_extractor.policy_net.children(), policy.action_net]),
        "value": _linear_layers(agent, [*policy.mlp_extractor.value_net.children(), policy.value_net]),
    }
    about = {
        "name": loaded.name,
        "blocks": [
            {"name": name, "entries": [made._asdict() for made in entries_of([name])]}
            for name in config.observation.blocks
        ],
        "layers": {
            name: [{"inputs": layer.in_features, "outputs": layer.out_features} for layer in network]
            for name, network in layers.items()
        },
        "frameSkip": config.env.frame_skip,
        "sticky": sticky,
        "noopMax": config.env.noop_max,
        "greedy": config.evaluation.greedy,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "constants.js").write_text("".join(_constants()), encoding="utf-8")
    (folder / "policy.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    every_layer = (layer for network in layers.values() for layer in network)
    tensors = (part for layer in every_layer for part in (layer.weight.T, layer.bias))
    (folder / "policy.bin").write_bytes(b"".join(part.detach().numpy().astype("<f4").tobytes() for part in tensors))


def export_page(folder: Path, agent: str = AGENT) -> None:
    """Write everything into `folder` that a page which works alone needs, with its index.html. Raises UserError as
    `export_game` does."""
    export_game(folder, agent)
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    fragment = (PAGE / "game.html").read_text(encoding="utf-8")
    (folder / "index.html").write_text(_ALONE.format(fragment=fragment), encoding="utf-8")


_ALONE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>RLbreakout</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="game.css">
<script type="module" src="play.js"></script>
</head>
<body>
{fragment}</body>
</html>
"""


def _check_config(agent: str, config: Config) -> float:
    """The probability of sticky actions. Raises UserError if the page cannot play an agent of this config."""
    seen, env = config.observation, config.env
    skip, sticky = BREAKOUT_IDS[env.id]
    needed: dict[str, tuple[Any, Any]] = {
        "algorithm": (config.algorithm, "ppo"),
        "observation.kind": (seen.kind, "coordinates"),
        "observation.frame_stack": (seen.frame_stack, 1),
        "observation.frames_between": (seen.frames_between, None),
    }
    for key, (value, allowed) in needed.items():
        if value != allowed:
            raise UserError(f"the page cannot play {agent}: its {key} is {value!r}; allowed: {allowed!r}")
    if not isinstance(skip, int):
        raise UserError(f"the page cannot play {agent}: {env.id} draws its frame skip; allowed: one that does not")
    return sticky if env.repeat_action_probability is None else env.repeat_action_probability


def _linear_layers(agent: str, layers: list[torch.nn.Module]) -> list[torch.nn.Linear]:
    """The linear layers of a network that has a ReLU between any two. Raises UserError for any other network."""
    linear = [layer for layer in layers[::2] if isinstance(layer, torch.nn.Linear)]
    if len(linear) < len(layers[::2]) or not all(isinstance(layer, torch.nn.ReLU) for layer in layers[1::2]):
        kinds = ", ".join(type(layer).__name__ for layer in layers)
        raise UserError(f"the page cannot play {agent}: its layers are {kinds}; allowed: Linear with ReLU between them")
    return linear


def _constants() -> Iterable[str]:
    yield "// Written by website/export_game.py: the numbers that Python knows, under their names there.\n"
    for module, names in CONSTANTS.items():
        yield f"\n// {module.__name__}\n"
        for name in names.split():
            yield f"export const {name} = {json.dumps(_plain(getattr(module, name)))};\n"


def _plain(value: Any) -> Any:
    """`value` in what JSON knows."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return value._asdict() if hasattr(value, "_asdict") else [_plain(part) for part in value]
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a page on which Breakout is played, and an agent plays it.")
    parser.add_argument("folder", type=Path, help="where to write it")
    parser.add_argument("--agent", default=AGENT, help="a run folder, a model folder or a pretrained agent")
    options = parser.parse_args()
    try:
        export_page(options.folder, options.agent)
    except (UserError, OSError) as error:
        if (line := one_line(error)) is None:
            raise
        print(line.text, file=sys.stderr)
        raise SystemExit(line.status) from None
    print(f"python -m http.server --directory {options.folder}")


if __name__ == "__main__":
    main()
