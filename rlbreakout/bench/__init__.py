"""`rlbreakout bench`: how fast this machine is, how accurate the aimbot is, and how exact and fast the twin is."""
