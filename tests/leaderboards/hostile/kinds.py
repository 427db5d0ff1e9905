"""What a kind of hostile submission is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kind:
    """``make(forge)`` writes one; it is refused under one of ``codes``, in words with ``word``."""

    name: str
    make: Callable[[Any], Path]
    codes: tuple[str, ...]
    word: str = ""


def numbered(
    area: str, entries: Iterable[tuple[Callable[[Any], Path], str | tuple[str, ...], str]]
) -> list[Kind]:
    """Name the kinds of one area by number and code."""
    kinds = []
    for number, (make, code, word) in enumerate(entries):
        codes = (code,) if isinstance(code, str) else code
        kinds.append(Kind(f"{area}-{number:02d}-{codes[0]}", make, codes, word))
    return kinds
