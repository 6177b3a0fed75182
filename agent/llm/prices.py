"""What a request costs, from a dated and tiered table; a model without a price is never free."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import cast

from agent.domain.blocks import Json
from agent.domain.errors import Refused
from agent.ports.llm import Cost, TokenUse

_MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(r"-\d{8}$")  # claude-haiku-4-5-20251001 is priced as claude-haiku-4-5
_FIRST_DAY = date(2020, 1, 1)
_FIELDS = frozenset(
    {"model", "from", "above_prompt_tokens", "input", "output", "cache_read", "write_5m", "write_1h", "unverified"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars for a million tokens of one model, from a day on, for prompts longer than `above_prompt_tokens`."""

    model: str
    since: date
    above_prompt_tokens: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    write_5m: Decimal
    write_1h: Decimal


class PriceTable:
    """Prices by model, day and length of prompt."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._prices = tuple(prices)

    @classmethod
    def load(cls, extra: Mapping[str, Mapping[str, Json]] | None = None) -> PriceTable:
        """The table in the package; `extra` (model → the fields of an entry, from settings) replaces a model's entries.

        Raises `Refused` when an extra price is not one.
        """
        text = files("agent.llm").joinpath("prices.toml").read_text(encoding="utf-8")
        shipped = [_price(entry) for entry in cast(Sequence[Mapping[str, Json]], tomllib.loads(text)["price"])]
        own = [_extra(model, fields) for model, fields in (extra or {}).items()]
        names = {p.model for p in own}
        return cls([*(p for p in shipped if p.model not in names), *own])

    def cost_usd(self, model: str, use: TokenUse, at: datetime) -> Cost:
        """The bill of one request made at `at` (aware). Extra passes are requests of their own, tiers included."""
        rates, known = self._rates(model, _prompt_tokens(use), at)
        usd = (
            rates.input * use.input_tokens
            + rates.output * use.output_tokens
            + rates.cache_read * use.cache_read_tokens
            + rates.write_5m * use.cache_write_5m_tokens
            + rates.write_1h * use.cache_write_1h_tokens
        ) / _MILLION
        passes = [self.cost_usd(model, extra, at).usd for extra in use.iterations]
        return Cost(usd + sum(passes, Decimal(0)), known)

    def worst_case_usd(self, model: str, input_tokens: int, max_tokens: int, at: datetime) -> Cost:
        """The most a request can cost: nothing read from the cache, all of it written, and an answer of full length."""
        use = TokenUse(output_tokens=max_tokens, cache_write_5m_tokens=input_tokens)
        return self.cost_usd(model, use, at)

    def _rates(self, model: str, prompt_tokens: int, at: datetime) -> tuple[Price, bool]:
        day = at.astimezone(UTC).date()
        for name in (model, _SNAPSHOT.sub("", model)):
            if own := [p for p in self._prices if p.model == name]:
                return _in_force(own, day, prompt_tokens), True
        return _dearest(self._prices), False


def _in_force(own: Sequence[Price], day: date, prompt_tokens: int) -> Price:
    """The newest price begun by `day`, in its highest tier reached; before the first day the first price counts."""
    since = max((p.since for p in own if p.since <= day), default=min(p.since for p in own))
    tiers = [p for p in own if p.since == since]
    reached = [p for p in tiers if prompt_tokens > p.above_prompt_tokens or p.above_prompt_tokens == 0]
    return max(reached or tiers, key=lambda p: p.above_prompt_tokens)


def _dearest(prices: Sequence[Price]) -> Price:
    return Price(
        model="",
        since=date.min,
        above_prompt_tokens=0,
        input=max(p.input for p in prices),
        output=max(p.output for p in prices),
        cache_read=max(p.cache_read for p in prices),
        write_5m=max(p.write_5m for p in prices),
        write_1h=max(p.write_1h for p in prices),
    )


def _prompt_tokens(use: TokenUse) -> int:
    return use.input_tokens + use.cache_read_tokens + use.cache_write_5m_tokens + use.cache_write_1h_tokens


def _price(entry: Mapping[str, Json]) -> Price:
    if unknown := set(entry) - _FIELDS:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    since = entry.get("from", _FIRST_DAY)
    plain = _usd(entry["input"])
    return Price(
        model=str(entry["model"]),
        since=since if isinstance(since, date) else date.fromisoformat(str(since)),
        above_prompt_tokens=int(entry.get("above_prompt_tokens", 0)),
        input=plain,
        output=_usd(entry["output"]),
        cache_read=_usd(entry.get("cache_read", plain / 10)),
        write_5m=_usd(entry.get("write_5m", plain * 5 / 4)),
        write_1h=_usd(entry.get("write_1h", plain * 2)),
    )


def _usd(amount: Json) -> Decimal:
    value = Decimal(str(amount))
    if not value.is_finite() or value < 0:
        raise ValueError(f"{amount!r} is not an amount of dollars")
    return value


def _extra(model: str, fields: Mapping[str, Json]) -> Price:
    try:
        return _price({**fields, "model": model})
    except (ValueError, ArithmeticError, KeyError, TypeError) as error:
        raise Refused(
            f"The price of {model!r} in the settings is not one: {error}.",
            next_step="Give at least input and output, in US dollars for a million tokens.",
        ) from error
