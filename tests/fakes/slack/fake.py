"""The fake itself: sets the parts up, serves them, and is what a test holds in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, TypeVar

from aiohttp import web

from tests.fakes.slack import lint as linting
from tests.fakes.slack.acts import Acts
from tests.fakes.slack.api import Called, application
from tests.fakes.slack.blocks import SURFACES
from tests.fakes.slack.delivery import Courier, Delivery
from tests.fakes.slack.events import SUBSCRIPTIONS, Events
from tests.fakes.slack.faults import Faults
from tests.fakes.slack.humans import Human
from tests.fakes.slack.interactions import Interactions
from tests.fakes.slack.methods_auth import Code
from tests.fakes.slack.methods_files import Uploads
from tests.fakes.slack.news import News
from tests.fakes.slack.rates import Rates
from tests.fakes.slack.world import Channel, Clock, File, Message, Prompts, Sessions, Team, User, View, World

SCOPES = (
    *("app_mentions:read", "assistant:write", "channels:history", "channels:read", "chat:write", "commands"),
    *("files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write"),
    *("mpim:history", "reactions:read", "reactions:write", "team:read", "users:read"),
)
"""Of the bot's token, unless a test gives others."""
_METHOD_FEATURES = {
    "agents.sessions": ("agents.sessions.",),
    "streams": ("chat.startStream", "chat.appendStream", "chat.stopStream"),
    "assistant.threads": ("assistant.threads.",),
    "suggested_prompts": ("assistant.threads.setSuggestedPrompts",),
}
_OTHER_TEAM = "T0ELSEWHERE"
T = TypeVar("T")


