"""What the service derives from a request's front: cache hits, and the binding of thinking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.messages.checks import CHARS_PER_TOKEN, ApiError

_LOOK_BACK_BLOCKS = 20
_TTL_S = {"5m": 300.0, "1h": 3600.0}


def sign(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], thinking: str) -> str:
    """The signature of thinking said after `messages`; bound to tools, system and every byte before it."""
    parts = _plain([body.get("tools") or [], body.get("system") or [], list(messages), thinking])
    return f"{body['model']}:{_digest(_dumps(parts))}"


def check_bound(body: Mapping[str, Any]) -> None:
    """Refuse signed thinking whose conversation was changed; another model's thinking is passed over."""
    for i, message in enumerate(body["messages"]):
        for j, block in enumerate(_blocks(message["content"])):
            if block["type"] != "thinking" or not block["signature"].startswith(f"{body['model']}:"):
                continue
            if block["signature"] != sign(body, body["messages"][:i], block["thinking"]):
                where = f"messages.{i}.content.{j}"
                raise ApiError(400, f"{where}: this `thinking` block is bound to a different conversation.")


@dataclass(frozen=True)
class _Piece:
    key: bytes
    tokens: int
    ttl: str | None


class PromptCache:
    """Prefixes written at breakpoints, read again up to 20 blocks before one, for 5 minutes or an hour."""

    def __init__(self, clock: Callable[[], float], min_tokens: int) -> None:
        self._clock = clock
        self._min_tokens = min_tokens
        self._live: dict[bytes, float] = {}

    def usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The input side of a `usage` object; writes what this request would write."""
        pieces, now = _pieces(body), self._clock()
        totals = [sum(p.tokens for p in pieces[: i + 1]) for i in range(len(pieces))]
        points = [i for i, p in enumerate(pieces) if p.ttl and totals[i] >= self._min_tokens]
        hit = max((self._hit(pieces, i, now) for i in points), default=-1)
        read = totals[hit] if hit >= 0 else 0
        end = max([totals[i] for i in points] + [read])
        hour = max([0, *(totals[i] - read for i in points if pieces[i].ttl == "1h")])
        for i in points:
            self._keep(pieces[i].key, now + _TTL_S[pieces[i].ttl or "5m"])
        if hit >= 0:
            self._keep(pieces[hit].key, now + _TTL_S["5m"])
        return {
            "input_tokens": (totals[-1] if totals else 0) - end,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": end - read,
            "cache_creation": {"ephemeral_5m_input_tokens": end - read - hour, "ephemeral_1h_input_tokens": hour},
        }

    def _hit(self, pieces: Sequence[_Piece], point: int, now: float) -> int:
        back = range(point, max(-1, point - _LOOK_BACK_BLOCKS - 1), -1)
        return next((i for i in back if self._live.get(pieces[i].key, 0) > now), -1)

    def _keep(self, key: bytes, until: float) -> None:
        self._live[key] = max(self._live.get(key, 0), until)


def _pieces(body: Mapping[str, Any]) -> list[_Piece]:
    """Blocks in cache order, each keyed by everything up to it. Deferred tools are not part of the prefix."""
    parts: list[tuple[str, Mapping[str, Any]]] = [
        ("tool", t) for t in body.get("tools") or [] if t.get("defer_loading") is not True
    ]
    parts += [("system", b) for b in _blocks(body.get("system") or [])]
    parts += [(m["role"], b) for m in body["messages"] for b in _blocks(m["content"])]
    front, out = hashlib.sha256(body["model"].encode()), []
    for label, block in parts:
        text = label + _dumps(_plain(block))
        front.update(text.encode("utf-8", "surrogatepass"))
        ttl = (block.get("cache_control") or {}).get("ttl", "5m") if block.get("cache_control") else None
        out.append(_Piece(front.digest(), int(len(text) / CHARS_PER_TOKEN) + 1, ttl))
    if out and body.get("cache_control"):
        out[-1] = _Piece(out[-1].key, out[-1].tokens, body["cache_control"].get("ttl", "5m"))
    return out


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _plain(value: Any) -> Any:
    """Without breakpoints, which may move."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if k != "cache_control"}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
