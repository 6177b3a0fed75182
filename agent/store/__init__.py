"""The journal and the surfaces' mail on SQLite and PostgreSQL, migrations and backups, and the blobs on disk.

Only `bot.app` imports this room, to wire it; everybody else sees `agent.ports.journal`,
`agent.ports.mail` and `agent.ports.blobs`. Tables and SQL never leave it. No rule about what a task may do is made
here beyond the legal moves, the fence and the compare-and-set that the port promises.
"""

from agent.store.blobs import FileBlobs
from agent.store.care import backup, check, given_up, heard, restore, upgrade
from agent.store.journal import SqlJournal

__all__ = ["FileBlobs", "SqlJournal", "backup", "check", "given_up", "heard", "restore", "upgrade"]
