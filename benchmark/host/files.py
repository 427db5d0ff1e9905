"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from benchmark.errors import BenchError
from benchmark.host.console import note

#: What a user can do about a damaged file in a dataset's cache.
REMAKE = "Delete the file: it is made again when it is needed."


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path``; it takes ``path``'s name only on success.

    A full disk or an unwritable folder becomes a :class:`BenchError` naming the file.
    """
    # Not the process' number alone: two machines, or containers, can share both it and the folder.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # no such folder: the error above says so
            temporary.unlink(missing_ok=True)


@contextmanager
def output_path(path: Path) -> Iterator[Path]:
    """Yield where to write what a user wants at ``path``: as a whole, wherever that can be.

    A link is followed and stays. A device or a pipe (``/dev/stdout``) is written to as it is: a
    file that took its name would take its place. Raises as :func:`atomic_path` does.
    """
    if path.is_dir() or path.is_file() or not path.exists():
        with atomic_path(Path(os.path.realpath(path))) as temporary:
            yield temporary
        return
    try:
        yield path
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> BenchError:
    """Return the error for a failed write of ``path``."""
    return BenchError(
        f"Cannot write {str(path)!r}: {error.strerror or error}.",
        fix="Free some space or write elsewhere (--home, --out); nothing half-written is kept.",
    )


def cannot_read(path: Path, error: OSError) -> BenchError:
    """Return the error for a file that the system does not let this user read."""
    return BenchError(
        f"Cannot read {str(path)!r}: {error.strerror or error}.",
        fix="Let this user read it, or give another copy of it.",
    )


def holds(folder: Path, name: str) -> bool:
    """Return whether ``folder`` has a file ``name``.

    True also where this user may not look, on a home of several: whoever then reads it is told.
    """
    try:
        return (folder / name).is_file()
    except PermissionError:
        return True


def is_write_failure(error: BaseException) -> bool:
    """Return whether the file system refused to take data: full, read-only, forbidden."""
    refusals = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
    return isinstance(error, OSError) and error.errno in refusals


def is_path_refusal(error: BaseException) -> bool:
    """Return whether the file system refused a path: by its name, or to this user."""
    refusals = {errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM}
    named = isinstance(error, OSError) and error.filename is not None
    return named and error.errno in refusals  # type: ignore[attr-defined]


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; NaN is refused."""
    with atomic_path(path) as temporary:
        text = json.dumps(
            value, indent=1, allow_nan=False, ensure_ascii=False, default=plain_number
        )
        temporary.write_text(text + "\n", encoding="utf-8")


def plain_number(value: Any) -> Any:
    """Return the number that a scalar of numpy or torch is; :class:`TypeError` for others.

    A model may count or tell by either.
    """
    if not callable(getattr(value, "item", None)):
        raise TypeError(f"{type(value).__name__} is not JSON serializable")
    return value.item()


def read_json(path: Path, *, fix: str | None = None) -> Any:
    """Read JSON; :class:`BenchError` names the file and line when it is missing or broken.

    ``fix`` is what the user can do about it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"There is no file {str(path)!r}.", fix=fix) from None
    except PermissionError as error:  # nothing is wrong with the file
        raise cannot_read(path, error) from error
    except OSError as error:
        raise BenchError(f"Cannot read {str(path)!r}: {error.strerror}.", fix=fix) from error
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number without end
        raise BenchError(f"{str(path)!r} is not valid JSON: {error}.", fix=fix) from error


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``, waiting for another process if need be.

    ``kill -9`` releases it too, since the kernel drops the lock with the file descriptor.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(path, "a")  # noqa: SIM115 - closed below, after the lock's work
    except OSError as error:
        raise cannot_write(path, error) from error
    with stream:
        if not _taken_at_once(stream, path):
            note(f"Another process is {doing}; waiting for it.")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock of :func:`locked` unless another process does; yields whether it is held."""
    try:
        stream = open(path, "a")  # noqa: SIM115 - closed below, after the lock's work
    except OSError as error:
        raise cannot_write(path, error) from error
    with stream:
        yield _taken_at_once(stream, path)


def _taken_at_once(stream: IO[str], path: Path) -> bool:
    """Whether the lock is held now; another process has it where not."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network file systems have none
        raise BenchError(
            f"Cannot lock {str(path)!r}: {error.strerror}.",
            fix="Choose a home on a file system that has locks, by --home or $UNIMP_BENCH_HOME.",
        ) from error
    return True


def is_locked(path: Path) -> bool:
    """Return whether a live process holds the lock of :func:`locked`; writes nothing."""
    try:
        with open(path) as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file: nobody ever held it
        return False
    return False
