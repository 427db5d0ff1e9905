"""Datasets: opened by name, or prepared from the user's own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchmark.data.opening import ensure_dataset
from benchmark.face.asked import name as named
from benchmark.face.shown import home_at
from benchmark.models.plain import plain_settings

if TYPE_CHECKING:
    import os

    from benchmark.data.dataset import Dataset


def open_dataset(name: str = "sim-s", *, home: str | os.PathLike[str] | None = None) -> Dataset:
    """Open a prepared dataset; one that needs no raw files is prepared on first use.

    Raises :class:`~benchmark.errors.UsageError` with the nearest names for an unknown one.
    """
    return ensure_dataset(named(name, "data"), home_at(home))


def prepare(
    source: str,
    *,
    raw: str | os.PathLike[str] | None = None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    allow_loss: float = 0.05,
    force: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Build a dataset from raw files: split, instances, photos, all hashed.

    ``raw`` is the folder or file of your own download, or its address; ``name`` is the dataset's
    name (default: the source's), ``settings`` are those of ``--set``; ``force`` replaces a dataset
    of that name. With ``on_error="skip"`` up to the share ``allow_loss`` of a file's lines may be
    unusable.
    """
    from benchmark.data.preparing.asking import prepare_asked

    words = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in plain_settings(settings or {}).items()
    }
    return prepare_asked(
        source,
        home=home_at(home),
        name=name,
        raw=raw,
        settings=words,
        on_error=on_error,
        allow_loss=allow_loss,
        force=force,
    )
