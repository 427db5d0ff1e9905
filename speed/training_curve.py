"""A system's test metrics after chosen epochs, for comparison with a log that others published.

    python speed/training_curve.py ultragcn --data ultragcn-electronics --epochs 6 21 101 311

Nothing is stored and nothing is chosen: a run of the benchmark never sees the test part before
its training is over. Here the weights of each of ``--epochs`` (counted from 1) are tested as they
are, and training ends with the last, whatever validation says. Lines come as they are measured.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from baselines.learning.ranker import CatalogueRanker
from benchmark.commands.options import parse_settings
from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.metrics.ranking import summary
from benchmark.models.building import configure
from benchmark.ranking import rank_in_blocks


class TrainingOver(Exception):
    """The last of the chosen epochs has been tested."""


def tested(model: CatalogueRanker[Any], asked: FrozenInstances, metrics: Sequence[str]) -> Any:
    """Return the value of each of ``metrics`` of the model's rankings for ``asked``."""
    positives = asked.positives
    assert positives is not None
    indices, starts = positives
    number = np.diff(starts)
    targets = np.full((len(asked), int(number.max())), -2)
    targets[np.arange(targets.shape[1]) < number[:, None]] = indices
    ranked = rank_in_blocks(asked, model.scores, model.item_ids)
    return summary(ranked.items, targets, metrics)


def curve(
    name: str,
    settings: Mapping[str, Any],
    dataset: Dataset,
    *,
    epochs: Sequence[int],
    metrics: Sequence[str],
    seed: int,
) -> None:
    """Train ``name`` and print a line for each of ``epochs``."""
    last = max(epochs)
    long = {"epochs": last + 1, "min_epochs": last + 1, "validation_users": 1}
    built: Any = configure(name, {**settings, **long}).build()
    if not isinstance(built, CatalogueRanker):
        raise SystemExit(f"{name} does not learn by epochs that rank a catalogue.")
    asked, started = dataset.instances("recommendation"), time.perf_counter()
    base: Any = type(built)

    class Watched(base):
        """The system, whose weights are tested before an epoch changes them."""

        def _before_epoch(self, done: int) -> None:
            super()._before_epoch(done)
            if done in epochs:
                self.network.eval()
                self._weights_changed()
                values = tested(self, asked, metrics)
                self.network.train()
                shown = "".join(f"{values[metric]:11.5f}" for metric in metrics)
                print(f"{done:6}{shown}{time.perf_counter() - started:9.0f} s", flush=True)
            if done == last:
                raise TrainingOver

    print(f"{'epoch':>6}" + "".join(f"{metric:>11}" for metric in metrics), flush=True)
    with contextlib.suppress(TrainingOver):
        Watched(built.config).fit(dataset.training_view(), seed=seed)


def main() -> None:
    """Parse the command and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, nargs="+", required=True)
    parser.add_argument("--metrics", nargs="+", default=["F1@20", "Recall@20", "NDCG@20"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    curve(
        options.model,
        parse_settings(options.set),
        ensure_dataset(options.data, find_home(None)),
        epochs=options.epochs,
        metrics=options.metrics,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
