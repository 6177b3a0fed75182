"""Chooses the code page of a text that is not UTF-8, by which reading gives words that people write.

The same file lies in every built-in skill beside `job.py`; a test keeps the copies equal.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

PAGES = {
    "cp1252": "windows-1252 (Western)",
    "cp1250": "windows-1250 (Central European)",
    "cp1254": "windows-1254 (Turkish)",
    "cp1251": "windows-1251 (Cyrillic)",
    "cp1253": "windows-1253 (Greek)",
    "iso8859-2": "ISO-8859-2 (Central European)",
    "mac-roman": "Mac Roman",
    "cp850": "code page 850 (DOS, Western)",
    "cp852": "code page 852 (DOS, Central European)",
}
"""In the order in which they are met: the first of equally good ones wins."""

_LETTERS = {
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûüÿ",
    "Spanish": "áéíñóúü",
    "Portuguese": "ãáâàçéêíõóôúü",
    "Italian": "àèéìíòóù",
    "Catalan": "àçèéíïòóúü",
    "Danish": "æøåé",
    "Swedish": "åäöé",
    "Icelandic": "áæðéíóöúýþ",
    "Dutch": "áéëïóöüè",
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Croatian": "čćđšž",
    "Romanian": "ăâîşţșț",
    "Turkish": "çğıöşüâî",
    "Russian": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "Ukrainian": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "Bulgarian": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "Serbian": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "Greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
}
_ALPHABETS = {name: frozenset(letters) for name, letters in _LETTERS.items()}
# İ folds to two characters, of which the second is a combining dot.
_COMBINING_DOT = "\u0307"
_WORD = re.compile(r"[^\s\x21-\x26\x28-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+")
_AROUND = "½¼¾'’‘“”„‚«»‹›…–—·°ªº®™©•\u00a0\u00ad"
_MEASURE = re.compile(r"\d*(?:[kcmdµ]?m[²³]|µ[A-Za-z]{1,2})")
_SIGN_AND_NUMBER = re.compile(r"[^\w\s]*[\d.,'’\u00a0]*[^\w\s]*")
SAMPLE_BYTES = 400_000
UNSURE_SHARE = 0.2


@dataclass(frozen=True)
class Reading:
    """A text as one code page reads it. `doubt`: says which, and which word would differ in another one."""

    text: str
    name: str
    doubt: str


def choose(data: bytes) -> Reading:
    """The most plausible reading. When no page gives words of a known language, it is windows-1252 and said so."""
    first = data.decode("cp1252", errors="replace")
    costs: dict[str, int] = {}
    for page in PAGES:
        cost = _cost(data[:SAMPLE_BYTES], page)
        if cost is not None:
            costs[page] = cost
    best = min(costs, key=lambda page: costs[page], default="cp1252")
    text = data.decode(best, errors="replace")
    words = _foreign_words(text)
    if words and sum(not _languages(word) for word in words) > UNSURE_SHARE * len(words):
        best, text = "cp1252", first
    return Reading(text, PAGES[best], _doubt(data, text, best, costs))


def _doubt(data: bytes, text: str, best: str, costs: dict[str, int]) -> str:
    words = list(_foreign_words(text))
    example = next((word for word in words if _other_word(data, text, "cp1252", word) != word), "".join(words[:1]))
    if best != "cp1252":
        other = _other_word(data, text, "cp1252", example)
        return f"it is not in UTF-8; it was read as {PAGES[best]}, so {example!r} and not {other!r}"
    rivals = [page for page, cost in costs.items() if page != best and cost <= costs.get(best, cost)]
    for page in rivals:
        differing = [word for word in words if _other_word(data, text, page, word) != word]
        if differing:
            other = _other_word(data, text, page, differing[0])
            return f"it is not in UTF-8; it was read as {PAGES[best]}: {differing[0]!r} could be {other!r}"
    if best not in costs or costs[best] > min(costs.values()):
        return f"it is not in UTF-8, and no code page fits well; it was read as {PAGES[best]}, check {example!r}"
    return f"it is not in UTF-8; it was read as {PAGES[best]}"


def _other_word(data: bytes, text: str, page: str, word: str) -> str:
    """The same bytes as another page reads them: every page here has one character to a byte."""
    place = text.find(word)
    return data[place : place + len(word)].decode(page, errors="replace")


def _cost(data: bytes, page: str) -> int | None:
    """Words that no language has, and how many languages the rest needs; None when bytes mean nothing there."""
    try:
        text = data.decode(page)
    except UnicodeDecodeError:
        return None
    if re.search(r"[\x80-\x9f]", text):
        return None
    cost, groups = 0, Counter[frozenset[str]]()
    for word, count in _foreign_words(text).items():
        languages = _languages(word)
        if languages:
            groups[languages] += 1
        else:
            cost += 3 * min(count, 3)
    while groups:
        votes = Counter(language for languages, count in groups.items() for language in languages for _ in range(count))
        top = votes.most_common(1)[0][0]
        groups = Counter({languages: count for languages, count in groups.items() if top not in languages})
        cost += 1
    return cost


def _foreign_words(text: str) -> Counter[str]:
    """The words that hold letters or signs beyond ASCII, without quotation marks and the like around them."""
    found = Counter[str]()
    for word in _WORD.findall(text):
        if word.isascii() or _SIGN_AND_NUMBER.fullmatch(word) or _MEASURE.fullmatch(word):
            continue
        core = word.strip(_AROUND)
        if core[:1] in "¿¡" and core[1:2].isupper():
            core = core[1:]
        if not core.isascii():
            found[core] += 1
    return found


def _languages(word: str) -> frozenset[str]:
    """The languages that can have this word; none when signs stand in it or capitals where no one writes them."""
    for part in re.split(r"['’]", word):
        if re.search(r"[^\W\d_]", part) and not (part.islower() or part.isupper() or _is_capitalised(part)):
            return frozenset()
    letters = {char for char in word.casefold() if not char.isascii() and char not in f"’ſ{_COMBINING_DOT}"}
    if "ß" in word:
        letters.add("ß")
    if any(ord(char) > 0x370 for char in letters) and re.search(r"[A-Za-z]", word):
        return frozenset()
    return frozenset(name for name, alphabet in _ALPHABETS.items() if letters <= alphabet)


def _is_capitalised(part: str) -> bool:
    """False when a letter beyond ASCII has not the case that the letters beside it ask for, as in `MŸller`."""
    for place, char in enumerate(part):
        if char.isascii() or not char.isalpha():
            continue
        before, after = part[place - 1 : place] if place else "", part[place + 1 : place + 2]
        if char.isupper() and (before.islower() or (before.isupper() and after.islower())):
            return False
        if char.islower() and before.isupper() and after.isupper():
            return False
    return True
