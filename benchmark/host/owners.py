"""Whose an unfinished file or folder is: the machine and the process are in its hidden name.

A home may be shared by machines, or by containers, where the same number is another process.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

#: Folders of another machine that have been idle for so many seconds are nobody's.
_STALE_SECONDS = 3600
_OWNER = r"(?:\.(m[0-9a-f]{8}))?\.(\d+)"
_OWNED = re.compile(rf"\..+?{_OWNER}\.(?:partial|replaced|former)")


def owned_name(name: str, kind: str) -> str:
    """Return the hidden name of what this process makes, or set aside, that is called ``name``.

    ``kind`` is ``partial``, ``replaced`` or ``former``.
    """
    return f".{name}.{_machine()}.{os.getpid()}.{kind}"


def is_owned(folder: Path) -> bool:
    """Return whether the name of ``folder`` says whose it is."""
    return _OWNED.fullmatch(folder.name) is not None


def may_be_in_use(folder: Path) -> bool:
    """Return whether the process in the folder's name lives, or may live on another machine."""
    found = _OWNED.fullmatch(folder.name)
    if found is None:
        return False
    machine, process = found[1], int(found[2])
    if machine is None or machine == _machine():
        return bool(psutil.pid_exists(process))
    return _idle_seconds(folder) <= _STALE_SECONDS


def left_beside(path: Path, kind: str) -> list[Path]:
    """Return what processes that are no more left of ``kind`` for ``path``, the latest first."""
    name = re.compile(rf"\.{re.escape(path.name)}{_OWNER}\.{kind}")
    try:
        found = [each for each in path.parent.iterdir() if name.fullmatch(each.name)]
        left = [each for each in found if not may_be_in_use(each)]
        return sorted(left, key=lambda each: each.lstat().st_mtime, reverse=True)
    except OSError:  # no such folder, or swept by another process meanwhile
        return []


def _idle_seconds(place: Path) -> float:
    """How long ago something was made in ``place`` or in a folder of it; 0 once it is gone."""
    try:
        inside: Iterable[Path] = place.iterdir() if place.is_dir() else ()
        times = [path.stat().st_mtime for path in (place, *inside)]
    except OSError:  # finished or swept by another process meanwhile
        return 0.0
    return time.time() - max(times)


@functools.cache
def _machine() -> str:
    return f"m{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}"
