"""What people think of results. Nothing changes by it: it is for the admins to read."""

from __future__ import annotations

from agent.domain.errors import Refused
from agent.domain.people import Actor
from agent.domain.task import Feedback
from agent.ports.clock import Clock
from agent.ports.journal import Journal
from agent.service.access import Access


class FeedbackBox:
    """A part of `Service`."""

    def __init__(self, journal: Journal, access: Access, clock: Clock) -> None:
        self._journal, self._access, self._clock = journal, access, clock

    async def give(self, actor: Actor, task_id: str, *, good: bool) -> None:
        """Say how a task's result was, for everybody who can see the task; saying it again replaces it.

        Raises `Refused` while there is no result.
        """
        task = await self._access.require_task(actor, task_id)
        if not task.status.final:
            raise Refused("This task has no result yet.", next_step="Reply to steer it.")
        said = Feedback(task_id=task_id, person_id=actor.person_id, good=good, at=self._clock.now())
        await self._journal.put_feedback(said)

    async def newest(self, actor: Actor, *, limit: int = 50) -> tuple[Feedback, ...]:
        """What was said last, newest first; admins only."""
        await self._access.require_admin(actor)
        return await self._journal.feedback(limit=limit)
