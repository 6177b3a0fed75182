"""The tools that come with Gofer, in the order the model sees them."""

from __future__ import annotations

from agent.tools.chat import chat_history, chat_post, chat_search
from agent.tools.decisions import ask, plan
from agent.tools.deliver import deliver
from agent.tools.files import edit, read, search_files, write
from agent.tools.registry import Tool, Toolbox
from agent.tools.shell import bash
from agent.tools.skills import skill

BUILTIN: tuple[Tool, ...] = (bash, read, write, edit, search_files, deliver, ask, plan, skill)
CHAT: tuple[Tool, ...] = (chat_search, chat_history, chat_post)
"""Offered in conversations on a chat platform only."""


def toolbox(*more: Tool) -> Toolbox:
    """The built-in tools and, behind them, others; the chat's last, so that all else stands the same everywhere."""
    return Toolbox((*BUILTIN, *more, *CHAT))
