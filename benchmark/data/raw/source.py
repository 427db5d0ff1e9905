"""Declare a source: its reader, its parameters, and what it does on errors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from pydantic import BaseModel

    from benchmark.data.schema import RawDataset

#: What to do with a line or row that cannot be used: stop, or leave it out and count it.
OnError = Literal["raise", "skip"]

#: A column of raw interactions that gives a split: "train" or "test" in every row.
GIVEN_PART = "part"


class Reader(Protocol):
    """Parses raw files: ``read(raw, params, on_error=...)`` (``raw=None``: there are none).

    Raises :class:`~benchmark.errors.BenchError` naming file and line; with
    ``on_error="skip"`` such lines are left out and counted in ``RawDataset.notes``. Where the raw
    files say which rows are for testing, ``RawDataset.interactions`` has :data:`GIVEN_PART` beside
    the columns that its docstring names.
    """

    def __call__(self, raw: Path | None, params: Any, *, on_error: OnError) -> RawDataset: ...


def _no_files(raw: Path | None, params: Any) -> Mapping[str, Path]:
    return {}


@dataclass(frozen=True)
class Source:
    """Declares one raw format.

    ``params`` is the pydantic class of the source's own settings and ``defaults`` changes
    defaults of the common ones (:class:`benchmark.data.preparing.parameters.SplitParams`); a
    setting that both classes have (``seed``) is given to both.
    """

    name: str
    summary: str
    params: type[BaseModel]
    read: Reader
    default_name: Callable[[Any], str]
    """``default_name(params) -> str``: the dataset's name unless ``--name`` says otherwise."""
    needs_raw: bool = True
    raw_help: str = "the raw folder or file"
    """What ``--raw`` must point at, for messages."""
    files: Callable[[Path | None, Any], Mapping[str, Path]] = _no_files
    """``files(raw, params) -> {name: path}``: the raw tables read, which are hashed (photos
    are hashed as they are copied). Must not fail on missing files: ``read`` reports those."""
    defaults: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    simulated: bool = False
    photo_folder: Callable[[Path, Any], Path] | None = None
    """``photo_folder(raw, params) -> folder``: where preparation looks for ``<item id>.jpg``;
    None where the raw format has its own place for photos, or none."""
    addresses: Callable[[Path, Any], Iterable[tuple[str, str]]] | None = None
    """``addresses(raw, params) -> (item id, address)``, best address first: the photos that the
    metadata names without holding them; None where it names none."""
    shareable: bool = True
    """Whether the data's terms let anyone share predictions, which name its users and items."""
    licence: str | None = None
    """Under which anyone may share the data themselves, an SPDX identifier; ``None``: under none
    that this project knows of."""


_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def file_name(item_id: str, extension: str) -> str:
    """Return a safe file name for any item id."""
    stem = item_id if _PLAIN.fullmatch(item_id) else quote(item_id, safe="")
    if stem.startswith(".") or len(stem) > 200:
        stem = hashlib.sha256(item_id.encode()).hexdigest()
    return f"{stem}.{extension}"
