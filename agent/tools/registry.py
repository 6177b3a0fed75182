"""`@tool`: a tool from an async function's signature and docstring."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo

from agent.domain.asks import Risk
from agent.domain.blocks import Block, Json, text_block
from agent.domain.errors import Bug, ToolRetry
from agent.domain.events import Event
from agent.domain.task import Task
from agent.ports.blobs import BlobStore
from agent.ports.chat import Chat
from agent.ports.clock import Clock
from agent.ports.sandbox import Sandbox
from agent.ports.skills import SkillCatalog

Effect = Literal["none", "workspace", "job", "outside", "keyed", "decision"]
"""What a crash in the middle means.

none: reads only, may run beside others and again. workspace: undone by restoring the snapshot, then runs again.
job: the sandbox knows whether it ran, so it is re-attached. outside: never repeated, its outcome is unknown.
keyed: leaves Gofer, but finds what it did before under the same call id, so it runs again.
decision: not run at all, a person's answer is its result.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a running tool may use. `sandbox()` opens the thread's sandbox at its first use.

    `chat` is the platform that the task's conversation is on; None where it cannot be searched. `directed_by()` gives
    everybody whose words the task acts on as of now, the requester first.
    """

    call_id: str
    task: Task
    directed_by: Callable[[], Awaitable[tuple[str, ...]]]
    sandbox: Callable[[], Awaitable[Sandbox]]
    blobs: BlobStore
    skills: SkillCatalog
    clock: Clock
    on_output: Callable[[str], None]
    chat: Chat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What the model gets back, and the facts to record with it."""

    content: tuple[Block, ...]
    ok: bool = True
    summary: str = ""
    events: tuple[Event, ...] = ()


def said(text: str, *, ok: bool = True, summary: str = "", events: Iterable[Event] = ()) -> ToolOutput:
    """An output of plain text; empty text becomes `(nothing)`, because the API refuses empty blocks."""
    return ToolOutput(content=(text_block(text or "(nothing)"),), ok=ok, summary=summary, events=tuple(events))


Run = Callable[..., Awaitable[ToolOutput]]
Describe = Callable[[Mapping[str, Json]], str]
JudgeRisk = Callable[[Mapping[str, Json]], Risk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A callable ability with everything the policy and the cards need."""

    name: str
    description: str
    schema: Mapping[str, Json]
    run: Run
    arguments: type[BaseModel] = field(repr=False)
    risk: Risk | JudgeRisk = Risk.HIGH
    """A function where it depends on the checked arguments."""
    effect: Effect = "outside"
    chat: bool = False
    """Only for conversations on a platform that can be searched."""
    describe: Describe = field(repr=False, default=lambda _: "")
    grant_pattern: Describe | None = field(repr=False, default=None)

    @property
    def definition(self) -> str:
        """Digest of name, description and schema: a grant made for another definition is void."""
        text = json.dumps([self.name, self.description, self.schema], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def risk_of(self, arguments: Mapping[str, Json]) -> Risk:
        """The risk of a call with these checked arguments."""
        return self.risk if isinstance(self.risk, Risk) else self.risk(arguments)

    def to_block(self) -> Block:
        """The definition as the Messages API wants it."""
        return {"name": self.name, "description": self.description, "input_schema": self.schema}

    def parse(self, arguments: Mapping[str, Json]) -> dict[str, Json]:
        """Checked arguments by name. Raises `ToolRetry` naming each wrong field, for the model to correct."""
        try:
            parsed = self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            lines = [f"- {'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in error.errors()]
            wanted = ", ".join(cast(Mapping[str, Json], self.schema.get("properties", {})))
            raise ToolRetry(
                f"The arguments of {self.name} do not fit:\n" + "\n".join(lines) + f"\nIt takes: {wanted}."
            ) from error
        return {name: getattr(parsed, name) for name in self.arguments.model_fields}


def tool(
    *,
    risk: Risk | JudgeRisk = Risk.HIGH,
    effect: Effect = "outside",
    chat: bool = False,
    describe: Describe | None = None,
    grant_pattern: Describe | None = None,
    name: str = "",
) -> Callable[[Run], Tool]:
    """Make a `Tool` of `async def f(ctx, *, argument: Annotated[type, Field(description=...)])`.

    The docstring is the description the model reads. Raises `Bug` at import when an argument has no type or no
    description: the model would have to guess.
    """

    def make(function: Run) -> Tool:
        tool_name = name or function.__name__
        hints = get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {}
        for parameter in list(inspect.signature(function).parameters.values())[1:]:
            hint = hints.get(parameter.name)
            if hint is None or not any(isinstance(m, FieldInfo) for m in getattr(hint, "__metadata__", ())):
                raise Bug(f"tool {tool_name}: argument {parameter.name} needs Annotated[type, Field(description=…)]")
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[parameter.name] = (hint, default)
        model = create_model(f"{tool_name}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
        return Tool(
            name=tool_name,
            description=inspect.cleandoc(function.__doc__ or ""),
            schema=_plain(model.model_json_schema()),
            run=function,
            arguments=model,
            risk=risk,
            effect=effect,
            chat=chat,
            describe=describe or (lambda arguments: f"{tool_name} {json.dumps(dict(arguments), ensure_ascii=False)}"),
            grant_pattern=grant_pattern,
        )

    return make


class Toolbox:
    """The tools of an installation, by name; the order is fixed, so that the request prefix is stable."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {t.name: t for t in tools}

    def find(self, name: str) -> Tool | None:
        """The tool of this name, or None."""
        return self._tools.get(name)

    def blocks(self, *, chat: bool = False) -> tuple[Block, ...]:
        """The definitions; those of chat tools only with `chat`."""
        return tuple(t.to_block() for t in self._tools.values() if chat or not t.chat)

    def __iter__(self) -> Iterable[Tool]:
        return iter(self._tools.values())


def _plain(schema: Mapping[str, Json]) -> dict[str, Json]:
    """A schema without the titles pydantic adds: they cost tokens and say nothing."""

    def clean(value: Json, *, names: bool = False) -> Json:
        if isinstance(value, dict):
            items = cast(dict[str, Json], value).items()
            return {k: clean(v, names=k == "properties") for k, v in items if names or k not in ("title", "default")}
        return [clean(v) for v in cast(list[Json], value)] if isinstance(value, list) else value

    return cast(dict[str, Json], clean(dict(schema)))
