"""What the logs say, boiled down: each kind of line with its count, first and last time."""
# ruff: noqa: T201  the model reads what is printed

import re
from pathlib import Path

for path in sorted(path for path in Path("inputs").rglob("*") if path.is_file()):
    seen = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        time = re.search(r"[T :](\d\d:\d\d:\d\d)\b", line)
        rest = line[time.end() :] if time else line
        shape = re.sub(r"\d+", "#", re.sub(r"\"[^\"]*\"", lambda found: found[0][:20], rest))[:110]
        count, first, last = seen.get(shape, (0, "99", ""))
        now = time[1] if time else "?"
        seen[shape] = (count + 1, min(first, now), max(last, now))
    print("==", path.name)
    for shape, (count, first, last) in sorted(seen.items(), key=lambda pair: -pair[1][0])[:25]:
        print(f"{count:6} {first} {last} {shape}")
