"""Commands for whoever runs Gofer: database, tasks, sandbox, skills, grants."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.cells import cell_len, set_cell_size

from bot.cli.doors import open_front
from bot.cli.main import print_json, run, settings
from bot.markup import one_line

if TYPE_CHECKING:
    from bot.app import App, DatabaseAction

LEAST_PROSE = 20
"""Columns that the last column of a list keeps on a narrow screen."""
AsJson = Annotated[bool, typer.Option("--json", help="Data as JSON on stdout.")]
TaskId = Annotated[str, typer.Argument(help="Id of the task, as `gofer tasks list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    database = {"upgrade": db_upgrade, "backup": db_backup, "restore": db_restore, "check": db_check}
    tasks = {
        "list": tasks_list,
        "show": tasks_show,
        "resume": tasks_resume,
        "stop": tasks_stop,
        "export": tasks_export,
        "files": tasks_files,
        "feedback": tasks_feedback,
    }
    tree: dict[str, tuple[str, dict[str, Any]]] = {
        "db": ("The journal's database.", database),
        "tasks": ("Tasks.", tasks),
        "sandbox": ("Where commands run.", {"build": sandbox_build, "test": sandbox_test}),
        "skills": ("Skills.", {"list": skills_list}),
        "grants": ("Standing permissions.", {"list": grants_list, "revoke": grants_revoke}),
    }
    for name, (help_text, commands) in tree.items():
        group = typer.Typer(help=help_text, no_args_is_help=True)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group, name=name)


# -- database


def db_upgrade() -> None:
    """Bring the database to this version. SQLite does it by itself at start, after a copy."""
    run(_db("upgrade"))


def db_check() -> None:
    """Say whether the database fits this version and is sound."""
    run(_db("check"))


def db_backup(to: Annotated[Path, typer.Argument(help="File to write.")]) -> None:
    """Copy the SQLite database, consistently, also while Gofer runs."""
    run(_db("backup", to))


def db_restore(source: Annotated[Path, typer.Argument(help="File that `backup` wrote.")]) -> None:
    """Put a backup in place of the database; what is there now is kept beside it."""
    run(_db("restore", source))


async def _db(action: DatabaseAction, path: Path | None = None) -> int:
    from bot.app import tend_database

    typer.echo(await tend_database(settings(), action, path))
    return 0


# -- tasks


@asynccontextmanager
async def _opened() -> AsyncGenerator[App]:
    from bot.app import open_app

    async with open_app(settings(), worker=False) as app:
        yield app


def tasks_list(as_json: AsJson = False) -> None:
    """The newest tasks."""
    run(_tasks_list(as_json))


async def _tasks_list(as_json: bool) -> int:
    async with open_front(settings()) as (front, _):
        tasks = await front.tasks()
    rows = [
        {
            "task_id": t.task_id,
            "status": t.status.value,
            "asked_by": t.asked_by,
            "created_at": t.created_at.isoformat(timespec="seconds"),
            "request": " ".join(t.request.split())[:80],
        }
        for t in tasks
    ]
    show_rows(rows, as_json, empty="No tasks yet. Start one with `gofer do` or in the web chat.")
    return 0


def tasks_show(task_id: TaskId, as_json: AsJson = False) -> None:
    """One task as it stands now."""
    run(_tasks_show(task_id, as_json))


async def _tasks_show(task_id: str, as_json: bool) -> int:
    from agent.domain.view import fold
    from bot.render import card_for_ask, result_card, status_card
    from bot.terminal.show import Screen
    from bot.wire import event_to_json

    async with open_front(settings()) as (front, _):
        events = await front.events(task_id)
    view = fold(events)
    if as_json:
        print_json([event_to_json(event) for event in events])
        return 0
    screen = Screen()
    screen.card(result_card(view) if view.status.final else status_card(view))
    for ask in view.pending:
        screen.card(card_for_ask(ask, view, typed=True))
    return 0


def tasks_export(task_id: TaskId) -> None:
    """Every stored event of a task as JSON."""
    run(_tasks_show(task_id, True))


def tasks_files(
    task_id: TaskId,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("gofer-out"),
) -> None:
    """Write the files a task delivered below --out, again."""
    run(_tasks_files(task_id, out))


async def _tasks_files(task_id: str, out: Path) -> int:
    from agent.domain.view import fold
    from bot.terminal.do import check_out, write_delivered

    check_out(out)
    async with open_front(settings()) as (front, _):
        written = await write_delivered(front, fold(await front.events(task_id)), out)
    for path, _ in written:
        typer.echo(path)
    if not written:
        typer.echo("This task has delivered no files.", err=True)
    return 0


def tasks_feedback(as_json: AsJson = False) -> None:
    """What people said about results, newest first."""
    run(_tasks_feedback(as_json))


async def _tasks_feedback(as_json: bool) -> int:
    async with open_front(settings()) as (front, _):
        found = await front.feedback()
    rows = [
        {
            "task_id": f.task_id,
            "result": "good" if f.good else "bad",
            "said_by": f.person_id,
            "at": f.at.isoformat(timespec="seconds"),
        }
        for f in found
    ]
    show_rows(rows, as_json, empty="Nobody has judged a result yet. Slack shows two thumbs below each.")
    return 0


def tasks_resume(task_id: TaskId) -> None:
    """Go on with a paused task."""
    run(_tasks_move(task_id, "resume"))


def tasks_stop(task_id: TaskId) -> None:
    """Cancel a task."""
    run(_tasks_move(task_id, "stop"))


async def _tasks_move(task_id: str, action: str) -> int:
    async with open_front(settings()) as (front, _):
        moved = await (front.resume(task_id) if action == "resume" else front.cancel(task_id))
    typer.echo("Done." if moved else f"The task is not in a state to {action} it.", err=not moved)
    return 0 if moved else 1


# -- sandbox, skills, grants


def sandbox_build(
    target: Annotated[Literal["core", "office"], typer.Option(help="office has LibreOffice and tesseract.")] = "office",
    base: Annotated[str, typer.Option(help="Another base image than Debian 12's slim one.")] = "",
) -> None:
    """Build what the sandbox needs: the Docker image, and the Python environment of the embedded sandboxes."""
    run(_sandbox_build(target, base))


async def _sandbox_build(target: Literal["core", "office"], base: str) -> int:
    from bot.app import build_sandbox

    await build_sandbox(settings(), target, base, lambda line: typer.echo(line, err=True))
    return 0


def sandbox_test() -> None:
    """Run the self-test of the sandbox in force."""
    run(_sandbox_test())


async def _sandbox_test() -> int:
    from bot.app import choose_sandbox

    host = await choose_sandbox(settings())
    result = await host.selftest()
    await host.close()
    typer.echo(f"{host.name}: {result.detail}")
    return 0 if result.ok else 1


def skills_list(as_json: AsJson = False) -> None:
    """The skills that can be used."""
    from bot.app import open_skills

    rows = [
        {"name": s.name, "runnable": bool(s.run), "description": s.description}
        for s in open_skills(settings()).skills()
    ]
    show_rows(rows, as_json, empty="No skills.")


def grants_list(as_json: AsJson = False) -> None:
    """Standing permissions that people gave."""
    run(_grants_list(as_json))


async def _grants_list(as_json: bool) -> int:
    from agent.domain.people import TERMINAL

    async with _opened() as app:
        grants = await app.service.grants(TERMINAL)
    rows = [
        {
            "grant_id": g.grant_id,
            "scope": g.scope,
            "allows": g.pattern,
            "granted_by": g.granted_by,
            "expires_at": g.expires_at.isoformat(),
        }
        for g in grants
    ]
    show_rows(rows, as_json, empty="No standing permissions.")
    return 0


def grants_revoke(grant_id: Annotated[str, typer.Argument(help="Id from `gofer grants list`.")]) -> None:
    """End a standing permission now."""
    run(_grants_revoke(grant_id))


async def _grants_revoke(grant_id: str) -> int:
    from agent.domain.people import TERMINAL

    async with _opened() as app:
        ended = await app.service.revoke(TERMINAL, grant_id)
    typer.echo("Revoked." if ended else "There is no such permission.", err=not ended)
    return 0 if ended else 1


def show_rows(rows: list[dict[str, Any]], as_json: bool, *, empty: str) -> None:
    """Rows as a table for people or as JSON."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(empty)
        return
    for line in lines_of(rows, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else 0):
        typer.echo(line)


def lines_of(rows: list[dict[str, Any]], *, width: int) -> list[str]:
    """Rows below their names. Only the last column is cut, and only where it would be wider than the screen (0: never):
    a cut id or time is of no use."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    wide = [max(cell_len(row[column]) for row in cells) for column in range(len(cells[0]) - 1)]
    left = max(width - sum(wide) - 2 * len(wide), LEAST_PROSE) if width else 0
    return [
        "  ".join([*(set_cell_size(c, w) for c, w in zip(row, wide, strict=False)), _cut(row[-1], left)])
        for row in cells
    ]


def _cell(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else one_line(str(value))


def _cut(text: str, width: int) -> str:
    return text if not width or cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
