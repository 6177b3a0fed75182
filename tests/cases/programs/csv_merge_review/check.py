"""Hold the result against the sources: each order once, no id that no source has, the sums once more."""
# ruff: noqa: T201  the model reads what is printed

import csv
import io
from decimal import Decimal
from pathlib import Path

rows = list(csv.DictReader(io.StringIO(Path("outputs/master.csv").read_text(encoding="utf-8"))))
source = " ".join(path.read_text(encoding="utf-8-sig") for path in Path("inputs").rglob("*.csv"))
ids = [row["order_id"] for row in rows]
assert ids == sorted(set(ids)), "an order twice, or out of order"
words = set(source.replace("\n", ",").replace("\r", "").split(","))
invented = {row[key] for row in rows for key in ("order_id", "customer_id", "sku")} - words
assert not invented, f"ids that are in no source: {sorted(invented)[:5]}"
empty = {key for row in rows for key, value in row.items() if not value.strip()}
print(len(rows), "rows,", sum(Decimal(row["revenue_usd"]) for row in rows), "USD, columns with gaps:", empty or "none")
conflicts = list(csv.DictReader(io.StringIO(Path("outputs/conflicts.csv").read_text(encoding="utf-8"))))
print(len(conflicts), "lines of conflicts, e.g.", conflicts[:2])
