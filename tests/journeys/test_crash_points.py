"""`kill -9` at the commits of a task: another process resumes it, nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.crash.cradle import Cradle
from tests.crash.life import sweep, undisturbed
from tests.crash.places import Places
from tests.sandbox.hosts import make
from tests.store.databases import BOTH

LANES = 2
ON_DOCKER = 20


@pytest.mark.promise("killed")
@pytest.mark.parametrize("database", BOTH)
def test_killed_at_any_commit_nothing_is_lost_and_nothing_doubled(database: str, tmp_path: Path) -> None:
    with Places(database, tmp_path) as places, Cradle() as cradle:
        course = undisturbed(cradle, places)
        assert len(course.points) >= 50
        assert sweep(places, course, course.points, lanes=LANES) == []


@pytest.mark.docker
def test_killed_at_some_commits_on_docker_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    make("docker")  # skips where there is none
    seed = int(os.environ.get("GOFER_CRASH_SEED", random.SystemRandom().randrange(10**6)))
    with Places("sqlite", tmp_path) as places, Cradle() as cradle:
        course = undisturbed(cradle, places, kind="docker")
        points = random.Random(seed).sample(course.points, ON_DOCKER)  # noqa: S311  chooses points, hides nothing
        faults = sweep(places, course, points, lanes=LANES, kind="docker")
    assert (seed, faults) == (seed, [])
