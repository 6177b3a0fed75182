"""Snapshots of workspaces: manifests kept as blobs, named by their digest.

The core and the front door reach this room through `bot.app`, which hands them a `Snapshots`.
No file of a person is opened here; packing and unpacking a workspace is the sandbox's work.
"""

from agent.workspace.snapshots import Snapshots

__all__ = ["Snapshots"]
