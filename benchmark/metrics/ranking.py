"""Ranking metrics: HR@k, NDCG@k and MRR@k; where instances have several positives, more.

Items are integers. A row of ``predicted`` (n, K) holds distinct items best first, padded with
-1 where a prediction failed or is too short; ``targets`` is (n,) or (n, P) padded with -2, so
that padding never meets padding. Everything follows from the rank of each positive, which takes
K+1 values: values are sums over a histogram of ranks, per-instance scores are table look-ups.
Recall@k and F1@k say what HR@k does where an instance has one positive, so only data with several
are measured by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.metrics import families
from benchmark.metrics.base import Metric, Statistics
from benchmark.tasks.base import DEEPEST, RANKING_METRICS

#: Rows compared at a time: small enough that a block of ``predicted`` stays in the cache.
BLOCK_ROWS = 8_192


class HitRate(Metric):
    """Computes HR@k: 1 when any positive is among the first k, else 0; averaged over instances.

    With one positive it equals recall@k (Karypis, CIKM 2001).
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"HR@{k}", family=families.HR)


class NDCG(Metric):
    """Computes NDCG@k = DCG@k / ideal DCG@k with binary gains and discount 1 / log2(rank + 1).

    DCG sums the discounts of the positives' ranks up to k; the ideal puts min(P, k) positives
    first (Järvelin and Kekäläinen, TOIS 2002). From 0 to 1, averaged over instances.
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"NDCG@{k}", family=families.NDCG)


class MRR(Metric):
    """Computes MRR@k = 1 / rank of the first positive when that rank is at most k, else 0.

    Averaged over instances (Voorhees, TREC-8 1999; the cut-off is what the recommendation
    literature adds).
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"MRR@{k}", family=families.MRR)


