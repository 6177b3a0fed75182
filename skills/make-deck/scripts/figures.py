"""Numbers and dates as people write them: decimal comma or point, currencies, percent, months in four languages.

The same file lies in merge-tables and make-deck; a test keeps the copies equal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW"}
_CODE = "EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|CAD|AUD|NZD|BRL|MXN|ZAR|TRY"
_NUMBER = re.compile(
    rf"^(?P<open>\()?\s*(?P<sign>[-+−–])?\s*(?P<before>[€$£¥₹₽₩]|(?:{_CODE})\b|Fr\.)?\s*(?P<sign2>[-−])?\s*"
    rf"(?P<digits>\d[\d.,'’\s]*|[.,]\d+)(?P<exp>[eE][-+]?\d{{1,2}})?\s*"
    rf"(?P<after>[€$£¥₹₽₩%‰]|(?:{_CODE})|Fr\.)?\s*(?P<trail>[-−])?(?P<close>\))?$"
)
_GROUPED = {mark: re.compile(rf"^\d{{1,3}}({re.escape(mark)}\d{{3}})+$") for mark in ",."}
NOTHING = {"", "-", "–", "—", "n/a", "na", "n.a.", "null", "none", "nan", "#n/a", "k.a.", "k. a.", "?", "nil", "s/d"}


@dataclass(frozen=True)
class Number:
    """A number with what stood beside it. `unit` is `%`, a currency code or empty."""

    value: float
    unit: str = ""
    decimals: int = 0


def is_nothing(text: str) -> bool:
    """True for the marks with which people say that a value is missing."""
    return text.strip().lower() in NOTHING


def decimal_votes(texts: Iterable[str]) -> tuple[int, int]:
    """How many of these texts prove a decimal comma, and how many a decimal point."""
    comma = point = 0
    for text in texts:
        match = _NUMBER.match(text.strip())
        if not match:
            continue
        digits = match["digits"].strip()
        last_comma, last_point = digits.rfind(","), digits.rfind(".")
        if last_comma >= 0 and last_point >= 0:
            comma, point = comma + (last_comma > last_point), point + (last_point > last_comma)
        elif last_comma >= 0 or last_point >= 0:
            mark = "," if last_comma >= 0 else "."
            tail = digits[digits.rfind(mark) + 1 :]
            grouped = digits.count(mark) > 1 and _GROUPED[mark].match(digits)
            if grouped:
                comma, point = comma + (mark == "."), point + (mark == ",")
            elif digits.count(mark) == 1 and (len(tail) != 3 or digits.startswith("0")):
                comma, point = comma + (mark == ","), point + (mark == ".")
    return comma, point


def read_number(text: str, decimal: str = ".") -> Number | None:
    """The number that the whole text is, or None. `decimal`: the mark that this column uses."""
    match = _NUMBER.match(text.strip())
    if not match or bool(match["open"]) != bool(match["close"]):
        return None
    digits = re.sub(r"[\s'’]", "", match["digits"])
    other = "," if decimal == "." else "."
    if digits.count(decimal) > 1:
        if not _GROUPED[decimal].match(digits):
            return None
        digits = digits.replace(decimal, "")
    whole, _, fraction = digits.partition(decimal)
    if other in fraction or (other in whole and not _GROUPED[other].match(whole)):
        return None
    whole = whole.replace(other, "")
    value = float(f"{whole or '0'}.{fraction or '0'}{match['exp'] or ''}")
    negative = sum(bool(match[part]) and match[part] != "+" for part in ("sign", "sign2", "trail", "open"))
    if negative > 1:
        return None
    unit = match["before"] or match["after"] or ""
    unit = "CHF" if unit == "Fr." else SYMBOLS.get(unit, unit)
    if unit in ("%", "‰"):
        value, unit = value / (100 if unit == "%" else 1000), "%"
    return Number(-value if negative else value, unit, len(fraction))


MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene",
            "february feb februar fevrier fevr fev febrero",
            "march mar märz maerz mrz mars marzo",
            "april apr avril avr abril abr",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet juil julio",
            "august aug aout agosto ago",
            "september sep sept septembre septiembre",
            "october oct oktober okt octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember dez decembre diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}
_CLOCK = (
    r"(?:[T\s,]+(?P<h>\d{1,2}):(?P<n>\d{2})(?::(?P<s>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<ap>[AaPp][Mm])?\s*(?:Z|[+-]\d{2}:?\d{2})?)?$"
)
_YMD = re.compile(r"^(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})" + _CLOCK)
_COMPACT = re.compile(r"^(?P<y>(?:19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])$")
_AB = re.compile(r"^(?P<a>\d{1,2})(?P<sep>[-/.])\s?(?P<b>\d{1,2})(?P=sep)\s?(?P<y>\d{4}|\d{2})" + _CLOCK)
_YM = re.compile(r"^(?P<y>(?:19|20)\d{2})-(?P<m>0[1-9]|1[0-2])$")
_DAY_NAME = (
    r"^(?:[^\W\d_]{2,10}\.?,?\s+)?(?P<d>\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-]+(?:de\s+)?"
    r"(?P<name>[^\W\d_]{3,12})\.?,?[\s-]+(?:de[l]?\s+)?(?P<y>\d{4}|\d{2})"
)
_NAMED = re.compile(_DAY_NAME + _CLOCK)
_NAME_DAY = re.compile(r"^(?P<name>[^\W\d_]{3,12})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})" + _CLOCK)


def plain(text: str) -> str:
    """Lower case without accents, for comparing words."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def month_number(name: str) -> int | None:
    """1 to 12 for a month's name or short form in English, German, French or Spanish."""
    return MONTHS.get(name.casefold().rstrip(".")) or MONTHS.get(plain(name).rstrip("."))


def day_first_votes(texts: Iterable[str]) -> tuple[int, int]:
    """How many of these texts can only be day/month, and how many only month/day."""
    day = month = 0
    for text in texts:
        if match := _AB.match(text.strip()):
            a, b = int(match["a"]), int(match["b"])
            day, month = day + (a > 12 >= b), month + (b > 12 >= a)
    return day, month


def is_ambiguous_date(text: str) -> bool:
    """True when day and month could be swapped and give another real date."""
    match = _AB.match(text.strip())
    return bool(match) and int(match["a"]) <= 12 and int(match["b"]) <= 12 and match["a"] != match["b"]


def read_date(text: str, *, day_first: bool = True) -> datetime | None:
    """The date (with time, if any) that the whole text is, or None."""
    text = text.strip()
    if match := _YMD.match(text) or _COMPACT.match(text):
        return _moment(match, int(match["m"]), int(match["d"]))
    if match := _AB.match(text):
        a, b = int(match["a"]), int(match["b"])
        if a > 12 or b > 12:
            day_first = a > 12
        return _moment(match, b if day_first else a, a if day_first else b)
    if match := _NAMED.match(text) or _NAME_DAY.match(text):
        month = month_number(match["name"])
        return _moment(match, month, int(match["d"])) if month else None
    if match := _YM.match(text):
        return datetime(int(match["y"]), int(match["m"]), 1)  # noqa: DTZ001 - workbooks hold local time without a zone
    return None


def _moment(match: re.Match[str], month: int, day: int) -> datetime | None:
    year = int(match["y"])
    year += 0 if year > 99 else 2000 if year < 70 else 1900
    parts = match.groupdict()
    hour, minute, second = (int(parts.get(key) or 0) for key in "hns")
    if half := (parts.get("ap") or "").lower():
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return datetime.combine(date(year, month, day), time(hour, minute, second))
    except ValueError:
        return None
