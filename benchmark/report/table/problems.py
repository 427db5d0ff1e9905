"""Turns validation errors of a table's file into one line, in the words of the file."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from benchmark.errors import UsageError, unknown_name

_EXAMPLES = {
    "name": 'name = "my-table"',
    "title": 'title = "What my store asks"',
    "columns": '[[columns]] with task = "search" and metrics = ["HR@5"]',
    "rows": '[[rows]] with system = "BM25" and model = "bm25"',
    "task": 'task = "search"',
    "metrics": 'metrics = ["HR@5"]',
    "system": 'system = "BM25"',
    "model": 'model = "bm25"',
}

#: pydantic's kinds of problem, in words of a TOML file.
_MUST_BE = {
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def complaint(message: str, fix: str) -> PydanticCustomError:
    """Return the error a validator raises so that its own words, fix included, reach the user."""
    return PydanticCustomError("complaint", "{message}", {"message": message, "fix": fix})


def in_file(path: Path, place: str, message: str, fix: str | None) -> UsageError:
    """Return an error about one place of the file at ``path``."""
    return UsageError(f"{str(path)!r}{place and f', {place}'}: {message}.", fix=fix)


def explained(
    path: Path,
    content: Mapping[str, Any],
    error: ValidationError,
    parts: Mapping[str, type[BaseModel]],
) -> UsageError:
    """Return the weightiest problem of ``error`` as one line, and the fix as another.

    ``parts`` are the models of the file's own level (``""``) and of its arrays, by key.
    """
    # A misspelt key also leaves the right one missing: name what was written first.
    problem = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    location = problem["loc"]
    key = str(location[-1]) if location and isinstance(location[-1], str) else ""
    place = _place(content, location[:-1] if key else location)
    part = parts[_part(location)]
    message, fix = _words(problem, key, part)
    return in_file(path, place, message, fix)


def _words(problem: ErrorDetails, key: str, part: type[BaseModel]) -> tuple[str, str | None]:
    context = problem.get("ctx", {})
    given = reprlib.repr(problem["input"])
    kind = problem["type"]
    if kind == "extra_forbidden":
        return f"unknown key {key!r}", unknown_name("key", key, part.model_fields).fix
    if kind == "missing":
        example = _EXAMPLES.get(key)
        return f"{key!r} is missing", "Add it." if example is None else f"Add {example}."
    if kind == "literal_error":
        return f"{key} = {given} is not possible", f"Write {context['expected']}."
    if kind == "complaint":
        return str(context["message"]), str(context["fix"])
    if kind == "value_error":
        return problem["msg"].removeprefix("Value error, "), "Correct that entry of the file."
    what = f"{key} = {given}" if key else given
    example = _EXAMPLES.get(key)
    fix = (
        "Correct that entry of the file." if example is None else f"Write, for instance, {example}."
    )
    return f"{what} {_MUST_BE.get(kind, 'is refused, ' + problem['msg'])}", fix


def _part(location: tuple[int | str, ...]) -> str:
    """The array of the file that ``location`` lies in; ``""`` for the file's own level."""
    if len(location) < 2:
        return ""
    return "metrics" if "metrics" in location[1:-1] else str(location[0])


def _place(content: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    if len(location) < 2 or not isinstance(location[1], int):
        return ""
    return place_of(content[str(location[0])], str(location[0]), location[1])


def place_of(entries: Sequence[Any], array: str, at: int) -> str:
    """Name an entry as ``[[rows]] 2 ('BM25')``: counted from 1, with its name if it has one."""
    entry = entries[at]
    name = entry.get("system", entry.get("task")) if isinstance(entry, Mapping) else None
    return f"[[{array}]] {at + 1}" + (f" ({name!r})" if isinstance(name, str) else "")
