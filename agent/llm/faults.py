"""What a failed answer means for the caller: waiting, compacting, telling a person, or a fault of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

from agent.domain.blocks import Json
from agent.domain.errors import Bug, ContextExceeded, GoferError, LlmUnavailable

# An `error` event inside a stream comes after status 200; its type stands for the status it would have had.
STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# Sent as 429, but no wait helps. `ramp_limit_exceeded` is not among them: the SDK says to retry after `retry-after`.
SPENDING_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
    }
)
_RETRYABLE = frozenset({408, 409, 429, 499})
_TOO_LONG = re.compile(
    r"prompt is too long|context[ _](length|window|size)|maximum context|exceeds? (the )?(available )?context"
    r"|input length and .?max_tokens.? exceed",
    re.IGNORECASE,
)
_OUT_OF_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_SYSTEM_REFUSED = re.compile(r"role 'system' is not supported|unexpected role \"system\"", re.IGNORECASE)


class SystemRoleRefused(LlmUnavailable):
    """The model takes no system message within the conversation; a repetition goes without."""


def fault(status: int, body: object, headers: Mapping[str, str], *, now: datetime | None = None) -> GoferError:
    """The error of ours for an error answer.

    `headers`: case-insensitive, or lower-case names. `now`: what a Retry-After date is measured from.
    """
    kind, text, code = _parts(body)
    request_id = headers.get("request-id", "")
    said = f"{status} {kind or 'error'}: {text[:500]}" + (f" [{request_id}]" if request_id else "")
    if status == 401:
        return LlmUnavailable(
            f"The model service refused the API key. Check ANTHROPIC_API_KEY. ({said})", retryable=False
        )
    if status == 403:
        return LlmUnavailable(f"The API key may not use this model or service. ({said})", retryable=False)
    if status == 404:
        return LlmUnavailable(
            f"The model or address is unknown to the service. Check GOFER_MODEL. ({said})", retryable=False
        )
    if status == 402 or code in SPENDING_CODES or _OUT_OF_CREDIT.search(text):
        return LlmUnavailable(f"The account's spending limit or credit is used up. ({said})", retryable=False)
    if status == 413 or (status in {400, 422} and _TOO_LONG.search(f"{code} {text}")):
        return ContextExceeded(f"The conversation is too long for the model. ({said})")
    if status == 400 and _SYSTEM_REFUSED.search(text):
        return SystemRoleRefused(f"This model takes no system messages. ({said})", retry_after_s=0.0)
    if status in {400, 422}:
        return Bug(f"The model service calls our request invalid. ({said})")
    retryable = (status in _RETRYABLE or status >= 500) and headers.get("x-should-retry") != "false"
    return LlmUnavailable(
        f"The model service cannot answer now. ({said})",
        retry_after_s=retry_after_s(headers, now=now) if retryable else None,
        retryable=retryable,
    )


def stream_fault(body: object, headers: Mapping[str, str]) -> GoferError:
    """The error of ours for an `error` event within a stream."""
    return fault(STATUS_OF_TYPE.get(_parts(body)[0], 500), body, headers)


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds the service asks to wait, from `retry-after-ms`, or `retry-after` as seconds or a date."""
    raw_ms, raw = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if raw_ms is not None:
            return max(0.0, float(raw_ms) / 1000)
        return max(0.0, float(raw)) if raw is not None else None
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(raw or "") - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None


def _parts(body: object) -> tuple[str, str, str]:
    """Type, message and code of an error body; a body of another shape is its own message."""
    error: Json = _field(body, "error")
    if not isinstance(error, dict):
        return "", str(error or body or ""), ""
    error = cast(Mapping[str, Json], error)
    code = _field(_field(error, "details"), "error_code") or _field(error, "code")
    return str(_field(error, "type") or ""), str(_field(error, "message") or ""), str(code or "")


def _field(value: object, name: str) -> Json:
    return cast(Mapping[str, Json], value).get(name) if isinstance(value, dict) else None
