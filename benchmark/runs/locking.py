"""One process at a time per run and per fit; the lock dies with its process."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.files import cannot_write


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``, waiting for another process if need be.

    ``kill -9`` releases it too, since the kernel drops the lock with the file descriptor.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(path, "w")  # noqa: SIM115 - closed below, after the lock's work
    except OSError as error:
        raise cannot_write(path, error) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is {doing}; waiting for it.", file=sys.stderr)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
