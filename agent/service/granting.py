"""The standing permission that a decision leaves behind."""

from __future__ import annotations

from datetime import timedelta

from agent.domain.asks import Answer, Ask, CallSubject, Grant
from agent.domain.ids import new_id
from agent.tools.registry import Toolbox

GRANT_LIFETIME = timedelta(days=30)


def grant_of(ask: Ask, answer: Answer, tools: Toolbox) -> Grant | None:
    """The permission that goes with this answer, if its choice has one."""
    subject = ask.subject
    if answer.scope == "once" or not isinstance(subject, CallSubject) or not subject.pattern:
        return None
    tool = tools.find(subject.tool)
    if tool is None:
        return None
    return Grant(
        grant_id=new_id("g"),
        scope=answer.scope,
        granted_by=answer.by,
        task_id=ask.task_id,
        tool=subject.tool,
        pattern=subject.pattern,
        definition=tool.definition,
        expires_at=answer.at + GRANT_LIFETIME,
    )
