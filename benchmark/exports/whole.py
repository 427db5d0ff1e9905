"""Write a folder whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.host.files import cannot_write
from benchmark.host.owners import owned_name


def check_absent(out: Path) -> None:
    """Raise :class:`UsageError` where something is called ``out`` already, or nothing can be."""
    try:
        taken = out.exists() or out.is_symlink()
    except OSError as error:  # longer than a path can be
        raise cannot_write(out, error) from error
    if taken or not out.name:
        raise UsageError(f"--out {str(out)!r} exists.", fix="Give a folder that is not there yet.")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``out``; it takes ``out``'s name only on success.

    Raises :class:`UsageError` where ``out`` exists, and :class:`~benchmark.errors.BenchError` for a
    full disk or a folder that cannot be written.
    """
    out = out.absolute()
    check_absent(out)
    partial = out.with_name(owned_name(out.name, "partial"))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
