"""The workspaces that have installed Gofer, where it serves several: their tokens, encrypted, a file for each."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from agent.domain.errors import Refused
from bot.slack.vault import Vault
from bot.slack.workspace import Workspace

logger = logging.getLogger(__name__)

FOLDER = "slack"
"""Below GOFER_HOME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Gofer in one workspace."""

    team_id: str
    name: str
    bot_token: str = field(repr=False)
    bot_user_id: str
    bot_id: str
    app_id: str
    scopes: tuple[str, ...] = ()
    url: str = ""
    """`https://team.slack.com/`."""
    installed_by: str = ""
    """Slack's id of who clicked."""
    at: datetime

    @property
    def workspace(self) -> Workspace:
        """Who Gofer is there."""
        return Workspace(
            team_id=self.team_id, bot_user_id=self.bot_user_id, bot_id=self.bot_id, name=self.name, url=self.url
        )


class Installations:
    """Read once, then kept in memory: one process owns the folder. `key` is `vault.open_key`'s.

    Any method raises `Refused` when what is stored cannot be read: with another key, or after damage.
    """

    def __init__(self, home: Path, key: bytes) -> None:
        self._vault = Vault(home / FOLDER, key)
        self._known: dict[str, Installation] | None = None
        self._turn = asyncio.Lock()  # guards the order of reading and changing

    async def all(self) -> tuple[Installation, ...]:
        """Every workspace, by its id."""
        async with self._turn:
            known = await self._read()
            return tuple(known[team_id] for team_id in sorted(known))

    async def get(self, team_id: str) -> Installation | None:
        """The installation there, or None."""
        if self._known is None:
            await self.all()
        return (self._known or {}).get(team_id)

    async def workspace_of(self, team_id: str) -> Workspace | None:
        """As `get`, for the front door."""
        found = await self.get(team_id)
        return found.workspace if found else None

    async def put(self, installation: Installation) -> None:
        """Store it, in place of an earlier one of the same workspace."""
        async with self._turn:
            known = await self._read()
            fields = replace(installation, at=installation.at.astimezone(UTC))
            text = json.dumps(asdict(fields) | {"at": fields.at.isoformat()})
            await self._vault.put(installation.team_id, text)
            known[installation.team_id] = fields
        logger.info("Slack: installed", extra={"action": "slack_installed", "team_id": installation.team_id})

    async def remove(self, team_id: str) -> bool:
        """Forget it; False: it was not there."""
        async with self._turn:
            known = await self._read()
            if known.pop(team_id, None) is None:
                return False
            await self._vault.remove(team_id)
        logger.info("Slack: removed", extra={"action": "slack_removed", "team_id": team_id})
        return True

    async def gone(self, team_id: str, at: datetime) -> bool:
        """Slack says that Gofer was uninstalled there at this time, or its token revoked: forget it.

        False, with nothing done, for a workspace that is unknown or was installed anew since: Slack may deliver that
        event late, and tells of the same end in two.
        """
        found = await self.get(team_id)
        return found is not None and found.at <= at and await self.remove(team_id)

    async def _read(self) -> dict[str, Installation]:
        if self._known is None:
            found: dict[str, Installation] = {}
            for team_id in await self._vault.names():
                text = await self._vault.get(team_id)
                if text is not None:
                    found[team_id] = _parsed(team_id, text)
            self._known = found
        return self._known


def _parsed(team_id: str, text: str) -> Installation:
    try:
        stored = cast(dict[str, Any], json.loads(text))
        stored["scopes"], stored["at"] = tuple(stored["scopes"]), datetime.fromisoformat(stored["at"])
        found = Installation(**stored)
    except (ValueError, KeyError, TypeError):
        found = None
    if found is None or found.team_id != team_id:  # a file under another workspace's name would lend it its token
        raise Refused(
            f"The stored installation of the Slack workspace {team_id} is damaged.",
            next_step="Delete its file in the data folder and install Gofer there again.",
        )
    return found
