"""Secrets on disk: encrypted with one key, a file each, readable by their owner only.

Whoever has the data folder and the key has the tokens: a key from GOFER_SECRET_KEY, kept elsewhere, makes a copied
folder or backup worthless. Blocking work runs in threads.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from agent.domain.errors import Refused

KEY_FILE = "secret.key"
_KEY_BYTES = 32
_SEALED = ".sealed"


def open_key(home: Path, secret: str = "") -> bytes:
    """The installation's key: `secret` (GOFER_SECRET_KEY), else the key file in `home`, made at the first need.

    Two processes that make it at once get the same. Raises `Refused` for a key of another form.
    """
    if secret:
        return _parsed(secret, "GOFER_SECRET_KEY", "Make one with `openssl rand -base64 32`.")
    path = home / KEY_FILE
    if not path.exists():
        _make(path)
    return _parsed(path.read_text(encoding="ascii", errors="replace"), str(path), "Put back the file from your backup.")


class Vault:
    """Named texts in a folder. Names are `[A-Za-z0-9_-]`; they are not secret, their contents are."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._box = Fernet(key)
        self._writing = asyncio.Lock()  # guards the order of a file's versions

    async def put(self, name: str, text: str) -> None:
        """Store it, in place of what was there; either the old or the new one survives a crash."""
        path = self._path(name)
        async with self._writing:
            await asyncio.to_thread(_write, path, self._box.encrypt(text.encode("utf-8")))

    async def get(self, name: str) -> str | None:
        """The text, or None. Raises `Refused` when it was stored with another key, or altered."""
        return await asyncio.to_thread(self._read, self._path(name))

    async def remove(self, name: str) -> bool:
        """Delete it; False: there was none."""
        path = self._path(name)
        async with self._writing:
            return await asyncio.to_thread(_unlink, path)

    async def names(self) -> tuple[str, ...]:
        """What is stored, sorted."""
        return await asyncio.to_thread(self._names)

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in self._folder.glob(f"*{_SEALED}")))

    def _path(self, name: str) -> Path:
        if not name or not name.isascii() or not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"not a name for a stored secret: {name!r}")
        return self._folder / f"{name}{_SEALED}"

    def _read(self, path: Path) -> str | None:
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return self._box.decrypt(sealed).decode("utf-8")
        except InvalidToken:
            raise Refused(
                f"{path} cannot be read with the key in force.",
                next_step="Set the GOFER_SECRET_KEY it was stored with, or delete the file and install again.",
            ) from None


def _parsed(text: str, where: str, next_step: str) -> bytes:
    """The key in Fernet's alphabet. Both alphabets of base64 are taken: `openssl` writes the other one."""
    plain = text.strip().translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise Refused(f"{where} does not hold a key: {_KEY_BYTES} random bytes in base64.", next_step=next_step)
    return base64.urlsafe_b64encode(raw)


def _make(path: Path) -> None:
    """Write a new key file unless there is one by now. It appears whole: nobody ever reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _put(draft, Fernet.generate_key())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster; its key counts
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, sealed: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    _put(draft, sealed)
    draft.replace(path)


def _put(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
