"""RLbreakout teaches deep reinforcement learning on one game, Atari Breakout.

Import it before torch. The threads of torch that have nothing to do wait actively by default, on cores that other work
needs: beside a single busy program a training becomes several times slower. OMP_WAIT_POLICY=PASSIVE lets them sleep,
but only if it is set before torch is imported.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.2.0"
