"""Names for things, resolved as late as possible.

Listing what exists must import nothing heavy, so an entry holds a ``"module:attribute"``
string until someone asks for the object itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar, cast

from benchmark.errors import BenchError, unknown_name

T = TypeVar("T")


def resolve(target: str) -> object:
    """Import ``"package.module:attribute"`` and return the attribute.

    Raises :class:`BenchError` when the module or the attribute is missing.
    """
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise BenchError(
            f"Cannot import {module_name!r}: {error}.",
            fix="Install the package that provides it (unimp-bench models lists what is missing).",
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise BenchError(
            f"Module {module_name!r} has no {attribute!r}.",
            fix="Correct the 'module:attribute' string of the registry entry.",
        ) from error


class Registry(Generic[T]):
    """A mapping from names to objects or to ``"module:attribute"`` strings.

    ``kind`` is the word used in messages ("model", "task", "source").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = {}

    def add(self, name: str, entry: T | str) -> None:
        """Register ``entry`` under ``name``; a second entry of one name is an error."""
        if name in self._entries:
            raise BenchError(
                f"Two {self.kind}s are called {name!r}.",
                fix=f"Rename one: {self._entries[name]!r} or {entry!r}.",
            )
        self._entries[name] = entry

    @contextmanager
    def added(self, name: str, entry: T | str) -> Iterator[None]:
        """Register ``entry`` under ``name`` for the length of a ``with`` block."""
        self.add(name, entry)
        try:
            yield
        finally:
            del self._entries[name]

    def get(self, name: str) -> T:
        """Return the object called ``name``, imported now if it was not yet.

        Raises :class:`~benchmark.errors.UsageError` with the nearest names on a miss.
        """
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = cast(T, resolve(entry))
            self._entries[name] = entry
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
