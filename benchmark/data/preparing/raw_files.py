"""Find the raw files that ``--raw`` names: here, or at an address they are fetched from."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.data.raw.fetched import fetched
from benchmark.data.sources import SOURCES
from benchmark.host.home import Home
from benchmark.host.stores import address_in


def raw_files(raw: str | os.PathLike[str], source: str, home: Home) -> Path:
    """Return the file or folder that ``raw`` names; what lies at an address is fetched.

    Raises what :func:`~benchmark.data.raw.fetched.fetched` raises, and
    :class:`~benchmark.errors.UsageError` for an unknown ``source``.
    """
    address = address_in(Path(raw) if isinstance(raw, os.PathLike) else raw)
    if address is None or not SOURCES.get(source).needs_raw:  # then the build refuses it
        return Path(raw)
    return fetched(address, home)
