"""The front door's methods. Surfaces add words and buttons, never rights."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

from agent.domain.asks import Answer, Ask, AskKind, Grant, Risk, Via
from agent.domain.errors import NotAllowed, NotFound, Refused
from agent.domain.events import AskAnswered, Event, Steered, TaskAccepted, TaskCancelled, TaskPaused, TaskResumed
from agent.domain.files import Manifest, WorkFile
from agent.domain.ids import new_id
from agent.domain.people import Actor, Role, Standing
from agent.domain.requests import COMMAND_MODEL, command_of
from agent.domain.task import Status, Task, Thread
from agent.domain.view import TaskView, fold
from agent.ports.blobs import BlobStore
from agent.ports.clock import Clock
from agent.ports.journal import Decision, InboxItem, Journal, PersonRecord
from agent.ports.mail import AccessRequest, Mail
from agent.ports.skills import Skill, SkillCatalog
from agent.ports.snapshots import SnapshotStore
from agent.service.access import Access
from agent.service.feedback import FeedbackBox
from agent.service.granting import grant_of
from agent.service.undo import undo
from agent.service.uploads import Uploads, files_of, in_one_piece
from agent.tools.registry import Toolbox

REQUEST_LIMIT_CHARS = 50_000
_BY_HAND: frozenset[Via] = frozenset({"button", "page", "command", "flag"})
"""Ways to decide a call of high risk: never an emoji or a bare word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the service is made of."""

    journal: Journal
    mail: Mail
    access: Access
    blobs: BlobStore
    snapshots: SnapshotStore
    tools: Toolbox
    clock: Clock
    model: str
    skills: SkillCatalog
    caps: Mapping[str, float] = field(default_factory=dict[str, float])
    """Money limits in USD, by the names they have in gofer.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Money in USD. `day_usd` is everybody's, None for those who may not see it."""

    person_day_usd: float
    day_usd: float | None
    caps: Mapping[str, float]
    model: str


