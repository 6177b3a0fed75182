"""The mails, one after the other."""
# ruff: noqa: T201  the model reads what is printed

from pathlib import Path

for path in sorted(Path("inputs").rglob("*.txt")):
    print(f"=== {path.name}\n{path.read_text(encoding='utf-8')}\n")
