"""Check one finished file: `python3 check_file.py PATH PREVIEW_FOLDER`. Runs inside the sandbox.

Prints one JSON object {"kind", "checks": [{"name", "ok", "detail"}], "previews": [paths]}; of a sound table also
"table" (see `tabular`), and of a sound workbook "chart" (see `charts`). `ok` is true, false (the file must not be
handed over) or null (could not be checked here, or only worth knowing). Always exits with 0.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

PREVIEW_PAGES = 3
SOFFICE_S = 150
FORMULA_ERRORS = ("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!", "Err:")
LEFTOVERS = re.compile(r"lorem ipsum|\{\{[^}]*\}\}|\bTODO\b|\bTBD\b|\bXXX+\b|\[(?:insert|your) [^\]]*\]", re.IGNORECASE)
NOT_HERE = "LibreOffice is not in this sandbox"

Check = dict[str, Any]


def check(name: str, ok: bool | None, detail: str) -> Check:
    """One line of the report."""
    return {"name": name, "ok": ok, "detail": detail}


def examine(path: Path, previews: Path) -> dict[str, Any]:
    """The whole report for a file."""
    if path.stat().st_size == 0:
        return {"kind": "empty", "checks": [check("content", False, "The file is empty.")], "previews": []}
    kind = path.suffix.lower().lstrip(".")
    if kind in ("xlsx", "xlsm"):
        checks, pdf, excerpt = workbook(path)
        return {"kind": kind, **_with_pages(checks, pdf, previews), **excerpt}
    office = {"docx": document, "pptx": deck}
    if kind in office:
        checks, pdf = office[kind](path)
    elif kind == "pdf":
        checks, pdf = [], path
    else:
        checks = plain(kind, path)
        table = kind in ("csv", "tsv") and _sound(checks)
        excerpt = _excerpt(checks, "table", "tabular", "of_rows", _rows(path, kind)) if table else {}
        return {"kind": kind, "checks": checks, "previews": [], **excerpt}
    return {"kind": kind, **_with_pages(checks, pdf, previews)}


def workbook(path: Path) -> tuple[list[Check], Path | None, dict[str, Any]]:
    """Opens, is recalculated, has no formula error; and what its first table says."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        return [check("opens", False, f"The workbook does not open: {error}.")], None, {}
    formulas = sum(
        isinstance(cell.value, str) and cell.value.startswith("=")
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
    )
    checks = [check("opens", True, f"Opens; {_count(len(book.worksheets), 'sheet')}, {_count(formulas, 'formula')}.")]
    recalculated = _convert(path, "xlsx")
    if recalculated is None:
        checks.append(check("recalculated", None, f"Formulas were not recalculated: {NOT_HERE}."))
        return checks, None, _begins(checks, openpyxl.load_workbook(path, data_only=True), book)
    values = openpyxl.load_workbook(recalculated, data_only=True)
    bad = _formula_errors(values)
    if bad:
        shown = ", ".join(bad[:8]) + (f" and {len(bad) - 8} more" if len(bad) > 8 else "")
        return [*checks, check("recalculated", False, f"Formula errors after recalculation: {shown}.")], None, {}
    checks.append(check("recalculated", True, "Recalculated with LibreOffice: no formula errors."))
    return checks, _convert(path, "pdf"), _begins(checks, values, book)


