"""Read each photo several times and take what independent traces on it agree on, as the receipts are worn."""
# ruff: noqa: T201  the model reads what is printed

import datetime as dt
import os
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font
from PIL import Image, ImageFilter, ImageOps

OUT = Path("outputs")
# (scale, preparation, page segmentation of tesseract)
PASSES = [(3, "plain", "4"), (3, "sharp", "6"), (2, "binary", "6"), (4, "plain", "6")]
AMOUNT = re.compile(r"(?<![\d.,/-])(\d{1,4})(?: ?[.,] ?| )(\d\d)(?![\d.,]*\d)")  # a faint point is read as a space
# A trace and how much it weighs against the others.
WEIGHTS = {"final": 2.5, "total": 2.0, "cash": 3.0, "items": 3.0, "tax": 3.0}
CLEAR = 0.5
"""Share of all traces that must agree, else the receipt counts as hard to read."""
KEYWORDS = {
    "Food": r"roast|\brice\b|curry|puff|tea\b|coffee|restaurant|cafe|chicken|pork|noodle|bakery|food|drink",
    "Vehicle": r"motor|tyre|tubes?\b|petrol|fuel|parking|toll|workshop|engine|lubricant",
    "Books & stationery": r"book|stationer|paper|pencil|pen\b|clay",
    "Household": r"gift|home|deco|lamp|kitchen|plastic|furniture|towel|handkerchief",
    "Hardware": r"[d0o].?[il1t].?[yv¥]\b|hardware|tools?\b|\btape|spray|screw|paint|cable",
}
COMPANY = r"\b(?:sdn|son|bhd|8hd|trading|enterprise|motor|store|shop|mart|deco|restaurant|ltd|inc)\b"
ADDRESS = r"\d{5}\b|jalan|taman|\blot\b|^\W*no\b|reg\b|tel\b|\(\d{5,}"


def read(job):
    path, (scale, preparation, segmentation) = job
    image = ImageOps.exif_transpose(Image.open(path)).convert("L")
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)
    if preparation != "plain":
        image = ImageOps.autocontrast(image, cutoff=2)
    if preparation == "sharp":
        image = image.filter(ImageFilter.SHARPEN)
    elif preparation == "binary":
        image = image.point(lambda value: 255 if value > 150 else 0)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        image.save(file.name)
        argv = ["tesseract", file.name, "-", "--psm", segmentation]
        env = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        return subprocess.run(argv, capture_output=True, text=True, check=True, env=env).stdout


def amounts(line):
    return [Decimal(f"{whole}.{cents}") for whole, cents in AMOUNT.findall(line)]


def rounded(value):
    """To five cents, as cash is paid there."""
    return (value * 20).quantize(Decimal(1)) / 20


def traces(text):
    """What one reading says was paid, by kind of trace."""
    found = defaultdict(list)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cash = change = net = tax = None
    items, ended = Decimal(0), False
    for line in lines:
        low, values = line.lower(), amounts(line)
        if not values:
            continue
        last = values[-1]
        if re.search(r"round\w*.{0,4}d? ?tota|tota\w?.{0,3}round|grand tot|inclusive|nett? tot", low):
            found["final"].append(last)
        elif re.search(r"change", low):
            change = last
        elif re.search(r"^\W*cash\b(?! ?bil)|cash rec", low):
            cash = last
        elif re.search(r"exclud|excl", low):
            net = last
        elif re.search(r"tot\w*\W*gst", low):
            tax = last
        elif re.search(r"^\W*(?:sub ?)?t[ou]t[ae]", low) and not re.search(r"qty|item|gst|disc", low):
            found["total"].append(last)
        if re.search(r"(?:^|\W)(?:sub ?)?t[ou]t[ae]|item\(s\)|round", low) and (items or found):
            ended = True
        elif not ended:
            items += priced(line, values)
    if cash is not None and change is not None and cash > change:
        found["cash"].append(cash - change)
    if net is not None and tax is not None:
        found["tax"].append(net + tax)
    if items > 0:
        found["items"].append(items)
    return {kind: {rounded(value) for value in values if value > 0} for kind, values in found.items()}


def priced(line, values):
    """The amount of a line with a count and prices: count times price where that is legible, else the last number."""
    if "%" in line and len(values) > 1:
        return -values[-1]
    if len(values) < 2:
        return Decimal(0)
    if counted := re.search(r"(?:^|\s)(\d{1,2})(?:[.,]?0)?\s*[xX@i]?\s+(\d{1,4}[.,]\d\d)\s", line):
        product = int(counted[1]) * Decimal(counted[2].replace(",", "."))
        return product if 0 < product <= values[-1] * 2 else values[-1]
    return values[-1]


