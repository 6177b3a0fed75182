"""A strict stand-in for Discord: REST API, gateway, file links, interactions over HTTP, and people in the client.

It puts simcord's backend behind real HTTP and WebSocket on the loopback, and refuses what Discord refuses and the
backend lets through. The real `gofer serve` runs against it by `GOFER_DISCORD_API_URL` and
`GOFER_DISCORD_GATEWAY_URL`. It lives in the test's own event loop:

    async with DiscordFake() as discord:
        ann = discord.user("ann")
        general = discord.channel("general")
        request = await ann.says(general, f"{discord.mention} hello")
        await discord.wait_for(lambda: discord.messages(request.id)[1:])

What the app does wrong so that Discord would not even answer, and what breaks our own rules (nonces, mentions), is
collected in `problems`, and leaving the context with problems fails. For tests only.
"""

from tests.fakes.discord.api import Called
from tests.fakes.discord.fake import PERMISSIONS, DiscordFake, Mode
from tests.fakes.discord.faults import Faults, Gate
from tests.fakes.discord.humans import Human, NotPossible
from tests.fakes.discord.interactions import NotAnswered
from tests.fakes.discord.lint import lint
from tests.fakes.discord.seen import File, Form, Message
from tests.fakes.discord.sharding import DISCORDS_PACE_S, Limits

__all__ = [
    "DISCORDS_PACE_S",
    "PERMISSIONS",
    "Called",
    "DiscordFake",
    "Faults",
    "File",
    "Form",
    "Gate",
    "Human",
    "Limits",
    "Message",
    "Mode",
    "NotAnswered",
    "NotPossible",
    "lint",
]
