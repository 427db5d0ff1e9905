"""A run's predictions, asked to stored: in columns and object by object, in one run.

    python speed/predicting.py --data sim-m --model popularity

"columns": instances stay columns, users with equal scores share one selection, rankings are
checked and stored as columns. "objects": each instance is built, scored and selected for, each
answer checked and stored on its own, as any model may do it. Both write the same bytes, or this
fails. Then "columns" again for a tenth and a hundredth of the users: growth.
Times are of the processor, not of the clock: a shared machine adds to them little.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import ensure_dataset
from benchmark.host.files import sha256_file
from benchmark.host.home import find_home
from benchmark.models.building import configure
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.runs.predictions import predict
from benchmark.tasks import TASKS, Task


class Objects:
    """Asks a model for the scores of each instance; answers with objects."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, instances: Sequence[RankingInstance]) -> Iterator[Ranking]:
        """Yield one ranking per instance."""
        yield from rank_in_blocks(list(instances), self.model.scores, self.model.item_ids)


def measured(model: Any, task: Task, asked: FrozenInstances, dataset: Dataset) -> tuple[float, str]:
    """Return the processor seconds of predicting and storing, and the hash of what is stored."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        path = predict(model, task, asked[:], dataset, Path(folder), seed=0, label="measured")
        return time.process_time() - started, sha256_file(path)


def main() -> None:
    """Fit, then measure both ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-m")
    parser.add_argument("--task", default="recommendation", choices=["recommendation", "search"])
    parser.add_argument(
        "--model", default="popularity", choices=["popularity", "popularity:within-query"]
    )
    options = parser.parse_args()
    dataset = ensure_dataset(options.data, find_home(None))
    task = TASKS.get(options.task)
    model: Any = configure(options.model, {}).build()
    model.fit(dataset.training_view(), seed=0)
    asked = dataset.instances(options.task)
    n = len(asked)
    print(f"{options.model}, {options.task} on {options.data}: {n:,} users, ", end="")
    print(f"{len(dataset.catalogue()):,} items")
    measured(model, task, asked[:300], dataset)  # imports
    columns, stored = measured(model, task, asked, dataset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    objects, other = measured(Objects(model), task, asked, dataset)
    if stored != other:
        raise SystemExit("The two ways store different predictions.")
    for name, users, seconds in (
        ("objects", n, objects),
        ("columns", n, columns),
        *(
            (f"columns, {part:,} users", part, measured(model, task, asked[:part], dataset)[0])
            for part in (n // 10, n // 100)
        ),
    ):
        print(f"{name:24}{seconds:8.2f} s{seconds / users * 1e6:10.1f} us a user")
    print(f"columns is {objects / columns:.1f} x as fast; peak memory {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
