"""The web chat and the API: one Starlette application on the HTTP port.

`bot.app` builds it with `create_app` and serves it with `listening`. It authenticates people (a one-time link
becomes a session cookie; local programs show the token of run.json) and draws cards as HTML. It decides no
rights: each request goes to the service with the actor it belongs to. Nothing here knows a model or a sandbox.
"""

from bot.web.listen import listening
from bot.web.server import create_app
from bot.web.sessions import Sessions

__all__ = ["Sessions", "create_app", "listening"]
