"""Anything that plays: policies of Stable-Baselines3, the value-based agent of lesson 5, a random player.

They are built from a config (`build_algorithm`), and saved and loaded as safetensors and YAML (`save_model`,
`load_agent`), which run no code.
"""

from rlbreakout.agents.build import build_algorithm
from rlbreakout.agents.players import Agent, Player, RandomPlayer
from rlbreakout.agents.save_load import load_agent, save_model

__all__ = ["Agent", "Player", "RandomPlayer", "build_algorithm", "load_agent", "save_model"]
