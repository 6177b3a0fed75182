"""What people's browsers ask for: the chat, signing in, downloads by link."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.domain.errors import NotAllowed, NotFound
from agent.domain.people import LOCAL, Actor, Role
from agent.domain.task import Task
from bot import phrases
from bot.surface import ThreadRef
from bot.web.downloads import by_link, shared
from bot.web.parts import Web
from bot.web.problems import Json, NotSignedIn
from bot.web.sessions import session_lifetime
from bot.web.stream import TASKS_SHOWN, EventStream, Place, ThreadTalk
from bot.web.timeline import TaskTimeline, mark_of

_USED = "This link was used already or is too old."
_NAME = re.compile(r"[\w@.-]{1,100}", re.ASCII)


class Pages:
    """The handlers."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def home(self, request: Request) -> Response:
        """A new conversation, and the list of the others."""
        actor = self._web.visitor(request)
        return await self._chat(actor, "", [], Place(), title="")

    async def thread(self, request: Request) -> Response:
        """One conversation."""
        actor = self._web.visitor(request)
        name = _thread_name(request)
        tasks = await self._web.service.tasks(actor, thread_id=_thread_id(name), limit=TASKS_SHOWN)
        if not tasks:
            raise NotFound("There is no such conversation.", next_step="Choose one from the list, or begin a new one.")
        fragments: list[str] = []
        place = Place()
        for task in reversed(tasks):
            timeline = TaskTimeline(actor.person_id)
            timeline.add(await self._web.service.events(actor, task.task_id))
            items = timeline.items(newest=task is tasks[0])
            fragments += [self._web.html.item(item, actor) for item in items]
            place = Place(task.task_id, timeline.view.seq)
        return await self._chat(actor, name, fragments, place, title=tasks[-1].request)

    async def stream(self, request: Request) -> Response:
        """What happens in a conversation, from a place on."""
        actor = self._web.visitor(request)
        thread_id = _thread_id(_thread_name(request))
        await self._web.service.tasks(actor, thread_id=thread_id, limit=1)
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        talk = ThreadTalk(self._web, actor, thread_id, Place.parse(after))
        return EventStream(self._web, talk, alive=lambda: self._web.known(request) is not None)

    async def sign_in(self, request: Request) -> Response:
        """Turn the owner's one-time link into a session. One made for a person of a chat only shows a button: chats and
        mail programs open links to preview them, and that must not use it up."""
        if request.method == "HEAD" or "prefetch" in request.headers.get("sec-purpose", ""):
            return Response(status_code=204)  # only looking must not use the link up
        sessions = self._web.sessions
        link, here = request.query_params.get("token", ""), sessions.actor(request.cookies.get(sessions.cookie, ""))
        whose = sessions.offered(link)
        if whose is None:
            return RedirectResponse("/", status_code=303) if here is not None else self._sign_in_page(_USED)
        if whose.person_id not in LOCAL:
            names = phrases.signed_in_name(whose), phrases.signed_in_name(here) if here else ""
            return self._page("confirm.html", token=link, name=names[0], now=names[1] if names[1] != names[0] else "")
        token = await sessions.sign_in(link)
        if token is None:
            return self._sign_in_page(_USED)
        # A redirect that began on another site would not carry a SameSite=Strict cookie; a page that moves on does.
        foreign = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        answer: Response = self._page("welcome.html") if foreign else RedirectResponse("/", status_code=303)
        self._set_cookie(request, answer, token, whose)
        return answer

    async def sign_in_as(self, request: Request) -> Response:
        """The button of that page: a session of the person the link was made for, in the place of any this browser had.
        Raises `NotAllowed` for somebody whose access was taken away meanwhile."""
        self._web.check_own_page(request, header=False)
        async with request.form(max_files=0, max_fields=1) as form:
            link = str(form.get("token", ""))
        sessions = self._web.sessions
        whose = sessions.offered(link)
        if whose is not None and await self._web.service.role(whose) is Role.STRANGER:
            raise NotAllowed("You have no access to Gofer any more.", next_step="Ask an admin to let you in.")
        token = await sessions.sign_in(link) if whose is not None else None
        if whose is None or token is None:
            return self._sign_in_page(_USED)
        await sessions.sign_out(request.cookies.get(sessions.cookie, ""))
        answer = RedirectResponse("/", status_code=303)
        self._set_cookie(request, answer, token, whose)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End this browser's session."""
        self._web.check_own_page(request, header=False)
        sessions = self._web.sessions
        await sessions.sign_out(request.cookies.get(sessions.cookie, ""))
        answer = RedirectResponse("/", status_code=303)
        answer.delete_cookie(sessions.cookie, httponly=True, samesite="strict")
        return answer

    async def file(self, request: Request) -> Response:
        """A file by its signed link."""
        token = str(request.path_params["token"])
        if (fields := self._web.signer.open("file", token)) is not None:
            return await by_link(self._web.service, dict(fields))
        if (fields := self._web.signer.open("shared", token)) is not None:
            return await shared(self._web.service, dict(fields))
        raise NotFound("This link is too old, or was cut off.", next_step="Open the file from its card again.")

    async def health(self, request: Request) -> Response:
        """The process answers."""
        return Json({"ok": True})

    async def ready(self, request: Request) -> Response:
        """Tasks are taken."""
        ready = self._web.ready()
        return Json({"ready": ready}, status_code=200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Counters."""
        text = self._web.meters.text(ready=self._web.ready(), sandbox=self._web.sandbox())
        return Response(text, media_type="text/plain; version=0.0.4")

    # -- error pages

    def problem(self, message: str, next_step: str, status: int) -> Response:
        """Both sentences, and the way back."""
        return self._page("problem.html", status, message=message, next_step=next_step)

    def not_signed_in(self, error: NotSignedIn) -> Response:
        """How to sign in; nothing else."""
        return self._sign_in_page(error.message)

    # -- inside

    async def _chat(self, actor: Actor, thread: str, fragments: list[str], place: Place, *, title: str) -> Response:
        threads, tasks = await asyncio.gather(
            self._web.service.threads(actor, limit=100), self._web.service.tasks(actor, limit=200)
        )
        newest: dict[str, Task] = {}
        for task in tasks:
            newest.setdefault(task.thread_id, task)
        rows = [
            (
                ref.thread,
                entry.title,
                mark_of(newest[entry.thread_id].status) if entry.thread_id in newest else "",
            )
            for entry in threads
            if (ref := ThreadRef.parse(entry.thread_id)).surface == "web"
        ]
        return self._page(
            "chat.html",
            thread=thread,
            thread_id=_thread_id(thread) if thread else "",
            title=title,
            rows=rows,
            fragments=fragments,
            place=str(place),
            model=self._web.model,
            sandbox=self._web.sandbox(),
            signed_in=phrases.signed_in_name(actor),
        )

    def _page(self, template: str, status: int = 200, /, **values: object) -> Response:
        text = self._web.html.page(template, **values)
        return Response(text.encode("utf-8", "replace"), status_code=status, media_type="text/html; charset=utf-8")

    def _set_cookie(self, request: Request, answer: Response, token: str, actor: Actor) -> None:
        answer.set_cookie(
            self._web.sessions.cookie,
            token,
            max_age=int(session_lifetime(actor).total_seconds()),
            httponly=True,
            samesite="strict",
            secure=self._is_https(request),
        )

    def _sign_in_page(self, message: str) -> Response:
        return self._page("signin.html", 401, message=message)

    def _is_https(self, request: Request) -> bool:
        public = urlsplit(self._web.public_url)
        return public.scheme == "https" and request.headers.get("host", "").lower() == public.netloc.lower()


def _thread_name(request: Request) -> str:
    name = str(request.path_params["thread"])
    if not _NAME.fullmatch(name):
        raise NotFound("There is no such conversation.", next_step="Choose one from the list, or begin a new one.")
    return name


def _thread_id(name: str) -> str:
    return ThreadRef("web", "local", "", name).thread_id
