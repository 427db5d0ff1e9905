"""Prepare a dataset as a person asks for it: refuse what is of no use, tell what stays as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmark.data.preparing.losses import check_used
from benchmark.data.preparing.parameters import parse_settings
from benchmark.data.preparing.prepare import prepare
from benchmark.data.preparing.raw_files import raw_files
from benchmark.data.sources import SOURCES
from benchmark.host.console import note

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset
    from benchmark.data.raw.source import OnError
    from benchmark.host.home import Home


def prepare_asked(
    source_name: str,
    *,
    home: Home,
    name: str | None,
    raw: str | os.PathLike[str] | None,
    settings: Mapping[str, str],
    on_error: OnError,
    allow_loss: float,
    force: bool,
) -> Dataset:
    """Prepare as :func:`~benchmark.data.preparing.prepare.prepare` does; ``raw`` may be an address.

    The user is told where a dataset that was there keeps its photos: only tables are compared with
    the files it was made of. Raises :class:`UsageError` for an ``allow_loss`` without use.
    """
    check_used(allow_loss, on_error)
    source = SOURCES.get(source_name)
    own, _ = parse_settings(source, settings)
    called = source.default_name(own) if name is None else name
    there = os.path.exists(home.datasets / called)
    dataset = prepare(
        source_name,
        home=home,
        name=name,
        raw=None if raw is None else raw_files(raw, source_name, home),
        settings=settings,
        on_error=on_error,
        allow_loss=allow_loss,
        force=force,
    )
    photos = raw is not None and dataset.info["statistics"]["items_with_photo"]
    if there and not force and (photos or "posters" in settings):
        note(
            f"Dataset {called!r} was there already, with the photos it was made with: those of now "
            "were not compared. --force takes them."
        )
    return dataset
