"""Notes, Markdown and documents as a list of blocks: headings, paragraphs, list items, tables, code, quotes, pictures.

The same file lies in write-document and make-deck; a test keeps the copies equal.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docx import Document
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table as DocxTable
from docx.text.paragraph import Paragraph as DocxParagraph
from job import text_of

TEXT_SUFFIXES = (".md", ".markdown", ".txt", ".text")
SUFFIXES = (*TEXT_SUFFIXES, ".docx")


@dataclass
class Heading:
    level: int
    text: str


@dataclass
class Para:
    text: str


@dataclass
class Item:
    """One list item. `number`: its number in an ordered list; `checked`: for task lists."""

    level: int
    text: str
    number: int | None = None
    checked: bool | None = None


@dataclass
class Grid:
    header: list[str]
    rows: list[list[str]]


@dataclass
class Code:
    text: str


@dataclass
class Quote:
    text: str


@dataclass
class Picture:
    target: str
    text: str


@dataclass
class Rule:
    """A line across the page."""


Block = Heading | Para | Item | Grid | Code | Quote | Picture | Rule


@dataclass
class Text:
    """A read document. `meta`: front matter; `footnotes`: label to text."""

    blocks: list[Block] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    footnotes: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Span:
    """A run of text in one look. `link`: where it leads; `note`: label of a footnote."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    strike: bool = False
    link: str = ""
    note: str = ""


def read(path: Path) -> Text:
    """A file's blocks. Raises ValueError with the reason when it cannot be read or says nothing."""
    if path.suffix.lower() == ".docx":
        text = _from_docx(path)
    else:
        decoded = text_of(path)
        text = parse(decoded.text)
        if decoded.doubt:
            text.doubts.append(f"{path.name}: {decoded.doubt}")
    if not text.blocks:
        raise ValueError("it holds no text")
    return text


_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})(.*)$")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_ITEM = re.compile(
    r"^(?P<indent>\s*)(?:(?P<bullet>[-*+•–—·▪◦‣o])|(?P<number>\d{1,3})[.)]|(?P<letter>[a-z])\))\s+(?P<text>\S.*)$"
)
_TASK = re.compile(r"^\[([ xX✓])\]\s+(.*)$")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)+\|?\s*$")
_RULE = re.compile(r"^\s{0,3}([-*_])(\s*\1){2,}\s*$")
_PICTURE = re.compile(r"^\s*!\[([^\]]*)\]\(\s*<?([^)>\s]+)>?[^)]*\)\s*$")
_FOOTNOTE = re.compile(r"^\[\^([^\]]+)\]:\s+(.*)$")
_LABEL = re.compile(r"^[^\W\d_][^:.!?]{2,30}:\s+\S")
_LABELLED = re.compile(r"^(?!https?:)[^:.!?]{1,40}(:|=| –)\s+\S")
_META = re.compile(r"\A---\n((?:[\w-]+\s*:.*\n|\s+.*\n|#.*\n|- .*\n)*?)---\n")


def parse(raw: str) -> Text:
    """Blocks of Markdown or plain notes; a plain text's titles are found by their looks."""
    text = Text()
    if match := _META.match(raw):
        pairs = re.findall(r"^([\w-]+)\s*:\s*(.+?)\s*$", match[1], re.MULTILINE)
        text.meta = {key.lower(): value.strip("\"'") for key, value in pairs}
        raw = raw[match.end() :]
    raw = re.sub(r"<!--.*?-->", "", raw, flags=re.DOTALL)
    lines = [line.rstrip().expandtabs(4) for line in raw.split("\n")]
    marked = any(_ATX.match(line) for line in lines)
    _Parser(lines, text, find_titles=not marked).run()
    return text


