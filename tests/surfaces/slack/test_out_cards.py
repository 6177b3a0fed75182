"""Cards, private messages, forms and emoji in Slack, as the strict fake takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from agent.domain.people import Actor
from bot.cards import (
    Action,
    Card,
    CardKind,
    CardState,
    CheckField,
    Code,
    Form,
    Note,
    Person,
    Table,
    Text,
    TextField,
    Token,
    Verb,
)
from bot.notices import notice
from bot.render import result_card
from bot.slack.sessions import Prompt
from bot.slack.web import SlackRefused
from bot.surface import MessageRef, SurfaceDown, SurfaceRefused, Trigger
from tests.fakes.slack import SCOPES, SlackFake
from tests.surfaces.examples import chart, excerpt, finished
from tests.surfaces.slack.out import ALLOW, DENY, approval, opened, place, status

HOW = Token(verb=Verb.FORM, subject_id="a_1", choice="revise")


@pytest.fixture
async def slack() -> AsyncGenerator[SlackFake]:
    async with SlackFake("socket") as fake:
        yield fake


async def test_a_card_stands_in_its_thread_with_its_buttons_and_is_found_by_its_key(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    request = await ann.says(general, "please")
    async with opened(slack) as surface:
        thread = place(slack, general, request)
        posted = await surface.post(thread, approval(), key="ask:a_1")
        assert await surface.find(thread, "ask:a_1") == posted.message
        assert await surface.find(thread, "ask:a_2") is None
    _, message = slack.messages(general, request)
    assert message.button_labels == ["Allow once", "Deny"]
    assert (message.ts, message.parent_ts) == (posted.message.message_id, request.ts)
    (call,) = slack.calls("chat.postMessage")
    assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)


async def test_only_who_is_to_decide_is_mentioned_and_only_once(slack: SlackFake) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general = slack.channel("general", members=[ann, bob])
    request = await ann.says(general, "please")
    asked, other = (Person(f"slack:{slack.team_id}:{user.id}") for user in (ann, bob))
    card = approval(Note(("For ", asked, ", because ", other, " said so.")), notify=(asked,))
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general, request), card, key="ask:a_1")
        message = slack.messages(general, request)[1]
        assert str(message.blocks).count(f"<@{ann.id}>") == 1
        assert bob.id not in str(message.blocks)
        assert "bob" in message.plain
        assert await surface.edit(posted.message, approval(*card.blocks, actions=(), notify=(asked,)))
    assert f"<@{ann.id}>" not in str(message.blocks)
    assert "ann" in message.plain
    assert message.button_labels == []


async def test_who_is_told_is_mentioned_even_where_the_card_does_not_name_them(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    request = await ann.says(general, "please")
    async with opened(slack) as surface:
        card = approval(Text("x"), notify=(Person(f"slack:{slack.team_id}:{ann.id}"), Person("web:owner")))
        await surface.post(place(slack, general, request), card, key="k")
    assert str(slack.messages(general, request)[1].blocks).count(f"<@{ann.id}>") == 1


async def test_a_message_that_is_gone_is_refused_and_can_be_retired(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general), approval(), key="k")
        await surface.retire(posted.message)
        assert slack.messages(general) == []
        await surface.retire(posted.message)
        with pytest.raises(SurfaceRefused, match="gone"):
            await surface.edit(posted.message, approval())


async def test_a_closed_edit_window_asks_for_a_continuation(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general), approval(), key="k")
        slack.faults.error("chat.update", "edit_window_closed")
        assert await surface.edit(posted.message, approval()) is False


async def test_the_newest_of_several_edits_is_shown(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general), approval(), key="k")
        gate = slack.faults.hold("chat.update")
        first = asyncio.create_task(surface.edit(posted.message, approval(title="one")))
        await gate.reached
        rest = [asyncio.create_task(surface.edit(posted.message, approval(title=t))) for t in ("two", "three", "four")]
        await asyncio.sleep(0)
        gate.open()
        assert await asyncio.gather(first, *rest) == [True] * 4
    assert len(slack.calls("chat.update")) == 2
    assert "four" in slack.messages(general)[0].plain


async def test_a_lost_answer_is_not_repeated_and_the_message_is_found(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    root = await ann.says(general, "hello")
    slack.faults.lose_reply("chat.postMessage")
    async with opened(slack) as surface:
        thread = place(slack, general, root)
        with pytest.raises(SurfaceDown):
            await surface.post(thread, approval(), key="ask:a_1")
        assert len(slack.calls("chat.postMessage")) == 1
        found = await surface.find(thread, "ask:a_1")
    assert found is not None
    assert found.message_id == slack.messages(general, root)[1].ts


async def test_what_may_pass_is_down_and_what_will_not_is_refused(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        thread = place(slack, general)
        slack.faults.http("chat.postMessage", 503)
        with pytest.raises(SurfaceDown):
            await surface.post(thread, approval(), key="k")
        for error, words in (
            ("not_in_channel", "invite @Gofer"),
            ("is_archived", "archived"),
            ("token_revoked", "install the app again"),
            ("something_new", "something_new"),
        ):
            slack.faults.error("chat.postMessage", error)
            with pytest.raises(SurfaceRefused, match=words):
                await surface.post(thread, approval(), key="k")


async def test_a_missing_scope_is_named() -> None:
    async with SlackFake("socket", scopes=[scope for scope in SCOPES if scope != "reactions:write"]) as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        message = await ann.says(general, "hello")
        async with opened(slack) as surface:
            with pytest.raises(SurfaceRefused, match="reactions:write"):
                await surface.react(MessageRef(place(slack, general, message), message.ts), "👀")


async def test_a_rate_limit_is_waited_for_inside(slack: SlackFake) -> None:
    general = slack.channel("general")
    slack.faults.rate_limit("chat.postMessage", retry_after_s=0.1, times=2)
    async with opened(slack) as surface:
        await surface.post(place(slack, general), approval(), key="k")
    assert len(slack.messages(general)) == 1


@pytest.mark.parametrize(
    "missing", [(), ("data_table",), ("data_table", "table"), ("rich_text", "data_table", "header")]
)
async def test_a_workspace_without_some_blocks_gets_simpler_ones_and_keeps_its_buttons(
    slack: SlackFake, missing: tuple[str, ...]
) -> None:
    slack.disable(*missing)
    general = slack.channel("general")
    card = approval(Text("These:"), Table(("name", "count"), tuple((f"row {n}", str(n)) for n in range(60))))
    async with opened(slack) as surface:
        await surface.post(place(slack, general), card, key="one")
        calls = len(slack.calls("chat.postMessage"))
        await surface.post(place(slack, general), card, key="two")
        # What is missing was learned at the first card, but for blocks that every workspace has.
        again = len(slack.calls("chat.postMessage")) - calls
    assert again == (1 if missing in ((), ("data_table",)) else calls - ("data_table" in missing))
    for message in slack.messages(general):
        if not message.files:
            assert message.button_labels == ["Allow once", "Deny"]
            assert "row 0" in message.plain


async def test_a_card_that_slack_finds_too_long_is_made_smaller_and_at_last_plain_text(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general), approval(), key="k")
        slack.faults.error("chat.update", "msg_blocks_too_long", where=lambda args: len(str(args["blocks"])) > 4_000)
        long = approval(Text("word " * 1_500), key="long")
        assert await surface.edit(posted.message, long)
        slack.faults.clear()
        slack.faults.error("chat.update", "invalid_blocks", times=20, where=lambda args: bool(args["blocks"]))
        assert await surface.edit(posted.message, approval(Text("only <words> & *signs*")))
        slack.faults.clear()
    message = next(m for m in slack.messages(general) if not m.files)
    assert message.blocks == []
    assert "only &lt;words&gt; &amp; *signs*" in message.text


async def test_what_does_not_fit_is_attached_once(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    root = await ann.says(general, "please")
    long = "\n".join(f"line {n}" for n in range(3_000))
    card = approval(Code(long, label="body", file="arguments.txt"))
    async with opened(slack) as surface:
        thread = place(slack, general, root)
        posted = await surface.post(thread, card, key="ask:a_1")
        assert await surface.edit(posted.message, approval(*card.blocks, actions=(), state=CardState.DONE))
    async with opened(slack) as surface:  # a new process knows nothing
        assert await surface.edit(posted.message, approval(*card.blocks, actions=(), state=CardState.STOPPED))
    _, attached, message = slack.messages(general, root)
    assert [file.data.decode() for file in attached.files] == [long]
    assert "arguments.txt" in message.plain


async def test_where_files_are_forbidden_long_text_is_said_in_messages(slack: SlackFake) -> None:
    slack.uploads.enabled = False
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    root = await ann.says(general, "please")
    async with opened(slack) as surface:
        thread = place(slack, general, root)
        card = approval(Code("x" * 9_500, file="arguments.txt"))
        await surface.post(thread, card, key="ask:a_1")
    _, *said, message = slack.messages(general, root)
    assert "".join(part.plain for part in said).count("x") == 9_500
    assert message.button_labels == ["Allow once", "Deny"]


# -- one person only


async def test_a_private_message_is_seen_by_one_person(slack: SlackFake) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general = slack.channel("general", members=[ann, bob])
    request = await ann.says(general, "please")
    async with opened(slack) as surface:
        me = Actor(f"slack:{slack.team_id}:{ann.id}", "ann")
        await surface.whisper(place(slack, general, request), me, notice("x", "Only for you"))
    (seen,) = slack.ephemerals(ann)
    assert "Only for you" in seen.plain
    assert slack.ephemerals(bob) == []
    assert len(slack.messages(general, request)) == 1


@pytest.mark.parametrize("where", ["outside", "direct", "nowhere", "long"])
async def test_a_private_message_falls_back_to_the_direct_conversation(slack: SlackFake, where: str) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general = slack.channel("general", members=[bob, *([ann] if where == "long" else [])])
    request = await bob.says(general, "please")
    hello = await ann.says(slack.dm(ann), "hello")
    thread = {
        "outside": place(slack, general, request),
        "direct": place(slack, slack.dm(ann), hello),
        "nowhere": place(slack, general, request).parse(f"slack:{slack.team_id}::"),
        "long": place(slack, general, request),
    }[where]
    card = notice("x", "Only for you", "word " * 4_000 if where == "long" else "")
    async with opened(slack) as surface:
        await surface.whisper(thread, Actor(f"slack:{slack.team_id}:{ann.id}", "ann"), card)
    assert slack.ephemerals(ann) == []
    assert len(slack.messages(general)) == 1
    found = [m for m in slack.messages(slack.dm(ann)) if m.user == slack.bot_user_id]
    said = next(m for m in found if not m.files)
    assert "Only for you" in said.plain
    assert said.parent_ts == (hello.ts if where == "direct" else "")
    assert bool([m for m in found if m.files]) == (where == "long")


async def test_nobody_of_this_workspace_cannot_be_told(slack: SlackFake) -> None:
    async with opened(slack) as surface:
        with pytest.raises(SurfaceRefused):
            await surface.whisper(place(slack, slack.channel("general")), Actor("web:owner"), notice("x", "Hi"))


async def test_a_task_that_no_message_began_begins_its_own_thread_once(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    me = f"slack:{slack.team_id}:{ann.id}"
    card = notice("begin", "Task of ann", "Sort the files")
    async with opened(slack) as surface:
        there = await surface.begin(place(slack, general), me, card, key="begin:1")
        assert await surface.begin(place(slack, general), me, card, key="begin:1") == there
        alone = await surface.begin(place(slack, general).parse(f"slack:{slack.team_id}::"), me, card, key="begin:1")
    (message,) = slack.messages(general)
    assert (there.message_id, there.thread) == (message.ts, place(slack, general, message))
    assert alone.thread.channel == slack.dm(ann).id


# -- forms


async def test_a_form_opens_and_comes_back_with_its_thread(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    form = Form(token=HOW, title="Edit the plan", fields=(TextField(name="steps", label="Steps", multiline=True),))
    async with opened(slack) as surface:
        posted = await surface.post(place(slack, general), approval(), key="k")
        trigger = Trigger("slack", slack.interactions.trigger(ann.id, slack.team))
        assert await surface.open_form(trigger, form, posted.message.thread)
        (view,) = slack.views(ann)
        assert view.callback_id == HOW.encode()
        assert view.private_metadata == f"{HOW.encode()}|{posted.message.thread.thread_id}"
        assert await surface.open_form(trigger, form, posted.message.thread)  # again, after a crash: it is open
        assert len(slack.views(ann)) == 1
        late = Trigger("slack", slack.interactions.trigger(ann.id, slack.team))
        slack.clock.advance(4)
        assert await surface.open_form(late, form, posted.message.thread) is False


async def test_other_refusals_of_a_form_are_told(slack: SlackFake) -> None:
    form = Form(token=HOW, title="T", fields=(CheckField(name="sure", label="Sure"),))
    slack.faults.error("views.open", "invalid_auth")
    async with opened(slack) as surface:
        with pytest.raises(SlackRefused):
            await surface.open_form(Trigger("slack", "1.2.3"), form, place(slack, slack.channel("general")))


# -- emoji, prompts, home


async def test_an_emoji_twice_is_no_error(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    message = await ann.says(general, "hello")
    at = MessageRef(place(slack, general, message), message.ts)
    async with opened(slack) as surface:
        for emoji in ("👀", "👀", "✅", ":+1:"):
            await surface.react(at, emoji)
        assert set(message.reactions) == {"eyes", "white_check_mark", "+1"}
        for _ in range(2):
            await surface.react(at, "👀", on=False)
    assert set(message.reactions) == {"white_check_mark", "+1"}


async def test_prompts_are_offered_until_the_workspace_has_none(slack: SlackFake) -> None:
    ann = slack.user("ann")
    talk = place(slack, slack.dm(ann))
    prompts = [Prompt(f"Title {n}", f"Do {n}") for n in range(6)]
    async with opened(slack) as surface:
        await surface.suggest(talk, prompts)
        assert [p["title"] for p in slack.prompts[talk.channel].prompts] == [f"Title {n}" for n in range(4)]
        slack.disable("suggested_prompts")
        for _ in range(3):
            await surface.suggest(talk, prompts)
    assert len(slack.calls("assistant.threads.setSuggestedPrompts")) == 2


async def test_sessions_show_what_gofer_does_where_there_are_sessions(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    request = await ann.says(general, "please")
    thread = place(slack, general, request)
    async with opened(slack) as surface:
        person = f"slack:{slack.team_id}:{ann.id}"
        for state, shown in (("working", "processing"), ("waiting", "suspended"), ("ended", "closed")):
            await surface.presence(thread, state, title="Sort " + "x" * 300, person=person)
            assert slack.sessions[general, request].status == shown
        assert slack.sessions[general, request].initiator == ann.id
        await surface.presence(place(slack, general), "working")  # no thread, no session
        slack.disable("agents.sessions")
        for _ in range(3):
            await surface.presence(thread, "working")
    assert len(slack.calls("agents.sessions.setStatus")) == 4


async def test_an_app_that_is_no_agent_shows_nothing() -> None:
    async with SlackFake("socket", agent=False) as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        root = await ann.says(general, "hi")
        async with opened(slack) as surface:
            for _ in range(2):
                await surface.presence(place(slack, general, root), "working", title="Sort")
        assert len(slack.calls("agents.sessions.setStatus")) == 1


async def test_a_result_can_be_judged(slack: SlackFake) -> None:
    general = slack.channel("general")
    thumbs = tuple(
        Action(Token(verb=Verb.FEEDBACK, subject_id="t_1", choice=choice), choice) for choice in ("good", "bad")
    )
    card = Card(
        key="result:t_1",
        kind=CardKind.RESULT,
        state=CardState.DONE,
        title="Finished",
        blocks=(Text("Done."),),
        actions=(ALLOW, *thumbs, DENY),
    )
    async with opened(slack) as surface:
        await surface.post(place(slack, general), card, key="one")
        slack.disable("context_actions")
        await surface.post(place(slack, general), card, key="two")
    native, classic = slack.messages(general)
    (element,) = native.blocks[-1]["elements"]
    assert element["positive_button"]["value"] == thumbs[0].token.encode()
    assert classic.button_labels == ["Allow once", "good", "bad", "Deny"]


async def test_a_table_and_a_chart_are_drawn_plainly_where_slack_has_no_blocks_for_them(slack: SlackFake) -> None:
    general = slack.channel("general")
    card = result_card(finished(table=excerpt(30), chart=chart("bar", (("May", (10.0, 5.5)),))))
    async with opened(slack) as surface:
        await surface.post(place(slack, general), card, key="one")
        slack.disable("data_table", "data_visualization")
        await surface.post(place(slack, general), card, key="two")
        await surface.post(place(slack, general), card, key="three")
    first, second, third = (message.blocks for message in slack.messages(general))
    new = {"data_table", "data_visualization"}
    assert [{block["type"] for block in blocks} & new for blocks in (first, second)] == [new, set()]
    assert "Out  ███████████ 5.5" in slack.messages(general)[1].plain
    assert second == third
    assert len(slack.calls("chat.postMessage")) == 4  # it is refused once, and remembered


async def test_a_home_tab_is_published(slack: SlackFake) -> None:
    ann = slack.user("ann")
    async with opened(slack) as surface:
        await surface.publish_home(ann.id, status())
    home = slack.home(ann)
    assert home is not None
    assert "Working" in home.plain


async def test_nothing_comes_in_through_this_surface(slack: SlackFake) -> None:
    async def receive(_: object) -> None: ...

    async with opened(slack) as surface:
        assert (surface.name, surface.abilities.private) == ("slack", True)
        with pytest.raises(Exception, match="only sends"):
            await surface.run(receive)
