"""The JSON API: what programs and the page's script call. Each handler is one call of the service."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import NotFound, Refused
from agent.domain.ids import new_id
from agent.domain.people import LOCAL, TERMINAL, Actor
from agent.domain.task import Feedback, Task, Thread
from agent.domain.view import TaskView
from bot.cards import Token, Verb
from bot.press import Press, press
from bot.surface import FormValue, ThreadRef
from bot.web import uploads
from bot.web.bodies import (
    AnswerBody,
    LinkBody,
    NewMessage,
    NewTask,
    NoBody,
    PressBody,
    SteerBody,
    StopBody,
    body_of,
)
from bot.web.downloads import attachment
from bot.web.html import fit_card
from bot.web.parts import Web
from bot.web.problems import Json, Malformed
from bot.web.stream import EventStream, TaskTalk
from bot.web.timeline import Shown, TaskTimeline
from bot.wire import files_to_json

_TASK: TypeAdapter[Task] = TypeAdapter(Task)
_THREAD: TypeAdapter[Thread] = TypeAdapter(Thread)
_VIEW: TypeAdapter[TaskView] = TypeAdapter(TaskView)
_FEEDBACK: TypeAdapter[tuple[Feedback, ...]] = TypeAdapter(tuple[Feedback, ...])
_THREAD_FIELDS = {"thread_id", "owner_id", "title", "created_at"}


class Api:
    """The handlers. Each gets the request and the actor it belongs to."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._service = web.service

    async def me(self, request: Request, actor: Actor) -> Response:
        role = await self._service.role(actor)
        return Json({"person_id": actor.person_id, "role": role.value})

    async def new_link(self, request: Request, actor: Actor) -> Response:
        await body_of(request, LinkBody)
        if actor != TERMINAL:
            raise Refused("Only a local program may make sign-in links.", next_step="Use the token of run.json.")
        base = self._web.public_url or str(request.base_url)
        return Json({"url": f"{base.rstrip('/')}/signin?token={self._web.sessions.new_link()}"}, status_code=201)

    # -- files in

    async def upload(self, request: Request, actor: Actor) -> Response:
        files = await uploads.receive(self._web, actor, request)
        rows = [dict(row) for row in files_to_json(files)]
        if actor != TERMINAL:
            for row, file in zip(rows, files, strict=True):
                row["receipt"] = uploads.receipt(self._web, actor, file)
        one = not request.headers.get("content-type", "").startswith("multipart/")
        return Json(rows[0] if one else {"files": rows}, status_code=201)

    # -- tasks

    async def threads(self, request: Request, actor: Actor) -> Response:
        found = await self._service.threads(actor, limit=_number(request, "limit", 50, most=500))
        return Json({"threads": [_THREAD.dump_python(t, mode="json", include=_THREAD_FIELDS) for t in found]})

    async def start(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, NewTask)
        thread_id = checked_thread(body.thread_id, actor)
        files = uploads.redeem(self._web, actor, body.files)
        inbox_id = f"{actor.person_id}:{body.inbox_id}"
        task = await self._service.start(actor, thread_id, body.request, files, inbox_id=inbox_id)
        self._web.meters.started_tasks += 1
        self._web.bell.ring(thread_id)
        return Json(_task(task), status_code=201)

    async def message(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, NewMessage)
        thread_id = checked_thread(body.thread_id, actor)
        files = uploads.redeem(self._web, actor, body.files)
        event_id = f"{actor.person_id}:{body.event_id}"
        outcome = await self._web.desk.message(actor, thread_id, body.text, files, event_id=event_id)
        if outcome.kind == "started":
            self._web.meters.started_tasks += 1
            self._web.bell.ring(thread_id)
        answer = {"kind": outcome.kind, "task_id": outcome.task_id, "text": outcome.text, "thread_id": thread_id}
        return Json({**answer, "thread": ThreadRef.parse(thread_id).thread})

    async def tasks(self, request: Request, actor: Actor) -> Response:
        limit = _number(request, "limit", 50, most=500)
        thread_id = request.query_params.get("thread_id", "")
        found = await self._service.tasks(actor, thread_id=thread_id, limit=limit)
        return Json({"tasks": [_task(task) for task in found]})

    async def feedback(self, request: Request, actor: Actor) -> Response:
        found = await self._service.feedback.newest(actor, limit=_number(request, "limit", 50, most=500))
        return Json({"feedback": _FEEDBACK.dump_python(found, mode="json")})

    async def skills(self, request: Request, actor: Actor) -> Response:
        found = await self._service.skills(actor)
        return Json(
            {"skills": [{"name": s.name, "runnable": bool(s.run), "description": s.description} for s in found]}
        )

    async def task(self, request: Request, actor: Actor) -> Response:
        task = await self._service.task(actor, _part(request, "task_id"))
        view = await self._service.view(actor, task.task_id)
        return Json({**_task(task), "view": _VIEW.dump_python(view, mode="json")})

    async def events(self, request: Request, actor: Actor) -> Response:
        task_id = _part(request, "task_id")
        await self._service.task(actor, task_id)
        sse = "text/event-stream" in request.headers.get("accept", "")
        last = request.headers.get("last-event-id", "")
        after = int(last) if sse and last.isdecimal() else _number(request, "after", 0, most=10**9)
        follow = request.query_params.get("follow", "0") not in ("", "0", "false")
        talk = TaskTalk(self._web, actor, task_id, after=after, follow=follow, sse=sse)
        return EventStream(self._web, talk, alive=lambda: self._web.known(request) is not None, sse=sse)

    async def steer(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, SteerBody)
        files = uploads.redeem(self._web, actor, body.files)
        decision = await self._service.steer(
            actor,
            _part(request, "task_id"),
            body.text,
            files,
            inbox_id=f"{actor.person_id}:{body.inbox_id}",
            interrupt=body.interrupt,
        )
        return Json({"decided": decision is not None and decision.won})

    async def stop(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, StopBody)
        return Json({"done": await self._service.stop(actor, _part(request, "task_id"), body.reason)})

    async def pause(self, request: Request, actor: Actor) -> Response:
        await body_of(request, NoBody)
        return Json({"done": await self._service.pause(actor, _part(request, "task_id"))})

    async def resume(self, request: Request, actor: Actor) -> Response:
        await body_of(request, NoBody)
        return Json({"done": await self._service.resume(actor, _part(request, "task_id"))})

    # -- decisions

    async def answer(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, AnswerBody)
        decision = await self._service.answer(
            actor,
            _part(request, "ask_id"),
            body.revision,
            body.choice,
            via=body.via if actor == TERMINAL else "page",
            note=body.note,
        )
        self._web.meters.decisions += decision.won
        return Json(
            {"won": decision.won, "by": decision.answer.by if decision.answer else "", "why": decision.why},
            status_code=200,
        )

    async def undo(self, request: Request, actor: Actor) -> Response:
        await body_of(request, NoBody)
        return Json({"text": await self._service.undo(actor, _part(request, "thread_id"))})

    async def press(self, request: Request, actor: Actor) -> Response:
        body = await body_of(request, PressBody)
        token = Token.parse(body.token)
        if token is None:
            raise Malformed("This button is of another version.", next_step="Load the page again.")
        if body.picked and token.verb is Verb.ANSWER:
            token = Token(verb=token.verb, subject_id=token.subject_id, revision=token.revision, choice=body.picked)
        values: dict[str, FormValue] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.values.items()}
        pressed = await press(
            self._service,
            actor,
            Press(
                token=token,
                event_id=f"{actor.person_id}:{body.event_id}",
                via="page",
                sent=body.sent,
                values=values,
                files=uploads.redeem(self._web, actor, body.files),
            ),
        )
        self._web.meters.decisions += pressed.decided
        if pressed.started is not None:
            self._web.meters.started_tasks += 1
            self._web.bell.ring(pressed.started.thread_id)
        html = ""
        if pressed.form is not None:
            html = self._web.html.form(pressed.form)
        elif pressed.card is not None:
            drawn = self._web.html.card(pressed.card, actor, task_id=pressed.task_id)
            html = self._web.html.page("details.html", card=drawn)
        undone = {"undone": True} if token.verb is Verb.UNDO else {}
        return Json({"text": pressed.text, "dialog": html, **undone})

    # -- files out

    async def file(self, request: Request, actor: Actor) -> Response:
        task_id, sha256 = _part(request, "task_id"), _part(request, "sha256")
        data = await self._service.download(actor, task_id, sha256)
        view = await self._service.view(actor, task_id)
        files = [*view.inputs, *(d.file for d in view.delivered), *(p for d in view.delivered for p in d.previews)]
        named = next((file for file in files if file.sha256 == sha256), None)
        return attachment(data, named.name if named else sha256, named.media_type if named else "")

    async def workspace(self, request: Request, actor: Actor) -> Response:
        manifest = await self._service.workspace(actor, _part(request, "task_id"))
        rows = [
            {"path": path, "size_bytes": entry.size_bytes, "sha256": entry.content}
            for path, entry in manifest.files().items()
        ]
        return Json({"snapshot": manifest.digest, "files": rows})

    async def workspace_file(self, request: Request, actor: Actor) -> Response:
        path = _part(request, "path")
        data = await self._service.workspace_file(actor, _part(request, "task_id"), path)
        return attachment(data, path.rpartition("/")[2])

    async def overflow(self, request: Request, actor: Actor) -> Response:
        """The whole of a card that was too long even for the page."""
        timeline = TaskTimeline(actor.person_id)
        timeline.add(await self._service.events(actor, _part(request, "task_id")))
        key, name = _part(request, "key"), _part(request, "name")
        for item in timeline.items(newest=True):
            if isinstance(item, Shown) and item.key == key:
                for part in fit_card(item.card).overflow:
                    if part.name == name:
                        return attachment(part.text.encode("utf-8", "replace"), name, "text/plain; charset=utf-8")
        raise NotFound("There is no such text.", next_step="Open it from its card.")


