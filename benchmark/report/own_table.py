"""What is asked of a user's own table beyond its form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import unknown_name
from benchmark.model_registry import ModelEntry
from benchmark.report.listing import shipped_models
from benchmark.report.picking import class_in_file
from benchmark.report.specification import ResultTable
from benchmark.report.table_problems import in_file, place_of


def require_known_models(table: ResultTable, path: Path, entries: Mapping[str, ModelEntry]) -> None:
    """Raise :class:`~benchmark.errors.UsageError` for the first row with an unknown model.

    And for the second of two files with classes of one name, whose runs nobody could tell apart.
    Known are the announced models, what the shipped tables name (a copy of one stays valid
    where some of its models are absent), and any class in a Python file, which only a run loads.
    """
    files: dict[str, str] = {}
    known = {*entries, *(label.partition(":")[0] for label in shipped_models())}
    for at, row in enumerate(table.rows):
        name, _, variant = row.model.partition(":")
        place = place_of([row.model_dump() for row in table.rows], "rows", at)
        attribute = class_in_file(row.model)
        if attribute is not None:
            if files.setdefault(attribute, name) != name:
                message = f"{files[attribute]} and {name} both call their class {attribute!r}"
                raise in_file(path, place, message, "Rename one: a run is stored under that name.")
            continue
        if row.model in shipped_models():
            continue
        if name not in known:
            unknown = unknown_name("model", name, known)
            raise in_file(path, place, f"unknown model {name!r}", unknown.fix)
        variants = entries[name].variants if name in entries else ()
        if variant and variant not in variants:
            unknown = unknown_name("variant", variant, variants)
            raise in_file(path, place, f"model {name!r} has no variant {variant!r}", unknown.fix)
