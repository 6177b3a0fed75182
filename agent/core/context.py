"""What the model is told: the frozen prefix, the opening messages, and a fresh start when the talk grows too long."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from agent.core.run import Run
from agent.core.steering import asked_skills
from agent.core.workshop import Workshop
from agent.domain.blocks import Block, text_block, text_of
from agent.domain.events import ContextCompacted, TaskAccepted
from agent.domain.files import Manifest
from agent.domain.requests import COMMAND_MODEL, command_of
from agent.domain.task import Task
from agent.ports.journal import AppendMessage, FreezePrefix, KeepWorkspace, Record, Write
from agent.ports.llm import Message, Prefix
from agent.tools.shell import bash
from agent.tools.untrusted import DATA_ONLY, quoted

LISTED_FILES = 60
EARLIER_TASKS = 3
CONTEXT_CHARS = 12_000
"""Of what was said before the request; the middle goes first."""
TRANSCRIPT_CHARS = 200_000
"""What a summary is made from: the end of the conversation, about 50,000 tokens."""
NOTES_CHARS = 8_000
SUMMARISE = (
    "Below is the record of your work on a task so far. Write down what you need to go on without it: what the person "
    "wants (their words), decisions and answers, what is done, files made and their state, what is left, pitfalls "
    "found. Be exact with names and numbers. Do not call tools.\n\n"
)


async def opening(run: Run, workshop: Workshop) -> tuple[Write, ...]:
    """The writes that begin a task: prefix frozen, inputs in the workspace, first messages."""
    parts = run.parts
    writes, _ = await workshop.add_inputs(run.task.files)
    if command_of(run.task.request):
        return *writes, *_command_opening(run)
    prefix = Prefix(
        model=parts.model,
        system=(text_block(system_prompt()),),
        tools=parts.tools.blocks(chat=run.chat is not None),
        effort=parts.effort,
        max_tokens=parts.max_tokens,
    )
    manifest = await _manifest_after(run, writes)
    request = text_block(f"{run.task.request}\n\n{file_list(manifest)}")
    skills, loaded = asked_skills(run, [run.task.request])
    about = Message("system", (text_block(await _situation(run)),))
    return (
        *writes,
        *((Record(loaded),) if loaded else ()),
        FreezePrefix(prefix),
        AppendMessage(seq=1, message=Message("user", (*await _said_before(run), request, *skills))),
        AppendMessage(seq=2, message=about),
    )


def _command_opening(run: Run) -> tuple[Write, ...]:
    """A typed command needs nothing but itself: no model reads this."""
    prefix = Prefix(model=COMMAND_MODEL, system=(), tools=(bash.to_block(),), max_tokens=run.parts.max_tokens)
    request = Message("user", (text_block(run.task.request),))
    return FreezePrefix(prefix), AppendMessage(seq=1, message=request)


async def _said_before(run: Run) -> tuple[Block, ...]:
    """What the surface gathered from before the request, as a quotation that cannot be taken for the request."""
    accepted = await run.parts.journal.events(run.task.task_id, limit=1)
    context = next((event.context for event in accepted if isinstance(event, TaskAccepted)), "")
    if not context.strip():
        return ()
    head = f"Said in this thread before the request, by other people too: {DATA_ONLY}."
    return (text_block(f"{head}\n{quoted(context, CONTEXT_CHARS)}"),)


def system_prompt() -> str:
    """The static part of the prompt, equal for all tasks of a version."""
    return (resources.files("agent.core") / "prompts" / "system.md").read_text(encoding="utf-8").strip()


def file_list(manifest: Manifest) -> str:
    """The workspace's files as the model and the offline model read them: one `path (N bytes)` a line."""
    files = [e for e in manifest.files().values() if not e.path.startswith(".gofer/")]
    if not files:
        return "The workspace is empty."
    lines = [f"{e.path} ({e.size_bytes} bytes)" for e in files[:LISTED_FILES]]
    more = [f"... and {len(files) - LISTED_FILES} more"] if len(files) > LISTED_FILES else []
    return "\n".join(["Files in the workspace:", *lines, *more])


async def fresh_start(run: Run) -> tuple[Write, ...]:
    """The writes that replace the conversation by a summary of it. Only between closed turns."""
    parts = run.parts
    transcript = "\n\n".join(_as_text(m.message) for m in run.messages)[-TRANSCRIPT_CHARS:]
    wish = Message("user", (text_block(SUMMARISE + transcript),))
    reply = await parts.llm.respond(run.prefix, (wish,))
    notes = await _notes(run)
    sections = [
        f"The request: {run.task.request}",
        f"Your own record of the work so far:\n{text_of(reply.content) or '(none)'}",
        f"NOTES.md:\n{notes}" if notes else "",
        file_list(await parts.snapshots.load(run.thread.snapshot)),
        "Go on with the work.",
    ]
    message = Message("user", (text_block("\n\n".join(s for s in sections if s)),))
    event = ContextCompacted(task_id=run.task.task_id, at=parts.clock.now(), messages_before=len(run.messages))
    return AppendMessage(seq=run.next_seq, message=message, fresh_start=True), Record((event,))


async def _situation(run: Run) -> str:
    """Everything that differs between people and days: kept out of the prefix so that it stays cacheable."""
    parts = run.parts
    lines = [f"Today is {parts.clock.now():%A, %d %B %Y} (UTC). The requester is {run.task.asked_by}."]
    skills = [f"- {s.name}{' (runnable)' if s.run else ''}: {s.description}" for s in parts.skills.skills()]
    if skills:
        lines += ["Skills:", *skills]
    earlier = await parts.journal.tasks(thread_id=run.thread.thread_id, limit=EARLIER_TASKS + 1)
    digest = [_digest(t) for t in reversed(earlier) if t.task_id != run.task.task_id]
    if digest:
        lines += ["Earlier tasks in this thread (their files are in the workspace):", *digest]
    return "\n".join(lines)


def _digest(task: Task) -> str:
    request = " ".join(task.request.split())[:300]
    return f"- {request} [{task.status.value}]"


async def _manifest_after(run: Run, writes: Sequence[Write]) -> Manifest:
    digest = next((w.snapshot for w in writes if isinstance(w, KeepWorkspace)), run.thread.snapshot)
    return await run.parts.snapshots.load(digest or "")


async def _notes(run: Run) -> str:
    """NOTES.md of the newest snapshot; read from the store, no sandbox is needed for it."""
    manifest = await run.parts.snapshots.load(run.thread.snapshot)
    entry = manifest.files().get("NOTES.md")
    data = await run.parts.blobs.get(entry.content) if entry else b""
    return data.decode("utf-8", "replace")[:NOTES_CHARS]


def _as_text(message: Message) -> str:
    parts: list[str] = []
    for block in message.content:
        match block.get("type"):
            case "text":
                parts.append(str(block["text"]))
            case "tool_use":
                parts.append(f"[called {block['name']} {block['input']}]")
            case "tool_result":
                parts.append(f"[result: {_result_text(block)}]")
            case _:
                pass
    return f"{message.role}: " + "\n".join(parts)


def _result_text(block: Block) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else text_of(content)