def document(path: Path) -> tuple[list[Check], Path | None]:
    """Opens, has text, nothing left to fill in."""
    import docx
    import docx.opc.exceptions

    try:
        doc = docx.Document(str(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, docx.opc.exceptions.OpcError) as error:
        return [check("opens", False, f"The document does not open: {error}.")], None
    texts = [p.text for p in doc.paragraphs]
    texts += [cell.text for table in doc.tables for row in table.rows for cell in row.cells]
    return _words(
        texts, f"Opens; {_count(len(doc.paragraphs), 'paragraph')}, {_count(len(doc.tables), 'table')}."
    ), _convert(path, "pdf")


def deck(path: Path) -> tuple[list[Check], Path | None]:
    """Opens, no empty slide, nothing left to fill in, nothing outside a slide."""
    import pptx
    import pptx.exc

    try:
        show = pptx.Presentation(str(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, pptx.exc.PythonPptxError) as error:
        return [check("opens", False, f"The deck does not open: {error}.")], None
    texts: list[str] = []
    empty: list[int] = []
    outside: list[int] = []
    for number, slide in enumerate(show.slides, 1):
        said = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        texts += said
        drawn = any(not shape.has_text_frame for shape in slide.shapes)
        if not drawn and not any(text.strip() for text in said):
            empty.append(number)
        if any(_outside(shape, show) for shape in slide.shapes):
            outside.append(number)
    checks = _words(texts, f"Opens; {_count(len(show.slides), 'slide')}.")
    if empty:
        checks.append(check("empty slides", False, f"Slides without content: {', '.join(map(str, empty))}."))
    if outside:
        checks.append(check("layout", False, f"Something lies outside of slides {', '.join(map(str, outside))}."))
    return checks, _convert(path, "pdf")


def plain(kind: str, path: Path) -> list[Check]:
    """Text formats are parsed; anything else is only named."""
    data = path.read_bytes()
    if kind not in ("csv", "tsv", "json", "md", "txt", "html", "htm"):
        return [check("content", None, f"No check exists for .{kind} files; handed over as it is.")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [check("text", None, "The text is not UTF-8.")]
    if kind in ("csv", "tsv"):
        return [_table(_rows(path, kind))]
    if kind == "json":
        return [_json(text)]
    if kind in ("html", "htm"):
        HTMLParser().feed(text)
        return [check("content", None, "HTML was parsed; it was not opened in a browser.")]
    return _words([text], f"Text of {_count(len(text.splitlines()), 'line')}.")


def _rows(path: Path, kind: str) -> list[list[str]]:
    text = path.read_text(encoding="utf-8-sig")
    delimiter = "\t" if kind == "tsv" else ","
    if kind == "csv":
        with contextlib.suppress(csv.Error):
            delimiter = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|").delimiter
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def _sound(checks: list[Check]) -> bool:
    return all(each["ok"] for each in checks)


def _begins(checks: list[Check], values: Any, book: Any) -> dict[str, Any]:
    return {
        **_excerpt(checks, "table", "tabular", "of_book", values, book),
        **_excerpt(checks, "chart", "charts", "of_book", values, book),
    }


def _excerpt(checks: list[Check], key: str, module: str, maker: str, *given: Any) -> dict[str, Any]:
    # In the sandbox these files lie side by side and are no package.
    make = getattr(import_module(module), maker)
    try:
        found = make(*given)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Programs write workbooks of many kinds. A sound file is not held back because its preview cannot be made.
        checks.append(check(key, None, f"Its {key} could not be read for a preview: {type(error).__name__}: {error}."))
        return {}
    return {key: found} if found else {}


def _table(rows: list[list[str]]) -> Check:
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        return check("table", False, f"Rows have different numbers of columns: {sorted(widths)}.")
    return check("table", True, f"Table of {max(len(rows) - 1, 0)} rows and {widths.pop() if widths else 0} columns.")


def _json(text: str) -> Check:
    try:
        json.loads(text)
    except ValueError as error:
        return check("json", False, f"Not valid JSON: {error}.")
    return check("json", True, "Valid JSON.")


def _words(texts: list[str], opened: str) -> list[Check]:
    whole = "\n".join(texts)
    if not whole.strip():
        return [check("content", False, "There is no text in it.")]
    found = sorted({m.group(0) for m in LEFTOVERS.finditer(whole)})
    left = [check("leftovers", None, f"Still to fill in? {', '.join(found[:5])}.")] if found else []
    return [check("opens", True, opened), *left]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _outside(shape: Any, show: Any) -> bool:
    if shape.left is None or shape.width is None:
        return False
    slack = show.slide_width // 50
    return (
        shape.left < -slack
        or shape.top < -slack
        or shape.left + shape.width > show.slide_width + slack
        or shape.top + shape.height > show.slide_height + slack
    )


def _formula_errors(book: Any) -> list[str]:
    return [
        f"{sheet.title}!{cell.coordinate} {cell.value}"
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.startswith(FORMULA_ERRORS)
    ]


def _convert(path: Path, kind: str) -> Path | None:
    """The file as LibreOffice saves it; None where LibreOffice is missing or gives nothing."""
    soffice = shutil.which("soffice")
    if soffice is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="check-"))
    argv = [soffice, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", kind]
    env = {**os.environ, "HOME": str(folder)}
    try:
        subprocess.run([*argv, "--outdir", folder / "out", path], env=env, capture_output=True, timeout=SOFFICE_S)
    except subprocess.TimeoutExpired:
        return None
    made = list((folder / "out").glob("*"))
    return made[0] if made else None


def _with_pages(checks: list[Check], pdf: Path | None, previews: Path) -> dict[str, Any]:
    """Adds what drawing the pages shows."""
    if any(c["ok"] is False for c in checks):
        return {"checks": checks, "previews": []}
    if pdf is None:
        seen = any(NOT_HERE in c["detail"] for c in checks)
        extra = [] if seen else [check("pages", None, f"Pages were not drawn: {NOT_HERE}.")]
        return {"checks": [*checks, *extra], "previews": []}
    import pypdf

    try:
        pages = len(pypdf.PdfReader(pdf).pages)
    except (OSError, ValueError, KeyError, pypdf.errors.PyPdfError) as error:
        return {"checks": [*checks, check("pages", False, f"The pages cannot be read: {error}.")], "previews": []}
    if shutil.which("pdftoppm") is None:
        note = check("pages", None, f"{pages} pages; not drawn: poppler is not in this sandbox.")
        return {"checks": [*checks, note], "previews": []}
    previews.mkdir(parents=True, exist_ok=True)
    argv = ["pdftoppm", "-png", "-r", "60", "-l", str(PREVIEW_PAGES), str(pdf), str(previews / "page")]
    subprocess.run(argv, capture_output=True, timeout=SOFFICE_S)
    drawn = sorted(str(p) for p in previews.glob("page*.png"))
    ok = bool(drawn)
    detail = f"Drawn to look at: {_count(pages, 'page')}." if ok else "The pages could not be drawn."
    return {"checks": [*checks, check("pages", ok, detail)], "previews": drawn}


if __name__ == "__main__":
    print(json.dumps(examine(Path(sys.argv[1]), Path(sys.argv[2])), ensure_ascii=False))  # noqa: T201