def paid(readings):
    """The amount most traces agree on, and how far it leads: its share of all weight."""
    score = defaultdict(float)
    for kind, weight in WEIGHTS.items():
        votes = Counter(value for reading in readings for value in traces(reading).get(kind, ()))
        for value, count in votes.items():
            score[value] += weight * (count / len(readings)) ** 0.5
    best = max(score, key=lambda value: score[value])
    return best, score[best] / sum(score.values())


def day(readings):
    votes = Counter()
    for reading in readings:
        for line in reading.splitlines():
            for d, m, y in re.findall(r"(?<!\d)(\d\d)[/-](\d\d)[/-](\d{4}|\d\d)(?!\d)", line):
                try:
                    votes[dt.date(int(y) % 100 + 2000, int(m), int(d))] += 1
                except ValueError:
                    continue
    return votes.most_common(1)[0][0]


def vendor(readings):
    """The name above the address: the line with a company's word, else the first in capitals."""
    names = []
    for reading in readings:
        head = []
        for line in (line.strip(" .,'|_-") for line in reading.splitlines()[:12]):
            if head and re.search(ADDRESS, line, re.IGNORECASE) and not re.search(COMPANY, line, re.IGNORECASE):
                break
            if len(re.sub(r"[^A-Za-z]", "", line)) >= 6:
                head.append(" ".join(line.split()))
        named = [line for line in head if re.search(COMPANY, line, re.IGNORECASE)]
        capitals = [line for line in head if line.upper() == line]
        names.append((named or capitals or head or ["?"])[0])
    # No two readings need be equal: the one that is most like the others.
    return max(names, key=lambda name: sum(SequenceMatcher(None, name, other).ratio() for other in names))


def category(name, readings):
    score = Counter()
    for label, pattern in KEYWORDS.items():
        score[label] = 4 * len(re.findall(pattern, name, re.IGNORECASE))
        for reading in readings:
            body = "\n".join(line for line in reading.splitlines() if any(c.isalpha() for c in line))
            score[label] += len(set(re.findall(pattern, body, re.IGNORECASE))) / len(readings)
    return score.most_common(1)[0][0]


def write(receipts):
    book = Workbook()
    sheet = book.active
    sheet.title = "Expenses"
    sheet.append(["File", "Vendor", "Date", "Category", "Amount (MYR)"])
    for receipt in receipts:
        sheet.append([receipt[key] for key in ("file", "vendor", "date", "category", "amount")])
    last = len(receipts) + 1
    sheet.append(["Total", None, None, None, f"=SUM(E2:E{last})"])
    for row in range(2, last + 2):
        sheet.cell(row, 3).number_format = "yyyy-mm-dd"
        sheet.cell(row, 5).number_format = "#,##0.00"
    for letter, width in zip("ABCDE", (18, 44, 12, 20, 14), strict=True):
        sheet.column_dimensions[letter].width = width
    by = book.create_sheet("By category")
    by.append(["Category", "Amount (MYR)"])
    for row, label in enumerate(sorted(KEYWORDS), 2):
        by.append([label, f"=SUMIFS(Expenses!$E$2:$E${last},Expenses!$D$2:$D${last},A{row})"])
        by.cell(row, 2).number_format = "#,##0.00"
    by.column_dimensions["A"].width, by.column_dimensions["B"].width = 22, 14
    notes = book.create_sheet("Notes")
    for receipt in receipts:
        if receipt["lead"] < CLEAR:
            notes.append([receipt["file"], "hard to read; the amount is what most traces on it agree on"])
    if notes.max_row == 1 and notes["A1"].value is None:
        notes.append(["No receipt was hard to read."])
    for cell in [*sheet[1], *sheet[last + 1], *by[1]]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    OUT.mkdir(exist_ok=True)
    book.save(OUT / "expenses.xlsx")


def main():
    paths = sorted(path for path in Path("inputs").rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(read, [(path, setting) for path in paths for setting in PASSES]))
    receipts = []
    for number, path in enumerate(paths):
        readings = texts[number * len(PASSES) : (number + 1) * len(PASSES)]
        name, (amount, lead) = vendor(readings), paid(readings)
        kind = category(name, readings)
        receipts.append(
            {"file": path.name, "vendor": name, "date": day(readings), "category": kind, "amount": amount, "lead": lead}
        )
    receipts.sort(key=lambda receipt: (receipt["date"], receipt["file"]))
    write(receipts)
    for receipt in receipts:
        hard = "  hard to read: its traces disagree" if receipt["lead"] < CLEAR else ""
        print(*[receipt[key] for key in ("file", "vendor", "date", "category", "amount")], hard, sep=" | ")
    print("total", sum(receipt["amount"] for receipt in receipts))


if __name__ == "__main__":
    main()
