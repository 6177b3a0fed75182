"""Formulas that carry their result: the file shows its figures in previews too, before any program recalculates it."""

from __future__ import annotations

import os
import re
import zipfile
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils.datetime import to_excel
from openpyxl.worksheet.worksheet import Worksheet

Result = float | int | str | datetime
_RISKY = ("=", "+", "-", "@", "\t", "\r")


class LiveCells:
    """Writes formulas together with their results and patches the results into the saved file."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, str], Result] = {}

    def put(self, cell: Cell, formula: str, result: Result, number_format: str = "General") -> None:
        """Set a formula (with its `=`) and the value it has now."""
        cell.value = formula
        cell.number_format = number_format
        self._results[cell.parent.title, cell.coordinate] = result

    def save(self, book: Workbook, path: Path) -> None:
        """Save the book; every formula of this object gets its result stored beside it."""
        part = path.with_suffix(".part")
        book.save(part)
        names = {f"xl/worksheets/sheet{i}.xml": sheet.title for i, sheet in enumerate(book.worksheets, start=1)}
        done = path.with_suffix(".done")
        with zipfile.ZipFile(part) as source, zipfile.ZipFile(done, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                data = source.read(entry)
                title = names.get(entry.filename)
                if title and any(sheet == title for sheet, _ in self._results):
                    data = self._patched(data.decode("utf-8"), title).encode("utf-8")
                target.writestr(entry, data)
        part.unlink()
        os.replace(done, path)

    def _patched(self, xml: str, title: str) -> str:
        def fill(match: re.Match[str]) -> str:
            coordinate = match["ref"]
            result = self._results.get((title, coordinate))
            if result is None:
                return match[0]
            if isinstance(result, datetime):
                result = to_excel(result)
            attributes = re.sub(r'\s+t="\w+"', "", match["rest"])
            kind = ' t="str"' if isinstance(result, str) else ""
            value = escape(result) if isinstance(result, str) else repr(result)
            return f'<c r="{coordinate}"{attributes}{kind}><f>{match["formula"]}</f><v>{value}</v></c>'

        cell = r'<c r="(?P<ref>[A-Z]+\d+)"(?P<rest>[^>]*)><f>(?P<formula>[^<]*)</f><v\s*/?>(?:</v>)?</c>'
        return re.sub(cell, fill, xml)


def put_text(cell: Cell, text: str) -> bool:
    """Set a cell to text that stays text, whatever it begins with; returns whether it looked like a formula."""
    clean = ILLEGAL_CHARACTERS_RE.sub("", text)[:32767]
    cell.value = clean
    cell.data_type = "s"
    risky = clean.startswith(_RISKY)
    if risky:
        cell.quotePrefix = True
    return risky


def sheet_ref(sheet: Worksheet) -> str:
    """The sheet's name as formulas write it."""
    name = sheet.title.replace("'", "''")
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f"'{name}'"
