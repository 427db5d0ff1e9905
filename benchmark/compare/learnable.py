"""The share of the learnable: how far a system has come from what is blind to what a history tells.

Below lies the best rule that never looks at the user, above the ceiling that knows the process
behind simulated data and infers the user from the same history
(:attr:`~benchmark.models.registered.ModelEntry.blind` and ``learnable`` say which models these
are). Their distance is what can be learned of the users at hand:

    share = (score - best blind rule) / (ceiling - best blind rule)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.models.registered import ModelEntry
from benchmark.uncertainty import Share

if TYPE_CHECKING:
    from benchmark.compare.evidence import Evidence
    from benchmark.metrics.base import Metric


@dataclass(frozen=True)
class Learned:
    """Holds the shares of one metric by system; ``floor`` and ``ceiling`` are those at 0 and 1.

    ``shares`` has the systems asked the ceiling's instances. It is empty where the ceiling is not
    above the floor beyond doubt (:func:`benchmark.stats.paired_share`).
    """

    floor: str
    ceiling: str
    shares: Mapping[str, Share]


def is_blind(entry: ModelEntry | None, variant: str | None, settings: Mapping[str, object]) -> bool:
    """Return whether a model never looks at the user, as its entry says of ``variant``.

    Changed ``settings`` may turn it to the user: of those nothing is known.
    """
    return entry is not None and (variant or "") in entry.blind and not settings


def learned(
    metric: Metric,
    evidence: Mapping[str, Evidence],
    *,
    ceilings: Collection[str],
    blind: Collection[str],
) -> Learned | None:
    """Return each system's share of the learnable in ``metric``.

    ``evidence`` is by system; the first of ``ceilings`` that has any is the ceiling, the best of
    ``blind`` on the same instances the floor. ``None`` where either is missing. Raises as
    :func:`~benchmark.compare.evidence.asked_alike` does.
    """
    # These load numpy, which a kept finding does without.
    from benchmark.compare.evidence import asked_alike
    from benchmark.stats import over_seeds, paired_share

    having = {s: found for s, found in evidence.items() if metric.name in found.statistics}
    ceiling = next((system for system in ceilings if system in having), None)
    if ceiling is None:
        return None
    same = asked_alike(having, ceiling)
    values = {
        system: float(over_seeds(metric, same[system].statistics[metric.name].mean(axis=0)))
        for system in same
        if system in blind
    }
    if not values:
        return None
    sign = 1 if metric.higher_is_better else -1
    floor = max(values, key=lambda system: sign * values[system])
    ends = same[floor].statistics, same[ceiling].statistics
    shares = {
        system: share
        for system, found in same.items()
        if (share := paired_share(metric, found.statistics, *ends, found.users)) is not None
    }
    return Learned(floor, ceiling, shares)
