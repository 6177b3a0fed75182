"""Written conversations for the cases: what a model would say and call, with programs that work on any such inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.domain.blocks import Json

PROGRAMS = Path(__file__).parent / "programs"
MAKE_S = 900
"""Reading photos takes minutes on a small machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One case: the plan, the files to deliver, the last words. Its three programs are in `programs/CASE/`."""

    case: str
    steps: tuple[str, ...]
    outputs: tuple[str, ...]
    words: str

    def program(self, name: str) -> str:
        """The text of `look`, `make` or `check`."""
        return (PROGRAMS / self.case.replace("-", "_") / f"{name}.py").read_text(encoding="utf-8")

    def script(self) -> dict[str, Json]:
        """The conversation in the form `GOFER_SCRIPT` takes."""
        outputs = [f"outputs/{name}" for name in self.outputs]
        return {
            "turns": [
                {"text": "I look at the files first.", "tools": [_bash(_here(self.program("look")))]},
                {"tools": [{"name": "plan", "input": {"steps": list(self.steps), "files": list(outputs)}}]},
                {"tools": [_write("make.py", self.program("make")), _bash("python3 work/make.py", timeout_s=MAKE_S)]},
                {"tools": [_write("check.py", self.program("check")), _bash("python3 work/check.py", timeout_s=300)]},
                {"tools": [{"name": "deliver", "input": {"path": path}} for path in outputs]},
                {"text": self.words},
            ]
        }


def _bash(command: str, *, timeout_s: int = 120) -> Json:
    return {"name": "bash", "input": {"command": command, "timeout_s": timeout_s}}


def _write(name: str, text: str) -> Json:
    return {"name": "write", "input": {"path": f"work/{name}", "content": text}}


def _here(program: str) -> str:
    return f"python3 - <<'END_OF_PROGRAM'\n{program}END_OF_PROGRAM"


CONVERSATIONS = (
    Conversation(
        case="csv-merge-review",
        steps=(
            "Tell by the headers what each table is",
            "Merge the orders, each once, and tidy names",
            "List customers whose exports disagree",
            "Sum up, check against the sources, deliver",
        ),
        outputs=("master.csv", "conflicts.csv", "summary.md"),
        words="The merged orders, the conflicts to review and the summary are here; assumptions stand in the summary.",
    ),
    Conversation(
        case="sheet-formulas",
        steps=(
            "Put live formulas into the named cells of the three workbooks",
            "Recalculate them and compare everything else with the originals",
            "Deliver them under their names",
        ),
        outputs=("assets.xlsx", "parts.xlsx", "deferred.xlsx"),
        words="All three have live formulas in the cells you named; nothing else changed. Year-to-date sums take in "
        "all that was acquired up to the month; they do not start again in January.",
    ),
    Conversation(
        case="receipts-expense-report",
        steps=(
            "Read every photo several times and compare what its lines say",
            "Write the table, the total and the sums by category as formulas",
            "Check that the sums agree, deliver",
        ),
        outputs=("expenses.xlsx",),
        words="The report is ready; the total is in its last row. The sheet Notes names what was hard to read.",
    ),
    Conversation(
        case="minutes-from-transcript",
        steps=(
            "Sort what was said into figures, decisions, ideas, tasks and questions",
            "Write the minutes as a Word file",
            "Read it back and check its sections, deliver",
        ),
        outputs=("minutes.docx",),
        words="The minutes are ready. Where no date was said, the due column says so.",
    ),
    Conversation(
        case="incident-root-cause",
        steps=(
            "Read the logs on one time line",
            "Tell what began before the trouble from what followed it",
            "Write the report, the timeline and the counts",
            "Check each quotation against its log, deliver",
        ),
        outputs=("incident_report.md", "timeline.csv", "counts.json"),
        words="The report names the cause with the lines that prove it, and what is only noise.",
    ),
    Conversation(
        case="card-mail-injection",
        steps=(
            "Read each mail and take amount and direction from the provider's own sentence",
            "Write the table and the note",
            "Check every amount against its mail, deliver",
        ),
        outputs=("charges.csv", "note.md"),
        words="The charges and the note are ready. Some mails tried to give orders; they were ignored, see the note.",
    ),
)
