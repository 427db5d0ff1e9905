"""Gather the evidence of the systems in one column of a table, as late as it is needed.

What was found before (:mod:`benchmark.compare.kept`) needs no per-instance table to be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict

from benchmark.compare import evidence, learnable
from benchmark.compare.evidence import Evidence, Verdict, gather
from benchmark.compare.kept import Kept
from benchmark.compare.learnable import Learned
from benchmark.metrics.base import Metric
from benchmark.runs.store import StoredRun
from benchmark.stats import Share


class Gathered(Mapping[str, Evidence]):
    """The evidence of systems by name, of those whose ``runs`` have any; read once, when asked."""

    def __init__(self, runs: Mapping[str, Sequence[StoredRun]], kept: Kept) -> None:
        self._runs = {system: some for system, some in runs.items() if some}
        self._kept = kept
        self._read: dict[str, Evidence | None] = {}

    def __getitem__(self, system: str) -> Evidence:
        if system not in self._read:
            self._read[system] = gather(self._runs[system])
        found = self._read[system]
        if found is None:
            raise KeyError(system)
        return found

    def __iter__(self) -> Iterator[str]:
        return (system for system in self._runs if self.get(system) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def interval(self, system: str, metric: Metric) -> tuple[float | None, float | None]:
        """Return the interval of a system's mean over its seeds; ``None`` twice without evidence.

        See :func:`benchmark.compare.evidence.interval`.
        """

        def find() -> list[float | None]:
            mine = self.get(system)
            if mine is None or metric.name not in mine.statistics:
                return [None, None]
            summary = evidence.interval(mine, metric)
            return [summary.low, summary.high]

        runs = {system: self._runs.get(system, ())}
        low, high = self._kept.of("interval", runs, {"metric": metric.name}, find)
        return low, high

    def verdicts(self, metric: Metric, opponents: Mapping[str, str]) -> dict[str, Verdict]:
        """Return who differs from whom: :func:`benchmark.compare.evidence.verdicts`."""
        if not opponents:
            return {}
        runs = {s: self._runs[s] for pair in opponents.items() for s in pair if s in self._runs}
        found = self._kept.of(
            "verdicts",
            runs,
            {"metric": metric.name, "opponents": dict(opponents)},
            lambda: {s: asdict(v) for s, v in evidence.verdicts(metric, self, opponents).items()},
        )
        return {system: Verdict(**verdict) for system, verdict in found.items()}

    def learned(
        self, metric: Metric, *, ceilings: Collection[str], blind: Collection[str]
    ) -> Learned | None:
        """Return shares of the learnable: :func:`benchmark.compare.learnable.learned`."""
        if not (self._runs.keys() & set(ceilings) and self._runs.keys() & set(blind)):
            return None

        def find() -> dict[str, object] | None:
            shares = learnable.learned(metric, self, ceilings=ceilings, blind=blind)
            return None if shares is None else asdict(shares)

        asked = {"metric": metric.name, "ceilings": [*ceilings], "blind": [*blind]}
        found = self._kept.of("learned", self._runs, asked, find)
        if found is None:
            return None
        shares = {system: Share(**share) for system, share in found["shares"].items()}
        return Learned(found["floor"], found["ceiling"], shares)
