"""Removing folders so that nobody meets half of one, and nothing outside is ever touched."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmark.errors import BenchError

#: Beside what is removed: where it lies, without its name, until it is gone.
_BIN = ".removed"


def remove(path: Path) -> None:
    """Remove a folder, a file or a link: it leaves its name at once, then its content goes.

    Links are removed, not followed. Raises :class:`BenchError`, with everything as it was, when
    the file system refuses.
    """
    if path.name == _BIN:
        erase(path)
        return
    removed = path.with_name(_BIN)
    try:
        _set_aside(path, removed)
    except OSError as error:
        raise BenchError(
            f"Cannot remove {str(path)!r}: {error.strerror or error}.",
            fix="Make its folder writable, or remove it as its owner.",
        ) from error
    erase(removed)


def _set_aside(path: Path, removed: Path) -> Path:
    """Where ``path`` lies, once it has lost its name."""
    tries_left = 3
    while True:
        tries_left -= 1
        if removed.is_symlink():  # it would lead out of the home
            removed.unlink()
        removed.mkdir(exist_ok=True)
        try:
            aside = Path(tempfile.mkdtemp(dir=removed)) / "content"
            os.rename(path, aside)
            return aside
        except FileNotFoundError:  # another process was done with its own, and took this along
            if not tries_left or not os.path.lexists(path):
                raise


def replace(path: Path, by: Path) -> None:
    """Give the name of the folder ``path``, if there is one, to the folder ``by``, whole.

    The old one leaves its name at once, and goes when the new one has it: nobody meets half of
    either. Raises :class:`OSError`, with both as they were.
    """
    removed = path.with_name(_BIN)
    aside = _set_aside(path, removed) if path.exists() else None
    try:
        os.rename(by, path)
    except OSError:
        if aside is not None:
            os.rename(aside, path)
        raise
    if aside is not None:
        erase(aside.parent)


def erase(path: Path) -> None:
    """Delete what has no name of its own any more; what resists stays for the next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def half_removed(folder: Path) -> Iterator[Path]:
    """Yield what removals that were killed left in ``folder``."""
    left = folder / _BIN
    if left.is_dir() and not left.is_symlink():
        yield left


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links count as links."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        with os.scandir(path) as entries:
            return sum(size_of(Path(entry.path)) for entry in entries)
    except OSError:  # gone meanwhile, or not ours to read
        return 0


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether ``path`` lies directly in ``folder``, however it is spelt.

    Links and ``..`` on the way are resolved; ``path`` itself is not followed: a link in
    ``folder`` is inside, wherever it leads.
    """
    try:
        return path.parent.resolve() == folder.resolve() and path.name not in ("", ".", "..")
    except (OSError, RuntimeError):  # too long, or links in a circle
        return False


def for_people(number: float) -> str:
    """Return ``number`` of bytes in words: ``640 B``, ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
