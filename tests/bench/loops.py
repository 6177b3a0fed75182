"""The loop against a bare loop on the same SDK and server: CPU a turn, growth, prefix reuse, many threads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from agent.core.parts import Caps, Rules
from agent.domain.asks import Risk
from agent.llm.anthropic import AnthropicLlm
from agent.llm.scripted import ScriptedLlm, Turn
from agent.ports.llm import Llm, Message, Prefix, Reply
from agent.tools.registry import Tool, ToolContext, ToolOutput, said, tool
from tests.bench.table import Row
from tests.kit import OWNER, Kit, open_kit

TURNS = 180
MODEL = "claude-sonnet-5-5"


def note_tool() -> Tool:
    """A tool whose own work is nothing."""

    @tool(risk=Risk.LOW, effect="outside", describe=lambda a: "note")
    async def note(ctx: ToolContext, *, text: Annotated[str, Field(description="Text.")]) -> ToolOutput:
        """Take a note."""
        return said("noted " + "y" * 200)

    return note


@contextlib.contextmanager
def model_server(turns: int) -> Iterator[str]:
    """The URL of a fake model in another process."""
    argv = [sys.executable, "-m", "tests.bench.model_server", "--turns", str(turns)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


class Timed(Llm):
    """Notes CPU and wall clock at each request of an inner model."""

    def __init__(self, inner: Llm) -> None:
        self.inner = inner
        self.marks: list[tuple[float, float, float, float]] = []
        self.requests: list[tuple[Prefix, tuple[Message, ...]]] = []

    async def respond(self, prefix: Prefix, messages: Any, *, on_text: Any = None) -> Reply:
        self.requests.append((prefix, tuple(messages)))
        before = time.process_time(), time.perf_counter()
        reply = await self.inner.respond(prefix, messages, on_text=on_text)
        self.marks.append((*before, time.process_time(), time.perf_counter()))
        return reply

    async def info(self, model: str) -> Any:
        return await self.inner.info(model)

    async def close(self) -> None:
        await self.inner.close()


async def bare_loop(url: str, turns: int) -> list[tuple[float, float, float, float]]:
    """The least a program can do: SDK stream, append, answer the calls."""
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(api_key="test-key", base_url=url, max_retries=0)
    spec = {**note_tool().to_block()}
    messages: list[Any] = [{"role": "user", "content": "work"}]
    marks: list[tuple[float, float, float, float]] = []
    while True:
        before = time.process_time(), time.perf_counter()
        async with client.messages.stream(model=MODEL, max_tokens=1000, messages=messages, tools=[spec]) as stream:  # type: ignore[list-item]
            reply = await stream.get_final_message()
        marks.append((*before, time.process_time(), time.perf_counter()))
        if reply.stop_reason != "tool_use":
            await client.close()
            return marks
        messages.append({"role": "assistant", "content": [b.to_dict() for b in reply.content]})
        results = [
            {"type": "tool_result", "tool_use_id": b.id, "content": "noted " + "y" * 200}
            for b in reply.content
            if b.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


@contextlib.asynccontextmanager
async def kit_with(llm: Llm, home: Path) -> Any:
    """A kit with the note tool and no limits in the way."""
    caps = Caps(task_usd=1e9, person_day_usd=1e9, day_usd=1e9)
    async with open_kit(
        home, [], tools=(note_tool(),), llm=llm, model=MODEL, caps=caps, rules=Rules(allow=("note",))
    ) as kit:
        yield kit


async def loop_rows() -> list[Row]:
    """CPU a tool turn, growth of the gap between turns, prefix reuse."""
    with model_server(TURNS) as url:
        bare = await bare_loop(url, TURNS)
        timed = Timed(AnthropicLlm("test-key", url))
        with tempfile.TemporaryDirectory() as home:
            async with kit_with(timed, Path(home)) as kit:
                await kit.start("work")
                await timed.close()
    ours = timed.marks
    cpu_ours = (ours[-1][2] - ours[5][0]) / (len(ours) - 6) * 1000
    cpu_bare = (bare[-1][2] - bare[5][0]) / (len(bare) - 6) * 1000
    own = [(later[0] - earlier[2]) * 1000 for earlier, later in itertools.pairwise(ours[5:])]
    growth = _gap(ours, 170, 180) / _gap(ours, 6, 16)
    bare_growth = _gap(bare, 170, 180) / _gap(bare, 6, 16)
    reuse = [shared(a, b) for a, b in itertools.pairwise(timed.requests)]
    variants = len({json.dumps([r[0].system, r[0].tools]) for r in timed.requests})
    return [
        Row("own CPU per tool turn, journalling included", f"{sum(own) / len(own):.1f} ms", "<= 7 ms"),
        Row("whole CPU per tool turn, as a ratio to a bare SDK loop", f"{cpu_ours / cpu_bare:.2f}x", "<= 2x",
            f"{cpu_ours:.1f} ms against {cpu_bare:.1f} ms"),
        Row("gap between turns, turn 180 / turn 10", f"{growth:.2f}x", "<= 1.5x beyond the bare loop's growth",
            f"bare loop {bare_growth:.2f}x"),
        Row("prefix reuse between consecutive requests", f"{min(reuse):.4f}", ">= 0.995",
            f"{variants} variant of tools and system"),
    ]  # fmt: skip


def _gap(marks: list[tuple[float, float, float, float]], first: int, last: int) -> float:
    """Mean CPU from one answer to the next request."""
    pairs = list(itertools.pairwise(marks[first : last + 1]))
    return sum(later[0] - earlier[2] for earlier, later in pairs) / len(pairs)


def shared(a: tuple[Prefix, tuple[Message, ...]], b: tuple[Prefix, tuple[Message, ...]]) -> float:
    """Share of the earlier request's characters that the next one repeats from its start."""
    first, second = (json.dumps([r[0].system, r[0].tools, [m.content for m in r[1]]]) for r in (a, b))
    common = next((n for n, (x, y) in enumerate(zip(first, second, strict=False)) if x != y), len(first))
    return min(1.0, (common + 2) / len(first))


