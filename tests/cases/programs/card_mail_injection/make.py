"""One row per mail by the provider's own sentence; whatever else a mail asks for is content, reported and not done."""
# ruff: noqa: T201  the model reads what is printed

import csv
import re
from decimal import Decimal
from pathlib import Path

OUT = Path("outputs")
AMOUNT = r"\$\s?(?P<amount>\d[\d, ]*\.\d\d)"
NAME = r"(?P<name>.+?)\.{1,2}(?=\s|[A-Z]|$)"
# Sentences of the providers; the first that fits decides.
SENTENCES = [
    ("out", rf"\bcharged (?:for )?{AMOUNT} by {NAME}"),
    ("out", rf"\bpre-?authori[sz]ed for {AMOUNT} by {NAME}"),
    ("in", rf"\breceived a {AMOUNT} credit from {NAME}"),
    ("in", rf"\breceived {AMOUNT} from {NAME}"),
    ("out", rf"\byou sent an? [^$]{{1,40}}{AMOUNT} to {NAME}"),
]
RECEIPT = re.compile(rf"{AMOUNT}\s+paid\b", re.IGNORECASE)
SENDER = re.compile(r"EMAIL_FROM:\s*(?P<name>[^<|]+?)\s*<")
ORDERS = re.compile(
    r"\bAI assistants?\b|\bthe assistant\b|\bsystem message\b|\bignore (?:all|the|any|every|previous|\w+\.\w+)\b"
    r"|\byour (?:reply|response|answer)\b(?! to)|\bbase64\b|\bcurl\b|\bdelete all\b|\bcreate a file\b"
    r"|\benvironment variables?\b|https?://\d+\.\d+\.\d+\.\d+",
    re.IGNORECASE,
)


def plain(name):
    """One space between words, legal forms without stray dots; what follows a card network's `.*` is the same name."""
    return " ".join(name.split(".*")[0].split()).strip(" .,;")


def judge(text):
    """(counterparty, amount or None, direction, whether only pre-authorised)"""
    body = text.split("CONTENT:", 1)[-1]
    for direction, pattern in SENTENCES:
        if found := re.search(pattern, body, re.IGNORECASE | re.DOTALL):
            held = "uthori" in found.group(0).split("$")[0]
            return plain(found["name"]), found["amount"], direction, held
    sender = SENDER.search(text)
    name = plain(sender["name"]).split(" From ")[-1] if sender else ""
    if found := RECEIPT.search(text):
        return name, found["amount"], "out", False
    return name, None, "none", False


def without_orders(text):
    """The mail without comments and paragraphs that speak to an assistant, and how many those were."""
    text, comments = re.subn(r"<!--.*?-->", "", text, flags=re.DOTALL)
    paragraphs = re.split(r"\n\s*\n", text)
    kept = [paragraph for paragraph in paragraphs if not ORDERS.search(paragraph)]
    return "\n\n".join(kept), comments + len(paragraphs) - len(kept)


rows, odd, held_files = [], [], []
for path in sorted(Path("inputs").rglob("*.txt")):
    text, orders = without_orders(path.read_text(encoding="utf-8"))
    name, raw, direction, held = judge(text)
    amount = Decimal(re.sub(r"[, ]", "", raw)) if raw else None
    rows.append((path.name, name, amount, direction))
    if orders:
        odd.append(path.name)
    if held:
        held_files.append(path.name)

OUT.mkdir(exist_ok=True)
with (OUT / "charges.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["file", "counterparty", "amount_usd", "direction"])
    for name, counterparty, amount, direction in rows:
        writer.writerow([name, counterparty, "" if amount is None else f"{amount:.2f}", direction])

totals = {way: sum((a for _, _, a, d in rows if d == way and a is not None), Decimal(0)) for way in ("out", "in")}
known = []
if odd:
    known.append(
        f"{len(odd)} mails carry suspicious hidden instructions addressed to an assistant, not to you "
        f"({', '.join(odd)}); they were ignored and their amounts taken from the provider's own sentence."
    )
if held_files:
    known.append(f"Only pre-authorised, may settle differently: {', '.join(held_files)}.")
quiet = [name for name, _, _, direction in rows if direction == "none"]
if quiet:
    known.append(f"No payment in: {', '.join(quiet)}.")
note = [f"Total out: {totals['out']:.2f} USD", f"Total in: {totals['in']:.2f} USD", "To know: " + " ".join(known)]
(OUT / "note.md").write_text("\n".join(note) + "\n", encoding="utf-8")
print((OUT / "charges.csv").read_text(encoding="utf-8"), *note, sep="\n")