class _Parser:
    """Walks lines once; each `_take_…` consumes what it recognises and says whether it did."""

    def __init__(self, lines: list[str], text: Text, *, find_titles: bool) -> None:
        self.lines, self.text, self.find_titles, self.at = lines, text, find_titles, 0
        self.indents: list[int] = []
        self._takers = (
            self._take_fence,
            self._take_heading,
            self._take_table,
            self._take_rule,
            self._take_picture,
            self._take_footnote,
            self._take_quote,
            self._take_item,
            self._take_paragraph,
        )

    def run(self) -> None:
        while self.at < len(self.lines):
            if not self.lines[self.at].strip():
                self.at += 1
                continue
            next(take for take in self._takers if take())

    def _line(self, offset: int = 0) -> str:
        index = self.at + offset
        return self.lines[index] if 0 <= index < len(self.lines) else ""

    def _take_fence(self) -> bool:
        fence = _FENCE.match(self._line())
        if not fence:
            return False
        end = self.at + 1
        while end < len(self.lines) and not self.lines[end].strip().startswith(fence[1]):
            end += 1
        if end == len(self.lines):
            self.text.doubts.append("a code block is never closed; it runs to the end of its file")
        self.text.blocks.append(Code("\n".join(self.lines[self.at + 1 : end])))
        self.at = end + 1
        return True

    def _take_heading(self) -> bool:
        line, after = self._line(), self._line(1).strip()
        if match := _ATX.match(line):
            self._add_heading(len(match[1]), match[2], 1)
        elif re.fullmatch(r"={3,}|-{3,}", after) and not _ITEM.match(line) and "|" not in line and len(line) < 120:
            self._add_heading(1 if after[0] == "=" else 2, line.strip(), 2)
        elif self.find_titles and self._looks_like_title(line):
            level = 1 if not self.text.blocks else 2
            shouted = line.strip().rstrip(":").strip()
            title = shouted.title() if shouted.isupper() and len(shouted) > 4 else shouted
            self._add_heading(level, re.sub(r"^(\d+(\.\d+)*[.)]|[IVX]+\.)\s+", "", title) or title, 1)
        else:
            return False
        return True

    def _add_heading(self, level: int, text: str, lines: int) -> None:
        self.text.blocks.append(Heading(level, text.strip()))
        self.at += lines

    def _looks_like_title(self, line: str) -> bool:
        words = line.strip()
        if line.startswith("    ") or len(words) > 70 or "|" in words or re.search(r"[.;,!?…]$", words):
            return False
        alone = not self._line(-1).strip()
        numbered = re.match(r"^\d+(\.\d+)*[.)]?\s+\S", words)
        if numbered:
            following = self._line(1) or self._line(2)
            return alone and not self._line(1).strip() and not re.match(r"^\d+[.)]\s", following)
        if _ITEM.match(line) or not re.search(r"[^\W\d_]{2}", words):
            return False
        if words.endswith(":"):
            return alone and len(words) < 60 and bool(self._line(1).strip() or self._line(2).strip())
        if words.isupper() and len(words) > 3:
            return alone
        # A short line between blank lines reads as a title when more text follows.
        follows = any(later.strip() for later in self.lines[self.at + 1 :])
        first = not self.text.blocks
        return (
            alone
            and follows
            and (first or not self._line(1).strip() or _FENCE.match(self._line(1)))
            and len(words.split()) <= 9
            and ": " not in words
        )

    def _take_table(self) -> bool:
        if "|" not in self._line() or not _TABLE_RULE.match(self._line(1)):
            return False
        header = _cells(self._line())
        end = self.at + 2
        while end < len(self.lines) and "|" in self.lines[end] and self.lines[end].strip():
            end += 1
        rows = [_cells(line) for line in self.lines[self.at + 2 : end]]
        width = max(len(header), *(len(row) for row in rows)) if rows else len(header)
        padded = [(row + [""] * width)[:width] for row in rows]
        self.text.blocks.append(Grid((header + [""] * width)[:width], padded))
        self.at = end
        return True

    def _take_rule(self) -> bool:
        if not _RULE.match(self._line()) and not re.fullmatch(r"\s*={3,}\s*", self._line()):
            return False
        self.text.blocks.append(Rule())
        self.at += 1
        return True

    def _take_picture(self) -> bool:
        match = _PICTURE.match(self._line())
        if not match:
            return False
        self.text.blocks.append(Picture(match[2], match[1]))
        self.at += 1
        return True

    def _take_footnote(self) -> bool:
        match = _FOOTNOTE.match(self._line())
        if not match:
            return False
        self.text.footnotes[match[1]] = match[2]
        self.at += 1
        return True

    def _take_quote(self) -> bool:
        if not self._line().lstrip().startswith(">"):
            return False
        parts = []
        while self._line().lstrip().startswith(">"):
            parts.append(re.sub(r"^\s*>\s?", "", self._line()))
            self.at += 1
        for paragraph in re.split(r"\n\s*\n", "\n".join(parts)):
            if joined := " ".join(paragraph.split()):
                self.text.blocks.append(Quote(joined))
        return True

    def _take_item(self) -> bool:
        match = _ITEM.match(self._line())
        if not match or (match["bullet"] == "o" and not self._line(1).lstrip().startswith("o ")):
            return False
        parts = [match["text"]]
        indent = len(match["indent"])
        self.at += 1
        while (line := self._line()).strip() and not _ITEM.match(line) and not self._starts_block(line):
            loose = len(line) - len(line.lstrip()) <= indent and not line[:1].isspace()
            if loose and (self.find_titles or _LABEL.match(line)):
                break
            parts.append(line.strip())
            self.at += 1
        body = " ".join(parts)
        checked = None
        if task := _TASK.match(body):
            checked, body = task[1] != " ", task[2]
        number = int(match["number"]) if match["number"] else None
        self.text.blocks.append(Item(self._level(indent), body, number, checked))
        return True

    def _level(self, indent: int) -> int:
        """Nesting by comparison with the items above, because people indent by two, three or four."""
        previous = self.text.blocks[-1] if self.text.blocks else None
        if not isinstance(previous, Item):
            self.indents = []
        while self.indents and indent < self.indents[-1]:
            self.indents.pop()
        if not self.indents or indent > self.indents[-1]:
            self.indents.append(indent)
        return min(len(self.indents) - 1, 3)

    def _starts_block(self, line: str) -> bool:
        return bool(_ATX.match(line) or _FENCE.match(line) or line.lstrip().startswith(">") or _PICTURE.match(line))

    def _take_paragraph(self) -> bool:
        parts = [self._line().strip()]
        self.at += 1
        while (line := self._line()).strip() and not self._starts_block(line) and not _ITEM.match(line):
            if _RULE.match(line) or _TABLE_RULE.match(self._line(1)):
                break
            parts.append(line.strip())
            self.at += 1
        if len(parts) > 1 and all(_LABELLED.match(part) for part in parts):
            self.text.blocks += [Item(0, part) for part in parts]
        else:
            self.text.blocks.append(Para(" ".join(parts)))
        return True


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


