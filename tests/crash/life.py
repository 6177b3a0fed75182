"""Lives of the task: one undisturbed, and as many as there are points to die at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from tests.crash.cradle import Cradle
from tests.crash.job import STEPS
from tests.crash.places import Place, Places
from tests.crash.script import Kind, remove_sandboxes


@dataclass(frozen=True, slots=True)
class Point:
    """The `number`-th commit of the process that takes `step`."""

    step: int
    number: int
    moment: str

    def __str__(self) -> str:
        return f"step {self.step}, commit {self.number}, {self.moment}"


@dataclass(frozen=True, slots=True)
class Course:
    """An undisturbed life: how things stood before each step, and every point there is to die at."""

    stands: Sequence[Place]
    points: Sequence[Point]


def undisturbed(cradle: Cradle, places: Places, kind: Kind = "memory") -> Course:
    """Live once without dying, one process a step. Raises `AssertionError` when even that goes wrong."""
    stands = [places.fresh()]
    points: list[Point] = []
    for step in range(STEPS):
        stands.append(places.copy(stands[-1]))
        commits = cradle.run(stands[-1].job(step, kind=kind)).commits
        points += [Point(step, n, moment) for n in range(1, commits + 1) for moment in ("before", "after")]
    verdict = cradle.run(stands[-1].job(STEPS, finish=True, kind=kind)).verdict
    assert verdict.faults == []
    return Course(stands, points)


def die_at(cradle: Cradle, places: Places, course: Course, point: Point, kind: Kind, pace_s: float) -> list[str]:
    """Die at this point, let another process finish the task, and say what is wrong then."""
    place = places.copy(course.stands[point.step])
    crash = f"{point.number}:{point.moment}"
    try:
        if not cradle.run(place.job(point.step, crash=crash, kind=kind, pace_s=pace_s)).killed:
            return [f"{point}: was not reached"]
        verdict = cradle.run(place.job(point.step, finish=True, kind=kind, pace_s=pace_s)).verdict
        return [f"{point}: {fault}" for fault in verdict.faults]
    except RuntimeError as error:
        return [f"{point}: {error}"]
    finally:
        remove_sandboxes(kind, place.folder.name)
        places.remove(place)


def sweep(
    places: Places, course: Course, points: Iterable[Point], *, lanes: int, kind: Kind = "memory", pace_s: float = 0.0
) -> list[str]:
    """All that is wrong after dying at each of these points, `lanes` lives at a time."""
    free: SimpleQueue[Cradle] = SimpleQueue()

    def one(point: Point) -> list[str]:
        cradle = free.get()
        try:
            return die_at(cradle, places, course, point, kind, pace_s)
        finally:
            free.put(cradle)

    cradles = [Cradle() for _ in range(lanes)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(lanes) as pool:
        for cradle in cradles:
            free.put(stack.enter_context(cradle))
        return [fault for faults in pool.map(one, points) for fault in faults]
