"""What stored events mean: who said what, where, and with which files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from agent.domain.people import Actor, Standing
from bot.discord.arrivals import ChannelFacts, arrivals_of
from bot.discord.directory import Directory
from bot.discord.intake import Intake
from bot.discord.payload import Payload
from bot.discord.sight import Sight
from bot.discord.triggers import unpack
from bot.discord.web import DiscordRefused, Web
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingForm,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    ThreadRef,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GOFER, ANN, BEN, SERVER, CHANNEL, THREAD, ROOT = "900", "1", "2", "50", "60", "70", "1576341239236657154"
ANN_USER = {"id": ANN, "username": "ann", "global_name": "Ann"}
ANN_MEMBER = {"nick": "Annie", "roles": ["7", "8"], "user": ANN_USER}
IN_CHANNEL = ThreadRef("discord", SERVER, CHANNEL, ROOT)
IN_THREAD = ThreadRef("discord", SERVER, CHANNEL, THREAD)
ALONE = ThreadRef("discord", "@me", "99", "99")
FILE = {"id": "7", "filename": "a.csv", "size": 3, "url": "https://cdn.discordapp.com/a.csv"}


@dataclass
class Api:
    """Answers what it knows and refuses the rest."""

    known: dict[str, Any] = field(default_factory=dict[str, Any])

    async def call(self, method: str, path: str, ids: Mapping[str, str] | None = None, **more: Any) -> Any:
        try:
            return self.known[path.format(**(ids or {}))]
        except KeyError:
            raise DiscordRefused(path, 404, 10003) from None

    async def many(self, method: str, path: str, ids: Mapping[str, str] | None = None, **more: Any) -> Any:
        return await self.call(method, path, ids)


def in_memory(described: Payload) -> IncomingFile:
    async def fetch() -> AsyncIterator[bytes]:
        yield b""

    return IncomingFile(name=str(described["filename"]), size_bytes=3, media_type="text/csv", fetch=fetch)


@dataclass
class Desk:
    """An intake with an API behind it; `began` says whose task a message began."""

    api: Api = field(default_factory=Api)
    began: dict[str, str] = field(default_factory=dict[str, str])
    facts: dict[str, ChannelFacts] = field(
        default_factory=lambda: {CHANNEL: ChannelFacts(0), THREAD: ChannelFacts(11, CHANNEL), "99": ChannelFacts(1)}
    )
    groups: frozenset[str] = frozenset()

    async def gets(self, event: str, payload: dict[str, Any], number: int = 0) -> Incoming | None:
        web = cast(Web, self.api)
        sight = Sight(web)
        directory = Directory(web, sight, groups=self.groups)
        intake = Intake(GOFER, directory, sight, in_memory, self._asked_by)
        return await intake.translate(arrivals_of(event, payload, GOFER, self.facts.get, NOW)[number])

    async def says(self, **more: Any) -> IncomingMessage:
        incoming = await self.gets("MESSAGE_CREATE", said(**more))
        assert isinstance(incoming, IncomingMessage)
        return incoming

    async def _asked_by(self, message: MessageRef) -> str:
        return self.began.get(message.message_id, "")


def said(**more: Any) -> dict[str, Any]:
    base = {
        "id": ROOT,
        "type": 0,
        "channel_id": CHANNEL,
        "guild_id": SERVER,
        "author": ANN_USER,
        "member": {key: value for key, value in ANN_MEMBER.items() if key != "user"},
        "content": f"<@{GOFER}>, add these",
        "mentions": [{"id": GOFER, "username": "gofer"}],
        "attachments": [FILE],
    }
    return base | more


async def test_a_mention_stands_for_a_thread_of_its_own() -> None:
    message = await Desk().says()
    assert (message.thread, message.message) == (IN_CHANNEL, MessageRef(IN_CHANNEL, ROOT))
    assert (message.mentioned, message.direct, message.root, message.edited) == (True, False, True, False)
    assert message.text == "add these"
    assert [file.name for file in message.files] == ["a.csv"]
    assert message.event_id == f"discord:message:{ROOT}"
    assert message.person == Actor(
        "discord:1", "Annie", "discord:50:60", groups=frozenset({"discord:50:7", "discord:50:8"})
    )
    assert message.at.year == 2026


async def test_in_a_thread_the_place_is_its_channel_and_people_spoken_to_are_told() -> None:
    ben = {"id": BEN, "username": "ben", "global_name": "Ben"}
    message = await Desk().says(channel_id=THREAD, content=f"<@{BEN}> what do you say?", mentions=[ben])
    assert message.thread == IN_THREAD
    assert message.person.place == "discord:50:60"
    assert (message.mentioned, message.root) == (False, False)
    assert message.addressed == ("discord:2",)
    assert message.text == "@Ben what do you say?"


async def test_what_discord_does_not_tell_the_words_of_is_nothing() -> None:
    hidden = said(channel_id=THREAD, content="", mentions=[], attachments=[])
    assert await Desk().gets("MESSAGE_CREATE", hidden) is None
    assert (await Desk().says(channel_id=THREAD, content="", mentions=[])).files
    assert (await Desk().says(content=f"<@{GOFER}>", attachments=[])).text == ""


async def test_a_reply_speaks_to_nobody_by_its_ping_alone() -> None:
    ben = {"id": BEN, "username": "ben"}
    earlier = {"id": "75", "type": 0, "author": ben, "content": "which one?"}
    message = await Desk().says(
        channel_id=THREAD, type=19, content="the second", mentions=[ben], referenced_message=earlier
    )
    assert message.addressed == ()
    assert message.reply_to == MessageRef(IN_THREAD, "75")
    assert message.text == "the second"  # the thread holds what it answers


async def test_a_mention_in_a_reply_takes_what_it_answers_along() -> None:
    ben = {"id": BEN, "username": "ben", "global_name": "Ben"}
    earlier = {"id": "59", "type": 0, "author": ben, "content": "our numbers", "attachments": [FILE]}
    message = await Desk().says(type=19, referenced_message=earlier, attachments=[])
    assert message.text == "add these\n\nIn reply to Ben:\n> our numbers"
    assert [file.name for file in message.files] == ["a.csv"]
    own = await Desk().says(type=19, referenced_message=earlier | {"author": {"id": GOFER, "bot": True}})
    assert own.text == "add these"


async def test_a_reply_to_gofer_in_a_channel_goes_on_with_its_work() -> None:
    gofer = {"id": GOFER, "username": "gofer", "bot": True}
    answer = {"id": "81", "type": 19, "author": gofer, "content": "Which?", "message_reference": {"message_id": ROOT}}
    message = await Desk().says(id="90", type=19, content="the second", referenced_message=answer)
    assert message.thread == IN_CHANNEL
    assert message.message == MessageRef(IN_CHANNEL, "90")
    assert (message.mentioned, message.root) == (True, False)
    begun = await Desk().says(id="91", type=19, referenced_message={"id": ROOT, "type": 0, "author": gofer})
    assert begun.thread == IN_CHANNEL


async def test_what_is_forwarded_is_a_quotation() -> None:
    forwarded = {"message": {"content": "one\ntwo", "attachments": [FILE | {"filename": "b.csv"}], "type": 0}}
    message = await Desk().says(message_snapshots=[forwarded])
    assert message.text == "add these\n\nForwarded message:\n> one\n> two"
    assert [file.name for file in message.files] == ["a.csv", "b.csv"]


async def test_in_a_direct_message_people_count_by_the_servers_they_share() -> None:
    direct = {"channel_id": "99", "guild_id": None, "member": None, "content": "hello", "mentions": []}
    desk = Desk(groups=frozenset({"discord:51:4", "slack:T1:S1"}))
    desk.api.known = {
        "/users/@me/guilds": [{"id": SERVER}, {"id": "51"}],
        f"/guilds/{SERVER}/members/{ANN}": ANN_MEMBER,
        f"/guilds/51/members/{ANN}": {"roles": ["4"], "user": ANN_USER},
    }
    message = await desk.says(**direct)
    assert (message.thread, message.direct) == (ALONE, True)
    assert message.person.standing is Standing.MEMBER
    assert "discord:51:4" in message.person.groups

    del desk.api.known[f"/guilds/{SERVER}/members/{ANN}"], desk.api.known[f"/guilds/51/members/{ANN}"]
    assert (await desk.says(**direct)).person.standing is Standing.OUTSIDER


async def test_whom_the_event_says_nothing_of_is_asked_for_and_nobody_is_an_outsider() -> None:
    desk = Desk()
    assert (await desk.says(member=None)).person.standing is Standing.OUTSIDER
    desk.api.known[f"/guilds/{SERVER}/members/{ANN}"] = ANN_MEMBER
    assert (await desk.says(member=None)).person.name == "Annie"


async def test_a_channel_that_was_not_known_is_looked_up() -> None:
    desk = Desk(facts={})
    talk = said(channel_id="71", content="hello", mentions=[])
    assert await desk.gets("MESSAGE_CREATE", talk) is None  # it is gone
    desk.api.known["/channels/71"] = {"id": "71", "type": 0}
    assert await desk.gets("MESSAGE_CREATE", talk) is None  # talk in a channel
    desk.api.known["/channels/71"] = {"id": "71", "type": 11, "parent_id": CHANNEL}
    message = await desk.gets("MESSAGE_CREATE", talk)
    assert isinstance(message, IncomingMessage)
    assert message.thread == ThreadRef("discord", SERVER, CHANNEL, "71")


async def test_an_edit_says_what_it_now_reads_and_an_added_mention_is_as_if_said_so() -> None:
    edited = said(edited_timestamp="2026-11-28T11:00:00+00:00")
    now_said, edit = [await Desk().gets("MESSAGE_UPDATE", edited, number) for number in (0, 1)]
    assert isinstance(now_said, IncomingMessage)
    assert isinstance(edit, IncomingMessage)
    assert (now_said.edited, now_said.event_id) == (False, f"discord:message:{ROOT}")
    assert (edit.edited, edit.text, edit.message) == (True, "add these", now_said.message)


async def test_a_deleted_message_counts_when_it_began_a_task() -> None:
    gone = {"id": ROOT, "channel_id": CHANNEL, "guild_id": SERVER}
    desk = Desk()
    assert await desk.gets("MESSAGE_DELETE", gone) is None
    desk.began[ROOT] = "discord:1"
    desk.api.known[f"/guilds/{SERVER}/members/{ANN}"] = ANN_MEMBER
    message = await desk.gets("MESSAGE_DELETE", gone)
    assert isinstance(message, IncomingMessage)
    assert (message.deleted, message.person.person_id, message.thread) == (True, "discord:1", IN_CHANNEL)


async def test_a_reaction_is_of_whoever_put_it_on() -> None:
    payload = {"user_id": ANN, "channel_id": THREAD, "message_id": "81", "guild_id": SERVER, "member": ANN_MEMBER}
    reaction = await Desk().gets("MESSAGE_REACTION_ADD", payload | {"emoji": {"id": None, "name": "🛑"}})
    assert isinstance(reaction, IncomingReaction)
    assert (reaction.message, reaction.emoji) == (MessageRef(IN_THREAD, "81"), "🛑")
    assert (reaction.person.name, reaction.person.place) == ("Annie", "discord:50:60")


def interaction(kind: int, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"id": "300", "type": kind, "token": "tok:en", "application_id": "901", "guild_id": SERVER, "data": data}
    base |= {"channel_id": THREAD, "channel": {"id": THREAD, "type": 11, "parent_id": CHANNEL}, "member": ANN_MEMBER}
    return base | more


async def test_a_click_says_where_and_by_whom_and_how_to_answer_it() -> None:
    data = {"custom_id": "g1:answer:a_1:1:", "values": ["blue"]}
    click = await Desk().gets("INTERACTION_CREATE", interaction(3, data, message={"id": "81"}))
    assert isinstance(click, IncomingChoice)
    assert (click.token, click.picked, click.message) == ("g1:answer:a_1:1:", "blue", MessageRef(IN_THREAD, "81"))
    assert click.person.person_id == "discord:1"
    assert click.trigger is not None
    assert unpack(click.trigger).token == "tok:en"
    assert unpack(click.trigger).kind == "component"


async def test_a_click_on_an_answer_in_a_channel_is_of_what_it_answers() -> None:
    card = {"id": "81", "message_reference": {"message_id": ROOT}}
    channel = {"channel_id": CHANNEL, "channel": {"id": CHANNEL, "type": 0}}
    data = {"custom_id": "g1:stop:t_1:0:"}
    click = await Desk().gets("INTERACTION_CREATE", interaction(3, data, message=card, **channel))
    assert isinstance(click, IncomingChoice)
    assert click.thread == IN_CHANNEL


async def test_a_sent_form_has_its_words_and_files() -> None:
    fields = [{"type": 4, "custom_id": "note", "value": "faster"}, {"type": 19, "custom_id": "files", "values": ["7"]}]
    data = {"custom_id": "g1:steer:t_1:0:", "components": [{"type": 18, "component": one} for one in fields]}
    data["resolved"] = {"attachments": {"7": FILE}}
    form = await Desk().gets("INTERACTION_CREATE", interaction(5, data, message={"id": "81"}))
    assert isinstance(form, IncomingForm)
    assert (form.values, [file.name for file in form.files]) == ({"note": "faster"}, ["a.csv"])
    assert form.thread == IN_THREAD


async def test_a_command_in_a_direct_message_is_of_that_conversation() -> None:
    data = {"name": "gofer", "type": 1, "options": [{"name": "why", "type": 1}]}
    alone = {"guild_id": None, "channel_id": "99", "channel": {"id": "99", "type": 1}, "member": None}
    desk = Desk()
    desk.api.known["/users/@me/guilds"] = []
    command = await desk.gets("INTERACTION_CREATE", interaction(2, data, user=ANN_USER, **alone))
    assert isinstance(command, IncomingCommand)
    assert (command.thread, command.words, command.person.name) == (ALONE, ("why",), "Ann")


async def test_a_message_that_is_handed_over_is_read_like_any_other() -> None:
    earlier = {"id": "59", "type": 0, "author": ANN_USER, "content": "our numbers"}
    ben = {"id": BEN, "username": "ben"}
    target = said(guild_id=None, author=ben, content="please do <#12>", type=19, referenced_message=earlier)
    data = {"name": "Hand to Gofer", "type": 3, "target_id": ROOT, "resolved": {"messages": {ROOT: target}}}
    channel = {"channel_id": CHANNEL, "channel": {"id": CHANNEL, "type": 0}}
    command = await Desk().gets("INTERACTION_CREATE", interaction(2, data, **channel))
    assert isinstance(command, IncomingCommand)
    assert (command.name, command.thread, command.message) == ("hand_over", IN_CHANNEL, MessageRef(IN_CHANNEL, ROOT))
    assert command.text == "please do #12\n\nIn reply to Ann:\n> our numbers"
    assert [file.name for file in command.files] == ["a.csv"]
    assert command.person.person_id == "discord:1"


async def test_a_task_that_is_begun_in_a_private_thread_is_not_shown_in_its_channel() -> None:
    private = {"channel": {"id": THREAD, "type": 12, "parent_id": CHANNEL}}
    prompt = {"name": "prompt", "type": 3, "value": "sum up our salaries"}
    data = {"name": "task", "type": 1, "options": [{"name": "new", "type": 1, "options": [prompt]}]}
    begun = await Desk().gets("INTERACTION_CREATE", interaction(2, data, **private))
    sent = await Desk().gets("INTERACTION_CREATE", interaction(5, {"custom_id": "g1:new:task:0:"}, **private))
    for incoming in (begun, sent):
        assert isinstance(incoming, IncomingCommand | IncomingForm)
        assert incoming.thread == ThreadRef("discord", SERVER, "", "")
        assert incoming.person.place == "discord:50:60"
    stop = {"name": "task", "type": 1, "options": [{"name": "stop", "type": 1}]}
    command = await Desk().gets("INTERACTION_CREATE", interaction(2, stop, **private))
    assert isinstance(command, IncomingCommand)
    assert command.thread == IN_THREAD
