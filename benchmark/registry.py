"""Names for things, resolved as late as possible.

Listing what exists must import nothing heavy, so an entry holds a ``"module:attribute"``
string until someone asks for the object itself.
"""

from __future__ import annotations

import importlib
import importlib.metadata
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
    """Maps names to objects or to ``"module:attribute"`` strings.

    ``kind`` is the word used in messages ("model", "task", "source"). Other installed packages add
    to it by the entry-point group ``group``, which is read when a name is first asked for; an entry
    of theirs is one of ``of``.
    """

    def __init__(self, kind: str, *, group: str | None = None, of: type[T] | None = None) -> None:
        self.kind = kind
        self._of = of
        self._group = group
        self._own: dict[str, T | str] = {}

    @property
    def _entries(self) -> dict[str, T | str]:
        """Every entry, those of other packages among them."""
        if self._group is not None:
            points = importlib.metadata.entry_points(group=self._group)
            every = dict(self._own)
            for point in sorted(points, key=lambda point: (point.name, point.value)):
                self._put(every, point.name, point.value)
            # Only now: where a name is taken twice, the next look-up fails alike.
            self._own, self._group = every, None
        return self._own

    def add(self, name: str, entry: T | str) -> None:
        """Register ``entry`` under ``name``; a second entry of one name is an error."""
        self._put(self._own, name, entry)

    def _put(self, entries: dict[str, T | str], name: str, entry: T | str) -> None:
        if name in entries:
            raise BenchError(
                f"Two {self.kind}s are called {name!r}.",
                fix=f"Rename one: {entries[name]!r} or {entry!r}.",
            )
        entries[name] = entry

    @contextmanager
    def added(self, name: str, entry: T | str) -> Iterator[None]:
        """Register ``entry`` under ``name`` for the length of a ``with`` block."""
        self.add(name, entry)
        try:
            yield
        finally:
            del self._own[name]

    def get(self, name: str) -> T:
        """Return the object called ``name``, imported now if it was not yet.

        Raises :class:`~benchmark.errors.UsageError` with the nearest names on a miss.
        """
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        entry = self._entries[name]
        if isinstance(entry, str):
            target, entry = entry, cast(T, resolve(entry))
            if self._of is not None and not isinstance(entry, self._of):
                raise BenchError(
                    f"{target!r} is no {self.kind}.",
                    fix=f"Let it lead to a {self._of.__name__}, or uninstall what announces it.",
                )
            self._entries[name] = entry
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
