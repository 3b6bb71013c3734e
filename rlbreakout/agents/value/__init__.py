"""The value-based vision agent of lesson 5, in plain PyTorch: Q-learning from the screen.

`equations` holds its mathematics, `network` the Q-network, `replay` what it remembers, `agent` the agent itself. The
loop that trains it is training/value.py.
"""

from rlbreakout.agents.value.agent import ValueAgent

__all__ = ["ValueAgent"]
