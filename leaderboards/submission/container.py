"""Reads the files of a submission, a folder or plain zip archive, without unpacking anything.

Only two kinds of names exist, so nothing else is opened: no links are followed, no path is
joined with a name from outside, and reading stops at a limit whatever a header says.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from benchmark.errors import UsageError
from leaderboards.submission import limits, zip_layout
from leaderboards.submission.findings import Finding, Refused, place, shown
from leaderboards.submission.schema import MANIFEST, PREDICTIONS_FOLDER

_PREDICTIONS = re.compile(rf"{PREDICTIONS_FOLDER}/[a-z0-9][a-z0-9.-]{{0,110}}\.parquet", re.ASCII)


class Container(Protocol):
    """Describes what reads the files of an opened submission: a context manager."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return name -> announced size in bytes, for every file that may be read."""

    findings: list[Finding]
    """What is wrong with the container itself."""

    def read(self, name: str) -> bytes:
        """Read one of ``sizes``.

        Raises :class:`Refused` when the bytes are not what was announced, and for any other name:
        with what was found of that file, ``file-missing`` where it is not there.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_container(path: Path) -> Container:
    """Open the folder or archive at ``path``.

    Raises as :func:`is_folder` does, and :class:`Refused` for an archive that is not laid out
    plainly.
    """
    return _Folder(path) if is_folder(path) else _Archive(path)


def open_leniently(path: Path) -> LenientArchive | _Folder:
    """Open a folder or any zip archive for rewriting: what has no place is listed as dropped.

    Raises as :func:`is_folder` does.
    """
    return _Folder(path) if is_folder(path) else LenientArchive(path)


def is_folder(path: Path) -> bool:
    """Return whether a submission is a folder, and not an archive.

    Raises :class:`UsageError` when there is nothing at ``path``, or neither of the two.
    """
    fix = "Give a folder or a .zip file."
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise UsageError(f"There is no submission {str(path)!r}.", fix=fix) from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise UsageError(f"{str(path)!r} is neither file nor folder.", fix=fix)
    return stat.S_ISDIR(mode)


def most_bytes(name: str) -> int | None:
    """Return how large a file of this name may be; ``None`` for names no submission has."""
    if name == MANIFEST:
        return limits.MANIFEST_BYTES
    return limits.PREDICTIONS_BYTES if _PREDICTIONS.fullmatch(name) else None


def holders(name: str) -> tuple[str, ...]:
    """Return what may be refused where the file ``name`` is not read: it, its folder, all."""
    folder = name.rpartition("/")[0]
    return (name, f"{folder}/", folder, ".") if folder else (name, ".")


class _Common:
    """Judges names and announced sizes."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.dropped: list[str] = []
        self.findings: list[Finding] = []
        self._refused: dict[str, Finding] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _refuse(self, code: str, name: str, message: str) -> None:
        finding = Finding(code, place(name), message)
        self.findings.append(finding)
        self._refused.setdefault(name, finding)

    @property
    def refused(self) -> list[str]:
        """Return the names that ``findings`` are about, each once."""
        return list(self._refused)

    def _size(self, name: str) -> int:
        """The announced size; :class:`Refused` with the reason why there is none."""
        if name in self.sizes:
            return self.sizes[name]
        for refused in holders(name):
            if refused in self._refused:
                found = self._refused[refused]
                raise Refused(found.code, found.where, found.message)
        raise Refused("file-missing", place(name), "It is not there.")

    def _announce(self, name: str, size: int) -> None:
        most = most_bytes(name)
        if most is None:
            kinds = f"{MANIFEST} and {PREDICTIONS_FOLDER}/NAME.parquet"
            self._refuse("file-unknown", name, f"A submission holds {kinds}, not {shown(name)}.")
        elif size > most:
            self._refuse("file-size", name, f"{size} bytes, at most {most} allowed.")
        elif sum(self.sizes.values()) + size > limits.TOTAL_BYTES:
            most = limits.TOTAL_BYTES
            self._refuse("total-size", name, f"All files have more than {most} bytes together.")
        else:
            self.sizes[name] = size


