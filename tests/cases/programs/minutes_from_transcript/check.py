"""Read the document back: the sections asked for, the length, no noise of the transcript."""
# ruff: noqa: T201  the model reads what is printed

import re

from docx import Document

document = Document("outputs/minutes.docx")
for paragraph in document.paragraphs:
    print(f"[{paragraph.style.name}] {paragraph.text}")
for table in document.tables:
    for row in table.rows:
        print(" | ".join(cell.text for cell in row.cells))
text = "\n".join(paragraph.text for paragraph in document.paragraphs)
heads = [p.text for p in document.paragraphs if p.style.name.startswith(("Heading", "Title"))]
assert len(heads) == 8, heads
assert not re.search(r"\{|disfmarker|vocalsound", text), "noise of the transcript"
assert len(text.split()) < 900, "longer than two pages"
assert all(len(table.rows) > 1 for table in document.tables), "an empty table"
