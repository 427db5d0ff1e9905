"""Ranks the systems on a board, as far as the users at hand decide.

Rows that were scored again here are ranked; a row that is only reported shows its claim and no
rank, because nothing of it can be compared user by user. Nor has a privileged one, which opened
what others may not: it shows a ceiling. Nor has one over fewer than
:data:`~benchmark.stats.FEWEST_USERS` users: no test ranks it.
Rows stand in the order of their scores; going down, one joins the tie group above it unless
somebody in there is significantly better.
A submission with several seeds is one row, its seeds taken together as in reports
(:mod:`benchmark.compare.evidence`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.evidence import Evidence, better_pairs, of_seeds
from benchmark.metrics.base import Metric
from benchmark.metrics.families import family_of, is_variant
from benchmark.stats import FEWEST_USERS, RankInterval, Score, ranks_of, summarise
from leaderboards.boards import Board
from leaderboards.site.entries import EnteredRun, Entry
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification.verify import REPORTED


@dataclass(frozen=True, slots=True)
class Row:
    """Ranks a submission on a board; ``rank`` and ``group`` are ``None`` where it is not ranked.

    ``values`` has the other metrics, ``fit_seconds`` and ``predict_seconds`` are means over
    ``seeds`` and ``peak_memory_mib`` is the largest. ``parameters`` (trainable, total) is ``None``
    where the model counts none, and ``energy_wh``, of fit and predictions, where not every run
    measured both.
    """

    entry: Entry
    badge: str
    primary: Score
    values: dict[str, float]
    rank: RankInterval | None
    group: int | None
    fit_seconds: float
    predict_seconds: float
    peak_memory_mib: float
    energy_wh: float | None
    parameters: tuple[int, int] | None
    seeds: tuple[int, ...]
    failure_rate: float
    created: str
    privileged: bool

    @property
    def few_users(self) -> bool:
        """Return whether it has too few users for an interval and a rank."""
        return self.primary.users < FEWEST_USERS


@dataclass(frozen=True, slots=True)
class Standing:
    """Orders a board's rows, best first and those without a rank last.

    ``metric`` is the primary one, by its full name; ``metrics`` are the columns beside it.
    """

    board: Board
    metric: str
    higher_is_better: bool
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def leaders(self) -> tuple[Row, ...]:
        """Return the rows of the first tie group."""
        return tuple(row for row in self.rows if row.group == 1)


def rank_entries(board: Board, entries: Sequence[Entry]) -> Standing:
    """Rank ``entries`` on ``board``: rows by score, those without a rank last.

    None stands above one that is significantly better, whose score is better too.
    """
    placed = [(entry, _runs_of(board, entry)) for entry in entries]
    placed = [(entry, runs) for entry, runs in placed if runs]
    competing, above = _compared(board, [runs for _, runs in placed])
    ranks = dict(zip(competing, ranks_of(above), strict=True))
    rows = [_row(board, entry, runs, ranks.get(at)) for at, (entry, runs) in enumerate(placed)]
    # A board may name a family, "target similarity"; runs scored here say by which encoder, and
    # where there are none those that are only reported.
    firsts = sorted((runs[0] for _, runs in placed), key=lambda run: run.evidence is None)
    metric = next((_primary_name(board, run) for run in firsts), board.primary)
    higher = family_of(board.primary).higher_is_better

    def order(at: int) -> tuple[object, ...]:
        row, value = rows[at], rows[at].primary.value
        return (row.rank is None, -value if higher else value, row.entry.submission.digest)

    ordered = sorted(range(len(rows)), key=order)
    groups = dict(zip(competing, tie_groups(above, competing, ordered), strict=True))
    rows = [replace(row, group=groups.get(at)) for at, row in enumerate(rows)]
    scored = [row for row in rows if row.badge != REPORTED]  # claims may name odd variants
    names = dict.fromkeys(name for row in scored or rows for name in row.values)
    return Standing(board, metric, higher, tuple(names), tuple(rows[at] for at in ordered))


def tie_groups(
    above: NDArray[np.bool_], competing: Sequence[int], ordered: Sequence[int]
) -> list[int]:
    """Return the tie group of each of ``competing``, counted from 1 down the board.

    ``above`` (n, n) says at [i, j] whether the i-th is significantly better than the j-th, and
    ``ordered`` who stands above whom, the best first. Nobody in a group is significantly better
    than another in it.
    """
    place = {at: i for i, at in enumerate(competing)}
    groups, members = [0] * len(competing), list[int]()
    number = 0
    for i in (place[at] for at in ordered if at in place):
        if not members or above[members, i].any():
            number, members = number + 1, []
        members.append(i)
        groups[i] = number
    return groups


def _runs_of(board: Board, entry: Entry) -> list[EnteredRun]:
    """The entry's runs on ``board`` that have its primary metric, by seed; scored ones if any.

    All are over the same instances, and judged by one encoder where an encoder judges.
    """
    runs = [
        run
        for run in sorted(entry.runs, key=lambda run: (run.evidence is None, run.run.seed))
        if board.takes(run.run) and any(is_variant(name, board.primary) for name in run.scores)
    ]
    alike = [run for run in runs if _kind(run) == _kind(runs[0])]
    return [r for r in alike if _primary_name(board, r) == _primary_name(board, runs[0])]


def _kind(run: EnteredRun) -> tuple[bool, str, str]:
    """What runs must share to be averaged, and rows to be ranked."""
    return run.evidence is None, run.run.dataset_sha256, run.run.instances_sha256


def _primary_name(board: Board, run: EnteredRun) -> str:
    return next(name for name in run.scores if is_variant(name, board.primary))


def _privileged(runs: Sequence[EnteredRun]) -> bool:
    return any(run.run.attachments for run in runs)


def _compared(
    board: Board, rows: Sequence[Sequence[EnteredRun]]
) -> tuple[list[int], NDArray[np.bool_]]:
    """Which of ``rows`` compete and were scored here, and [i, j] whether the i-th of those is
    significantly better than the j-th.

    Where rows answer different instances under one dataset's name, those are compared that most
    rows answer.
    """
    nobody: tuple[list[int], NDArray[np.bool_]] = [], np.zeros((0, 0), dtype=np.bool_)
    competing = [
        at for at, runs in enumerate(rows) if runs[0].evidence is not None and not _privileged(runs)
    ]
    kinds = Counter(_kind(rows[at][0]) for at in competing)
    if not kinds:
        return nobody
    kind = max(kinds, key=lambda kind: (kinds[kind], kind))
    competing = [at for at in competing if _kind(rows[at][0]) == kind]
    name = _primary_name(board, rows[competing[0]][0])
    averaged = {str(at): _averaged(name, rows[at]) for at in competing}
    metric, _, users = next(iter(averaged.values()))
    above = better_pairs(
        metric, {key: {name: statistics} for key, (_, statistics, _) in averaged.items()}, users
    )
    return nobody if above is None else (competing, above)


def _averaged(
    name: str, runs: Sequence[EnteredRun]
) -> tuple[Metric, NDArray[np.float64], tuple[str, ...]]:
    """The metric, its statistics over the runs, and the users (n,)."""
    evidence = [run.evidence for run in runs if run.evidence is not None]
    metric = evidence[0].metrics[name]
    statistics = of_seeds(metric, [e.statistics[name] for e in evidence])
    return metric, statistics, evidence[0].users


def _row(
    board: Board,
    entry: Entry,
    runs: Sequence[EnteredRun],
    rank: RankInterval | None,
) -> Row:
    primary = _primary_name(board, runs[0])
    submitted = [run.run for run in runs]
    shared = [name for name in runs[0].scores if all(name in run.scores for run in runs)]
    counted = submitted[0].parameters
    return Row(
        entry=entry,
        badge=REPORTED if runs[0].evidence is None else entry.badge_of(runs[0]),
        primary=_primary_score(primary, runs),
        values={
            name: fmean(run.scores[name].value for run in runs)
            for name in shared
            if name != primary
        },
        rank=rank,
        group=None,
        fit_seconds=fmean(run.fit_seconds for run in submitted),
        predict_seconds=fmean(run.predict_seconds for run in submitted),
        peak_memory_mib=max(run.peak_memory_mib for run in submitted),
        energy_wh=_energy(submitted),
        parameters=None if counted is None else (counted.trainable, counted.total),
        seeds=tuple(run.seed for run in submitted),
        failure_rate=fmean(run.failure_rate for run in submitted),
        created=max(run.created for run in submitted)[:10],
        privileged=_privileged(runs),
    )


def _energy(runs: Sequence[SubmittedRun]) -> float | None:
    """The mean over ``runs`` where all of them measured both parts."""
    measured = [run.watt_hours for run in runs]
    known = [value for value in measured if value is not None]
    return fmean(known) if len(known) == len(runs) else None


def _primary_score(name: str, runs: Sequence[EnteredRun]) -> Score:
    """Of one run its own; of several the metric's mean over the seeds.

    Of several that are only reported: the means, ends of intervals included, which is wider than
    the interval of the mean.
    """
    scores = [run.scores[name] for run in runs]
    if len(scores) == 1:
        return scores[0]
    if runs[0].evidence is not None:
        metric, statistics, users = _averaged(name, runs)
        return summarise([metric], {name: statistics}, users)[name]
    value = fmean(score.value for score in scores)
    ends = [(s.low, s.high) for s in scores if s.low is not None and s.high is not None]
    if len(ends) < len(scores):
        return Score(value, None, None, scores[0].n, scores[0].users)
    low, high = (fmean(column) for column in zip(*ends, strict=True))
    return Score(value, low, high, scores[0].n, scores[0].users)


def runs_behind(standing: Standing, row: Row) -> list[EnteredRun]:
    """Return the runs that ``row`` is made of, by seed."""
    return _runs_of(standing.board, row.entry)


def evidence_behind(standing: Standing, row: Row) -> tuple[Metric, Evidence] | None:
    """Return the ordering metric and its statistics over the seeds of ``row``.

    ``None`` of a row that is only reported.
    """
    runs = runs_behind(standing, row)
    name = _primary_name(standing.board, runs[0])
    if runs[0].evidence is None or name != standing.metric:
        return None
    metric, statistics, users = _averaged(name, runs)
    # Rows answer the same instances in the same order where these two hashes are equal.
    ids = (runs[0].run.dataset_sha256, runs[0].run.instances_sha256)
    return metric, Evidence(ids, users, {name: statistics})
