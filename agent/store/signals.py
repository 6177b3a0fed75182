"""Bells: who waits for what to change, in this process. Other processes ring through PostgreSQL (`listen`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from weakref import WeakSet

RUNNABLE = "runnable"
_EVENTS = "events "


def events_of(task_id: str) -> str:
    """Topic: the task may have new events."""
    return _EVENTS + task_id


def epoch_of(task_id: str) -> str:
    """Topic: the task was taken over, stopped or paused."""
    return f"epoch {task_id}"


def arrived_of(surface: str) -> str:
    """Topic: an arrival may have become due."""
    return f"arrived {surface}"


class Bell:
    """Yields at once and then once for any number of rings since; ends when the journal is closed."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._rung.set()
        self.closed = False

    def ring(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        self._rung.set()

    def __aiter__(self) -> Bell:
        return self

    async def __anext__(self) -> None:
        await self._rung.wait()
        self._rung.clear()
        if self.closed:
            self._rung.set()
            raise StopAsyncIteration


class Collector:
    """Yields the tasks whose events topics rang since it last did; None, first of all and whenever rings may have been
    missed: of any task then. Ends when the journal is closed."""

    def __init__(self) -> None:
        self._bell = Bell()
        self._task_ids: set[str] = set()
        self._missed = True

    def add(self, task_id: str) -> None:
        """This task's topic rang."""
        self._task_ids.add(task_id)
        self._bell.ring()

    def miss(self) -> None:
        """Any topic may have rung."""
        self._missed = True
        self._bell.ring()

    def close(self) -> None:
        """End the waiting."""
        self._bell.closed = True
        self._bell.ring()

    def __aiter__(self) -> Collector:
        return self

    async def __anext__(self) -> frozenset[str] | None:
        await anext(self._bell)
        task_ids = None if self._missed else frozenset(self._task_ids)
        self._missed = False
        self._task_ids.clear()
        return task_ids


class Signals:
    """All bells and collectors of a journal. They are held weakly: a waiter that is gone needs no farewell."""

    def __init__(self) -> None:
        self._bells: dict[str, WeakSet[Bell]] = {}
        self._collectors: WeakSet[Collector] = WeakSet()
        self._closed = False

    def bell(self, topic: str) -> Bell:
        """A new bell for this topic."""
        bell = Bell()
        bell.closed = self._closed
        if topic not in self._bells:
            self._forget_unused()
        self._bells.setdefault(topic, WeakSet()).add(bell)
        return bell

    def collector(self) -> Collector:
        """A new collector of all tasks."""
        collector = Collector()
        if self._closed:
            collector.close()
        self._collectors.add(collector)
        return collector

    def ring(self, topics: Iterable[str]) -> None:
        """Ring the bells of these topics."""
        for topic in topics:
            for bell in tuple(self._bells.get(topic, ())):
                bell.ring()
            if topic.startswith(_EVENTS):
                for collector in tuple(self._collectors):
                    collector.add(topic.removeprefix(_EVENTS))

    def ring_all(self) -> None:
        """Something may have been missed: everybody looks."""
        self.ring(tuple(self._bells))
        for collector in tuple(self._collectors):
            collector.miss()

    def close(self) -> None:
        """End all waiting."""
        self._closed = True
        for bells in self._bells.values():
            for bell in tuple(bells):
                bell.closed = True
        self.ring_all()
        for collector in tuple(self._collectors):
            collector.close()

    def _forget_unused(self) -> None:
        for topic in [topic for topic, bells in self._bells.items() if not bells]:
            del self._bells[topic]
