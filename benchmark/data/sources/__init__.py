"""Raw formats: each source reads one into a :class:`~benchmark.data.schema.RawDataset`.

A source is one module with a ``SOURCE`` object; this module imports none of them until one
is asked for. Other packages announce theirs by the entry-point group :data:`GROUP`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmark.data.raw.source import OnError, Reader, Source
from benchmark.registry import Registry

GROUP = "unimp_bench.sources"
SOURCES: Registry[Source] = Registry("source", group=GROUP, of=Source)
SOURCES.add("sim", "benchmark.data.sources.sim:SOURCE")
SOURCES.add("amazon2014", "benchmark.data.sources.amazon_2014:SOURCE")
SOURCES.add("amazon2018", "benchmark.data.sources.amazon_2018:SOURCE")
SOURCES.add("amazon2023", "benchmark.data.sources.amazon_2023:SOURCE")
SOURCES.add("hm", "benchmark.data.sources.hm:SOURCE")
SOURCES.add("ml-100k", "benchmark.data.sources.ml_100k:SOURCE")
SOURCES.add("movielens", "benchmark.data.sources.movielens:SOURCE")
SOURCES.add("netflix", "benchmark.data.sources.netflix:SOURCE")
SOURCES.add("sequences", "benchmark.data.sources.sequences:SOURCE")
SOURCES.add("tabular", "benchmark.data.sources.tabular:SOURCE")

#: Datasets that need no raw files: name -> (source, settings). Prepared on first use.
SELF_CONTAINED: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        **{f"sim-{size}": ("sim", {"size": size}) for size in ("xs", "s", "m", "l")},
        "ml-100k": ("ml-100k", {}),
    }
)

__all__ = ["SELF_CONTAINED", "SOURCES", "OnError", "Reader", "Source"]
