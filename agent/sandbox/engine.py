"""Docker's SDK behind plain functions: the only importer of it. Everything here blocks; callers use a thread."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from agent.domain.errors import Refused, SandboxGone
from agent.sandbox.limits import UID, Limits

if TYPE_CHECKING:
    import docker

LABEL = "gofer.installation"
THREAD_LABEL = "gofer.thread"
_USUAL_ENGINE = "unix:///var/run/docker.sock"
_START_DOCKER = "Start Docker, or set GOFER_SANDBOX=bwrap."


@functools.cache
def client(url: str) -> docker.DockerClient:
    """A client of this engine; empty = the one that DOCKER_HOST or the default socket names."""
    # Imported here because it takes a quarter of a second that a bot without Docker need not spend.
    import docker
    import docker.errors

    _knock(url or os.environ.get("DOCKER_HOST", "") or _USUAL_ENGINE)
    try:
        return docker.DockerClient(base_url=url) if url else docker.from_env()
    except docker.errors.DockerException as error:
        raise Refused(f"No Docker engine answers: {error}", next_step=_START_DOCKER) from error


def _knock(url: str) -> None:
    """Raises `Refused` when nobody listens on a local engine's socket. The SDK would leave its own socket open then."""
    scheme, _, path = url.partition("://")
    if scheme not in ("unix", "http+unix"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(f"/{path.lstrip('/')}")
        except OSError as error:
            raise Refused(f"No Docker engine answers at {url}: {error.strerror}.", next_step=_START_DOCKER) from error


@contextlib.contextmanager
def _failures() -> Generator[None]:
    import docker.errors

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise Refused("The sandbox image does not exist.", next_step="Run `gofer sandbox build`.") from error
    except docker.errors.NotFound as error:
        raise SandboxGone("The sandbox is no more.") from error
    except docker.errors.APIError as error:
        raise SandboxGone(f"The Docker engine refused: {error.explanation}") from error
    except (docker.errors.DockerException, OSError) as error:  # requests raises OSErrors
        raise Refused(f"The Docker engine does not answer: {error}", next_step=_START_DOCKER) from error


def has_image(url: str, name: str) -> bool:
    """Whether the engine has this image. Raises `Refused` when it does not answer."""
    with _failures():
        try:
            client(url).images.get(name)
        except _not_found():
            return False
    return True


def build(
    url: str, context: IO[bytes], *, tag: str, target: str, arguments: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    """The builder's steps as they come; one with `error` is the last."""
    with _failures():
        api = cast("Any", client(url).api)
        steps = api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            target=target,
            buildargs=dict(arguments),
            rm=True,
            decode=True,
            # An engine without its bridge network can reach package servers only through the host's.
            network_mode=None if api.networks(names=["bridge"]) else "host",
        )
        yield from cast("Iterator[Mapping[str, Any]]", steps)


def create(url: str, image: str, *, installation: str, thread_id: str, limits: Limits, env: Mapping[str, str]) -> str:
    """Start a container that does nothing but exist; returns its id."""

    def disk(size_bytes: int) -> str:
        # Docker makes a tmpfs noexec unless told otherwise; a venv or a script of the task could not be run.
        return f"rw,exec,nosuid,nodev,size={size_bytes},mode=0755,uid={UID},gid={UID},nr_inodes={limits.inodes}"

    import docker.types

    with _failures():
        container = client(url).containers.run(
            image,
            # Not the user of the commands: they could signal it, and the container would end.
            ["sleep", str(limits.life_s)],
            user="65534:65534",
            detach=True,
            auto_remove=True,
            init=True,
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            ipc_mode="private",
            shm_size=limits.shm_bytes,
            pids_limit=limits.pids,
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=int(limits.cpus * 1e9),
            ulimits=[docker.types.Ulimit(name="core", soft=0, hard=0)],
            tmpfs={
                "/workspace": disk(limits.workspace_bytes),
                "/tmp": disk(limits.tmp_bytes),  # noqa: S108 - a path in the sandbox
                "/skills": disk(limits.skills_bytes),
                "/run/jobs": disk(limits.jobs_bytes),
            },
            hostname="sandbox",
            working_dir="/workspace",
            environment=dict(env),
            labels={LABEL: installation, THREAD_LABEL: thread_id},
            log_config=docker.types.LogConfig(type="none"),
        )
    return str(cast("Any", container).id)


def lives(url: str, container_id: str, installation: str) -> bool:
    """Whether this container runs and is ours."""
    with _failures():
        try:
            container = client(url).containers.get(container_id)
        except _not_found():
            return False
        labels = cast("Mapping[str, str]", cast("Any", container).labels)
        return container.status == "running" and labels.get(LABEL) == installation


def remove(url: str, container_id: str) -> None:
    """End a container with all in it; harmless when it is gone or going."""
    import docker.errors

    with _failures():
        try:
            client(url).api.remove_container(container_id, force=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):
                raise


def ours(url: str, installation: str) -> list[str]:
    """The ids of all containers of this installation."""
    with _failures():
        found = cast("Any", client(url).api).containers(all=True, filters={"label": f"{LABEL}={installation}"})
        return [str(row["Id"]) for row in cast("Sequence[Mapping[str, Any]]", found)]


@dataclass(frozen=True, slots=True)
class Wire:
    """An exec's stdin and output: a plain socket, or an object with recv, sendall and close. Keep `owner` alive."""

    sock: Any
    owner: Any

    @property
    def plain(self) -> bool:
        """Whether the event loop can wait on it."""
        return type(self.sock) is socket.socket


def attach(url: str, container_id: str, command: Sequence[str]) -> Wire:
    """Start a program in the container and return the line to it."""
    with _failures():
        api = cast("Any", client(url).api)
        created = api.exec_create(
            container_id, list(command), stdin=True, stdout=True, stderr=True, user=f"{UID}:{UID}", workdir="/workspace"
        )
        owner = api.exec_start(created["Id"], socket=True)
    sock = getattr(owner, "_sock", owner)
    if hasattr(sock, "settimeout"):
        sock.settimeout(None)
    return Wire(sock, owner)


def _not_found() -> type[Exception]:
    import docker.errors

    return docker.errors.NotFound
