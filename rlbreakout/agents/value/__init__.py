"""The value-based agent of lesson 5, in plain PyTorch: Q-learning from the screen.

`equations` holds the mathematics, `network` the Q-network, `replay` the memories, `agent` the agent itself.
training/value.py trains it.
"""

from rlbreakout.agents.value.agent import ValueAgent

__all__ = ["ValueAgent"]
