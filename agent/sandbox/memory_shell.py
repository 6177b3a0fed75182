"""The commands a memory sandbox understands without being taught: enough of a shell for tests to read naturally."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from agent.domain.errors import ToolFailed
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory_files import MemoryFiles

Command = Callable[[MemoryFiles, Sequence[str]], Awaitable[ExecResult]]
"""A scripted program: it gets the workspace and its whole argv."""

SHELLS = frozenset({"bash", "sh", "/bin/bash", "/bin/sh"})
_SEPARATORS = frozenset({";", "&&", "||"})


async def run(files: MemoryFiles, argv: Sequence[str], commands: Mapping[str, Command]) -> ExecResult:
    """How this argv ends here; a program that is neither scripted nor built in is code 127."""
    if argv[0] in SHELLS and len(argv) >= 3 and argv[1].startswith("-") and argv[1].endswith("c"):
        return await _script(files, argv, commands)
    if command := commands.get(argv[0]) or _BUILTINS.get(PurePosixPath(argv[0]).name):
        try:
            return await command(files, argv)
        except ToolFailed as error:
            return ExecResult(code=1, stdout="", stderr=f"{argv[0]}: {error}\n")
    return ExecResult(code=127, stdout="", stderr=f"{argv[0]}: command not found\n")


async def _script(files: MemoryFiles, argv: Sequence[str], commands: Mapping[str, Command]) -> ExecResult:
    """A `bash -c` script: scripted as a whole, else line by line with `;`, `&&`, `||`, `>` and `>>`."""
    script = argv[2]
    if whole := commands.get(script):
        return await whole(files, argv)
    stdout, stderr, code, separator = "", "", 0, ";"
    for words, following in _split(script):
        skipped = (separator == "&&" and code != 0) or (separator == "||" and code == 0)
        separator = following if not skipped or following == ";" else separator
        if skipped or not words:
            continue
        if words[0] == "exit":
            return ExecResult(code=int(words[1]) if len(words) > 1 else code, stdout=stdout, stderr=stderr)
        result = await _simple(files, words, commands)
        code, stdout, stderr = result.code, stdout + result.stdout, stderr + result.stderr
    return ExecResult(code=code, stdout=stdout, stderr=stderr)


def _split(script: str) -> list[tuple[list[str], str]]:
    steps: list[tuple[list[str], str]] = []
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|>")
        lexer.whitespace_split = True
        words: list[str] = []
        for token in lexer:
            if token in _SEPARATORS:
                steps.append((words, token))
                words = []
            else:
                words.append(token)
        steps.append((words, ";"))
    return steps


async def _simple(files: MemoryFiles, words: list[str], commands: Mapping[str, Command]) -> ExecResult:
    if len(words) <= 2 or words[-2] not in {">", ">>"}:
        return await run(files, words, commands)
    target = words[-1]
    before = files.read(target) if words[-2] == ">>" and files.exists(target) else b""
    result = await run(files, words[:-2], commands)
    files.write(target, before + result.stdout.encode("utf-8", "surrogateescape"))
    return replace(result, stdout="")


def _ok(stdout: str = "") -> ExecResult:
    return ExecResult(code=0, stdout=stdout, stderr="")


def _operands(argv: Sequence[str]) -> list[str]:
    return [word for word in argv[1:] if not word.startswith("-")]


async def _true(_files: MemoryFiles, _argv: Sequence[str]) -> ExecResult:
    return _ok()


async def _false(_files: MemoryFiles, _argv: Sequence[str]) -> ExecResult:
    return ExecResult(code=1, stdout="", stderr="")


async def _echo(_files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    return _ok(" ".join(argv[1:]) + "\n")


async def _pwd(_files: MemoryFiles, _argv: Sequence[str]) -> ExecResult:
    return _ok("/workspace\n")


async def _cat(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    return _ok("".join(files.read(path).decode("utf-8", "replace") for path in _operands(argv)))


async def _ls(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    names = files.list((_operands(argv) or ["."])[0])
    return _ok("".join(f"{name}\n" for name in names))


async def _mkdir(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    for path in _operands(argv):
        files.mkdir(path)
    return _ok()


async def _touch(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    for path in _operands(argv):
        files.write(path, files.read(path) if files.exists(path) else b"")
    return _ok()


async def _rm(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    missing = [path for path in _operands(argv) if not files.remove(path)]
    forced = any(word.startswith("-") and "f" in word for word in argv[1:])
    if missing and not forced:
        raise ToolFailed(f"cannot remove {missing[0]!r}: No such file or directory")
    return _ok()


async def _cp(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    source, target = _operands(argv)
    if files.is_dir(target):
        target = f"{target}/{PurePosixPath(source).name}"
    files.write(target, files.read(source))
    return _ok()


async def _mv(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    await _cp(files, argv)
    files.remove(_operands(argv)[0])
    return _ok()


async def _sleep(_files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    await asyncio.sleep(float(argv[1]))
    return _ok()


_BUILTINS: Mapping[str, Command] = {
    "true": _true,
    "false": _false,
    "echo": _echo,
    "pwd": _pwd,
    "cat": _cat,
    "ls": _ls,
    "mkdir": _mkdir,
    "touch": _touch,
    "rm": _rm,
    "cp": _cp,
    "mv": _mv,
    "sleep": _sleep,
}
