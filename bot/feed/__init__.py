"""From a task's events to messages in a thread, on any surface that can post.

Level-triggered: what a thread should show is computed from the fold of its tasks' events (`wanted`, pure), the
journal's post rows say what is there, and `outbox` brings one message from the one to the other so that a crash
anywhere neither loses nor doubles it. `conversation` works through one thread, `feed` through all of a workspace.
Nothing here decides rights or knows a platform.
"""

from bot.feed.feed import Feed
from bot.feed.outbox import base_of
from bot.feed.parts import Clock, Link, Names

__all__ = ["Clock", "Feed", "Link", "Names", "base_of"]
