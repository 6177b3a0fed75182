"""`read`, `write`, `edit`, `search_files`: files of the workspace."""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.blocks import Block, text_block
from agent.domain.errors import ToolFailed, ToolRetry
from agent.ports.sandbox import Sandbox
from agent.tools.registry import ToolContext, ToolOutput, said, tool
from agent.tools.shell import SHOWN_CHARS, cut

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})
MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
VIEW_FOLDER = ".gofer/view"
"""Where pictures made only to be looked at lie for a moment."""
LONGEST_SIDE_PX = 1568
"""Pictures are scaled down to this: the API would do it anyway, after we had paid for the upload."""
PICTURE_LIMIT_BYTES = 5 * 1024 * 1024
PDF_LIMIT_BYTES = 20 * 1024 * 1024
PAGES_AT_ONCE = 8

_SHRINK = """
import io, sys
from PIL import Image
image = Image.open(sys.argv[1]); image.load()
image.thumbnail((int(sys.argv[2]), int(sys.argv[2])))
image.convert("RGB").save(sys.argv[3], "JPEG", quality=85)
"""


@tool(risk=Risk.LOW, effect="none", describe=lambda a: f"Read {a.get('path')}")
async def read(
    ctx: ToolContext,
    *,
    path: Annotated[str, Field(description="Path in the workspace.")],
    offset: Annotated[int, Field(description="First line (text) or page (PDF), from 1.", ge=1)] = 1,
    limit: Annotated[int, Field(description="How many lines; pages: 8 at most.", ge=1, le=5000)] = 2000,
) -> ToolOutput:
    """Read a file. Text comes with line numbers; pictures and PDF pages are shown to you. Workbooks and documents:
    use bash with Python."""
    sandbox = await ctx.sandbox()
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in PICTURES:
        return ToolOutput(content=(await _picture(ctx, sandbox, path),))
    if suffix == ".pdf":
        return await _pdf(ctx, sandbox, path, offset, min(limit, PAGES_AT_ONCE))
    data = await sandbox.read(path)
    if b"\0" in data[:8192]:
        raise ToolFailed(f"{path} is not text ({len(data)} bytes). Look into it with bash and Python.")
    lines = data.decode("utf-8", "replace").splitlines()
    chosen = lines[offset - 1 : offset - 1 + limit]
    text = "\n".join(f"{number}\t{line}" for number, line in enumerate(chosen, offset))
    rest = len(lines) - (offset - 1 + len(chosen))
    note = f"\n({rest} more lines; read on with offset {offset + len(chosen)})" if rest > 0 else ""
    return said(cut(text) + note if text else f"(no lines from {offset} on; the file has {len(lines)})")


@tool(risk=Risk.LOW, effect="workspace", describe=lambda a: f"Write {a.get('path')}")
async def write(
    ctx: ToolContext,
    *,
    path: Annotated[str, Field(description="Path in the workspace; folders are made.")],
    content: Annotated[str, Field(description="The whole text.")],
) -> ToolOutput:
    """Create or replace a text file."""
    data = content.encode("utf-8")
    await (await ctx.sandbox()).write(path, data)
    return said(f"Wrote {path} ({len(data)} bytes).")


