"""Say everything of one model: tasks, variants, what it needs, and every setting."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

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
        "needs": list(entry.requires),
        "variants": [
            {
                "name": each,
                "settings": dict(changed),
                "formula": entry.formulas.get(each),
                "why_not": entry.why_not(each),
            }
            for each, changed in entry.variants.items()
        ],
        "searched": dict(entry.space),
        "settings": None if model is None else _settings(model, entry, variant),
    }


def _summary(model: type | None) -> str | None:
    """The first paragraph of the class's own docstring, without its markup."""
    text = None if model is None else vars(model).get("__doc__")
    if not isinstance(text, str):
        return None
    first = " ".join(text.strip().split("\n\n")[0].split())
    return re.sub(r"(?::\w+)*:?`+[~.]*([^`]+)`+", r"\1", first)


def _settings(model: type, entry: ModelEntry, variant: str | None) -> list[dict[str, Any]]:
    config = entry.config_of(model)
    if config is None:
        return []
    return [asdict(setting) for setting in settings_of(config, entry.settings(variant))]
