"""The reception: what arrives on a chat surface, and what is done about it. The same for Slack and Discord.

Everything comes in through `Reception.receive`, which judges who it is from (`doorway.authorise`) before the handler
of its kind runs. What goes wrong for a person is told to them alone; what the platform cannot do now is raised, so
that the arrival is worked on again later: each handler may therefore run twice and acts once, by its event ids.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from agent.domain.asks import AskKind
from agent.domain.errors import NotAllowed, NotFound, Refused, UserFacing
from agent.domain.people import SYSTEM, Actor, Standing
from agent.domain.requests import command_of
from agent.domain.task import Status, Task
from agent.service import Mailbox, Service
from bot import commands, phrases
from bot.accounts import SignIn, open_web_chat
from bot.cards import Action, Card, CardKind, CardState, Person, Text, Token, Verb
from bot.desk import Desk, approval, is_claim
from bot.doorway import Pass, Right, authorise
from bot.forms import new_form
from bot.gather import Gathered, gather, take_files
from bot.markup import clip, one_line
from bot.notices import notice, refusal
from bot.phrases import Word
from bot.press import Press, late, press
from bot.surface import (
    FormValue,
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingForm,
    IncomingGone,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    Surface,
    SurfaceDown,
    SurfaceRefused,
    ThreadRef,
    Trigger,
    trigger_of,
)
from bot.visitors import Visitors

logger = logging.getLogger(__name__)

SEEN = "👀"
"""On a message that was taken up."""
WELCOME = "🙏"
"""On a message that only says thanks."""
LOST_CHARS = 200
"""Quoted of a message that was given up, so that its sender knows which."""
AFTERWARDS = frozenset({Word.UNDO, Word.RETRY, Word.FORGET, Word.MUTE, Word.STATUS})
"""Words that need no mention in a thread where Gofer has worked."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a kind of arrival needs, and who handles it."""

    right: Right
    handle: Callable[[Any, Pass], Awaitable[None]]


