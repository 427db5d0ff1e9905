"""Ranking metrics of many users: ours beside numpy, ranx and pytrec_eval, in one run.

python speed/scoring.py --users 1000000

Every tool computes HR, NDCG and MRR at 3, 5 and 10 from top-10 rankings with one positive each.
Preparing a tool's own input is timed apart from scoring it. "numpy" is the least work that can
be done: the histogram of ranks over the comparison matrix and its cumulative sums.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.metrics import ranking

K = 10
CUTOFFS = (3, 5, 10)
T = TypeVar("T")
Row = tuple[str, float, float | None, dict[str, float]]


def simulate(users: int, items: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw rankings (users, 10) of distinct items and a positive (users,), ranked for 30%."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, items, size=(users, 1))
    predicted = (start + np.arange(K) * 7) % items
    hit = predicted[np.arange(users), rng.integers(0, K, size=users)]
    missed = (start[:, 0] + 7 * K + 1) % items
    return predicted, np.where(rng.random(users) < 0.3, hit, missed)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result of ``work`` and its seconds."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def first_and_best(work: Callable[[], T], repeat: int) -> tuple[T, float, float]:
    """Return result, seconds of the first call, and of the fastest of ``repeat`` later ones."""
    result, first = timed(work)
    return result, first, min(timed(work)[1] for _ in range(repeat))


def numpy_histogram(predicted: NDArray[np.int64], target: NDArray[np.int64]) -> dict[str, float]:
    """Compute the nine values from one histogram of ranks, nothing checked."""
    found = (predicted == target[:, None]).sum(axis=0)  # (K,)
    rank = np.arange(1, K + 1)
    sums = {
        "HR": found.cumsum(),
        "NDCG": (found / np.log2(rank + 1)).cumsum(),
        "MRR": (found / rank).cumsum(),
    }
    return {f"{name}@{k}": float(sums[name][k - 1] / len(target)) for k in CUTOFFS for name in sums}


def with_ranx(
    predicted: NDArray[np.int64], target: NDArray[np.int64], repeat: int
) -> tuple[list[Row], float]:
    """Score by ranx from plain arrays (users, K, 2), its fastest input; also preparation time.

    Its compiled functions are cached on disk, so an empty cache makes the first call the one
    that a new installation sees.
    """
    from ranx import evaluate

    scores = np.arange(K, 0, -1, dtype=np.float64)

    def prepare() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        qrels = np.stack([target, np.ones_like(target)], axis=-1)[:, None].astype(np.float64)
        return qrels, np.stack([predicted, np.broadcast_to(scores, predicted.shape)], axis=-1)

    (qrels, run), seconds = timed(prepare)
    renamed = {"hit_rate": "HR", "ndcg": "NDCG", "mrr": "MRR"}
    measures = [f"{name}@{k}" for k in CUTOFFS for name in renamed]
    found, first, warm = first_and_best(lambda: evaluate(qrels, run, measures), repeat)
    values = {
        f"{renamed[name.partition('@')[0]]}@{name.partition('@')[2]}": float(value)
        for name, value in found.items()
    }
    return [("ranx", first, warm, values)], seconds


def with_pytrec_eval(
    predicted: NDArray[np.int64], target: NDArray[np.int64]
) -> tuple[list[Row], float]:
    """Score by pytrec_eval; it has no MRR@k, so MRR is left out (less work)."""
    import pytrec_eval

    def prepare() -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
        scores = [float(score) for score in range(K, 0, -1)]
        names = [str(item) for item in range(int(max(predicted.max(), target.max())) + 1)]
        qrels = {str(row): {names[item]: 1} for row, item in enumerate(target.tolist())}
        runs = {
            str(row): dict(zip((names[item] for item in items), scores, strict=True))
            for row, items in enumerate(predicted.tolist())
        }
        return qrels, runs

    (qrels, runs), seconds = timed(prepare)
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"success.3,5,10", "ndcg_cut.3,5,10"})
    found, first = timed(lambda: evaluator.evaluate(runs))
    values = {
        f"{ours}@{k}": float(np.mean([row[f"{theirs}_{k}"] for row in found.values()]))
        for k in CUTOFFS
        for ours, theirs in (("HR", "success"), ("NDCG", "ndcg_cut"))
    }
    return [("pytrec_eval", first, None, values)], seconds


def check(rows: list[Row]) -> None:
    """Raise unless all tools computed the same numbers: else their times compare nothing."""
    expected = rows[0][3]
    for name, _, _, values in rows:
        for metric, value in values.items():
            if abs(value - expected[metric]) > 1e-9:
                raise BenchError(f"{name} computes {metric} = {value}, not {expected[metric]}.")


def main() -> None:
    """Time all tools on one simulated ranking and print the seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5, help="warm calls; the fastest counts")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    predicted, target = simulate(options.users, options.items, options.seed)

    rows: list[Row] = []
    for name, work in (
        ("numpy rank histogram", lambda: numpy_histogram(predicted, target)),
        ("unimp-bench summary", lambda: ranking.summary(predicted, target)),
    ):
        values, first, warm = first_and_best(work, options.repeat)
        rows.append((name, first, warm, values))
    (_, statistics), first, warm = first_and_best(
        lambda: ranking.score(predicted, target), options.repeat
    )
    means = {name: float(values.mean()) for name, values in statistics.items()}
    rows.append(("unimp-bench score (every user's)", first, warm, means))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NUMBA_CACHE_DIR"] = cache
        ranx_rows, ranx_seconds = with_ranx(predicted, target, options.repeat)
    trec_rows, trec_seconds = with_pytrec_eval(predicted, target)
    rows += ranx_rows + trec_rows
    check(rows)

    base = rows[0][2] or rows[0][1]
    print(f"{options.users:,} users, top-{K}, HR/NDCG/MRR at 3, 5, 10; all values agree to 1e-9")
    print(f"{'':34}{'first call':>12}{'warm':>12}{'x numpy':>10}")
    for name, first, warm, _ in rows:
        shown = "-" if warm is None else f"{warm * 1e3:.1f} ms"
        ratio = (first if warm is None else warm) / base
        print(f"{name:34}{first * 1e3:>9.1f} ms{shown:>12}{ratio:>10.1f}")
    print(f"Not counted: preparing the input of ranx {ranx_seconds:.1f} s (arrays), of")
    print(f"pytrec_eval {trec_seconds:.1f} s (dictionaries). pytrec_eval computes no MRR here.")
    ours = rows[1]
    ranx = ranx_rows[0]
    if ours[2] and ranx[2]:
        print(
            f"unimp-bench summary: {ours[2] / base:.2f} x numpy; ranx warm takes "
            f"{ranx[2] / ours[2]:.0f} x as long, its first call {ranx[1] / ours[1]:.0f} x."
        )


if __name__ == "__main__":
    main()
