"""`gofer do`, `gofer serve`, `gofer worker`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.domain.errors import Refused
from bot.cli.doors import open_front
from bot.cli.main import run, settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("do")(do)
    app.command("serve")(serve)
    app.command("worker")(worker)


def do(
    request: Annotated[str, typer.Argument(metavar="TEXT", help="What you want done.")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="[FILE|FOLDER]...", help="Files to work on.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("gofer-out"),
    yes: Annotated[bool, typer.Option("--yes", help="Approve plans and calls of low and medium risk.")] = False,
    answers: Annotated[Path | None, typer.Option(help="File with prepared answers (JSON).")] = None,
    skill: Annotated[str, typer.Option(help="Use this skill.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Not there yet: refused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Stored events as JSON lines on stdout.")] = False,
) -> None:
    """Do one task in the terminal and write its files below --out. Inputs are never written to."""
    if dry_run:
        raise typer.BadParameter("a dry run is not possible yet; leave it out and reject the plan instead")
    if yes and answers is not None:
        raise typer.BadParameter("give either --yes or --answers")
    run(_do(request, tuple(inputs or ()), out, answers, skill=skill, yes=yes, as_json=as_json))


async def _do(
    request: str, inputs: tuple[Path, ...], out: Path, answers: Path | None, *, skill: str, yes: bool, as_json: bool
) -> int:
    from bot.app import lacking
    from bot.terminal.answers import Answers
    from bot.terminal.do import Job, check_out, run_job
    from bot.terminal.show import Screen

    loaded = settings()
    job = Job(
        request=request,
        skill=skill,
        paths=inputs,
        out=out,
        answers=Answers.load(answers, yes=yes),
        as_json=as_json,
        interactive=sys.stdin.isatty() and not yes and answers is None,
    )
    for path in inputs:
        if not path.exists():
            raise Refused(f"There is no file {str(path)!r}.", next_step="Check the name.")
    check_out(out)
    screen = Screen()
    async with open_front(loaded, worker=True) as (front, sandbox):
        if sandbox:
            missing = lacking(loaded, sandbox)
            screen.say(f"Sandbox: {sandbox}{'; ' if missing else ''}{missing}", "yellow" if missing else "dim")
        return await run_job(front, job, screen)


def serve(
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Surfaces only; `gofer worker` runs tasks.")] = False,
) -> None:
    """Run the web chat (and the chat surfaces that are configured) and a worker, until stopped."""
    from bot.serve import serve_until_stopped

    run(serve_until_stopped(settings(service=True), worker=not no_worker))


def worker() -> None:
    """Run tasks of a PostgreSQL journal beside `gofer serve --no-worker`."""
    run(_worker())


async def _worker() -> int:
    from bot.serve import work_until_stopped

    loaded = settings(service=True)
    if loaded.database.startswith("sqlite"):
        raise Refused(
            "A separate worker needs PostgreSQL; with SQLite `gofer serve` runs the tasks itself.",
            next_step="Set GOFER_DATABASE_URL=postgresql+psycopg://… for both.",
        )
    return await work_until_stopped(loaded)
