"""Exact top-k with exclusions and ties: ours beside torch.topk and numpy, in one run.

    python speed/topk.py --users 256 --items 20000
    python speed/topk.py --profile

Ours answers more: no excluded item, scores compared to their stated precision, ties by index.
torch.topk does none of that; "numpy, row by row" does all of it by `numpy.partition` and a loop.
Times are of the processor in one thread, the least of all repetitions: a shared machine adds to
them little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from profiling import profiled

from benchmark.rounding import rounded
from benchmark.topk import top_k

Values = NDArray[np.floating]


def kinds(users: int, items: int, seed: int) -> dict[str, Values]:
    """Return score matrices (users, items) of the kinds that models give."""
    rng = np.random.default_rng(seed)
    network = rng.normal(size=(users, items)).astype(np.float32)
    counts = np.minimum(rng.zipf(1.5, items), 5_000).astype(np.float32)
    words = np.where(rng.random((users, items)) < 5e-4, np.abs(network), 0).astype(np.float32)
    return {"a network's": network, "counts": np.tile(counts, (users, 1)), "mostly 0": words}


def row_by_row(scores: Values, exclude: list[list[int]], k: int) -> NDArray[np.int64]:
    """Return the best columns (users, k) as this project found them before."""
    values = scores.astype(np.float64)
    for row, columns in enumerate(exclude):
        values[row, columns] = -np.inf
    least = np.partition(values, -k, axis=1)[:, -k]
    least -= np.abs(least) * 2.0**-15
    best = np.empty((len(values), k), np.int64)
    for row, threshold in enumerate(least):
        candidates = np.flatnonzero(values[row] >= threshold)
        compared = rounded(values[row, candidates], computed_in=scores.dtype)
        best[row] = candidates[np.argsort(-compared, kind="stable")[:k]]
    return best


def milliseconds(work: Callable[[], object], repeat: int) -> float:
    """Return the least processor time of ``repeat`` calls after one."""
    times = []
    for _ in range(repeat + 1):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times[1:]) * 1e3


def main() -> None:
    """Time all on each kind of scores; stop where ours and the plain loop differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--excluded", type=int, default=10, help="items a user already had")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", action="store_true", help="where ours takes its time, instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    exclude = [
        rng.choice(options.items, options.excluded, replace=False).tolist()
        for _ in range(options.users)
    ]
    k, repeat = options.k, options.repeat
    print(f"{options.users} users x {options.items:,} items, top-{k}, {options.excluded} excluded")
    if options.profile:
        for name, scores in kinds(options.users, options.items, options.seed).items():
            print(name)
            lines = profiled(lambda: top_k(scores, exclude=exclude, k=k), repeat)  # noqa: B023
            print("\n".join(lines))
        return
    print(f"{'scores':14}{'ours':>10}{'torch.topk':>14}{'numpy, row by row':>21}")
    for name, scores in kinds(options.users, options.items, options.seed).items():
        best, _ = top_k(scores, exclude=exclude, k=k)
        if not np.array_equal(best, row_by_row(scores, exclude, k)):
            raise SystemExit(f"Of {name} scores ours and the loop select other items.")
        tensor = torch.from_numpy(scores)
        ours = milliseconds(lambda: top_k(scores, exclude=exclude, k=k), repeat)  # noqa: B023
        torchs = milliseconds(lambda: torch.topk(tensor, k), repeat)  # noqa: B023
        loop = milliseconds(lambda: row_by_row(scores, exclude, k), 3)  # noqa: B023
        print(
            f"{name:14}{ours:>7.1f} ms{torchs:>7.1f} ms {torchs / ours:4.1f}x"
            f"{loop:>11.1f} ms {loop / ours:5.1f}x"
        )


if __name__ == "__main__":
    main()
