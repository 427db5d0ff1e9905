"""How results show themselves: a line by ``repr``, a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from benchmark.face.asked import path
from benchmark.host.home import Home, find_home
from benchmark.report.formats.html import draw_fragment
from benchmark.report.formats.sheet import ABSENT, Sheet, SheetCell, SheetColumn

if TYPE_CHECKING:
    import os

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def home_at(folder: str | os.PathLike[str] | None) -> Home:
    """Return the home folder: ``folder``, else the command line's default."""
    return find_home(path(folder, "home"))


def as_a(kind: type[T], value: DataclassInstance) -> T:
    """Return the dataclass ``value`` as ``kind``, a class that adds methods to its class."""
    return kind(**{field.name: getattr(value, field.name) for field in fields(value)})


def counted(number: int, what: str) -> str:
    """Return ``1 run`` or ``2 runs`` for ``what`` in the singular."""
    return f"{number} {what}{'' if number == 1 else 's'}"


class Listing(list[dict[str, Any]]):
    """Lists the rows of a registry, those of the command's ``--json``; a table in a notebook."""

    def __init__(self, what: str, rows: Iterable[Mapping[str, Any]], columns: Iterable[str]):
        super().__init__(dict(row) for row in rows)
        self._what = what
        self._columns = tuple(columns)

    @property
    def names(self) -> list[str]:
        """Return the name of every row."""
        return [str(row["name"]) for row in self]

    def __repr__(self) -> str:
        return f"{counted(len(self), self._what)}: {', '.join(self.names) or ABSENT}"

    def _repr_html_(self) -> str:
        columns = tuple(
            SheetColumn(key, tuple(SheetCell(_words(row[key])) for row in self))
            for key in self._columns
            if key != "name"
        )
        return draw_fragment(
            Sheet(counted(len(self), self._what), "name", tuple(self.names), (columns,))
        )


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ABSENT if value is None or value == "" else str(value)