class SlackFake:
    """Slack, as far as one app sees it. Enter it (`async with`); leaving it with `problems` fails.

    `scopes`: of the bot token. `subscriptions`: events the app has subscribed to. `commands`: slash commands of the
    app; a mapping says of each whether people in its text are escaped as `<@U…|name>` (by default they are).
    `shortcuts`: callback_id → `message` or `global`; None takes any. `agent`: the app is declared as an agent.
    `manifest.settings_of` gives all of these for an app's manifest.
    """

    def __init__(
        self,
        mode: Literal["socket", "http"] = "socket",
        *,
        scopes: Iterable[str] = SCOPES,
        subscriptions: Collection[str] = SUBSCRIPTIONS,
        commands: Collection[str] | Mapping[str, bool] = ("/gofer",),
        shortcuts: Mapping[str, str] | None = None,
        agent: bool = True,
    ) -> None:
        self.mode: Literal["socket", "http"] = mode
        self.app_token = "xapp-1-A0FAKE-fake"
        self.signing_secret = "fake-signing-secret"
        self.client_id, self.client_secret = "111.222", "client-secret"
        self.commands = dict(commands) if isinstance(commands, Mapping) else dict.fromkeys(commands, True)
        self.shortcuts = shortcuts
        self.agent = agent
        self.world = World()
        self.news = News()
        self.world.on_change.append(self.news.tell)
        self.courier = Courier(self.world, self.news, mode, self.signing_secret)
        self.events = Events(self.world, self.courier, subscriptions)
        self.acts = Acts(self.world, self.events)
        self.interactions = Interactions(self.world)
        self.uploads = Uploads()
        self.faults = Faults()
        self.rates = Rates(self.clock)
        self.stream_ttl_s = 300.0
        self.called: list[Called] = []
        self.codes: dict[str, Code] = {}
        self.revoked_tokens: set[str] = set()
        self.disabled_methods: dict[str, str] = {}
        self.missing_blocks: set[str] = set()
        self.submitted_files: set[str] = set()
        """Files given in modals, which the app may read though they are in no channel."""
        self.origin = ""
        self.team = self._new_team("acme", tuple(scopes), installed=True, team_id="T0ACME")
        self.world.problems.clear()
        self._runner: web.AppRunner | None = None

    # What a test looks at

    @property
    def url(self) -> str:
        """Base URL of the Web API, with a slash at the end."""
        return f"{self.origin}/api/"

    @property
    def bot_token(self) -> str:
        return self.team.bot_token

    @property
    def bot_user_id(self) -> str:
        return self.team.bot_user_id

    @property
    def team_id(self) -> str:
        return self.team.team_id

    @property
    def mention(self) -> str:
        """What a person types to mention the bot."""
        return f"<@{self.bot_user_id}>"

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def problems(self) -> list[str]:
        return self.world.problems

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to hand something to the app, oldest first."""
        return self.courier.deliveries

    @property
    def sessions(self) -> Sessions:
        return self.world.sessions

    @property
    def statuses(self) -> Mapping[tuple[str, str], str]:
        return self.world.statuses

    @property
    def prompts(self) -> Mapping[str, Prompts]:
        """Suggested prompts by channel id."""
        return self.world.prompts

    @property
    def rate_limits(self) -> str:
        """`off` or `real`."""
        return self.rates.mode

    @rate_limits.setter
    def rate_limits(self, mode: Literal["off", "real"]) -> None:
        self.rates.mode = mode

    @property
    def retry_schedule_s(self) -> Any:
        return self.courier.retry_schedule_s

    @retry_schedule_s.setter
    def retry_schedule_s(self, schedule: Any) -> None:
        self.courier.retry_schedule_s = schedule

    @property
    def ack_timeout_s(self) -> float:
        """Slack's 3 seconds, which a test of missing acknowledgements may shorten."""
        return self.courier.ack_timeout_s

    @ack_timeout_s.setter
    def ack_timeout_s(self, seconds: float) -> None:
        self.courier.ack_timeout_s = seconds

    @property
    def socket_count(self) -> int:
        return self.courier.socket_count

    @property
    def has_sessions(self) -> bool:
        return self.agent and "agents.sessions." not in self.disabled_methods

    def env(self) -> dict[str, str]:
        """Settings with which the app finds this fake."""
        settings = {
            "SLACK_BOT_TOKEN": self.bot_token,
            "SLACK_SIGNING_SECRET": self.signing_secret,
            "GOFER_SLACK_MODE": self.mode,
            "GOFER_SLACK_API_URL": self.url,
        }
        return settings | ({"SLACK_APP_TOKEN": self.app_token} if self.mode == "socket" else {})

    def messages(self, channel: Channel | str, thread: Message | str | None = None) -> list[Message]:
        """What stands in a channel now, replies too; or one thread with its root first. Deleted ones are gone."""
        place = self.world.channels[channel] if isinstance(channel, str) else channel
        if thread is None:
            found = [message for _, message in sorted(place.messages.items())]
        else:
            found = place.thread(thread.root_ts if isinstance(thread, Message) else thread)
        return [message for message in found if not message.deleted]

    def ephemerals(self, user: User) -> list[Message]:
        """Ephemeral messages that the person still sees, oldest first."""
        return [message for message in self.world.ephemerals if message.ephemeral_to == user.user_id]

    def views(self, user: User) -> list[View]:
        """Open modals, the top one last."""
        return list(self.world.views.get(user.user_id, ()))

    def home(self, user: User) -> View | None:
        return self.world.homes.get((self.team_id, user.user_id))

    def calls(self, method: str | None = None) -> list[Called]:
        return [called for called in self.called if method in (None, called.method)]

    @property
    def refusals(self) -> list[Called]:
        """Calls that were not carried out."""
        return [called for called in self.called if called.ok is False]

    @staticmethod
    def lint(method: str, args: Mapping[str, Any]) -> list[str]:
        """What Slack would refuse about these arguments; empty when nothing. Needs no running fake."""
        return linting.lint(method, args)

    def permalink(self, message: Message) -> str:
        thread = f"?thread_ts={message.parent_ts}&cid={message.channel.id}" if message.parent_ts else ""
        domain = self.world.teams[message.channel.team_id].domain
        return f"https://{domain}.slack.com/archives/{message.channel.id}/p{message.ts.replace('.', '')}{thread}"

    # Making a world

    def user(
        self,
        name: str,
        *,
        guest: bool = False,
        outsider: bool = False,
        bot: bool = False,
        admin: bool = False,
        tz: str = "Europe/Zurich",
        team: Team | None = None,
    ) -> Human:
        """A person. `outsider`: of another organisation, met in shared channels (Slack Connect)."""
        home = _OTHER_TEAM if outsider else (team or self.team).team_id
        human = Human(self.world.new_id("U"), name, home, guest, outsider, bot, admin, tz=tz)
        human.fake = self
        human.bot_id = self.world.new_id("B") if bot else ""
        self.world.users[human.user_id] = human
        return human

    def channel(
        self,
        name: str,
        *,
        private: bool = False,
        members: Collection[User] = (),
        bot: bool = True,
        team: Team | None = None,
    ) -> Channel:
        """A channel with these people and, unless `bot` is false, the bot in it. Shared when an outsider is."""
        home = team or self.team
        inside = {user.user_id for user in members} | ({home.bot_user_id} if bot else set())
        kind: Literal["channel", "group"] = "group" if private else "channel"
        channel = Channel(self.world.new_id("C"), name, kind, home.team_id, inside)
        channel.shared = any(user.outsider for user in members)
        self.world.channels[channel.id] = channel
        return channel

    def group_dm(self, *users: User, bot: bool = True) -> Channel:
        """Direct messages among several people and, unless `bot` is false, the bot."""
        channel = self.channel("-".join(["mpdm", *(user.name for user in users)]), members=users, bot=bot)
        channel.kind = "mpim"
        return channel

    def dm(self, user: User) -> Channel:
        """The direct messages between a person and the bot."""
        return self.world.im(self.world.teams.get(user.team_id, self.team), user)

    def group(self, handle: str, members: Collection[User]) -> str:
        """A user group; gives its id."""
        group_id = self.world.new_id("S")
        self.world.groups[group_id] = (self.team_id, handle, [user.user_id for user in members])
        return group_id

    def workspace(self, name: str) -> Team:
        """A further workspace, where the app is not installed yet."""
        return self._new_team(name, (), installed=False)

    def new_file(
        self, name: str, data: bytes, user_id: str, team_id: str, *, title: str = "", file_id: str = ""
    ) -> File:
        now = int(self.world.next_ts().partition(".")[0])
        file = File(file_id or self.world.new_id("F"), name, title or name, data, user_id, team_id, now)
        file.external = team_id not in self.world.teams
        self.world.files[file.file_id] = file
        return file

    # Moving it

    def deliver_to(self, *urls: str) -> None:
        """Where the app takes requests in HTTP mode; several are served in turn."""
        self.courier.urls = list(urls)
        self.world.changed()

    def disable(self, *features: str, error: str = "unknown_method") -> None:
        """Be a workspace without these: `agents.sessions`, `streams`, `assistant.threads`, `suggested_prompts`
        (methods that answer `error`), beginnings of other methods' names with a dot in them, or types of blocks with or
        without `_block` (`invalid_blocks`)."""
        for feature in features:
            kind = feature.removesuffix("_block")
            if feature in _METHOD_FEATURES:
                self.disabled_methods |= dict.fromkeys(_METHOD_FEATURES[feature], error)
            elif kind in SURFACES["message"]:
                self.missing_blocks.add(kind)
            elif "." in feature:
                self.disabled_methods[feature] = error
            else:
                raise ValueError(f"the fake knows no feature {feature!r}")

    async def drop_sockets(self, *, graceful: bool = True) -> None:
        """Lose all sockets that are open now; returns when they are gone."""
        await self.courier.drop(graceful=graceful)

    def redeliver(self, which: str | Delivery | None = None, *, times: int = 3) -> asyncio.Task[None]:
        """Send an event again (its id, one delivery of it, or the last event), acknowledged or not. Await it or not."""
        found = which if isinstance(which, Delivery) else self._delivery(which)
        return self.courier.spawn(self.courier.redeliver(found.payload, times))

    def _delivery(self, event_id: str | None) -> Delivery:
        for delivery in reversed(self.deliveries):
            if delivery.event_id and event_id in (None, delivery.event_id):
                return delivery
        raise LookupError(f"no event {event_id!r} was delivered")

    async def wait_for(self, predicate: Callable[[], T], timeout: float = 30) -> T:
        """The predicate's value as soon as it is true, asked again whenever anything changes.

        A `LookupError` counts as not yet. Raises `AssertionError` with the state of everything after `timeout`
        seconds, and at once when there are problems.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            try:
                value = predicate()
            except LookupError:
                value = None
            if value:
                return value
            if self.problems:
                raise AssertionError(f"problems: {self.problems}\n{self.dump()}")
            if loop.time() >= until:
                raise AssertionError(f"did not happen within {timeout} s\n{self.dump()}")
            # Now and then also without news: the predicate may look at things outside the fake.
            await self.news.wait(min(0.5, max(0.0, until - loop.time())))

    async def settled(self, timeout: float = 30) -> None:
        """Wait until nothing is on its way to the app any more."""
        await self.wait_for(lambda: not self.courier.busy, timeout)

    def dump(self) -> str:
        """Everything in words, for a failed test."""
        lines = [f"sockets: {self.socket_count}"]
        for channel in self.world.channels.values():
            lines += [f"#{channel.name} ({channel.id})", *(f"  {m!r}" for m in self.messages(channel))]
        lines += [f"ephemeral: {message!r} to {message.ephemeral_to}" for message in self.world.ephemerals]
        lines += [f"modal of {user}: {view.title!r}" for user, stack in self.world.views.items() for view in stack]
        lines += [f"session {key}: {session.status}" for key, session in self.sessions.items()]
        lines += ["last calls:", *(f"  {called!r}" for called in self.called[-15:])]
        open_ones = [d for d in self.deliveries if not d.acked][-15:]
        lines += ["not acknowledged:", *(f"  {d.kind} {d.event.get('type', '')} {d.failure}" for d in open_ones)]
        return "\n".join(lines)

    # Workspaces

    def install(self, team: Team, scopes: tuple[str, ...]) -> None:
        """The app is in the workspace from now on, with a new token."""
        team.installed, team.scopes, team.bot_token = True, scopes, f"xoxb-{self.world.new_id('I')}-fake"
        self.world.changed()

    def uninstall(self, team: Team | None = None) -> None:
        """Take the app out of a workspace: its token is dead, and events tell so."""
        gone = team or self.team
        self.revoked_tokens.add(gone.bot_token)
        tokens = {"bot": [gone.bot_user_id], "oauth": []}
        self.events.emit(gone, {"type": "tokens_revoked", "tokens": tokens, "event_ts": self.world.next_ts()})
        self.events.emit(gone, {"type": "app_uninstalled", "event_ts": self.world.next_ts()})
        gone.installed = False
        self.world.changed()

    def team_of_token(self, token: str) -> Team | None:
        found = (t for t in self.world.teams.values() if t.installed and token and t.bot_token == token)
        return next(found, None)

    def sees(self, team: Team, user: User) -> bool:
        """Whether the app can look the person up from this workspace."""
        if user.team_id == team.team_id:
            return True
        return any(c.team_id == team.team_id and user.user_id in c.members for c in self.world.channels.values())

    def later(self, delay_s: float, act: Callable[[], object]) -> None:
        """Do something a moment later; a failure is a problem."""

        async def run() -> None:
            await asyncio.sleep(delay_s)
            act()

        self.courier.spawn(run())

    def _new_team(self, name: str, scopes: tuple[str, ...], *, installed: bool, team_id: str = "") -> Team:
        new = self.world.new_id
        team = Team(team_id or new("T"), name, name, f"xoxb-{new('1')}-fake", new("U"), new("B"), scopes, installed)
        self.world.teams[team.team_id] = team
        bot = User(team.bot_user_id, "gofer", team.team_id, bot=True)
        self.world.users[bot.user_id] = bot
        return team

    # Life

    async def __aenter__(self) -> SlackFake:
        runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.events.origin = self.origin
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.close()
        await self.courier.close()
        assert self._runner is not None
        await self._runner.cleanup()
        if self.problems and error is None:
            raise AssertionError("\n".join(["problems:", *self.problems]))
