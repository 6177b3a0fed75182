"""Skills from folders on disk: read strictly once at start, then served from memory.

Only `bot.app` imports this room, to wire it; everybody else sees `agent.ports.skills`. A skill's
scripts are never run or imported here: they go into the sandbox as bytes.
"""

from agent.skillset.catalog import FolderCatalog, builtin_root

__all__ = ["FolderCatalog", "builtin_root"]
