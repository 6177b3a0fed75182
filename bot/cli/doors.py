"""How a command reaches Gofer: through the process that owns the data folder, or by owning it for a moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from agent.domain.errors import FolderInUse
from bot.settings import Settings
from bot.terminal.front import Front


@asynccontextmanager
async def open_front(settings: Settings, *, worker: bool = False) -> AsyncGenerator[tuple[Front, str]]:
    """Gofer as the local account sees it, and the sandbox's name where this process runs tasks itself.

    A running `gofer serve` is asked through its API (beside a PostgreSQL worker: the database itself); otherwise this
    process owns the folder until the end.
    """
    from agent.domain.people import TERMINAL
    from bot.app import open_app
    from bot.terminal.front import ApiFront, ServiceFront

    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(open_app(settings, worker=worker))
        except FolderInUse:
            if not settings.database.startswith("sqlite"):
                app = await stack.enter_async_context(open_app(settings, worker=False))
                yield ServiceFront(app.service, TERMINAL), ""
                return
            front = ApiFront.of(settings.home)
            stack.push_async_callback(front.close)
            yield front, ""
        else:
            yield ServiceFront(app.service, TERMINAL), app.sandboxes.name if app.sandboxes else ""
