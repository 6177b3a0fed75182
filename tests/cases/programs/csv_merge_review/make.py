"""Merge the exports into one table of orders, list customers whose exports disagree, sum up."""
# ruff: noqa: T201  the model reads what is printed

import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

OUT = Path("outputs")
COLUMNS = ["order_id", "customer_id", "customer_name", "sku", "product_name", "region"]
COLUMNS += ["quantity", "revenue_usd", "order_date"]
COMPARED = ("name", "email", "city")


def load(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, restval=""))


def kind(header):
    if "order_id" in header:
        return "orders" if "customer_id" in header else "finance"
    if "sku" in header:
        return "products"
    return "customers" if any("mail" in name for name in header) else "unknown"


def field(row, *parts):
    """The value of the first column whose name ends with one of the parts, else holds one."""
    for part in parts:
        for name in sorted(row, key=lambda name: not name.endswith(part)):
            if part in name:
                return (row[name] or "").strip()
    return ""


def spaced(text):
    return " ".join(text.split())


def tidy(name):
    name = spaced(name)
    return name.title() if name.isupper() or name.islower() else name


tables = {path.name: load(path) for path in sorted(Path("inputs").rglob("*.csv"))}
kinds = {name: kind(list(rows[0])) for name, rows in tables.items()}

# Exports, oldest first: by the latest sign-up they know; of two with the same day, the one whose header is
# nearer to the newest export's.
exports = [name for name in tables if kinds[name] == "customers"]
latest = {name: max(field(row, "signup") for row in tables[name]) for name in exports}
newest_header = set(tables[max(exports, key=lambda name: latest[name])][0])
exports.sort(key=lambda name: (latest[name][:10], len(newest_header & set(tables[name][0])), latest[name], name))
people = defaultdict(dict)
for name in exports:
    for row in tables[name]:
        known = {part: field(row, part) for part in COMPARED if any(part in column for column in row)}
        people[field(row, "id")][name] = known

products = {}
for name in tables:
    if kinds[name] == "products":
        for row in tables[name]:
            products[row["sku"].strip()] = (spaced(row["name"]), row["region"].strip())

orders, dropped, differing = {}, 0, set()
for name in tables:
    if kinds[name] != "orders":
        continue
    for row in tables[name]:
        row = {key: (value or "").strip() for key, value in row.items()}
        if row["order_id"] in orders:
            dropped += 1
            if orders[row["order_id"]] != row:
                differing.add(row["order_id"])
        else:
            orders[row["order_id"]] = row

OUT.mkdir(exist_ok=True)
with (OUT / "master.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for order_id, row in sorted(orders.items()):
        seen = people.get(row["customer_id"], {})
        names = [seen[name]["name"] for name in exports if name in seen and seen[name].get("name")]
        product, region = products.get(row["sku"], ("", ""))
        writer.writerow(
            [
                *(order_id, row["customer_id"], tidy(names[-1]) if names else "", row["sku"], product, region),
                *(row["quantity"], row["revenue_usd"], row["order_date"]),
            ]
        )

conflicts = 0
with (OUT / "conflicts.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["customer_id", "fields", "values", "source_files", "verdict"])
    for customer_id, seen in sorted(people.items()):
        exact, loose = {}, {}
        for part in COMPARED:
            values = {name: known[part] for name, known in seen.items() if known.get(part)}
            if len({spaced(value).casefold() for value in values.values()}) > 1:
                loose[part] = values
            elif len(set(values.values())) > 1:
                exact[part] = values
        shown = loose or exact
        if shown:
            conflicts += bool(loose)
            told = "; ".join(f"{part}: " + " / ".join(dict.fromkeys(shown[part].values())) for part in shown)
            files = sorted({name for values in shown.values() for name in values})
            verdict = "review" if loose else "cosmetic"
            writer.writerow([customer_id, " ".join(shown), told, " ".join(files), verdict])

money = defaultdict(Decimal)
for row in orders.values():
    money[row["sku"]] += Decimal(row["revenue_usd"])
buyers = {row["customer_id"] for row in orders.values()}
lines = [
    "# Summary",
    "",
    f"- Orders in master.csv: {len(orders)}",
    f"- Duplicate rows dropped: {dropped}",
    f"- Distinct customers who ordered: {len(buyers)}",
    f"- Total revenue: {sum(money.values()):.2f} USD",
    f"- Customers whose exports really disagree: {conflicts}",
    "",
    "## Top 5 products by revenue",
    "",
]
for rank, (sku, total) in enumerate(sorted(money.items(), key=lambda pair: (-pair[1], pair[0]))[:5], 1):
    lines.append(f"{rank}. {sku} ({products[sku][0]}): {total:.2f} USD")
lines += ["", "## Assumptions", ""]
lines.append("- Customer exports, oldest first, by the latest sign-up in each: " + ", ".join(exports) + ".")
lines.append("- Finance batches add no orders and were left out of the sums.")
lines.append(f"- Orders with the same id but other content: {len(differing)}.")
(OUT / "summary.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(Counter(kinds.values()), "\n".join(lines), sep="\n")