_INLINE = re.compile(
    r"(?P<code>`+)(?P<code_text>.+?)(?P=code)"
    r"|!?\[(?P<link_text>[^\]]*)\]\((?P<link>[^)\s]+)[^)]*\)"
    r"|\[\^(?P<note>[^\]]+)\]"
    r"|<(?P<auto>https?://[^>\s]+)>|(?P<bare>https?://[^\s<>)\]]*[^\s<>)\].,;:!?'\"])"
    r"|(?P<strong>\*\*\*|\*\*|__)(?=\S)(?P<strong_text>.+?)(?<=\S)(?P=strong)"
    r"|~~(?P<strike>.+?)~~"
    r"|(?<!\w)(?P<em>[*_])(?=\S)(?P<em_text>[^*_]+?)(?<=\S)(?P=em)(?!\w)"
)


def spans(text: str) -> Iterator[Span]:
    """The text's runs with their looks; Markdown signs are gone."""
    last = 0
    for match in _INLINE.finditer(text):
        if match.start() > last:
            yield Span(_unescape(text[last : match.start()]))
        last = match.end()
        if match["code"]:
            yield Span(match["code_text"].strip(), code=True)
        elif match["link"]:
            yield Span(_unescape(match["link_text"] or match["link"]), link=match["link"])
        elif match["note"]:
            yield Span("", note=match["note"])
        elif url := match["auto"] or match["bare"]:
            yield Span(url, link=url)
        elif match["strong"]:
            for inner in spans(match["strong_text"]):
                yield Span(inner.text, True, inner.italic or match["strong"] == "***", inner.code, link=inner.link)
        elif match["strike"]:
            yield Span(_unescape(match["strike"]), strike=True)
        else:
            yield Span(_unescape(match["em_text"]), italic=True)
    if last < len(text):
        yield Span(_unescape(text[last:]))


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]()#+.!|>~-])", r"\1", re.sub(r"<br\s*/?>", "\n", text))


