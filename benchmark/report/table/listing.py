"""Lists the shipped tables, reading their TOML files with the standard library alone."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from benchmark.errors import UsageError, unknown_name

TABLES = Path(__file__).parent / "tables"


@cache
def _shipped() -> tuple[tuple[str, str, str, Path], ...]:
    """(number, name, title, path) of every shipped table, in the paper's order, then its others."""
    found = []
    for path in sorted(TABLES.glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found.append((table.get("number", ""), table["name"], table["title"], path))
    return tuple(found)


def list_tables() -> list[dict[str, str]]:
    """Return ``[{"number", "name", "title"}]`` for ``unimp-bench tables``."""
    return [
        {"number": number, "name": name, "title": title} for number, name, title, _ in _shipped()
    ]


def is_own(table: str) -> bool:
    """Return whether ``--table`` names a file that does not come with this package."""
    return table.endswith(".toml") and Path(table).resolve().parent != TABLES.resolve()


@cache
def shipped_models() -> frozenset[str]:
    """Return ``name[:variant]`` of every row of the shipped tables, installed or not."""
    found = set()
    for *_, path in _shipped():
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["rows"]
        found |= {row["model"] for row in rows if "model" in row}
    return frozenset(found)


def find_table(table: str) -> Path:
    """Find the specification file of a table: paper number, name, or path to a TOML file.

    Raises :class:`~benchmark.errors.UsageError` with the nearest names on a miss.
    """
    if table.endswith(".toml"):
        path = Path(table)
        if not path.is_file():
            raise UsageError(
                f"There is no table file {table!r}.", fix="Check the path after --table."
            )
        return path
    for number, name, _, path in _shipped():
        if table and table.lower() in (number, name):
            return path
    if Path(table).is_file():
        raise UsageError(
            f"{table!r} is not the name of a TOML file.", fix="Rename it so that it ends in .toml."
        )
    known = [name for _, name, _, _ in _shipped()]
    if table and table[0].isdigit():
        numbers = ", ".join(f"{number} {name}" for number, name, _, _ in _shipped() if number)
        raise UsageError(f"Unknown table {table!r}.", fix=f"Tables: {numbers}.")
    raise unknown_name("table", table, known)
