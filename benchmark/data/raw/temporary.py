"""Temporary files without a name: nothing of them is left however the process ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO

#: Bytes that are held in memory before they go to a file.
HELD = 1 << 24

_folder: ContextVar[Path | None] = ContextVar("folder of temporary files", default=None)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Keep temporary files in ``folder`` meanwhile, not where the system has its own."""
    before = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(before)


def temporary_folder() -> Path:
    """Return where temporary files lie."""
    return _folder.get() or Path(tempfile.gettempdir())


def spooled_file(held: int) -> IO[bytes]:
    """Open a temporary file of which up to ``held`` bytes stay in memory."""
    return tempfile.SpooledTemporaryFile(held, dir=str(temporary_folder()))


def temporary_file() -> IO[bytes]:
    """Open a temporary file."""
    return tempfile.TemporaryFile(dir=str(temporary_folder()))