def bare(text: str) -> str:
    """The text without Markdown signs."""
    return "".join(span.text for span in spans(text)).strip()


def asked_title(request: str) -> str:
    """The title that a request gives in quotation marks after a word such as `titled` or `called`."""
    match = re.search(
        r"\b(?:titled?|called|named|title is|titel|namens|intitulée?|titre|titulad[oa]|título|llamad[oa])\b[\s:]*"
        r"[\"'“„«‘](.{2,120}?)[\"'”“»’](?!\w)",
        request,
        re.IGNORECASE,
    )
    return match[1].strip() if match else ""


def sentences(text: str) -> list[str]:
    """The text's sentences; common abbreviations and numbers do not end one."""
    held = re.sub(
        r"\b(z\.\s?B|d\.\s?h|u\.\s?a|e\.g|i\.e|etc|Dr|Mr|Mrs|Ms|Prof|St|vs|ca|bzw|usw|Nr|No|Abs|Art|p\. ?ex|approx)\.",
        lambda match: match[0].replace(".", "\x00"),
        text,
    )
    parts = re.split(r"(?<=[.!?…])[\"'”»)]*\s+(?=[\"'“«(¿¡]*[^\W_])", held)
    return [part.replace("\x00", ".").strip() for part in parts if part.strip()]


def _from_docx(path: Path) -> Text:
    try:
        document = Document(str(path))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        raise ValueError("not a readable Word document (damaged, or protected by a password)") from error
    text = Text()
    if title := document.core_properties.title.strip():
        text.meta["title"] = title
    for part in document.iter_inner_content():
        if isinstance(part, DocxTable):
            rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in part.rows]
            if len(rows) > 1:
                text.blocks.append(Grid(rows[0], rows[1:]))
            elif rows:
                text.blocks.append(Para(" ".join(rows[0])))
        elif block := _docx_block(part):
            text.blocks.append(block)
    if not any(isinstance(block, Heading) for block in text.blocks):
        plain = "\n\n".join(_as_line(block) for block in text.blocks if not isinstance(block, Grid))
        if not any(isinstance(block, Grid) for block in text.blocks):
            text.blocks = parse(plain).blocks
    return text


def _as_line(block: Block) -> str:
    match block:
        case Item(level, words, number, _):
            return "  " * level + (f"{number}. " if number else "- ") + words
        case Heading(level, words):
            return "#" * level + " " + words
        case Para(words) | Quote(words) | Code(words):
            return words
        case _:
            return ""


def _docx_block(paragraph: DocxParagraph) -> Block | None:
    words = _runs_as_markdown(paragraph)
    if not words.strip():
        return None
    style = (paragraph.style.name if paragraph.style and paragraph.style.name else "").lower()
    if match := re.match(r"heading (\d)", style):
        return Heading(int(match[1]), bare(words))
    if style == "title":
        return Heading(1, bare(words))
    properties = paragraph._p.pPr
    numbered = properties is not None and properties.numPr is not None
    if style.startswith("list") or numbered:
        level = int(match[1]) - 1 if (match := re.search(r"(\d)$", style)) else 0
        if numbered and properties.numPr.ilvl is not None:
            level = properties.numPr.ilvl.val
        return Item(min(level, 3), words, 1 if "number" in style else None)
    if "quote" in style:
        return Quote(words)
    return Para(words)


def _runs_as_markdown(paragraph: DocxParagraph) -> str:
    parts = []
    for run in paragraph.runs:
        words = run.text
        mark = "**" if run.bold and words.strip() else "*" if run.italic and words.strip() else ""
        lead, tail = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
        parts.append(f"{lead}{mark}{words.strip()}{mark}{tail}" if mark else words)
    joined = "".join(parts).replace("****", "")
    return joined if joined.strip() else paragraph.text
