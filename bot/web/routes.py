"""The one table of API routes, and the OpenAPI description made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from agent.domain.people import Actor
from bot.web.api import Api
from bot.web.bodies import (
    AnswerBody,
    Body,
    LinkBody,
    NewMessage,
    NewTask,
    NoBody,
    PressBody,
    SteerBody,
    StopBody,
)

Handler = Callable[[Request, Actor], Awaitable[Response]]
_JSON = "application/json"
_BYTES = "application/octet-stream"
_LINES = "application/x-ndjson"
_ERRORS = {
    400: "The request has another shape",
    401: "Nobody is signed in",
    403: "You may not do this",
    404: "There is no such thing",
    409: "It cannot be done now",
    413: "Too large",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route. `query` explains its parameters; `gives` is the media type of a good answer."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    summary: str
    body: type[Body] | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    gives: str = _JSON
    status: int = 200


def api_table(api: Api) -> tuple[Endpoint, ...]:
    """Every route below /api; a session's cookie or the bearer token opens each."""
    task = "/api/tasks/{task_id}"
    limit = {"limit": "At most so many, newest first."}
    return (
        Endpoint(method="GET", path="/api/me", handler=api.me, summary="Who you are here, and your role."),
        Endpoint(
            method="POST",
            path="/api/links",
            handler=api.new_link,
            summary="A fresh one-time sign-in link; for local programs.",
            body=LinkBody,
            status=201,
        ),
        Endpoint(
            method="POST",
            path="/api/uploads",
            handler=api.upload,
            summary="Hand over a file: the bytes as the body, or a multipart form with files.",
            query={"path": "Name of the file, or its path in a handed-over folder; for a bare body."},
            status=201,
        ),
        Endpoint(method="GET", path="/api/threads", handler=api.threads, summary="Your conversations.", query=limit),
        Endpoint(
            method="POST",
            path="/api/threads/{thread_id}/undo",
            handler=api.undo,
            summary="Put the files back as they were before the newest task.",
            body=NoBody,
        ),
        Endpoint(
            method="POST",
            path="/api/messages",
            handler=api.message,
            summary="Say something in a conversation, as the reply box does.",
            body=NewMessage,
        ),
        Endpoint(
            method="POST",
            path="/api/tasks",
            handler=api.start,
            summary="Start a task.",
            body=NewTask,
            status=201,
        ),
        Endpoint(
            method="GET",
            path="/api/tasks",
            handler=api.tasks,
            summary="Tasks you may see.",
            query={**limit, "thread_id": "Only of this conversation."},
        ),
        Endpoint(
            method="GET",
            path="/api/feedback",
            handler=api.feedback,
            summary="How people found results, for admins.",
            query=limit,
        ),
        Endpoint(method="GET", path="/api/skills", handler=api.skills, summary="The skills that can be used."),
        Endpoint(method="GET", path=task, handler=api.task, summary="A task and what it looks like now."),
        Endpoint(
            method="GET",
            path=f"{task}/events",
            handler=api.events,
            summary="Stored events as JSON lines, or as an event stream when you accept text/event-stream.",
            query={"after": "Only events with a higher seq.", "follow": "1: stay until the task has ended."},
            gives=_LINES,
        ),
        Endpoint(
            method="POST",
            path=f"{task}/steer",
            handler=api.steer,
            summary="Say something to a task at work; answers a pending plan or question.",
            body=SteerBody,
        ),
        Endpoint(method="POST", path=f"{task}/stop", handler=api.stop, summary="Stop a task.", body=StopBody),
        Endpoint(method="POST", path=f"{task}/pause", handler=api.pause, summary="Pause a task.", body=NoBody),
        Endpoint(method="POST", path=f"{task}/resume", handler=api.resume, summary="Go on.", body=NoBody),
        Endpoint(
            method="GET",
            path=f"{task}/files/{{sha256}}",
            handler=api.file,
            summary="A file the task was given or has delivered.",
            gives=_BYTES,
        ),
        Endpoint(
            method="GET",
            path=f"{task}/workspace",
            handler=api.workspace,
            summary="The files in the workspace of the task's conversation.",
        ),
        Endpoint(
            method="GET",
            path=f"{task}/workspace/{{path:path}}",
            handler=api.workspace_file,
            summary="One of those files.",
            gives=_BYTES,
        ),
        Endpoint(
            method="GET",
            path=f"{task}/cards/{{key}}/{{name}}",
            handler=api.overflow,
            summary="Text that was too long for a card of the page.",
            gives="text/plain",
        ),
        Endpoint(
            method="POST",
            path="/api/asks/{ask_id}",
            handler=api.answer,
            summary="Decide; `won` is false when somebody was faster.",
            body=AnswerBody,
        ),
        Endpoint(
            method="POST",
            path="/api/press",
            handler=api.press,
            summary="Press a button of a card, or send the form it opened.",
            body=PressBody,
        ),
    )


def openapi(table: tuple[Endpoint, ...]) -> Mapping[str, Any]:
    """The description of these routes, OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {
        "Problem": {
            "type": "object",
            "required": ["error", "next_step"],
            "properties": {"error": {"type": "string"}, "next_step": {"type": "string"}},
        }
    }
    for endpoint in table:
        if endpoint.body is not None:
            schema = endpoint.body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[endpoint.body.__name__] = schema
        path = endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path)
    schemes = {
        "token": {"type": "http", "scheme": "bearer", "description": "The token of run.json in the data folder."},
        "session": {"type": "apiKey", "in": "cookie", "name": "gofer_…", "description": "With X-Gofer: 1 on POST."},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gofer", "version": version("gofer"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": schemes},
        "security": [{"token": []}, {"session": []}],
    }


def _operation(endpoint: Endpoint, path: str) -> dict[str, Any]:
    text = {"type": "string"}
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": n, "in": "path", "required": True, "schema": text} for n in names]
    parameters += [{"name": n, "in": "query", "description": d, "schema": text} for n, d in endpoint.query.items()]
    problem = {_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = {str(code): {"description": text, "content": problem} for code, text in _ERRORS.items()}
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(endpoint.status): {"description": "Done", "content": {endpoint.gives: {}}}, **answers},
    }
    if endpoint.body is not None:
        reference = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": reference}}}
    elif endpoint.method == "POST":
        operation["requestBody"] = {"required": True, "content": {_BYTES: {}, "multipart/form-data": {}}}
    return operation
