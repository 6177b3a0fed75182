"""What the terminal needs of Gofer, and its two ways to get it: in this process, or from a running one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from pydantic import TypeAdapter

from agent.domain.asks import Via
from agent.domain.errors import NotAllowed, NotFound, Refused, UserFacing
from agent.domain.events import Event
from agent.domain.files import WorkFile
from agent.domain.people import Actor
from agent.domain.task import Feedback, Task
from agent.service import Service
from bot.wire import event_from_json, files_to_json

if TYPE_CHECKING:
    from httpx2 import Response

RUN_FILE = "run.json"
"""Written by the process that owns the data folder: where its API is and the token for it. Mode 0600."""


_TASKS: TypeAdapter[tuple[Task, ...]] = TypeAdapter(tuple[Task, ...])
_FEEDBACK: TypeAdapter[tuple[Feedback, ...]] = TypeAdapter(tuple[Feedback, ...])


class Front(Protocol):
    """Gofer, as one actor sees it."""

    async def upload(self, path: str, data: bytes) -> WorkFile: ...
    async def start(self, thread_id: str, request: str, files: tuple[WorkFile, ...], inbox_id: str) -> str: ...
    def follow(self, task_id: str) -> AsyncIterator[Event]: ...
    async def answer(self, ask_id: str, revision: int, choice: str, *, note: str, via: Via) -> bool: ...
    async def steer(self, task_id: str, text: str, inbox_id: str) -> None: ...
    async def stop(self, task_id: str) -> None: ...
    async def download(self, task_id: str, sha256: str) -> bytes: ...
    async def listing(self, task_id: str) -> Mapping[str, int]: ...
    async def workspace_file(self, task_id: str, path: str) -> bytes: ...
    async def tasks(self) -> tuple[Task, ...]: ...
    async def events(self, task_id: str) -> tuple[Event, ...]: ...
    async def resume(self, task_id: str) -> bool: ...
    async def cancel(self, task_id: str) -> bool: ...
    async def feedback(self) -> tuple[Feedback, ...]: ...
    async def skills(self) -> tuple[str, ...]: ...


class ServiceFront:
    """The service of this process."""

    def __init__(self, service: Service, actor: Actor) -> None:
        self._service = service
        self._actor = actor

    async def upload(self, path: str, data: bytes) -> WorkFile:
        return await self._service.upload(self._actor, path, data)

    async def start(self, thread_id: str, request: str, files: tuple[WorkFile, ...], inbox_id: str) -> str:
        task = await self._service.start(self._actor, thread_id, request, files, inbox_id=inbox_id)
        return task.task_id

    def follow(self, task_id: str) -> AsyncIterator[Event]:
        return self._service.follow(self._actor, task_id)

    async def answer(self, ask_id: str, revision: int, choice: str, *, note: str, via: Via) -> bool:
        decision = await self._service.answer(self._actor, ask_id, revision, choice, via=via, note=note)
        return decision.won

    async def steer(self, task_id: str, text: str, inbox_id: str) -> None:
        await self._service.steer(self._actor, task_id, text, inbox_id=inbox_id)

    async def stop(self, task_id: str) -> None:
        await self._service.stop(self._actor, task_id, "Stopped in the terminal.")

    async def download(self, task_id: str, sha256: str) -> bytes:
        return await self._service.download(self._actor, task_id, sha256)

    async def listing(self, task_id: str) -> Mapping[str, int]:
        manifest = await self._service.workspace(self._actor, task_id)
        return {path: entry.size_bytes for path, entry in manifest.files().items()}

    async def workspace_file(self, task_id: str, path: str) -> bytes:
        return await self._service.workspace_file(self._actor, task_id, path)

    async def tasks(self) -> tuple[Task, ...]:
        return await self._service.tasks(self._actor)

    async def events(self, task_id: str) -> tuple[Event, ...]:
        return await self._service.events(self._actor, task_id)

    async def resume(self, task_id: str) -> bool:
        return await self._service.resume(self._actor, task_id)

    async def cancel(self, task_id: str) -> bool:
        return await self._service.stop(self._actor, task_id, "Stopped in the terminal.")

    async def feedback(self) -> tuple[Feedback, ...]:
        return await self._service.feedback.newest(self._actor)

    async def skills(self) -> tuple[str, ...]:
        return tuple(skill.name for skill in await self._service.skills(self._actor))


class ApiFront:
    """The `/api` of the process that owns the data folder."""

    def __init__(self, url: str, token: str) -> None:
        import httpx2  # only this front needs it

        self._gone = (httpx2.TransportError,)
        self._http = httpx2.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=httpx2.Timeout(30, read=None)
        )

    @staticmethod
    def of(home: Path) -> ApiFront:
        """The front of the process that holds this data folder. Raises `Refused` when it left no address."""
        try:
            run = cast(Mapping[str, str], json.loads((home / RUN_FILE).read_text(encoding="utf-8")))
            return ApiFront(run["url"], run["token"])
        except (OSError, ValueError, KeyError) as error:
            raise Refused(
                "Another Gofer uses this data folder but takes no orders.",
                next_step="Stop it, or set GOFER_HOME to another folder.",
            ) from error

    async def upload(self, path: str, data: bytes) -> WorkFile:
        answer = await self._call("POST", f"/api/uploads?path={quote(path)}", content=data)
        return WorkFile(**answer)

    async def start(self, thread_id: str, request: str, files: tuple[WorkFile, ...], inbox_id: str) -> str:
        body = {
            "thread_id": thread_id,
            "request": request,
            "files": list(files_to_json(files)),
            "inbox_id": inbox_id,
        }
        return str((await self._call("POST", "/api/tasks", json=body))["task_id"])

    async def follow(self, task_id: str) -> AsyncIterator[Event]:
        async with self._http.stream("GET", f"/api/tasks/{task_id}/events?follow=1") as response:
            async for line in response.aiter_lines():
                if line.strip():
                    yield event_from_json(json.loads(line))

    async def answer(self, ask_id: str, revision: int, choice: str, *, note: str, via: Via) -> bool:
        body = {"revision": revision, "choice": choice, "note": note, "via": via}
        return bool((await self._call("POST", f"/api/asks/{ask_id}", json=body))["won"])

    async def steer(self, task_id: str, text: str, inbox_id: str) -> None:
        await self._call("POST", f"/api/tasks/{task_id}/steer", json={"text": text, "inbox_id": inbox_id})

    async def stop(self, task_id: str) -> None:
        await self._call("POST", f"/api/tasks/{task_id}/stop", json={})

    async def download(self, task_id: str, sha256: str) -> bytes:
        return await self._bytes(f"/api/tasks/{task_id}/files/{sha256}")

    async def listing(self, task_id: str) -> Mapping[str, int]:
        answer = await self._call("GET", f"/api/tasks/{task_id}/workspace")
        return {str(f["path"]): int(f["size_bytes"]) for f in answer["files"]}

    async def workspace_file(self, task_id: str, path: str) -> bytes:
        return await self._bytes(f"/api/tasks/{task_id}/workspace/{quote(path)}")

    async def tasks(self) -> tuple[Task, ...]:
        return _TASKS.validate_python((await self._call("GET", "/api/tasks"))["tasks"])

    async def events(self, task_id: str) -> tuple[Event, ...]:
        lines = (await self._bytes(f"/api/tasks/{task_id}/events")).decode("utf-8").splitlines()
        return tuple(event_from_json(json.loads(line)) for line in lines if line.strip())

    async def resume(self, task_id: str) -> bool:
        return bool((await self._call("POST", f"/api/tasks/{task_id}/resume", json={}))["done"])

    async def cancel(self, task_id: str) -> bool:
        return bool((await self._call("POST", f"/api/tasks/{task_id}/stop", json={}))["done"])

    async def feedback(self) -> tuple[Feedback, ...]:
        return _FEEDBACK.validate_python((await self._call("GET", "/api/feedback"))["feedback"])

    async def skills(self) -> tuple[str, ...]:
        return tuple(str(skill["name"]) for skill in (await self._call("GET", "/api/skills"))["skills"])

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def _bytes(self, path: str) -> bytes:
        return (await self._send("GET", path)).content

    async def _call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        return cast(dict[str, Any], (await self._send(method, path, **body)).json())

    async def _send(self, method: str, path: str, **body: Any) -> Response:
        """The answer to one request. A refusal is raised as the service itself would have raised it."""
        try:
            response = await self._http.request(method, path, **body)
        except self._gone as error:
            raise Refused(
                "The running Gofer does not answer.", next_step="Look whether `gofer serve` is still up."
            ) from error
        if response.status_code >= 400:
            raise _refusal(response)
        return response


def _refusal(response: Response) -> UserFacing:
    """The error that an answer of the API stands for."""
    kinds: Mapping[int, type[UserFacing]] = {403: NotAllowed, 404: NotFound}
    kind = kinds.get(response.status_code, Refused)
    try:
        said = cast(Mapping[str, str], response.json())
        return kind(said["error"], next_step=said["next_step"])
    except (ValueError, KeyError, TypeError):
        return kind(
            f"The running Gofer answered with the code {response.status_code} and no reason.",
            next_step="Look into its log.",
        )
