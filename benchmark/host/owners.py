"""Whose an unfinished folder is: the machine and the process are in its hidden name.

A home may be shared by machines, or by containers, where the same number is another process.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import time
from pathlib import Path

import psutil

#: Folders of another machine that have been idle for so many seconds are nobody's.
STALE_SECONDS = 3600
_OWNED = re.compile(r"\..+?(?:\.(m[0-9a-f]{8}))?\.(\d+)\.(?:partial|replaced)")


def owned_name(name: str, kind: str) -> str:
    """Return the hidden name of a folder of this process that is to be, or was, called ``name``.

    ``kind`` is ``partial`` or ``replaced``.
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
    return idle_seconds(folder) <= STALE_SECONDS


def idle_seconds(folder: Path) -> float:
    """Return how long ago something was made in ``folder`` or in a folder of it; 0 once gone."""
    try:
        times = [path.stat().st_mtime for path in (folder, *folder.iterdir())]
    except OSError:  # finished or swept by another process meanwhile
        return 0.0
    return time.time() - max(times)


@functools.cache
def _machine() -> str:
    return f"m{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}"
