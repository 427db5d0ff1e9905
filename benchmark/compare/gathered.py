"""Gather the evidence of the systems in one column of a table, as late as it is needed.

What was found before (:mod:`benchmark.compare.kept`) needs no per-instance table to be read, and
none of the code that compares: it is imported where something is still to be found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchmark.compare import learnable
from benchmark.compare.kept import Kept
from benchmark.compare.learnable import Learned
from benchmark.metrics import metric_named
from benchmark.runs.store import StoredRun
from benchmark.uncertainty import Share, Verdict

if TYPE_CHECKING:
    from benchmark.compare.evidence import Evidence


class Gathered(Mapping[str, "Evidence"]):
    """Maps systems to their evidence, those whose ``runs`` have any; read once, when asked."""

    def __init__(self, runs: Mapping[str, Sequence[StoredRun]], kept: Kept) -> None:
        self._runs = {system: some for system, some in runs.items() if some}
        self._kept = kept
        self._read: dict[str, Evidence | None] = {}

    def __getitem__(self, system: str) -> Evidence:
        if system not in self._read:
            from benchmark.compare.evidence import gather

            self._read[system] = gather(self._runs[system])
        found = self._read[system]
        if found is None:
            raise KeyError(system)
        return found

    def __iter__(self) -> Iterator[str]:
        return (system for system in self._runs if self.get(system) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def interval(self, system: str, metric: str) -> tuple[float | None, float | None]:
        """Return the interval of a system's mean over its seeds; ``None`` twice without evidence.

        See :func:`benchmark.compare.evidence.interval`.
        """

        def find() -> list[float | None]:
            from benchmark.compare import evidence

            mine = self.get(system)
            if mine is None or metric not in mine.statistics:
                return [None, None]
            summary = evidence.interval(mine, metric_named(metric))
            return [summary.low, summary.high]

        runs = {system: self._runs.get(system, ())}
        low, high = self._kept.of("interval", runs, {"metric": metric}, find)
        return low, high

    def verdicts(self, metric: str, opponents: Mapping[str, str]) -> dict[str, Verdict]:
        """Return who differs from whom: :func:`benchmark.compare.evidence.verdicts`."""
        if not opponents:
            return {}

        def find() -> dict[str, object]:
            from benchmark.compare import evidence

            found = evidence.verdicts(metric_named(metric), self, opponents)
            return {system: asdict(verdict) for system, verdict in found.items()}

        runs = {s: self._runs[s] for pair in opponents.items() for s in pair if s in self._runs}
        asked = {"metric": metric, "opponents": dict(opponents)}
        found = self._kept.of("verdicts", runs, asked, find)
        return {system: Verdict(**verdict) for system, verdict in found.items()}

    def learned(
        self, metric: str, *, ceilings: Collection[str], blind: Collection[str]
    ) -> Learned | None:
        """Return shares of the learnable: :func:`benchmark.compare.learnable.learned`."""
        if not (self._runs.keys() & set(ceilings) and self._runs.keys() & set(blind)):
            return None

        def find() -> dict[str, object] | None:
            shares = learnable.learned(metric_named(metric), self, ceilings=ceilings, blind=blind)
            return None if shares is None else asdict(shares)

        asked = {"metric": metric, "ceilings": [*ceilings], "blind": [*blind]}
        found = self._kept.of("learned", self._runs, asked, find)
        if found is None:
            return None
        shares = {system: Share(**share) for system, share in found["shares"].items()}
        return Learned(found["floor"], found["ceiling"], shares)
