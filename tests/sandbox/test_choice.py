"""Which sandbox a machine gets, and what is said when it gets none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agent.domain.errors import Refused
from agent.sandbox import image, toold
from agent.sandbox.choose import choose, installation_id
from tests.sandbox.hosts import make

NOWHERE = ("tcp://127.0.0.1:1",)


async def test_auto_takes_the_embedded_kind_when_no_engine_answers(tmp_path: Path) -> None:
    make("bwrap")  # skips where it cannot run
    host = await choose("auto", home=tmp_path, engines=NOWHERE)
    assert host.name == "bwrap"
    await host.close()


async def test_auto_never_takes_docker_without_the_right_image(tmp_path: Path) -> None:
    make("docker")
    host = await choose("auto", home=tmp_path, image="gofer-sandbox:never-built")
    assert host.name != "docker"
    await host.close()


async def test_docker_that_does_not_answer_is_refused_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be run safely") as refusal:
        await choose("docker", home=tmp_path, engines=NOWHERE)
    assert "Start Docker" in refusal.value.next_step


async def test_docker_without_its_image_says_how_to_build_it(tmp_path: Path) -> None:
    make("docker")
    with pytest.raises(Refused) as refusal:
        await choose("docker", home=tmp_path, image="gofer-sandbox:never-built")
    assert "gofer sandbox build" in refusal.value.next_step


async def test_docker_is_taken_when_its_image_is_there(tmp_path: Path) -> None:
    make("docker")
    target: image.Target = "core" if await image.find("core") else "office"
    host = await choose("auto", home=tmp_path, target=target)
    assert host.name == "docker"
    await host.close()


def test_installation_keeps_its_name(tmp_path: Path) -> None:
    first = installation_id(tmp_path / "home")
    assert (first, len(first)) == (installation_id(tmp_path / "home"), 32)
    assert first != installation_id(tmp_path / "other")


def test_image_name_follows_what_it_is_made_of() -> None:
    core, office = image.tag("core"), image.tag("office")
    assert core.replace(":core-", ":office-") == office
    assert set(image.context()) == {"Dockerfile", "sandbox.txt"}


def test_tool_server_is_plain_enough_for_an_old_python() -> None:
    for path in (Path(toold.__file__).parent / "inside").glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
