"""Cutting the output of a command to what is kept of it."""

from __future__ import annotations

from agent.ports.sandbox import OUTPUT_LIMIT_BYTES, ExecResult


def kept(data: bytes, *, total_bytes: int | None = None, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> str:
    """Text of a stream cut to `limit_bytes`: half from its head, half from its tail, and a note between them.

    `total_bytes`: the stream's real length where `data` is already head + tail joined in the middle.
    """
    total = len(data) if total_bytes is None else total_bytes
    if total <= limit_bytes:
        return data.decode("utf-8", "replace")
    half = limit_bytes // 2
    head, tail = data[:half], data[-half:]
    note = f"\n[... {total - 2 * half} bytes left out ...]\n"
    return head.decode("utf-8", "replace") + note + tail.decode("utf-8", "replace")


def result(
    code: int,
    stdout: bytes,
    stderr: bytes,
    *,
    stdout_bytes: int | None = None,
    stderr_bytes: int | None = None,
) -> ExecResult:
    """The ExecResult of these streams, cut; totals say how long they really were."""
    out = len(stdout) if stdout_bytes is None else stdout_bytes
    err = len(stderr) if stderr_bytes is None else stderr_bytes
    return ExecResult(
        code=code,
        stdout=kept(stdout, total_bytes=out),
        stderr=kept(stderr, total_bytes=err),
        truncated=max(out, err) > OUTPUT_LIMIT_BYTES,
        stdout_bytes=out,
        stderr_bytes=err,
    )
