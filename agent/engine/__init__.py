"""Where segments run: the dispatcher that claims runnable tasks, and the lock on the data folder.

Only `bot.app` imports this room. It gets `run_segment` as a callable and knows the journal's port,
nothing of models, tools or sandboxes; it never decides what a task does next.
"""

from agent.engine.local import LocalDispatcher
from agent.engine.lock import FolderLock

__all__ = ["FolderLock", "LocalDispatcher"]
