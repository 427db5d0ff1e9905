"""What a board says beside its scores: shares of the learnable, and differences of two rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.evidence import Evidence
from benchmark.compare.learnable import is_blind, learned
from benchmark.metrics.base import Metric
from benchmark.models.registered import ModelEntry
from benchmark.resampling import UserSums
from benchmark.stats import DIFFERENCE_RESAMPLES, LEVEL, enough_users, over_seeds
from leaderboards.site.standing import Row, Standing, evidence_behind, runs_behind
from leaderboards.verification.verify import REPRODUCED

#: Rows whose differences stand on a board's page: pairs grow with their square.
MOST_PAIRED = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """Compares row ``a`` with row ``b`` in the ordering metric; rows are counted from 0.

    ``value`` is row ``a`` minus row ``b``. ``low`` and ``high`` bound it at 95% by a paired
    bootstrap over users, for this pair alone; ``None`` where users are too few or all of them
    differ alike.
    """

    a: int
    b: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Compares the rows of one standing; ``shares`` runs parallel to them.

    ``floor`` and ``ceiling`` name the rows at 0 and 1 of the shares, ``None`` where there are no
    shares; a row's share may lie beyond either. ``paired`` counts the leading rows whose ``pairs``
    there are.
    """

    shares: tuple[float | None, ...]
    floor: str | None
    ceiling: str | None
    pairs: tuple[Pair, ...]
    paired: int


def compare_rows(standing: Standing, models: Mapping[str, ModelEntry]) -> Compared:
    """Compute shares of the learnable and the differences of a standing's first rows.

    ``models`` says by name which models never look at the user, and which is the ceiling.
    """
    evidence: dict[int, Evidence] = {}
    metric: Metric | None = None
    for at, row in enumerate(standing.rows):
        if (found := evidence_behind(standing, row)) is not None:
            metric, evidence[at] = found
    if metric is None:
        return Compared((None,) * len(standing.rows), None, None, (), 0)
    pairs = _pairs(metric, {at: e for at, e in evidence.items() if at < MOST_PAIRED})
    paired = min(MOST_PAIRED, len(standing.rows))
    ends = _ends(standing, metric, evidence, models)
    if ends is None:
        return Compared((None,) * len(standing.rows), None, None, pairs, paired)
    floor, ceiling = (standing.rows[at] for at in ends)
    low, high = floor.primary.value, ceiling.primary.value
    ids = evidence[ends[0]].ids
    shares = tuple(
        (row.primary.value - low) / (high - low)
        if at in evidence and evidence[at].ids == ids
        else None
        for at, row in enumerate(standing.rows)
    )
    return Compared(shares, _label(floor), _label(ceiling), pairs, paired)


def _ends(
    standing: Standing,
    metric: Metric,
    evidence: Mapping[int, Evidence],
    models: Mapping[str, ModelEntry],
) -> tuple[int, int] | None:
    """The rows at 0 and 1 of the shares, if the one is above the other beyond doubt.

    They move everybody's share, and anyone may submit under a listed name: they must be reproduced.
    """
    blind, ceilings = [], []
    for at in evidence:
        row = standing.rows[at]
        if row.badge != REPRODUCED:
            continue
        said = row.entry.submission
        entry = models.get(said.model)
        settings = [run.run.settings for run in runs_behind(standing, row)]
        if not row.privileged and all(is_blind(entry, said.variant, each) for each in settings):
            blind.append(str(at))
        if row.privileged and entry is not None and entry.learnable:
            ceilings.append(str(at))
    # The interval of the gap is theirs alone: no other row's share needs a bootstrap.
    few = {str(at): e for at, e in evidence.items() if str(at) in (*blind, *ceilings)}
    found = learned(metric, few, ceilings=ceilings, blind=blind)
    if found is None or not found.shares:
        return None
    return int(found.floor), int(found.ceiling)


def _pairs(metric: Metric, evidence: Mapping[int, Evidence]) -> tuple[Pair, ...]:
    """The differences of all rows that answer what the first one does."""
    rows = [at for at in evidence if evidence[at].ids == next(iter(evidence.values())).ids]
    if len(rows) < 2:
        return ()
    users = evidence[rows[0]].users
    statistics = [evidence[at].statistics[metric.name] for at in rows]
    values = np.array([over_seeds(metric, each.mean(axis=0)) for each in statistics])
    ends: Sequence[NDArray[np.float64]] | None = None
    if enough_users(users):
        means = UserSums.of(statistics, users).resampled_means(DIFFERENCE_RESAMPLES, 0)
        borders = np.cumsum([each.shape[1] for each in statistics])[:-1]
        parts = np.split(means, borders, axis=1)
        drawn = np.stack([over_seeds(metric, part) for part in parts])
        tail = (1 - LEVEL) / 2
        gaps = (drawn[i] - drawn[i + 1 :] for i in range(len(rows)))
        ends = [np.quantile(gap, [tail, 1 - tail], axis=1) for gap in gaps]
    pairs = []
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[i + 1 :]):
            bounds: tuple[float | None, float | None] = (None, None)
            if ends is not None:
                low, high = (float(end) for end in ends[i][:, j])
                bounds = (low, high) if high > low else bounds
            pairs.append(Pair(a, b, float(values[i] - values[i + 1 + j]), *bounds))
    return tuple(pairs)


def _label(row: Row) -> str:
    return row.entry.submission.label
