"""Say everything of one model: tasks, variants, what it needs, and every setting."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmark.models.from_file import import_folders
from benchmark.models.registered import ModelEntry, find
from benchmark.settings import settings_of

#: What an entry says of itself beside its group.
_SAID = ("role", "cost", "paper_name", "adapted")


def describe_model(name: str) -> dict[str, Any]:
    """Describe the model ``NAME``, ``NAME:VARIANT`` or ``FILE.py:CLASS``, ready for JSON.

    ``settings`` is a list of :class:`benchmark.settings.Setting`, with the defaults of the variant;
    ``None`` where the model's packages are missing, and ``why_not`` then says which. Raises
    :class:`~benchmark.errors.UsageError` for an unknown name and
    :class:`~benchmark.errors.BenchError` for a class that cannot be imported.
    """
    entry, variant = find(name)
    why_not = entry.why_not(variant)
    # The class itself may be there although a variant of it cannot run.
    model = entry.load() if entry.why_not() is None else None
    return {
        "name": entry.name,
        "variant": variant,
        "summary": _summary(model),
        "group": entry.group,
        **{key: getattr(entry, key) for key in _SAID},
        "tasks": list(entry.tasks),
        "formula": entry.formula(variant),
        "available": why_not is None,
        "why_not": why_not,
        "needs": [*entry.requires, *_needs(entry, variant)],
        "variants": [
            {
                "name": each,
                "settings": dict(changed),
                "formula": entry.formulas.get(each),
                "why_not": entry.why_not(each),
            }
            for each, changed in entry.variants.items()
        ],
        "searched": {k: v for k, v in entry.space.items() if k not in entry.settings(variant)},
        "settings": None if model is None else _settings(model, entry, variant),
    }


#: A reference (``:mod:`.backends```, ``:class:`the box <a.Box>```), or a piece of code.
_MARKED = re.compile(r"(?P<role>:[\w:+-]+:)?(?P<ticks>`+)(?P<text>[^`]+)(?P=ticks)")
_TITLED = re.compile(r"(.+?)\s*<[^<>]+>")


def _needs(entry: ModelEntry, variant: str | None) -> tuple[str, ...]:
    """What ``variant`` asks for beside what every variant does."""
    found = None if variant is None else entry.needs.get(variant)
    return () if found is None else found.modules


def _summary(model: type | None) -> str | None:
    """The first paragraph of the class's own docstring, in plain words."""
    text = None if model is None else vars(model).get("__doc__")
    if model is None or not isinstance(text, str):
        return None
    first = " ".join(text.strip().split("\n\n")[0].split())
    return _MARKED.sub(partial(_plain, beside=model.__module__), first)


def _plain(marked: re.Match[str], *, beside: str) -> str:
    """What is said of a marked piece: a reference by its title, or the name that can be imported.

    ``beside`` is the module that it stands in: a module ``.backends`` lies in the same package.
    """
    role, text = marked["role"], marked["text"]
    if role is None:
        return text
    titled = _TITLED.fullmatch(text)
    if titled is not None:
        return titled[1]
    if text.startswith("~"):
        return text.lstrip("~.").rpartition(".")[2]
    package = "" if import_folders(beside) else beside.rpartition(".")[0]
    is_module = role == ":mod:" and text.startswith(".")
    name = text.lstrip(".")
    return f"{package}.{name}" if is_module and package else name


def _settings(model: type, entry: ModelEntry, variant: str | None) -> list[dict[str, Any]]:
    config = entry.config_of(model)
    if config is None:
        return []
    return [asdict(setting) for setting in settings_of(config, entry.settings(variant))]
