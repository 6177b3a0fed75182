"""`deliver`: check a finished file inside the sandbox and hand it to the person."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, cast

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.blocks import Json
from agent.domain.errors import CommandTimeout, ToolFailed
from agent.domain.events import FileDelivered
from agent.domain.files import WorkFile
from agent.ports.sandbox import Sandbox
from agent.tools.excerpts import chart_of, table_of
from agent.tools.registry import ToolContext, ToolOutput, said, tool

CHECKER = "check_file.py"
_BESIDE = ("tabular.py", "charts.py")
CHECKER_FOLDER = "gofer-checks"
PREVIEWS = ".gofer/previews"
PREVIEWS_KEPT = 4
SIZE_LIMIT_BYTES = 64 * 1024 * 1024

mimetypes.add_type("text/markdown", ".md")


@tool(risk=Risk.LOW, effect="workspace", describe=lambda a: f"Check and deliver {a.get('path')}")
async def deliver(
    ctx: ToolContext,
    *,
    path: Annotated[str, Field(description="The finished file, best below outputs/.")],
    title: Annotated[str, Field(description="A few words on what it is.", max_length=120)] = "",
) -> ToolOutput:
    """Hand a finished file to the person. It is opened and checked first (formulas recalculated, pages drawn); when a
    check fails the file is not handed over: mend it and deliver again. Only delivered files reach the person."""
    sandbox = await ctx.sandbox()
    data = await sandbox.read(path, max_bytes=SIZE_LIMIT_BYTES)
    report = await _check(ctx, sandbox, path)
    checks = cast(list[Mapping[str, Json]], report.get("checks", []))
    bad = [c for c in checks if c.get("ok") is False]
    if bad:
        lines = "\n".join(f"- {c.get('name')}: {c.get('detail')}" for c in bad)
        return said(f"Not delivered, {path} did not pass:\n{lines}", ok=False, summary="did not pass its checks")
    sha256 = await ctx.blobs.put(data)
    previews = [await _preview(ctx, sandbox, p) for p in cast(list[str], report.get("previews", []))[:PREVIEWS_KEPT]]
    sentences = tuple(str(c.get("detail") or c.get("name")) for c in checks)
    fact = FileDelivered(
        task_id=ctx.task.task_id,
        at=ctx.clock.now(),
        file=WorkFile(path=path, size_bytes=len(data), sha256=sha256, media_type=media_type(path)),
        title=title,
        checks=sentences,
        previews=tuple(previews),
        table=table_of(report.get("table")),
        chart=chart_of(report.get("chart")),
    )
    told = "\n".join(f"- {sentence}" for sentence in sentences) or "- no check exists for this kind of file"
    return said(f"Delivered {path} ({len(data)} bytes). Checks:\n{told}", events=[fact])


def media_type(path: str) -> str:
    """The media type by the file's ending."""
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


async def _check(ctx: ToolContext, sandbox: Sandbox, path: str) -> Mapping[str, Json]:
    programs = resources.files("agent.tools") / "checks"
    files = {name: (programs / name).read_bytes() for name in (CHECKER, *_BESIDE)}
    root = await sandbox.install(CHECKER_FOLDER, files)
    folder = f"{PREVIEWS}/{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    await sandbox.write(f"{folder}/.keep", b"")
    job_id = f"{ctx.call_id}-check"
    try:
        result = await sandbox.exec(job_id, ["python3", f"{root}/{CHECKER}", path, folder], timeout_s=300)
    except CommandTimeout as error:
        raise ToolFailed(f"Checking {path} took over five minutes; is it very large? It was not delivered.") from error
    try:
        return cast(Mapping[str, Json], json.loads(result.stdout))
    except json.JSONDecodeError as error:
        last = (result.stderr.strip().splitlines() or [f"code {result.code}"])[-1]
        raise ToolFailed(f"{path} could not be checked ({last}) and was not delivered.") from error


async def _preview(ctx: ToolContext, sandbox: Sandbox, path: str) -> WorkFile:
    data = await sandbox.read(path)
    return WorkFile(path=path, size_bytes=len(data), sha256=await ctx.blobs.put(data), media_type=media_type(path))
