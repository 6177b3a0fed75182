"""What each table is: its header, its size, its first row, rows of another length."""
# ruff: noqa: T201  the model reads what is printed

import csv
from pathlib import Path

for path in sorted(Path("inputs").rglob("*.csv")):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    odd = [row for row in rows if len(row) != len(rows[0])]
    print(path.name, len(rows) - 1, "rows:", ", ".join(rows[0]), "| e.g.", rows[1], "| ragged:", odd[:2])
