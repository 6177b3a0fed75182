"""What is refused about the raw body and headers; the rules of messages are `agent.llm.lint`'s."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.llm.lint import MAX_BREAKPOINTS, check_request
from agent.ports.llm import Message, Prefix

MAX_BODY_BYTES = 32 * 1024 * 1024
CHARS_PER_TOKEN = 3.5
_FIELDS = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "tools", "tool_choice", "stream", "stop_sequences", "metadata"),
        *("thinking", "cache_control", "container", "diagnostics", "inference_geo", "output_config", "service_tier"),
        *("speed", "user_profile_id"),
    }
)
_BETA_FIELDS = {"context_management": "context-management-2025-06-27", "compaction": "compact-2026-09-04"}
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_BETAS = frozenset(
    {
        *_BETA_FIELDS.values(),
        "inline-tools-2026-09-15",
        "task-budgets-2026-03-13",
        "thinking-display-updates-2026-08-18",
        "thinking-binding-controls-2026-08-01",
    }
)
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Model:
    label: str
    context_tokens: int = 1_000_000
    takes_system_role: bool = True
    binds_thinking: bool = True
    forced_choice: bool = False


MODELS: Mapping[str, Model] = {
    "claude-opus-5-5": Model("Claude Opus 5.5"),
    "claude-sonnet-5-5": Model("Claude Sonnet 5.5"),
    "claude-haiku-5-5": Model("Claude Haiku 5.5"),
    "claude-opus-4-8": Model("Claude Opus 4.8", binds_thinking=False, forced_choice=True),
    "claude-haiku-4-5": Model(
        "Claude Haiku 4.5", 200_000, takes_system_role=False, binds_thinking=False, forced_choice=True
    ),
}


class ApiError(Exception):
    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None, code: str = "", kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})
        error: dict[str, Any] = {"type": kind or _TYPES.get(status, "api_error"), "message": message}
        if code:
            error["details"] = {"error_code": code}
        self.body = {"type": "error", "error": error}


def check_headers(headers: Mapping[str, str], key: str) -> None:
    """The key, the version, and the betas."""
    if headers.get("x-api-key") != key and headers.get("authorization") != f"Bearer {key}":
        raise ApiError(401, "invalid x-api-key")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", headers.get("anthropic-version", "")):
        raise ApiError(400, "anthropic-version: header is required")
    for beta in filter(None, headers.get("anthropic-beta", "").split(",")):
        if beta not in _BETAS:
            raise ApiError(400, f"Unexpected value(s) `{beta}` for the `anthropic-beta` header.")


def parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BODY_BYTES:
        raise ApiError(413, "Request exceeds the maximum size")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be an object")
    return body


def check_body(body: Mapping[str, Any], betas: str, models: Mapping[str, Model], *, counting: bool = False) -> Model:
    """Raise for the first thing wrong; gives the model asked for."""
    for name in ("model", "messages", *(() if counting else ("max_tokens",))):
        if body.get(name) is None:
            raise ApiError(400, f"{name}: Field required")
    for name in body:
        if name in _SAMPLING:
            raise ApiError(400, f"`{name}` is not supported by this model.")
        if name not in _FIELDS and _BETA_FIELDS.get(name, "?") not in betas:
            raise ApiError(400, f"{name}: Extra inputs are not permitted")
    model = models.get(body["model"])
    if model is None:
        raise ApiError(404, f"model: {body['model']}")
    limit = body.get("max_tokens", 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= 128_000:
        raise ApiError(400, "max_tokens: must be from 0 to 128000")
    _check_choices(body, model)
    _check_messages(body, model)
    tokens = estimate(body)
    if tokens > model.context_tokens:
        raise ApiError(400, f"prompt is too long: {tokens} tokens > {model.context_tokens} maximum")
    return model


def estimate(body: Mapping[str, Any]) -> int:
    sized = [body.get("tools") or [], body.get("system") or [], body.get("messages") or []]
    return int(sum(len(json.dumps(part, ensure_ascii=False)) for part in sized) / CHARS_PER_TOKEN)


def _check_choices(body: Mapping[str, Any], model: Model) -> None:
    choice = (body.get("tool_choice") or {}).get("type")
    if choice not in {None, "auto", "any", "tool", "none"}:
        raise ApiError(400, "tool_choice: unknown type")
    if choice not in {None, "none"} and not body.get("tools"):
        raise ApiError(400, "tool_choice: may only be specified while providing tools")
    if choice in {"any", "tool"} and not model.forced_choice:
        raise ApiError(400, "tool_choice: this model does not support forced tool use")
    if (body.get("thinking") or {}).get("type", "adaptive") not in {"adaptive", "disabled", "between_tools"}:
        raise ApiError(400, "thinking: this type is not supported on this model")
    config = body.get("output_config") or {}
    if set(config) - {"effort", "format", "task_budget"}:
        raise ApiError(400, "output_config: Extra inputs are not permitted")
    if config.get("effort", "high") not in {"low", "medium", "high", "xhigh", "max"}:
        raise ApiError(400, "output_config.effort: unknown")


def _check_messages(body: Mapping[str, Any], model: Model) -> None:
    messages: list[Message] = []
    for i, raw in enumerate(_list(body["messages"], "messages")):
        if set(raw) - {"role", "content"}:
            raise ApiError(400, f"messages.{i}: Extra inputs are not permitted")
        if raw.get("role") not in {"user", "assistant", "system"}:
            raise ApiError(400, f"messages.{i}.role: unknown")
        if raw["role"] == "system" and not model.takes_system_role:
            raise ApiError(400, "role 'system' is not supported on this model")
        messages.append(Message(raw["role"], _blocks(raw.get("content"))))
    prefix = Prefix(
        model=body["model"],
        system=_blocks(body.get("system") or []),
        tools=tuple(_list(body.get("tools") or [], "tools")),
    )
    if problems := check_request(prefix, messages):
        raise ApiError(400, "; ".join(problems))
    marks = json.dumps([body.get("tools"), body.get("system"), body["messages"]]).count('"cache_control": {')
    if body.get("cache_control") is not None and marks >= MAX_BREAKPOINTS:
        raise ApiError(400, f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided.")


def _blocks(content: Any) -> tuple[dict[str, Any], ...]:
    if isinstance(content, str):
        return ({"type": "text", "text": content},)
    return tuple(_list(content, "content"))


def _list(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise ApiError(400, f"{where}: Input should be a valid list")
    return value