@tool(risk=Risk.LOW, effect="workspace", describe=lambda a: f"Edit {a.get('path')}")
async def edit(
    ctx: ToolContext,
    *,
    path: Annotated[str, Field(description="Path in the workspace.")],
    old: Annotated[str, Field(description="Exact text to replace, with white space.", min_length=1)],
    new: Annotated[str, Field(description="Text to put there.")],
    all: Annotated[bool, Field(description="Replace every occurrence; else there must be exactly one.")] = False,
) -> ToolOutput:
    """Replace text in a file."""
    sandbox = await ctx.sandbox()
    try:
        text = (await sandbox.read(path)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolFailed(f"{path} is not UTF-8 text; change it with bash and Python.") from error
    count = text.count(old)
    if count == 0:
        raise ToolRetry(f"The text to replace is not in {path}. Read the file and copy it exactly.")
    if count > 1 and not all:
        raise ToolRetry(f"The text to replace is in {path} {count} times. Give more of it, or set all.")
    await sandbox.write(path, text.replace(old, new).encode("utf-8"))
    return said(f"Replaced {count} in {path}.")


@tool(risk=Risk.LOW, effect="none", describe=lambda a: f"Search for {a.get('pattern')}")
async def search_files(
    ctx: ToolContext,
    *,
    pattern: Annotated[str, Field(description="Extended regular expression; empty: list files only.")] = "",
    path: Annotated[str, Field(description="Folder to search.")] = ".",
    names: Annotated[str, Field(description="Only files whose name fits this glob.")] = "*",
) -> ToolOutput:
    """List files, or lines that match a pattern, with file name and line number."""
    sandbox = await ctx.sandbox()
    prune = ["-path", "*/.gofer", "-prune", "-o"]
    argv = ["find", path, *prune, "-type", "f", "-name", names]
    if pattern:
        argv += ["-exec", "grep", "-HnIE", "--max-count=50", "-e", pattern, "{}", "+"]
    else:
        argv += ["-printf", "%s\t%p\n"]
    result = await sandbox.exec(ctx.call_id, argv, timeout_s=60)
    if result.code not in (0, 1):
        raise ToolRetry(result.stderr.strip() or f"search ended with code {result.code}")
    return said(cut(result.stdout.strip(), SHOWN_CHARS // 2) or "Nothing found.")


async def _picture(ctx: ToolContext, sandbox: Sandbox, path: str) -> Block:
    """The picture scaled down inside the sandbox; as it is where Pillow is missing and it is small enough."""
    small = f"{VIEW_FOLDER}/{ctx.call_id}.jpg"
    await sandbox.write(small, b"")
    argv = ["python3", "-c", _SHRINK, path, str(LONGEST_SIDE_PX), small]
    result = await sandbox.exec(f"{ctx.call_id}-shrink", argv, timeout_s=60)
    data = await sandbox.read(small, max_bytes=PICTURE_LIMIT_BYTES) if result.code == 0 else b""
    await sandbox.exec(f"{ctx.call_id}-clean", ["rm", "-f", small], timeout_s=60)
    if data:
        return _data_block("image", "image/jpeg", data)
    data = await sandbox.read(path, max_bytes=PICTURE_LIMIT_BYTES)
    media_type = next((m for magic, m in MAGIC.items() if data.startswith(magic)), "")
    if not media_type:
        raise ToolFailed(f"{path} cannot be shown: {_last_line(result.stderr) or 'it is no known picture format'}")
    return _data_block("image", media_type, data)


async def _pdf(ctx: ToolContext, sandbox: Sandbox, path: str, first: int, count: int) -> ToolOutput:
    """Pages as pictures where poppler is there; else the whole file as a document block."""
    folder = f"{VIEW_FOLDER}/{ctx.call_id}"
    await sandbox.write(f"{folder}/.keep", b"")
    last = first + count - 1
    argv = ["pdftoppm", "-jpeg", "-r", "110", "-f", str(first), "-l", str(last), path, f"{folder}/page"]
    result = await sandbox.exec(f"{ctx.call_id}-pages", argv, timeout_s=120)
    blocks: list[Block] = []
    if result.code == 0:
        listing = await sandbox.exec(
            f"{ctx.call_id}-list", ["find", folder, "-name", "page*", "-type", "f"], timeout_s=60
        )
        for page in sorted(listing.stdout.split("\n")):
            if page:
                blocks.append(
                    _data_block("image", "image/jpeg", await sandbox.read(page, max_bytes=PICTURE_LIMIT_BYTES))
                )
    await sandbox.exec(f"{ctx.call_id}-clean", ["rm", "-rf", folder], timeout_s=60)
    if blocks:
        return ToolOutput(content=(text_block(f"{path}, pages {first} to {first + len(blocks) - 1}:"), *blocks))
    if result.code != 127:
        raise ToolFailed(f"{path} has no pages {first} to {last}: {_last_line(result.stderr) or 'nothing was drawn'}")
    data = await sandbox.read(path, max_bytes=PDF_LIMIT_BYTES)
    if not data.startswith(b"%PDF-"):
        raise ToolFailed(f"{path} is not a PDF file.")
    return ToolOutput(content=(_data_block("document", "application/pdf", data),))


def _data_block(kind: str, media_type: str, data: bytes) -> Block:
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": encoded}}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
