"""What the user took last, again; then what everyone takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.trivial.popularity import Popularity
from benchmark.model import TrainingView
from benchmark.ranking import RankingInstance


class RepeatLast(Popularity):
    """The distinct items of the history, most recent first, then the popular ones.

    Strong where things are bought again. In datasets that do not recommend again, the
    harness excludes the whole past from every ranking, and this *is* popularity.
    """

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Count the training interactions and number the items."""
        super().fit(data, seed=seed)
        self._index_items()

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote and number the items."""
        super().load(folder)
        self._index_items()

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.float64]:
        """Return scores (n, items): counts, and above them the latest items highest."""
        scores = super().scores(instances)
        most = float(self.counts.max(initial=0))
        for row, instance in enumerate(instances):
            for position, item in enumerate(instance.history.items, start=1):
                # A later occurrence of the same item overwrites an earlier one.
                scores[row, self._index[item.item_id]] = most + position
        return scores

    def _index_items(self) -> None:
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}