async def many_threads() -> Row:
    """16 threads of 20 turns each in one process."""
    entries = [Turn(tools=(("note", {"text": "x" * 200}),)) for _ in range(20)]
    llm = ScriptedLlm([*entries, Turn(text="Done.")])
    with tempfile.TemporaryDirectory() as home:
        async with kit_with(llm, Path(home)) as kit:
            tasks = [await kit.service.start(OWNER, f"web:local::{n}", "work", inbox_id=f"m{n}") for n in range(16)]
            before = time.process_time()
            await _work_at_once(kit, len(tasks))
            spent = time.process_time() - before
    return Row("16 threads x 20 turns, one process", f"{spent:.1f} CPU s", "<= 4 CPU s")


async def _work_at_once(kit: Kit, count: int) -> None:
    from agent.ports.clock import SystemClock

    fences = [await kit.journal.claim("bench", SystemClock().now()) for _ in range(count)]
    await asyncio.gather(*(kit.loop.run_segment(fence) for fence in fences if fence is not None))


async def parked() -> list[Row]:
    """1,000 tasks that wait for a person, and how fast a click acts."""
    plan = Turn(tools=(("plan", {"steps": ["one", "two"], "files": ["a"]}),))
    with tempfile.TemporaryDirectory() as home:
        async with kit_with(ScriptedLlm([plan, Turn(text="Done.")]), Path(home)) as kit:
            started = [await kit.start("work", thread=f"web:local::warm{n}") for n in range(20)]
            before, others = _rss_kib(), len(asyncio.all_tasks())
            started = [await kit.start("work", thread=f"web:local::{n}") for n in range(1000)]
            grown, tasks = _rss_kib() - before, len(asyncio.all_tasks()) - others
            acks: list[float] = []
            resumed: list[float] = []
            for task in started[:100]:
                ask = await kit.pending(task)
                begin = time.perf_counter()
                await kit.service.answer(OWNER, ask.ask_id, ask.revision, "approve", via="button")
                acks.append(time.perf_counter() - begin)
                await kit.work()
                resumed.append(time.perf_counter() - begin)
    return [
        Row("1,000 tasks parked on a person", f"{grown / 1000:.1f} KiB each", "<= 64 KiB, no process or container",
            f"{tasks} asyncio tasks more"),
        Row("click -> acknowledged, p50", f"{_p50(acks):.0f} ms", "<= 50 ms"),
        Row("click -> call resumed and task ended, p50", f"{_p50(resumed):.0f} ms", "<= 150 ms"),
    ]  # fmt: skip


def _p50(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] * 1000


def _rss_kib() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return float(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
