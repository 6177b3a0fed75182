"""auth.*, apps.*, oauth.*: who the app is, its sockets, and how it comes into a workspace and leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.slack.registry import Call, Refused, method
from tests.fakes.slack.shapes import APP_ID
from tests.fakes.slack.world import Team

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake


@dataclass(eq=False)
class Code:
    """What an authorisation gives, to be exchanged once."""

    team: Team
    user: str
    redirect_uri: str
    scopes: tuple[str, ...]
    used: bool = False


@method("auth.test")
async def auth_test(call: Call) -> dict[str, Any]:
    team = call.team
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": "gofer",
        "team_id": team.team_id,
        "user_id": team.bot_user_id,
        "bot_id": team.bot_id,
        "is_enterprise_install": False,
    }


@method("auth.revoke", "test:bool", json_body=False)
async def auth_revoke(call: Call) -> dict[str, Any]:
    if not call.args.get("test"):
        call.fake.uninstall(call.team)
    return {"revoked": not call.args.get("test", False)}


@method("apps.connections.open", token="app")
async def connections_open(call: Call) -> dict[str, Any]:
    if call.fake.mode != "socket":
        raise Refused("socket_mode_not_enabled")
    ticket = call.world.new_id("t")
    call.fake.courier.tickets.add(ticket)
    base = call.fake.origin.replace("http://", "ws://")
    return {"url": f"{base}/link/?{urlencode({'ticket': ticket, 'app_id': APP_ID})}"}


@method("apps.uninstall", "client_id! client_secret!", json_body=False)
async def apps_uninstall(call: Call) -> dict[str, Any]:
    _client(call.fake, call.args["client_id"], call.args["client_secret"])
    call.fake.uninstall(call.team)
    return {}


@method(
    "oauth.v2.access",
    "code client_id client_secret redirect_uri grant_type refresh_token",
    token="none",
    json_body=False,
)
async def oauth_access(call: Call) -> dict[str, Any]:
    args, fake = call.args, call.fake
    _client(fake, args.get("client_id", ""), args.get("client_secret", ""))
    if args.get("grant_type", "authorization_code") != "authorization_code":
        raise Refused("invalid_grant_type", "[ERROR] tokens do not rotate here")
    code = fake.codes.get(args.get("code", ""))
    if code is None:
        raise Refused("invalid_code")
    if code.used:
        raise Refused("code_already_used")
    if args.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
        raise Refused("bad_redirect_uri")
    code.used = True
    fake.install(code.team, code.scopes)
    team = code.team
    return {
        "app_id": APP_ID,
        "authed_user": {"id": code.user},
        "scope": ",".join(team.scopes),
        "token_type": "bot",
        "access_token": team.bot_token,
        "bot_user_id": team.bot_user_id,
        "team": {"id": team.team_id, "name": team.name},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _client(fake: SlackFake, client_id: str, client_secret: str) -> None:
    if client_id != fake.client_id:
        raise Refused("invalid_client_id")
    if client_secret != fake.client_secret:
        raise Refused("bad_client_secret")


async def authorize(fake: SlackFake, request: web.Request) -> web.Response:
    """The page where a person agrees to install the app; here they agree at once and are sent back with a code.

    `team` in the query chooses the workspace; otherwise it is the newest one where the app is not installed.
    """
    query = request.query
    if query.get("client_id") != fake.client_id or not query.get("redirect_uri") or not query.get("scope"):
        return web.Response(status=400, text="client_id, redirect_uri and scope are needed")
    teams = [team for team in fake.world.teams.values() if not team.installed] or list(fake.world.teams.values())
    team = fake.world.teams.get(query.get("team", ""), teams[-1])
    people = [user for user in fake.world.users.values() if user.team_id == team.team_id and not user.bot]
    if not people:
        return web.Response(status=400, text="nobody in that workspace could install it")
    key = fake.world.new_id("code")
    scopes = tuple(scope for scope in query["scope"].replace(" ", ",").split(",") if scope)
    fake.codes[key] = Code(team, people[0].user_id, query["redirect_uri"], scopes)
    back = urlencode({"code": key, "state": query.get("state", "")})
    raise web.HTTPFound(f"{query['redirect_uri']}?{back}")
