"""Raw formats: each source reads one into a :class:`~benchmark.data.schema.RawDataset`.

A source is one module with a ``SOURCE`` object; this module imports none of them until one
is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchmark.registry import Registry

if TYPE_CHECKING:
    from pydantic import BaseModel

    from benchmark.data.schema import RawDataset

#: What to do with a line or row that cannot be used: stop, or leave it out and count it.
OnError = Literal["raise", "skip"]


class Reader(Protocol):
    """``read(raw, params, on_error=...)``: parse raw files (``None``: the source needs none).

    Raises :class:`~benchmark.errors.BenchError` naming file and line; with
    ``on_error="skip"`` such lines are left out and counted in ``RawDataset.notes``.
    """

    def __call__(self, raw: Path | None, params: Any, *, on_error: OnError) -> RawDataset: ...


def _no_files(raw: Path | None, params: Any) -> Mapping[str, Path]:
    return {}


@dataclass(frozen=True)
class Source:
    """One raw format.

    ``params`` is the pydantic class of the source's own settings and ``defaults`` changes
    defaults of the common ones (:class:`benchmark.data.parameters.SplitParams`); a setting
    that both classes have (``seed``) is given to both.
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


SOURCES: Registry[Source] = Registry("source")
SOURCES.add("sim", "benchmark.data.sources.sim:SOURCE")
SOURCES.add("amazon2023", "benchmark.data.sources.amazon_2023:SOURCE")
SOURCES.add("hm", "benchmark.data.sources.hm:SOURCE")
SOURCES.add("ml-100k", "benchmark.data.sources.ml_100k:SOURCE")
SOURCES.add("sequences", "benchmark.data.sources.sequences:SOURCE")

#: Datasets that need no raw files: name -> (source, settings). Prepared on first use.
SELF_CONTAINED: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        **{f"sim-{size}": ("sim", {"size": size}) for size in ("xs", "s", "m", "l")},
        "ml-100k": ("ml-100k", {}),
    }
)

__all__ = ["SELF_CONTAINED", "SOURCES", "OnError", "Reader", "Source"]
