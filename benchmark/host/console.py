"""Standard output carries results and nothing else."""

from __future__ import annotations

import contextlib
import enum
import io
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from benchmark.errors import UsageError


@contextlib.contextmanager
def output_to_stderr() -> Iterator[None]:
    """Send to standard error what models, libraries and subprocesses print meanwhile.

    A script that reads ``--json`` must find one document, whatever an outside model prints.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ValueError):  # a closed stream: nothing to keep clean
            sys.stdout.flush()
            kept = os.dup(1)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 1)
            stack.callback(_flush_all, sys.stdout)  # while that still goes to standard error
            os.dup2(2, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def _flush_all(stdout: TextIO) -> None:
    """Write out what waits in ``stdout`` and in C's own buffers.

    A model that prints past Python's ``sys.stdout`` (to ``sys.__stdout__``, or from C) leaves it
    there when standard output is no terminal, and it would come out beside the results.
    """
    with contextlib.suppress(OSError, ValueError):
        stdout.flush()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # where C's library is not found
        import ctypes

        ctypes.CDLL(None).fflush(None)


def open_closed_streams() -> None:
    """Open what was closed of input, output and error (``>&-``), to nowhere.

    Otherwise the next file that is opened takes its number, and what is printed goes into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def accept_any_text() -> None:
    """Replace characters that the terminal's encoding lacks (table borders) instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def width() -> int:
    """Return the columns of the terminal, or of ``$COLUMNS``; 100 where nothing says."""
    return shutil.get_terminal_size((100, 24)).columns


class Volume(enum.IntEnum):
    """Names how much is told beside results: no more than errors, notes and bars, or every step."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


_volume = Volume.NORMAL
_unsaid = False


def volume() -> Volume:
    """Return how much is told."""
    return _volume


def set_volume(wanted: Volume) -> None:
    """Decide how much is told from now on."""
    global _volume
    _volume = wanted


def note(text: str) -> None:
    """Tell the user something in passing: a line on standard error, beside any result."""
    if _volume > Volume.QUIET and not _unsaid:
        complain(text)


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Drop notes meanwhile: what is done is a step that nobody asked for by name."""
    global _unsaid
    before, _unsaid = _unsaid, True
    try:
        yield
    finally:
        _unsaid = before


def complain(text: str) -> None:
    """Print a line on standard error however quiet it is to be: an error, the answer to a slip."""
    print(text, file=sys.stderr)


def confirm(question: str) -> bool:
    """Ask on standard error; only ``y`` or ``yes`` on standard input is a yes.

    Raises :class:`UsageError` where standard input has nobody to answer.
    """
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("Nobody answered.", fix="Give --yes where nobody can be asked.")
    return answer.strip().lower() in ("y", "yes")


def print_json(value: Any) -> None:
    """Print one JSON document; NaN is refused."""
    import json

    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=1, ensure_ascii=not unicode, allow_nan=False))


def discard_output() -> None:
    """Drop what is still buffered after a failed write, lest it fail again when Python exits."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
