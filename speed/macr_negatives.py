"""MACR on its authors' split, trained in ways that could explain the values they print.

    python speed/macr_negatives.py --data macr-adressa --spare-test --epochs 101 121 141 161 181 201

Trains on all pairs, the validation part too, and tests the weights of each of ``--epochs`` (counted
from 1) as ranked by each of ``--c``: c decides rankings, not the training. Nothing is stored and
nothing is chosen. ``--spare-test`` draws no negative among the user's test items, so that training
knows them; ``--combinations`` has the main loss of the authors' code, over all B x B combinations
of one pair's match with another pair's gates. No system of the benchmark trains in either way.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from training_curve import Seen, TrainingOver, tested

from baselines.collaborative.macr import MACR
from baselines.learning.factors import Batch
from baselines.learning.negatives import NegativeSampler
from benchmark.data.dataset import Dataset
from benchmark.data.instances.timeline import Timeline
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home

#: Inside every logarithm of the authors' code.
LEAST = 1e-10


def combined(network: Any, batch: Batch) -> Tensor:
    """Return the mean main loss over all combinations of a pair's match with a pair's gates."""
    user, taken, other = (
        table(number)
        for table, number in zip((network.users, network.items, network.items), batch, strict=True)
    )
    gate = (user @ network.user_gate).sigmoid()  # (B, 1)
    right = (user * taken).sum(-1) * (taken @ network.item_gate).sigmoid() * gate  # (B, B)
    wrong = (user * other).sum(-1) * (other @ network.item_gate).sigmoid() * gate
    is_one, is_zero = right.sigmoid() + LEAST, 1 - wrong.sigmoid() + LEAST
    loss: Tensor = -(is_one.log() + is_zero.log()).mean()
    return loss


def curve(dataset: Dataset, options: argparse.Namespace) -> None:
    """Train once and print a line for each of the chosen epochs."""
    epochs, values = sorted(options.epochs), options.c
    asked, started = dataset.instances("recommendation"), time.perf_counter()
    assert asked.positives is not None
    indices, starts = asked.positives

    class Watched(MACR):
        """MACR whose weights are tested before an epoch changes them."""

        def _sampler(self, timeline: Timeline) -> NegativeSampler:
            if not options.spare_test:
                return super()._sampler(timeline)
            owners = [self._users[instance.user_id] for instance in asked]
            spared = np.repeat(np.array(owners), np.diff(starts))
            return NegativeSampler(
                np.concatenate([timeline.user, spared]),
                np.concatenate([timeline.item, indices]),
                items=len(self.item_ids),
            )

        def loss(self, network: Any, batch: Batch) -> Tensor:
            if not options.combinations:
                return super().loss(network, batch)
            _, by_item, by_user, norm = network.losses(batch)
            config = self.config
            rest = config.alpha * by_item + config.beta * by_user + config.norm_weight * norm
            return combined(network, batch) + rest.mean()

        def _before_epoch(self, done: int) -> None:
            super()._before_epoch(done)
            if done in epochs:
                self.network.eval()
                self._weights_changed()
                show(done, [self._tested(c) for c in values])
                self.network.train()
            if done == epochs[-1]:
                raise TrainingOver

        def _tested(self, c: float) -> float:
            self.c = c
            value: float = tested(self, asked, [options.metric])[options.metric]
            return value

    def show(done: int, found: Sequence[float]) -> None:
        row = "".join(f"{value:9.4f}" for value in found)
        print(f"{done:6}{row}{time.perf_counter() - started:9.0f} s", flush=True)

    print(f"{options.metric}, columns: c\n epoch" + "".join(f"{c:9g}" for c in values), flush=True)
    long = {"epochs": epochs[-1] + 1, "min_epochs": epochs[-1] + 1, "validation_users": 1}
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(TrainingOver):
        view: Any = Seen(dataset.training_view(), Path(folder), all_pairs=True)
        Watched(MACR.Config(**long)).fit(view, seed=options.seed)


def main() -> None:
    """Parse the command and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="macr-adressa")
    parser.add_argument("--epochs", type=int, nargs="+", required=True)
    parser.add_argument("--c", type=float, nargs="+", default=[0, 5, 10, 20, 30, 40, 50])
    parser.add_argument("--metric", default="HR@20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spare-test", action="store_true")
    parser.add_argument("--combinations", action="store_true")
    options = parser.parse_args()
    curve(ensure_dataset(options.data, find_home(None)), options)


if __name__ == "__main__":
    main()