class Reception:
    """One per workspace."""

    def __init__(self, service: Service, surface: Surface, mailbox: Mailbox, *, sign_in: SignIn | None = None) -> None:
        """`sign_in`: makes links to the web chat; None: nobody but this machine reaches it."""
        self._service, self._surface, self._mail, self._sign_in = service, surface, mailbox, sign_in
        self._desk = Desk(service)
        self._visitors = Visitors(service, surface)
        self.doors: Mapping[str, Door] = {
            "message": Door(Right.SPEAK, self._message),
            "choice": Door(Right.DECIDE, self._choice),
            "form": Door(Right.DECIDE, self._form),
            "reaction": Door(Right.DECIDE, self._reaction),
            "command": Door(Right.DECIDE, self._command),
            "gone": Door(Right.PLATFORM, self._gone),
        }

    async def receive(self, incoming: Incoming) -> None:
        """Act on one arrival. Raises `SurfaceDown` and faults; refusals are told to the person."""
        door = self.doors[incoming.kind]
        standing = await authorise(self._service, incoming.person, incoming.thread.thread_id, door.right)
        trigger = trigger_of(incoming)
        try:
            await door.handle(incoming, standing)
        except UserFacing as error:
            await self._tell(incoming.thread, incoming.person, refusal(error), trigger)
        except SurfaceRefused as error:
            logger.warning("the platform refuses: %s", error, extra={"action": "arrival_refused"})
            if incoming.person.standing not in (Standing.BOT, Standing.OUTSIDER):
                card = notice("impossible", phrases.IMPOSSIBLE, str(error))
                await self._tell(incoming.thread, incoming.person, card, trigger)

    async def lost(self, incoming: Incoming) -> None:
        """Tell whoever an arrival came from that it was given up, when they had reason to expect something of it."""
        standing = await authorise(self._service, incoming.person, incoming.thread.thread_id, Right.DECIDE)
        if standing is Pass.IN and await self._expects(incoming):
            said = incoming.text if isinstance(incoming, IncomingMessage | IncomingCommand) else ""
            card = notice("lost", phrases.LOST, phrases.LOST_NEXT)
            quoted = (Text(clip(one_line(said), LOST_CHARS), literal=True),) if said.strip() else ()
            await self._show(incoming.thread, incoming.person, replace(card, blocks=(*quoted, *card.blocks)))

    async def _expects(self, incoming: Incoming) -> bool:
        """Whether this was meant for Gofer, and it did not get through to a task."""
        match incoming:
            case IncomingMessage(deleted=True) | IncomingGone():
                return False
            case IncomingMessage(mentioned=mentioned, direct=direct):
                if await self._service.started_by(SYSTEM, message_key(incoming.message)) is not None:
                    return False
                return mentioned or direct or await self._service.active(SYSTEM, incoming.thread.thread_id) is not None
            case IncomingReaction(message=message):
                if phrases.emoji_word(incoming.emoji) is None or not incoming.added:
                    return False
                place = incoming.person.place
                return await self._mail.post_of(self._surface.name, place, message.message_id) is not None
            case _:
                return True

    # -- messages

    async def _message(self, said: IncomingMessage, standing: Pass) -> None:
        if said.edited or said.deleted:
            await self._changed(said, standing)
        elif not (said.mentioned or said.direct):
            await self._reply(said, standing)
        elif standing is Pass.IN or (said.direct and is_claim(said.text)):
            await self._spoken(said)
        else:
            await self._visitors.turn_away(said.thread, said.person, standing)

    async def _spoken(self, said: IncomingMessage) -> None:
        """Said to Gofer by somebody who may."""
        actor, text = said.person, said.text
        if is_claim(text):
            await self._hand_in(said, Gathered())
            return
        if await self._service.started_by(actor, message_key(said.message)) is not None:
            await self._mark(said.message, SEEN)  # it began a task, and then this process died
            return
        if said.mentioned and await self._muted(said.thread):
            await self._service.mute(actor, said.thread.thread_id, muted=False)
        task = await self._service.active(actor, said.thread.thread_id)
        word = phrases.word_of(text)
        if task is not None:
            await self._heard(said, interrupt=said.mentioned and not phrases.is_question(text))
        elif word is not None and not said.files:
            await self._hand_in(said, Gathered())
        else:
            got = await gather(self._service, self._surface, said)
            if not text.strip() and not got.files:
                await self._show(said.thread, actor, notice("help", phrases.EMPTY, phrases.HELP))
            else:
                await self._hand_in(said if text.strip() else replace(said, text=phrases.ONLY_FILES), got)

    async def _reply(self, said: IncomingMessage, standing: Pass) -> None:
        """Said in a thread without mentioning Gofer: it counts while a task is at work there, afterwards only a word
        that is meant for what Gofer did, or a command."""
        if await self._muted(said.thread) is not False:
            return
        task = await self._service.active(SYSTEM, said.thread.thread_id)
        if task is None:
            meant = phrases.word_of(said.text) in AFTERWARDS or bool(command_of(said.text))
            if standing is Pass.IN and not said.files and not said.addressed and meant:
                await self._hand_in(said, Gathered())
        elif standing is Pass.IN and not said.addressed:
            await self._heard(said, interrupt=False)
        else:
            to = "others" if said.addressed else "the thread"
            line = f"{Person(said.person.person_id, said.person.name)} said to {to}: {said.text}"
            await self._service.overhear(SYSTEM, task.task_id, line, inbox_id=message_key(said.message))

    async def _heard(self, said: IncomingMessage, *, interrupt: bool) -> None:
        """Said to a task at work. Thanks need no work; all else steers, decides or commands."""
        if not said.files and phrases.word_of(said.text) is None and phrases.is_thanks(said.text):
            await self._mark(said.message, WELCOME)
            return
        got = await take_files(self._service, said.person, said.files, thread_id=said.thread.thread_id)
        await self._hand_in(replace(said, text=got.with_outcomes(said.text)), got, interrupt=interrupt)

    async def _hand_in(self, said: IncomingMessage, got: Gathered, *, interrupt: bool = False) -> None:
        async with self._or_discard(said.person, got, said.thread.thread_id):
            outcome = await self._desk.message(
                said.person,
                said.thread.thread_id,
                said.text,
                got.files,
                event_id=message_key(said.message),
                context=got.context,
                interrupt=interrupt,
            )
        if outcome.kind in ("started", "steered"):
            await self._mark(said.message, SEEN)
        elif outcome.text:
            await self._show(said.thread, said.person, notice("said", outcome.text))
        await self._not_taken(said.thread, said.person, got)

    async def _changed(self, said: IncomingMessage, standing: Pass) -> None:
        """An edited request plans anew while nothing was decided; a deleted one stops its task."""
        task = None
        if standing is Pass.IN:
            task = await self._service.started_by(said.person, message_key(said.message))
        if task is None or task.status.final or task.asked_by != said.person.person_id:
            return
        if said.deleted:
            await self._service.stop(said.person, task.task_id, reason="The request was deleted.")
            return
        view = await self._service.view(said.person, task.task_id)
        if not said.text.strip() or said.text.strip() == view.request.strip():
            return
        if view.calls > 0 or any(a.answer and a.answer.choice == "approve" for a in view.asks):
            raise Refused(phrases.BEGUN, next_step=phrases.BEGUN_NEXT)
        text = f"The request now reads: {said.text}"
        await self._service.steer(said.person, task.task_id, text, inbox_id=said.event_id, interrupt=True)
        await self._mark(said.message, SEEN)

    async def _gone(self, gone: IncomingGone, standing: Pass) -> None:
        if standing is Pass.IN:
            await self._desk.leave(gone.thread)

    async def _muted(self, thread: ThreadRef) -> bool | None:
        """Whether Gofer listens to mentions only; None: it never worked in this thread."""
        known = await self._service.thread(SYSTEM, thread.thread_id)
        return None if known is None else known.muted

    @asynccontextmanager
    async def _or_discard(self, person: Actor, got: Gathered, thread_id: str = "") -> AsyncGenerator[None]:
        """A block that hands these files in; when that is refused, they are not kept."""
        try:
            yield
        except UserFacing:
            await self._service.discard(person, got.files, thread_id=thread_id)
            raise

    async def _not_taken(self, thread: ThreadRef, person: Actor, got: Gathered) -> None:
        if got.refused:
            await self._show(thread, person, notice("files", phrases.NOT_TAKEN, "\n".join(got.refused)))

    # -- clicks and forms

    async def _choice(self, click: IncomingChoice, standing: Pass) -> None:
        token = Token.parse(click.token)
        if token is None:
            raise Refused("This button is of another version of Gofer.", next_step="Use the newest card.")
        if click.picked and token.verb is Verb.ANSWER:
            token = replace(token, choice=click.picked)
        if token.verb is Verb.REQUEST:
            await self._visitors.request_access(click)
        elif standing is not Pass.IN:
            await self._visitors.turn_away(click.thread, click.person, standing, click.trigger)
        elif token.confirm:
            again = Action(replace(token, confirm=False), phrases.YES_SURE, "danger")
            card = replace(notice("sure", phrases.SURE), actions=(again,))
            await self._show(click.thread, click.person, card, click.trigger)
        elif token.verb is Verb.ACCESS:
            await self._visitors.decide_access(click, token)
        elif token.verb is Verb.NEW:
            await self._ask_for_task(click.trigger, click.thread)
        elif token.verb is Verb.ACCOUNT:
            card = await open_web_chat(self._service, click.person, self._sign_in)
            await self._show(click.thread, click.person, card, click.trigger)
        else:
            await self._press(click, token, sent=False)

    async def _form(self, form: IncomingForm, standing: Pass) -> None:
        token = Token.parse(form.token)
        if token is None:
            raise Refused("This form is of another version of Gofer.", next_step="Open it again from the newest card.")
        if standing is not Pass.IN:
            await self._visitors.turn_away(form.thread, form.person, standing, form.trigger)
        elif token.verb is Verb.NEW:
            note = form.values.get("note", "")
            await self._new_task(form, note if isinstance(note, str) else "", form.files)
        else:
            await self._press(form, token, sent=True)

    async def _press(self, event: IncomingChoice | IncomingForm, token: Token, *, sent: bool) -> None:
        values, got = dict[str, FormValue](), Gathered()
        if isinstance(event, IncomingForm):
            values |= event.values
            got = await take_files(self._service, event.person, event.files)
        what = Press(token=token, event_id=event.event_id, via="button", sent=sent, values=values, files=got.files)
        async with self._or_discard(event.person, got):
            pressed = await press(self._service, event.person, what)
        await self._not_taken(event.thread, event.person, got)
        if pressed.form is not None:
            trigger = event.trigger
            if trigger is None or not await self._surface.open_form(trigger, pressed.form, event.thread):
                await self._without_form(event, token)
        elif pressed.card is not None:
            await self._show(event.thread, event.person, pressed.card, event.trigger)
        elif pressed.text:
            await self._show(event.thread, event.person, notice("said", pressed.text), event.trigger)

    async def _without_form(self, event: IncomingChoice | IncomingForm, token: Token) -> None:
        """The dialog came too late. A denial needs none; the rest can be said in the thread."""
        if token.verb is Verb.FORM and token.choice == "deny":
            decision = await self._service.answer(
                event.person, token.subject_id, token.revision, token.choice, via="button"
            )
            if not decision.won:
                raise late(decision, event.person)
            return
        raise Refused("The form could not be opened in time.", next_step="Click again, or just reply in the thread.")

    # -- reactions

    async def _reaction(self, reaction: IncomingReaction, standing: Pass) -> None:
        word = phrases.emoji_word(reaction.emoji)
        if word is None or not reaction.added or standing is not Pass.IN:
            return
        found = await self._subject_of(reaction)
        if found is None:
            return
        task, ask_id, thread = found
        try:
            await self._reacted(reaction.person, task, ask_id, word, message_key(reaction.message))
        except UserFacing as error:
            await self._show(thread, reaction.person, refusal(error))

    async def _reacted(self, actor: Actor, task: Task, ask_id: str, word: Word, event_id: str) -> None:
        service = self._service
        match word:
            case Word.APPROVE | Word.DENY if ask_id:
                ask = await service.ask(actor, ask_id)
                if ask.kind is AskKind.QUESTION:
                    return
                choice = approval(ask.kind, approve=word is Word.APPROVE)
                decision = await service.answer(actor, ask_id, ask.revision, choice, via="emoji")
                if not decision.won:
                    raise late(decision, actor)
            case Word.STOP:
                await service.stop(actor, task.task_id)
            case Word.PAUSE:
                await service.pause(actor, task.task_id)
            case Word.RESUME:
                await service.resume(actor, task.task_id)
            case Word.RETRY if task.status in (Status.FAILED, Status.CANCELLED):
                newest = await service.tasks(actor, thread_id=task.thread_id, limit=1)
                if newest and newest[0].task_id == task.task_id:
                    again = f"{event_id}:again:{task.task_id}"
                    await service.start(actor, task.thread_id, task.request, task.files, inbox_id=again)
            case _:
                return

    async def _subject_of(self, reaction: IncomingReaction) -> tuple[Task, str, ThreadRef] | None:
        """The task a message belongs to, the ask it shows, and its thread; None: it is not about work of ours."""
        actor, message_id = reaction.person, reaction.message.message_id
        if (post := await self._mail.post_of(self._surface.name, actor.place, message_id)) is None:
            task = await self._service.started_by(actor, message_key(reaction.message))
            if task is not None:
                return task, "", ThreadRef.parse(task.thread_id)
            if await self._posting(actor.place):
                # Perhaps on a message that stands there and is not noted yet, as after a crash.
                raise SurfaceDown("A message of Gofer's is being noted.", retry_after_s=1)
            # It may have been noted between the two looks.
            post = await self._mail.post_of(self._surface.name, actor.place, message_id)
        if post is None or not post.task_id:
            return None
        task = await self._service.task(actor, post.task_id)
        return task, ask_of(post.key), ThreadRef.parse(task.thread_id)

    async def _posting(self, place: str) -> bool:
        """Whether a message of some task is on its way to this place."""
        for task_id in await self._mail.behind(self._surface.name):
            posts = await self._mail.posts(task_id=task_id)
            if any(not post.sent and f"{post.thread_id}:".startswith(f"{place}:") for post in posts):
                return True
        return False

    # -- commands

    async def _command(self, command: IncomingCommand, standing: Pass) -> None:
        if standing is not Pass.IN:
            await self._visitors.turn_away(command.thread, command.person, standing, command.trigger)
            return
        match command.name:
            case "stop":
                task = await self._service.active(command.person, command.thread.thread_id)
                if task is not None:
                    await self._service.stop(command.person, task.task_id)
            case "new_task":
                await self._ask_for_task(command.trigger, command.thread)
            case "hand_over":
                await self._hand_over(command)
            case "begin":
                await self._new_task(command, command.text, command.files)
            case _:
                here = command.thread.thread_id if command.thread.thread else ""
                answered = await commands.answer(
                    self._service,
                    command.person,
                    command.words,
                    thread_id=here,
                    web_chat=self._sign_in is not None,
                )
                if answered.card is not None:
                    await self._show(command.thread, command.person, answered.card, command.trigger)
                else:
                    await self._new_task(command, answered.request, command.files)

    async def _ask_for_task(self, trigger: Trigger | None, thread: ThreadRef) -> None:
        if trigger is None or not await self._surface.open_form(trigger, new_form(), thread):
            raise Refused("The form could not be opened in time.", next_step="Try again, or write to me.")

    async def _hand_over(self, command: IncomingCommand) -> None:
        """A message somebody points at becomes the request of whoever points."""
        if command.message is None:
            raise NotFound("This message cannot be read.", next_step="Mention me in its thread instead.")
        said = IncomingMessage(
            event_id=command.event_id,
            thread=command.thread,
            person=command.person,
            at=command.at,
            message=command.message,
            text=command.text,
            mentioned=True,
            files=command.files,
            root=command.message.message_id == command.thread.thread,
        )
        standing = await authorise(self._service, said.person, said.thread.thread_id, Right.SPEAK)
        await self._message(said, standing)

    async def _new_task(
        self, event: IncomingForm | IncomingCommand, request: str, files: Sequence[IncomingFile]
    ) -> None:
        """A task that no message began: its thread begins with a message of Gofer's."""
        if not request.strip():
            raise Refused("There is nothing to do in an empty message.", next_step="Say what you want done.")
        person = event.person
        place = await self._place_for(person, event.thread)
        got = await take_files(self._service, person, files)
        card = Card(
            key=f"begin:{event.event_id}",
            kind=CardKind.NOTICE,
            state=CardState.PLANNED,
            title=f"{phrases.TASK_OF}{Person(person.person_id, person.name)}",
            blocks=(Text(request, literal=True),),
        )
        root = await self._surface.begin(place, person.person_id, card, key=card.key)
        there = replace(person, place=":".join(root.thread.thread_id.split(":")[:3]))
        async with self._or_discard(there, got):
            await self._desk.message(there, root.thread.thread_id, request, got.files, event_id=message_key(root))
        await self._not_taken(root.thread, there, got)

    async def _place_for(self, person: Actor, thread: ThreadRef) -> ThreadRef:
        """Where a task of theirs may begin: in the channel, or else in their direct messages. Raises `NotAllowed`
        before anything is posted."""
        here, alone = replace(thread, thread=""), replace(thread, channel="", thread="")
        if await self._service.may_start(person, thread.thread_id):
            return here
        # Which conversation that is shows when it is written to; no rules of a place are about it.
        if await self._service.may_start(replace(person, place=alone.thread_id), alone.thread_id):
            return alone
        if await self._service.starts_somewhere(person):
            raise NotAllowed(phrases.NOT_HERE_AND_NOT_ALONE, next_step=phrases.ELSEWHERE_NEXT)
        raise NotAllowed(phrases.NOT_HERE, next_step=phrases.NOT_HERE_ASK)

    # -- telling

    async def _tell(self, thread: ThreadRef, person: Actor, card: Card, trigger: Trigger | None) -> None:
        """A refusal, to one person. That it cannot be told is no reason to try the arrival again."""
        try:
            await self._show(thread, person, card, trigger)
        except SurfaceRefused as error:
            logger.warning("cannot tell a person: %s", error, extra={"action": "whisper_refused"})

    async def _mark(self, message: MessageRef, emoji: str) -> None:
        """A sign that a message was heard. That it cannot be put there changes nothing of what was done."""
        try:
            await self._surface.react(message, emoji)
        except SurfaceRefused as error:
            logger.warning("cannot react: %s", error, extra={"action": "react_refused"})

    async def _show(self, thread: ThreadRef, person: Actor, card: Card, trigger: Trigger | None = None) -> None:
        await self._surface.whisper(thread, person, card, trigger=trigger)


def ask_of(key: str) -> str:
    """The ask that the post of this key shows, or empty. Keys of asks are `ask:ID`, with what follows a second colon
    or `#` telling revisions and continuations apart."""
    kind, _, rest = key.partition(":")
    return rest.partition(":")[0].partition("#")[0] if kind == "ask" else ""


def message_key(message: MessageRef) -> str:
    """What makes a message unique, whatever brought it here: mention, message, shortcut."""
    thread = message.thread
    return f"{thread.surface}:{thread.space}:{thread.channel}:{message.message_id}"
