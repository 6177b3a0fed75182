"""A system-call filter built from nothing but ctypes: what neither namespaces nor Docker's own profile close.

AF_VSOCK is not network-namespaced: without this filter a container in a cloud machine can speak to the hypervisor.
Denied calls fail with EPERM, unknown newer ones and clone3 with ENOSYS (so that libc falls back to clone).
x86-64 only; elsewhere `install` says so and the sandbox relies on its other walls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

DENIED = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_getfd": 438,
    "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "memfd_secret": 447, "vmsplice": 278,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "add_key": 248, "request_key": 249, "keyctl": 250,
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "unshare": 272, "setns": 308, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "create_module": 174, "init_module": 175, "delete_module": 176, "query_module": 178, "finit_module": 313,
    "kexec_load": 246, "kexec_file_load": 320, "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163,
    "syslog": 103, "quotactl": 179, "quotactl_fd": 443, "nfsservctl": 180, "iopl": 172, "ioperm": 173,
    "settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "sethostname": 170,
    "setdomainname": 171, "vhangup": 153, "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156,
    "personality": 135, "modify_ldt": 154, "lookup_dcookie": 212, "fanotify_init": 300, "fanotify_mark": 301,
    "move_pages": 279, "migrate_pages": 256, "mbind": 237, "set_mempolicy": 238, "set_mempolicy_home_node": 450,
}  # fmt: skip
UNCOUNTED = {"memfd_create": 319, "shmget": 29}
"""Memory that shows in no process: to be denied where only the sum of the processes is watched."""
FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone() takes
TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
NEWEST_KNOWN = 462
CLONE, CLONE3, IOCTL, SOCKET, SOCKETPAIR = 56, 435, 16, 41, 53

_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24

Instruction = tuple[int, int, int, int]


def program(*, watched: bool) -> list[Instruction]:
    """The filter as (code, jump if true, jump if false, value). `watched`: see `UNCOUNTED`."""
    deny = _ERRNO | errno.EPERM
    absent = _ERRNO | errno.ENOSYS
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCH_X86_64),
        (_RETURN, 0, 0, absent),
        (_LOAD, 0, 0, _NUMBER),
        (_GREATER, 0, 1, NEWEST_KNOWN),  # x32 numbers have bit 30 set, so they end here as well
        (_RETURN, 0, 0, absent),
        (_EQUAL, 0, 1, CLONE3),
        (_RETURN, 0, 0, absent),
    ]
    for number in sorted(DENIED.values()):
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, deny)]
    for number in sorted(UNCOUNTED.values()) if watched else ():
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, absent)]
    lines += [
        (_EQUAL, 0, 4, CLONE),
        (_LOAD, 0, 0, _ARG0),
        (_ANY_BIT, 0, 1, NAMESPACES),
        (_RETURN, 0, 0, deny),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 5, IOCTL),
        (_LOAD, 0, 0, _ARG1),
        (_EQUAL, 1, 0, TERMINAL_INJECTION[0]),
        (_EQUAL, 0, 1, TERMINAL_INJECTION[1]),
        (_RETURN, 0, 0, deny),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 1, 0, SOCKET),
        (_EQUAL, 0, len(FAMILIES) + 2, SOCKETPAIR),
        (_LOAD, 0, 0, _ARG0),
    ]
    lines += [(_EQUAL, len(FAMILIES) - index, 0, family) for index, family in enumerate(FAMILIES)]
    lines += [(_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return lines


def supported() -> str:
    """Empty where the filter can be used; else a sentence that says why not."""
    machine = os.uname().machine
    return "" if machine == "x86_64" else f"no system-call filter on {machine}"


def install(*, watched: bool) -> str:
    """Put this process and all it starts under the filter, for good. Empty on success, else the reason."""
    if reason := supported():
        return reason
    code = b"".join(struct.pack("=HBBI", *line) for line in program(watched=watched))
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    argument = Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS, which an unprivileged filter needs
        return f"no system-call filter: {os.strerror(ctypes.get_errno())}"
    if libc.prctl(22, 2, ctypes.byref(argument), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        return f"no system-call filter: {os.strerror(ctypes.get_errno())}"
    return ""
