"""The game itself, knowing nothing of learning: its rules, its screen, the emulator, and looking ahead in it."""
