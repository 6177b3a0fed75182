"""Cleans tables and merges them into one workbook with live formulas, a summary and native charts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import columns
import looks
import merging
import notes
import pivot
from choices import Choices, choose, months_of
from columns import TypedTable
from job import OUTPUTS, Job, Outcome, Plan, Refusal, files_of, free_output, main, output_name, plural, progress
from livecells import LiveCells
from openpyxl import Workbook
from sources import BOOK_SUFFIXES, TEXT_SUFFIXES, SourceTable, read_tables
from summary import SummarySheet, grouped

MOST_DOUBTS = 6


@dataclass
class Reading:
    """Everything read from the inputs. `skipped`: files that hold no table, with the reason."""

    sources: list[SourceTable] = field(default_factory=list)
    tables: list[TypedTable] = field(default_factory=list)
    merged: list[merging.Merged] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def main(self) -> merging.Merged:
        """The largest table: the one on the Data sheet."""
        return self.merged[0]


def read(job: Job) -> Reading:
    """All tables among the inputs, typed, merged and joined. Raises Refusal when there is no table at all."""
    files = files_of(job, (*TEXT_SUFFIXES, *BOOK_SUFFIXES))
    if not files:
        raise Refusal("There is no table here: hand over CSV, TSV or XLSX files (old .xls and .ods: save as .xlsx).")
    reading = Reading()
    for path in files:
        try:
            reading.sources += read_tables(path)
        except (ValueError, OSError) as error:
            reading.skipped.append(f"{path.name} was left out: {error}")
    if not reading.sources:
        raise Refusal(f"None of the files holds a readable table: {'; '.join(reading.skipped[:3])}.")
    month_first = columns.month_first_hint(reading.sources)
    reading.tables = [columns.type_table(table, month_first=month_first) for table in reading.sources]
    reading.merged = merging.merge_all(reading.tables, keep_duplicates=merging.wants_duplicates(job.request))
    merging.join_lookups(reading.merged)
    return reading


def target(job: Job, reading: Reading) -> Path:
    """Where the workbook goes."""
    stems = list(dict.fromkeys(table.file.stem for table in reading.sources))
    default = f"{stems[0]}-clean" if len(stems) == 1 else "merged-tables"
    return free_output(output_name(job, ".xlsx", default))


def plan(job: Job) -> Plan:
    """What would be done, in terms of what the files hold."""
    reading = read(job)
    choices = choose(reading.main, job.request)
    files = len({table.file for table in reading.sources})
    listed = "; ".join(notes.describe(table) for table in reading.tables[:4])
    more = f" and {len(reading.tables) - 4} more" if len(reading.tables) > 4 else ""
    cleaning = [what for one in reading.merged for what in one.cleaned if "duplicate" not in what]
    duplicates = sum(len(one.duplicates) for one in reading.merged)
    size = f"{plural(reading.main.size, 'row')}, {plural(len(reading.main.columns), 'column')}"
    steps = [
        f"Read {plural(files, 'file')} with {plural(len(reading.tables), 'table')}: {listed}{more}",
        f"Clean them: numbers, dates and ids as such{'; ' + '; '.join(cleaning[:3]) if cleaning else ''}",
        _merge_step(reading, duplicates),
        f"Write sheet Data: {size}, as a table with filters",
        _summary_step(choices),
        "Write sheet Notes: sources, row counts, what was cleaned, what is doubtful",
    ]
    return Plan(steps, [str(target(job, reading))], "; ".join(reading.skipped))


def _merge_step(reading: Reading, duplicates: int) -> str:
    parts = []
    for one in reading.merged:
        if len(one.sources) > 1:
            parts.append(f"put {plural(len(one.sources), 'table')} with matching headers under one another")
    parts += reading.main.joined
    if len(reading.merged) > 1:
        parts.append(f"keep {plural(len(reading.merged) - 1, 'unlike table')} on a sheet of its own")
    if duplicates:
        parts.append(
            f"remove {plural(duplicates, 'exact duplicate row')} and list {'it' if duplicates == 1 else 'them'}"
        )
    text = "; ".join(parts) or "nothing to merge: one table, no exact duplicates"
    return text[0].upper() + text[1:]


def _summary_step(choices: Choices) -> str:
    by = [f"by {column.name}" for column in choices.categories]
    if choices.date and len(months_of(choices.date)) > 1:
        by.append(f"over time ({choices.date.name})")
    what = ", ".join(column.name for column in choices.measures) or "row counts"
    return f"Write sheet Summary with live formulas and charts: {what}{' ' + ', '.join(by) if by else ''}"


def run(job: Job) -> Outcome:
    """Make the workbook."""
    progress("Reading and cleaning the tables")
    reading = read(job)
    choices = choose(reading.main, job.request)
    progress(f"Writing {plural(reading.main.size, 'row')} and the summary")
    path = target(job, reading)
    OUTPUTS.mkdir(exist_ok=True)
    risky = write(reading, choices, path)
    return _outcome(reading, choices, path, risky)


def write(reading: Reading, choices: Choices, path: Path) -> int:
    """Save the workbook; returns how many cells look like formulas and were kept as text."""
    book, live, taken = Workbook(), LiveCells(), {"data", "summary", "notes", "pivot", "duplicates"}
    looks.set_default_font(book)
    summary_sheet = book.active
    summary_sheet.title = "Summary"
    data = book.create_sheet("Data")
    risky = looks.fill_table(data, reading.main.columns, "DataTable")
    summary = SummarySheet(summary_sheet, data, reading.main, choices, live)
    several = f"{len(reading.main.sources)} tables" if len(reading.main.sources) > 1 else reading.main.sources[0]
    name = path.stem.replace("-", " ").replace("_", " ").strip().capitalize()
    summary.fill(
        name, f"{plural(reading.main.size, 'row')} from {several}. Figures are live formulas on the sheet Data."
    )
    if choices.date and pivot.can_pivot(reading.main, choices):
        pivot.PivotSheet(book.create_sheet("Pivot"), summary, choices.date, live).fill()
    for number, one in enumerate(reading.merged[1:], start=2):
        sheet = book.create_sheet(looks.sheet_title(merging.lookup_name(one), taken))
        risky += looks.fill_table(sheet, one.columns, f"DataTable{number}")
    if any(one.duplicates for one in reading.merged):
        notes.fill_duplicates(book.create_sheet("Duplicates"), reading.merged)
    extra = {"Assumptions": _assumptions(reading), "Doubts": _doubts(reading, choices, risky)}
    notes.fill_notes(book.create_sheet("Notes"), reading.sources, reading.merged, extra)
    book.calculation.fullCalcOnLoad = True
    book.properties.title, book.properties.creator = name, "Gofer"
    live.save(book, path)
    return risky


def _assumptions(reading: Reading) -> list[str]:
    said = [sentence for table in reading.tables for sentence in table.assumptions]
    if sum(len(one.sources) > 1 for one in reading.merged):
        said.append("Tables whose headers agree were taken to be parts of one list.")
    return list(dict.fromkeys(said))


def _doubts(reading: Reading, choices: Choices, risky: int) -> list[str]:
    said = list(reading.skipped)
    if sentence := pivot.undated(choices):
        said.append(sentence)
    said += [doubt for one in reading.merged for doubt in one.doubts]
    if risky:
        begin = "begins like a formula and was" if risky == 1 else "begin like formulas and were"
        said.append(f"{plural(risky, 'cell')} {begin} kept as plain text")
    return list(dict.fromkeys(said))


def _outcome(reading: Reading, choices: Choices, path: Path, risky: int) -> Outcome:
    files = len({table.file for table in reading.sources})
    duplicates = sum(len(one.duplicates) for one in reading.merged)
    summary = [
        f"{plural(reading.main.size, 'row')} from {plural(files, 'file')} in {path.name}"
        + (f"; {plural(duplicates, 'exact duplicate')} removed" if duplicates else "")
        + (f"; {'; '.join(reading.main.joined)}" if reading.main.joined else "")
    ]
    lead = choices.lead
    if lead and not lead.is_rate and not reading.main.column(f"{lead.name} currency"):
        unit = f" {lead.unit}" if lead.unit else ""
        total = sum(cell for cell in lead.cells if isinstance(cell, int | float))
        line = f"Total {lead.name}: {total:,.{lead.decimals}f}{unit}"
        if choices.categories:
            first = grouped(choices.categories[0], lead)[0]
            part = sum(c for i in first[2] if isinstance(c := lead.cells[i], int | float))
            line += f"; largest {choices.categories[0].name}: {first[0]} ({part:,.{lead.decimals}f}{unit})"
        summary.append(line)
    return Outcome([str(path)], summary, _assumptions(reading)[:5], _shortened(_doubts(reading, choices, risky)))


def _shortened(doubts: list[str]) -> list[str]:
    """At most six; what is left out is on the sheet Notes, and that is said."""
    if len(doubts) <= MOST_DOUBTS:
        return doubts
    return [*doubts[: MOST_DOUBTS - 1], f"{len(doubts) - MOST_DOUBTS + 1} more doubts are on the sheet Notes"]


if __name__ == "__main__":
    main(plan, run)
