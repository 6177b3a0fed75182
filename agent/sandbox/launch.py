"""The program that becomes an embedded sandbox: `python -I -S launch.py CONFIG -- ARGV`. Standard library only.

Started by root it first makes every mount that needs root's rights, in a namespace of its own, and then becomes a
user that owns nothing: a sandbox that is root on the host, even without rights inside, could write to places like
core_pattern. Then it either becomes bubblewrap or does bubblewrap's work itself, and ends as ARGV with pid 1.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

PLACES = ("/mnt", "/media", "/srv", "/opt", "/tmp")  # noqa: S108 - mount points in a private namespace, not files
"""Folders that exist on every system; one of them is covered, for this process only, to build the new root on."""
NOBODY = 65534

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG, _DUMPABLE, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 4, 24, 38
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "s390x": 217, "ppc64le": 203}
_USERS = "root:x:0:0::/:/bin/false\ngofer:x:1000:1000::/tmp/home:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"
_GROUPS = "root:x:0:\ngofer:x:1000:\nnogroup:x:65534:\n"

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Read the configuration and never come back."""
    config: Mapping[str, Any] = json.loads(sys.argv[1])
    argv = sys.argv[3:]
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    binds: list[tuple[str, str]] = [(source, target) for source, target in config["binds"] if os.path.exists(source)]  # noqa: PTH110
    if os.geteuid() == 0:
        binds = _stage(binds)
        _drop_root(config["uids"])
        libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # or our own /proc/self/uid_map would belong to root
        libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # forgotten by the change of user
    for name, value in config["rlimits"].items():
        limit = getattr(resource, name)
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    if config["bwrap"]:
        _become_bwrap(config, binds, argv)
    _become_sandbox(config, binds, argv)


def _stage(binds: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Make every source reachable without root's rights, wherever it lies; only this process sees these mounts."""
    _check(libc.unshare(_NEWNS), "unshare")
    _mount(None, "/", None, _REC | _PRIVATE)
    # Opened before anything is covered: a source may lie below the place itself.
    sources = [(os.open(source, os.O_PATH), source, target) for source, target in binds]
    place = _place()
    _mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV, "mode=0755,size=1m")
    staged: list[tuple[str, str]] = []
    for index, (descriptor, source, target) in enumerate(sources):
        path = f"{place}/{index}"
        _point(path, like=source)
        _mount(f"/proc/self/fd/{descriptor}", path, None, _BIND | _REC)
        os.close(descriptor)
        staged.append((path, target))
    return staged


def _drop_root(uids: Sequence[int]) -> None:
    os.setgroups([])
    for uid in (*uids, NOBODY):
        try:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError as error:
            # In a user namespace of a container only some ids exist.
            if error.errno != errno.EINVAL:
                raise
        else:
            return
    raise OSError(errno.EINVAL, "no unprivileged user id can be taken")


def _become_bwrap(config: Mapping[str, Any], binds: Sequence[tuple[str, str]], argv: Sequence[str]) -> None:
    args = [
        config["bwrap"], "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
        "--as-pid-1", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv", "--cap-drop", "ALL",
    ]  # fmt: skip
    for name, value in config["env"].items():
        args += ["--setenv", name, value]
    for source, target in binds:
        args += ["--ro-bind", source, target]
    for target, name in config["links"]:
        args += ["--symlink", target, name]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for path, text in (("/etc/passwd", _USERS), ("/etc/group", _GROUPS)):
        descriptor = os.memfd_create("file", 0)
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.set_inheritable(descriptor, True)
        args += ["--perms", "0644", "--ro-bind-data", str(descriptor), path]
    for path, size in config["tmpfs"]:
        args += ["--perms", "0755", "--size", str(size), "--tmpfs", path]
    args += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/workspace", "--", *argv]
    os.execve(config["bwrap"], args, {})  # noqa: S606 - this is the sandbox


def _become_sandbox(config: Mapping[str, Any], binds: Sequence[tuple[str, str]], argv: Sequence[str]) -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(libc.unshare(_NEWUSER | _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP), "unshare")
    _put("/proc/self/setgroups", "deny")
    _put("/proc/self/uid_map", f"1000 {uid} 1")
    _put("/proc/self/gid_map", f"1000 {gid} 1")
    child = os.fork()
    if child:
        os.close(0)
        os.close(1)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    _build_root(config, binds)
    _raise_loopback()
    socket.sethostname("sandbox")
    for capability in range(64):
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir("/workspace")
    os.execve(argv[0], list(argv), dict(config["env"]))  # noqa: S606 - not uid 0 in here: the exec gives up every capability


def _build_root(config: Mapping[str, Any], binds: Sequence[tuple[str, str]]) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    sources = [(os.open(source, os.O_PATH), source, target) for source, target in binds]
    devices = [(os.open(f"/dev/{name}", os.O_PATH), name) for name in ("null", "zero", "full", "random", "urandom")]
    root = _place()
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=0755,size=4m")
    for descriptor, source, target in sources:
        is_dir = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112
        _point(root + target, like="/" if is_dir else "")
        _mount(f"/proc/self/fd/{descriptor}", root + target, None, _BIND | _REC)
        _read_only(root + target)
        del source
    for target, name in config["links"]:
        os.symlink(target, root + name)  # noqa: PTH211
    for name in ("/proc", "/dev"):
        os.makedirs(root + name, exist_ok=True)  # noqa: PTH103
    _mount("proc", root + "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    for descriptor, name in devices:
        _point(f"{root}/dev/{name}", like="")
        _mount(f"/proc/self/fd/{descriptor}", f"{root}/dev/{name}", None, _BIND)
    for name, target in (("fd", "self/fd"), ("stdin", "self/fd/0"), ("stdout", "self/fd/1"), ("stderr", "self/fd/2")):
        os.symlink(f"/proc/{target}", f"{root}/dev/{name}")  # noqa: PTH211
    os.makedirs(root + "/etc", exist_ok=True)  # noqa: PTH103
    _put(root + "/etc/passwd", _USERS)
    _put(root + "/etc/group", _GROUPS)
    for path, size in config["tmpfs"]:
        os.makedirs(root + path, exist_ok=True)  # noqa: PTH103
        _mount("tmpfs", root + path, "tmpfs", _NOSUID | _NODEV, f"mode=0755,size={size}")
    os.chdir(root)
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "pivot_root is not known on this machine")
    _check(libc.syscall(number, b".", b"."), "pivot_root")
    _check(libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")
    _mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _read_only(path: str) -> None:
    """The mount and all below it; on a kernel before 5.12 the mount alone."""
    attributes = struct.pack("=QQQQ", _RDONLY | _NOSUID | _NODEV, 0, 0, 0)
    if libc.syscall(_MOUNT_SETATTR, -100, path.encode(), 0x8000, attributes, len(attributes)) != 0:
        _mount(None, path, None, _BIND | _REMOUNT | _RDONLY | _NOSUID | _NODEV)


def _raise_loopback() -> None:
    """127.0.0.1 within the sandbox; there is no other interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, UP | RUNNING


def _place() -> str:
    for place in PLACES:
        if os.path.isdir(place) and not os.path.islink(place):  # noqa: PTH112, PTH114
            return place
    raise OSError(errno.ENOENT, f"none of {', '.join(PLACES)} is a folder")


def _point(path: str, *, like: str) -> None:
    """An empty folder or file to mount on, of the kind of `like`."""
    if os.path.isdir(like):  # noqa: PTH112
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _put(path: str, text: str) -> None:
    # In bytes, because a codec not used before could not be loaded any more from a folder that only root may enter.
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(text.encode())


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"the sandbox could not be made: {error.strerror or error}")
