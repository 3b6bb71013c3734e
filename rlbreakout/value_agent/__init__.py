"""The value-based vision agent, in plain PyTorch: Q-learning from the screen.

`equations` holds its mathematics, `network` the Q-network, `memory` what it remembers, `agent` the agent itself, and
`training` the loop that plays, remembers and learns, from a config to a run folder.
"""

from rlbreakout.value_agent.agent import ValueAgent

__all__ = ["ValueAgent"]
