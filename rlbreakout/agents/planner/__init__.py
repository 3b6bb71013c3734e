"""An agent that plans: it plays the rules on, and searches for what leads to the most bricks.

Two searches meet where the ball comes down. `bounces` looks ahead from there: where the ball flies if the paddle meets
it with its left or right half, and what that is worth after some more bounces, for which it asks a value network.
`reach` looks ahead to there: what to do with the joystick, whatever sticky actions may do in between.
"""

from rlbreakout.agents.planner.network import ValueNetwork
from rlbreakout.agents.planner.player import Planner

__all__ = ["Planner", "ValueNetwork"]
