"""Anything that plays: policies of Stable-Baselines3, the value-based agent of lesson 5, the planner of lesson 7, a
random player.

`build_algorithm` makes an algorithm from a config; `save_model` and `load_agent` use safetensors and YAML, so that
loading runs no code.
"""

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.players import Agent, Player, RandomPlayer
from rlbreakout.agents.save_load import load_agent, save_model

__all__ = ["Agent", "Player", "RandomPlayer", "build_algorithm", "load_agent", "save_model"]
