"""The chat platform that a conversation is on, as far as a task may look around in it and write to it."""

from __future__ import annotations

from typing import Protocol

from agent.domain.chat import ChatMessage, ChatPage


class Chat(Protocol):
    """What Gofer and everybody who directs the task can see, and nothing else.

    `people` are those who direct it, the requester first; `thread_id` is the task's conversation. `channel` is a name
    (with or without `#`), the platform's id, or a link to a message; empty: that of the conversation. `thread` is the
    link to any message of a thread. Who can see what is looked up at each call. All methods raise `UserFacing`:
    for a channel that one of them cannot see exactly as for one that does not exist, for people whom the platform does
    not know, for a platform that says no, and for one that cannot be reached now.
    """

    async def search(
        self, people: tuple[str, ...], thread_id: str, query: str, *, cursor: str = "", limit: int = 20
    ) -> ChatPage:
        """Messages that hold all words of the query, whatever their case; newest first, at most `limit`.

        May look at the newest messages only; `covered` tells.
        """
        ...

    async def history(
        self,
        people: tuple[str, ...],
        thread_id: str,
        channel: str,
        *,
        thread: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> ChatPage:
        """A channel's messages, newest first, without the replies to them; with `thread` that thread, oldest first."""
        ...

    async def post(
        self, people: tuple[str, ...], thread_id: str, channel: str, text: str, *, thread: str = "", key: str
    ) -> ChatMessage:
        """Write light Markdown into a channel or a thread of it; neither named: into the conversation itself.

        The same `key` posts once: what was posted with it before is given back, also after a crash. Nobody is
        mentioned by it, whatever the text holds.
        """
        ...
