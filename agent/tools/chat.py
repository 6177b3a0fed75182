"""`chat_search`, `chat_history`, `chat_post`: the channels that Gofer and all who direct the task can see."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Annotated, TypeVar

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.blocks import Json
from agent.domain.chat import ChatMessage, ChatPage
from agent.domain.errors import ToolFailed, UserFacing
from agent.ports.chat import Chat
from agent.tools.registry import ToolContext, ToolOutput, said, tool
from agent.tools.untrusted import DATA_ONLY, quoted

MESSAGE_CHARS = 2_000
"""Shown of one message; its link leads to the rest."""
PAGE_CHARS = 24_000
"""Shown of one page, as of any tool's output."""
POST_CHARS = 3_000
"""A person reads the whole text on the card before it is posted."""

T = TypeVar("T")


def _stays_here(arguments: Mapping[str, Json]) -> bool:
    """Whether the post goes into the task's own conversation, told by its arguments alone."""
    return not str(arguments.get("channel") or "").strip() and not str(arguments.get("thread") or "").strip()


def _place(arguments: Mapping[str, Json]) -> str:
    if _stays_here(arguments):
        return "this conversation"
    channel, thread = str(arguments.get("channel") or "this channel"), str(arguments.get("thread") or "")
    return f"{channel}, in the thread {thread}" if thread else channel


@tool(risk=Risk.LOW, effect="none", chat=True, describe=lambda a: f"Search the chat for {a.get('query')}")
async def chat_search(
    ctx: ToolContext,
    *,
    query: Annotated[str, Field(description="Words that must all occur.", min_length=1, max_length=200)],
    cursor: Annotated[str, Field(description="From the page before.")] = "",
    limit: Annotated[int, Field(ge=1, le=50, description="Messages on a page.")] = 20,
) -> ToolOutput:
    """Search recent messages of the channels that you and all who direct this task can see. Cite messages by links."""
    people, here = await ctx.directed_by(), ctx.task.thread_id
    page = await _asked(_chat(ctx).search(people, here, query, cursor=cursor, limit=limit))
    return _shown(page, "Nothing found.")


@tool(risk=Risk.LOW, effect="none", chat=True, describe=lambda a: f"Read {_place(a)}")
async def chat_history(
    ctx: ToolContext,
    *,
    channel: Annotated[str, Field(description="Name, id or link; empty: this channel.")] = "",
    thread: Annotated[str, Field(description="Link of a message: read its thread; empty: the channel.")] = "",
    cursor: Annotated[str, Field(description="From the page before.")] = "",
    limit: Annotated[int, Field(ge=1, le=100, description="Messages on a page.")] = 50,
) -> ToolOutput:
    """Read a channel, newest messages first, or one of its threads, oldest first."""
    people, here = await ctx.directed_by(), ctx.task.thread_id
    history = _chat(ctx).history
    page = await _asked(history(people, here, channel, thread=thread, cursor=cursor, limit=limit))
    return _shown(page, "There are no messages.")


@tool(
    risk=lambda a: Risk.LOW if _stays_here(a) else Risk.HIGH,
    effect="keyed",
    chat=True,
    describe=lambda a: f"Post in {_place(a)}: {a.get('text')}",
    # Without a channel's name the pattern would cover whatever a link leads to.
    grant_pattern=lambda a: f"chat_post({a['channel']})" if str(a.get("channel") or "").strip() else "",
)
async def chat_post(
    ctx: ToolContext,
    *,
    channel: Annotated[str, Field(description="Name or id; empty: this conversation.", max_length=200)] = "",
    text: Annotated[str, Field(description="Light Markdown.", min_length=1, max_length=POST_CHARS)],
    thread: Annotated[str, Field(description="Link of a message there to reply to.", max_length=500)] = "",
) -> ToolOutput:
    """Post a message. Your last message is posted anyway: use this only when asked to write elsewhere or in between.
    A post outside this conversation waits for the person's approval of the exact text."""
    people, here = await ctx.directed_by(), ctx.task.thread_id
    posted = await _asked(_chat(ctx).post(people, here, channel, text, thread=thread, key=ctx.call_id))
    return said(f"Posted in {posted.channel}: {posted.link}")


def _chat(ctx: ToolContext) -> Chat:
    if ctx.chat is None:
        raise ToolFailed("The chat of this conversation cannot be reached from here.")
    return ctx.chat


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except UserFacing as error:
        raise ToolFailed(str(error)) from error


def _shown(page: ChatPage, nothing: str) -> ToolOutput:
    """The page as text: ours unquoted, theirs quoted. A page that is too long says what it left out."""
    parts = [f"Other people's words: {DATA_ONLY}."] if page.messages else [nothing]
    size = 0
    for number, message in enumerate(page.messages):
        part = _message(message)
        size += len(part)
        if size > PAGE_CHARS and number:
            parts.append(f"({len(page.messages) - number} more messages of this page do not fit: ask for fewer of it.)")
            break
        parts.append(part)
    if page.covered:
        parts.append(page.covered)
    if page.cursor:
        parts.append(f"More with cursor {page.cursor}")
    return said("\n\n".join(parts), summary=f"{len(page.messages)} messages")


def _message(message: ChatMessage) -> str:
    who = " ".join(f"{message.author} in {message.channel}".split())
    head = f"{who}, {message.at:%Y-%m-%d %H:%M} UTC, {message.link}"
    if message.thread:
        head += " (begins a thread)" if message.thread == message.link else " (in a thread)"
    return f"{head}\n{quoted(message.text, MESSAGE_CHARS) or '> (no text)'}"