def checked_thread(thread_id: str, actor: Actor) -> str:
    """The thread to use; a new one when none is named. Raises `Malformed` for a name of a chat platform's thread:
    whoever began one of those here would own what is said there later. The terminal's are for the local account."""
    if not thread_id:
        surface = "terminal" if actor == TERMINAL else "web"
        return ThreadRef(surface, "local", "", new_id("th")).thread_id
    try:
        ref = ThreadRef.parse(thread_id)
    except ValueError:
        ref = None
    open_to = ("web", "terminal") if actor.person_id in LOCAL else ("web",)
    if ref is None or ref.surface not in open_to or ref.thread_id != thread_id:
        raise Malformed(
            f"{thread_id!r} is no conversation of the web or the terminal.",
            next_step="Leave thread_id out to begin one.",
        )
    return thread_id


def _task(task: Task) -> dict[str, Any]:
    return _TASK.dump_python(task, mode="json", exclude={"epoch"})


def _part(request: Request, name: str) -> str:
    value = str(request.path_params[name])
    if not value.isprintable():
        raise NotFound("There is nothing of that name.", next_step="List what there is.")
    return value


def _number(request: Request, name: str, default: int, *, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 10:
        raise Malformed(f"{name} is no number.", next_step=f"Give one from 0 to {most}.")
    return min(int(text), most)
