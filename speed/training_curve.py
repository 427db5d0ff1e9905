"""A system's test metrics after chosen epochs, for comparison with a log that others published.

    python speed/training_curve.py ultragcn --data ultragcn-electronics --epochs 6 21 101 311

Nothing is stored and nothing is chosen: a run of the benchmark never sees the test part before
its training is over. Here the weights of each of ``--epochs`` (counted from 1) are tested as they
are, and training ends with the last, whatever validation says. Lines come as they are measured.
``--all-pairs`` trains on the validation part too, as those do who choose epochs on test data.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from baselines.learning.ranker import CatalogueRanker
from benchmark.commands.options import parse_settings
from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.metrics.ranking import summary
from benchmark.model import TrainingView
from benchmark.models.building import configure
from benchmark.ranking import rank_in_blocks


class TrainingOver(Exception):
    """The last of the chosen epochs has been tested."""


class Seen:
    """A training view that keeps nothing: features and checkpoints go to ``folder``.

    With ``all_pairs`` the validation rows are training rows as well.
    """

    def __init__(self, view: TrainingView, folder: Path, *, all_pairs: bool) -> None:
        self._view, self._all, self.features_folder = view, all_pairs, folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def interactions(self, part: Literal["train", "valid"] = "train") -> pl.DataFrame:
        """Return the rows of a part, users contiguous and in time order."""
        rows = self._view.interactions(part)
        if part == "valid" or not self._all:
            return rows
        users = pl.Enum(rows["user_id"].unique(maintain_order=True))
        both = pl.concat([rows, self._view.interactions("valid")])
        return both.sort(pl.col("user_id").cast(users), "timestamp", maintain_order=True)


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
    all_pairs: bool = False,
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

        def before_epoch(self, done: int) -> None:
            super().before_epoch(done)
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
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(TrainingOver):
        view: Any = Seen(dataset.training_view(), Path(folder), all_pairs=all_pairs)
        Watched(built.config).fit(view, seed=seed)


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
    parser.add_argument("--all-pairs", action="store_true")
    options = parser.parse_args()
    curve(
        options.model,
        parse_settings(options.set),
        ensure_dataset(options.data, find_home(None)),
        epochs=options.epochs,
        metrics=options.metrics,
        seed=options.seed,
        all_pairs=options.all_pairs,
    )


if __name__ == "__main__":
    main()
