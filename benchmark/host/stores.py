"""Folders on other machines, by address: ``s3://bucket/folder``, ``file:///folder`` and the like.

fsspec reads and writes them; which schemes there are hangs on what is installed (s3fs for
``s3://``). Settings of a scheme, such as an endpoint, come from the environment as its package
reads it (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``FSSPEC_S3_...``). Nothing is imported
before an address is opened.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from benchmark.errors import BenchError, UsageError, in_one_line

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOGIN = re.compile(rf"({_ADDRESS.pattern})[^/?#\s'\"]*@")
_LOST_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(.*)")


def is_address(text: str) -> bool:
    """Return whether ``text`` names a place by a scheme rather than a folder of this machine."""
    return _ADDRESS.match(text) is not None


#: What the listings of stores say of a file's content or its last change, the surest first.
_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "mtime", "updated", "created")


def address_in(path: str | Path) -> str | None:
    """Return the address that ``path`` is, ``None`` for a folder of this machine.

    A :class:`Path` made of an address has lost a slash, which is put back.
    """
    text = str(path)
    if is_address(text):
        return text
    lost = _LOST_SLASH.match(text) if isinstance(path, Path) else None
    if lost is None:
        return None
    return f"{lost[1]}://{'/' if lost[1] == 'file' else ''}{lost[2]}"


def shown(text: str) -> str:
    """Return ``text`` without the names and passwords that stand in addresses before an ``@``."""
    return _LOGIN.sub(r"\1", text)


def copy_name(address: str) -> str:
    """Return the name of the folder that keeps a copy of what lies at ``address``."""
    last = re.sub(r"[^A-Za-z0-9.-]+", "-", shown(address).rpartition("/")[2])[:60]
    return f"{last}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Stored:
    """Describes a file of a store: ``size`` in bytes, ``mark`` changing when its content does.

    ``mark`` is empty where the store's listing says nothing that could be one.
    """

    size: int
    mark: str


def _mark(said: Mapping[str, Any]) -> str:
    return next((str(said[name]) for name in _MARKS if said.get(name) is not None), "")


class Store:
    """Reads and writes files below an address; paths are relative to it, with slashes."""

    def __init__(self, address: str) -> None:
        """Raise :class:`UsageError` for a scheme that is unknown or not installed here."""
        self.address = address.rstrip("/")
        try:
            import fsspec

            self._files, root = fsspec.core.url_to_fs(address)
        except ImportError as error:
            raise UsageError(
                f"{shown(address)!r} needs a package that is not installed: "
                f"{shown(in_one_line(error))}.",
                fix="For s3:// run pip install 'unimp-bench[s3]'; others name theirs above.",
            ) from error
        except ValueError as error:
            raise UsageError(
                f"{shown(address)!r} is no address: {shown(in_one_line(error))}.",
                fix="For instance s3://bucket/folder or file:///absolute/folder.",
            ) from error
        self._root = str(root).rstrip("/")

    def is_file(self) -> bool:
        """Return whether the address itself is a file."""
        with self._asking():
            return bool(self._files.isfile(self._root))

    def files(self) -> dict[str, Stored]:
        """Return every file below the address by its path; one that is a file is ``""``.

        Raises :class:`BenchError` where there is none, or where the store cannot be asked.
        """
        with self._asking():
            # A store that was asked before may answer from memory.
            self._files.invalidate_cache()
            found: dict[str, Any] = self._files.find(self._root, detail=True)
            listed = {path: Stored(int(said["size"]), _mark(said)) for path, said in found.items()}
        if not listed:
            raise BenchError(
                f"There is nothing at {shown(self.address)!r}.", fix="Check the address."
            )
        return {self._relative(path): stored for path, stored in listed.items()}

    def fetch(self, path: str, to: Path) -> None:
        """Copy the file at ``path`` to the new file ``to``."""
        with self._asking():
            self._files.get_file(f"{self._root}/{path}" if path else self._root, str(to))

    def names(self, below: str) -> list[str]:
        """Return the names of the files directly in the folder ``below``, in order."""
        with self._asking():
            self._files.invalidate_cache()
            try:
                found = self._files.ls(f"{self._root}/{below}", detail=True)
            except FileNotFoundError:
                return []
        return sorted(
            str(said["name"]).rpartition("/")[2] for said in found if said["type"] == "file"
        )

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, ``None`` where there is none."""
        with self._asking():
            try:
                return bytes(self._files.cat_file(f"{self._root}/{path}"))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes) -> None:
        """Write a small file: whoever reads it finds the old content or all of the new."""
        place = f"{self._root}/{path}"
        temporary = f"{place}.{uuid.uuid4().hex}.tmp"
        with self._asking("written"):
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(temporary, content)
            self._files.mv(temporary, place)

    def send(self, file: Path, path: str) -> None:
        """Copy ``file`` to ``path``, which nobody reads yet."""
        place = f"{self._root}/{path}"
        with self._asking("written"):
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(file), place)

    def _relative(self, path: str) -> str:
        relative = path.removeprefix(self._root).lstrip("/")
        if ".." in PurePosixPath(relative).parts or "\\" in relative:
            raise BenchError(
                f"{shown(self.address)!r} holds a file named {relative!r}, which leads out of a "
                "folder.",
                fix="Remove it there.",
            )
        return relative

    @contextmanager
    def _asking(self, done: str = "read") -> Iterator[None]:
        """Stores fail in the ways of many packages: each becomes a :class:`BenchError`."""
        try:
            yield
        except BenchError:
            raise
        except Exception as error:
            raise BenchError(
                f"{shown(self.address)!r} cannot be {done}: {shown(in_one_line(error))}.",
                fix="Check the address, the network and your rights there.",
            ) from error
