"""RLbreakout teaches deep reinforcement learning on one game, Atari Breakout."""

__version__ = "0.1.0"