class _Folder(_Common):
    """Reads through one directory handle a level, so that no name can lead elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._handles: dict[str, int] = {}
        try:
            self._open_folder("", os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        except OSError as error:
            self._stack.close()
            raise Refused("folder-unreadable", place(path.name), f"{error.strerror}.") from error

    def _open_folder(self, prefix: str, handle: int) -> None:
        self._handles[prefix] = handle
        self._stack.callback(os.close, handle)
        entries = []
        with os.scandir(handle) as scan:
            for entry in scan:
                entries.append(entry.name)
                if len(entries) > limits.ENTRIES:
                    message = f"More than {limits.ENTRIES} entries."
                    self._refuse("too-many-files", prefix or ".", message)
                    return
        for name in sorted(entries):
            self._look_at(prefix, name, handle)

    def _look_at(self, prefix: str, name: str, handle: int) -> None:
        full = prefix + name
        about = os.stat(name, dir_fd=handle, follow_symlinks=False)
        if stat.S_ISLNK(about.st_mode):
            self._refuse("symlink", full, f"{shown(full)} is a link.")
        elif stat.S_ISDIR(about.st_mode):
            if full != PREDICTIONS_FOLDER:
                self._refuse(
                    "file-unknown", full, f"There is no place for the folder {shown(full)}."
                )
                return
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            self._open_folder(f"{full}/", os.open(name, flags, dir_fd=handle))
        elif stat.S_ISREG(about.st_mode):
            self._announce(full, about.st_size)
        else:
            self._refuse("special-file", full, f"{shown(full)} is no ordinary file.")

    def read(self, name: str) -> bytes:
        """Return the file's bytes.

        Raises :class:`Refused` where it cannot be read, or has another size than it had.
        """
        size = self._size(name)
        folder, _, last = name.rpartition("/")
        handle = self._handles[f"{folder}/" if folder else ""]
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            with open(os.open(last, flags, dir_fd=handle), "rb") as stream:
                content = stream.read(size + 1)
        except OSError as error:
            raise Refused("file-unreadable", place(name), f"{error.strerror}.") from error
        if len(content) != size:
            raise Refused("file-changed", place(name), "Its size changed while it was read.")
        return content


class _Archive(_Common):
    """Reads members one by one; nothing is written anywhere."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._members: dict[str, zip_layout.Member] = {}
        folded: set[str] = set()
        for member in zip_layout.members(path):
            name = member.name
            if name.casefold() in folded:
                self._refuse("file-repeated", name, f"{shown(name)} is in the archive twice.")
                continue
            folded.add(name.casefold())
            self._look_at(name, member)

    def _look_at(self, name: str, member: zip_layout.Member) -> None:
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            self._refuse("path-absolute", name, f"{shown(name)} is an absolute path.")
        elif ".." in re.split(r"[/\\]", name):
            self._refuse("path-traversal", name, f"{shown(name)} leads out of the submission.")
        elif stat.S_ISLNK(member.mode):
            self._refuse("symlink", name, f"{shown(name)} is a link.")
        elif not zip_layout.is_regular(member.mode):
            self._refuse("special-file", name, f"{shown(name)} is no ordinary file.")
        else:
            self._announce(name, member.size)
            self._members[name] = member

    def read(self, name: str) -> bytes:
        """Return the member's bytes, as many as were announced.

        Raises :class:`Refused` where they are not what its checksum says.
        """
        self._size(name)
        return zip_layout.content(self._path, self._members[name])


class LenientArchive(_Common):
    """Reads what a submission may hold from an archive of any tool, and lists the rest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            self._zip = self._stack.enter_context(zipfile.ZipFile(path))
        except _DAMAGED as error:
            raise Refused("zip-damaged", place(path.name), type(error).__name__) from error
        names = [member.orig_filename for member in self._zip.infolist()]
        folder = _shared_folder(names)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for name, member in zip(names, self._zip.infolist(), strict=True):
            inside = name.removeprefix(folder)
            if inside in ("", f"{PREDICTIONS_FOLDER}/"):
                continue
            if most_bytes(inside) is None or inside in self._members:
                self.dropped.append(name)
                continue
            self._announce(inside, member.file_size)
            self._members[inside] = member

    def read(self, name: str) -> bytes:
        """Return the member's bytes, as many as were announced.

        Raises :class:`Refused` for a damaged archive.
        """
        size = self._size(name)
        try:
            with self._zip.open(self._members[name]) as stream:
                return stream.read(size)
        except _DAMAGED as error:
            raise Refused("zip-damaged", place(name), type(error).__name__) from error


#: What zipfile raises over an archive that is broken, or packed in a way it does not know.
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError)


def _shared_folder(names: list[str]) -> str:
    """The folder that all members lie in, where somebody packed the folder itself."""
    first = names[0].partition("/")[0] + "/" if names else ""
    inside = first != f"{PREDICTIONS_FOLDER}/" and all(name.startswith(first) for name in names)
    return first if inside else ""
