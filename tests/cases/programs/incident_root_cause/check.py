"""Every quoted line stands in its log, word for word; the timeline is in order; the counts agree with grep."""
# ruff: noqa: T201  the model reads what is printed

import csv
import io
import json
import re
from pathlib import Path

logs = {path.name: path.read_text(encoding="utf-8") for path in Path("inputs").rglob("*") if path.is_file()}
report = Path("outputs/incident_report.md").read_text(encoding="utf-8")
quotes = re.findall(r"^- (\S+): `(.+)`$", report, flags=re.MULTILINE)
wrong = [line for file, line in quotes if line not in logs[file].splitlines()]
assert quotes, "nothing is quoted"
assert not wrong, f"not in the logs: {wrong}"
rows = list(csv.DictReader(io.StringIO(Path("outputs/timeline.csv").read_text(encoding="utf-8"))))
times = [row["time"] for row in rows]
assert times == sorted(times), "the timeline is not in order"
counts = json.loads(Path("outputs/counts.json").read_text(encoding="utf-8"))
everything = "\n".join(logs.values())
assert counts["n_too_many_clients_db"] == everything.count("too many clients")
assert counts["n_502"] == len(re.findall(r'" 502 \d', everything))
print(len(quotes), "quotes hold;", len(rows), "rows;", counts)
