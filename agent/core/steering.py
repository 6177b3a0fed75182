"""People's words on their way into the conversation."""

from __future__ import annotations

from agent.core.run import Run
from agent.core.workshop import Workshop
from agent.domain.asks import Answer
from agent.domain.blocks import Block, text_block, text_of
from agent.domain.events import AskAnswered, Event, SkillLoaded, Steered
from agent.domain.requests import unknown_skill, wanted_skill
from agent.ports.journal import AppendMessage, InboxItem, Record, TakeInbox, Write
from agent.ports.llm import Message
from agent.tools.shell import cut
from agent.tools.untrusted import DATA_ONLY, quoted

TALK_ITEMS = 40
"""Of what people said to each other since the last boundary the newest this many are told."""
TALK_CHARS = 1_000
"""Of each."""
SKILL_CHARS = 24_000


async def take_words(run: Run, workshop: Workshop, *, beside: bool) -> tuple[tuple[Block, ...], tuple[Write, ...]]:
    """Everything people said since the last boundary, as text blocks, and the writes that mark it as heard.

    `beside`: the model is told something else anyway (results of calls). If not, talk between people alone is left
    where it is: the model is not asked once more because of it.
    """
    run.note_inbox(await run.parts.journal.inbox(run.fence))
    items = tuple(run.words)
    instructions = [item for item in items if item.kind == "steer"]
    if not instructions and not beside:
        return (), ()
    files = tuple(file for item in instructions for file in item.files)
    added, paths = await workshop.add_inputs(files)
    blocks = [_instruction(run, item) for item in instructions if item.text.strip()]
    if paths:
        blocks.append(text_block("Files were added: " + ", ".join(paths)))
    blocks += _talk([item for item in items if item.kind == "talk"])
    skills, loaded = asked_skills(run, [*(_notes(run) if beside else ()), *(item.text for item in instructions)])
    taken = (TakeInbox(tuple(item.inbox_id for item in items)),) if items else ()
    return (*blocks, *skills), (*added, *((Record(loaded),) if loaded else ()), *taken)


async def directors(run: Run) -> tuple[str, ...]:
    """Everybody whose words this task acts on, the requester first: who said something to it, or wrote a note with a
    decision. Read anew from the journal: what was just said counts before the model has heard it."""
    found = [run.task.asked_by]
    seq = 0
    while batch := await run.parts.journal.events(run.task.task_id, after=seq):
        seq = batch[-1].seq
        found += [event.by for event in batch if isinstance(event, Steered)]
        found += [event.answer.by for event in batch if isinstance(event, AskAnswered) and event.answer.note.strip()]
    return tuple(dict.fromkeys(found))


def add_words(run: Run, blocks: tuple[Block, ...]) -> tuple[Write, ...]:
    """The writes that put people's words behind a request that got no answer."""
    window = run.window()
    if window[-1].role != "system":
        return (AppendMessage(seq=run.next_seq, message=Message("user", blocks)),)
    # Behind a system message only an answer may stand (Messages API), and that one follows the task's opening: it is
    # said anew, with the words in it. The model has seen nothing of the first one, so it loses nothing.
    *_, opening, about = window
    again = Message("user", (*opening.content, *blocks))
    return (
        AppendMessage(seq=run.next_seq, message=again, fresh_start=True),
        AppendMessage(seq=run.next_seq + 1, message=about),
    )


def asked_skills(run: Run, texts: list[str]) -> tuple[tuple[Block, ...], tuple[Event, ...]]:
    """The skills that people ask for by name (`use NAME`), loaded, as blocks and facts; unknown ones are told."""
    catalog = run.parts.skills
    names = [skill.name for skill in catalog.skills()]
    blocks: list[Block] = []
    events: list[Event] = []
    for text in texts:
        name = wanted_skill(text, names)
        skill = catalog.find(name) if name else None
        if skill is not None:
            head = f"The skill {skill.name} was asked for by name: use it, and no other for this."
            if not _told(run, head) and not any(head in block["text"] for block in blocks):
                blocks.append(text_block(f"{head} Its instructions:\n\n{cut(catalog.body(skill.name), SKILL_CHARS)}"))
                events.append(
                    SkillLoaded(
                        task_id=run.task.task_id,
                        at=run.parts.clock.now(),
                        name=skill.name,
                        version=skill.digest[:12],
                        why="asked for by name",
                    )
                )
        elif missing := unknown_skill(text, names):
            there = ", ".join(names) or "none"
            blocks.append(text_block(f"There is no skill {missing!r}. Tell the person; there are: {there}."))
    return tuple(blocks), tuple(events)


def _told(run: Run, head: str) -> bool:
    """Whether the conversation has these instructions already."""
    return any(head in text_of(message.content) for message in run.window() if message.role == "user")


def _notes(run: Run) -> list[str]:
    """What people wrote with the decisions that the newest calls got."""
    answers: list[Answer] = [found[1] for call in run.calls if (found := run.decision(call)) and found[1] is not None]
    return [answer.note for answer in answers if answer.note.strip()]


def _instruction(run: Run, item: InboxItem) -> Block:
    who = "The person" if item.by == run.task.asked_by else f"Someone else ({item.by})"
    return text_block(f"{who} wrote: {item.text.strip()}")


def _talk(items: list[InboxItem]) -> list[Block]:
    """What people said to each other, as one block of quotations."""
    told = [text for item in items[-TALK_ITEMS:] if (text := quoted(item.text, TALK_CHARS))]
    if not told:
        return []
    left = f" The {len(items) - TALK_ITEMS} before these are left out." if len(items) > TALK_ITEMS else ""
    return [text_block(f"Said in the thread meanwhile, not to you: {DATA_ONLY}.{left}\n" + "\n".join(told))]
