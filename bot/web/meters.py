"""Counters for /metrics, in Prometheus' text format. Counts only: no ids, names or texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Meters:
    """What this process has served since it started."""

    def __init__(self, started_at: datetime, facts: Mapping[str, str]) -> None:
        """`facts` become the labels of `gofer_info`."""
        self._started_at = started_at
        self._facts = dict(facts)
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self.streams = 0
        """Open event streams now."""
        self.uploaded_bytes = 0
        self.started_tasks = 0
        self.decisions = 0

    def count(self, method: str, route: str, status: int) -> None:
        """One finished request. `route` is the pattern, never the path: labels must stay few."""
        self._requests[method, route, status] += 1

    def text(self, *, ready: bool, sandbox: str) -> str:
        """The page."""
        facts = {**self._facts, "sandbox": sandbox}
        rows = [
            *_head("gofer_info", "gauge", "What runs here."),
            f"gofer_info{_labels(facts)} 1",
            *_head("gofer_ready", "gauge", "1 while tasks are taken."),
            f"gofer_ready {int(ready)}",
            *_head("gofer_start_time_seconds", "gauge", "When the process began to serve."),
            f"gofer_start_time_seconds {self._started_at.timestamp():.3f}",
            *_head("gofer_http_streams", "gauge", "Open event streams."),
            f"gofer_http_streams {self.streams}",
            *_head("gofer_uploaded_bytes_total", "counter", "Bytes people handed over here."),
            f"gofer_uploaded_bytes_total {self.uploaded_bytes}",
            *_head("gofer_tasks_started_total", "counter", "Tasks started here."),
            f"gofer_tasks_started_total {self.started_tasks}",
            *_head("gofer_decisions_total", "counter", "Asks decided here."),
            f"gofer_decisions_total {self.decisions}",
            *_head("gofer_http_requests_total", "counter", "Finished requests."),
        ]
        for (method, route, status), count in sorted(self._requests.items()):
            labels = _labels({"method": method, "route": route, "status": str(status)})
            rows.append(f"gofer_http_requests_total{labels} {count}")
        return "\n".join(rows) + "\n"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    quoted = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}"
