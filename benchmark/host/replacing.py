"""Put a new file or folder in the place of another, so that one of the two is always there.

A folder cannot take the name of another at once: the old one leaves its name first. Who is killed
between these two steps leaves it under a hidden name, and the next who comes puts it back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.host.owners import left_beside, owned_name

_PARTIAL, _FORMER = "partial", "former"


def recover(out: Path) -> None:
    """Undo what a killed replacement of ``out`` left: the old one gets its name back.

    Hidden siblings of processes that still run are theirs, and stay.
    """
    for former in left_beside(out, _FORMER):
        if _is_there(out):
            _delete(former)
        else:
            with suppress(OSError):  # what is to be written then says why
                former.rename(out)
    for partial in left_beside(out, _PARTIAL):
        _delete(partial)


@contextmanager
def replacement(out: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``out``, where nothing is; what is made there takes its name.

    That happens only on success, and what ``out`` was is then deleted. Folders above ``out`` are
    made. Raises :class:`OSError` where something cannot be written, with ``out`` as it was.
    """
    recover(out)
    partial, former = _hidden(out, _PARTIAL), _hidden(out, _FORMER)
    try:
        _delete(partial)  # of an earlier process of this number
        out.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if _is_there(out) and (_is_folder(out) or _is_folder(partial)):
            out.rename(former)
        try:
            partial.rename(out)
        except OSError:
            if _is_there(former):
                former.rename(out)
            raise
    finally:
        _delete(partial)
        if _is_there(out):  # else the former could not be put back: it stays for recover
            _delete(former)


def _hidden(out: Path, kind: str) -> Path:
    return out.with_name(owned_name(out.name, kind))


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _delete(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
