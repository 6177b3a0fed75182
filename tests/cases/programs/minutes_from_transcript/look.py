"""The transcript, and who says how much."""
# ruff: noqa: T201  the model reads what is printed

from collections import Counter
from pathlib import Path

for path in sorted(Path("inputs").rglob("*.txt")):
    text = path.read_text(encoding="utf-8")
    print("==", path.name, Counter(line.split(":")[0] for line in text.splitlines() if ":" in line))
    print(text)
