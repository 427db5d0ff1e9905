"""Work for other processes: it imports next to nothing, since each of them imports it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def maker() -> Callable[[Path], bytes]:
    """Return work that answers with the name and its process, and dies of the name ``dies``."""
    return _of_name


def _of_name(path: Path) -> bytes:
    if path.name == "dies":
        os._exit(1)
    return f"{path.name} {os.getpid()}".encode()