class RecallAt(Metric):
    """Computes Recall@k = positives among the first k / all positives, averaged over instances.

    (van Rijsbergen, Information Retrieval, 1979.)
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"Recall@{k}", family=families.RECALL_AT)


class F1At(Metric):
    """Computes F1@k = 2 p r / (p + r) of the *mean* precision p and recall r of the first k items.

    As UltraGCN's authors print it: their log's F1@20 and Recall@20 give whole numbers of hits by
    this formula. Selection's F1 is the mean over instances of each one's own, another number.
    The statistic of an instance is its precision, hits / k, and its recall.
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"F1@{k}", family=families.F1_AT, columns=2)

    def value(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the harmonic mean of ``mean`` (..., 2), 0 where there is no hit."""
        total = mean.sum(axis=-1)
        product = 2 * mean[..., 0] * mean[..., 1]
        return np.asarray(np.divide(product, total, out=np.zeros_like(total), where=total > 0))

    def extremes(
        self, mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the statistics of users without a hit, and of those who have nothing else."""
        return np.zeros(self.columns), np.ones(self.columns)


_KINDS: dict[str, Callable[[int], Metric]] = {
    "HR": HitRate,
    "NDCG": NDCG,
    "MRR": MRR,
    "Recall": RecallAt,
    "F1": F1At,
}


def metric(name: str) -> Metric:
    """Return the metric printed as ``name`` ("NDCG@5"); :class:`UsageError` when there is none."""
    family, k = _parse(name)
    return _KINDS[family](k)


def ranks(predicted: NDArray[np.integer], target: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Return the rank (n,) of ``target`` (n,) in its row of ``predicted`` (n, K): 1 best, 0 absent.

    A repeated item counts where it stands first.
    """
    n, width = _checked_shape(predicted, target[:, None])
    result = np.zeros(n, dtype=np.uint16)
    for start in range(0, n, BLOCK_ROWS):
        rows, wanted = predicted[start : start + BLOCK_ROWS], target[start : start + BLOCK_ROWS]
        _block_ranks(rows, wanted, width, out=result[start : start + BLOCK_ROWS])
    return result


def positive_ranks(
    predicted: NDArray[np.integer], targets: NDArray[np.integer]
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return every positive's rank (n, P), 0 if absent or padding, and their number (n,).

    Raises :class:`BenchError` for an instance without a positive or with a repeated one.
    """
    _checked_shape(predicted, targets)
    present = targets >= 0
    number = present.sum(axis=1)
    _refuse(number == 0, "has no positive")
    ordered = np.sort(targets, axis=1)
    _refuse(
        ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1),
        "has the same positive twice",
    )
    found = np.stack(
        [ranks(predicted, targets[:, column]) for column in range(targets.shape[1])], axis=1
    )
    found[~present] = 0
    return found, number


def score(
    predicted: NDArray[np.integer],
    targets: NDArray[np.integer],
    metrics: Sequence[str] = RANKING_METRICS,
) -> tuple[tuple[Metric, ...], Statistics]:
    """Compute every instance's own scores, as statistics of shape (n, 1).

    ``predicted`` (n, K) and ``targets`` (n,) or (n, P) as the module says; a failed prediction
    (all -1) hits nothing and scores 0. Raises :class:`BenchError` for instances without a
    positive and :class:`UsageError` for a cut-off beyond K.
    """
    chosen = tuple(metric(name) for name in metrics)
    width = predicted.shape[1]
    found, number = _single_or_several(predicted, targets)
    statistics: Statistics = {}
    for name in metrics:
        family, k = _parse(name)
        if family in ("Recall", "F1"):
            statistics[name] = _recall(found, number, name, k, width)
            continue
        if family == "NDCG":
            ideal = _ideal(k, found.shape[1])
            gain = _gains(family, k, width)[found].sum(axis=1) / ideal[number]
        else:
            best = _best(found)
            gain = _gains(family, k, width)[best]
        statistics[name] = gain[:, None]
    return chosen, statistics


def summary(
    predicted: NDArray[np.integer],
    targets: NDArray[np.integer],
    metrics: Sequence[str] = RANKING_METRICS,
) -> dict[str, float]:
    """Compute the mean scores alone: the fast path of :func:`score`.

    With one positive an instance (``targets`` of shape (n,)) this is one histogram of ranks.
    """
    by_rank = all(_parse(name)[0] in ("HR", "NDCG", "MRR") for name in metrics)
    if not by_rank or (targets.ndim > 1 and targets.shape[1] > 1):
        chosen, statistics = score(predicted, targets, metrics)
        return {m.name: float(m.value(statistics[m.name].mean(axis=0))) for m in chosen}
    target = targets.reshape(len(targets))
    n, width = _checked_shape(predicted, target[:, None])
    if not n:
        raise BenchError("There is no ranking to score.", fix="Score at least one instance.")
    _refuse(target < 0, "has no positive")
    gains = np.stack([_gains(*_parse(name), width) for name in metrics], axis=1)
    histogram = np.zeros(width + 1, dtype=np.int64)
    block = np.zeros(BLOCK_ROWS, dtype=np.uint16)
    for start in range(0, n, BLOCK_ROWS):
        rows = predicted[start : start + BLOCK_ROWS]
        found = block[: len(rows)]
        found[:] = 0
        _block_ranks(rows, target[start : start + BLOCK_ROWS], width, out=found)
        histogram += np.bincount(found, minlength=width + 1)
    values = histogram @ gains / n
    return dict(zip(metrics, values.tolist(), strict=True))


def _block_ranks(
    rows: NDArray[np.integer],
    target: NDArray[np.integer],
    width: int,
    *,
    out: NDArray[np.uint16],
) -> None:
    """Write the ranks of ``target`` (b,) in ``rows`` (b, K) into ``out`` (b,), which is zero."""
    # From the last column to the first, so that the best of repeated items is what remains.
    for column in range(width - 1, -1, -1):
        np.copyto(out, column + 1, where=rows[:, column] == target, casting="unsafe")


def _single_or_several(
    predicted: NDArray[np.integer], targets: NDArray[np.integer]
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    if targets.ndim == 1:
        targets = targets[:, None]
    return positive_ranks(predicted, targets)


def _best(found: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The best rank (n,) among the positives' ranks (n, P); 0 when all are absent."""
    absent = np.iinfo(found.dtype).max
    best: NDArray[np.uint16] = np.where(found == 0, absent, found).min(axis=1)
    best[best == absent] = 0
    return best


def _recall(
    found: NDArray[np.uint16], number: NDArray[np.int64], name: str, k: int, width: int
) -> NDArray[np.float64]:
    """Recall at ``k``, (n, 1), or for F1 precision and recall, (n, 2)."""
    _require_width(name, k, width)
    hits = ((found > 0) & (found <= k)).sum(axis=1)
    recall = hits / number
    return np.stack([hits / k, recall] if name.startswith("F1") else [recall], axis=1)


def _require_width(name: str, k: int, width: int) -> None:
    if k > width:
        raise UsageError(
            f"{name} was asked of rankings of {width} items.",
            fix=f"Ask for rankings of at least {k} items, or a cut-off of at most {width}.",
        )


def _gains(family: str, k: int, width: int) -> NDArray[np.float64]:
    """What rank 0 (absent), 1, ..., ``width`` contributes to a metric cut at ``k``."""
    _require_width(f"{family}@{k}", k, width)
    rank = np.arange(1, k + 1)
    gains = np.zeros(width + 1)
    if family == "HR":
        gains[1 : k + 1] = 1.0
    elif family == "NDCG":
        gains[1 : k + 1] = 1.0 / np.log2(rank + 1)
    else:
        gains[1 : k + 1] = 1.0 / rank
    return gains


def _ideal(k: int, most: int) -> NDArray[np.float64]:
    """Ideal DCG@k for 0, 1, ..., ``most`` positives; 1 stands at the unused index 0."""
    discounts = np.zeros(most)
    short = min(k, most)
    discounts[:short] = 1.0 / np.log2(np.arange(2, short + 2))
    return np.concatenate([[1.0], discounts.cumsum()])


def _parse(name: str) -> tuple[str, int]:
    """("NDCG", 5) of "NDCG@5"."""
    for family in families.RANKING:
        cutoff = family.suffix(name)
        if cutoff is not None:
            return family.name, int(cutoff)
    raise unknown_name(
        "ranking metric", name, (*RANKING_METRICS, *families.metrics_of_several(DEEPEST))
    )


def _checked_shape(predicted: NDArray[np.integer], targets: NDArray[np.integer]) -> tuple[int, int]:
    if predicted.ndim != 2 or targets.ndim != 2 or len(predicted) != len(targets):
        raise BenchError(
            f"Rankings of shape {predicted.shape} do not fit targets of shape {targets.shape}.",
            fix="Give (n, K) rankings and (n,) or (n, P) targets.",
        )
    if predicted.shape[1] >= np.iinfo(np.uint16).max:
        raise BenchError(
            f"Rankings of {predicted.shape[1]} items are too long.", fix="Score the first 1,000."
        )
    return predicted.shape[0], predicted.shape[1]


def _refuse(wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise BenchError(
            f"Instance {int(wrong.argmax())} {what}.",
            fix="Rebuild the dataset's task instances (unimp-bench data prepare).",
        )
