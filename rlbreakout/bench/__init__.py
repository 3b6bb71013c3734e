"""`rlbreakout bench`: how fast this machine is, and how right the aimbot."""

from rlbreakout.bench.speed import bench

__all__ = ["bench"]