class Service:
    """Tasks, decisions, files and people, for an authenticated actor."""

    def __init__(self, entrance: Entrance) -> None:
        self._journal = entrance.journal
        self._mail = entrance.mail
        self._access = entrance.access
        self._blobs = entrance.blobs
        self._snapshots = entrance.snapshots
        self._tools = entrance.tools
        self._clock = entrance.clock
        self._model = entrance.model
        self._skills = entrance.skills
        self._caps = entrance.caps
        self.feedback = FeedbackBox(entrance.journal, entrance.access, entrance.clock)
        self._uploads = Uploads(entrance.journal, entrance.blobs, entrance.snapshots, entrance.clock)

    # -- tasks

    async def start(
        self,
        actor: Actor,
        thread_id: str,
        request: str,
        files: tuple[WorkFile, ...] = (),
        *,
        inbox_id: str,
        context: str = "",
    ) -> Task:
        """Hand over a piece of work. `inbox_id` is the platform's id of the message: the same one never starts twice.

        `context` is what others said before, as data. Raises `Refused` when the request is empty or too long, or a
        task is at work in this thread; `NotAllowed` where the actor may not hand over work.
        """
        thread = await self._access.require_thread(actor, thread_id)
        await self._access.require_start(actor, thread_id)
        text = request.strip()
        if not text:
            raise Refused("There is nothing to do in an empty message.", next_step="Say what you want done.")
        if len(text) > REQUEST_LIMIT_CHARS:
            raise Refused(
                f"The request has {len(text):,} characters; {REQUEST_LIMIT_CHARS:,} fit.",
                next_step="Put the long text into a file and attach it.",
            )
        now = self._clock.now()
        if (busy := await self.active(actor, thread_id)) is not None:
            raise Refused(f"Task {busy.task_id} is still at work here.", next_step="Reply to steer it, or stop it.")
        task = Task(
            task_id=new_id("t"),
            thread_id=thread_id,
            asked_by=actor.person_id,
            request=text,
            status=Status.QUEUED,
            created_at=now,
            files=files,
        )
        title = " ".join(text.split())[:80]
        thread = thread or Thread(thread_id=thread_id, owner_id=actor.person_id, title=title, created_at=now)
        thread = replace(thread, title=thread.title or title)  # a forgotten one has none
        accepted = TaskAccepted(
            task_id=task.task_id,
            at=now,
            thread_id=thread_id,
            asked_by=actor.person_id,
            request=text,
            files=files,
            model=COMMAND_MODEL if command_of(text) else self._model,
            context=context,
        )
        async with self._uploads.given(files, thread_id):
            created = await self._journal.create_task(task, thread, (accepted,), inbox_id=inbox_id, alone=True)
        if not created:
            raise Refused("This message has been taken already.", next_step="Look at the task it started.")
        return task

    async def steer(
        self,
        actor: Actor,
        task_id: str,
        text: str,
        files: tuple[WorkFile, ...] = (),
        *,
        inbox_id: str,
        interrupt: bool = False,
    ) -> Decision | None:
        """Say something to a task at work. Answers an open question, revises a pending plan, else is read at the next
        boundary (None), or at once with `interrupt`. Raises `Refused` when the task has ended."""
        task = await self._access.require_task(actor, task_id)
        await self._access.require_start(actor, task.thread_id)
        view = await self.view(actor, task_id)
        pending = next((a for a in view.pending if a.kind in (AskKind.PLAN, AskKind.QUESTION)), None)
        if pending is not None and not files and await self._access.may_decide(actor, pending, task.thread_id):
            choice = "revise" if pending.kind is AskKind.PLAN else "answer"
            return await self.answer(
                actor, pending.ask_id, pending.revision, choice, via="word", note=text, inbox_id=inbox_id
            )
        now = self._clock.now()
        item = InboxItem(
            inbox_id=inbox_id,
            task_id=task_id,
            kind="steer",
            by=actor.person_id,
            at=now,
            text=text,
            files=files,
            interrupt=interrupt,
        )
        event = Steered(task_id=task_id, at=now, by=actor.person_id, text=text, files=files)
        async with self._uploads.given(files, task.thread_id):
            received = await self._journal.receive(item, event)
        # Looked up anew: a task may have ended since, and then nobody would read this.
        if not received and (await self._access.require_task(actor, task_id)).status.final:
            raise Refused("This task has ended.", next_step="Start a new one in the same thread; the files are there.")
        return None

    async def overhear(self, actor: Actor, task_id: str, text: str, *, inbox_id: str) -> None:
        """Let a task know what was said beside it: read as context at the next boundary, never an instruction.

        `actor` is whoever lets it know; the words may be those of somebody without rights, named in `text`.
        """
        task = await self._access.require_task(actor, task_id)
        item = InboxItem(
            inbox_id=inbox_id, task_id=task.task_id, kind="talk", by=actor.person_id, at=self._clock.now(), text=text
        )
        await self._journal.receive(item)

    async def answer(
        self, actor: Actor, ask_id: str, revision: int, choice: str, *, via: Via, note: str = "", inbox_id: str = ""
    ) -> Decision:
        """Decide an ask. The first authorised answer wins; a later one learns who decided.

        `inbox_id`: the platform's id of a message that decides whatever is open: the same one never decides twice.
        Raises `NotAllowed` when the actor may not decide it, or not this way; `Refused` for a choice not offered.
        """
        ask = await self.ask(actor, ask_id)
        task = await self._access.require_task(actor, ask.task_id)
        if not await self._access.may_decide(actor, ask, task.thread_id):
            raise NotAllowed(
                "This is not yours to decide.", next_step="Whoever asked for it, an approver of this place or an admin."
            )
        if ask.risk is Risk.HIGH and ask.kind is AskKind.CALL and via not in _BY_HAND:
            raise NotAllowed("This one needs a button.", next_step="Read the arguments on the card and press one.")
        chosen = ask.choice(choice)
        if chosen is None:
            offered = ", ".join(c.value for c in ask.choices)
            raise Refused(f"{choice!r} is not offered here.", next_step=f"Choose one of: {offered}.")
        now = self._clock.now()
        answer = Answer(
            ask_id=ask_id,
            revision=revision,
            choice=choice,
            by=actor.person_id,
            at=now,
            via=via,
            scope=chosen.scope if via in _BY_HAND else "once",
            note=note.strip(),
        )
        event = AskAnswered(task_id=ask.task_id, at=now, answer=answer)
        return await self._journal.decide(answer, grant_of(ask, answer, self._tools), event, inbox_id=inbox_id)

    async def stop(self, actor: Actor, task_id: str, reason: str = "") -> bool:
        """Cancel a task; False when it had ended."""
        await self._require_control(actor, task_id)
        event = TaskCancelled(task_id=task_id, at=self._clock.now(), by=actor.person_id, reason=reason)
        return await self._journal.move(task_id, Status.CANCELLED, event)

    async def pause(self, actor: Actor, task_id: str) -> bool:
        """Pause a task; False when it does not run or wait."""
        await self._require_control(actor, task_id)
        event = TaskPaused(task_id=task_id, at=self._clock.now(), by=actor.person_id, reason="Resume when you like.")
        return await self._journal.move(task_id, Status.PAUSED, event)

    async def resume(self, actor: Actor, task_id: str) -> bool:
        """Go on with a paused task; False when it is not paused."""
        task = await self._require_control(actor, task_id)
        if task.status is not Status.PAUSED:
            return False
        event = TaskResumed(task_id=task_id, at=self._clock.now(), by=actor.person_id)
        return await self._journal.move(task_id, Status.QUEUED, event)

    async def undo(self, actor: Actor, thread_id: str, *, event_id: str = "") -> str:
        """Put the thread's workspace back to what it was before its last task; returns a sentence on it.

        `event_id`: the platform's id of the message or click: the same one undoes once, and gets the same sentence.
        """
        thread = await self._access.require_thread(actor, thread_id)
        if thread is None:
            raise NotFound("There is no such conversation.", next_step="Start one.")
        await self._access.require_start(actor, thread_id)
        return await undo(self._journal, thread, event_id)

    async def mute(self, actor: Actor, thread_id: str, *, muted: bool = True) -> None:
        """Stop or begin again to listen to messages of this thread that do not mention Gofer."""
        if await self._access.require_thread(actor, thread_id) is None:
            raise NotFound("There is no such conversation.", next_step="Start one.")
        await self._access.require_start(actor, thread_id)
        await self._journal.set_muted(thread_id, muted)

    async def forget(self, actor: Actor, thread_id: str) -> None:
        """Remove a conversation's files and everything said in it; the record of what happened keeps only digests.

        For its owner and admins. Raises `Refused` while a task is at work there.
        """
        thread = await self._access.require_thread(actor, thread_id)
        if thread is None:
            raise NotFound("There is no such conversation.", next_step="Start one.")
        if thread.owner_id != actor.person_id:
            await self._access.require_admin(actor)
        await self._uploads.forget(thread_id)

    # -- looking

    async def active(self, actor: Actor, thread_id: str) -> Task | None:
        """The thread's task that has not ended, if any."""
        await self._access.require_thread(actor, thread_id)
        tasks = await self._journal.tasks(thread_id=thread_id, limit=1)
        return tasks[0] if tasks and not tasks[0].status.final else None

    async def thread(self, actor: Actor, thread_id: str) -> Thread | None:
        """The conversation, or None when there is none yet."""
        return await self._access.require_thread(actor, thread_id)

    async def may_start(self, actor: Actor, thread_id: str) -> bool:
        """Whether the actor may hand over work in this thread; strangers may ask, too."""
        return await self._access.may_start(actor, thread_id)

    async def starts_somewhere(self, actor: Actor) -> bool:
        """Whether some channel's rules name the actor, so that they may hand over work there; strangers may ask."""
        return self._access.starts_somewhere(actor)

    async def started_by(self, actor: Actor, inbox_id: str) -> Task | None:
        """The task that this message began, if it began one."""
        await self._access.require_member(actor)
        task_id = await self._journal.started_by(inbox_id)
        return await self._access.require_task(actor, task_id) if task_id else None

    async def skills(self, actor: Actor) -> tuple[Skill, ...]:
        """The skills that can be used, by name."""
        await self._access.require_member(actor)
        return tuple(self._skills.skills())

    async def usage(self, actor: Actor) -> Usage:
        """What the actor's tasks cost today (UTC), and everybody's, for an admin."""
        role = await self._access.require_member(actor)
        spent = await self._journal.spending(task_id="", person_id=actor.person_id, now=self._clock.now())
        return Usage(
            person_day_usd=spent.person_day_usd,
            day_usd=spent.day_usd if role is Role.ADMIN else None,
            caps=self._caps,
            model=self._model,
        )

    async def task(self, actor: Actor, task_id: str) -> Task:
        """One task."""
        return await self._access.require_task(actor, task_id)

    async def tasks(self, actor: Actor, *, thread_id: str = "", limit: int = 50) -> tuple[Task, ...]:
        """The actor's tasks, or everybody's for an admin; newest first."""
        if thread_id:
            await self._access.require_thread(actor, thread_id)
            return await self._journal.tasks(thread_id=thread_id, limit=limit)
        role = await self._access.require_member(actor)
        return await self._journal.tasks(person_id="" if role is Role.ADMIN else actor.person_id, limit=limit)

    async def threads(self, actor: Actor, *, limit: int = 50) -> tuple[Thread, ...]:
        """The actor's conversations, newest first."""
        await self._access.require_member(actor)
        return await self._journal.threads(owner_id=actor.person_id, limit=limit)

    async def ask(self, actor: Actor, ask_id: str) -> Ask:
        """The newest revision of something people decide."""
        found = await self._journal.ask(ask_id)
        if found is None:
            raise NotFound("This question does not exist any more.", next_step="Look at the thread's newest card.")
        await self._access.require_task(actor, found[0].task_id)
        return found[0]

    async def events(self, actor: Actor, task_id: str, *, after: int = 0) -> tuple[Event, ...]:
        """All stored events with a higher number."""
        await self._access.require_task(actor, task_id)
        found: list[Event] = []
        while batch := await self._journal.events(task_id, after=found[-1].seq if found else after):
            found += batch
        return tuple(found)

    async def view(self, actor: Actor, task_id: str) -> TaskView:
        """What the task looks like now."""
        return fold(await self.events(actor, task_id))

    async def follow(self, actor: Actor, task_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Stored events as they come, until the task has ended and all were given; rights are checked each time."""
        seq = after
        async for _ in self._journal.changes(task_id):
            for event in await self.events(actor, task_id, after=seq):
                seq = event.seq
                yield event
            task = await self._access.require_task(actor, task_id)
            if task.status.final and not await self._journal.events(task_id, after=seq, limit=1):
                return

    # -- files

    async def upload(self, actor: Actor, path: str, data: bytes, media_type: str = "") -> WorkFile:
        """Store a file somebody hands over. `path`: its name, or a relative path inside a handed-over folder.

        Raises `Refused` for an impossible name or more than 64 MiB.
        """
        return await self.take_up(actor, path, in_one_piece(data), media_type)

    async def take_up(
        self, actor: Actor, path: str, pieces: AsyncIterator[bytes], media_type: str = "", *, thread_id: str = ""
    ) -> WorkFile:
        """`upload` of a file that comes piece by piece. `thread_id`: the conversation it was handed over in, where that
        is known; when it is forgotten meanwhile, this raises `Refused`."""
        await self._access.require_member(actor)
        return await self._uploads.keep(path, pieces, media_type, thread_id=thread_id)

    async def discard(self, actor: Actor, files: tuple[WorkFile, ...], *, thread_id: str = "") -> None:
        """Remove uploads whose message was refused, as far as nothing else names them."""
        await self._access.require_member(actor)
        await self._uploads.discard(files, thread_id)

    async def download(self, actor: Actor, task_id: str, sha256: str) -> bytes:
        """The bytes of a file that this task was given or has delivered (previews included)."""
        await self._require_file(actor, task_id, sha256)
        return await self._blobs.get(sha256)

    async def pieces(self, actor: Actor, task_id: str, sha256: str) -> AsyncIterator[bytes]:
        """The same, piece by piece, never held whole."""
        await self._require_file(actor, task_id, sha256)
        async for piece in self._blobs.pieces(sha256):
            yield piece

    async def _require_file(self, actor: Actor, task_id: str, sha256: str) -> None:
        if sha256 not in files_of(await self.events(actor, task_id)):
            raise NotFound("This task has no such file.", next_step="Open it from the task's card.")

    async def workspace(self, actor: Actor, task_id: str) -> Manifest:
        """Everything in the workspace of the task's thread, as of its newest snapshot."""
        task = await self._access.require_task(actor, task_id)
        thread = await self._journal.thread(task.thread_id)
        return await self._snapshots.load(thread.snapshot if thread else "")

    async def workspace_file(self, actor: Actor, task_id: str, path: str) -> bytes:
        """One file of that workspace."""
        entry = (await self.workspace(actor, task_id)).files().get(path)
        if entry is None:
            raise NotFound(f"There is no file {path!r} in the workspace.", next_step="List the workspace.")
        return await self._blobs.get(entry.content)

    # -- people and grants

    async def role(self, actor: Actor) -> Role:
        """The actor's own role; strangers may ask, too."""
        return await self._access.role(actor)

    async def claim(self, actor: Actor, code: str) -> None:
        """Become the first admin with the code that `serve` printed."""
        await self._access.claim(actor, code)

    async def request_access(self, actor: Actor, *, event_id: str = "") -> AccessRequest | None:
        """Ask the admins to be let in; None when that was asked already. Who can decide it: `admins`.

        `event_id`: the platform's id of the click. The same one gives the same request again, while it is open.
        Raises `NotAllowed` for those nobody can let in, `Refused` for somebody who has access.
        """
        if actor.standing in (Standing.BOT, Standing.OUTSIDER):
            raise NotAllowed(
                "Gofer works for members of this workspace only.", next_step="Ask one of them to hand it the work."
            )
        if await self._access.role(actor) is not Role.STRANGER:
            raise Refused("You have access to Gofer already.", next_step="Write to it directly.")
        request = AccessRequest(
            request_id=f"r_{hashlib.sha256(event_id.encode()).hexdigest()[:24]}" if event_id else new_id("r"),
            person_id=actor.person_id,
            name=actor.name,
            place=actor.place,
            at=self._clock.now(),
        )
        if await self._mail.ask_access(request):
            return request
        known = await self._mail.access_request(request.request_id)
        return known if known is not None and known.state == "open" else None

    async def decide_access(self, actor: Actor, request_id: str, *, allow: bool) -> AccessRequest:
        """Let somebody in as a member, or not; admins only. Raises `Refused` when that was decided already, otherwise
        or by somebody else."""
        await self._access.require_admin(actor)
        request = await self._mail.access_request(request_id)
        if request is None:
            raise NotFound("There is no such request.", next_step="Ask them to write to Gofer again.")
        mine = (request.state, request.decided_by) == ("allowed" if allow else "refused", actor.person_id)
        if not mine and not await self._mail.decide_access(request_id, by=actor.person_id, allowed=allow):
            raise Refused("This was decided already.", next_step="`gofer doctor` and the members list show who is in.")
        if allow:
            await self._access.admit(request.person_id, request.name, Role.MEMBER)
        return request

    async def admins(self, actor: Actor) -> tuple[str, ...]:
        """Person ids of everybody who can let people in. A stranger may know whom to ask."""
        return await self._access.admins()

    async def people(self, actor: Actor) -> tuple[PersonRecord, ...]:
        """Everybody with access; admins only."""
        await self._access.require_admin(actor)
        return await self._journal.people()

    async def admit(self, actor: Actor, person_id: str, name: str, role: Role) -> None:
        """Give a person access; admins only."""
        await self._access.require_admin(actor)
        await self._access.admit(person_id, name, role)

    async def expel(self, actor: Actor, person_id: str) -> None:
        """Take a person's access away; admins only."""
        await self._access.require_admin(actor)
        await self._journal.remove_person(person_id)

    async def grants(self, actor: Actor) -> tuple[Grant, ...]:
        """Standing permissions: the actor's own, or all for an admin."""
        role = await self._access.require_member(actor)
        found = await self._journal.grants()
        return tuple(g for g in found if role is Role.ADMIN or g.granted_by == actor.person_id)

    async def revoke(self, actor: Actor, grant_id: str) -> bool:
        """End a standing permission; False when there is no such one."""
        mine = await self.grants(actor)
        return any(g.grant_id == grant_id for g in mine) and await self._journal.revoke(grant_id)

    # -- inside

    async def _require_control(self, actor: Actor, task_id: str) -> Task:
        """A task that the actor may stop and pause: their own, or one in a channel where they may start others."""
        task = await self._access.require_task(actor, task_id)
        if actor.person_id != task.asked_by:
            await self._access.require_start(actor, task.thread_id)
        return task
