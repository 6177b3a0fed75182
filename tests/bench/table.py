"""Rows of the bench."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A measured figure, its target and a remark."""

    what: str
    measured: str
    target: str
    remark: str = ""


def show(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
    print("| what | measured | target | remark |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.measured} | {row.target} | {row.remark} |")
