"""What is installed: versions and entry points, read once for as long as nothing is installed."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from types import MappingProxyType

_Folders = tuple[tuple[str, int], ...]


def versions(names: Sequence[str]) -> Mapping[str, str]:
    """Return the version of each distribution of ``names``; absent ones are left out."""
    return _versions(tuple(names), _folders())


def entry_points(group: str) -> Sequence[EntryPoint]:
    """Return the entry points that installed distributions announce under ``group``."""
    return _entry_points(group, _folders())


def _folders() -> _Folders:
    """Where Python looks, and when something was last put there or removed (nanoseconds)."""
    found = []
    for folder in sys.path:
        try:
            found.append((folder, os.stat(folder or ".").st_mtime_ns))
        except OSError:  # nothing can be installed in what is not there
            continue
    return tuple(found)


@functools.lru_cache(maxsize=8)
def _versions(names: tuple[str, ...], folders: _Folders) -> Mapping[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return MappingProxyType(found)


@functools.lru_cache(maxsize=8)
def _entry_points(group: str, folders: _Folders) -> Sequence[EntryPoint]:
    return tuple(importlib.metadata.entry_points(group=group))
