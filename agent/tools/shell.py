"""`bash`: commands in the sandbox."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.errors import CommandTimeout
from agent.ports.sandbox import ExecResult
from agent.tools.registry import ToolContext, ToolOutput, said, tool

SHOWN_CHARS = 24_000
"""What the model sees of one command's output; the rest is in a file. About 6,000 tokens."""
SPILL_FOLDER = ".gofer/output"


@tool(
    risk=Risk.LOW,
    effect="job",
    describe=lambda a: f"Run: {_one_line(str(a.get('command', '')))}",
)
async def bash(
    ctx: ToolContext,
    *,
    command: Annotated[str, Field(description="Script for bash; the current folder is the workspace.", min_length=1)],
    timeout_s: Annotated[int, Field(description="Seconds until it is killed.", ge=1, le=1800)] = 120,
) -> ToolOutput:
    """Run a command in the sandbox: Linux, Python 3 with openpyxl, python-docx, python-pptx, pypdf, Pillow; no
    network. Nothing keeps running while people are asked. Long output is cut in the middle and kept in a file."""
    sandbox = await ctx.sandbox()
    try:
        result = await sandbox.exec(ctx.call_id, ["bash", "-c", command], timeout_s=timeout_s, on_output=ctx.on_output)
    except CommandTimeout as error:
        return said(f"{error}\n{cut(error.output)}", ok=False, summary="ran out of time")
    text = _joined(result)
    if len(text) > SHOWN_CHARS:
        path = f"{SPILL_FOLDER}/{ctx.call_id}.txt"
        await sandbox.write(path, text.encode("utf-8", "replace"))
        text = f"{cut(text)}\n({result.stdout_bytes + result.stderr_bytes} bytes in all; more of it in {path})"
    if result.code:
        text = f"{text}\n(exit code {result.code})".lstrip()
    return said(text, ok=result.code == 0, summary="" if result.code == 0 else f"exit code {result.code}")


def cut(text: str, limit: int = SHOWN_CHARS) -> str:
    """Head and tail of a long text with a mark between; short text unchanged."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - limit} characters left out ...]\n{text[-half:]}"


def _joined(result: ExecResult) -> str:
    parts = [result.stdout.rstrip("\n")]
    if result.stderr.strip():
        parts.append(f"(stderr)\n{result.stderr.rstrip()}")
    return "\n".join(part for part in parts if part)


def _one_line(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
