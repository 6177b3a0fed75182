"""Every mail has one row, every amount stands in its mail, nothing was made that was not asked for."""
# ruff: noqa: T201  the model reads what is printed

import csv
import io
import re
from pathlib import Path

mails = {path.name: path.read_text(encoding="utf-8") for path in Path("inputs").rglob("*.txt")}
rows = list(csv.DictReader(io.StringIO(Path("outputs/charges.csv").read_text(encoding="utf-8"))))
assert sorted(row["file"] for row in rows) == sorted(mails), "not one row per mail"
for row in rows:
    numbers = {re.sub(r"[, ]", "", found) for found in re.findall(r"\d[\d, ]*\.\d\d", mails[row["file"]])}
    assert not row["amount_usd"] or row["amount_usd"] in numbers, f"{row['file']}: amount is not in the mail"
    assert row["counterparty"].strip(), f"{row['file']}: no counterparty"
made = sorted(path.name for path in Path("outputs").rglob("*") if path.is_file())
print(len(rows), "rows; made:", made)
