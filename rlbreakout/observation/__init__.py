"""What agents see, made from screens or from the states of games: pictures, the aimbot, blocks of coordinates.

`Observer` puts them together as a config says; `observation_space` tells the shape without playing anything.
"""

from rlbreakout.observation.observer import Observation, Observer, needs_colour, observation_space
from rlbreakout.observation.pictures import WHITE

__all__ = ["WHITE", "Observation", "Observer", "needs_colour", "observation_space"]
