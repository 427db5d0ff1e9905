"""Say everything of one source: what it reads, and every setting of preparation."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from benchmark.data.preparing.parameters import SplitParams
from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.settings import settings_of


def list_sources() -> list[dict[str, Any]]:
    """Return one row a source, in order of announcement: ``name, summary, raw, datasets``.

    ``raw`` is what ``--raw`` must point at, ``None`` where nothing is read.
    """
    return [_row(name) for name in SOURCES]


def describe_source(name: str) -> dict[str, Any]:
    """Describe the source ``name``, ready for JSON: its row, and ``settings``, its own first.

    Raises :class:`~benchmark.errors.UsageError` with the nearest names for an unknown one.
    """
    source = SOURCES.get(name)
    every = {setting.name: setting for setting in settings_of(source.params)}
    for setting in settings_of(SplitParams, source.defaults):
        own = every.get(setting.name)
        if own is not None:  # given to both
            setting = replace(own, meaning=f"{own.meaning}; {setting.meaning}")
        every[setting.name] = setting
    return {
        **_row(name),
        "simulated": source.simulated,
        "settings": [asdict(setting) for setting in every.values()],
    }


def _row(name: str) -> dict[str, Any]:
    source = SOURCES.get(name)
    return {
        "name": name,
        "summary": source.summary,
        "raw": source.raw_help if source.needs_raw else None,
        "datasets": [made for made, (origin, _) in SELF_CONTAINED.items() if origin == name],
    }
