"""Watching an agent, or playing oneself, in a web browser: `rlbreakout watch` and `rlbreakout play`.

`WatchedGame` plays one game and explains each step of it; `server` shows it on a page. It needs the extra `watch`.
"""

from rlbreakout.watch.game import WatchedGame

__all__ = ["WatchedGame"]
