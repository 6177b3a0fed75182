"""Find what came first: lines of a kind never seen before the slow query are its consequences, the rest is noise."""
# ruff: noqa: T201  the model reads what is printed

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

OUT = Path("outputs")
DATABASE, APP, ACCESS, ERRORS = "database", "application", "web access", "web errors"
LINES = {
    ACCESS: re.compile(
        r'^\S+ \S+ \S+ \[[^\]:]+:(?P<time>\d\d:\d\d:\d\d)[^\]]*\] (?P<text>"[^"]*" (?P<status>\d{3}) .*)$'
    ),
    ERRORS: re.compile(r"^\d{4}/\d\d/\d\d (?P<time>\d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<text>.*)$"),
    APP: re.compile(r"^\[\S+ (?P<time>\d\d:\d\d:\d\d)\] (?P<level>[A-Z]+)\s+(?P<text>.*)$"),
    DATABASE: re.compile(
        r"^\S+ (?P<time>\d\d:\d\d:\d\d) \w+ (?:\[pid=(?P<pid>\d+)\] )?(?P<level>[A-Z]+):\s+(?P<text>.*)$"
    ),
}
LOUD = {"WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "NOTICE", "error", "warn", "crit", "DETAIL", "HINT"}


@dataclass
class Line:
    time: str
    log: str
    file: str
    raw: str
    level: str
    text: str
    status: str = ""
    pid: str = ""

    @property
    def loud(self):
        return self.level in LOUD or self.status >= "400"

    @property
    def shape(self):
        """The line without what differs from line to line; answers of the web server by path and status."""
        if served := re.search(r"(?P<path>/[\w./-]*) HTTP/\S+ (?P<status>\d{3})", self.text.replace('"', "")):
            return f"{self.log} {served['path']} {served['status']}"
        head = re.sub(r"(?<=deprecat)\w*.*", "", self.text)
        return f"{self.log} {self.level} " + re.sub(r"\d[\d.:]*|\"[^\"]*\"|/var/\S+", "#", head)[:60]


def read(path):
    for raw in path.read_text(encoding="utf-8").splitlines():
        for log, pattern in LINES.items():
            if found := pattern.match(raw):
                parts = {key: value or "" for key, value in found.groupdict().items()}
                level = parts.pop("level", "")
                yield Line(log=log, file=path.name, raw=raw, level=level, **parts)
                break


def seconds(time):
    hours, minutes, rest = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


lines = [line for path in sorted(Path("inputs").rglob("*")) if path.is_file() for line in read(path)]
lines.sort(key=lambda line: line.time)  # a log need not be in order; stable, so lines of a second stay in theirs

# The cause: the statement that ran longest. Its own line says how long; its start carries the same text and process.
timed = [(float(found[1]), line) for line in lines if (found := re.search(r"duration: ([\d.]+) ms", line.text))]
duration_ms, finished = max(timed, key=lambda pair: pair[0])
statement = finished.text.split("statement: ", 1)[1]
begun = [line for line in lines if line.pid == finished.pid and line.time < finished.time]
causes = [line for line in begun if statement in line.text or "duration" in line.text]
start = causes[0]
table = re.search(r"\bFROM (\w+)", statement)[1]

groups = defaultdict(list)
for line in lines:
    if line.loud:
        groups[line.shape].append(line)
fresh, noise = {}, {}
for shape, members in groups.items():
    before = [line for line in members if line.time < start.time]
    # Seen before the query began, or not of a server in trouble: its first line says nothing about the outage.
    client = members[0].status == "404" or re.search(r" 40\d\b", shape) or "deprecat" in shape
    (noise if before or client or members[0].level == "NOTICE" else fresh)[shape] = members
limit = next(m for m in sorted(fresh.values(), key=lambda m: m[0].time) if m[0].log == DATABASE)
exhausted = limit[0]
maximum = re.search(r"(\w*max\w*)\s*(?:=|is)\s*(\d+)", exhausted.text)

rows = [(line, f"{statement.split('FROM')[0][:20].strip()}… on {table}: query begins", "cause") for line in causes[:1]]
rows += [(line, line.text, "cause") for line in causes[1:2]]
rows += [(finished, f"the query ends after {duration_ms / 1000:.0f} s", "mechanism")]
firsts = sorted((members[0] for members in fresh.values() if members[0] is not start), key=lambda line: line.time)
rows += [(line, line.text, "mechanism" if line.log == DATABASE else "symptom") for line in firsts]
rows.sort(key=lambda row: row[0].time)
rows = rows[:15]

by_status = {code: [line for line in lines if line.log == ACCESS and line.status == code] for code in ("502", "504")}
counts = {
    "first_502": by_status["502"][0].time,
    "n_502": len(by_status["502"]),
    "n_504": len(by_status["504"]),
    "n_favicon_404": sum("/favicon" in line.text and bool(re.search(r"\b404\b", line.text)) for line in lines),
    "n_pool_timeouts_app": sum(
        line.log == APP and bool(re.search(r"pool: .*timed out after", line.text)) for line in lines
    ),
    "n_too_many_clients_db": sum(line.log == DATABASE and "too many clients" in line.text for line in lines),
}


def quote(line):
    return f"- {line.file}: `{line.raw}`"


def verdict(members, known):
    first, last = members[0], members[-1]
    what = f"{len(members)} × {first.text[:90]!r} in {first.file}, {first.time} to {last.time}"
    if "deprecat" in first.text:
        why = "warnings of libraries about old calls; they say nothing about load or connections"
    elif "/favicon" in first.text:
        why = "a missing icon; the server answers it without the database"
    elif first.level == "NOTICE":
        why = "routine maintenance messages of the database"
    elif known:
        why = "seen before the query began, so it cannot follow from it, and it is no failure of the database"
    else:
        gap = seconds(first.time) - seconds(exhausted.time)
        why = f"a symptom: it begins {gap} s after connections had run out"
    return f"- {what}: {why}."


OUT.mkdir(exist_ok=True)
limit_text = f"{maximum[1]} = {maximum[2]}" if maximum else exhausted.text
first_502 = counts["first_502"]
report = [
    "# Incident report",
    "",
    "## Summary",
    "",
    f"From {exhausted.time} the database refused new connections ({limit_text}); from {first_502} the web server "
    f"answered with 502 ({counts['n_502']} times) and 504 ({counts['n_504']} times). It began with one long aggregate "
    f"query on `{table}` at {start.time}.",
    "",
    "## Root cause",
    "",
    f"At {start.time} process {start.pid} began an aggregate (analytic) query over the whole table `{table}`. It ran "
    f"{duration_ms / 1000:.0f} s ({duration_ms} ms). Requests waited behind it and kept their connections, until at "
    f"{exhausted.time} all connections were used up ({limit_text}) and the pool of the application was exhausted too. "
    "It never recovered within the logs.",
    "",
    "## Timeline",
    "",
    *[f"- {line.time} ({role}) {line.log}: {event[:140]}" for line, event, role in rows],
    "",
    "## Evidence",
    "",
    *[quote(line) for line in [*causes, finished, *limit[:1]]],
    *[quote(line) for line in firsts if line.log == DATABASE and line not in limit[:1]],
    *[quote(line) for line in firsts if line.log == APP][:4],
    "",
    "## Ruled out",
    "",
    *[verdict(members, True) for members in noise.values() if len(members) > 1],
    *[verdict(m, False) for m in fresh.values() if m[0].log != DATABASE and m[0].level in ("FATAL", "CRITICAL")],
    *[verdict(m, False) for m in fresh.values() if m[0].log in (ACCESS, ERRORS)],
    "",
    "## Recommended actions",
    "",
    "- Set a statement_timeout for interactive accounts; end a query that exceeds it.",
    f"- Run reports on `{table}` on a replica or off-peak, under an account with a connection limit of its own.",
    "- Size the pools of the application to the database's limit, or put a pooler in front.",
    "- Alert on connections in use and on statements older than 60 seconds.",
]
(OUT / "incident_report.md").write_text("\n".join(report) + "\n", encoding="utf-8")
with (OUT / "timeline.csv").open("w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["time", "log", "event", "role"])
    writer.writerows([line.time, f"{line.log} ({line.file})", event[:160], role] for line, event, role in rows)
(OUT / "counts.json").write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
print("\n".join(report), json.dumps(counts), sep="\n")
